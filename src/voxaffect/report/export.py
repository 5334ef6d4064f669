"""Export of a report for other programs: tables as LaTeX, and everything as JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from voxaffect.evaluation.card import protocol_card
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.results import SCORE, confusions, shares
from voxaffect.evaluation.summary import Summary
from voxaffect.report.result_tables import folds_by_seed
from voxaffect.report.table import Cell, Section, Table, named_tables
from voxaffect.version import __version__

PREAMBLE = r"% Every table of a report. Needs \usepackage{booktabs,longtable}; the text is UTF-8."
LONG = 45
"""Most rows on a page; a longer table is a longtable."""
WIDE = 32
"""Most characters in a cell of a text column that does not wrap."""

SPECIAL = {
    "\\": r"\textbackslash{}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": r"\textbar{}",
    "[": "{[}",  # a bracket after \\ is read as a length
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
SCHEMA = 1
"""Format version, raised for incompatible changes; new keys alone are compatible."""


def latex_document(tables: Iterable[tuple[str, Table]], note: str = "") -> str:
    """All named tables, separated by blank lines, with the note of the run in every caption."""
    return "\n\n".join([PREAMBLE, *(latex(name, table, note) for name, table in tables)]) + "\n"


def latex(name: str, table: Table, note: str = "") -> str:
    """One table as a float, or as a longtable if it is too long for a page.

    Its label is `tab:` and the name; the caption is its title and the note; best cells are bold.
    """
    title = re.sub(r"^Table [0-9]+\. ", "", table.title)  # LaTeX numbers tables itself
    caption = escape(". ".join(part.rstrip(".") for part in (title, note) if part)) + "."
    label = rf"\caption{{{caption}}}\label{{tab:{name}}}"
    columns, heads = _columns(table), _line(map(escape, table.columns))
    notes = [rf"{{\footnotesize {escape(text)}\par}}" for text in table.notes]
    body, foot = ([_line(map(_cell, row)) for row in part] for part in (table.body, table.foot))
    rows = [*body, *([r"\midrule"] if body and foot else []), *foot]
    if len(table.rows) > LONG:
        lines = [
            rf"\begin{{longtable}}{{{columns}}}",
            *(label + r"\\", r"\toprule", heads, r"\midrule\endhead", r"\bottomrule\endfoot"),
            *(*rows, r"\end{longtable}", *notes),
        ]
    else:
        lines = [
            *(r"\begin{table}[htbp]", r"\centering", label),
            *(rf"\begin{{tabular}}{{{columns}}}", r"\toprule", heads, r"\midrule", *rows),
            *(r"\bottomrule", r"\end{tabular}", *(rf"\par\smallskip{text}" for text in notes)),
            r"\end{table}",
        ]
    return "\n".join(lines)


def escape(text: str) -> str:
    """Escape text for LaTeX, on one line."""
    return re.sub(r"[ \t\r\n\f\v]+", " ", text).strip(" ").translate(_ESCAPES)


def _columns(table: Table) -> str:
    """`l` for text, `r` for numbers; columns with long text share most of the line width."""
    wide = {i for i in table.text_columns if any(len(row[i].text) > WIDE for row in table.rows)}
    share = rf"p{{{0.8 / max(len(wide), 1):.2f}\linewidth}}"
    kinds = {i: share if i in wide else "l" for i in table.text_columns}
    return "".join(kinds.get(i, "r") for i in range(len(table.columns)))


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    return rf"\textbf{{{text}}}" if cell.best and text else text


def _line(texts: Iterable[str]) -> str:
    return " & ".join(texts) + r" \\"


def report_json(
    run: Run, summary: Summary, findings: Sequence[str], sections: Sequence[Section]
) -> str:
    """The report as JSON, one record per line; undefined numbers (NaN) are null.

    Keys:
        schema, voxaffect: versions of the format and the program.
        card, settings, versions, corpora, failures: how the run was made.
        scores: UA (mean over folds, `sd` over folds) and measures of the pooled predictions.
        folds: UA by seed of every system on every fold.
        tables: all tables of the report with their cells as text.
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
        "scores": _scores(run, summary),
        "comparisons": [{**asdict(c), "significant": c.significant} for c in summary.comparisons],
        "folds": _folds(run),
        "confusions": _confusions(run),
        "tables": [
            {
                "name": name,
                "title": table.title,
                "columns": table.columns,
                "rows": [[cell.text for cell in row] for row in table.rows],
                "n_last": table.n_last,
                "notes": table.notes,
            }
            for name, table in named_tables(sections)
        ],
    }
    lines = ",\n".join(f"{json.dumps(key)}: {_records(part)}" for key, part in parts.items())
    return f"{{\n{lines}\n}}\n"


def _scores(run: Run, summary: Summary) -> list[dict[Any, Any]]:
    seeds = run.results.groupby([*SCORE], observed=True)["seed"].unique().map(sorted)
    names = {"test_set": "test", "n_expected": "n_folds_expected"}
    found: list[dict[Any, Any]] = []
    for protocol, scores in summary.scores.items():
        rows = scores.drop(columns="n_seeds").reset_index().assign(protocol=protocol)
        rows["seeds"] = [seeds[protocol, test, system] for test, system in scores.index]
        found += rows.rename(columns=names).to_dict("records")
    return found


def _folds(run: Run) -> list[dict[str, Any]]:
    """Scores of each system on each fold, by seed."""
    found = []
    keys = ["protocol", "fold", "system"]
    for key, own in folds_by_seed(run).groupby(keys, observed=True):
        trained = own.dropna(subset=["kept"])
        epochs = trained[["kept", "n_epochs"]].astype(int).to_dict("records")
        found.append(
            {
                **dict(zip(keys, key, strict=True)),
                "n": int(own["n"].iloc[0]),
                "n_dev": own["n_dev"].iloc[0],
                "ua": dict(zip(own["seed"], own["ua"], strict=True)),
                "trainings": dict(zip(trained["seed"], epochs, strict=True)),
                "mean_ua": own["ua"].mean(),
            }
        )
    return found


def _confusions(run: Run) -> list[dict[str, Any]]:
    """Confusion matrix of each system on each test set: predictions of all seeds, true by row."""
    index, matrices = confusions(run.results, SCORE)
    found = zip(index, matrices.tolist(), shares(matrices).tolist(), strict=True)
    return [
        {"protocol": p, "test": test, "system": system, "counts": counts, "shares": share}
        for (p, test, system), counts, share in found
    ]


def _records(value: Any) -> str:
    if isinstance(value, list | tuple) and value:
        return "[\n" + ",\n".join(map(_compact, value)) + "\n]"
    return _compact(value)


def _compact(value: Any) -> str:
    return json.dumps(finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def finite(value: Any) -> Any:
    """Plain values without NaN and infinity, which JSON does not know: they become None."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
