"""corpora list, show and check: what can be read, and whether a copy on disk is whole."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.table import Table
from rich.text import Text

from voxaffect.commands.console import console, effective_jobs
from voxaffect.config import find_loader
from voxaffect.corpora import CORPORA
from voxaffect.corpora.check import CheckReport, Verdict
from voxaffect.corpora.check import check as check_corpus
from voxaffect.corpora.table import parse_table

TABLE_SUFFIXES = {".csv", ".parquet"}
MAX_NAMED = 20
NOT_KNOWN = "not known"
COLOURS: dict[Verdict, str] = {"ok": "green", "notes": "yellow", "faults": "red"}


def show_all() -> None:
    """One line a corpus."""
    table = Table("name", "title", "language", "style", "speakers", "utterances", "licence")
    for name, loader in sorted(CORPORA.items()):
        card = loader.card
        table.add_row(
            name, card.title, card.language, card.elicitation, _known(card.n_speakers),
            _known(sum(card.labels.values())), card.licence,
        )  # fmt: skip
    console.print(table)
    console.print("Your own recordings: a CSV or Parquet table with the columns path and emotion.")


def show(name: str) -> None:
    """A corpus's card."""
    card = find_loader(name).card
    table = Table(title=card.title, show_header=False, title_justify="left")
    for key in ("name", "language", "elicitation", "licence", "citation", "url"):
        table.add_row(key, getattr(card, key))
    table.add_row("speakers", _known(card.n_speakers))
    labels = ", ".join(f"{label} {n:,}" for label, n in card.labels.items())
    table.add_row("labels", labels or NOT_KNOWN)
    for fault in card.faults:
        table.add_row("known fault", fault)
    console.print(table)


def check(name: str, root: Path, *, as_json: bool, n_jobs: int) -> int:
    """Print what a copy holds and lacks; returns the exit status, 1 where there are faults."""
    is_table = root.suffix.lower() in TABLE_SUFFIXES
    corpus = parse_table(root, name) if is_table else find_loader(name).parse(root)
    report = check_corpus(corpus, n_jobs=effective_jobs(n_jobs))
    if as_json:
        sys.stdout.write(json.dumps(report.to_dict(), indent=1, ensure_ascii=False) + "\n")
    else:
        _print_report(report)
    return 1 if report.verdict == "faults" else 0


def _print_report(report: CheckReport) -> None:
    table = Table("what", "found", "expected", title=report.name, title_justify="left")
    for label, found in report.labels.items():
        table.add_row(label, f"{found:,}", _expected(report.expected_labels.get(label)))
    table.add_row("speakers", str(report.n_speakers), _expected(report.expected_speakers or None))
    for kind in (report.genders, report.naturalness):
        for value, found in kind.items():
            table.add_row(value, f"{found:,}", "")
    table.add_row("hours", f"{report.duration_s / 3600:.2f}", "")
    console.print(table)
    for kind_name, n in report.kinds().items():
        console.print(Text.assemble((kind_name, "bold"), f": {n}"))
        same = [p for p in report.problems if p.kind == kind_name]
        for problem in same[:MAX_NAMED]:
            console.print(f"  {problem.path}: {problem.detail}")
        if n > MAX_NAMED:
            console.print(f"  and {n - MAX_NAMED} more; --json names them all")
    console.print(Text.assemble("verdict: ", (report.verdict, COLOURS[report.verdict])))


def _known(number: int) -> str:
    """A card's number; its 0 says that none is known."""
    return f"{number:,}" if number else NOT_KNOWN


def _expected(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
