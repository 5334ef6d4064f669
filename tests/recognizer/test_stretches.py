"""A long recording's answer is the share of speech time, and what holds for most of it is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxaffect.audio.quality import QualityWarning
from voxaffect.recognizer.prediction import (
    NO_SPEECH,
    UNSURE,
    Prediction,
    label_of,
    named,
    no_speech,
    unfamiliar,
)
from voxaffect.recognizer.stretches import combined
from voxaffect.taxonomy import EMOTION

CLASSES = EMOTION.classes


def stretch(
    label: str, seconds: float, *codes: str, start_s: float = 0.0, novelty: float = 0.5
) -> Prediction:
    """One that is nearly certain of its label."""
    shares = np.full(4, 0.02)
    shares[CLASSES.index(label)] = 0.94
    warnings = (*(QualityWarning(c, f"{c} at {start_s:g}") for c in codes), *unfamiliar(novelty))
    n_frames = round(10 * seconds)
    return Prediction(
        "a#",
        label_of(CLASSES, shares, warnings),
        named(CLASSES, shares),
        {"gender": {"female": 0.25, "male": 0.75}},
        seconds,
        warnings,
        novelty,
        start_s=start_s,
        end_s=start_s + seconds,
        posteriors=np.tile(shares.astype(np.float32), (n_frames, 1)),
        times_s=(np.arange(n_frames) + 0.5) / 10,
        embedding=shares.astype(np.float32),
    )


def codes_of(prediction: Prediction) -> list[str]:
    return [warning.code for warning in prediction.warnings]


def test_probabilities_are_the_mean_over_the_time_of_speech() -> None:
    found = combined("a", 60.0, [stretch("neutral", 6), stretch("angry", 4, start_s=50)])
    assert found.label == "neutral"
    expected = {"neutral": 0.572, "happy": 0.02, "sad": 0.02, "angry": 0.388}
    assert found.probabilities == pytest.approx(expected)
    assert found.subtasks == {"gender": pytest.approx({"female": 0.25, "male": 0.75})}
    assert (found.name, found.duration_s, found.interval_s) == ("a", 60.0, (0.0, 60.0))
    np.testing.assert_allclose(np.asarray(found.embedding), [*expected.values()], rtol=1e-6)
    (warning,) = found.warnings
    assert warning.code == "several-emotions"
    told = "several emotions (60% neutral, 40% angry of the speech); --timeline shows them"
    assert warning.text == told


def test_frames_follow_each_other_at_the_times_of_the_recording() -> None:
    found = combined("a", 9.0, [stretch("sad", 1, start_s=2), stretch("happy", 2, start_s=5)])
    assert found.times_s is not None
    assert found.posteriors is not None
    assert found.times_s[[0, 9, 10, 29]] == pytest.approx([2.05, 2.95, 5.05, 6.95])
    assert found.posteriors[[9, 10]].argmax(axis=1).tolist() == [2, 1]
    assert combined("a", 9.0, [replace(stretch("sad", 1), posteriors=None)]).posteriors is None
    assert combined("a", 9.0, [replace(stretch("sad", 1), embedding=None)]).embedding is None


def test_a_single_stretch_is_the_answer() -> None:
    only = stretch("sad", 3, "noisy", start_s=20)
    found = combined("a", 40.0, [only])
    assert found.probabilities == pytest.approx(only.probabilities)
    assert (found.label, found.warnings, found.novelty) == ("sad", only.warnings, only.novelty)


@pytest.mark.parametrize(
    ("seconds", "is_told"), [((8, 2), True), ((81, 19), False), ((4, 3, 3), True)]
)
def test_emotions_in_a_fifth_of_the_speech_are_told(
    seconds: tuple[float, ...], is_told: bool
) -> None:
    parts = [stretch(CLASSES[n], s) for n, s in enumerate(seconds)]
    assert ("several-emotions" in codes_of(combined("a", 100.0, parts))) == is_told


def test_an_emotion_in_many_short_stretches_is_one() -> None:
    parts = [stretch(("sad", "angry")[n % 2], 1 + n % 2) for n in range(30)]
    text = str(combined("a", 100.0, parts).warnings[0])
    assert text.startswith("several emotions (67% angry, 33% sad of the speech)")


def test_a_warning_holds_for_a_recording_where_it_does_for_most_of_it() -> None:
    parts = [stretch("sad", 3, "noisy"), stretch("sad", 4, "noisy", "clipped", start_s=7)]
    found = combined("a", 30.0, [*parts, stretch("sad", 1, "short", start_s=15)])
    assert [str(warning) for warning in found.warnings] == ["noisy at 7"]
    assert found.label == "sad"


def test_stretches_that_are_unsure_have_no_part_unless_they_are_most() -> None:
    music = stretch("happy", 3, "music", start_s=9)
    found = combined("a", 60.0, [stretch("sad", 7), music])
    assert found.label == "sad"
    assert found.probabilities == pytest.approx(stretch("sad", 1).probabilities)
    assert [*map(str, found.warnings)] == ["unsure in 30% of the speech: music at 9"]
    assert codes_of(found) == ["partly-unsure"]
    assert codes_of(combined("a", 60.0, [stretch("sad", 27), music])) == []
    most = combined("a", 60.0, [stretch("sad", 2), music])
    assert (most.label, most.reason) == (UNSURE, "music at 9")
    assert most.forced().label == "happy"


def test_rejected_for_different_reasons_is_rejected() -> None:
    parts = [stretch("sad", 4), stretch("sad", 3, "music"), stretch("sad", 3.5, "tone")]
    found = combined("a", 60.0, parts)
    assert (found.label, found.reason) == (UNSURE, "tone at 0")


def test_what_turns_out_to_be_no_speech_has_no_part() -> None:
    silent = no_speech("a#", 20.0)
    found = combined("a", 60.0, [silent, stretch("sad", 2)])
    assert found.probabilities == pytest.approx(stretch("sad", 2).probabilities)
    nothing = combined("a", 60.0, [silent])
    assert (nothing.label, nothing.duration_s, nothing.name) == (NO_SPEECH, 60.0, "a")
    assert combined("a", 60.0, []) == nothing


parts = st.lists(
    st.tuples(st.sampled_from(CLASSES), st.floats(0.3, 15), st.floats(0, 3)), min_size=1, max_size=9
)


@given(parts)
def test_whatever_the_stretches_the_answer_agrees_with_itself(
    drawn: list[tuple[str, float, float]],
) -> None:
    found = combined("a", 200.0, [stretch(c, s, novelty=novelty) for c, s, novelty in drawn])
    assert sum(found.probabilities.values()) == pytest.approx(1)
    seconds = np.array([s for _, s, _ in drawn])
    strange = seconds[[novelty > 1 for *_, novelty in drawn]].sum() / seconds.sum()
    if abs(strange - 0.5) > 1e-6:
        assert ("unfamiliar" in codes_of(found)) == (strange > 0.5) == (found.label == UNSURE)
        assert found.novelty is not None
        assert (found.novelty > 1) == (strange > 0.5)
