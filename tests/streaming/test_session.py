from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.streaming.recognizers import LSTM, drawn, voice
from tests.streaming.test_endpointer import RATE, talk
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError
from voxaffect.recognizer.prediction import Prediction
from voxaffect.streaming.endpointer import Endpointer
from voxaffect.streaming.online import LiveRecognizer, LiveSettings
from voxaffect.streaming.session import StreamSession

RECOGNIZER = drawn(LSTM)
Floats = NDArray[np.float32]


def heard(listener: StreamSession, samples: Floats, size: int = 1600) -> list[Prediction]:
    utterances = []
    for start in range(0, len(samples), size):
        utterances += listener.push(samples[start : start + size])
        listener.answer()
    return utterances + listener.finish()


def assert_answered_as_a_file(utterance: Prediction, samples: Floats) -> None:
    start_s, end_s = utterance.interval_s
    span = samples[round(start_s * RATE) : round(end_s * RATE)]
    assert utterance.error is None
    (expected,) = RECOGNIZER.predict([Waveform(span)])
    assert utterance.probabilities == expected.probabilities
    assert utterance.duration_s == expected.duration_s


def test_each_utterance_is_answered_as_the_file_of_its_samples() -> None:
    samples = talk(0.8, 1.0, 1.0, 0.7, 0.3)
    utterances = heard(StreamSession(LiveRecognizer(RECOGNIZER), Endpointer()), samples)
    assert len(utterances) == 2
    for utterance in utterances:
        assert_answered_as_a_file(utterance, samples)


def test_between_utterances_there_is_no_answer() -> None:
    listener = StreamSession(LiveRecognizer(RECOGNIZER), Endpointer())
    listener.push(talk(1.0))
    assert listener.answer() is None
    listener.push(talk(0.0, 1.0))
    answer = listener.answer()
    assert answer is not None
    assert answer.label is not None
    assert listener.start_s == pytest.approx(0.85, abs=0.05)


@pytest.mark.parametrize("size", [1600, 80_000])
def test_without_an_endpointer_all_is_one_utterance_up_to_the_limit(size: int) -> None:
    samples = talk(0.5, 1.0, 1.2, 0.7)
    (one,) = heard(StreamSession(LiveRecognizer(RECOGNIZER), None), samples, size)
    assert (one.start_s, one.end_s) == (0.0, len(samples) / RATE)
    assert_answered_as_a_file(one, samples)
    live = LiveRecognizer(RECOGNIZER, LiveSettings(longest_s=1.5))
    several = heard(StreamSession(live, None), samples, size)
    assert [u.start_s for u in several] == [0.0, 1.5, 3.0]
    for utterance in several:
        assert_answered_as_a_file(utterance, samples)
    assert live.due() == []


def test_what_cannot_be_answered_for_is_said() -> None:
    listener = StreamSession(LiveRecognizer(RECOGNIZER), None)
    (silent,) = heard(listener, np.zeros(8000, np.float32))
    assert isinstance(silent.error, AudioError)
    assert "utterance at 0.00 s: is silent" in str(silent.error)
    assert heard(listener, voice(0.5)) != []


def test_nothing_in_nothing_out() -> None:
    assert StreamSession(LiveRecognizer(RECOGNIZER), Endpointer()).finish() == []
    assert heard(StreamSession(LiveRecognizer(RECOGNIZER), None), np.zeros(0, np.float32)) == []
