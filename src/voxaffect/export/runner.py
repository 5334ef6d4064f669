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
from voxaffect.audio.stretches import times_in_recording
from voxaffect.audio.waveform import Waveform, gain
from voxaffect.errors import ArtifactError, ExportError
from voxaffect.export.side_car import (
    EMBEDDING,
    LONGEST_S,
    NOVELTY,
    PROBABILITIES,
    REMEDY,
    SAMPLES,
    SOUND,
    SPANS,
    SPEECH_S,
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
    no_speech,
    unfamiliar,
)
from voxaffect.recognizer.recording import Recording, waveform_of
from voxaffect.taxonomy import EMOTION


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
        outputs = {node.name: tuple(node.shape) for node in session.get_outputs()}
        if inputs != {SAMPLES} or outputs != about.outputs or outputs != _expected(about):
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
        names = list(self.about.outputs)
        outputs = self.session.run(names, {SAMPLES: waveform.samples})
        given: dict[str, NDArray[Any]] = dict(zip(names, outputs, strict=True))
        if not given[SPEECH_S] > 0:
            return _without_speech(waveform, is_refused=np.isnan(given[SPEECH_S]))
        spans: NDArray[np.int64] = given[SPANS]
        n_speech = int(np.diff(spans).sum())
        refuse_short([Waveform(np.zeros(n_speech, np.float32), waveform.name)], self.about.grid)
        classes, novelty, posteriors = (
            self.about.classes,
            float(given[NOVELTY]),
            given.get(TIMELINE),
        )
        warnings = (*quality_warnings(waveform, given[SOUND]), *unfamiliar(novelty))
        times_s = None
        if posteriors is not None:
            times_s = times_in_recording(spans, self.about.grid.centers_s(len(posteriors)))
        return Prediction(
            name=waveform.name,
            label=label_of(classes[EMOTION.name], given[PROBABILITIES], warnings),
            probabilities=named(classes[EMOTION.name], given[PROBABILITIES]),
            subtasks={t: named(classes[t], given[t]) for t in classes if t != EMOTION.name},
            duration_s=waveform.duration_s,
            warnings=warnings,
            novelty=novelty,
            posteriors=posteriors,
            times_s=times_s,
            embedding=given[EMBEDDING],
        )


def _expected(about: SideCar) -> Mapping[str, Sequence[int | str]]:
    """Outputs of a file with these classes."""
    n_embedding = about.outputs.get(EMBEDDING, (0,))[0]
    has_timeline = TIMELINE in about.outputs
    return output_shapes(about.classes, int(n_embedding), has_timeline=has_timeline)


def _without_speech(waveform: Waveform, *, is_refused: bool) -> Prediction:
    """The prediction for a recording with too little speech; AudioError for a silent one."""
    if is_refused:
        gain(0.0, waveform.name)
    return no_speech(waveform.name, waveform.duration_s)


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
