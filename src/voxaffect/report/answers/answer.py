"""What every format tells: a recording or one of its utterances, and what is said of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from voxaffect.recognizer.prediction import Prediction

UNSURE = "unsure"
"""Label of an answer whose highest probability is too low to count."""

PLACE = ("path", "start_s", "end_s")
"""Columns by which the answers for a table's rows can be joined to the table."""

INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's categories of what would break a line or a terminal: controls, marks that turn the
direction of writing, halves of characters, separators of lines and paragraphs."""


@dataclass(frozen=True)
class Answer:
    """One line of any format.

    Args:
        file: the recording, as the user knows it.
        label: an emotion class, or `UNSURE`.
        prediction: all that is said.
        start_s: beginning of the utterance in the recording, None where that was not cut.
        end_s: its end.
        place: what a table's row says under `PLACE`, as it is written there; else nothing.
    """

    file: str
    label: str
    prediction: Prediction
    start_s: float | None = None
    end_s: float | None = None
    place: Mapping[str, str] = field(default_factory=dict)

    @property
    def interval_s(self) -> tuple[float, float]:
        """Beginning and end in the recording, the whole where that was not cut."""
        if self.start_s is None or self.end_s is None:
            return 0.0, self.prediction.duration_s
        return self.start_s, self.end_s


def label_of(prediction: Prediction, abstain: float | None) -> str:
    """The label, or `UNSURE` where its probability is below `abstain`."""
    sure = abstain is None or max(prediction.probabilities.values()) >= abstain
    return prediction.label if sure else UNSURE


def visible(text: str) -> str:
    r"""Text on one line: what cannot be seen or would break it becomes an escape, such as \n."""
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in INVISIBLE else c
        for c in text
    )


def caption(answer: Answer) -> str:
    """Label, its probability and the codes of warnings, for a few centimeters of a time line."""
    highest = max(answer.prediction.probabilities.values())
    codes = ", ".join(caveat.code for caveat in answer.prediction.warnings)
    return f"{answer.label} {highest:.0%}" + (f" ({codes})" if codes else "")
