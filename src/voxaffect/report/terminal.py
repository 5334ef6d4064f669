"""What a run came to, short enough for a terminal: the paper's four tables and the findings."""

from __future__ import annotations

from voxaffect.evaluation.summary import Summary
from voxaffect.report import facts, tables
from voxaffect.report.table import escape, markdown
from voxaffect.report.words import findings


def terminal_markdown(summary: Summary) -> str:
    """Note, Tables 1 to 4 and what they say, as Markdown."""
    run = summary.run
    shown = [
        facts.overview(run.corpora),
        *(tables.unweighted_accuracy(summary, table) for table in summary.tables),
        *(
            tables.confusion(table, system)
            for table in summary.tables
            if table.protocol == "aggregated"
            for system in table.systems
        ),
    ]
    note = [f"> {escape(run.note)}"] if run.note else []
    said = "\n".join(f"- {escape(text)}" for text in findings(run, summary))
    return "\n\n".join([*note, *map(markdown, shown), said]) + "\n"
