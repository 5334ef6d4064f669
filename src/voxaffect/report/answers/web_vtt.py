"""Captions as browsers and players show them (WebVTT, https://www.w3.org/TR/webvtt1/)."""

from __future__ import annotations

from voxaffect.report.answers.answer import Answer, caption, visible

ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""Outside these, `-->` in a text would be taken for times."""


def vtt_header() -> str:
    """What a file begins with."""
    return "WEBVTT\n"


def vtt_cue(answer: Answer) -> str:
    """One answer; a file of captions belongs to one recording, whose name it does not tell."""
    start_s, end_s = answer.interval_s
    text = visible(caption(answer)).translate(ESCAPES)
    return f"\n{_clock(start_s)} --> {_clock(end_s)}\n{text}\n"


def _clock(seconds: float) -> str:
    """Hours, minutes, seconds and milliseconds."""
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds / 1000:06.3f}"
