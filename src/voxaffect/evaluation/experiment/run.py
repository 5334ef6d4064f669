"""A run on disk: settings, corpora and the result of every fold, system and seed.

`run.json` has settings, corpora, versions and the names of the results that belong to the run;
`utterances.csv` has a row for each utterance used;
`results/<protocol>/<system>-<seed>-<digest>.npz` are the results, named by the digest of everything
that they depend on, so that one of other settings or changed audio is never taken for this run's.
"""

from __future__ import annotations

import contextlib
import json
import time
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from voxaffect.corpora.corpus import Corpus
from voxaffect.errors import ArtifactError
from voxaffect.evaluation.experiment.utterance_facts import UtteranceFacts, facts_csv, read_facts
from voxaffect.evaluation.metrics import Counts, confusion
from voxaffect.files import write_atomically, write_text
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS, Taxonomy

FORMAT = 1


@dataclass(frozen=True)
class FoldResult:
    """Predictions of one system with one seed on the test set of one fold; metrics are not stored.

    Args:
        fold: name of the fold, `within/emodb/03`, `cross/emodb`, `aggregated`.
        test_name: what was left out, `emodb/03`, `emodb`.
        settings_digest: hash of everything that the result depends on.
        ids: of the N test utterances.
        y_true: int64 (N,), emotion classes.
        y_pred: int64 (N,), predicted classes.
        probabilities: float64 (N, C), calibrated on the dev set.
        high_level: float32 (N, 4 C), functionals of the posteriors; (N, 0) where a system has none.
        seconds: wall time of training and testing.
        details: sizes of training and dev sets, training history, leakage statement.
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
        """Corpus under test, `emodb`; `aggregated` where all corpora are mixed."""
        return self.test_name.split("/")[0]

    @property
    def restarted(self) -> str:
        """Why a first attempt diverged and another seed was used; empty where none did."""
        return str(self.details.get("restarted", ""))

    @property
    def train_share(self) -> float:
        """Share of the fold's training set that was used."""
        return float(self.details.get("train_share", 1.0))


_DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, zlib.error)

ARRAYS = ("y_true", "y_pred", "probabilities", "high_level")


def save_result(result: FoldResult, path: Path) -> None:
    """Write a result to one `.npz` file, atomically."""
    meta = {k: v for k, v in asdict(result).items() if k not in ARRAYS}
    arrays: dict[str, Any] = {name: getattr(result, name) for name in ARRAYS}
    arrays["meta"] = np.array(json.dumps({"format": FORMAT, **meta}))
    with write_atomically(path) as file:
        np.savez_compressed(file, **arrays)


def load_result(path: Path) -> FoldResult:
    """Read a result.

    Raises:
        ArtifactError: the file is damaged or of another format.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            meta = json.loads(str(file["meta"]))
            arrays = {name: file[name] for name in ARRAYS}
        if meta.pop("format") != FORMAT:
            raise ArtifactError(f"{path} was written by another version; delete it and run again")
        meta["ids"] = tuple(meta["ids"])
        return FoldResult(**meta, **arrays)
    except _DAMAGE as fault:
        raise ArtifactError(f"{path} is damaged ({fault}); delete it and run again") from fault


UNFINISHED_S = 3600.0
"""Age at which a temporary file is taken for abandoned; writing a result takes a moment."""

REFUSED = "recording refused"
"""Prefix of the kind of problem of utterances that have a class but no features."""

FACTS = "utterances.csv"

SEPARATE = ("results", "thinned", "utterances")
"""Fields of a run that are not in the header but in files of their own."""


@dataclass(frozen=True)
class CorpusSummary:
    """A corpus as used in a run: the row of the paper's Table 1, and what was left out.

    Args:
        digest: hash of the metadata of the utterances used.
        emotion: class -> utterances used; gender and naturalness also count "unknown" ones.
        excluded: raw label -> utterances that the taxonomy leaves out.
        problems: kind -> number of files.
        audio_s: seconds of speech used.
    """

    name: str
    title: str
    language: str
    license: str
    citation: str
    digest: str
    n_speakers: int
    emotion: dict[str, int]
    gender: dict[str, int]
    naturalness: dict[str, int]
    excluded: dict[str, int] = field(default_factory=dict)
    problems: dict[str, int] = field(default_factory=dict)
    audio_s: float = 0.0

    @property
    def n_utterances(self) -> int:
        """Number of utterances used."""
        return sum(self.emotion.values())

    @property
    def n_found(self) -> int:
        """Number of utterances in the corpus: used, excluded by their label, or refused."""
        excluded = sum(self.excluded.values())
        refused = sum(n for kind, n in self.problems.items() if kind.startswith(REFUSED))
        return self.n_utterances + excluded + refused


def summarize(
    whole: Corpus,
    used: Corpus,
    taxonomy: Taxonomy,
    *,
    refused: Mapping[str, int],
    speech_s: float,
) -> CorpusSummary:
    """Summary of a corpus, of which the utterances with a class and with frames are used.

    `refused` counts, by kind, the utterances with a class whose recordings cannot be used.
    """
    excluded = Counter(u.label for u in whole.utterances if taxonomy.emotion(u) is None)
    problems = Counter(p.kind for p in whole.problems) + Counter(refused)
    emotion = used.count(taxonomy.emotion)

    def present(counts: Mapping[str | None, int], classes: Sequence[str]) -> dict[str, int]:
        return {k: counts[k] for k in (*classes, "unknown") if counts[k]}

    return CorpusSummary(
        name=whole.name,
        title=whole.card.title,
        language=whole.card.language,
        license=whole.card.license,
        citation=whole.card.citation,
        digest=used.digest(),
        n_speakers=len(used.speakers),
        emotion={name: emotion[name] for name in EMOTION.classes},
        gender=present(used.count(lambda u: u.gender or "unknown"), GENDER.classes),
        naturalness=present(used.count(lambda u: u.naturalness or "unknown"), NATURALNESS.classes),
        excluded=dict(sorted(excluded.items())),
        problems=dict(sorted(problems.items())),
        audio_s=speech_s,
    )


@dataclass(frozen=True)
class Run:
    """A run: settings, corpora and results.

    Args:
        versions: library -> version, and the machine's processor and cores.
        results: of all folds, in the order of protocol, fold, system, seed.
        note: sentence to show wherever a number is shown, such as that speech was simulated.
        failures: folds that could not be computed: fold, system, seed, reason.
        wall_s: wall time of all sessions of the run, in seconds.
        utterances: id -> facts; runs of earlier versions have none.
        leakage: fold -> what its sets share, in numbers (`LeakageStatement.plain`); runs of
            earlier versions have a sentence in their results only.
        thinned: results of folds with a share of their training set, for learning curves.
    """

    settings: dict[str, Any]
    corpora: tuple[CorpusSummary, ...]
    versions: dict[str, str]
    results: tuple[FoldResult, ...]
    note: str = ""
    failures: tuple[dict[str, str], ...] = ()
    wall_s: float = 0.0
    utterances: Mapping[str, UtteranceFacts] = field(default_factory=dict)
    leakage: dict[str, Any] = field(default_factory=dict)
    thinned: tuple[FoldResult, ...] = ()


class RunFolder:
    """Reads and writes a run, one result at a time, each file atomically, in the folder `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str) -> Path:
        """Path of the result of a name."""
        return self.root / "results" / f"{name}.npz"

    def write_header(self, run: Run, wanted: Sequence[str]) -> None:
        """Write everything but the results, and the names of the results that belong to the run."""
        header = {k: v for k, v in asdict(run).items() if k not in SEPARATE}
        text = json.dumps({**header, "results": list(wanted)}, indent=1, ensure_ascii=False)
        write_text(self.root / "run.json", text + "\n")

    def write_result(self, result: FoldResult) -> None:
        """Write one result."""
        name = result_name(result.protocol, result.system, result.seed, result.settings_digest)
        save_result(result, self.path(name))

    def write_utterances(self, utterances: Mapping[str, UtteranceFacts]) -> None:
        """Write the facts of all utterances."""
        write_text(self.root / FACTS, facts_csv(utterances))

    def remove_unfinished(self) -> None:
        """Remove abandoned temporary files of killed processes."""
        patterns = (".run.json.*", f".{FACTS}.*", "results/*/.*.npz.*")
        for path in (path for pattern in patterns for path in self.root.glob(pattern)):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > UNFINISHED_S:
                    path.unlink()

    def header(self) -> dict[str, Any] | None:
        """The header as plain values, None where the folder has no run yet.

        Raises:
            ArtifactError: the header is damaged.
        """
        path = self.root / "run.json"
        try:
            loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as fault:
            raise ArtifactError(
                f"{path} is damaged ({fault}); delete the run and repeat it"
            ) from fault
        return loaded

    def load(self) -> Run:
        """The whole run.

        Raises:
            ArtifactError: there is no run, or a file of it is damaged.
        """
        header = self.header()
        if header is None:
            raise ArtifactError(f"{self.root} has no run.json; give the --out folder of evaluate")
        try:
            paths = [self.path(name) for name in header["results"]]
            found = order([load_result(path) for path in paths if path.exists()])
            header["corpora"] = tuple(CorpusSummary(**c) for c in header["corpora"])
            header["failures"] = tuple(header["failures"])
            header["results"] = tuple(r for r in found if r.train_share == 1)
            thinned = tuple(r for r in found if r.train_share < 1)
            return Run(**header, thinned=thinned, utterances=read_facts(self.root / FACTS))
        except (KeyError, TypeError) as fault:
            raise ArtifactError(
                f"{self.root}/run.json is not the header of a run ({fault}); give the --out "
                "folder of evaluate"
            ) from fault


def result_name(protocol: str, system: str, seed: int, settings_digest: str) -> str:
    """Name of a result, with the digest of everything that it depends on."""
    return f"{protocol}/{system}-{seed}-{settings_digest}"


PROTOCOLS = ("within", "cross", "aggregated")


def order(results: Sequence[FoldResult]) -> tuple[FoldResult, ...]:
    """Results in the order of protocol, fold, system and seed."""
    found = sorted(results, key=lambda r: (PROTOCOLS.index(r.protocol), r.fold, r.system, r.seed))
    return tuple(found)
