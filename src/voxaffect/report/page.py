"""The report as one page that needs nothing else, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape as escape_html

from jinja2 import Environment, PackageLoader, StrictUndefined

from voxaffect import __version__
from voxaffect.evaluation.run import Run
from voxaffect.report.figures.style import INK, PAPER, RULE, Picture
from voxaffect.report.section import Section
from voxaffect.report.table import escape, markdown

TITLE = "Speech emotion recognition across corpora"

# What the page's style sheet calls the colours of a drawing, in its light and its dark scheme.
SCHEME = {INK: "var(--ink)", RULE: "var(--rule)", PAPER: "var(--paper)"}


def html_page(run: Run, findings: tuple[str, ...], sections: tuple[Section, ...]) -> str:
    """A self-contained HTML page: no script, no request, drawings inlined."""
    environment = Environment(
        loader=PackageLoader("voxaffect.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        title=TITLE,
        version=__version__,
        note=run.note,
        findings=findings,
        sections=sections,
        inline=inline,
    )


def inline(picture: Picture) -> str:
    """The drawing as an element of the page, in the page's colours."""
    svg = picture.svg[picture.svg.index("<svg") :]
    for colour, name in SCHEME.items():
        svg = svg.replace(colour, name)
    label = escape_html(picture.caption)
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def markdown_page(run: Run, findings: tuple[str, ...], sections: tuple[Section, ...]) -> str:
    """The same as Markdown, with drawings as files beside it."""
    blocks = [f"# {TITLE}", *_note(run), "\n".join(f"- {escape(text)}" for text in findings)]
    for section in sections:
        blocks += [f"## {section.title}", *map(escape, section.lead)]
        if section.tables or section.more:
            blocks += _note(run)
        blocks += [markdown(table).rstrip() for table in (*section.tables, *section.more)]
        blocks += [f"![{escape(p.caption)}](figures/{p.name}.svg)" for p in section.pictures]
    return "\n\n".join(blocks) + "\n"


def _note(run: Run) -> Iterator[str]:
    if run.note:
        yield f"> {escape(run.note)}"
