"""The report as one page that needs nothing else, and as Markdown."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from html import escape as escape_html
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from voxaffect import __version__
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.scores.card import protocol_card
from voxaffect.report.downloads import Download
from voxaffect.report.figures.style import INK, PAPER, RULE, Picture
from voxaffect.report.section import Section
from voxaffect.report.table import Table, escape, markdown, plural

TITLE = "Speech emotion recognition across corpora"
LONG = 40
"""Rows from which a table scrolls in a box of its own, and Markdown leaves it to the page."""

# What the page's style sheet calls the colours of a drawing, in its light and its dark scheme.
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
    """The drawing as an element of the page, in the page's colours."""
    svg = picture.svg[picture.svg.index("<svg") :]
    for colour, name in SCHEME.items():
        svg = svg.replace(colour, name)
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
