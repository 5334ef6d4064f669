"""A run on disk: settings, corpora, and one table of results.

`run.json` has settings, corpora, versions and the names of the results that belong to the run;
`parts/<protocol>/<system>-<seed>-<digest>.parquet` has the rows of one result, written as it ends
and named by the digest of everything that they depend on, so that rows of other settings or changed
audio are never taken for this run's; `results.parquet` joins those of the run. How each result was
trained lies beside the rows, in the metadata of the file.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from voxaffect.audio.degrade.degradation import CLEAN
from voxaffect.corpora.corpus import Corpus
from voxaffect.errors import ArtifactError
from voxaffect.evaluation.results import (
    FACTS,
    FORMAT,
    PROBABILITIES,
    RESULT,
    SCHEMA,
    check_folds,
    ordered,
    read_table,
    typed,
    write_table,
)
from voxaffect.files import digest, write_atomically, write_text
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS, Taxonomy

DETAILS = ("n_train", "n_dev", "restarted", "history")
TRAININGS = (*RESULT, "train_share", "seconds", *DETAILS)
"""Columns of `Run.trainings`. The details are numbers of utterances, why a first attempt diverged,
and epochs."""


@dataclass(frozen=True)
class FoldResult:
    """Predictions of one system with one seed on the test set of one fold.

    What is not described here is a column of the table of results (`SCHEMA`).

    Args:
        ids: of the N test utterances.
        y_true: int64 (N,), emotion classes, as `y_pred`.
        probabilities: float64 (N, C), calibrated on the dev set.
        high_level: float32 (N, 4 C), functionals of the posteriors; (N, 0) where a system has none.
        seconds: wall time of training and testing.
        details: of the training, `DETAILS` among them.
        conditions: degradation of each utterance; none are degraded by default.
    """

    protocol: str
    fold: str
    test_name: str
    system: str
    seed: int
    fold_digest: str
    settings_digest: str
    ids: tuple[str, ...]
    y_true: NDArray[np.int64]
    y_pred: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    high_level: NDArray[np.float32]
    seconds: float
    train_share: float = 1.0
    details: dict[str, Any] = field(default_factory=dict)
    conditions: tuple[str, ...] | None = None

    @property
    def test_set(self) -> str:
        """Row of the tables: `emodb`, `iemocap:natural`; `aggregated` if all corpora are mixed."""
        return self.test_name.split("/")[0]

    def rows(self, facts: pd.DataFrame) -> pa.Table:
        """Rows of the table of results; `facts` describes every utterance, by its id."""
        n, classes = len(self.ids), np.array(EMOTION.classes)
        one = {name: getattr(self, name) for name in (*RESULT, "fold_digest", "train_share")}
        known = facts.loc[list(self.ids)].astype(object)
        columns = {
            **{name: [value] * n for name, value in one.items()},
            "run": [""] * n,
            "condition": list(self.conditions or [CLEAN] * n),
            "utterance": list(self.ids),
            **{name: known[name].to_list() for name in FACTS},
            **{name: classes[getattr(self, name)].tolist() for name in ("y_true", "y_pred")},
            **dict(zip(PROBABILITIES, self.probabilities.T, strict=True)),
            "functionals": list(self.high_level) if self.high_level.shape[1] else [None] * n,
        }
        arrays = {f.name: pa.array(columns[f.name], f.type, from_pandas=True) for f in SCHEMA}
        return pa.table(arrays)

    def training(self) -> dict[str, Any]:
        """How it was trained, as plain values: a row of `Run.trainings`."""
        own = {name: getattr(self, name) for name in (*RESULT, "train_share", "seconds")}
        return {**own, **{name: self.details.get(name) for name in DETAILS}}


REFUSED = "recording refused"  # begins the kind of problem of a recording without features


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
    whole: Corpus, used: Corpus, taxonomy: Taxonomy, *, refused: Mapping[str, int], speech_s: float
) -> CorpusSummary:
    """Summary of a corpus; `refused` has numbers of recordings that cannot be used, by kind."""
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


@dataclass(frozen=True, eq=False)
class Run:
    """Settings, corpora and results.

    Args:
        versions: library -> version, and the machine's processor and cores.
        results: table of results (columns in `evaluation/results.py`), in the order of protocol,
            fold, system, seed.
        note: sentence to show wherever a number is shown, such as that speech was simulated.
        failures: folds that could not be computed: fold, system, seed, reason.
        wall_s: wall time of all sessions of the run, in seconds.
        leakage: fold -> what its sets share, in numbers (`LeakageStatement.plain`).
        thinned: results of folds with a share of their training set, for learning curves.
        trainings: how each result was trained (columns `TRAININGS`), in the order of results.
    """

    settings: dict[str, Any]
    corpora: tuple[CorpusSummary, ...]
    versions: dict[str, str]
    results: pd.DataFrame = field(default_factory=lambda: typed(SCHEMA.empty_table()))
    note: str = ""
    failures: tuple[dict[str, str], ...] = ()
    wall_s: float = 0.0
    leakage: dict[str, Any] = field(default_factory=dict)
    thinned: pd.DataFrame = field(default_factory=lambda: typed(SCHEMA.empty_table()))
    trainings: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=TRAININGS))

    @property
    def protocols(self) -> tuple[str, ...]:
        """Protocols with results, in their order."""
        present = self.results["protocol"].cat.remove_unused_categories()
        return tuple(map(str, present.cat.categories))

    @property
    def id(self) -> str:
        """Digest of settings and corpora: what tells the rows of joined tables of runs apart."""
        return digest([self.settings, [corpus.digest for corpus in self.corpora]])


HEADER, TABLE, PARTS = "run.json", "results.parquet", "parts"


class RunFolder:
    """Reads and writes a run, one result at a time, each file atomically, in the folder `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def part(self, name: str) -> Path:
        """Path of the rows of the result of a name."""
        return self.root / PARTS / f"{name}.parquet"

    def write_header(self, run: Run, wanted: Sequence[str]) -> None:
        """Write everything but the results, and the names of the results that belong to the run."""
        in_table = {"results", "thinned", "trainings"}
        stated = {f.name: getattr(run, f.name) for f in fields(run) if f.name not in in_table}
        stated["corpora"] = [asdict(corpus) for corpus in run.corpora]
        header = {"format": FORMAT, **stated, "results": list(wanted)}
        write_text(self.root / HEADER, json.dumps(header, indent=1, ensure_ascii=False) + "\n")

    def write_result(self, result: FoldResult, facts: pd.DataFrame) -> None:
        """Write the rows of one result; `facts` describes every utterance, by its id."""
        name = result_name(result.protocol, result.system, result.seed, result.settings_digest)
        trainings = {result.settings_digest: result.training()}
        write_table(result.rows(facts), self.part(name), trainings=trainings)

    def remove_unfinished(self) -> None:
        """Remove temporary files of killed processes: those over an hour old."""
        for pattern in (f".{HEADER}.*", f".{TABLE}.*", f"{PARTS}/*/.*.parquet.*"):
            for path in self.root.glob(pattern):
                with contextlib.suppress(FileNotFoundError):
                    if time.time() - path.stat().st_mtime > 3600:
                        path.unlink()

    def header(self) -> dict[str, Any] | None:
        """The header as plain values, None where the folder has no run yet.

        Raises:
            ArtifactError: the header is damaged.
        """
        path = self.root / HEADER
        try:
            loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as fault:
            raise ArtifactError(
                f"{path} is damaged ({fault}); delete the run and repeat it"
            ) from fault
        return loaded

    def stored(self, names: Iterable[str]) -> set[str]:
        """Those of some names that have a valid result; a damaged one is computed again."""
        _, trainings = self._stored(names, skip_damaged=True)
        return {name for name in names if name.rpartition("-")[2] in trainings}

    def _stored(
        self, names: Iterable[str], *, skip_damaged: bool
    ) -> tuple[pa.Table, dict[str, dict[str, Any]]]:
        """Rows of some names, from the joined table or their parts; settings digest -> training."""
        tables, trainings = [SCHEMA.empty_table()], {}
        wanted = {name.rpartition("-")[2]: name for name in names}

        def add(path: Path) -> None:
            try:
                rows, stated = read_table(path)
                trainings.update({d: t for d, t in stated["trainings"].items() if d in wanted})
                tables.append(rows)
            except FileNotFoundError:
                pass
            except ArtifactError:
                if not skip_damaged:
                    raise

        add(self.root / TABLE)
        for settings_digest, name in wanted.items():
            if settings_digest not in trainings:
                add(self.part(name))
        rows = pa.concat_tables(tables).unify_dictionaries()
        digests = rows["settings_digest"].cast(pa.string())
        return rows.filter(pc.is_in(digests, pa.array([*trainings], pa.string()))), trainings

    def join(self) -> Run:
        """Join the results so far into the table of the run, and return the run."""
        run = self.load(skip_damaged=True)
        rows = pd.concat([run.results, run.thinned])
        stated = {row["settings_digest"]: row for row in run.trainings.to_dict("records")}
        write_table(rows, self.root / TABLE, trainings=stated)
        return run

    def write_predictions(self) -> Path:
        """Write the joined table without the functionals as `predictions.csv`; returns its path."""
        rows, _ = read_table(self.root / TABLE)
        path = self.root / "predictions.csv"
        with write_atomically(path) as file:
            plain = rows.drop_columns("functionals").to_pandas()
            plain.to_csv(file, index=False, lineterminator="\n")
        return path

    def load(self, *, skip_damaged: bool = False) -> Run:
        """The whole run, complete or not.

        Raises:
            ArtifactError: there is no run, or a file of it is damaged or of another version.
            FoldError: its table has results of different folds of one name.
        """
        header = self.header()
        if header is None:
            raise ArtifactError(f"{self.root} has no run.json; give the --out folder of evaluate")
        if header.get("format", 1) != FORMAT and "results" in header:
            raise ArtifactError(
                f"{self.root} holds a run of another version of voxaffect (format "
                f"{header.get('format', 1)}, not {FORMAT}); read it with that version, or repeat "
                "voxaffect evaluate in another folder"
            )
        try:
            table, trainings = self._stored(header.pop("results"), skip_damaged=skip_damaged)
            header["corpora"] = tuple(CorpusSummary(**c) for c in header["corpora"])
            header["failures"] = tuple(header["failures"])
            del header["format"]
            run = Run(**header)
        except (KeyError, TypeError) as fault:
            raise ArtifactError(
                f"{self.root}/run.json is not the header of a run ({fault}); give the --out "
                "folder of evaluate"
            ) from fault
        rows = typed(table)
        check_folds(rows, str(self.root / TABLE))
        rows["run"] = pd.Categorical([run.id] * len(rows))
        whole = rows["train_share"] == 1
        return replace(
            run,
            results=rows[whole].reset_index(drop=True),
            thinned=rows[~whole].reset_index(drop=True),
            trainings=ordered(pd.DataFrame([*trainings.values()], columns=TRAININGS)),
        )


def result_name(protocol: str, system: str, seed: int, settings_digest: str) -> str:
    """Name of a result, with the digest of everything that it depends on."""
    return f"{protocol}/{system}-{seed}-{settings_digest}"
