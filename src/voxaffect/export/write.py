"""ONNX export: a trained recognizer as an ONNX file and its sidecar."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from voxaffect.errors import ArtifactError, ExportError
from voxaffect.export.graph import Op, Value, build, part, table
from voxaffect.export.net import decide, leveled, mean, novelty, posteriors, standardized
from voxaffect.export.pitch import log_f0, pitch
from voxaffect.export.short_time import (
    count_frames,
    frames,
    over_time,
    power_spectrum,
    short_time,
    waves,
)
from voxaffect.export.side_car import (
    NOVELTY,
    PROBABILITIES,
    SAMPLES,
    TIMELINE,
    SideCar,
    output_shapes,
    side_car_path,
)
from voxaffect.features.frames import FrameExtractor
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.spectra import POWER_FLOOR, LogMel, mel_triangles, transform_size
from voxaffect.files import write_atomically, write_text
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.recognizer.serialization import plain
from voxaffect.systems.classifier import NetClassifier
from voxaffect.systems.kinds import NET, describe
from voxaffect.taxonomy import EMOTION, TASKS


def features(op: Op, samples: Value, extractor: FrameExtractor) -> Value:
    """Frame features, float32 (T, F), of leveled samples; other extractors are an `ExportError`."""
    n_frames = count_frames(op, samples, extractor.grid)
    if isinstance(extractor, LowLevelDescriptors):
        descriptors = short_time(op, samples, n_frames, extractor.grid)
        probability, f0_hz = pitch(op, samples, n_frames, extractor.grid, extractor.pitch)
        f0 = log_f0(op, f0_hz) if extractor.log_f0 else f0_hz
        return over_time(op, op.Concat(descriptors, probability, f0, axis=1))
    if isinstance(extractor, LogMel):
        return _log_mel(op, samples, n_frames, extractor)
    kind = extractor.settings().get("extractor", type(extractor).__name__)
    raise ExportError(
        f"features of the kind {kind!r} cannot be exported to ONNX; export a recognizer trained on "
        "low-level descriptors or log-mel spectra"
    )


def _log_mel(op: Op, samples: Value, n_frames: Value, extractor: LogMel) -> Value:
    size = extractor.grid.window_samples
    with part(op, "log_mel"):
        framed = frames(op, samples, n_frames, size, extractor.grid.hop_samples)
        windowed = framed * table(op, torch.hann_window(size).numpy(), "window")
        power = power_spectrum(op, windowed, waves(op, size, transform_size(size)))
        triangles = mel_triangles(
            transform_size(size), extractor.n_mels, extractor.low_hz, extractor.high_hz
        )
        bands = op.MatMul(power, table(op, triangles.astype(np.float32), "bands"))
        return op.Log(op.Max(bands, POWER_FLOOR))


def graph_of(recognizer: TrainedRecognizer) -> bytes:
    """Bytes of an ONNX file that predicts as a trained recognizer does.

    Input and outputs are those of `side_car`, and for every subtask, by its name, the mean
    posteriors of its classes. They are NaN for recordings that Python refuses.

    Raises:
        ExportError: the features or the classifier cannot be exported, or onnxscript is missing.
    """
    classifier = _net_of(recognizer)

    def stages(op: Op, samples: Value) -> Mapping[str, Value]:
        level, usable = leveled(op, samples, recognizer.extractor.grid.window_samples)
        framed = features(op, level, recognizer.extractor)
        outputs = _outputs(op, framed, classifier)
        outputs[NOVELTY] = novelty(op, framed, recognizer.novelty_)
        return {name: op.Where(usable, value, math.nan) for name, value in outputs.items()}

    shapes = output_shapes(_classes(recognizer))
    return build(stages, [(SAMPLES, np.float32, ["n_samples"])], shapes)


def _classes(recognizer: TrainedRecognizer) -> dict[str, tuple[str, ...]]:
    return {task: TASKS[task].classes for task in recognizer.classifier.tasks}


def _net_of(recognizer: TrainedRecognizer) -> NetClassifier:
    """The classifier, if it can be exported; else an `ExportError`."""
    kind = describe(recognizer.classifier).kind
    if kind != NET or not isinstance(recognizer.classifier, NetClassifier):
        raise ExportError(
            f"a classifier of the kind {kind!r} cannot be exported to ONNX; export a recognizer "
            "that was trained as a net with an extreme learning machine, such as dnn-mtl"
        )
    return recognizer.classifier


def _outputs(op: Op, frames: Value, classifier: NetClassifier) -> dict[str, Value]:
    """Outputs of the classifier by name, of frames float32 (T, F)."""
    elm = classifier.settings.elm
    x = standardized(op, frames, classifier.standardizer_)
    by_task = posteriors(op, x, classifier.net_)
    outputs = {
        PROBABILITIES: decide(
            op,
            list(by_task.values()) if elm.subtasks else [by_task[EMOTION.name]],
            classifier.elm_,
            EMOTION.n_classes,
            threshold=elm.threshold,
            temperature=classifier.calibration_.temperature,
        ),
        TIMELINE: by_task.pop(EMOTION.name),
    }
    subtasks = {task: op.Squeeze(mean(op, values), [0]) for task, values in by_task.items()}
    return {**outputs, **subtasks}


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
    extractor, card = recognizer.extractor, plain(recognizer.card)
    side_car = SideCar(_classes(recognizer), extractor.names, extractor.grid, card)
    text = side_car.text(graph, recognizer.novelty_.false_alarms)
    try:
        with write_atomically(out) as file:
            file.write(graph)
        write_text(side_car_path(out), text)
    except OSError as fault:
        raise ArtifactError(
            f"{out}: cannot be written ({fault.strerror}); choose another path"
        ) from fault
