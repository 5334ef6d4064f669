"""Degradation of a recording under a name, and the seed of each utterance."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import Waveform

CLEAN = "clean"  # name of the condition without degradation

Samples = NDArray[np.floating]  # audio at 16 kHz, (n_samples,)


@dataclass(frozen=True)
class Degradation:
    """Degradation of a recording.

    Samples beyond full scale are not clipped unless that is the degradation. Severities of one kind
    draw the same random numbers from the same seed: the same noise, only louder.
    """

    group: str  # kind of degradation, such as `noise`
    name: str  # kind and severity, such as `white-10db`
    severity: str  # with its unit, such as `10 dB SNR`
    effect: partial[Samples]
    """Function of a waveform, a random generator and talkers (other speakers) to samples; its
    keyword arguments are everything else that decides them."""

    def settings(self) -> dict[str, Any]:
        """JSON values of everything that decides the result, except the seed and talkers."""
        kind = self.effect.func.__name__.title().replace("_", "")
        return {"kind": kind, **self.effect.keywords}

    @property
    def n_talkers(self) -> int:
        """Number of recordings of other speakers that are mixed to babble."""
        return int(self.effect.keywords.get("n_talkers", 0))

    def apply(self, waveform: Waveform, seed: int, talkers: Sequence[Waveform] = ()) -> Waveform:
        """Degrade a waveform at the level of `normalized`, on which companding depends.

        Equal arguments give equal bits; what is not defined, such as noise relative to silence, is
        an `AudioError`.
        """
        samples = self.effect(waveform, np.random.default_rng(seed), talkers)
        return Waveform(samples.astype(np.float32), waveform.name)


def clean(waveform: Waveform, *_: Any) -> Samples:
    """Samples of the recording itself."""
    return waveform.samples


AS_RECORDED = Degradation(CLEAN, CLEAN, "as recorded", partial(clean))
"""No degradation, for comparison."""


def utterance_seed(utterance_id: str, seed: int) -> int:
    """Seed of an utterance, independent of other utterances and of their order."""
    return int.from_bytes(hashlib.sha256(f"{seed} {utterance_id}".encode()).digest()[:8])
