from __future__ import annotations

import numpy as np
import pytest

from tests.listening.recognisers import voice
from voxaffect.audio.waveform import Waveform, gain
from voxaffect.listening.gain import RunningGain


def test_the_gain_so_far_is_that_of_a_file_that_ended_here() -> None:
    running, samples = RunningGain(), voice(1)
    for start in range(0, 16_000, 1600):
        running.add(samples[start : start + 1600])
        so_far = Waveform(samples[: start + 1600])
        assert running.factor == pytest.approx(gain(so_far.rms(), "so far"))


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(500), np.full(500, 9e-6)])
def test_silence_has_no_gain(samples: np.ndarray) -> None:
    running = RunningGain()
    running.add(samples.astype(np.float32))
    assert running.factor is None
