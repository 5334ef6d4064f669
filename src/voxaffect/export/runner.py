"""Inference of an exported recognizer by onnxruntime, without PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits
from voxaffect.audio.quality import quality_warnings
from voxaffect.audio.waveform import Waveform, gain
from voxaffect.errors import ArtifactError, ExportError
from voxaffect.export.side_car import (
    LONGEST_S,
    NOVELTY,
    PROBABILITIES,
    REMEDY,
    SAMPLES,
    TIMELINE,
    SideCar,
    output_shapes,
    read_pair,
)
from voxaffect.features.frames import refuse_short
from voxaffect.recognizer.prediction import (
    Prediction,
    label_of,
    named,
    unfamiliar,
)
from voxaffect.recognizer.recording import Recording, waveform_of
from voxaffect.taxonomy import EMOTION
from voxaffect.utterance.functionals import functionals


@dataclass
class OnnxRecognizer:
    """Answers as the recognizer does that it was exported from."""

    session: Any  # onnxruntime's, of the file
    about: SideCar
    limits: DecodeLimits = DEFAULT_LIMITS  # on recordings, of `LONGEST_S` at most

    def __post_init__(self) -> None:
        longest = min(self.limits.max_duration_s, LONGEST_S)
        self.limits = replace(self.limits, max_duration_s=longest)

    @classmethod
    def load(cls, path: Path, limits: DecodeLimits = DEFAULT_LIMITS) -> OnnxRecognizer:
        """Read an exported recognizer; its operators are ONNX's own, so this runs no code.

        Raises:
            ArtifactError: a file is missing, changed, of another format or no such recognizer.
            ExportError: onnxruntime is missing.
        """
        about, content = read_pair(path)
        session = _session(path, content)
        inputs = {node.name for node in session.get_inputs()}
        outputs = {node.name for node in session.get_outputs()}
        if inputs != {SAMPLES} or outputs != set(output_shapes(about.classes)):
            raise ArtifactError(f"{path}: takes or gives what its side car does not say; {REMEDY}")
        return cls(session, about, limits)

    @property
    def card(self) -> Mapping[str, Any]:
        """Card of the recognizer that was exported."""
        return self.about.card

    def predict(self, recordings: Sequence[Recording], /) -> list[Prediction]:
        """Predictions for files, encoded bytes, waveforms or utterances.

        Raises:
            AudioError: a recording cannot be decoded, is silent, shorter than a frame or too long.
        """
        return [self._predict(waveform_of(recording, self.limits)) for recording in recordings]

    def _predict(self, waveform: Waveform) -> Prediction:
        gain(waveform.rms(), waveform.name)  # the file's own; here it refuses silence
        refuse_short([waveform], self.about.grid)
        classes = self.about.classes
        names = list(output_shapes(classes))
        outputs = self.session.run(names, {SAMPLES: waveform.samples})
        given: dict[str, NDArray[np.float32]] = dict(zip(names, outputs, strict=True))
        novelty, posteriors = float(given[NOVELTY]), given[TIMELINE]
        warnings = (*quality_warnings(waveform), *unfamiliar(novelty))
        return Prediction(
            name=waveform.name,
            label=label_of(classes[EMOTION.name], given[PROBABILITIES], warnings),
            probabilities=named(classes[EMOTION.name], given[PROBABILITIES]),
            subtasks={t: named(classes[t], given[t]) for t in classes if t != EMOTION.name},
            duration_s=waveform.duration_s,
            warnings=warnings,
            novelty=novelty,
            posteriors=posteriors,
            times_s=self.about.grid.centers_s(len(posteriors)),
            embedding=functionals(posteriors),
        )


def _session(path: Path, content: bytes) -> Any:
    """Onnxruntime's session of a file's bytes; errors as `OnnxRecognizer.load`."""
    try:
        import onnxruntime  # noqa: PLC0415 (optional)
        from onnxruntime.capi import onnxruntime_pybind11_state as faults  # noqa: PLC0415
    except ImportError as fault:
        raise ExportError(
            f"{path}: an exported recognizer runs on the library onnxruntime, which is not "
            "installed; run pip install 'voxaffect[onnx]'"
        ) from fault
    try:
        return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except (
        faults.Fail,
        faults.InvalidArgument,
        faults.InvalidGraph,
        faults.InvalidProtobuf,
        faults.NotImplemented,
        faults.RuntimeException,
    ) as fault:
        raise ArtifactError(f"{path}: onnxruntime cannot read it ({fault}); {REMEDY}") from fault
