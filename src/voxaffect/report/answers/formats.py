"""The formats whose answers are told one by one, by their names on the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from voxaffect.report.answers.answer import Answer
from voxaffect.report.answers.audacity import audacity_label
from voxaffect.report.answers.comma_separated import csv_header, csv_row
from voxaffect.report.answers.json_lines import json_line
from voxaffect.report.answers.web_vtt import vtt_cue, vtt_header


@dataclass(frozen=True)
class Format:
    """How answers become text.

    Args:
        begin: what comes before them.
        entry: one of them.
        media_type: of the text.
        suffix: of files that hold the answers of one recording each, since they cannot tell more
            than one apart; None where they can.
    """

    begin: Callable[[], str]
    entry: Callable[[Answer], str]
    media_type: str
    suffix: str | None = None


FORMATS: Mapping[str, Format] = {
    "json": Format(str, json_line, "application/json"),
    "csv": Format(csv_header, csv_row, "text/csv; charset=utf-8; header=present"),
    "audacity": Format(str, audacity_label, "text/plain; charset=utf-8", ".txt"),
    "vtt": Format(vtt_header, vtt_cue, "text/vtt; charset=utf-8", ".vtt"),
}
