import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from voxaffect.features.descriptors.tape import Tape
from voxaffect.features.frames import FrameGrid


@given(
    st.lists(st.integers(0, 2000), min_size=1, max_size=4),
    st.sampled_from([160, 400, 640, 642]),
)
def test_every_frame_sees_its_own_waveform_and_zeros(sizes: list[int], window: int) -> None:
    grid = FrameGrid()
    rng = np.random.default_rng(0)
    waves = [torch.from_numpy(rng.standard_normal(n).astype(np.float32)) for n in sizes]
    tape = Tape.lay(waves, grid, window, block=8)
    assert tape.lengths == [grid.n_frames(n) for n in sizes]
    assert tape.rows.shape[0] % 8 == 0
    assert all(len(block) == 8 * grid.hop_samples + window for block in tape.blocks())
    rows_of_blocks = [b.unfold(0, window, grid.hop_samples)[:8] for b in tape.blocks()]
    assert torch.equal(torch.cat(rows_of_blocks), tape.rows)
    rows = iter(zip(tape.rows[tape.frames], tape.inside, strict=True))
    for wave, length in zip(waves, tape.lengths, strict=True):
        for frame in range(length):
            row, (first, end) = next(rows)
            begin = frame * grid.hop_samples - (window - grid.window_samples) // 2
            about_mean = wave - wave.mean()
            expected = about_mean[begin + int(first) : begin + int(end)] / about_mean.abs().max()
            torch.testing.assert_close(row[first:end], expected)
            assert not row[:first].any()
            assert not row[end:].any()
            assert int(first) == max(0, -begin)
            assert int(end) == min(window, len(wave) - begin)


def test_only_windows_that_reach_outside_are_cut_off() -> None:
    tape = Tape.lay([torch.randn(16_000)] * 2, FrameGrid(), 640, block=1)
    assert tape.cut_off().tolist() == [0, 97, 98, 195]
    mask = tape.covers(tape.cut_off(), torch.arange(640))
    assert mask[0].tolist() == [False] * 120 + [True] * 520
    assert mask[1].tolist() == [True] * 600 + [False] * 40
