from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.linalg import norm
from numpy.typing import NDArray

from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError, FeatureError
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld.extractor import NAMES, LowLevelDescriptors
from voxaffect.features.lld.streaming import DESCRIPTORS
from voxaffect.features.packing import PackedAudio

LLD = LowLevelDescriptors()
PITCH = [14, 15, 30, 31]
NOT_PITCH = [c for c in range(32) if c not in PITCH]
ENERGY = [0, 16]

Array = NDArray[np.float64]


U = np.finfo(np.float32).eps / 2  # one rounding, relative
LIKELY = 6


def reference(x: Array) -> tuple[Array, Array]:
    """All columns but pitch (T, 28), frame by frame in float64, from the definitions.

    Returns:
        The values, and the error that float32 may make in each.
    """
    n = np.arange(400)
    window = 0.54 - 0.46 * np.cos(2 * np.pi * n / 399)
    starts = range(0, len(x) - 399, 160)
    values, errors = zip(*(_reference_frame(x[i : i + 400], window) for i in starts), strict=True)
    error = np.hstack(_over_time(np.array(errors), sign=1))  # no error takes away from another
    rounding = 4 * U * np.abs(values).max(axis=0)  # of means and slopes: two sums, a product each
    return np.hstack(_over_time(np.array(values))), error + np.tile(rounding, 2)


def _over_time(columns: Array, sign: int = -1) -> tuple[Array, Array]:
    """Means over three frames, and slopes over five of these."""
    padded = np.pad(columns, ((1, 1), (0, 0)), mode="edge")
    smooth = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
    p = np.pad(smooth, ((2, 2), (0, 0)), mode="edge")
    return smooth, (p[3:-1] + sign * p[1:-3] + 2 * (p[4:] + sign * p[:-4])) / 10


def _reference_frame(x: Array, window: Array) -> tuple[list[float], Array]:
    """Values of a frame, and their errors in float32.

    Roundings are as good as independent: they add up in squares, to more than `LIKELY` times the
    root of the sum once in 10^7 cases (Higham and Mary 2019, A New Approach to Probabilistic
    Rounding Error Analysis). Of two neighbors |x| and |x'| a pre-emphasized sample has three: of
    0.97, their difference and the window. Each of the transform's 9 stages adds four, and they
    spread over all bins alike. A band's logarithm divides them by what is in the band, and has a
    rounding of each of up to 257 bins; a coefficient has one of each of 26 terms, and of their sum.
    """
    before = np.concatenate([[x[0]], x[:-1]])
    y = window * (x - 0.97 * before)
    magnitude = np.abs(np.fft.rfft(y, 512))
    in_y = np.sqrt(3) * norm(window * np.hypot(x, before))
    in_bin = np.hypot(in_y, np.sqrt(9 * 4) * norm(y))
    mel = 1127 * np.log(1 + np.arange(257) * 31.25 / 700)
    edges = np.linspace(0, mel[-1], 28)
    logs, in_logs = [], []
    for low, center, high in zip(edges, edges[1:], edges[2:], strict=False):
        rise, fall = (mel - low) / (center - low), (high - mel) / (high - center)
        band = np.clip(np.minimum(rise, fall), 0, None)
        level = max(magnitude @ band, 2.0**-15)
        logs.append(np.log(level))
        in_logs.append(norm([norm(band) * in_bin / level, np.sqrt(257), logs[-1]]))
    j = np.arange(26) + 0.5
    k = np.arange(1, 13)[:, None]
    cosines = (1 + 11 * np.sin(np.pi * k / 22)) * np.sqrt(2 / 26) * np.cos(np.pi * k * j / 26)
    in_mfcc = np.hypot(norm(cosines * in_logs, axis=1), np.sqrt(26) * norm(cosines * logs, axis=1))
    crossings = sum(
        x[i - 1] * x[i] < 0 or (x[i] == 0 and x[i - 1] * x[i + 1] <= 0) for i in range(1, 399)
    )
    energy = np.sqrt(np.mean(y**2))
    in_energy = np.hypot(in_y, np.sqrt(400) * norm(y)) / np.sqrt(400)
    roundings = np.array([in_energy, *in_mfcc, 1.0])
    return [energy, *cosines @ logs, crossings / 400], LIKELY * U * roundings


def noise(n_samples: int, seed: int = 0) -> NDArray[np.float32]:
    """16-bit pink-ish noise with exact zeros in it."""
    x = np.cumsum(np.random.default_rng(seed).normal(size=n_samples)) * 0.01
    return np.asarray(np.round((x - x.mean()) * 3000) / 32768, np.float32)


def assert_same(one: NDArray[np.float32], other: NDArray[np.float32]) -> None:
    """Equal to 1e-6 of what a column varies by; on most machines bit for bit."""
    assert one.shape == other.shape
    scale = np.maximum(other.std(axis=0), 1e-3)
    assert np.abs((one - other) / scale).max(initial=0) <= 1e-6


def extract(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return LLD.extract([Waveform(x)])[0]


def test_names_are_descriptors_and_their_deltas() -> None:
    assert len(NAMES) == 32
    assert NAMES[:16] == DESCRIPTORS
    assert NAMES[0] == "energy"
    assert NAMES[13:16] == ("zero_crossing_rate", "voice_probability", "f0")
    assert NAMES[31] == "delta_f0"


def test_agrees_with_opensmile(oracle: Path, real_corpora: Path) -> None:
    reference_file = np.load(oracle)
    paths = [key for key in reference_file.files if key != "names"]
    waveforms = [Waveform(sf.read(real_corpora / p, dtype="float32")[0], p) for p in paths]
    ours = [frames[:-4] for frames in LLD.extract(waveforms)]
    theirs = [reference_file[p][: len(frames)] for p, frames in zip(paths, ours, strict=True)]
    a, b = np.concatenate(ours), np.concatenate(theirs)
    a[:, ENERGY] *= 32768 / 32767  # openSMILE's scale of 16-bit samples
    worst = np.abs(a - b).max(axis=0) / b.std(axis=0)
    assert worst[NOT_PITCH].max() < 1e-4


@settings(max_examples=10, deadline=None)
@given(n_samples=st.integers(400, 6000), seed=st.integers(0, 2**31))
@example(n_samples=730, seed=694975)
def test_agrees_with_the_definitions(n_samples: int, seed: int) -> None:
    x = noise(n_samples, seed)
    expected, error = reference(x.astype(np.float64))
    ours = extract(x)[:, NOT_PITCH]
    assert ours.shape == expected.shape
    assert (np.abs(ours - expected) <= error).all()


@settings(max_examples=10, deadline=None)
@given(lengths=st.lists(st.integers(400, 50_000), min_size=2, max_size=6), seed=st.integers(0, 99))
def test_values_do_not_depend_on_the_batch(lengths: list[int], seed: int) -> None:
    waveforms = [Waveform(noise(n, seed + i)) for i, n in enumerate(lengths)]
    together = LLD.extract(waveforms)
    backwards = LLD.extract(waveforms[::-1])[::-1]
    for waveform, one, other in zip(waveforms, together, backwards, strict=True):
        alone = LLD.extract([waveform])[0]
        assert_same(one, alone)
        assert_same(one, other)


def test_the_number_of_threads_does_not_matter() -> None:
    waveform = Waveform(noise(100_000))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = LLD.extract([waveform])[0]
        torch.set_num_threads(2)
        two = LLD.extract([waveform])[0]
    finally:
        torch.set_num_threads(before)
    assert_same(one, two)


def test_gain_scales_energy_and_leaves_mfcc_and_crossings() -> None:
    x = noise(8000)
    soft, loud = extract(x), extract(2 * x)
    np.testing.assert_allclose(loud[:, 0], 2 * soft[:, 0], rtol=1e-6)
    np.testing.assert_allclose(loud[:, 1:13], soft[:, 1:13], atol=2e-3)
    np.testing.assert_array_equal(loud[:, 13], soft[:, 13])


def test_crossings_of_a_tone() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000 + 0.1).astype(np.float32)
    np.testing.assert_allclose(extract(tone)[:, 13], 2000 / 16_000, atol=0.005)


def test_constant_pitch_has_no_slope() -> None:
    pulses = np.zeros(16_000, np.float32)
    pulses[::128] = 0.5  # 125 Hz
    f0, delta = extract(pulses)[10:-10, [15, 31]].T
    np.testing.assert_allclose(f0, 125, rtol=0.01)
    np.testing.assert_allclose(delta, 0, atol=0.1)


def test_f0_is_not_smoothed_with_the_zeros_of_unvoiced_frames() -> None:
    t = np.arange(8000) / 16_000
    tone = sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 6))
    x = np.concatenate([np.zeros(8000), 0.2 * tone, np.zeros(8000)]).astype(np.float32)
    f0 = extract(x)[:, 15]
    assert (f0 == 0).any()
    assert (f0 > 0).any()
    assert f0[f0 > 0].min() > 75


def test_a_single_frame_has_no_slopes() -> None:
    values = extract(noise(400))
    assert values.shape == (1, 32)
    np.testing.assert_array_equal(values[:, 16:], 0)


@pytest.mark.parametrize("n_samples", [1, 160, 399])
def test_a_recording_shorter_than_a_frame_is_refused_by_name(n_samples: int) -> None:
    short = Waveform(np.ones(n_samples, np.float32), "short.wav")
    with pytest.raises(AudioError, match=r"short\.wav: lasts .* ms, .* at least 25 ms"):
        LLD.extract([Waveform(noise(800)), short])


def test_no_recordings_give_no_frames() -> None:
    assert LLD.extract([]) == []


@pytest.mark.parametrize(
    "x",
    [
        np.zeros(4000),
        np.full(4000, 0.5),
        np.sign(np.sin(np.arange(4000) * 0.05)),
        np.full(4000, 1e-41) * (-1.0) ** np.arange(4000),
        np.r_[1.0, np.zeros(3999)],
    ],
    ids=["silence", "constant", "clipped", "denormals", "impulse"],
)
def test_extreme_signals_have_finite_descriptors(x: Array) -> None:
    values = extract(x.astype(np.float32))
    assert values.dtype == np.float32
    assert np.isfinite(values).all()


def test_silence_has_constant_descriptors() -> None:
    values = extract(np.zeros(4000, np.float32))
    np.testing.assert_array_equal(values[:, 0], 0)
    np.testing.assert_allclose(values[:, 1:13], 0, atol=1e-3)
    np.testing.assert_allclose(values[:, 13], 398 / 400)  # a zero between zeros counts
    np.testing.assert_array_equal(values[:, 15], 0)


def test_signs_of_denormals_cross_zero() -> None:
    x = (np.full(4000, 1e-41) * (-1.0) ** np.arange(4000)).astype(np.float32)
    np.testing.assert_allclose(extract(x)[:, 13], 398 / 400)


def test_settings_contain_what_changes_the_values() -> None:
    assert LowLevelDescriptors(device="cpu").settings() == LLD.settings()
    assert LowLevelDescriptors(FrameGrid(hop_s=0.02)).settings() != LLD.settings()


def test_another_grid_gives_its_frames() -> None:
    grid = FrameGrid(window_s=0.032, hop_s=0.016)
    values = LowLevelDescriptors(grid).extract([Waveform(noise(5000))])[0]
    assert values.shape == (grid.n_frames(5000), 32)


def test_log_f0_replaces_f0() -> None:
    t = np.arange(16_000) / 16_000
    tone = sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 6))
    x = np.concatenate([0.2 * tone, np.zeros(8000)]).astype(np.float32)
    log_lld = LowLevelDescriptors(log_f0=True)
    (values,) = log_lld.extract([Waveform(x)])
    plain = extract(x)
    assert log_lld.names[15] == "log_f0"
    assert log_lld.names[31] == "delta_log_f0"
    assert log_lld.settings() != LLD.settings()
    np.testing.assert_array_equal(values[:, :15], plain[:, :15])
    np.testing.assert_array_equal(values[:, 15] == 0, plain[:, 15] == 0)
    voiced = plain[:, 15] > 0
    np.testing.assert_allclose(values[voiced, 15], np.log(plain[voiced, 15]), rtol=1e-4)


def test_a_long_recording_is_packed_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    n_samples: list[int] = []
    pack = PackedAudio.pack

    def spy(*arguments: Any) -> PackedAudio:
        packed = pack(*arguments)
        n_samples.append(len(packed.samples))
        return packed

    monkeypatch.setattr(PackedAudio, "pack", spy)
    LLD.extract([Waveform(np.tile(noise(160_000), 30))])
    assert len(n_samples) > 5
    assert max(n_samples) < 60 * 16_000


@pytest.mark.parametrize(
    ("grid", "complaint"),
    [(FrameGrid(hop_s=161 / 16_000), "161 samples"), (FrameGrid(window_s=0.002), "mel bands")],
)
def test_invalid_grids_are_refused(grid: FrameGrid, complaint: str) -> None:
    with pytest.raises(FeatureError, match=complaint):
        LowLevelDescriptors(grid)


def test_a_used_extractor_pickles_small() -> None:
    extract(noise(4000))
    assert len(pickle.dumps(LLD)) < 2000
    assert copy.copy(LLD) == LLD


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_agrees_with_cpu() -> None:
    waveforms = [Waveform(noise(n, n)) for n in (400, 9000, 40_000)]
    on_gpu = LowLevelDescriptors(device="cuda").extract(waveforms)
    for one, other in zip(on_gpu, LLD.extract(waveforms), strict=True):
        scale = np.maximum(other[:, NOT_PITCH].std(axis=0), 1e-3)
        assert np.abs((one - other)[:, NOT_PITCH] / scale).max() <= 1e-5
        near = np.isclose(one[:, PITCH], other[:, PITCH], rtol=1e-4, atol=1e-4).all(axis=1)
        assert near.mean() > 0.98  # noise has near ties
