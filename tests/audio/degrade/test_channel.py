from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate

from tests.audio.degrade.sounds import band_db, degraded, power_db, silence, speech, tone
from voxaffect.audio.degrade.channel import (
    OCTAVES_HZ,
    band_limit,
    codec,
    encode,
    equalizer,
    gsm,
    mu_law,
    reverberation,
    room_response,
    telephone,
)
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform

NOISE = Waveform(np.random.default_rng(0).normal(0, 0.05, 48_000).astype(np.float32))


def test_telephone_passes_its_band_only() -> None:
    received = degraded(telephone, NOISE, companded=False).samples
    for low, high in ((400, 1000), (1000, 2000), (2000, 3300)):
        kept = band_db(received, low, high) - band_db(NOISE.samples, low, high)
        assert kept == pytest.approx(0, abs=0.1)
    for low, high in ((0, 200), (3500, 4500), (4500, 8000)):
        assert band_db(received, low, high) - band_db(NOISE.samples, low, high) < -30


@pytest.mark.parametrize("companded", [False, True])
@pytest.mark.parametrize("hz", [500, 1000, 3000])
def test_telephone_does_not_delay(hz: float, *, companded: bool) -> None:
    sent = tone(hz)
    received = degraded(telephone, sent, companded=companded).samples
    np.testing.assert_allclose(received[800:-800], sent.samples[800:-800], atol=0.005)


@pytest.mark.parametrize("level_db", [-10, -20, -30, -40])
def test_mu_law_snr_is_constant_over_levels(level_db: float) -> None:
    """ITU-T G.712 asks for 33 dB from 0 to -30 dBm0, 27 dB at -40; the code itself does better."""
    sent = np.sqrt(2) * 10 ** (level_db / 20) * np.sin(np.arange(8000) * 0.8123)
    ratio_db = power_db(sent) - power_db(mu_law(sent) - sent)
    assert 32 < ratio_db < 42


def test_mu_law_has_256_values_and_clips_at_full_scale() -> None:
    found = mu_law(np.linspace(-1.5, 1.5, 100_000))
    assert 250 <= np.unique(found).size <= 256
    assert np.abs(found).max() <= 1
    np.testing.assert_array_equal(mu_law(found), found)


def test_companding_adds_a_little_noise() -> None:
    band, companded = (degraded(telephone, speech(), companded=c).samples for c in (False, True))
    assert 30 < power_db(band) - power_db(companded - band) < 45


@given(n_samples=st.integers(1, 500), companded=st.booleans())
@settings(max_examples=20, deadline=None)
def test_telephone_keeps_the_length(n_samples: int, *, companded: bool) -> None:
    received = degraded(telephone, Waveform(NOISE.samples[:n_samples]), companded=companded)
    assert received.samples.size == n_samples


RATES = [("opus", 24), ("opus", 12), ("opus", 8), ("mp3", 64), ("mp3", 32), ("mp3", 16)]


def lag(first: Waveform, second: Waveform) -> int:
    """Lag of the peak of the cross-correlation, in samples."""
    return int(correlate(second.samples, first.samples).argmax()) - first.samples.size + 1


@pytest.mark.parametrize(("kind", "kbit_s"), RATES)
@pytest.mark.parametrize("padding_s", [0.0, 0.0123])
def test_codec_does_not_delay_and_keeps_the_length(
    kind: str, kbit_s: int, padding_s: float
) -> None:
    spoken = Waveform(np.concatenate([silence(0.5 + padding_s).samples, speech().samples]))
    received = degraded(codec, spoken, kind=kind, kbit_s=kbit_s)
    assert received.samples.size == spoken.samples.size
    # Opus at its lowest bit rates codes 8 kHz, resampled to within an eighth of a millisecond.
    assert abs(lag(spoken, received)) <= (2 if kbit_s <= 12 else 0)


@pytest.mark.parametrize(("kind", "kbit_s"), RATES)
def test_bit_rate_is_that_of_the_codec(kind: str, kbit_s: int) -> None:
    samples = np.tile(speech().samples, 5)
    size = len(encode(samples, kind, 1000 * kbit_s))
    assert size * 8 / (samples.size / SAMPLE_RATE_HZ) / 1000 == pytest.approx(kbit_s, rel=0.35)


@pytest.mark.parametrize("kind", ["opus", "mp3"])
def test_lower_bit_rates_are_worse(kind: str) -> None:
    def error(kbit_s: int) -> float:
        received = degraded(codec, speech(), kind=kind, kbit_s=kbit_s).samples
        return float(np.square(received - speech().samples).mean())

    rates = [kbit_s for name, kbit_s in RATES if name == kind]
    errors = [error(kbit_s) for kbit_s in rates]
    assert errors == sorted(errors)
    assert errors[0] > 0


@pytest.mark.parametrize(("kind", "kbit_s"), [("opus", 12), ("mp3", 16)])
def test_codec_is_deterministic_also_for_short_and_silent_recordings(
    kind: str, kbit_s: int
) -> None:
    def coded(sound: Waveform, seed: int = 0) -> Waveform:
        return degraded(codec, sound, seed, kind=kind, kbit_s=kbit_s)

    short = Waveform(speech().samples[4000:5600])
    first, again = coded(short), coded(short, 1)
    np.testing.assert_array_equal(first.samples, again.samples)
    assert first.samples.size == 1600
    assert first.rms() > 0.2 * short.rms()
    assert coded(silence(0.1)).rms() < 1e-4
    assert coded(Waveform(np.ones(1, np.float32))).samples.size == 1


def test_gsm_does_not_delay_and_has_the_band_of_a_telephone() -> None:
    received = degraded(gsm, speech())
    assert received.samples.size == speech().samples.size
    assert abs(lag(speech(), received)) <= 2
    assert band_db(received.samples, 4200, 8000) < band_db(received.samples, 300, 3400) - 55


@pytest.mark.parametrize("edge_hz", [4000, 5500, 7000])
def test_nothing_is_above_the_edge_of_a_band_and_all_below_remains(edge_hz: int) -> None:
    received = degraded(band_limit, NOISE, edge_hz=edge_hz).samples
    low = 0.9 * edge_hz
    assert band_db(received, 100, low) == pytest.approx(band_db(NOISE.samples, 100, low), abs=0.05)
    # Noise ends abruptly, and so has a spectrum above any edge at its two ends.
    inner, sent = received[800:-800] * np.hanning(46_400), NOISE.samples[800:-800]
    assert band_db(inner, edge_hz + 50, 8000) < band_db(sent, edge_hz + 50, 8000) - 80
    assert lag(NOISE, Waveform(received)) == 0


def test_gains_of_an_equalizer_are_smooth_and_within_its_range() -> None:
    click = np.zeros(8000, np.float32)
    click[4000] = 1.0
    for seed in range(5):
        heard = degraded(equalizer, Waveform(click), seed, range_db=6).samples
        gains_db = 20 * np.log10(np.abs(np.fft.rfft(heard)))
        assert np.abs(gains_db).max() <= 6.01
        assert np.ptp(gains_db) > 2
        steps = gains_db[np.round(OCTAVES_HZ[1:] / 2).astype(int)]  # bins of 2 Hz
        assert np.abs(np.diff(steps)).max() > 1  # octaves have gains of their own
        np.testing.assert_allclose(heard[4001:4100], heard[3999:3900:-1], atol=1e-6)  # no phase


def test_an_equalizer_of_no_range_changes_nothing() -> None:
    same = degraded(equalizer, speech(), range_db=0).samples
    np.testing.assert_allclose(same, speech().samples, atol=1e-7)


def schroeder_rt60_s(response: np.ndarray) -> float:
    """Backward integration (Schroeder 1965), line from -5 to -35 dB (T30 of ISO 3382-1)."""
    remaining = np.cumsum(response[::-1] ** 2)[::-1]
    decay_db = 10 * np.log10(remaining / remaining[0])
    fitted = np.flatnonzero((decay_db <= -5) & (decay_db >= -35))
    return float(-60 / (np.polyfit(fitted, decay_db[fitted], 1)[0] * SAMPLE_RATE_HZ))


@pytest.mark.parametrize("rt60_s", [0.3, 0.8])
def test_reverberation_time_is_as_stated(rt60_s: float) -> None:
    rooms = [room_response(np.random.default_rng(seed), rt60_s, 0) for seed in range(8)]
    measured = [schroeder_rt60_s(room[1:]) for room in rooms]
    assert measured == pytest.approx([rt60_s] * 8, rel=0.06)
    assert np.mean(measured) == pytest.approx(rt60_s, rel=0.02)


@pytest.mark.parametrize("ratio_db", [-3, 0, 6])
def test_direct_to_reverberant_ratio_is_as_stated(ratio_db: float) -> None:
    direct, *room = room_response(np.random.default_rng(0), 0.3, ratio_db)
    assert 10 * np.log10(direct**2 / np.sum(np.square(room))) == pytest.approx(ratio_db)


def test_reverberation_keeps_direct_sound_and_length() -> None:
    click = np.zeros(1600, np.float32)
    click[200] = 0.5
    room: dict[str, Any] = {"rt60_s": 0.8, "direct_to_reverberant_db": 3}
    received = degraded(reverberation, Waveform(click), 1, **room).samples
    assert received.size == click.size
    np.testing.assert_allclose(received[:201], click[:201], atol=1e-6)
    assert np.abs(received[201:]).max() > 1e-3


def test_every_seed_is_another_room() -> None:
    room: dict[str, Any] = {"rt60_s": 0.3, "direct_to_reverberant_db": 3}
    rooms = [degraded(reverberation, speech(), seed, **room).samples for seed in (0, 0, 1)]
    np.testing.assert_array_equal(rooms[0], rooms[1])
    assert not np.array_equal(rooms[0], rooms[2])
