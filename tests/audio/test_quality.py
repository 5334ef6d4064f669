"""Each quality warning is raised by its own fault, and none by clean speech."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray
from scipy.signal import stft

from tests.speech import notes, takes
from voxaffect.audio.decode import decode
from voxaffect.audio.degrade import DEGRADATIONS
from voxaffect.audio.quality import (
    DIFFERENCES,
    MUSIC_THRESHOLD,
    RATIOS_DB,
    SHAPE,
    WINDOW,
    bandwidth_hz,
    estimate_snr_db,
    music_likelihood,
    power_spectra,
    quality_warnings,
)
from voxaffect.audio.waveform import Waveform


def edge_hz(samples: NDArray[np.float32]) -> float:
    return bandwidth_hz(power_spectra(samples))


@pytest.mark.parametrize("rate_hz", [6_000, 8_000, 11_025])
def test_bandwidth_is_half_the_original_sample_rate(rate_hz: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    narrow = soxr.resample(soxr.resample(noise, 16_000, rate_hz), rate_hz, 16_000)
    assert edge_hz(narrow) == pytest.approx(rate_hz / 2, abs=250)


@pytest.mark.parametrize("line", ["phone-band", "phone-mulaw"])
def test_bandwidth_distinguishes_telephone_and_microphone(line: str) -> None:
    for take in takes(6):
        assert edge_hz(take.samples) > 6_000
        assert edge_hz(DEGRADATIONS[line].apply(take, 0).samples) <= 4_250


def test_bandwidth_of_less_than_a_window_is_full() -> None:
    assert edge_hz(np.ones(1023, np.float32)) == 8_000


@pytest.mark.parametrize("ratio_db", [-5.0, 5.0, 15.0, 30.0])
def test_snr_table_matches_gamma_speech_in_gaussian_noise(ratio_db: float) -> None:
    rng = np.random.default_rng(0)
    n = 1_000_000
    speech = rng.gamma(SHAPE, 1 / np.sqrt(SHAPE * (SHAPE + 1)), n) * rng.choice([-1, 1], n)
    mixed = np.abs(speech * 10 ** (ratio_db / 20) + rng.normal(size=n))
    difference = np.log(mixed.mean()) - np.log(mixed).mean()
    assert np.interp(ratio_db, RATIOS_DB, DIFFERENCES) == pytest.approx(difference, abs=0.005)


def test_snr_table_increases() -> None:
    assert (np.diff(DIFFERENCES) > 0).all()


def test_snr_falls_with_noise_and_ignores_gain() -> None:
    rng = np.random.default_rng(1)
    for take in takes(4):
        noise = rng.normal(size=take.samples.size).astype(np.float32) * np.float32(take.rms())
        mixed = [take.samples + noise * np.float32(10 ** (-db / 20)) for db in (30, 15, 5, -5)]
        found = [estimate_snr_db(samples) for samples in (take.samples, *mixed)]
        assert found == sorted(found, reverse=True)
        assert found[0] > 20
        assert found[-2] < 8
        assert estimate_snr_db(mixed[1] * take.samples.dtype.type(1 / 64)) == pytest.approx(
            found[2], abs=1e-3
        )


def test_digital_silence_is_not_noise() -> None:
    (take,) = takes(1)
    with_pauses = np.concatenate([take.samples, np.zeros(16_000, np.float32)])
    assert estimate_snr_db(with_pauses) == 50


def test_power_spectra_match_scipy() -> None:
    (take,) = takes(1)
    taper = np.hanning(WINDOW)
    _, _, transforms = stft(  # type: ignore[call-overload]  # no boundary is documented
        take.samples.astype(np.float64),
        window=taper,
        nperseg=WINDOW,
        noverlap=0,
        boundary=None,
        padded=False,
        scaling="spectrum",
    )
    power = np.square(np.abs(transforms * taper.sum())).T
    np.testing.assert_allclose(power_spectra(take.samples), power, rtol=1e-3, atol=1e-7)


def test_power_spectra_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    (take,) = takes(1)
    whole = power_spectra(take.samples)
    monkeypatch.setattr("voxaffect.audio.quality.BLOCK_WINDOWS", 7)
    np.testing.assert_array_equal(power_spectra(take.samples), whole)


def test_less_than_a_window_has_no_spectrum() -> None:
    assert power_spectra(np.ones(WINDOW - 1, np.float32)).shape == (0, WINDOW // 2 + 1)
    assert power_spectra(np.ones(WINDOW, np.float32)).shape == (1, WINDOW // 2 + 1)


SCALE = (262.0, 294.0, 330.0, 349.0, 392.0, 440.0, 494.0, 523.0)


def share(samples: NDArray[np.floating]) -> float:
    return music_likelihood(power_spectra(samples.astype(np.float32)))


@pytest.mark.parametrize("seconds", [0.4, 0.8])
def test_melody_is_music(seconds: float) -> None:
    assert share(notes(SCALE, seconds)) > 0.5


def test_chords_and_sines_are_music() -> None:
    chord = sum(notes((f,), 2.0) for f in (262.0, 330.0, 392.0))
    assert isinstance(chord, np.ndarray)
    sine = np.sin(2 * np.pi * 300 * np.arange(32_000) / 16_000).astype(np.float32)
    assert share(chord) > 0.8
    assert share(sine) > 0.9


def test_speech_and_noise_are_not_music() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    assert share(noise) < 0.05
    assert max(share(take.samples) for take in takes(20)) < 0.3


def test_music_likelihood_does_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    melody = notes(SCALE, 0.3)
    whole = share(melody)
    monkeypatch.setattr("voxaffect.audio.quality.BLOCK_WINDOWS", 5)
    assert share(melody) == pytest.approx(whole, abs=0.05)


def test_music_likelihood_of_a_short_recording_is_zero() -> None:
    assert share(notes((262.0,), 0.3)) == 0.0


def faulty(fault: str) -> Waveform:
    (take,) = takes(1)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 2 * take.rms(), take.samples.size)
    made: dict[str, NDArray[np.floating]] = {
        "short": take.samples[8_000:14_000],
        "clipped": np.clip(take.samples * 40, -1, 1),
        "noisy": take.samples + noise,
        "music": notes(SCALE, 0.5),
        "narrow-band": DEGRADATIONS["phone-band"].apply(take, 0).samples,
    }
    return Waveform(made[fault].astype(np.float32), fault)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("short", r"short \(0\.38 s\)"),
        ("clipped", r"clipped \(\d+% of samples at full scale\)"),
        ("noisy", r"noisy \(speech about -\d+ dB above noise\)"),
        ("music", r"music-like \(steady tones in \d+% of it\)"),
        ("narrow-band", r"narrow band \(nothing above 3\.\d kHz\)"),
    ],
)
def test_each_fault_raises_its_warning(fault: str, text: str) -> None:
    found = {warning.code: str(warning) for warning in quality_warnings(faulty(fault))}
    assert fault in found
    assert re.fullmatch(text, found[fault])


def test_clean_speech_raises_no_warning() -> None:
    assert [quality_warnings(take) for take in takes(20)] == [()] * 20


TUNED_ON = ("emodb", "emovo", "ravdess", "urdu")


def test_real_speech_is_rarely_called_music(real_corpora: Path) -> None:
    """The threshold was tuned on the first four; the others are single words and long vowels."""
    for names, at_most in ((TUNED_ON, 0.01), (("ased", "turev"), 0.03)):
        paths = [path for name in names for path in sorted((real_corpora / name).rglob("*.flac"))]
        shares = np.array(
            [music_likelihood(power_spectra(decode(path).samples)) for path in paths[::15]]
        )
        assert not len(shares) or (shares > MUSIC_THRESHOLD).mean() < at_most
