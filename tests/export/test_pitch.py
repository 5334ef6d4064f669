from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.sounds import noise, silence, speech, tone
from tests.export.stages import SAMPLES, Array, Runner
from voxaffect.export.frames import count_frames
from voxaffect.export.graph import length
from voxaffect.export.pitch import (
    best_path,
    find_peaks,
    log_f0,
    pitch,
    recent_peak_power,
    score_candidates,
)
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld import autocorrelation as autocorrelation_in_python
from voxaffect.features.lld import pitch as pitch_in_python
from voxaffect.features.lld.autocorrelation import REACH, Peaks
from voxaffect.features.lld.pitch import (
    DecoderSettings,
    PitchCandidates,
    PitchTrack,
    track_pitch,
)
from voxaffect.features.lld.pitch_settings import PitchSettings

OTHER = PitchSettings(voicing_threshold=0.5, silence_threshold=0.1, octave_cost=0.05)


@pytest.mark.parametrize("settings", [PitchSettings(), OTHER], ids=["default", "other"])
def test_candidate_scores_agree_with_python(settings: PitchSettings) -> None:
    rng = np.random.default_rng(0)
    lag = rng.uniform(5, 120, (200, 6)).astype(np.float32)
    height = np.where(rng.random((200, 6)) < 0.2, -np.inf, rng.normal(0.5, 0.4, (200, 6)))
    power = (10.0 ** rng.uniform(-25, 2, 200)).astype(np.float32)
    power[:5] = 0, -1e-9, 1e-20, 0, 0
    loudest = np.maximum(power, 10.0 ** rng.uniform(-25, 2, 200)).astype(np.float64)
    peaks = Peaks(lag, height.astype(np.float32), power)
    scoring = DecoderSettings.of(settings, hop_s=0.01)
    expected = pitch_in_python.score_candidates(peaks, loudest, scoring)
    in_graph = Runner(
        lambda op, *given: score_candidates(op, given[:3], given[3], settings),
        (("T", 6), "float32"),
        (("T", 6), "float32"),
        (("T", 1), "float32"),
        (("T", 1), "float64"),
    )
    given = in_graph(lag, peaks.height, power[:, None], loudest[:, None])
    for name, one in zip(PitchCandidates._fields[:3], given, strict=False):
        np.testing.assert_allclose(one, getattr(expected, name), rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(given[3][:, 0], expected.probability, rtol=1e-6)


@pytest.mark.parametrize("n_frames", [1, 20, 400])
def test_recent_peak_power_agrees_with_python(n_frames: int) -> None:
    settings = replace(PitchSettings(), loudness_decay_db=20.0)
    power = (10.0 ** np.random.default_rng(n_frames).uniform(-9, 0, n_frames)).astype(np.float32)
    found = Runner(
        lambda op, p: recent_peak_power(op, p, length(op, p), settings, 0.01), (("T", 1), "float32")
    )
    whole = DecoderSettings.of(settings, hop_s=0.01)._replace(ended=True)
    greatest = pitch_in_python.running_max_power(power, 0.0, whole.decay)
    recent = pitch_in_python.recent_peak_power(greatest, whole, 0)
    np.testing.assert_array_equal(found(power[:, None])[0][:, 0], recent)


TRANSITIONS = PitchSettings(n_candidates=2).transitions(0.01)


def search(lag: int) -> Runner:
    lattice = (("T", 3), "float32")
    return Runner(lambda op, s, p: best_path(op, s, p, TRANSITIONS, lag), lattice, lattice)


RUNNERS = {lag: search(lag) for lag in (0, 1, 4)}


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30), st.sampled_from([0, 1, 4]), st.booleans())
def test_paths_agree_with_python(seed: int, n_frames: int, lag: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    score, position = rng.random((2, n_frames, 3))
    if ties:  # integers: many paths have equal scores
        score, position = score.round(), position.round()
    forbidden = rng.random((n_frames, 3)) < 0.3
    forbidden[:, 0] = False
    score = np.where(forbidden, -np.inf, score).astype(np.float32)
    position = position.astype(np.float32)
    none = pitch_in_python.Paths.none(3, lag)
    expected, _ = pitch_in_python.best_path(none, score, position, TRANSITIONS, 0)
    np.testing.assert_array_equal(RUNNERS[lag](score, position)[0], expected)


@pytest.mark.parametrize("n_frames", [1, 2, 1_000])
def test_lattices_of_any_length_are_decoded(n_frames: int) -> None:
    score = np.zeros((n_frames, 3), np.float32)
    score[:, 2] = 1
    assert (RUNNERS[4](score, np.zeros_like(score))[0] == 2).all()


SETTINGS_PEAKS = PitchSettings()
N_LAGS = SETTINGS_PEAKS.borders[-1] + REACH

find = Runner(
    lambda op, a, o: find_peaks(op, a, o, SETTINGS_PEAKS),
    (("T", N_LAGS), "float32"),
    (("T", 1), "float32"),
)


def peaks_in_python(at_lag: np.ndarray, offset: np.ndarray) -> Peaks:
    preference = -SETTINGS_PEAKS.octave_cost * np.log2(np.arange(N_LAGS).clip(1))
    found = Peaks.empty(len(at_lag), SETTINGS_PEAKS.n_candidates)
    borders = np.array(SETTINGS_PEAKS.borders)
    autocorrelation_in_python.find_peaks(
        at_lag, offset[:, 0], borders, preference.astype(np.float32), found
    )
    return found


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 1e-6, 1.0, 1e6]), st.integers(0, 1))
def test_peaks_agree_with_python(seed: int, scale: float, places: int) -> None:
    rng = np.random.default_rng(seed)
    level = rng.normal(size=(9, N_LAGS)).round(places)  # rounded: neighbors are often equal
    at_lag, offset = (scale * level).astype(np.float32), rng.normal(size=(9, 1)).astype(np.float32)
    expected = peaks_in_python(at_lag, offset)
    lag, height, power = find(at_lag, offset)
    np.testing.assert_allclose(lag, expected.lag, rtol=1e-6)
    np.testing.assert_allclose(height, expected.height, rtol=1e-5, atol=1e-9)
    np.testing.assert_array_equal(power[:, 0], expected.power)


def test_a_slope_has_no_peak() -> None:
    at_lag = np.linspace(1, 0, N_LAGS, dtype=np.float32)[None]
    lag, height, _ = find(at_lag, np.zeros((1, 1), np.float32))
    assert lag[0].tolist() == SETTINGS_PEAKS.borders[:-1]
    assert np.isneginf(height).all()


SETTINGS = {
    "default": (FrameGrid(), PitchSettings()),
    "low and slow": (FrameGrid(0.032, 0.008), PitchSettings(floor_hz=40, periods_per_window=2.5)),
    "few and high": (FrameGrid(0.025, 0.02), PitchSettings(ceiling_hz=1200, n_candidates=4)),
    "a window inside": (FrameGrid(0.064, 0.01), PitchSettings(floor_hz=120, path_ahead_s=0.0)),
}


@pytest.fixture(scope="module", params=SETTINGS)
def tracker(request: pytest.FixtureRequest) -> tuple[Runner, FrameGrid, PitchSettings]:
    grid, settings = SETTINGS[request.param]
    runner = Runner(lambda op, x: pitch(op, x, count_frames(op, x, grid), grid, settings), SAMPLES)
    return runner, grid, settings


SOUNDS = {
    "speech": speech(0),
    "another": speech(7),
    "few frames": speech(1)[6_000:8_000],
    "one frame": speech(1)[6_000:7_024],
    "noise": noise(0, 12_000),
    "tone": tone(155.0),
    "padded with silence": np.concatenate([silence(7_000), speech(2), silence(7_000)]),
    "offset": speech(3) + np.float32(0.02),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_pitch_agrees_with_python(
    tracker: tuple[Runner, FrameGrid, PitchSettings], name: str
) -> None:
    run, grid, settings = tracker
    (expected,) = track_pitch([SOUNDS[name]], grid, settings)
    probability, f0_hz = run(SOUNDS[name])
    np.testing.assert_allclose(probability[:, 0], expected.voice_probability, atol=2e-5)
    np.testing.assert_array_equal(f0_hz[:, 0] > 0, expected.f0_hz > 0)
    np.testing.assert_allclose(f0_hz[:, 0], expected.f0_hz, rtol=2e-5)


def test_log_f0_of_unvoiced_frames_is_zero() -> None:
    f0_hz: Array = np.array([0, 100, 0, 333.3], np.float32)
    (given,) = Runner(log_f0, (("T",), "float32"))(f0_hz)
    np.testing.assert_allclose(given, PitchTrack(f0_hz, f0_hz).log_f0, rtol=1e-6)
