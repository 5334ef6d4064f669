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
from voxaffect.audio.degrade.channel import band_limit, codec
from voxaffect.audio.degrade.line import hum, offset
from voxaffect.audio.degrade.padding import noise_around, zeros_around
from voxaffect.audio.quality import (
    DIFFERENCES,
    MIN_BANDWIDTH_HZ,
    MUSIC_THRESHOLD,
    RATIOS_DB,
    SHAPE,
    WINDOW,
    bandwidth_hz,
    estimate_snr_db,
    music_likelihood,
    power_spectra,
    quality_warnings,
    tone_likelihood,
)
from voxaffect.audio.waveform import Waveform
from voxaffect.simulation.sounds import made_sounds


def edge_hz(samples: NDArray[np.float32]) -> float:
    return bandwidth_hz(power_spectra(samples))


def codes(samples: NDArray[np.floating]) -> set[str]:
    """Codes of the warnings for a recording."""
    return {warning.code for warning in quality_warnings(Waveform(samples.astype(np.float32)))}


@pytest.mark.parametrize("rate_hz", [6_000, 8_000, 11_025, 12_000, 14_000])
def test_bandwidth_is_half_the_original_sample_rate(rate_hz: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    narrow = soxr.resample(soxr.resample(noise, 16_000, rate_hz), rate_hz, 16_000)
    assert edge_hz(narrow) == pytest.approx(rate_hz / 2, abs=125)


def rounded(samples: NDArray[np.floating]) -> NDArray[np.floating]:
    """As a 16-bit file has them, with dither of a triangular distribution."""
    rng = np.random.default_rng(0)
    dither = rng.uniform(-0.5, 0.5, (2, samples.size)).sum(axis=0)
    return np.asarray(np.round(samples * 32_768 + dither) / 32_768)


@pytest.mark.parametrize("level", [1.0, 0.03], ids=["usual level", "30 dB quieter"])
@pytest.mark.parametrize("band_hz", [3400, 4000, 5500, 6000, 6500, 7000, 7250])
def test_speech_of_a_narrower_band_than_the_training_data_is_warned_of(
    band_hz: int, level: float
) -> None:
    for take in takes(5):
        narrow = band_limit(take, edge_hz=band_hz) * level
        assert "narrow-band" in codes(narrow)
        assert "narrow-band" in codes(rounded(narrow))
        # What is below the least noise that counts is not seen.
        least_hz = band_hz - (400 if level == 1 else 2000)
        assert least_hz <= edge_hz(narrow.astype(np.float32)) <= band_hz


def test_noise_in_pauses_and_the_least_noise_everywhere_do_not_widen_a_band() -> None:
    rng = np.random.default_rng(0)
    for take in takes(5):
        narrow = Waveform(band_limit(take.normalized(), edge_hz=6000).astype(np.float32))
        room = noise_around(narrow, rng, before_s=0, after_s=3, level_db=-80)
        least = narrow.samples + 10 ** (-90 / 20) * rng.normal(size=narrow.samples.size)
        for heard in (room, least):
            assert "narrow-band" in codes(heard)


@pytest.mark.parametrize(("kind", "kbit_s", "is_narrow"), [("mp3", 24, True), ("opus", 16, False)])
def test_codecs_that_cut_the_band_are_warned_of(kind: str, kbit_s: int, *, is_narrow: bool) -> None:
    for take in takes(5):
        heard = codec(take, kind=kind, kbit_s=kbit_s)
        assert (edge_hz(heard.astype(np.float32)) <= MIN_BANDWIDTH_HZ) == is_narrow


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


def tonal(samples: NDArray[np.floating]) -> float:
    return tone_likelihood(power_spectra(samples.astype(np.float32)))


@pytest.mark.parametrize(
    "name", ["tone 100 Hz", "tone 1000 Hz", "rising sweep", "falling sweep", "busy signal"]
)
def test_steady_and_gliding_tones_are_tones(name: str) -> None:
    sound = made_sounds()[name]
    assert tonal(sound.samples) > 0.8
    assert "tone" in codes(sound.samples)
    pause = np.random.default_rng(0).normal(0, 1e-4, 16_000)
    assert "tone" in codes(np.concatenate([pause, sound.samples, pause]))


def test_voices_melodies_and_noise_are_no_tones() -> None:
    assert max(tonal(take.samples) for take in takes(20)) < 0.3
    for name in ("white noise", "plucked melody", "cat", "dog", "major chord"):
        assert tonal(made_sounds()[name].samples) < 0.2


def test_tone_likelihood_of_a_short_recording_is_zero() -> None:
    tone = np.sin(np.arange(4 * WINDOW) * 0.2)
    assert tonal(tone) == 0.0
    assert tonal(np.tile(tone, 2)) == 1.0


def test_tone_at_an_end_of_the_spectrum() -> None:
    assert tonal(np.cos(np.pi * np.arange(8 * WINDOW))) == 1.0
    assert tonal(np.ones(8 * WINDOW)) == 1.0


@pytest.mark.parametrize("name", ["white noise", "pink noise", "muted microphone", "brown noise"])
def test_noise_alone_is_noise(name: str) -> None:
    assert {"noise", "noisy"} <= codes(made_sounds()[name].samples)


def test_an_offset_hum_or_digital_silence_changes_no_warning() -> None:
    (take,) = takes(1)
    spoken = take.normalized()
    noise = np.random.default_rng(0).normal(0, 0.5 * spoken.rms(), spoken.samples.size)
    noisy = Waveform((spoken.samples + noise).astype(np.float32))
    narrow = DEGRADATIONS["phone-band"].apply(spoken, 0)
    for waveform in (spoken, noisy, narrow):
        before = quality_warnings(waveform)
        for value in (0.005, 0.02, -0.05):
            moved = offset(waveform, value=value)
            assert quality_warnings(Waveform(moved.astype(np.float32))) == before
        silent = zeros_around(waveform, before=16_000, after=12_345)
        assert quality_warnings(Waveform(silent.astype(np.float32))) == before
        humming = hum(waveform, hz=50, level_db=-50)
        assert codes(humming) == {warning.code for warning in before}


def test_silence_and_constants_have_no_warnings() -> None:
    for value in (0.0, 0.1):
        assert quality_warnings(Waveform(np.full(16_000, value, np.float32))) == ()


def faulty(fault: str) -> Waveform:
    (take,) = takes(1)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 2 * take.rms(), take.samples.size)
    made: dict[str, NDArray[np.floating]] = {
        "noise": take.samples + 2 * noise,
        "tone": made_sounds()["tone 440 Hz"].samples,
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
        ("noise", r"noise \(speech, if there is any, is about \d+ dB below it\)"),
        ("tone", r"no voice \(a single tone in \d+% of it\)"),
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


def test_real_speech_is_no_tone_and_no_noise_and_has_the_whole_band(real_corpora: Path) -> None:
    """Five recordings of URDU are narrower, and many of ASED were low-pass filtered."""
    for name in TUNED_ON:
        paths = sorted((real_corpora / name).rglob("*.flac"))[::10]
        found = [codes(decode(path).samples) for path in paths]
        assert not any({"tone", "noise"} & each for each in found)
        assert sum("narrow-band" in each for each in found) <= 0.05 * len(found)
