"""Base class of degradations, and the seed of each utterance."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import Waveform

CLEAN = "clean"  # name of the condition without degradation

Samples = NDArray[np.floating]
"""Audio at 16 kHz, (n_samples,)."""


class Degradation(ABC):
    """Degradation of a recording. Subclasses are frozen dataclasses.

    Samples beyond full scale are not clipped unless that is the degradation. Severities of one kind
    draw the same random numbers from the same seed: the same noise, only louder.
    """

    group: str
    """Kind of degradation, such as `noise`."""

    @property
    def name(self) -> str:
        """Kind and severity, such as `white-10db`."""
        return self._describe()[0]

    @property
    def severity(self) -> str:
        """Severity with its unit, such as `10 dB SNR`."""
        return self._describe()[1]

    @abstractmethod
    def _describe(self) -> tuple[str, str]:
        """Name and severity."""

    @abstractmethod
    def apply(self, waveform: Waveform, seed: int) -> Waveform:
        """Degrade a recording; equal samples and seeds give equal bits.

        Args:
            waveform: at the level of `Waveform.normalized`, on which companding depends.
            seed: of all random numbers, see `utterance_seed`.

        Raises:
            AudioError: not defined for this recording, such as noise relative to silence.
        """

    def settings(self) -> dict[str, Any]:
        """JSON values of everything that decides the result, except the seed."""
        compared = [f.name for f in fields(cast("Any", self)) if f.compare]
        return {"kind": type(self).__name__, **{name: getattr(self, name) for name in compared}}


@dataclass(frozen=True)
class Clean(Degradation):
    """No degradation, for comparison."""

    name: str = CLEAN
    group: str = CLEAN
    severity: str = "as recorded"

    def _describe(self) -> tuple[str, str]:
        return self.name, self.severity

    def apply(self, waveform: Waveform, seed: int) -> Waveform:  # noqa: ARG002 nothing is random
        """Return the recording itself."""
        return waveform


def utterance_seed(utterance_id: str, seed: int) -> int:
    """Seed of an utterance, independent of other utterances and of their order."""
    return int.from_bytes(hashlib.sha256(f"{seed} {utterance_id}".encode()).digest()[:8])


def fit_length(samples: Samples, waveform: Waveform) -> Waveform:
    """Samples cut or zero-padded to the length of a waveform, with its name."""
    n_samples = waveform.samples.size
    fitted = np.pad(samples[:n_samples], (0, max(0, n_samples - samples.size)))
    return Waveform(fitted.astype(np.float32), waveform.name)
