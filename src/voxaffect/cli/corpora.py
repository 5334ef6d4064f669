"""corpora: list and show what can be read; check, compare and export copies on disk."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voxaffect.cli.app import SOURCE, AsJson, Config, Jobs, MaxHours, command, corpora_app
from voxaffect.cli.console import console, count_bar, print_json, print_line, show
from voxaffect.cli.experiment import report_problems
from voxaffect.errors import CorpusError

if TYPE_CHECKING:
    from rich.table import Table

    from voxaffect.corpora.check import CheckReport, Count, Verdict

Name = Annotated[str, typer.Argument(help="Name of the corpus; any name for your own data.")]


@command(corpora_app, "export")
def export(
    name: Name,
    root: Annotated[Path, typer.Argument(help=SOURCE)],
    out: Annotated[Path, typer.Argument(help="A .csv or .parquet file, or a new folder.")],
) -> None:
    """Write a corpus as a table or an audformat database; the audio files stay where they are."""
    from voxaffect.config.corpora import read_corpus
    from voxaffect.corpora.audformat import write_audformat
    from voxaffect.corpora.table import is_table, write_table

    corpus = read_corpus(name, root)
    report_problems(corpus.problems, f"{name}: ")
    write = write_table if is_table(out) else write_audformat
    try:
        write(corpus, out)
    except OSError as fault:
        why = fault.strerror or fault
        raise CorpusError(f"{out}: cannot write ({why}); choose another path") from fault
    print_line(f"{out}: {len(corpus.utterances):,} utterances of {name}")


@command(corpora_app, "overlap")
def overlap(config: Config, as_json: AsJson = False, jobs: Jobs = 0) -> None:
    """Show what the corpora of a settings file contain, lack and share, before any training.

    Prints classes, genders, styles and languages of each corpus; what is excluded and why; the
    training and test sets of leave-one-corpus-out; and which corpora share speakers, sentences or
    recordings.
    """
    from voxaffect.config.file import load_settings
    from voxaffect.corpora.check import examine
    from voxaffect.evaluation.splits.overlap import overlaps
    from voxaffect.parallel.processes import n_cores
    from voxaffect.report.leakage import tables

    settings = load_settings(config)
    plan, taxonomy = settings.plan(), settings.make_taxonomy()
    corpora = settings.load_corpora()
    labeled = [u for c in corpora for u in c.utterances if taxonomy.emotion(u) is not None]
    n_jobs, limits = jobs or n_cores(), settings.audio.limits()
    with count_bar("recordings") as advance:
        examined = examine(labeled, n_jobs=n_jobs, limits=limits, progress=advance)
    found = overlaps(
        corpora,
        taxonomy,
        contents={e.utterance.id: e.content for e in examined if e.content is not None},
        unusable={
            e.utterance.id: fault
            for e in examined
            if (fault := next((problem for problem in e.problems if problem.is_fault), None))
        },
        seed=plan.split_seed,
        dev=plan.dev,
        split_style=plan.split_style,
    )
    if as_json:
        print_json(asdict(found))
    else:
        for table in tables(found):
            show(table)


MAX_NAMED = 20
MAX_SPEAKERS = 12  # with a row of their own in a table; problems name all that differ
INDENT, NOT_KNOWN = 13, "unknown"
MARKS: dict[Verdict | None, tuple[str, str]] = {
    "ok": ("ok", "green"),
    "notes": ("note", "yellow"),
    "faults": ("fault", "bold red"),
    None: ("", ""),
}
"""Verdict -> its word in a table and its style."""


@command(corpora_app, "list")
def list_corpora() -> None:
    """List the corpora that can be read, with language, style and license."""
    from rich.padding import Padding
    from rich.text import Text

    from voxaffect.corpora.loaders import CORPORA

    def print_columns(name: str, *columns: str, style: str = "") -> None:
        rest = " {:<20} {:<8} {:>9} {:>11}".format(*columns)
        console().print(Text.assemble((f"{name:<{INDENT - 1}}", "bold"), (rest, style)))

    def print_indented(text: str) -> None:
        console().print(Padding(Text(text), (0, 0, 0, INDENT)))

    print_columns("name", "language", "style", "speakers", "utterances", style="bold")
    for name, loader in sorted(CORPORA.items()):
        card = loader.card
        numbers = _known(card.n_speakers), _known(sum(card.labels.values()))
        print_columns(name, card.language, card.elicitation, *numbers)
        print_indented(f"{card.title}; {card.license}")
        # A terminal may break an address, which can then still be copied whole; Rich must not.
        print_line(Text(" " * INDENT + card.url, style="dim"))
    print_columns("table", "any", "any", "any", "any")
    print_indented("your own recordings; a table in CSV or Parquet, or audformat")


@command(corpora_app, "show")
def show_card(
    name: Annotated[str, typer.Argument(help="Name of the corpus; see corpora list.")],
) -> None:
    """Show the card of a corpus: labels, counts, license, citation, known faults."""
    from rich.table import Table

    from voxaffect.config.corpora import find_loader

    def listed(numbers: Mapping[str, int]) -> str:
        return ", ".join(f"{name} {n:,}" for name, n in numbers.items())

    card = find_loader(name).card
    n_each = f", {_each(card.speakers.values())}" if card.speakers else ""
    table = Table(title=card.title, show_header=False, title_justify="left")
    for key in ("name", "language", "elicitation", "license", "citation", "url"):
        table.add_row(key, getattr(card, key))
    table.add_row("utterances", _known(sum(card.labels.values())))
    table.add_row("labels", listed(card.labels) or NOT_KNOWN)
    table.add_row("speakers", _known(card.n_speakers) + n_each)
    for key in ("genders", "styles"):
        if getattr(card, key):
            table.add_row(key, listed(getattr(card, key)))
    for fault in card.faults:
        table.add_row("known fault", fault)
    console().print(table)


def _known(number: int) -> str:
    return f"{number:,}" if number else NOT_KNOWN


def _each(numbers: Collection[int]) -> str:
    """`12 to 700 utterances each`."""
    low, high = min(numbers), max(numbers)
    return f"{low:,} utterances each" if low == high else f"{low:,} to {high:,} utterances each"


@command(corpora_app, "check")
def check(
    name: Name,
    root: Annotated[Path, typer.Argument(help=SOURCE)],
    as_json: AsJson = False,
    headers: Annotated[
        bool,
        typer.Option(
            "--headers", help="Read headers only: fast, but finds no silence or clipping."
        ),
    ] = False,
    jobs: Jobs = 0,
    max_hours: MaxHours = 4.0,
) -> int:
    """Check a copy on disk against the corpus's card; the exit status is 1 if it has faults.

    Compares counts by class, speaker, gender and style with the card's, and names recordings that
    are missing, unexpected, unreadable, too short, silent, clipped or duplicated.
    """
    from voxaffect.audio.decode import DecodeLimits
    from voxaffect.config.corpora import read_corpus
    from voxaffect.corpora.check import check as check_corpus
    from voxaffect.parallel.processes import n_cores

    limits = DecodeLimits(max_duration_s=max_hours * 3600)
    corpus, n_jobs = read_corpus(name, root), jobs or n_cores()
    with count_bar(f"checking {corpus.name}") as advance:
        report = check_corpus(
            corpus, samples=not headers, n_jobs=n_jobs, limits=limits, progress=advance
        )
    if as_json:
        print_json(report.to_dict())
    else:
        _print_report(report)
    return 1 if report.verdict == "faults" else 0


def _print_report(report: CheckReport) -> None:
    from rich.text import Text

    console().print(_counts_table(report))
    if not report.samples:
        console().print("Only headers were read; silence and clipping were not checked.")
    for kind, n in report.kinds().items():
        console().print(Text.assemble((kind, "bold"), f": {n}"))
        problems = [problem for problem in report.problems if problem.kind == kind]
        for problem in problems[:MAX_NAMED]:  # not wrapped, so that names can be copied
            print_line(f"  {problem.path}: {problem.detail}")
        if n > MAX_NAMED:
            console().print(f"  and {n - MAX_NAMED} more; --json names them all")
    color = MARKS[report.verdict][1].removeprefix("bold ")
    console().print(Text.assemble("verdict: ", (report.verdict, color)))


def _counts_table(report: CheckReport) -> Table:
    """Counts of classes, speakers, genders and styles; many speakers are one row."""
    from rich.table import Table
    from rich.text import Text

    table = Table("what", title=report.name, title_justify="left")
    for column in ("found", "expected"):
        table.add_column(column, justify="right")
    table.add_column("verdict")

    def add_row(count: Count, indent: str = "", style: str = "", *, is_last: bool = False) -> None:
        expected = "" if count.expected is None else f"{count.expected:,}"
        cells = (indent + count.name, f"{count.found:,}", expected, Text(*MARKS[count.verdict]))
        table.add_row(*cells, style=style, end_section=is_last)

    def add_rows(counts: Sequence[Count]) -> None:
        for count in counts:
            add_row(count, "  ", is_last=count is counts[-1])

    table.add_row("classes", style="bold")
    add_rows(report.by_label)
    add_row(report.speakers, style="bold")
    speakers: Sequence[Count] = report.by_speaker
    if len(speakers) > MAX_SPEAKERS:  # the worst verdict, and rows for those that differ
        verdicts = {count.verdict for count in speakers}
        worst = next((v for v in ("faults", "notes", "ok") if v in verdicts), None)
        summary = f"  {len(speakers):,} speakers, {_each([count.found for count in speakers])}"
        speakers = [c for c in speakers if c.verdict in {"faults", "notes"}][:MAX_SPEAKERS]
        table.add_row(summary, "", "", Text(*MARKS[worst]), end_section=not speakers)
    add_rows(speakers)
    for title, counts in (("gender", report.by_gender), ("style", report.by_style)):
        table.add_row(title, style="bold")
        add_rows(counts)
    table.add_row("utterances", f"{report.n_utterances:,}", "", "")
    table.add_row("hours", f"{report.duration_s / 3600:.2f}", "", "")
    return table
