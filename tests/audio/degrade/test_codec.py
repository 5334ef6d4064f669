from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import correlate

from tests.audio.degrade.sounds import silence, speech
from voxaffect.audio.degrade.codec import ENCODERS, Codec, Kind, encode
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform

RATES = [("opus", 24), ("opus", 12), ("opus", 8), ("mp3", 64), ("mp3", 32), ("mp3", 16)]


def lag(first: Waveform, second: Waveform) -> int:
    """Where the cross-correlation of two equally long sounds peaks, in samples."""
    return int(correlate(second.samples, first.samples).argmax()) - first.samples.size + 1


@pytest.mark.parametrize(("kind", "kbit_s"), RATES)
@pytest.mark.parametrize("padding_s", [0.0, 0.0123])
def test_the_codec_delays_nothing_and_keeps_the_length(
    kind: Kind, kbit_s: int, padding_s: float
) -> None:
    spoken = Waveform(np.concatenate([silence(0.5 + padding_s).samples, speech().samples]))
    heard = Codec(kind, kbit_s).apply(spoken, 0)
    assert heard.samples.size == spoken.samples.size
    # Opus at its lowest codes 8 kHz, whose resampling is known to an eighth of a millisecond.
    assert abs(lag(spoken, heard)) <= (2 if kbit_s <= 12 else 0)


@pytest.mark.parametrize(("kind", "kbit_s"), RATES)
def test_the_rate_is_the_one_asked_for(kind: Kind, kbit_s: int) -> None:
    samples = np.tile(speech().samples, 5)
    size = len(encode(samples, ENCODERS[kind], 1000 * kbit_s))
    assert size * 8 / (samples.size / SAMPLE_RATE_HZ) / 1000 == pytest.approx(kbit_s, rel=0.35)


@pytest.mark.parametrize("kind", ["opus", "mp3"])
def test_less_is_worse(kind: Kind) -> None:
    def error(kbit_s: int) -> float:
        heard = Codec(kind, kbit_s).apply(speech(), 0).samples
        return float(np.square(heard - speech().samples).mean())

    rates = [kbit_s for name, kbit_s in RATES if name == kind]
    errors = [error(kbit_s) for kbit_s in rates]
    assert errors == sorted(errors)
    assert errors[0] > 0


@pytest.mark.parametrize(("kind", "kbit_s"), [("opus", 12), ("mp3", 16)])
def test_short_and_silent_recordings_come_back_and_nothing_is_random(
    kind: Kind, kbit_s: int
) -> None:
    codec = Codec(kind, kbit_s)
    short = Waveform(speech().samples[4000:5600])
    first, again = codec.apply(short, 0), codec.apply(short, 1)
    np.testing.assert_array_equal(first.samples, again.samples)
    assert first.samples.size == 1600
    assert first.rms() > 0.2 * short.rms()
    assert codec.apply(silence(0.1), 0).rms() < 1e-4
    assert codec.apply(Waveform(np.ones(1, np.float32)), 0).samples.size == 1
