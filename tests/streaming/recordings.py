"""Recordings made of takes, pauses and tones, and a fake recognizer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.speech import takes
from voxaffect.audio.decode import BLOCK, DEFAULT_LIMITS, AudioStream, DecodeLimits
from voxaffect.audio.waveform import Waveform
from voxaffect.recognizer.prediction import Prediction
from voxaffect.recognizer.recording import Recording as AnyRecording
from voxaffect.recognizer.recording import waveform_of
from voxaffect.taxonomy import EMOTION

Samples = NDArray[np.floating]


def tone(seconds: float, hz: float = 200.0) -> Samples:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(round(16_000 * seconds)) / 16_000)


def with_pauses(n: int, pause_s: float) -> tuple[Samples, list[tuple[float, float]]]:
    """Takes with pauses before, between and after them, and where each lies in seconds."""
    pause = np.zeros(round(pause_s * 16_000), np.float32)
    parts, spans, at = [pause], [], pause.size
    for take in takes(n):
        spans.append((at / 16_000, (at + take.samples.size) / 16_000))
        parts += [take.samples, pause]
        at += take.samples.size + pause.size
    return np.concatenate(parts), spans


@contextmanager
def opened(samples: Samples, rate_hz: int = 16_000) -> Iterator[AudioStream]:
    """Samples as an open recording."""
    single = samples.astype(np.float32)
    blocks = (single[at : at + BLOCK] for at in range(0, single.size, BLOCK))
    yield AudioStream("made", rate_hz, single.size, blocks)


@dataclass
class FakeRecognizer:
    """Predicts the same for all, and keeps the waveforms it was given."""

    limits: DecodeLimits = DEFAULT_LIMITS
    seen: list[Waveform] = field(default_factory=list)
    card: dict[str, Any] = field(default_factory=dict)

    def predict(self, recordings: Sequence[AnyRecording]) -> list[Prediction]:
        waveforms = [waveform_of(recording, self.limits).normalized() for recording in recordings]
        self.seen += waveforms
        return [self._prediction(waveform) for waveform in waveforms]

    def _prediction(self, waveform: Waveform) -> Prediction:
        shares = dict(zip(EMOTION.classes, (0.1, 0.2, 0.3, 0.4), strict=True))
        timeline = np.full((2, 4), 0.25, np.float32)
        times = np.array([0.0125, 0.0225])
        seconds = waveform.duration_s
        return Prediction(
            waveform.name, "angry", shares, duration_s=seconds, posteriors=timeline, times_s=times
        )
