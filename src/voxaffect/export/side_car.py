"""Sidecar file of an exported recognizer: inputs, outputs, metadata and checksums, as JSON.

`model.onnx.json` describes `model.onnx`. It has a canonical form, like the header of a saved
recognizer, so that any changed byte is detected. Neither PyTorch nor ONNX is imported.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from voxaffect.audio.waveform import MAX_SAMPLE, SAMPLE_RATE_HZ, SILENCE_RMS, TARGET_RMS
from voxaffect.errors import ArtifactError, FeatureError
from voxaffect.features.frames import FrameGrid
from voxaffect.files import json_with_digest
from voxaffect.taxonomy import EMOTION
from voxaffect.version import __version__

SAMPLES = "samples"  # input: float32 (n_samples,), 16 kHz mono as decoded, full scale 1
PROBABILITIES, TIMELINE, NOVELTY = "probabilities", "timeline", "novelty"
EMBEDDING, SPEECH_S, SPANS, SOUND = "embedding", "speech_s", "spans", "sound"

Shapes = Mapping[str, Sequence[int | str]]


def output_shapes(
    classes: Mapping[str, Sequence[str]], n_embedding: int, *, has_timeline: bool
) -> dict[str, tuple[int | str, ...]]:
    """Shapes of the outputs; sizes that begin with "n_" are dynamic.

    All are float32 but the spans, int64: probabilities of the emotions; their posteriors in each
    frame, where the classifier has them; the distance from the training corpora, above 1
    out-of-distribution; high-level features; seconds of speech, and first sample and end of each
    stretch; the recording without digital silence and rumble; mean posteriors of the subtasks.

    Args:
        classes: task -> its classes.
        n_embedding: number of high-level features.
        has_timeline: whether frames have posteriors.
    """
    n_classes = {task: len(names) for task, names in classes.items()}
    n_emotions = n_classes.pop(EMOTION.name)
    timeline = {TIMELINE: ("n_frames", n_emotions)} if has_timeline else {}
    return {
        PROBABILITIES: (n_emotions,),
        **timeline,
        NOVELTY: (),
        EMBEDDING: (n_embedding,),
        SPEECH_S: (),
        SPANS: ("n_spans", 2),
        SOUND: ("n_sound",),
        **{task: (n,) for task, n in n_classes.items()},
    }


FORMAT = 2

LONGEST_S = 600.0  # longest recording for onnxruntime, which needs about 1 MB per second
REMEDY = "export the recognizer again"


class SideCar(NamedTuple):
    """What an exported recognizer predicts, from what."""

    classes: Mapping[str, tuple[str, ...]]  # task -> names of its classes, emotion included
    outputs: Shapes  # output -> sizes of its axes
    features: tuple[str, ...]  # names of the F frame features
    grid: FrameGrid  # positions of the frames
    card: Mapping[str, Any]  # the recognizer's: training corpora, seed, versions

    def text(self, onnx: bytes, false_alarms: float) -> str:
        """Content; `false_alarms` is the in-distribution share with a novelty above 1."""
        return json_with_digest(
            {
                "format": FORMAT,
                "voxaffect": __version__,
                "onnx_sha256": hashlib.sha256(onnx).hexdigest(),
                "input": {
                    "name": SAMPLES,
                    "sample_rate_hz": SAMPLE_RATE_HZ,
                    "type": "float32",
                    "shape": ["n_samples"],
                    "channels": 1,
                    "full_scale": 1.0,
                },
                "limits": {
                    "shortest_samples": self.grid.window_samples,
                    "longest_s": LONGEST_S,
                    "silence_rms": SILENCE_RMS,
                    "greatest": MAX_SAMPLE,
                },
                "outputs": self.outputs,
                "classes": self.classes,
                "grid": asdict(self.grid),
                "features": self.features,
                "target_rms": TARGET_RMS,
                "false_alarms": false_alarms,
                "card": self.card,
            }
        )


def side_car_path(onnx: Path) -> Path:
    """`model.onnx` -> `model.onnx.json`."""
    return onnx.with_name(f"{onnx.name}.json")


def read_pair(onnx: Path) -> tuple[SideCar, bytes]:
    """Sidecar and ONNX bytes; a missing or changed file, or another format, is `ArtifactError`."""
    content, path = _read(onnx), side_car_path(onnx)
    text = _read(path)
    try:
        fields: dict[str, Any] = json.loads(text)
        version = fields["format"]
        is_whole = json_with_digest(fields).encode() == text and "onnx_sha256" in fields
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as fault:
        raise ArtifactError(f"{path}: damaged ({fault}); {REMEDY}") from fault
    if version != FORMAT:
        raise ArtifactError(
            f"{path}: format {version!r} is not supported (expected {FORMAT}); {REMEDY}"
        )
    if not is_whole:
        raise ArtifactError(f"{path}: was changed after the export; {REMEDY}")
    if hashlib.sha256(content).hexdigest() != fields["onnx_sha256"]:
        raise ArtifactError(f"{onnx}: does not match {path.name}; {REMEDY}")
    try:
        classes = {task: tuple(names) for task, names in fields["classes"].items()}
        grid = FrameGrid(fields["grid"]["window_s"], fields["grid"]["hop_s"])
        outputs = {name: tuple(shape) for name, shape in fields["outputs"].items()}
        card = dict(fields["card"])
        return SideCar(classes, outputs, tuple(fields["features"]), grid, card), content
    except (LookupError, TypeError, ValueError, AttributeError, FeatureError) as fault:
        raise ArtifactError(f"{path}: invalid content ({fault}); {REMEDY}") from fault


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as fault:
        raise ArtifactError(
            f"{path}: file not found; an exported recognizer is two files, copy both"
        ) from fault
    except OSError as fault:
        raise ArtifactError(f"{path}: cannot be read ({fault.strerror}); {REMEDY}") from fault
