"""Help as plain text: Rich, which draws boxes around it, takes longer to load than all the rest."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

MOST_COLUMNS = 100
"""Lines that are longer are hard to read, however wide the terminal is."""

WHOLE = 10_000
"""Letters of a first sentence that are shown: all of them, on as many lines as it takes."""


class PlainHelpGroup(TyperGroup):
    """Commands whose help wraps sentences and keeps examples; their list has a heading a panel."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for command in self.commands.values():
            command.help = keep_examples(command.help or "")

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands and what they do below the headings of their panels."""
        panels: dict[str, list[tuple[str, str]]] = {}
        names = self.list_commands(ctx)
        for name in names:
            command = self.commands[name]
            heading = getattr(command, "rich_help_panel", None) or "Commands"
            row = name.ljust(max(map(len, names))), command.get_short_help_str(WHOLE)
            panels.setdefault(heading, []).append(row)
        for heading, rows in panels.items():
            with formatter.section(heading):
                formatter.write_dl(rows)


def keep_examples(text: str) -> str:
    r"""Have paragraphs that are indented shown as they are written; Click's mark for it is \b."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(f"\b\n{each}" if each.startswith(" ") else each for each in paragraphs)
