"""Prediction: the one result type, of a recording, a segment of one, or a stream while it lasts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.quality import QualityWarning
from voxaffect.errors import AudioError

UNFAMILIAR = 1.0
"""Novelty above which a prediction carries the warning `unfamiliar` (out-of-distribution); the
recognizer states how many utterances like those of its training corpora exceed it."""

UNSURE = "unsure"
"""Label where a warning rejects the answer, or where `Prediction.abstained` has doubts."""

NO_SPEECH = "no speech"
"""Label where too little is speech; there are no probabilities of emotion."""

REJECTING = ("tone", "music", "noise", "unfamiliar")
"""Codes of warnings with which a prediction is `UNSURE`, the most telling first: what was recorded
is no speech, or none like that of the training."""

DOUBTFUL = (*REJECTING, "noisy", "clipped", "short")
"""Codes of warnings with which a prediction is `UNSURE` where abstention is asked for. A narrow
band alone is no doubt: recognizers are trained to stand a telephone."""

NO_SPEECH_CODE = "no-speech"  # of the warning of every prediction without speech
TOO_LITTLE = "too little of it is speech"
ABSTAIN_KEY = "abstain_below"
"""Key of a recognizer's card: the threshold for `Prediction.abstained` that dev speakers chose."""

ROW_COLUMNS = ("path", "start_s", "end_s")
"""Columns by which the predictions for a table's rows can be joined to the table."""

Floats = NDArray[np.floating[Any]]


class WarningDict(TypedDict):
    """A reason to trust a prediction less: a code for programs, a text for people."""

    code: str
    text: str


class ErrorDict(TypedDict):
    """Why there is no prediction: a code for programs, a message for people."""

    code: str
    message: str


class PredictionDict(TypedDict):
    """A prediction as JSON: a line of JSON lines, and the body of HTTP responses.

    The recording and, for a segment, stream or table's row, the place in it; and what was
    recognized, where times and posteriors are those of every frame. `reason` is there where
    `emotion` is `unsure` or `no speech`; `probabilities` are empty for `no speech`.
    """

    file: str
    path: NotRequired[str]
    start_s: NotRequired[float | None]
    end_s: NotRequired[float | None]
    is_final: NotRequired[bool]
    emotion: str | None
    reason: NotRequired[str]
    probabilities: dict[str, float]
    subtasks: dict[str, dict[str, float]]
    duration_s: float
    novelty: float | None
    warnings: list[WarningDict]
    segments: NotRequired[list[PredictionDict]]
    times_s: NotRequired[list[float]]
    posteriors: NotRequired[list[list[float]]]


@dataclass(frozen=True, repr=False)
class Prediction:
    """The emotion of a recording, of a segment of one, or of a stream so far.

    Args:
        name: the recording: its path, or what the caller calls it.
        label: the emotion class of the highest probability, `UNSURE` or `NO_SPEECH` (`reason` says
            why); None where there is an `error`, or where a stream holds too little yet.
        probabilities: emotion class -> calibrated probability; empty without speech.
        subtasks: task -> class -> mean posterior, for the subtasks that the net has learned.
        duration_s: length of what was analyzed, in seconds.
        warnings: reasons to trust the prediction less.
        novelty: distance from the training corpora, 1 at the limit of what is familiar; None where
            it is unknown.
        start_s: beginning of the segment in its recording or stream, None for a whole recording.
        end_s: its end.
        is_final: whether a stream's utterance has ended; None where there is no stream.
        error: why there is no prediction, else None.
        posteriors: float32 (T, C), posterior of each emotion class in each frame.
        times_s: float64 (T,), middle of each frame, from the beginning of the segment.
        embedding: float32 (D,), the high-level features: functionals of the posteriors.
        segments: predictions of the recording's utterances, where it was segmented.
        row: columns `ROW_COLUMNS` of the table's row that the recording stands in.
        threshold: that of `abstained`, where it has made the label `UNSURE`.
    """

    name: str
    label: str | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    subtasks: dict[str, dict[str, float]] = field(default_factory=dict)
    duration_s: float = 0.0
    warnings: tuple[QualityWarning, ...] = ()
    novelty: float | None = None
    start_s: float | None = None
    end_s: float | None = None
    is_final: bool | None = None
    error: AudioError | None = None
    posteriors: NDArray[np.float32] | None = field(default=None, compare=False)
    times_s: NDArray[np.float64] | None = field(default=None, compare=False)
    embedding: NDArray[np.float32] | None = field(default=None, compare=False)
    segments: tuple[Prediction, ...] = ()
    row: Mapping[str, str] = field(default_factory=dict)
    threshold: float | None = None

    @property
    def probability(self) -> float | None:
        """The highest probability, None where there is none."""
        return max(self.probabilities.values(), default=None)

    @property
    def interval_s(self) -> tuple[float, float]:
        """Beginning and end in the recording, the whole where it was not segmented."""
        if self.start_s is None or self.end_s is None:
            return 0.0, self.duration_s
        return self.start_s, self.end_s

    @property
    def reason(self) -> str | None:
        """Why the label is `UNSURE` or `NO_SPEECH`, for people; None for an emotion."""
        if self.label == NO_SPEECH:
            return self._text_of([NO_SPEECH_CODE]) or TOO_LITTLE
        if self.label != UNSURE:
            return None
        rejected = self._text_of(REJECTING)
        if rejected is not None or self.threshold is None:
            return rejected
        return self._text_of(DOUBTFUL) or _below(self.probability or 0.0, self.threshold)

    @property
    def remarks(self) -> tuple[str, ...]:
        """The reason, if there is one, and then the texts of all other warnings."""
        texts = [warning.text for warning in self.warnings]
        return tuple(dict.fromkeys([*filter(None, [self.reason]), *texts]))

    def abstained(self, threshold: float | None) -> Prediction:
        """Abstention: the same, labeled `UNSURE` where there are doubts; None has none.

        That is, where the highest probability is below the threshold, or a warning has one of the
        codes `DOUBTFUL`.

        >>> Prediction("clip.wav", "sad", {"happy": 0.45, "sad": 0.55}).abstained(0.6).label
        'unsure'
        """
        if threshold is None or self.probability is None:
            return self
        if self.probability >= threshold and self._text_of(DOUBTFUL) is None:
            return self
        return replace(self, label=UNSURE, threshold=threshold)

    def forced(self) -> Prediction:
        """The same, labeled with the class of the highest probability where it is `UNSURE`.

        Without speech there is nothing to answer: the label stays `NO_SPEECH`.

        >>> Prediction("clip.wav", "unsure", {"happy": 0.45, "sad": 0.55}).forced().label
        'sad'
        """
        if self.label != UNSURE or not self.probabilities:
            return self
        best = max(self.probabilities, key=lambda name: self.probabilities[name])
        return replace(self, label=best, threshold=None)

    def decided(self, *, force: bool = False, abstain: float | None = None) -> Prediction:
        """As a user asks for it: `forced`, or else `abstained` with a threshold."""
        return self.forced() if force else self.abstained(abstain)

    def _text_of(self, codes: Iterable[str]) -> str | None:
        """Text of the warning with the first of some codes."""
        texts = {warning.code: warning.text for warning in self.warnings}
        return next((texts[code] for code in codes if code in texts), None)

    def to_dict(self, *, frames: bool = False) -> dict[str, Any]:
        """A `PredictionDict`, with `frames` of every frame; of an error, place and `ErrorDict`."""
        plain = self._place()
        if self.error is not None:
            return {**plain, "error": {"code": self.error.code, "message": str(self.error)}}
        plain |= {
            "emotion": self.label,
            **({} if self.reason is None else {"reason": self.reason}),
            "probabilities": self.probabilities,
            "subtasks": self.subtasks,
            "duration_s": round(self.duration_s, 3),
            "novelty": None if self.novelty is None else round(self.novelty, 3),
            "warnings": [{"code": w.code, "text": w.text} for w in self.warnings],
        }
        if self.segments:
            plain["segments"] = [segment.to_dict(frames=frames) for segment in self.segments]
        if frames and self.posteriors is not None and self.times_s is not None:
            plain["times_s"] = (self.times_s + self.interval_s[0]).round(4).tolist()
            plain["posteriors"] = self.posteriors.round(4).tolist()
        return plain

    def _place(self) -> dict[str, Any]:
        """Path and times of a table's row, or times of a segment to the sample (62.5 us)."""
        place: dict[str, Any] = {"file": self.name}
        if self.row:
            place["path"] = self.row["path"]
            for key in ("start_s", "end_s"):
                if key in self.row:
                    place[key] = float(self.row[key]) if self.row[key] else None
        elif self.start_s is not None and self.end_s is not None:
            place |= {"start_s": round(self.start_s, 6), "end_s": round(self.end_s, 6)}
        if self.is_final is not None:
            place["is_final"] = self.is_final
        return place

    def __str__(self) -> str:
        if self.label is None:
            return self._title()
        ranked = sorted(self.probabilities.items(), key=lambda item: -item[1])
        shares = ", ".join(f"{name} {share:.2f}" for name, share in ranked)
        answer = f"{self._title()} ({shares})" if shares else self._title()
        return "; ".join([answer, *self.remarks])

    def _title(self) -> str:
        """Recording and label; or why there is none."""
        where = self.name
        if self.start_s is not None and self.end_s is not None:
            where += f" {self.start_s:.2f} to {self.end_s:.2f} s"
        if self.error is not None:
            return str(self.error)
        return f"{where}: {self.label or 'nothing to recognize yet'}"

    def __repr__(self) -> str:
        said = f"label={self.label!r}"
        if self.error is not None:
            said = f"error={str(self.error)!r}"
        elif self.probability is not None:
            said += f", probability={self.probability:.2f}"
        place = "" if self.start_s is None else f", start_s={self.start_s:g}, end_s={self.end_s:g}"
        return f"Prediction({self.name!r}, {said}{place})"

    def _repr_html_(self) -> str:
        """A bar for each class, for notebooks; pale ones where the label is none of them."""
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td><progress max='1' value='{share:.3f}'></progress>"
            f"</td><td>{share:.2f}</td></tr>"
            for name, share in self.probabilities.items()
        )
        look = " style='opacity: .5'" if self.label == UNSURE else ""
        notes = "".join(f"<div>{escape(text)}</div>" for text in self.remarks)
        bars = f"<table{look}>{rows}</table>" if rows else ""
        return f"<strong>{escape(self._title())}</strong>{bars}{notes}"


def label_of(
    classes: Sequence[str], probabilities: NDArray[Any], warnings: Iterable[QualityWarning]
) -> str:
    """The label: the class of the highest probability, or `UNSURE` where a warning rejects it.

    Args:
        classes: names of the C classes.
        probabilities: their probabilities, (C,).
        warnings: those of the recording.
    """
    if any(warning.code in REJECTING for warning in warnings):
        return UNSURE
    return classes[int(np.argmax(probabilities))]


def no_speech(
    name: str,
    duration_s: float,
    warnings: Iterable[QualityWarning] = (),
    reason: str = TOO_LITTLE,
) -> Prediction:
    """The prediction for a recording of which too little is speech.

    Args:
        name: the recording.
        duration_s: its length.
        warnings: those of the recording; one of the code `no-speech` is put before them.
        reason: text of that warning.
    """
    others = [warning for warning in warnings if warning.code != NO_SPEECH_CODE]
    told = (QualityWarning(NO_SPEECH_CODE, reason), *others)
    return Prediction(name, NO_SPEECH, duration_s=duration_s, warnings=told)


def own_threshold(card: Mapping[str, Any]) -> float | None:
    """A recognizer's own threshold for `Prediction.abstained`; None where its card has none."""
    value = card.get(ABSTAIN_KEY)
    return float(value) if isinstance(value, (int, float)) and 0 < value <= 1 else None


def _below(probability: float, threshold: float) -> str:
    """That a probability is below a threshold, in as many digits as show it."""
    digits = next((n for n in (2, 3, 4) if round(probability, n) < round(threshold, n)), 6)
    return f"probability {probability:.{digits}f} below {threshold:.{digits}f}"


def unfamiliar(novelty: float) -> tuple[QualityWarning, ...]:
    """A warning where an utterance lies beyond the limit of what is familiar."""
    text = f"unlike the training corpora ({novelty:.1f} x the limit)"
    return (QualityWarning("unfamiliar", text),) if novelty > UNFAMILIAR else ()


def named(classes: Sequence[str], values: NDArray[Any]) -> dict[str, float]:
    """Values (C,) of some classes by the classes' names."""
    return dict(zip(classes, values.tolist(), strict=True))
