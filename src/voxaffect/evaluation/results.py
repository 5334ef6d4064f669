"""One table of results, a row a test utterance of one system and seed; metrics are group-bys of it.

Seeds are averaged within a fold first; then come mean and standard deviation over folds. Pooled
metrics join the predictions of all folds of one seed and are averaged over seeds last.

Letters: K groups, C classes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from voxaffect.errors import ArtifactError, FoldError
from voxaffect.evaluation.metrics import (
    Counts,
    count,
    macro_f1,
    ratio,
    recalls,
    unweighted_accuracy,
    weighted_accuracy,
)
from voxaffect.files import write_atomically
from voxaffect.taxonomy import EMOTION

FORMAT = 2
"""Version of the table; 1 was a `.npz` file a result."""

PROTOCOLS = ("within", "cross", "aggregated")

_CATEGORY = pa.dictionary(pa.int32(), pa.string())

FACTS = {
    "corpus": _CATEGORY,
    "speaker": _CATEGORY,
    "gender": _CATEGORY,
    "language": _CATEGORY,
    "style": _CATEGORY,
    "duration_s": pa.float64(),
    "snr_db": pa.float64(),
    "content": pa.string(),
}
"""Columns that describe an utterance: speaker `emodb/03` (`mine/?` where not known), gender and
style as in the taxonomy, null where not known, duration of the frames, signal-to-noise ratio, and
hash of the audio."""

PROBABILITIES = tuple(f"p_{name}" for name in EMOTION.classes)

SCHEMA = pa.schema(
    {
        **dict.fromkeys(("run", "protocol", "fold", "test_name", "test_set", "system"), _CATEGORY),
        "seed": pa.int64(),
        "train_share": pa.float64(),
        "condition": _CATEGORY,
        "utterance": pa.string(),
        **FACTS,
        **dict.fromkeys(("y_true", "y_pred"), _CATEGORY),
        **dict.fromkeys(PROBABILITIES, pa.float64()),
        "functionals": pa.list_(pa.float32()),
        **dict.fromkeys(("fold_digest", "settings_digest"), _CATEGORY),
    }
)
"""Columns. `fold` is `within/emodb/03`, `test_name` what is left out, `emodb/03`, `test_set` the
row of the tables, `emodb` or `iemocap:natural`; `condition` is `clean` or a degradation;
probabilities are calibrated on the dev set; `functionals` are the high-level features, null where a
system has none. `fold_digest` is of the fold's train, dev and test utterances, `settings_digest` of
everything that the result depends on."""

RESULT = ("protocol", "fold", "test_name", "test_set", "system", "seed", "settings_digest")
"""Columns of one result: one system with one seed on one fold."""

SCORE = ("protocol", "test_set", "system")
"""Columns of one cell of the score tables."""


def typed(table: pa.Table) -> pd.DataFrame:
    """The table as a frame, `ordered`."""
    return ordered(table.unify_dictionaries().to_pandas())


def ordered(frame: pd.DataFrame) -> pd.DataFrame:
    """Results or trainings, sorted by protocol, fold, system and seed, with ordered categories.

    Group-bys then come in the order of the report, speaker 9 before speaker 10.
    """
    orders = {
        "protocol": PROTOCOLS,
        "fold": sorted(frame["fold"].unique(), key=_natural),
        "test_set": sorted(frame["test_set"].unique()),
        "system": display_order(frame["system"].unique()),
        "y_true": EMOTION.classes,
        "y_pred": EMOTION.classes,
    }
    columns = {
        name: pd.Categorical(frame[name].astype(object), order, ordered=True)
        for name, order in orders.items()
        if name in frame
    }
    by = ["protocol", "fold", "system", "seed"]
    return frame.assign(**columns).sort_values(by, kind="stable", ignore_index=True)


def _natural(fold: str) -> list[tuple[int, str]]:
    """Sort key by which numbers compare as such, and before words."""
    parts = re.findall(r"[0-9]+|[^0-9]+", fold)
    return [(int(part), part) if part[0] in "0123456789" else (-1, part) for part in parts]


def write_table(table: pa.Table | pd.DataFrame, path: Path, **metadata: Any) -> None:
    """Write rows of results, atomically, with plain values beside them."""
    if isinstance(table, pd.DataFrame):
        columns = [pa.array(table[f.name].astype(object), f.type, from_pandas=True) for f in SCHEMA]
        table = pa.table(columns, schema=SCHEMA)
    stated = json.dumps({"format": FORMAT, **metadata})
    table = table.replace_schema_metadata({"voxaffect": stated})
    with write_atomically(path) as file:
        pq.write_table(table, file, compression="zstd")


def read_table(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    """Rows of results, and the plain values beside them.

    Raises:
        FileNotFoundError: there is none.
        ArtifactError: the file is damaged, of another version, or lacks a column.
    """
    try:
        table = pq.read_table(path, memory_map=False)
        stated = json.loads((table.schema.metadata or {}).get(b"voxaffect", b"{}"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, pa.ArrowException) as fault:
        raise ArtifactError(
            f"{path} is damaged or cut short ({fault}); delete it and repeat the run, which keeps "
            "all other results"
        ) from fault
    if "format" not in stated:
        raise ArtifactError(
            f"{path} lacks the metadata of voxaffect, so another program wrote it; delete it and "
            "repeat the run, which writes it again"
        )
    if stated["format"] != FORMAT:
        raise ArtifactError(
            f"{path} has format {stated['format']}, and this version of voxaffect reads {FORMAT}; "
            "read it with the version that wrote it, or repeat the run in another folder"
        )
    if missing := [name for name in SCHEMA.names if name not in table.column_names]:
        raise ArtifactError(
            f"{path} lacks the column {', '.join(missing)} of a table of results; delete it and "
            "repeat the run, which writes it again"
        )
    try:
        return table.select(SCHEMA.names).cast(SCHEMA), stated
    except (ValueError, pa.ArrowException) as fault:
        raise ArtifactError(
            f"{path} has a column of another type ({fault}); repeat the run, which writes it again"
        ) from fault


def check_folds(frame: pd.DataFrame, source: str) -> None:
    """Check that every fold is one fold, and has each utterance once a system and seed.

    Raises:
        FoldError: rows come from runs with different folds, or some rows are there twice.
    """
    digests = frame.groupby("fold", observed=True)["fold_digest"].nunique()
    if (several := digests[digests > 1]).size:
        raise FoldError(
            f"{source} has results of {several.iloc[0]} different folds named {several.index[0]}; "
            "evaluate all systems on the same corpora and settings, or compare the runs instead"
        )
    twice = frame.duplicated(["fold", "system", "seed", "condition", "utterance"])
    if twice.any():
        first = frame[twice].iloc[0]
        raise FoldError(
            f"{source} has the utterance {first['utterance']} twice in {first['fold']} for "
            f"{first['system']}, seed {first['seed']}; keep one of the two rows"
        )


def confusions(results: pd.DataFrame, by: Sequence[str]) -> tuple[pd.Index, Counts]:
    """Index of K groups of predictions, and confusion matrices (K, C, C), true classes in rows."""
    groups = results.groupby(list(by), observed=True)
    shape = (groups.ngroups, EMOTION.n_classes, EMOTION.n_classes)
    cells = (class_codes(results[name]) for name in ("y_true", "y_pred"))
    return groups.size().index, count(shape, groups.ngroup().to_numpy(), *cells)


def class_codes(emotions: pd.Series[Any]) -> Counts:
    """Class indices int64 (N,) of a column of class names."""
    return np.asarray(emotions.cat.codes, np.int64)


def metrics_by(results: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Metrics of groups of predictions.

    Columns: n, ua, wa, macro_f1, chance (level of UA: guessing among the classes present) and the
    recall of each class, NaN where it is absent.
    """
    index, matrices = confusions(results, by)
    n = matrices.sum(axis=2)
    by_class = recalls(matrices)
    return pd.DataFrame(
        {
            "n": n.sum(axis=1),
            "ua": unweighted_accuracy(matrices),
            "wa": weighted_accuracy(matrices),
            "macro_f1": macro_f1(matrices),
            "chance": ratio(1, np.count_nonzero(n, axis=1)),
            **{f"recall_{c}": by_class[:, i] for i, c in enumerate(EMOTION.classes)},
        },
        index=index,
    )


def fold_scores(results: pd.DataFrame) -> pd.DataFrame:
    """Metrics of each fold (index: protocol, test set, system, fold), mean over seeds."""
    scores = metrics_by(results, [*SCORE, "fold", "seed"])
    return scores.groupby(level=[*SCORE, "fold"], observed=True).mean()


def score_table(results: pd.DataFrame) -> pd.DataFrame:
    """Scores of each system on each test set (index: protocol, test set, system).

    Columns: ua and sd (mean and sample standard deviation over folds, NaN for a single one),
    chance, n (test utterances), n_folds, n_expected (folds that any system has), n_seeds (most of
    a fold); then of the predictions of all folds pooled, mean over seeds: pooled_ua, wa, macro_f1.
    """
    by_fold = fold_scores(results).groupby(level=SCORE, observed=True)
    pooled = metrics_by(results, [*SCORE, "seed"]).groupby(level=SCORE, observed=True).mean()
    seeds = results.groupby([*SCORE, "fold"], observed=True)["seed"].nunique()
    scores = pd.DataFrame(
        {
            "ua": by_fold["ua"].mean(),
            "sd": by_fold["ua"].std(),
            "chance": by_fold["chance"].mean(),
            "n": by_fold["n"].sum().astype(np.int64),
            "n_folds": by_fold.size(),
            "n_seeds": seeds.groupby(level=SCORE, observed=True).max(),
        }
    ).join(pooled.rename(columns={"ua": "pooled_ua"})[["pooled_ua", "wa", "macro_f1"]])
    folds = results.groupby(["protocol", "test_set"], observed=True)["fold"].nunique()
    tests = scores.reset_index("system").index
    scores.insert(5, "n_expected", folds.loc[tests].to_numpy())
    return scores


def pick(frame: pd.DataFrame, **levels: object) -> pd.DataFrame:
    """Rows whose index has these values, without these levels of the index."""
    index = frame.index
    rows = np.logical_and.reduce([index.get_level_values(n) == v for n, v in levels.items()])
    return frame[rows].droplevel([*levels])


def row(frame: pd.DataFrame, *key: str) -> dict[str, Any]:
    """Columns and values of the row of a key."""
    at: Any = key if len(key) > 1 else key[0]
    return dict(frame.loc[at])


def by_system(scores: pd.DataFrame, column: str = "ua") -> pd.DataFrame:
    """A column of a protocol's scores, a row a test set (or share) and a column a system."""
    found = scores[column].unstack("system")
    return found.set_axis([str(system) for system in found], axis=1)


def names(index: Iterable[Any]) -> list[str]:
    """Names in an index or of the columns of a frame."""
    return [str(name) for name in index]


def complete(scores: pd.DataFrame, tests: Sequence[str] | None = None) -> list[str]:
    """Systems that have every fold of some test sets, or of all, that any system has.

    Folds differ in difficulty: scores over different folds cannot be compared.
    """
    lacking = by_system((scores["n_expected"] - scores["n_folds"]).to_frame("n"), "n")
    rows = lacking if tests is None else lacking.loc[list(tests)]
    return [str(system) for system in rows if (rows[system] == 0).all()]


def chance(scores: pd.DataFrame, tests: Sequence[str] | None = None) -> float:
    """Chance level of UA, mean over some test sets of a protocol's scores, or over all."""
    by_test = scores["chance"].groupby(level="test_set", observed=True).first()
    return float((by_test if tests is None else by_test.loc[list(tests)]).mean())


def shares(counts: Counts) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Confusion matrix (..., C, C) with rows as shares of the true class, NaN if it is absent."""
    return ratio(counts, counts.sum(axis=-1, keepdims=True))


SINGLE_TASK = "stl"
VARIANTS = (SINGLE_TASK, "mtl", "gender", "naturalness")
"""Suffixes of the paper's nets, behind the name of the trunk, in the order of its tables."""

KINDS = (
    *(*VARIANTS, "mtl-rates", "mtl-private", "mtl-extended", "mtl-uncertainty", "mtl-gradnorm"),
    *("mean", "svm", "logistic", "egemaps-svm", "egemaps-logistic"),
    *("compare-svm", "compare-logistic", "majority"),
)
"""Suffixes of the paper's nets and of further variants, then names of baselines."""


def display_order(systems: Iterable[str]) -> tuple[str, ...]:
    """Systems in the order of the paper's tables, then variants, baselines and all others."""

    def position(system: str) -> tuple[int, str]:
        kind = system if system in KINDS else system.partition("-")[2]
        return KINDS.index(kind) if kind in KINDS else len(KINDS), system

    return tuple(sorted(systems, key=position))


def single_task_of(system: str) -> str:
    """Name of the single-task net of the same trunk; of other systems the name itself."""
    trunk, _, variant = system.rpartition("-")
    return f"{trunk}-{SINGLE_TASK}" if variant in VARIANTS else system
