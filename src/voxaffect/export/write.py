"""ONNX export: a trained recognizer as an ONNX file and its sidecar."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from voxaffect.errors import ArtifactError
from voxaffect.export.classifier import answer, answered
from voxaffect.export.decision import mean
from voxaffect.export.features import features, refuse_features
from voxaffect.export.graph import FLOAT, Op, Value, build
from voxaffect.export.novelty import novelty
from voxaffect.export.side_car import (
    EMBEDDING,
    NOVELTY,
    PROBABILITIES,
    SAMPLES,
    SOUND,
    SPANS,
    SPEECH_S,
    TIMELINE,
    SideCar,
    output_shapes,
    side_car_path,
)
from voxaffect.export.speech import spoken
from voxaffect.files import write_atomically, write_text
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.recognizer.serialization import plain
from voxaffect.taxonomy import EMOTION, TASKS


def graph_of(recognizer: TrainedRecognizer) -> bytes:
    """Bytes of an ONNX file that predicts as a trained recognizer does.

    Input and outputs are those of `side_car`. Outputs are NaN for recordings that Python refuses or
    in which it finds too little speech; `speech_s` says which of both.

    Raises:
        ExportError: the features or the classifier cannot be exported, or onnxscript is missing.
    """
    refuse_features(recognizer.extractor)
    side_car = side_car_of(recognizer)

    def stages(op: Op, samples: Value) -> Mapping[str, Value]:
        speech = spoken(op, samples, recognizer.extractor.grid.window_samples)
        framed = features(op, speech.samples, recognizer.extractor)
        outputs = _outputs(op, framed, recognizer)
        known = {name: op.Where(speech.usable, of, math.nan) for name, of in outputs.items()}
        return {**known, SPEECH_S: speech.seconds, SPANS: speech.spans, SOUND: speech.sound}

    inputs = [(SAMPLES, np.float32, ["n_samples"])]
    return build(stages, inputs, side_car.outputs, integers=(SPANS,))


def _outputs(op: Op, frames: Value, recognizer: TrainedRecognizer) -> dict[str, Value]:
    """Outputs by name, of frames float32 (T, F)."""
    said = answer(op, frames, recognizer.classifier)
    outputs = {
        PROBABILITIES: op.Squeeze(op.Cast(said.probabilities, to=FLOAT), [0]),
        EMBEDDING: said.embedding,
        NOVELTY: novelty(op, frames, recognizer.novelty_),
    }
    for task, by_frame in (said.posteriors or {}).items():
        if task == EMOTION.name:
            outputs[TIMELINE] = by_frame
        else:
            outputs[task] = op.Squeeze(mean(op, by_frame), [0])
    return outputs


def side_car_of(recognizer: TrainedRecognizer) -> SideCar:
    """What goes beside the file; ExportError if the classifier cannot be exported."""
    tasks, n_embedding = answered(recognizer.classifier)
    named = dict.fromkeys([EMOTION.name, *tasks])
    classes = {task: TASKS[task].classes for task in named}
    outputs = output_shapes(classes, n_embedding, has_timeline=bool(tasks))
    extractor, card = recognizer.extractor, plain(recognizer.card)
    return SideCar(classes, outputs, extractor.names, extractor.grid, card)


def export(recognizer: TrainedRecognizer, out: Path) -> None:
    """Write a recognizer to `out`, an ONNX file, and its sidecar, `out` plus `.json`.

    If killed between the two, they do not match and are refused by `read_pair`.

    Raises:
        ArtifactError: the files cannot be written, or the name does not end in `.onnx`.
        ExportError: the features or the classifier cannot be exported, or onnxscript is missing.
        TrainingError: the recognizer is not trained.
    """
    if out.suffix != ".onnx":
        raise ArtifactError(f"{out}: the name must end in .onnx; choose another name")
    recognizer.refuse_untrained()
    graph = graph_of(recognizer)
    text = side_car_of(recognizer).text(graph, recognizer.novelty_.false_alarms)
    try:
        with write_atomically(out) as file:
            file.write(graph)
        write_text(side_car_path(out), text)
    except OSError as fault:
        raise ArtifactError(
            f"{out}: cannot be written ({fault.strerror}); choose another path"
        ) from fault
