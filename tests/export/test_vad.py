from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.sounds import Samples, noise, silence, speech, tone
from tests.export.stages import SAMPLES, Runner
from voxaffect.audio.vad import DEFAULT, HOP, ActivityTrack, VadSettings, track_of
from voxaffect.audio.vad import speech_mask as in_python
from voxaffect.export.graph import Op, Value, length
from voxaffect.export.vad import speech_mask, track

FRAMES = (("T",), "float32")
OTHER = VadSettings(neighborhood_s=0.5, syllable_s=0.08, reach_s=0.1, closed_s=0.3, least_s=0.05)

tracked = Runner(lambda op, x: track(op, x, length(op, x) / HOP), SAMPLES)


@pytest.mark.parametrize(
    "samples",
    [
        speech(0),
        speech(3) * np.float32(1e-3),
        noise(0, 20_000),
        tone(200.0),
        np.concatenate([speech(1), silence(8_000), noise(1, 400)]),
        silence(480),
        noise(2, 160),
    ],
    ids=["speech", "soft", "noise", "tone", "with silence", "silence", "one frame"],
)
def test_level_and_voicing_agree_with_python(samples: Samples) -> None:
    whole = samples[: len(samples) // HOP * HOP]
    level_db, voicing = tracked(whole)
    expected = track_of(whole)
    np.testing.assert_allclose(level_db, expected.level_db, atol=1e-4)
    np.testing.assert_allclose(voicing, expected.voicing, atol=1e-5)


def masked(by: VadSettings) -> Runner:
    def stage(op: Op, level_db: Value, voicing: Value) -> Value:
        return speech_mask(op, level_db, voicing, by)

    return Runner(stage, FRAMES, FRAMES)


MASKED = {"default": (DEFAULT, masked(DEFAULT)), "other": (OTHER, masked(OTHER))}


def drawn(seed: int, n_frames: int, voiced: float) -> ActivityTrack:
    """Levels that wander, with digital silence, and voicing in runs."""
    rng = np.random.default_rng(seed)
    level_db = np.clip(-40 + np.cumsum(rng.normal(0, 3, n_frames)), -110, -5)
    level_db = np.where(rng.random(n_frames) < 0.1, -100.0, level_db)
    wave = np.cumsum(rng.normal(0, 0.2, n_frames))
    voicing = np.clip(voiced + np.sin(wave) / 2, 0, 1)
    return ActivityTrack(level_db.astype(np.float32), voicing.astype(np.float32))


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2**32),
    st.one_of(st.integers(1, 40), st.integers(41, 2_500)),
    st.floats(0.2, 1),
    st.sampled_from(sorted(MASKED)),
)
def test_masks_agree_with_python(seed: int, n_frames: int, voiced: float, kind: str) -> None:
    by, run = MASKED[kind]
    one = drawn(seed, n_frames, voiced)
    np.testing.assert_array_equal(run(one.level_db, one.voicing)[0], in_python(one, by))


def test_faint_frames_after_loud_ones_agree() -> None:
    """A running sum loses what is faint; whoever adds otherwise must lose no more."""
    level_db = np.repeat([-20.0, -80.0, -83.5, -80.0, -20.0], 60).astype(np.float32)
    level_db += np.random.default_rng(0).normal(0, 0.5, level_db.size).astype(np.float32)
    one = ActivityTrack(level_db, np.ones_like(level_db))
    _, run = MASKED["default"]
    np.testing.assert_array_equal(run(one.level_db, one.voicing)[0], in_python(one))
