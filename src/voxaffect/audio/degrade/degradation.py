"""What every degradation is, and where its randomness comes from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import Waveform

CLEAN = "clean"
"""Name of the recording as it is."""

Samples = NDArray[np.floating]
"""Sound at 16 kHz, (n_samples,)."""


class Degradation(Protocol):
    """Something that happens to a recording: a frozen value, which alone decides what it does.

    It never clips unless that is what it does: samples beyond full scale stay as they are. Several
    severities of one kind draw the same random numbers from the same seed, so that the same noise
    is louder and nothing else differs.
    """

    @property
    def name(self) -> str:
        """Its name in the catalog: what it is and how strong, `white-10db`."""

    @property
    def group(self) -> str:
        """What it is a kind of, such as `noise`."""

    @property
    def severity(self) -> str:
        """How strong it is, as a quantity with its unit, `10 dB SNR`."""

    def apply(self, waveform: Waveform, seed: int) -> Waveform:
        """The recording degraded: the same bits for the same samples and seed.

        Args:
            waveform: at the level of `Waveform.normalized`, on which companding depends.
            seed: of all its random choices; `utterance_seed` gives every utterance its own.

        Raises:
            AudioError: it is not defined for this recording, such as noise relative to silence.
        """


@dataclass(frozen=True)
class Clean:
    """No degradation: what the others are compared with."""

    name: str = CLEAN
    group: str = CLEAN
    severity: str = "as recorded"

    def apply(self, waveform: Waveform, seed: int) -> Waveform:  # noqa: ARG002 nothing is random
        """The recording itself."""
        return waveform


def degradation_settings(degradation: Degradation) -> dict[str, Any]:
    """Everything that decides what a degradation, a dataclass, does: plain values."""
    compared = [f.name for f in fields(cast("Any", degradation)) if f.compare]
    values = {name: getattr(degradation, name) for name in compared}
    return {"kind": type(degradation).__name__, **values}


def utterance_seed(utterance_id: str, seed: int) -> int:
    """The seed of one utterance: it depends on no other utterance, nor on any order."""
    return int.from_bytes(hashlib.sha256(f"{seed} {utterance_id}".encode()).digest()[:8])


def fit_length(samples: Samples, waveform: Waveform) -> Waveform:
    """What has become of a recording, cut or filled with silence to its length."""
    n_samples = waveform.samples.size
    fitted = np.pad(samples[:n_samples], (0, max(0, n_samples - samples.size)))
    return Waveform(fitted.astype(np.float32), waveform.name)
