from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.streaming.recognizers import LSTM, random_recognizer, voice
from tests.streaming.test_endpointer import RATE, speech_and_pauses
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError
from voxaffect.recognizer.prediction import Prediction
from voxaffect.streaming.endpointer import Endpointer
from voxaffect.streaming.online import LiveRecognizer, LiveSettings
from voxaffect.streaming.session import StreamSession, made_up_voice, warm_up

RECOGNIZER = random_recognizer(LSTM)
Floats = NDArray[np.float32]


def processed(session: StreamSession, samples: Floats, size: int = 1600) -> list[Prediction]:
    utterances = []
    for start in range(0, len(samples), size):
        utterances += session.push(samples[start : start + size])
        session.predict()
    return utterances + session.finish()


def assert_predicted_as_a_file(utterance: Prediction, samples: Floats) -> None:
    start_s, end_s = utterance.interval_s
    span = samples[round(start_s * RATE) : round(end_s * RATE)]
    assert utterance.error is None
    (expected,) = RECOGNIZER.predict([Waveform(span)])
    assert utterance.probabilities == expected.probabilities
    assert utterance.duration_s == expected.duration_s


def test_each_utterance_is_predicted_as_a_file_of_its_samples() -> None:
    samples = speech_and_pauses(0.8, 1.0, 1.0, 0.7, 0.3)
    utterances = processed(StreamSession(LiveRecognizer(RECOGNIZER), Endpointer()), samples)
    assert len(utterances) == 2
    for utterance in utterances:
        assert_predicted_as_a_file(utterance, samples)


def test_no_prediction_between_utterances() -> None:
    session = StreamSession(LiveRecognizer(RECOGNIZER), Endpointer())
    session.push(speech_and_pauses(1.0))
    assert session.predict() is None
    session.push(speech_and_pauses(0.0, 1.0))
    answer = session.predict()
    assert answer is not None
    assert answer.label is not None
    assert session.start_s == pytest.approx(0.85, abs=0.05)


@pytest.mark.parametrize("size", [1600, 80_000])
def test_without_an_endpointer_all_is_one_utterance_up_to_the_limit(size: int) -> None:
    samples = speech_and_pauses(0.5, 1.0, 1.2, 0.7)
    (one,) = processed(StreamSession(LiveRecognizer(RECOGNIZER), None), samples, size)
    assert (one.start_s, one.end_s) == (0.0, len(samples) / RATE)
    assert_predicted_as_a_file(one, samples)
    live = LiveRecognizer(RECOGNIZER, LiveSettings(longest_s=1.5))
    several = processed(StreamSession(live, None), samples, size)
    assert [u.start_s for u in several] == [0.0, 1.5, 3.0]
    for utterance in several:
        assert_predicted_as_a_file(utterance, samples)
    assert live.pending() == []


def test_silence_has_an_error() -> None:
    session = StreamSession(LiveRecognizer(RECOGNIZER), None)
    (silent,) = processed(session, np.zeros(8000, np.float32))
    assert isinstance(silent.error, AudioError)
    assert "utterance at 0.00 s: is silent" in str(silent.error)
    assert processed(session, voice(0.5)) != []


def test_no_samples_no_utterances() -> None:
    assert StreamSession(LiveRecognizer(RECOGNIZER), Endpointer()).finish() == []
    assert processed(StreamSession(LiveRecognizer(RECOGNIZER), None), np.zeros(0, np.float32)) == []


def test_what_warms_up_is_speech_to_everything() -> None:
    """Or else nothing behind voice activity detection would be loaded by it."""
    live = LiveRecognizer(RECOGNIZER)
    sample = made_up_voice()
    (prediction,) = RECOGNIZER.predict([Waveform(sample)])
    assert prediction.probabilities
    session = StreamSession(live, Endpointer())
    ended = [*session.push(sample), *session.finish()]
    assert [bool(one.probabilities) for one in ended] == [True]
    warm_up(live)
    assert live.pending() == []
