"""Which label a prediction has, why, and what remains where there is no emotion to name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxaffect.audio.quality import QualityWarning
from voxaffect.errors import AudioError
from voxaffect.recognizer.prediction import (
    DOUBTFUL,
    NO_SPEECH,
    REJECTING,
    UNSURE,
    Prediction,
    label_of,
    named,
    no_speech,
)
from voxaffect.taxonomy import EMOTION

CLASSES = EMOTION.classes
CODES = [*DOUBTFUL, "narrow-band", "several-emotions", "partly-unsure"]
shares = st.lists(st.floats(0.01, 1), min_size=4, max_size=4).map(lambda w: np.array(w) / sum(w))
codes = st.lists(st.sampled_from(CODES), max_size=3, unique=True)


def warned(*codes: str) -> tuple[QualityWarning, ...]:
    return tuple(QualityWarning(code, f"it is {code}") for code in codes)


def made(probabilities: np.ndarray, *codes: str) -> Prediction:
    label = label_of(CLASSES, probabilities, warned(*codes))
    return Prediction("a.wav", label, named(CLASSES, probabilities), warnings=warned(*codes))


SAD = np.array([0.1, 0.1, 0.7, 0.1])


@given(shares, codes)
def test_a_label_is_the_likeliest_class_unless_a_warning_rejects_it(
    probabilities: np.ndarray, given_codes: list[str]
) -> None:
    found, likeliest = made(probabilities, *given_codes), CLASSES[int(probabilities.argmax())]
    is_rejected = not {*REJECTING}.isdisjoint(given_codes)
    assert found.label == (UNSURE if is_rejected else likeliest)
    assert (found.reason is not None) == is_rejected
    assert found.forced().label == likeliest
    assert found.forced().reason is None
    assert found.forced() == replace(found, label=likeliest)
    assert not is_rejected or found.reason in {f"it is {code}" for code in REJECTING}


@given(shares, codes, st.floats(0.01, 1))
def test_abstention_acts_on_warnings_as_on_probabilities(
    probabilities: np.ndarray, given_codes: list[str], threshold: float
) -> None:
    found = made(probabilities, *given_codes)
    abstained = found.abstained(threshold)
    doubts = probabilities.max() < threshold or not {*DOUBTFUL}.isdisjoint(given_codes)
    assert (abstained.label == UNSURE) == doubts
    assert (abstained.reason is not None) == doubts
    assert abstained.probabilities == found.probabilities
    assert abstained.forced() == found.forced()
    assert found.abstained(None) == found
    assert found.decided(force=True, abstain=None) == found.forced()
    assert found.decided(abstain=threshold) == abstained


@pytest.mark.parametrize(
    ("codes", "threshold", "reason"),
    [
        ((), 0.75, "probability 0.70 below 0.75"),
        ((), 0.701, "probability 0.700 below 0.701"),
        ((), 0.70001, "probability 0.700000 below 0.700010"),
        (("noisy",), 0.75, "it is noisy"),
        (("noisy", "noise", "music"), 0.1, "it is music"),
        (("narrow-band",), 0.8, "probability 0.70 below 0.80"),
    ],
)
def test_the_reason_is_the_gravest_one(
    codes: tuple[str, ...], threshold: float, reason: str
) -> None:
    abstained = made(SAD, *codes).abstained(threshold)
    assert abstained.reason == reason
    assert abstained.to_dict()["reason"] == reason
    assert reason in str(abstained)
    assert reason in abstained._repr_html_()


def test_no_speech_has_no_probabilities_and_stays_so_whatever_is_asked() -> None:
    silent = no_speech("hiss.wav", 2.0, warned("noisy", "no-speech"))
    assert (silent.label, silent.probabilities, silent.probability) == (NO_SPEECH, {}, None)
    assert [warning.code for warning in silent.warnings] == ["no-speech", "noisy"]
    for same in (silent.forced(), silent.abstained(0.9), silent.decided(force=True)):
        assert same == silent
    assert str(silent) == "hiss.wav: no speech; too little of it is speech; it is noisy"
    assert "<table" not in silent._repr_html_()
    assert repr(silent) == "Prediction('hiss.wav', label='no speech')"
    assert no_speech("a", 1.0, reason="0.04 s of it are speech").reason == "0.04 s of it are speech"


def test_a_doubtful_one_is_one_line_with_its_reason_before_other_warnings() -> None:
    found = made(SAD, "noisy", "tone")
    assert str(found) == (
        "a.wav: unsure (sad 0.70, neutral 0.10, happy 0.10, angry 0.10); it is tone; it is noisy"
    )
    assert "opacity" in found._repr_html_()
    assert "opacity" not in found.forced()._repr_html_()


def test_without_a_label_there_is_no_reason() -> None:
    nothing = Prediction("live", start_s=0.0, end_s=0.1, is_final=False)
    faulty = Prediction("a.wav", error=AudioError("a.wav: is silent"))
    for one in (nothing, faulty):
        assert one.reason is None
        assert one.forced() == one.abstained(0.5) == one
    assert str(nothing) == "live 0.00 to 0.10 s: nothing to recognize yet"
    assert str(faulty) == "a.wav: is silent"
