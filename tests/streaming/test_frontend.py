from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.streaming.recognizers import hiss, voice
from voxaffect.audio.waveform import Waveform, gain
from voxaffect.features.lld.extractor import GAIN_COLUMNS, LowLevelDescriptors
from voxaffect.streaming.frontend import Frontend, Progress, StreamInput, gain_so_far

Floats = NDArray[np.float32]
LLD = LowLevelDescriptors()


def gain_of(pieces: list[Floats]) -> np.float32 | None:
    power = sum(float(np.square(piece, dtype=np.float64).sum()) for piece in pieces)
    return gain_so_far(power, sum(map(len, pieces)))


def frames_in_pieces(
    samples: Floats, size: int, frontend: Frontend, *, provisional: bool = True
) -> tuple[Floats, int]:
    """Frames of a recording pushed in pieces, at its gain, and the number of restarts."""
    progress = Progress()
    pieces: list[Floats] = []
    frames: list[Floats] = []
    n_restarts = 0
    for start in range(0, len(samples), size):
        pieces.append(samples[start : start + size])
        new_input = StreamInput(progress, pieces[-1], pieces, gain_of(pieces))
        update = frontend.advance([new_input], provisional=provisional).get(0)
        if update is not None:
            frames = [update.frames] if update.restarted else [*frames, update.frames]
            n_restarts += update.restarted
    assert update is not None
    whole = np.concatenate([*frames, update.tail])
    return frontend.scaled(whole, np.full(len(whole), update.factor)), n_restarts


def deviation(frames: Floats, of: Floats) -> Floats:
    """Greatest difference of each column, in its standard deviations."""
    return np.asarray(np.abs(frames - of).max(axis=0) / of.std(axis=0))


@pytest.mark.parametrize("gain", [0.02, 0.7, 30])
def test_a_gain_multiplies_the_level_columns_and_leaves_the_others(gain: float) -> None:
    samples = voice(1.5)
    (frames,), (after,) = (
        LLD.extract([Waveform(s)]) for s in (samples, samples * np.float32(gain))
    )
    scaled = Frontend(LLD, 1).scaled(frames, np.full(len(frames), gain, "f4"))
    assert deviation(scaled, after).max() < 1e-3
    changed = np.abs(frames - after).max(axis=0) > 0.01 * frames.std(axis=0)
    assert {name for name, c in zip(LLD.names, changed, strict=True) if c} == set(GAIN_COLUMNS)


@pytest.mark.parametrize("tolerance_db", [1e-3, 3.0, np.inf])
@pytest.mark.parametrize("size", [700, 4000])
def test_frames_in_pieces_are_those_of_the_leveled_file(size: int, tolerance_db: float) -> None:
    samples = np.concatenate([np.zeros(3000, np.float32), hiss(0.3), voice(1.5)])
    frames, n_restarts = frames_in_pieces(samples, size, Frontend(LLD, tolerance_db))
    (expected,) = LLD.extract([Waveform(samples).normalized()])
    assert frames.shape == expected.shape
    # MFCC of digital silence rest on the floor, whose distance is the gain's.
    assert deviation(frames, expected)[[0, *range(13, 17)]].max() < 1e-3
    assert deviation(frames[20:], expected[20:]).max() < 2e-3
    assert (n_restarts == 1) == np.isinf(tolerance_db)


def test_without_provisional_frames_the_last_half_second_waits() -> None:
    frames, _ = frames_in_pieces(voice(2), 1600, Frontend(LLD, 3.0), provisional=False)
    assert len(frames) == LLD.grid.n_frames(32_000) - 49


def test_samples_before_the_first_gain_are_not_lost() -> None:
    """A long silence may lower the mean power below the limit of silence for a while."""
    click, pause = voice(0.05, level=2e-4), np.zeros(160_000, np.float32)
    samples = np.concatenate([click, pause, voice(1)])
    frames, _ = frames_in_pieces(samples, 8000, Frontend(LLD, 3.0))
    assert len(frames) == LLD.grid.n_frames(len(samples))


@pytest.mark.parametrize(("provisional", "restarted"), [(True, [1, 1, 1]), (False, [1, 0, 0])])
def test_without_provisional_frames_only_the_shortest_are_recomputed(
    provisional: bool, restarted: list[int]
) -> None:
    frontend, new = Frontend(LLD, 3.0), 1600
    so_far = [voice(seconds) for seconds in (0.5, 1.0, 2.0)]
    progresses = [Progress() for _ in so_far]
    whole = [
        StreamInput(progress, samples, [samples], np.float32(1.0))
        for progress, samples in zip(progresses, so_far, strict=True)
    ]
    first = frontend.advance(whole, provisional=False)
    assert [update.restarted for update in first.values()] == [True] * len(so_far)
    louder = [
        StreamInput(progress, samples[:new], [samples, samples[:new]], np.float32(2.0))
        for progress, samples in zip(progresses, so_far, strict=True)
    ]
    found = frontend.advance(louder, provisional=provisional)
    assert [update.restarted for update in found.values()] == restarted
    later = frontend.advance(louder, provisional=True)
    assert [update.restarted for update in later.values()] == [not one for one in restarted]
    assert all(update.factor == 1 for update in later.values())


def test_the_gain_so_far_is_that_of_a_file_that_ended_here() -> None:
    pieces = np.split(voice(1), 10)
    for n in range(1, 11):
        so_far = Waveform(np.concatenate(pieces[:n]))
        assert gain_of(pieces[:n]) == pytest.approx(gain(so_far.rms(), "so far"))


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(500), np.full(500, 9e-6)])
def test_silence_has_no_gain(samples: np.ndarray) -> None:
    assert gain_of([samples.astype(np.float32)]) is None
