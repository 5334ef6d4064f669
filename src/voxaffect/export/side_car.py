"""Sidecar file of an exported recognizer: inputs, outputs, metadata and checksums, as JSON.

`model.onnx.json` describes `model.onnx`. It has a canonical form, like the header of a saved
recognizer, so that any changed byte is detected. Neither PyTorch nor ONNX is imported.
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
"""Output: float32 (C,), probabilities of the emotion classes."""

TIMELINE = "timeline"
"""Output: float32 (T, C), posteriors of the emotion classes in each frame."""

NOVELTY = "novelty"
"""Output: float32 (), distance from the training corpora; above 1 is out-of-distribution."""


def output_shapes(n_classes: Mapping[str, int]) -> dict[str, tuple[int | str, ...]]:
    """Shapes of the outputs, given task -> number of classes; "n_frames" is dynamic."""
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
"""Longest recording for onnxruntime, which needs about 1 MB per second."""

REMEDY = "export the recognizer again"


@dataclass(frozen=True)
class SideCar:
    """Sidecar of an exported recognizer.

    Args:
        classes: task -> names of its classes, emotion included.
        features: names of the F frame features.
        grid: positions of the frames.
        target_rms: level to which the graph normalizes recordings.
        false_alarms: share of in-distribution utterances whose novelty is above 1.
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
        """Shapes of the outputs."""
        return output_shapes({task: len(names) for task, names in self.classes.items()})

    def text(self, onnx: bytes) -> str:
        """Text of the sidecar of an ONNX file with these bytes."""
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
    """Read an exported recognizer: its sidecar, and the bytes of the ONNX file.

    Raises:
        ArtifactError: a file is missing, changed or of another format.
    """
    content = _read(onnx)
    path = side_car_path(onnx)
    fields = _read_sidecar(path)
    if hashlib.sha256(content).hexdigest() != fields["onnx_sha256"]:
        raise ArtifactError(f"{onnx}: does not match {path.name}; {REMEDY}")
    return _parse(path, fields), content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as fault:
        raise ArtifactError(
            f"{path}: file not found; an exported recognizer is two files, copy both"
        ) from fault
    except OSError as fault:
        raise ArtifactError(f"{path}: cannot be read ({fault.strerror}); {REMEDY}") from fault


def _read_sidecar(path: Path) -> dict[str, Any]:
    """Content of a sidecar, with checksum and format verified."""
    content = _read(path)
    try:
        fields: dict[str, Any] = json.loads(content)
        version = fields["format"]
        is_whole = json_with_digest(fields).encode() == content and "onnx_sha256" in fields
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as fault:
        raise ArtifactError(f"{path}: damaged ({fault}); {REMEDY}") from fault
    if version != FORMAT:
        raise ArtifactError(
            f"{path}: format {version!r} is not supported (expected {FORMAT}); {REMEDY}"
        )
    if not is_whole:
        raise ArtifactError(f"{path}: was changed after the export; {REMEDY}")
    return fields


def _parse(path: Path, fields: Mapping[str, Any]) -> SideCar:
    try:
        return SideCar(
            classes={task: tuple(names) for task, names in fields["classes"].items()},
            features=tuple(fields["features"]),
            grid=FrameGrid(fields["grid"]["window_s"], fields["grid"]["hop_s"]),
            target_rms=float(fields["target_rms"]),
            false_alarms=float(fields["false_alarms"]),
            card=dict(fields["card"]),
            voxaffect=str(fields["voxaffect"]),
        )
    except (LookupError, TypeError, ValueError, AttributeError, FeatureError) as fault:
        raise ArtifactError(f"{path}: invalid content ({fault}); {REMEDY}") from fault
