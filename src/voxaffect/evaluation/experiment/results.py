"""What one fold of one system with one seed came to: the unit that is computed, kept and resumed.

Metrics are derived from it, never stored.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import ArtefactError
from voxaffect.evaluation.measures.metrics import Counts, confusion
from voxaffect.files import write_atomically
from voxaffect.taxonomy import EMOTION

FORMAT = 1


@dataclass(frozen=True)
class FoldResult:
    """Answers of one system on the test set of one fold.

    Args:
        protocol: `within`, `cross` or `aggregated`.
        fold: name of the fold, `within/emodb/03`, `cross/emodb`, `aggregated`.
        test_name: what was left out, `emodb/03`, `emodb`; groups the rows of a table.
        system: name of the system, `lstm-mtl`.
        seed: seed of the system's every random choice.
        settings_digest: hash of all settings that shape the result.
        ids: the N test utterances.
        y_true: int64 (N,), emotion classes.
        y_pred: int64 (N,), the answers.
        probabilities: float64 (N, C), calibrated on the dev set.
        high_level: float32 (N, 4 C), functionals of the posteriors; (N, 0) where a system has none.
        seconds: wall time of training and testing.
        details: what else a reader may ask: sizes of train and dev, epochs, history, leakage.
    """

    protocol: str
    fold: str
    test_name: str
    system: str
    seed: int
    settings_digest: str
    ids: tuple[str, ...]
    y_true: NDArray[np.int64]
    y_pred: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    high_level: NDArray[np.float32]
    seconds: float
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def matrix(self) -> Counts:
        """Confusion matrix (C, C), rows are the true classes."""
        return confusion(self.y_true, self.y_pred, EMOTION.n_classes)

    @property
    def corpus(self) -> str:
        """The corpus under test, `emodb`; `aggregated` where all corpora are mixed."""
        return self.test_name.split("/")[0]

    @property
    def restarted(self) -> str:
        """Why a first attempt diverged, so that another seed was taken; empty where none did."""
        return str(self.details.get("restarted", ""))

    @property
    def train_share(self) -> float:
        """Share of the fold's training set that was learned from; 1 for all of it."""
        return float(self.details.get("train_share", 1.0))


_DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, zlib.error)

ARRAYS = ("y_true", "y_pred", "probabilities", "high_level")


def save_result(result: FoldResult, path: Path) -> None:
    """Write a result to one `.npz` file, atomically: it exists whole or not at all."""
    meta = {k: v for k, v in asdict(result).items() if k not in ARRAYS}
    arrays: dict[str, Any] = {name: getattr(result, name) for name in ARRAYS}
    arrays["meta"] = np.array(json.dumps({"format": FORMAT, **meta}))
    with write_atomically(path) as file:
        np.savez_compressed(file, **arrays)


def load_result(path: Path) -> FoldResult:
    """Read a result.

    Raises:
        ArtefactError: the file is damaged or of another format.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            meta = json.loads(str(file["meta"]))
            arrays = {name: file[name] for name in ARRAYS}
        if meta.pop("format") != FORMAT:
            raise ArtefactError(f"{path}: written by another version; delete it and run again")
        meta["ids"] = tuple(meta["ids"])
        return FoldResult(**meta, **arrays)
    except _DAMAGE as fault:
        raise ArtefactError(f"{path}: damaged result ({fault}); delete it and run again") from fault
