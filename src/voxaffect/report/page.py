"""The report as a self-contained HTML page and as Markdown."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape as escape_html

from jinja2 import Environment, PackageLoader, StrictUndefined

from voxaffect.evaluation.card import protocol_card
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.results import PROTOCOLS
from voxaffect.evaluation.summary import Summary
from voxaffect.report import groups, leakage, learning_curve, published, reliability, result_tables
from voxaffect.report.figures.style import INK, PAPER, RULE, Picture
from voxaffect.report.run_info import corpora_section, protocol_section
from voxaffect.report.table import PROTOCOL_TITLES, Section, escape, markdown
from voxaffect.report.text import plural
from voxaffect.version import __version__

INTRO = {
    "within": "Recognition of unseen speakers of a known corpus: each speaker is held out of "
    "training once.",
    "cross": "Recognition in an unseen corpus: each corpus is held out of training once.",
    "aggregated": "All corpora are shuffled and 10 % is held out. Training and test set share "
    "speakers and recording conditions, so these results do not apply to new speakers.",
}
TITLE = "Speech emotion recognition across corpora"
LONG = 40
"""Most rows of a table that is shown at full height, and in Markdown at all."""

SCHEME = {INK: "var(--ink)", RULE: "var(--rule)", PAPER: "var(--paper)"}
"""Colors of figures -> variables of the style sheet, which has a light and a dark scheme."""


@dataclass(frozen=True)
class Download:
    """A file next to the page that is also embedded in it: its name, and what it contains."""

    name: str
    what: str
    media_type: str
    text: str

    @property
    def packed(self) -> str:
        """The text as base64 of gzip: a tenth of its size, and without HTML markup."""
        return base64.b64encode(gzip.compress(self.text.encode(), 9, mtime=0)).decode()


def sections(
    run: Run, summary: Summary, pictures: Sequence[Picture], *more: Section | None
) -> tuple[Section, ...]:
    """All sections that the run has data for, with their figures; `more` follow the results."""
    found = (
        *(_protocol_section(name, summary) for name in PROTOCOLS),
        learning_curve.class_gains_section(summary),
        published.section(run, summary),
        learning_curve.learning_curve_section(summary.learning_curves),
        groups.section(summary),
        reliability.section(summary),
        *more,
        corpora_section(run.corpora),
        leakage.section(run),
        result_tables.per_fold(run),
        protocol_section(run),
    )
    return tuple(
        replace(section, pictures=tuple(p for p in pictures if p.section == section.key))
        for section in found
        if section is not None
    )


def _protocol_section(name: str, summary: Summary) -> Section:
    scores = summary.scores.get(name)
    if scores is None:
        return Section(name, PROTOCOL_TITLES[name], ("No results for this protocol.",))
    results = summary.run.results[summary.run.results["protocol"] == name]
    pooled = [result_tables.pooled_accuracy(summary, name)]
    has_intervals = summary.pooled[name]["low"].notna().any()
    tables = [result_tables.unweighted_accuracy(summary, name), *(pooled if has_intervals else [])]
    more = [] if has_intervals else pooled
    more += [*result_tables.secondary(scores, name), result_tables.class_recalls(results)]
    if found := [c for c in summary.compared(name) if c.n_pairs > 1]:
        tables.append(result_tables.comparisons(found))
    others = [c for c in summary.by_other_units if c.protocol == name]
    tests = scores.index.unique("test_set")
    if others := [*others, *(c for test in tests for c in summary.compared(name, test))]:
        more.append(result_tables.comparisons(others))
    more += result_tables.confusion_tables(results, name)
    return Section(
        key=name,
        title=PROTOCOL_TITLES[name],
        lead=(INTRO[name],),
        tables=tuple(tables),
        more=tuple(more),
        more_title="Other measures, recall by class, and confusion matrices",
    )


def html_page(
    run: Run, findings: Sequence[str], sections: Sequence[Section], downloads: Sequence[Download]
) -> str:
    """A self-contained HTML page that makes no requests and runs no other scripts."""
    loader = PackageLoader("voxaffect.report")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.trim_blocks = environment.lstrip_blocks = True
    style, script = (loader.get_source(environment, f"report.{kind}")[0] for kind in ("css", "js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
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
        style=style,
        script=script,
        script_digest=f"sha256-{digest}",  # for the content security policy
    )


def counts(run: Run) -> str:
    """Size of a run in one line."""
    card = protocol_card(run)
    numbers = (card.n_results, card.n_folds, len(card.systems), len(card.seeds))
    counted = map(plural, numbers, ("result", "fold", "system", "seed"))
    return " \N{MIDDLE DOT} ".join([*counted, plural(len(run.corpora), "corpus", "corpora")])


def inline(picture: Picture) -> str:
    """The SVG of a figure as an HTML element in the colors of the page."""
    svg = picture.svg[picture.svg.index("<svg") :]
    for color, name in SCHEME.items():
        svg = svg.replace(color, name)
    label = escape_html(picture.caption)
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def markdown_page(run: Run, findings: Sequence[str], sections: Sequence[Section]) -> str:
    """The report as Markdown, with links to the figures."""
    note = [f"> {escape(run.note)}"] if run.note else []
    blocks = [f"# {TITLE}", counts(run), *note]
    blocks.append("\n".join(f"- {escape(text)}" for text in findings))
    for section in sections:
        tables = (*section.tables, *section.more)
        blocks += [f"## {section.title}", *map(escape, section.lead), *(note if tables else [])]
        for table in tables:
            n_rows = plural(len(table.rows), "row")
            where = f"{n_rows}: see report.html, tables.tex and report.json."
            long = f"**{escape(table.title)}**\n\n{where}"
            blocks.append(long if len(table.body) > LONG else markdown(table).rstrip())
        blocks += [f"![{escape(p.caption)}](figures/{p.name}.svg)" for p in section.pictures]
    return "\n\n".join(blocks) + "\n"
