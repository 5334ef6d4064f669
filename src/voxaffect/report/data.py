"""A report as data: JSON that other programs read, a record a line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from voxaffect import __version__
from voxaffect.evaluation import metrics
from voxaffect.evaluation.card import protocol_card
from voxaffect.evaluation.comparisons import Comparison
from voxaffect.evaluation.curves import FoldScore, fold_scores
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.results import Score, ScoreTable
from voxaffect.evaluation.summary import Summary
from voxaffect.report.table import Cell, Section, Table, named_tables

PREAMBLE = r"% Every table of a report. Needs \usepackage{booktabs,longtable}; the text is UTF-8."
LONG = 45
"""Rows that a page holds; a longer table breaks over pages."""
WIDE = 32
"""Letters in a cell from which a column of words wraps."""

SPECIAL = {
    "\\": r"\textbackslash{}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": r"\textbar{}",
    "[": "{[}",  # after \\ a bracket would be a length
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "---",
    "\N{MINUS SIGN}": "$-$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{LESS-THAN OR EQUAL TO}": r"$\leq$",
    "\N{GREATER-THAN OR EQUAL TO}": r"$\geq$",
    "\N{GREEK SMALL LETTER KAPPA}": r"$\kappa$",
    "\N{GREEK SMALL LETTER RHO}": r"$\rho$",
    "\N{GREEK CAPITAL LETTER DELTA}": r"$\Delta$",
    "\N{RIGHTWARDS ARROW}": r"$\rightarrow$",
    "\N{HORIZONTAL ELLIPSIS}": r"\dots{}",
    "\N{NO-BREAK SPACE}": "~",
}
_ESCAPES = str.maketrans(SPECIAL)


def latex_document(tables: Iterable[tuple[str, Table]], note: str = "") -> str:
    """All tables, none with a blank line in it and one between any two.

    Args:
        tables: names, which become labels, and tables.
        note: of the run, for the caption of every table.
    """
    return "\n\n".join([PREAMBLE, *(latex(name, table, note) for name, table in tables)]) + "\n"


def latex(name: str, table: Table, note: str = "") -> str:
    """One table: a float, or where it is too long for a page one that breaks.

    Args:
        name: its label is `tab:` and this.
        table: cells that are best of their row come out bold.
        note: a sentence that follows the title in the caption.
    """
    lines = _long if len(table.rows) > LONG else _float
    return "\n".join(line for line in lines(name, table, note) if line)


def _float(name: str, table: Table, note: str) -> Iterator[str]:
    yield r"\begin{table}[htbp]"
    yield r"\centering"
    yield rf"\caption{{{_caption(table, note)}}}\label{{tab:{name}}}"
    yield rf"\begin{{tabular}}{{{_columns(table)}}}"
    yield r"\toprule"
    yield _heads(table)
    yield r"\midrule"
    yield from _rows(table)
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield from (rf"\par\smallskip{{\footnotesize {escape(text)}\par}}" for text in table.notes)
    yield r"\end{table}"


def _long(name: str, table: Table, note: str) -> Iterator[str]:
    yield rf"\begin{{longtable}}{{{_columns(table)}}}"
    yield rf"\caption{{{_caption(table, note)}}}\label{{tab:{name}}}\\"
    yield r"\toprule"
    yield _heads(table)
    yield r"\midrule\endhead"
    yield r"\bottomrule\endfoot"
    yield from _rows(table)
    yield r"\end{longtable}"
    yield from (rf"{{\footnotesize {escape(text)}\par}}" for text in table.notes)


def escape(text: str) -> str:
    """Text that LaTeX shows as it stands, on one line."""
    return re.sub(r"[ \t\r\n\f\v]+", " ", text).strip(" ").translate(_ESCAPES)


def _caption(table: Table, note: str) -> str:
    """Title and note; LaTeX counts tables by itself, so "Table 2." goes."""
    title = re.sub(r"^Table [0-9]+\. ", "", table.title)
    return escape(". ".join(part.rstrip(".") for part in (title, note) if part)) + "."


def _columns(table: Table) -> str:
    """`l` for words, `r` for numbers; columns of long texts share most of the line."""
    wide = {i for i in table.words if any(len(row[i].text) > WIDE for row in table.rows)}
    share = rf"p{{{0.8 / max(len(wide), 1):.2f}\linewidth}}"
    kinds = {i: share if i in wide else "l" for i in table.words}
    return "".join(kinds.get(i, "r") for i in range(len(table.columns)))


def _heads(table: Table) -> str:
    return _line(escape(name) for name in table.columns)


def _rows(table: Table) -> Iterator[str]:
    yield from (_line(map(_cell, row)) for row in table.body)
    if table.body and table.foot:
        yield r"\midrule"
    yield from (_line(map(_cell, row)) for row in table.foot)


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    return rf"\textbf{{{text}}}" if cell.best and text else text


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


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
