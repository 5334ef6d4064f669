"""The JSON beside an exported recognizer: what its file takes and gives, and both files' digests.

It lies beside `model.onnx` as `model.onnx.json`. It has one spelling, like the header of a saved
recognizer, so that a changed byte shows wherever it lies. Nothing here knows PyTorch or ONNX.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voxaffect.audio.waveform import MAX_SAMPLE, SAMPLE_RATE_HZ, SILENCE_RMS
from voxaffect.errors import ArtifactError, FeatureError
from voxaffect.features.frames import FrameGrid
from voxaffect.files import json_with_digest
from voxaffect.taxonomy import EMOTION
from voxaffect.version import __version__

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


FORMAT = 1

LONGEST_S = 600.0
"""Longest recording that the light way answers: the file takes about 1 MB a second of it."""

REMEDY = "export the recognizer again"


@dataclass(frozen=True)
class SideCar:
    """What an exported recognizer takes and gives.

    Args:
        classes: task -> names of its classes, emotion among them.
        features: names of the F frame features.
        grid: where the frames lie.
        target_rms: level that the file brings recordings to.
        false_alarms: share of utterances like the training's whose novelty is above 1.
        card: the recognizer's: training corpora, seed, versions.
        voxaffect: version that exported it.
    """

    classes: Mapping[str, tuple[str, ...]]
    features: tuple[str, ...]
    grid: FrameGrid
    target_rms: float
    false_alarms: float
    card: Mapping[str, Any]
    voxaffect: str = __version__

    @property
    def outputs(self) -> dict[str, tuple[int | str, ...]]:
        """Shape of each output of the file."""
        return output_shapes({task: len(names) for task, names in self.classes.items()})

    def text(self, onnx: bytes) -> str:
        """The side car of a file with these bytes."""
        grid = self.grid
        return json_with_digest(
            {
                "format": FORMAT,
                "voxaffect": self.voxaffect,
                "onnx_sha256": hashlib.sha256(onnx).hexdigest(),
                "input": {"name": SAMPLES, "sample_rate_hz": SAMPLE_RATE_HZ, **INPUT},
                "limits": {
                    "shortest_samples": grid.window_samples,
                    "longest_s": LONGEST_S,
                    "silence_rms": SILENCE_RMS,
                    "greatest": MAX_SAMPLE,
                },
                "outputs": self.outputs,
                "classes": self.classes,
                "grid": {"window_s": grid.window_s, "hop_s": grid.hop_s},
                "features": self.features,
                "target_rms": self.target_rms,
                "false_alarms": self.false_alarms,
                "card": self.card,
            }
        )


INPUT = {"type": "float32", "shape": ["n_samples"], "channels": 1, "full_scale": 1.0}


def side_car_path(onnx: Path) -> Path:
    """`model.onnx` -> `model.onnx.json`."""
    return onnx.with_name(f"{onnx.name}.json")


def read_pair(onnx: Path) -> tuple[SideCar, bytes]:
    """Side car and bytes of an exported recognizer.

    Args:
        onnx: the file; its side car lies beside it.

    Raises:
        ArtifactError: a file is missing, changed or of another format.
    """
    content = _read(onnx)
    path = side_car_path(onnx)
    stated = _stated(path)
    if hashlib.sha256(content).hexdigest() != stated["onnx_sha256"]:
        raise ArtifactError(f"{onnx}: is not the file that {path.name} describes; {REMEDY}")
    return _parse_side_car(path, stated), content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as fault:
        raise ArtifactError(
            f"{path}: is missing; an exported recognizer is two files, copy both"
        ) from fault
    except OSError as fault:
        raise ArtifactError(f"{path}: cannot be read ({fault.strerror}); {REMEDY}") from fault


def _stated(path: Path) -> dict[str, Any]:
    """What a side car says, its digest and format checked."""
    content = _read(path)
    try:
        stated: dict[str, Any] = json.loads(content)
        version = stated["format"]
        is_whole = json_with_digest(stated).encode() == content and "onnx_sha256" in stated
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as fault:
        raise ArtifactError(f"{path}: damaged ({fault}); {REMEDY}") from fault
    if version != FORMAT:
        raise ArtifactError(
            f"{path}: format {version!r} where this version reads {FORMAT}; {REMEDY}"
        )
    if not is_whole:
        raise ArtifactError(f"{path}: has changed since it was exported; {REMEDY}")
    return stated


def _parse_side_car(path: Path, stated: Mapping[str, Any]) -> SideCar:
    try:
        return SideCar(
            classes={task: tuple(names) for task, names in stated["classes"].items()},
            features=tuple(stated["features"]),
            grid=FrameGrid(stated["grid"]["window_s"], stated["grid"]["hop_s"]),
            target_rms=float(stated["target_rms"]),
            false_alarms=float(stated["false_alarms"]),
            card=dict(stated["card"]),
            voxaffect=str(stated["voxaffect"]),
        )
    except (LookupError, TypeError, ValueError, AttributeError, FeatureError) as fault:
        raise ArtifactError(f"{path}: is not understood ({fault}); {REMEDY}") from fault
