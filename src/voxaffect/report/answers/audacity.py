"""Labels as Audacity imports them: start, end and text, with tabs between them, a line a label.

https://manual.audacityteam.org/man/importing_and_exporting_labels.html
"""

from __future__ import annotations

from voxaffect.report.answers.answer import Answer, caption, visible


def audacity_label(answer: Answer) -> str:
    """One answer; a label track belongs to one recording, whose name it does not tell."""
    start_s, end_s = answer.interval_s
    return f"{start_s:.6f}\t{end_s:.6f}\t{visible(caption(answer))}\n"
