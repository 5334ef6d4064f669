"""Babble: several other people speak at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from voxaffect.audio.degrade.activity import speech_activity
from voxaffect.audio.degrade.degradation import Samples
from voxaffect.audio.degrade.noise import AtRatio, add
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError


@dataclass(frozen=True)
class Babble(AtRatio):
    """Voices of other people, each at the same active speech level, their sum below the speech.

    Args:
        snr_db: active speech level above the mean power of all voices together.
        n_talkers: recordings that are mixed; six are no longer understood one by one.
        talkers: recordings of other speakers, given by `among`; each begins anywhere, and again
            when it has ended.
    """

    snr_db: float
    n_talkers: int = 6
    talkers: tuple[Waveform, ...] = field(default=(), compare=False, repr=False)

    @property
    def name(self) -> str:
        """Its name in the catalogue."""
        return f"babble-{self.snr_db:g}db"

    def among(self, talkers: Sequence[Waveform]) -> Babble:
        """The babble of some recordings."""
        return replace(self, talkers=tuple(talkers))

    def apply(self, waveform: Waveform, seed: int) -> Waveform:
        """Speech among voices.

        Raises:
            AudioError: a recording is silent, or there is nobody else to speak.
        """
        if not self.talkers:
            raise AudioError(
                f"{waveform.name}: babble takes recordings of other speakers, and there are none; "
                "add a corpus, or leave babble out"
            )
        rng = np.random.default_rng(seed)
        voices = [_voice(talker, waveform.samples.size, rng) for talker in self.talkers]
        return add(waveform, np.sum(voices, axis=0), self.snr_db)


def _voice(talker: Waveform, n_samples: int, rng: np.random.Generator) -> Samples:
    """A recording at an active speech level of 0 dB, from anywhere on and round, (n_samples,)."""
    begin = int(rng.integers(talker.samples.size))
    here = np.arange(begin, begin + n_samples) % talker.samples.size
    return talker.samples[here] * 10 ** (-speech_activity(talker).level_db / 20)
