from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxaffect.features.whisper.windows import HOP_SAMPLES, pieces, windows


@given(st.integers(1, 5000), st.integers(50, 1500), st.integers(0, 49))
def test_windows_cover_a_recording_once_and_overlap(n: int, most: int, overlap: int) -> None:
    begins, seams = windows(n, most, overlap)
    assert (begins[0], seams[0], seams[-1]) == (0, 0, n)
    assert (np.diff(seams) > 0).all()
    if n <= most:
        assert begins == [0]
        return
    assert begins[-1] == n - most
    assert (np.diff(begins) <= most - overlap).all()
    for begin, first, end in zip(begins, seams[:-1], seams[1:], strict=True):
        assert begin <= first
        assert end <= begin + most
        assert first == 0 or first - begin >= overlap // 2
        assert end == n or begin + most - end >= overlap // 2


@pytest.mark.parametrize("n_samples", [320, 999, 32_000, 32_320, 100_000, 123_456])
def test_pieces_state_what_they_are_of_their_recording(n_samples: int) -> None:
    samples = np.arange(n_samples, dtype=np.float32)
    other = samples[:640]
    found = [*pieces([other, samples], 100, 50)]
    assert [p.recording for p in found] == [0] + [1] * (len(found) - 1)
    frames = [frame for p in found[1:] for frame in range(p.frames.start, p.frames.stop)]
    assert frames == [*range(n_samples // HOP_SAMPLES)]
    for piece in found[1:]:
        first = int(piece.samples[0]) // HOP_SAMPLES
        assert piece.frames.start - piece.kept.start == first
        assert piece.kept.stop - piece.kept.start == piece.frames.stop - piece.frames.start
        assert piece.kept.stop <= piece.n_frames <= 100
    assert found[-1].samples[-1] == samples[-1]
