"""A random line, for copies of training utterances: another microphone, band and noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from voxaffect.audio.degrade.channel import band_limit, equalizer
from voxaffect.audio.degrade.degradation import Degradation, Samples
from voxaffect.audio.waveform import Waveform

EQUALIZER_DB = 8.0  # at most, in each octave
BANDS_HZ = (3500, 4000, 5000, 6000, None)  # where the band ends; None leaves it
SNR_DB = (12.0, 35.0)  # of white noise, or of noise that is louder the lower
REDDENING = 0.9  # of the latter: each sample is so much of the one before


@dataclass(frozen=True)
class Augmentation:
    """`[augmentation]`: copies of each training utterance over random lines."""

    lines: Annotated[int, Field(ge=0)] = 0
    weight: Annotated[float, Field(gt=0, le=1)] = 0.3  # of a copy, for machines on rows
    seed: Annotated[int, Field(ge=0)] = 0


def random_line(number: int) -> Degradation:
    """The line of a copy's number; an utterance's copies have different ones."""
    effect = partial(over_a_line, number=number)
    return Degradation("augmentation", f"line-{number}", "random", effect)


def over_a_line(waveform: Waveform, rng: np.random.Generator, *_: Any, number: int) -> Samples:
    """A waveform over a line that is drawn for it; of each number another."""
    own = rng.spawn(number + 1)[number]
    heard = Waveform(
        equalizer(waveform, own, range_db=EQUALIZER_DB).astype(np.float32), waveform.name
    )
    if (edge_hz := BANDS_HZ[int(own.integers(len(BANDS_HZ)))]) is not None:
        heard = Waveform(band_limit(heard, edge_hz=edge_hz).astype(np.float32), waveform.name)
    noise: Samples = own.standard_normal(heard.samples.size)
    if own.random() < 1 / 2:
        noise = _reddened(noise)
    snr = 10 ** (own.uniform(*SNR_DB) / 20)
    level = heard.rms() / snr / float(np.sqrt(np.mean(np.square(noise))))
    return heard.samples + noise * level


def _reddened(noise: Samples) -> Samples:
    """Noise (n,) of a first-order autoregression."""
    from scipy.signal import lfilter  # noqa: PLC0415 (slow to load)

    return np.asarray(lfilter([1.0], [1.0, -REDDENING], noise))
