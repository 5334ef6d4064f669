from __future__ import annotations

from pathlib import Path

import numpy as np
import parselmouth
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.features.lld import reference
from voxaffect.errors import FeatureError
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld.autocorrelation import PeakAnalyzer, Peaks
from voxaffect.features.lld.pitch import (
    MAX_BELOW_DB,
    DecoderSettings,
    PitchCandidates,
    PitchDecoder,
    PitchTrack,
    running_max_power,
    score_candidates,
    track_pitch,
)
from voxaffect.features.lld.pitch_settings import RATE_HZ, PitchSettings
from voxaffect.features.packing import PackedAudio, split_chunks

SETTINGS = PitchSettings()
SCORING = DecoderSettings.of(SETTINGS, hop_s=0.01)


def candidates(
    f0_hz: float, height: float, power: float = 1.0, loudest: float = 1.0
) -> PitchCandidates:
    """Candidates of a frame with a single peak."""
    lag, heights = np.array([[RATE_HZ / f0_hz]], np.float32), np.array([[height]], np.float32)
    peaks = Peaks(lag, heights, np.array([power], np.float32))
    return score_candidates(peaks, np.array([loudest]), SCORING)


def unvoiced(below_db: float) -> float:
    return float(candidates(100, 0.5, power=10 ** (-below_db / 10)).score[0, 0])


def test_the_strength_of_a_peak_is_its_height_and_gains_with_octaves() -> None:
    low, high = candidates(100.0, 0.8), candidates(400.0, 0.8)
    np.testing.assert_allclose(high.octave - low.octave, [[0, 2]], atol=1e-5)
    np.testing.assert_allclose(
        high.score[0, 1] - low.score[0, 1], 2 * SETTINGS.octave_cost, atol=1e-6
    )
    np.testing.assert_allclose(low.f0_hz, [[0, 100]], rtol=1e-6)
    np.testing.assert_allclose([low.probability, high.probability], 0.8, rtol=1e-6)


@pytest.mark.parametrize(("f0_hz", "height"), [(74.0, 0.9), (601.0, 0.9), (200.0, -np.inf)])
def test_out_of_range_and_missing_peaks_are_no_candidates(f0_hz: float, height: float) -> None:
    none = candidates(f0_hz, height)
    assert np.isneginf(none.score[0, 1])
    assert np.isfinite(none.octave).all()
    assert none.probability[0] == 0


def test_the_unvoiced_score_grows_with_softness_up_to_a_limit() -> None:
    assert unvoiced(0) == pytest.approx(SETTINGS.voicing_threshold)
    assert unvoiced(10) - unvoiced(0) == pytest.approx(SETTINGS.softness_cost)
    soft = SETTINGS.voicing_threshold + SETTINGS.softness_cost * MAX_BELOW_DB / 10
    assert unvoiced(60) == pytest.approx(soft + 2, abs=0.1)  # and 2 more as it is silent


def test_a_frame_above_the_peak_level_is_not_soft() -> None:
    louder = candidates(100, 0.5, power=4.0, loudest=1.0)
    assert louder.score[0, 0] == pytest.approx(SETTINGS.voicing_threshold)


def test_gain_changes_nothing() -> None:
    for one, other in zip(
        candidates(100, 0.7, 0.1, 0.4), candidates(100, 0.7, 1e-9, 4e-9), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_silence_has_no_voiced_candidate() -> None:
    silent = candidates(100, 0.9, power=0.0, loudest=0.0)
    assert silent.probability[0] == 0
    assert silent.score[0, 0] > silent.score[0, 1]


def test_the_peak_level_decays_exponentially() -> None:
    power = np.array([1, 0, 0, 0.9, 0], np.float32)
    found = running_max_power(power, 0.0, 0.5)
    np.testing.assert_allclose(found, [1, 0.5, 0.25, 0.9, 0.45], rtol=1e-6)
    np.testing.assert_allclose(running_max_power(power[1:3], 8.0, 0.5), [4, 2])


GRID = FrameGrid()
TIME_S = np.arange(16_000) / 16_000
Samples = NDArray[np.float32]


def pitch_of(samples: NDArray[np.floating], settings: PitchSettings | None = None) -> PitchTrack:
    (only,) = track_pitch([samples.astype(np.float32)], GRID, settings)
    return only


def harmonics(phase: NDArray[np.float64], numbers: range) -> NDArray[np.float64]:
    """Cosines of equal amplitude at multiples of a fundamental's phase, in cycles."""
    waves: NDArray[np.float64] = np.cos(2 * np.pi * np.outer(numbers, phase))
    return np.asarray(waves.sum(axis=0))


def assert_pitch(
    tracked: PitchTrack, f0_hz: NDArray[np.float64] | float, rtol: float = 0.01
) -> None:
    np.testing.assert_allclose(tracked.f0_hz, f0_hz, rtol=rtol)
    assert float(tracked.voice_probability.min()) > 0.75


@pytest.mark.parametrize("f0_hz", [76, 90, 155.5, 220, 333, 440, 555, 599])
def test_tones(f0_hz: float) -> None:
    low = f0_hz < 120  # the high-pass raises what has no harmonics
    assert_pitch(pitch_of(harmonics(f0_hz * TIME_S, range(1, 2))), f0_hz, 0.04 if low else 0.01)


@pytest.mark.parametrize("f0_hz", [76, 90, 155.5, 220, 333, 440, 555, 599])
def test_pulse_trains(f0_hz: float) -> None:
    assert_pitch(pitch_of(harmonics(f0_hz * TIME_S, range(1, int(8000 / f0_hz)))), f0_hz)


@pytest.mark.parametrize("f0_hz", [80, 120, 220, 333, 440, 590])
def test_missing_fundamentals(f0_hz: float) -> None:
    assert_pitch(pitch_of(harmonics(f0_hz * TIME_S, range(2, 6))), f0_hz)


@pytest.mark.parametrize(("start_hz", "end_hz"), [(100, 200), (200, 100), (150, 600), (500, 90)])
@pytest.mark.parametrize("n_harmonics", [1, 12])
def test_glides_of_an_octave_a_second_and_more(
    start_hz: float, end_hz: float, n_harmonics: int
) -> None:
    ratio = end_hz / start_hz
    phase = start_hz * (ratio**TIME_S - 1) / np.log(ratio)
    center_s = GRID.centers_s(GRID.n_frames(TIME_S.size))
    glide = pitch_of(harmonics(phase, range(1, n_harmonics + 1)))
    assert_pitch(glide, start_hz * ratio**center_s, 0.025 if n_harmonics == 1 else 0.01)


def test_a_tone_between_silences_is_voiced() -> None:
    tone = np.sin(2 * np.pi * 200 * TIME_S)
    voiced = pitch_of(np.concatenate([0 * tone, tone, 0 * tone])).f0_hz > 0
    assert not voiced[:97].any()
    assert voiced[101:197].all()
    assert not voiced[202:].any()


def test_white_noise_is_unvoiced() -> None:
    noise = pitch_of(np.random.default_rng(0).standard_normal(160_000))
    assert np.mean(noise.f0_hz > 0) < 0.01
    assert 0.0 < float(noise.voice_probability.mean()) < 0.4


@pytest.mark.parametrize(
    "samples",
    [np.zeros(8000), np.full(8000, 0.3), np.repeat([0.1, 0.4], 4000), TIME_S, np.zeros(400)],
    ids=["silence", "constant", "step", "ramp", "one frame"],
)
def test_aperiodic_signals_have_no_pitch(samples: NDArray[np.float64]) -> None:
    tracked = pitch_of(samples)
    assert not tracked.f0_hz.any()
    assert float(tracked.voice_probability.max()) < 0.1


@pytest.mark.parametrize("n_samples", [0, 1, 399])
def test_a_recording_shorter_than_a_frame_has_no_frames(n_samples: int) -> None:
    tracked = pitch_of(np.ones(n_samples))
    assert tracked.f0_hz.shape == tracked.voice_probability.shape == (0,)


@pytest.mark.parametrize("n_samples", [400, 559, 560, 640, 700])
def test_recordings_shorter_than_the_window_have_a_pitch(n_samples: int) -> None:
    tracked = pitch_of(np.sin(2 * np.pi * 140 * TIME_S[:n_samples]))
    assert tracked.f0_hz.shape == (GRID.n_frames(n_samples),)
    assert_pitch(tracked, 140)


def test_offset_clipping_and_gain_do_not_change_the_pitch() -> None:
    tone = np.sin(2 * np.pi * 140 * TIME_S)
    for samples in (0.5 + 0.1 * tone, np.clip(3 * tone, -1, 1), 1e-4 * tone):
        assert_pitch(pitch_of(samples), 140)


def test_settings_limit_the_range() -> None:
    tone = np.sin(2 * np.pi * 50 * TIME_S).astype(np.float32)
    low = pitch_of(tone, PitchSettings(floor_hz=40, ceiling_hz=300))
    np.testing.assert_allclose(low.f0_hz[3:-3], 50, rtol=0.03)
    assert not (pitch_of(tone).f0_hz[3:-3] > 0).any()


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 9000), max_size=5), st.integers(0, 10**6))
def test_results_do_not_depend_on_the_batch(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    gain = rng.uniform(0.01, 1.0, len(sizes))
    batch = [
        (a * harmonics(200 * TIME_S[:n], range(1, 9)) + rng.standard_normal(n)).astype(np.float32)
        for a, n in zip(gain, sizes, strict=True)
    ]
    together = track_pitch(batch, GRID)
    assert [len(t.f0_hz) for t in together] == [GRID.n_frames(n) for n in sizes]
    for tracked, samples in zip(together, batch, strict=True):
        alone = pitch_of(samples)
        np.testing.assert_allclose(tracked.f0_hz, alone.f0_hz, rtol=1e-6)
        np.testing.assert_allclose(tracked.voice_probability, alone.voice_probability, atol=1e-6)
        assert tracked.voice_probability.dtype == tracked.f0_hz.dtype == np.float32
        assert ((tracked.voice_probability >= 0) & (tracked.voice_probability <= 1)).all()


@pytest.mark.parametrize(
    "invalid",
    [
        {"floor_hz": 0.0},
        {"floor_hz": 700.0},
        {"ceiling_hz": 5000.0},
        {"periods_per_window": 1.0},
        {"n_candidates": 0},
        {"n_candidates": 60},
        {"n_candidates": 2.5},
        {"silence_threshold": 0.0},
        {"voicing_threshold": float("nan")},
        {"octave_cost": float("inf")},
        {"octave_jump_cost": -1.0},
        {"loudness_decay_db": -1.0},
        {"path_ahead_s": 61.0},
    ],
    ids=str,
)
def test_invalid_settings_are_refused_by_name(invalid: dict[str, float]) -> None:
    ((name, value),) = invalid.items()
    with pytest.raises(FeatureError, match=f"{name} = {value}"):
        PitchSettings(**invalid)  # type: ignore[arg-type]


def test_integers_and_floats_are_the_same_settings() -> None:
    assert repr(PitchSettings(floor_hz=60).plain()) == repr(PitchSettings(floor_hz=60.0).plain())
    assert PitchSettings(**PitchSettings(floor_hz=60).plain()) == PitchSettings(floor_hz=60)  # type: ignore[arg-type]


def test_an_odd_hop_is_refused() -> None:
    with pytest.raises(FeatureError, match="161 samples"):
        track_pitch([], FrameGrid(hop_s=161 / 16_000))


def praat(samples: Samples) -> NDArray[np.float64]:
    """F0 of Praat's frame nearest to each of ours, nan beyond its first and last."""
    sound = parselmouth.Sound(samples.astype(np.float64), 16_000)
    pitch = sound.to_pitch_ac(time_step=0.01, pitch_floor=75, pitch_ceiling=600)
    f0_hz, start_s = pitch.selected_array["frequency"], pitch.xs()[0]
    center_s = GRID.centers_s(GRID.n_frames(samples.size))
    frame = np.round((center_s - start_s) / 0.01).astype(int)
    there = (frame >= 0) & (frame < f0_hz.size)
    return np.where(there, f0_hz[np.clip(frame, 0, f0_hz.size - 1)], np.nan)


def test_agrees_with_praat_on_real_speech(oracle: Path, real_corpora: Path) -> None:
    with np.load(oracle) as features:
        keys = [key for key in features.files if key != "names"]
    speech = [soundfile.read(real_corpora / key, dtype="float32")[0] for key in keys]
    ours = np.concatenate([t.f0_hz for t in track_pitch(speech, GRID)])
    theirs = np.concatenate([praat(samples) for samples in speech])
    ours, theirs = ours[~np.isnan(theirs)], theirs[~np.isnan(theirs)]
    both = (ours > 0) & (theirs > 0)
    deviation = np.abs(ours[both] / theirs[both] - 1)
    assert np.mean((ours > 0) != (theirs > 0)) < 0.06
    assert np.mean(deviation > 0.2) < 0.01
    assert np.median(deviation) < 0.003


def test_agrees_with_float64_frame_by_frame() -> None:
    rng = np.random.default_rng(3)
    phase = 170 * TIME_S + 2 * np.sin(4 * TIME_S)
    voice = harmonics(phase, range(1, 16)) * (np.sin(9 * TIME_S) > -0.5) * (1.2 - TIME_S) / 30
    samples = voice + 0.004 * rng.standard_normal(TIME_S.size)
    samples = samples.astype(np.float32)
    ours = pitch_of(samples)
    f0_hz, probability = reference.pitch(samples.astype(np.float64), PitchSettings())
    np.testing.assert_allclose(ours.voice_probability, probability, atol=1e-5)
    np.testing.assert_allclose(ours.f0_hz, f0_hz, rtol=1e-5)


@pytest.mark.parametrize("loudness_ahead_s", [0.0, 0.3])
@pytest.mark.parametrize("loudness_start_s", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("path_ahead_s", [0.0, 0.15])
def test_incremental_decoding_gives_the_same_pitch(
    loudness_ahead_s: float, loudness_start_s: float, path_ahead_s: float
) -> None:
    settings = PitchSettings(
        loudness_ahead_s=loudness_ahead_s,
        loudness_start_s=loudness_start_s,
        path_ahead_s=path_ahead_s,
    )
    tone = harmonics(170 * TIME_S, range(1, 9)) * (1.1 - TIME_S)
    sound = tone + np.random.default_rng(0).standard_normal(TIME_S.size)
    analyzer = PeakAnalyzer(settings, GRID)
    (chunk,) = split_chunks(sound.astype(np.float32), GRID, analyzer.reach, 1000)
    packed = PackedAudio.pack([chunk], GRID, analyzer.lead)
    peaks = analyzer.analyze(packed).of(packed.parts[0])
    whole = PitchDecoder(settings, GRID.hop_s).decode(peaks, ended=True)
    decoder = PitchDecoder(settings, GRID.hop_s)
    parts = [decoder.decode(peaks.of(slice(n, n + 7)), ended=n + 7 >= 98) for n in range(0, 98, 7)]
    np.testing.assert_array_equal(np.concatenate([part.f0_hz for part in parts]), whole.f0_hz)


def test_noise_before_silence_is_unvoiced() -> None:
    """The peak level is never below that of the frame itself."""
    noise = np.r_[np.random.default_rng(0).standard_normal(16_000), np.zeros(16_000)]
    settings = PitchSettings(loudness_decay_db=60, loudness_ahead_s=1.0)
    assert np.mean(pitch_of(noise, settings).f0_hz[:97] > 0) < 0.1


def test_log_f0_is_its_logarithm_and_0_where_unvoiced() -> None:
    tone = np.concatenate([harmonics(200 * TIME_S, range(1, 5)), 0 * TIME_S])
    tracked = pitch_of(tone)
    voiced = tracked.f0_hz > 0
    assert voiced.any()
    assert not voiced.all()
    np.testing.assert_allclose(tracked.log_f0[voiced], np.log(tracked.f0_hz[voiced]), rtol=1e-6)
    assert not tracked.log_f0[~voiced].any()
