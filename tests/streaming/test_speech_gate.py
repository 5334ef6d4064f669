"""The gate opens with the first speech, by the rules of recordings, and stays open."""

from __future__ import annotations

import numpy as np
import pytest

import voxaffect.streaming.speech_gate as module
from tests.speech import takes
from tests.streaming.recognizers import hiss
from voxaffect.streaming.speech_gate import GROWTH, SpeechGate

STEP = 1600


def opens_at(samples: np.ndarray) -> float | None:
    """Second at which a gate opens that looks every 0.1 s."""
    gate, pieces = SpeechGate(), list[np.ndarray]()
    opened = None
    for start in range(0, samples.size, STEP):
        pieces.append(samples[start : start + STEP])
        is_open = gate.look(pieces)
        assert is_open or opened is None  # it never closes
        if is_open and opened is None:
            opened = (start + STEP) / 16_000
    return opened


@pytest.mark.parametrize("sound", [np.zeros(80_000, np.float32), hiss(5.0), hiss(5.0, level=0.1)])
def test_it_stays_closed_where_nobody_speaks(sound: np.ndarray) -> None:
    assert opens_at(sound) is None


@pytest.mark.parametrize("pause_s", [0.0, 2.0, 6.0])
def test_it_opens_within_a_quarter_of_the_time_before_speech(pause_s: float) -> None:
    sound = np.concatenate([hiss(pause_s, level=1e-4), takes(1)[0].samples, hiss(2.0, level=1e-4)])
    opened = opens_at(sound)
    assert opened is not None
    assert pause_s < opened <= GROWTH * (pause_s + 0.6) + 0.1


def test_looks_at_noise_cost_no_more_than_five_times_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lengths: list[int] = []

    def counted(samples: np.ndarray) -> bool:
        lengths.append(samples.size)
        return False

    monkeypatch.setattr(module, "_holds_speech", counted)
    assert opens_at(hiss(30.0)) is None
    assert sum(lengths) <= 5 * lengths[-1]
    assert lengths[-1] > 30 * 16_000 / GROWTH - STEP
