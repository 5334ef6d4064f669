"""Comparison of an exported recognizer's answers with those of the recognizer."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pytest

from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError
from voxaffect.recognizer.prediction import Prediction

TOLERANCE = 1e-4


class Answering(Protocol):
    def predict(self, recordings: list[Waveform], /) -> list[Prediction]: ...


def assert_answers_alike(one: Answering, other: Answering, waveform: Waveform) -> None:
    """The same prediction, or the same error."""
    given, expected = answered(one, waveform), answered(other, waveform)
    if isinstance(given, str) or isinstance(expected, str):
        assert given == expected
    else:
        assert_alike(given, expected)


def answered(one: Answering, waveform: Waveform) -> Prediction | str:
    """The prediction, or the error's words."""
    try:
        return one.predict([waveform])[0]
    except AudioError as fault:
        return str(fault)


def assert_alike(given: Prediction, expected: Prediction) -> None:
    for name in ("name", "label", "duration_s", "warnings"):
        assert getattr(given, name) == getattr(expected, name)
    assert given.probabilities == pytest.approx(expected.probabilities, abs=TOLERANCE)
    assert list(given.subtasks) == list(expected.subtasks)
    for task, classes in expected.subtasks.items():
        assert given.subtasks[task] == pytest.approx(classes, abs=TOLERANCE)
    assert given.novelty == (
        None if expected.novelty is None else pytest.approx(expected.novelty, rel=1e-3)
    )
    for name, error in (("times_s", 0.0), ("posteriors", TOLERANCE), ("embedding", 2e-3)):
        here, there = getattr(given, name), getattr(expected, name)
        assert (here is None) == (there is None), name
        if there is not None:
            assert here.dtype == there.dtype
            np.testing.assert_allclose(here, there, rtol=0, atol=error, err_msg=name)
