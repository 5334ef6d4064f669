"""What an exported recogniser takes and gives is called; a subtask by its own name."""

from __future__ import annotations

from collections.abc import Mapping

from voxaffect.taxonomy import EMOTION

SAMPLES = "samples"
"""Input: float32 (n_samples,), 16 kHz mono as decoded, full scale 1."""

PROBABILITIES = "probabilities"
"""Output: float32 (C,), of the emotion classes."""

TIMELINE = "timeline"
"""Output: float32 (T, C), posterior of each emotion class in each frame."""

NOVELTY = "novelty"
"""Output: float32 (), distance from the training corpora, above 1 unfamiliar."""


def output_shapes(n_classes: Mapping[str, int]) -> dict[str, tuple[int | str, ...]]:
    """Shape of each output, of task -> number of classes; "n_frames" is what only a call tells."""
    subtasks: dict[str, tuple[int | str, ...]] = {
        task: (n,) for task, n in n_classes.items() if task != EMOTION.name
    }
    n_emotions = n_classes[EMOTION.name]
    return {
        PROBABILITIES: (n_emotions,),
        TIMELINE: ("n_frames", n_emotions),
        NOVELTY: (),
        **subtasks,
    }
