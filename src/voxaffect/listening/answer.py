"""What is said of an utterance while it lasts."""

from __future__ import annotations

from dataclasses import dataclass, field

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.features.frames import FrameGrid
from voxaffect.listening.hearing import Verdict
from voxaffect.prediction import named
from voxaffect.taxonomy import EMOTION, TASKS


@dataclass(frozen=True)
class LiveAnswer:
    """What is said of an utterance so far.

    Args:
        label: the emotion class of the highest probability; None where nothing was heard yet: all
            samples are silent, or there are too few.
        probabilities: emotion class -> probability; empty where nothing was heard.
        subtasks: task -> class -> mean posterior, for the subtasks that the net has learned.
        heard_s: seconds of the utterance that the answer rests on.
        pushed_s: seconds of it that had been pushed.
    """

    label: str | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    subtasks: dict[str, dict[str, float]] = field(default_factory=dict)
    heard_s: float = 0.0
    pushed_s: float = 0.0


def answer_of(verdict: Verdict | None, n_samples: int, grid: FrameGrid) -> LiveAnswer:
    """The answer for an utterance.

    Args:
        verdict: on its frames; None where nothing was heard.
        n_samples: that had been pushed.
        grid: where the frames lie.
    """
    pushed_s = n_samples / SAMPLE_RATE_HZ
    if verdict is None:
        return LiveAnswer(pushed_s=pushed_s)
    heard = (verdict.n_frames - 1) * grid.hop_samples + grid.window_samples
    return LiveAnswer(
        EMOTION.classes[int(verdict.probabilities.argmax())],
        named(EMOTION.classes, verdict.probabilities),
        {task: named(TASKS[task].classes, values) for task, values in verdict.subtasks.items()},
        heard / SAMPLE_RATE_HZ,
        pushed_s,
    )
