"""Writing a trained recogniser as an ONNX file with its side car."""

from __future__ import annotations

from pathlib import Path

from voxaffect.artefact import plain
from voxaffect.audio.waveform import TARGET_RMS
from voxaffect.errors import ArtefactError, TrainingError
from voxaffect.export.chain import graph_of
from voxaffect.export.side_car import SideCar, side_car_path
from voxaffect.files import write_atomically, write_text
from voxaffect.recognizer import Recognizer
from voxaffect.taxonomy import TASKS


def export(recognizer: Recognizer, out: Path) -> None:
    """Write a recogniser as `out`, an ONNX file, and its side car, `out` with `.json` behind it.

    Killed between the two, it leaves a pair that does not fit and is refused.

    Raises:
        ArtefactError: the files cannot be written, or the name does not end in `.onnx`.
        ExportError: the recogniser's features cannot become ONNX, or onnxscript is missing.
        TrainingError: the recogniser was never trained.
    """
    if out.suffix != ".onnx":
        raise ArtefactError(
            f"{out}: an exported recogniser's name ends in .onnx; choose such a one"
        )
    if not hasattr(recognizer.classifier, "net_"):
        raise TrainingError("this recogniser was never trained; fit it, or load a trained one")
    graph = graph_of(recognizer)
    try:
        with write_atomically(out) as file:
            file.write(graph)
        write_text(side_car_path(out), _side_car(recognizer).text(graph))
    except OSError as fault:
        raise ArtefactError(
            f"{out}: cannot be written ({fault.strerror}); choose another place"
        ) from fault


def _side_car(recognizer: Recognizer) -> SideCar:
    return SideCar(
        classes={task: TASKS[task].classes for task in recognizer.settings.task_weights},
        features=recognizer.extractor.names,
        grid=recognizer.extractor.grid,
        target_rms=TARGET_RMS,
        false_alarms=recognizer.novelty_.false_alarms,
        card=plain(recognizer.card),
    )
