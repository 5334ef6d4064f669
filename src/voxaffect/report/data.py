"""A report as data: JSON that other programs read, a record a line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from voxaffect import __version__
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.measures import metrics
from voxaffect.evaluation.scores.card import protocol_card
from voxaffect.evaluation.scores.comparisons import Comparison
from voxaffect.evaluation.scores.per_fold import FoldScore, fold_scores
from voxaffect.evaluation.scores.tables import Score, ScoreTable
from voxaffect.evaluation.summary import Summary
from voxaffect.report.section import Section, named_tables
from voxaffect.report.table import Table

SCHEMA = 1
"""Raised when a reader of the last version would misread this one; new keys alone do not."""


def report_json(
    run: Run, summary: Summary, findings: Sequence[str], sections: Sequence[Section]
) -> str:
    """The whole report; a number that does not exist is null.

    Keys:
        schema, voxaffect, note, findings: version of this format, of the program; sentences.
        card, settings, versions, corpora, failures: how the run was made.
        scores: UA and other measures of every system on every test set of every protocol.
        comparisons: every paired test.
        folds: UA by seed of every system on every fold.
        tables: all tables of the report, cells as the reader sees them.
    """
    parts: dict[str, Any] = {
        "schema": SCHEMA,
        "voxaffect": __version__,
        "note": run.note,
        "findings": findings,
        "card": asdict(protocol_card(run)),
        "settings": run.settings,
        "versions": run.versions,
        "corpora": [{**asdict(c), "n_utterances": c.n_utterances} for c in run.corpora],
        "failures": run.failures,
        "scores": [score for table in summary.tables for score in _scores(table)],
        "comparisons": [_comparison(c) for c in summary.comparisons],
        "folds": [_fold(score) for score in fold_scores(run.results)],
        "tables": [_table(name, table) for name, table in named_tables(sections)],
    }
    lines = ",\n".join(f"{json.dumps(key)}: {_records(part)}" for key, part in parts.items())
    return f"{{\n{lines}\n}}\n"


def _scores(table: ScoreTable) -> Iterator[dict[str, Any]]:
    for (test, system), score in sorted(table.scores.items()):
        yield {
            "protocol": table.protocol,
            "test": test,
            "system": system,
            **_score(score),
            "n_folds_expected": table.n_folds(test),
        }


def _score(score: Score) -> dict[str, Any]:
    """UA is the mean over folds, `sd` its deviation over folds; the rest pool all answers."""
    return {
        "ua": score.ua,
        "sd": score.ua_sd,
        "pooled_ua": score.pooled(metrics.unweighted_accuracy),
        "wa": score.pooled(metrics.weighted_accuracy),
        "macro_f1": score.pooled(metrics.macro_f1),
        "chance": score.chance,
        "n": score.n_utterances,
        "n_folds": len(score.matrices),
        "seeds": score.seeds,
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {**asdict(comparison), "significant": comparison.significant}


def _fold(score: FoldScore) -> dict[str, Any]:
    """Seeds become keys, which JSON has as text: `{"0": 0.61}`."""
    return {**asdict(score), "mean_ua": score.mean_ua}


def _table(name: str, table: Table) -> dict[str, Any]:
    """`rows` and, where the last of them sum up, how many of them do."""
    return {
        "name": name,
        "title": table.title,
        "columns": table.columns,
        "rows": [[cell.text for cell in row] for row in table.rows],
        "n_last": table.n_last,
        "notes": table.notes,
    }


def _records(value: Any) -> str:
    """A value on a line of its own; of a list each element."""
    if isinstance(value, list | tuple) and value:
        return "[\n" + ",\n".join(map(_plain, value)) + "\n]"
    return _plain(value)


def _plain(value: Any) -> str:
    return json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _finite(value: Any) -> Any:
    """The value with None for every number that does not exist: JSON knows no NaN."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
