"""The stated share of speech like the training's is beyond the limit, and what is no speech is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from tests.speech import notes, takes
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import ArtifactError, TrainingError
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.utterance.novelty import Novelty

N_LEARNED, N_FRESH = 100, 40
Frames = list[NDArray[np.float32]]


def frames_of(*several: NDArray[np.float32]) -> Frames:
    return LowLevelDescriptors().extract([Waveform(s).normalized() for s in several])


@pytest.fixture(scope="module")
def frames() -> Frames:
    return frames_of(*(take.samples for take in takes(N_LEARNED + N_FRESH)))


@pytest.fixture(scope="module")
def novelty(frames: Frames) -> Novelty:
    return Novelty.fit(frames[:N_LEARNED], seed=0)


def test_fresh_speech_is_seldom_beyond_the_limit(novelty: Novelty, frames: Frames) -> None:
    assert novelty.false_alarms == pytest.approx(0.01, abs=0.002)
    found = np.array([novelty.of(f) for f in frames[N_LEARNED:]])
    # Of 40, three or more have a chance of one in 130 where one in a hundred is beyond.
    assert (found > 1).sum() <= 2
    assert 0.3 < np.median(found) < 0.9


def test_what_is_no_such_speech_is_far_beyond(novelty: Novelty) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, 32_000).astype(np.float32)
    sine = np.sin(2 * np.pi * 200 * np.arange(32_000) / 16_000).astype(np.float32)
    fast = [soxr.resample(take.samples, 32_000, 16_000) for take in takes(6)]
    for frames in frames_of(noise, sine, notes((262.0, 330.0, 392.0, 523.0), 0.5)):
        assert novelty.of(frames) > 3
    for frames in frames_of(*fast):
        assert novelty.of(frames) > 1


def test_the_rate_holds_whatever_the_directions_in_which_utterances_differ() -> None:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(3, 3))

    def draw(n: int) -> Frames:
        means = rng.normal(size=(n, 1, 3)) @ mixing
        return [*(means + rng.normal(size=(n, 50, 3))).astype(np.float32)]

    learned, fresh = draw(400), draw(400)
    novelty = Novelty.fit(learned, seed=0)
    found = np.array([novelty.of(f) for f in fresh])
    assert (found > 1).mean() == pytest.approx(0.01, abs=0.015)


def test_few_utterances_vouch_for_no_more_than_they_can() -> None:
    rng = np.random.default_rng(0)
    frames = [rng.normal(size=(20, 2)).astype(np.float32) for _ in range(9)]
    assert Novelty.fit(frames, 0).false_alarms == pytest.approx(0.1)
    with pytest.raises(TrainingError, match="1 training utterances"):
        Novelty.fit(frames[:1], 0)


@pytest.mark.parametrize(("n_frames", "width"), [(20, 3), (1, 3), (20, 200), (1, 300)])
def test_it_is_saved_whole_and_small(n_frames: int, width: int) -> None:
    """A row is its own vector; of many numbers the correlations are not kept."""
    rng = np.random.default_rng(0)
    frames = [
        (rng.normal(size=width) + rng.normal(size=(n_frames, width))).astype(np.float32)
        for _ in range(300)
    ]
    novelty = Novelty.fit(frames[:200], 0)
    k = width if n_frames == 1 else 2 * width
    assert novelty.mean.shape == (k,)
    assert novelty.whitening.shape == ((k, k) if k <= 256 else (k,))
    found = np.array([novelty.of(f) for f in frames[200:]])
    assert (found > 1).mean() < 0.06
    assert novelty.of(3 * frames[0] + 9) > 1
    again = Novelty.restored(novelty.values(), novelty.arrays(), width)
    assert [again.of(f) for f in frames[:3]] == [novelty.of(f) for f in frames[:3]]
    with pytest.raises(ArtifactError, match=f"fitted to {width} features .* has 7"):
        Novelty.restored(novelty.values(), novelty.arrays(), 7)
    with pytest.raises(ArtifactError, match="novelty lacks center"):
        Novelty.restored(novelty.values(), {"mean": novelty.mean}, width)


def test_outliers_in_training_do_not_make_everything_familiar() -> None:
    """Functionals have heavy tails: two utterances of a hundred with a huge number."""
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(1, 20)).astype(np.float32) for _ in range(300)]
    for row in rows[:6]:
        row[0, 7] = 1e4
    novelty = Novelty.fit(rows, 0)
    strange = (4 * rng.choice([-1, 1], (1, 20))).astype(np.float32)
    assert novelty.of(strange) > 1
    assert np.mean([novelty.of(row) > 1 for row in rows]) < 0.03


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"false_alarms": 0.0}, "or 0.0 false alarms"),
        ({"mean": np.zeros(3, np.float32)}, r"mean of shape \(3,\)"),
        ({"mean": np.full(64, np.nan, np.float32)}, "values that are not finite"),
    ],
)
def test_damaged_values_are_refused(novelty: Novelty, damage: dict[str, Any], message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        replace(novelty, **damage)
