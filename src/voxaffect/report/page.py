"""The report as one page that needs nothing else, and as Markdown."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape as escape_html
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from voxaffect import __version__
from voxaffect.evaluation.card import protocol_card
from voxaffect.evaluation.experiment.run import PROTOCOLS, Run
from voxaffect.evaluation.results import ScoreTable
from voxaffect.evaluation.summary import Summary
from voxaffect.report import (
    groups,
    leakage,
    learning_curve,
    published,
    reliability,
    result_tables,
    run_info,
)
from voxaffect.report.figures.style import INK, PAPER, RULE, Picture
from voxaffect.report.result_tables import per_fold
from voxaffect.report.run_info import making
from voxaffect.report.table import Section, Table, escape, markdown, plural


@dataclass(frozen=True)
class Download:
    """A file beside the page and within it.

    Args:
        name: of the file, `results.csv`.
        what: it holds, in a few words.
        media_type: as browsers name it.
        text: of the file.
    """

    name: str
    what: str
    media_type: str
    text: str

    @property
    def packed(self) -> str:
        """The text as base64 of gzip: a tenth of its size, and no mark that HTML would read."""
        packed = gzip.compress(self.text.encode("utf-8"), compresslevel=9, mtime=0)
        return base64.b64encode(packed).decode("ascii")


SECTION_TITLES = {
    "within": "Within each corpus",
    "cross": "Across corpora",
    "aggregated": "All corpora together",
}
ASKED = {
    "within": "Does a system recognize speakers it has never heard, in a corpus it knows? Each "
    "speaker in turn is left out of training.",
    "cross": "Does a system recognize emotion in recordings of another kind? Each corpus in turn "
    "is left out of training.",
    "aggregated": "All corpora are shuffled; a tenth is held out. Speakers and rooms occur on both "
    "sides, so these are not figures for new voices.",
}


def sections(
    run: Run, summary: Summary, pictures: Sequence[Picture], *more: Section | None
) -> tuple[Section, ...]:
    """All sections of a report: a line each, None where a run has nothing for one.

    Args:
        run: what was run.
        summary: its numbers.
        pictures: its figures.
        more: sections from beside the run; they stand behind the questions to all experiments.
    """
    found: tuple[Section | None, ...] = (
        *(_protocol(name, summary, pictures) for name in PROTOCOLS),
        learning_curve.class_gains_section(summary, pictures),
        published.section(run, summary),
        learning_curve.learning_curve_section(summary.amounts, pictures),
        groups.section(summary, pictures),
        reliability.section(summary, pictures),
        *more,
        _corpora(run),
        leakage.section(run, summary),
        per_fold(run),
        making(run),
    )
    return tuple(section for section in found if section is not None)


def _protocol(name: str, summary: Summary, pictures: Sequence[Picture]) -> Section:
    table = summary.table(name)
    if table is None:
        return Section(name, SECTION_TITLES[name], ("This run has no results of this experiment.",))
    return Section(
        key=name,
        title=SECTION_TITLES[name],
        lead=(ASKED[name],),
        tables=tuple(_first(table, summary)),
        pictures=tuple(p for p in pictures if p.protocol == name),
        more=tuple(_more(table, summary)),
        more_title="Other measures, and the recall of each class",
    )


def _first(table: ScoreTable, summary: Summary) -> Iterator[Table]:
    yield result_tables.unweighted_accuracy(summary, table)
    if summary.intervals_of(table.protocol):
        yield result_tables.pooled_accuracy(summary, table)
    found = [c for c in summary.compared(table.protocol) if c.n_pairs > 1]
    if found:
        yield result_tables.comparisons(found)


def _more(table: ScoreTable, summary: Summary) -> Iterator[Table]:
    if not summary.intervals_of(table.protocol):
        yield result_tables.pooled_accuracy(summary, table)
    yield from result_tables.secondary(table)
    yield result_tables.class_recalls(table)
    if table.protocol == "aggregated":
        yield from (result_tables.confusion(table, system) for system in table.systems)
    others = [c for c in summary.by_other_units if c.protocol == table.protocol]
    single = [c for test in table.tests for c in summary.compared(table.protocol, test)]
    if others or single:
        yield result_tables.comparisons([*others, *single])


def _corpora(run: Run) -> Section:
    return Section(
        key="corpora",
        title="The corpora",
        tables=(run_info.overview(run.corpora), run_info.left_out(run.corpora)),
        more=(run_info.provenance(run.corpora),),
        more_title="Titles, licenses, citations and digests",
    )


TITLE = "Speech emotion recognition across corpora"
LONG = 40
"""Rows from which a table scrolls in a box of its own, and Markdown leaves it to the page."""

# What the page's style sheet calls the colors of a drawing, in its light and its dark scheme.
SCHEME = {INK: "var(--ink)", RULE: "var(--rule)", PAPER: "var(--paper)"}


def html_page(
    run: Run, findings: Sequence[str], sections: Sequence[Section], downloads: Sequence[Download]
) -> str:
    """A self-contained HTML page: it makes no request, and runs no script but its own.

    Args:
        run: named by its counts, and by its note.
        findings: sentences for the top.
        sections: what follows, in this order.
        downloads: files that a reader may save from the page.
    """
    environment = Environment(
        loader=PackageLoader("voxaffect.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = _template("report.js")
    return environment.get_template("report.html.j2").render(
        title=TITLE,
        version=__version__,
        counts=counts(run),
        note=run.note,
        findings=findings,
        sections=sections,
        files=downloads,
        inline=inline,
        long=LONG,
        style=_template("report.css"),
        script=script,
        script_digest=_source_digest(script),
    )


def counts(run: Run) -> str:
    """How large a run is, in a line."""
    card = protocol_card(run)
    parts = (
        plural(card.n_results, "result"),
        plural(card.n_folds, "fold"),
        plural(len(card.systems), "system"),
        plural(len(card.seeds), "seed"),
        plural(len(run.corpora), "corpus", "corpora"),
    )
    return " \N{MIDDLE DOT} ".join(parts)


def inline(picture: Picture) -> str:
    """The drawing as an element of the page, in the page's colors."""
    svg = picture.svg[picture.svg.index("<svg") :]
    for color, name in SCHEME.items():
        svg = svg.replace(color, name)
    label = escape_html(picture.caption)
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def _template(name: str) -> str:
    return (files("voxaffect.report") / "templates" / name).read_text(encoding="utf-8")


def _source_digest(script: str) -> str:
    """What a content security policy knows a script by; no other runs."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def markdown_page(run: Run, findings: Sequence[str], sections: Sequence[Section]) -> str:
    """The same as Markdown, with drawings as files beside it."""
    blocks = [f"# {TITLE}", counts(run), *_note(run)]
    blocks.append("\n".join(f"- {escape(text)}" for text in findings))
    for section in sections:
        blocks += [f"## {section.title}", *map(escape, section.lead)]
        if section.tables or section.more:
            blocks += _note(run)
        blocks += [_table(table) for table in (*section.tables, *section.more)]
        blocks += [f"![{escape(p.caption)}](figures/{p.name}.svg)" for p in section.pictures]
    return "\n\n".join(blocks) + "\n"


def _table(table: Table) -> str:
    """The table, or where it lies: nobody reads hundreds of rows in Markdown."""
    if len(table.body) <= LONG:
        return markdown(table).rstrip()
    n_rows = plural(len(table.rows), "row")
    return f"**{escape(table.title)}**\n\n{n_rows}: in report.html, tables.tex and report.json."


def _note(run: Run) -> Iterator[str]:
    if run.note:
        yield f"> {escape(run.note)}"
