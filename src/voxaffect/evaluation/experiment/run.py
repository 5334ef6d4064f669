"""A run on disk: what was asked, of which corpora, and every fold's result.

`run.json` holds settings, corpora, versions and the list of results that belong to the run;
`utterances.csv` has a row for each utterance that was used;
`results/<protocol>/<system>-<seed>-<digest>.npz` each hold one, named by the digest of everything
that decides it. So a result of other settings or of changed audio is never taken for this run's.
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

# What one fold of one system with one seed came to: the unit that is computed, kept and resumed.
#
# Metrics are derived from it, never stored.

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
        ArtifactError: the file is damaged or of another format.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            meta = json.loads(str(file["meta"]))
            arrays = {name: file[name] for name in ARRAYS}
        if meta.pop("format") != FORMAT:
            raise ArtifactError(f"{path}: written by another version; delete it and run again")
        meta["ids"] = tuple(meta["ids"])
        return FoldResult(**meta, **arrays)
    except _DAMAGE as fault:
        raise ArtifactError(f"{path}: damaged result ({fault}); delete it and run again") from fault


UNFINISHED_S = 3600.0
"""Age of a file that nobody writes any more; a result takes a moment."""

REFUSED = "recording refused"
"""Begins the kind of the problems of utterances that have a class but no features."""

FACTS = "utterances.csv"
"""Who speaks, how, and how long, a row an utterance."""

APART = ("results", "thinned", "utterances")
"""What lies beside the header, in files of its own."""


@dataclass(frozen=True)
class CorpusSummary:
    """A corpus as a run used it: the row of the paper's Table 1, and what was left out.

    Args:
        name: key of the corpus.
        title: full name.
        language: English name.
        license: terms in a few words.
        citation: authors, title, venue, year.
        digest: hash of the metadata of the utterances used.
        n_speakers: speakers among the utterances used.
        emotion: class -> utterances used.
        gender: class -> utterances used; the key "unknown" where the corpus does not say.
        naturalness: the same for naturalness.
        excluded: raw label -> utterances that the taxonomy leaves out.
        problems: kind -> files that could not be used.
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
        """Utterances used."""
        return sum(self.emotion.values())

    @property
    def n_found(self) -> int:
        """Utterances that the corpus holds: used, excluded by their label, or refused."""
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
    """Summary of a corpus, of which only some utterances entered the run.

    Args:
        whole: the corpus as it was found.
        used: the utterances with a class and with frames.
        taxonomy: decides what is excluded.
        refused: kind of refusal -> utterances with a class whose recording could not be used.
        speech_s: seconds of speech in the utterances used.
    """
    excluded = Counter(u.label for u in whole.utterances if taxonomy.emotion(u) is None)
    problems = Counter(p.kind for p in whole.problems) + Counter(refused)
    emotion = used.count(taxonomy.emotion)
    gender = used.count(lambda u: u.gender or "unknown")
    naturalness = used.count(lambda u: u.naturalness or "unknown")
    return CorpusSummary(
        name=whole.name,
        title=whole.card.title,
        language=whole.card.language,
        license=whole.card.license,
        citation=whole.card.citation,
        digest=used.digest(),
        n_speakers=len(used.speakers),
        emotion={name: emotion[name] for name in EMOTION.classes},
        gender={k: gender[k] for k in (*GENDER.classes, "unknown") if gender[k]},
        naturalness={
            k: naturalness[k] for k in (*NATURALNESS.classes, "unknown") if naturalness[k]
        },
        excluded=dict(sorted(excluded.items())),
        problems=dict(sorted(problems.items())),
        audio_s=speech_s,
    )


@dataclass(frozen=True)
class Run:
    """Everything that a report shows.

    Args:
        settings: all settings of the run, as plain values.
        corpora: the corpora used.
        versions: library -> version, and the machine's processor and cores.
        results: results of all folds, in the order of protocol, fold, system, seed.
        note: a sentence to stand wherever a number is shown, such as that speech was simulated.
        failures: folds that could not be computed: fold, system, seed, reason.
        wall_s: wall time of all sessions of the run together, in seconds.
        utterances: facts of every utterance by id; runs of earlier versions have none.
        leakage: fold -> what its sets share, in numbers (`LeakageStatement.plain`); runs of
            earlier versions have a sentence in their results only.
        thinned: results of folds with a share of their training set; no score table shows them.
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
    """Reads and writes a run, one result at a time.

    Args:
        root: the run's folder; made when something is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str) -> Path:
        """File of the result of a name."""
        return self.root / "results" / f"{name}.npz"

    def write_header(self, run: Run, wanted: Sequence[str]) -> None:
        """Write everything but the results, and the names of those that belong to the run."""
        header = {k: v for k, v in asdict(run).items() if k not in APART}
        text = json.dumps({**header, "results": list(wanted)}, indent=1, ensure_ascii=False)
        write_text(self.root / "run.json", text + "\n")

    def write_result(self, result: FoldResult) -> None:
        """Write one result, whole or not at all."""
        name = result_name(result.protocol, result.system, result.seed, result.settings_digest)
        save_result(result, self.path(name))

    def write_utterances(self, utterances: Mapping[str, UtteranceFacts]) -> None:
        """Write the facts of all utterances, whole or not at all."""
        write_text(self.root / FACTS, facts_csv(utterances))

    def remove_unfinished(self) -> None:
        """Remove what a killed process had begun to write, and nobody writes any more."""
        patterns = (".run.json.*", f".{FACTS}.*", "results/*/.*.npz.*")
        for path in (path for pattern in patterns for path in self.root.glob(pattern)):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > UNFINISHED_S:
                    path.unlink()

    def header(self) -> dict[str, Any] | None:
        """The header as plain values, None where the folder holds no run yet.

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
                f"{path}: damaged ({fault}); delete the run and repeat it"
            ) from fault
        return loaded

    def load(self) -> Run:
        """The whole run.

        Raises:
            ArtifactError: there is no run, or a file of it is damaged.
        """
        header = self.header()
        if header is None:
            raise ArtifactError(
                f"{self.root}: holds no run.json; give the --out folder of evaluate"
            )
        try:
            corpora = tuple(CorpusSummary(**c) for c in header.pop("corpora"))
            failures = tuple(header.pop("failures"))
            paths = [self.path(name) for name in header.pop("results")]
            found = order([load_result(path) for path in paths if path.exists()])
            return Run(
                corpora=corpora,
                failures=failures,
                results=tuple(r for r in found if r.train_share == 1),
                thinned=tuple(r for r in found if r.train_share < 1),
                utterances=read_facts(self.root / FACTS),
                **header,
            )
        except (KeyError, TypeError) as fault:
            raise ArtifactError(f"{self.root}/run.json: not a run's header ({fault})") from fault


def result_name(protocol: str, system: str, seed: int, settings_digest: str) -> str:
    """Name of a result: what it is of, and the digest of everything that decides it."""
    return f"{protocol}/{system}-{seed}-{settings_digest}"


PROTOCOLS = ("within", "cross", "aggregated")


def order(results: Sequence[FoldResult]) -> tuple[FoldResult, ...]:
    """Results by protocol, fold, system and seed, whatever order they were computed in."""
    return tuple(
        sorted(results, key=lambda r: (PROTOCOLS.index(r.protocol), r.fold, r.system, r.seed))
    )
