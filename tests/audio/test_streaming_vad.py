from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.speech import takes
from voxaffect.audio.rumble import without_rumble
from voxaffect.audio.streaming_vad import StreamingVad, TrackStream
from voxaffect.audio.vad import HOP, speech_mask, track_of

RATE = 16_000


def sound() -> np.ndarray:
    one, other = (take.normalized().samples for take in takes(2))
    pause = np.zeros(RATE, np.float32)
    joined = np.concatenate([pause, one, pause, other, pause[:1234]])
    noise = np.random.default_rng(0).normal(scale=1e-4, size=joined.size)
    return (joined + noise).astype(np.float32)


SOUND = sound()


@settings(max_examples=20)
@given(st.lists(st.integers(0, 20_000), max_size=10))
def test_pieces_give_the_track_of_the_whole(sizes: list[int]) -> None:
    stream = TrackStream()
    places = np.minimum(np.cumsum(sizes, dtype=int), SOUND.size)
    parts = [stream.push(piece) for piece in np.split(SOUND, places)] + [stream.finish()]
    whole = track_of(SOUND)
    for field in (0, 1):  # level in dB and voicing, in float32 at most a rounding of sums apart
        found = np.concatenate([part[field] for part in parts])
        np.testing.assert_allclose(found, whole[field], atol=1e-4)


@pytest.mark.parametrize("size", [160, 1000, 16_000, SOUND.size])
def test_what_a_stream_finds_is_mostly_what_a_file_has(size: int) -> None:
    vad = StreamingVad()
    ticks = [t for at in range(0, SOUND.size, size) for t in vad.push(SOUND[at : at + size])]
    ticks += vad.finish()
    active = np.concatenate([tick.active for tick in ticks])
    assert (active == speech_mask(track_of(without_rumble(SOUND)))).mean() > 0.85
    samples = np.concatenate([tick.samples for tick in ticks])
    np.testing.assert_allclose(samples, without_rumble(SOUND), atol=1e-6)
    speech = np.concatenate([tick.speech for tick in ticks])
    assert (active[:-1].sum() - 1) * HOP <= speech.size <= active.sum() * HOP


def test_memory_does_not_grow() -> None:
    vad = StreamingVad()
    for _ in range(30):
        vad.push(SOUND)
        assert vad._samples.size < RATE
        assert vad._waiting.shape[1] < 20
        assert len(vad._power) <= 80


def test_digital_silence_tells_nothing_of_the_noise() -> None:
    noise = np.random.default_rng(0).normal(scale=0.01, size=3 * RATE).astype(np.float32)
    vad = StreamingVad()
    vad.push(np.zeros(3 * RATE, np.float32))
    assert not any(tick.active.any() for tick in vad.push(noise)[25:])
