"""The whole chain of a trained recogniser as one graph: samples in, probabilities out."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from voxaffect.export.decision import decide, mean
from voxaffect.export.descriptors import features
from voxaffect.export.graph import Input, Op, Value, build
from voxaffect.export.level import levelled
from voxaffect.export.names import NOVELTY, PROBABILITIES, SAMPLES, TIMELINE, output_shapes
from voxaffect.export.net import posteriors, standardised
from voxaffect.export.novelty import novelty
from voxaffect.recognizer import Recognizer
from voxaffect.taxonomy import EMOTION, TASKS


def graph_of(recognizer: Recognizer) -> bytes:
    """The bytes of an ONNX file that answers as a trained recogniser does.

    It takes `samples`, float32 (n_samples,), 16 kHz mono as decoded, and gives `probabilities`
    (C,) of the emotion classes, `timeline` (T, C), posteriors of each frame, `novelty` (), and of
    every subtask, called by its name, the mean posteriors of its classes: all float32. What Python
    refuses is answered by NaN.

    Raises:
        ExportError: the recogniser's features cannot become ONNX, or onnxscript is missing.
    """

    def stages(op: Op, samples: Value) -> Mapping[str, Value]:
        level, usable = levelled(op, samples, recognizer.extractor.grid.window_samples)
        answers = _answers(op, features(op, level, recognizer.extractor), recognizer)
        return {name: op.Where(usable, value, math.nan) for name, value in answers.items()}

    shapes = output_shapes(
        {task: TASKS[task].n_classes for task in recognizer.settings.task_weights}
    )
    return build(stages, [Input(SAMPLES, np.float32, ["n_samples"])], shapes)


def _answers(op: Op, frames: Value, recognizer: Recognizer) -> dict[str, Value]:
    """All outputs by name, of frames float32 (T, F)."""
    classifier, elm = recognizer.classifier, recognizer.settings.elm
    x = standardised(op, frames, classifier.standardizer_)
    by_task = posteriors(op, x, classifier.net_)
    probabilities = decide(
        op,
        list(by_task.values()) if elm.subtasks else [by_task[EMOTION.name]],
        classifier.elm_,
        EMOTION.n_classes,
        threshold=elm.threshold,
        temperature=classifier.calibration_.temperature,
    )
    timeline = by_task.pop(EMOTION.name)
    subtasks = {task: op.Squeeze(mean(op, values), [0]) for task, values in by_task.items()}
    return {
        PROBABILITIES: probabilities,
        TIMELINE: timeline,
        NOVELTY: novelty(op, x, recognizer.novelty_),
        **subtasks,
    }
