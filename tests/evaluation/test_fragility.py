"""Fragility: changes are deterministic, and what turns is counted as it is stated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.speech import takes
from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits
from voxaffect.audio.degrade.degradation import Degradation
from voxaffect.audio.degrade.level import gain
from voxaffect.audio.quality import QualityWarning, quality_warnings
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import AudioError
from voxaffect.evaluation.fragility import (
    CHANGES,
    EXACT,
    NARROW,
    Answer,
    Change,
    answers,
    compared,
    drawn,
    felt,
    measured,
    n_right,
)
from voxaffect.recognizer.prediction import Prediction
from voxaffect.recognizer.recording import Recording, waveform_of
from voxaffect.taxonomy import EMOTION

BY_NAME = {change.name: change for change in CHANGES}
CLIP = takes(1)[0].normalized()


def change(limit: float | None = 0.1, *, is_exact: bool = False, warning: str = "") -> Change:
    effect = Degradation("", "louder", "", partial(gain, gain_db=6))
    return Change(effect, limit, is_exact, warning)


def answer(
    forced: str, share: float = 0.7, label: str | None = None, warned: Sequence[str] = ()
) -> Answer:
    probabilities = np.full(4, (1 - share) / 3)
    probabilities[EMOTION.index(forced)] = share
    return Answer(forced, label or forced, probabilities, frozenset(warned))


@pytest.mark.parametrize("name", BY_NAME)
def test_changes_are_deterministic_and_leave_the_clip(name: str) -> None:
    before = CLIP.samples.copy()
    first, again = (BY_NAME[name].apply(CLIP, 3) for _ in range(2))
    np.testing.assert_array_equal(first.samples, again.samples)
    np.testing.assert_array_equal(CLIP.samples, before)
    assert first.name == CLIP.name
    pauses = name == "zeros in the longest pause"  # a clip may have none
    assert pauses or not np.array_equal(first.samples, before)


def test_random_changes_differ_by_clip_and_by_seed() -> None:
    noise = BY_NAME["white noise, 20 dB SNR"]
    renamed = Waveform(CLIP.samples, "another")
    found = [noise.apply(clip, seed).samples for clip, seed in ((CLIP, 0), (CLIP, 1), (renamed, 0))]
    assert not any(np.array_equal(found[0], other) for other in found[1:])


def test_changes_have_names_of_their_own_and_limits_below_one() -> None:
    assert len(BY_NAME) == len(CHANGES)
    assert all(one.limit is None or 0 <= one.limit <= 0.1 for one in CHANGES)
    assert [one.limit for one in CHANGES if one.is_exact] == [0.0] * 3


def test_warnings_that_are_due_are_given() -> None:
    due = [one for one in CHANGES if one.warning]
    assert {one.warning for one in due} == {NARROW}
    assert len(due) == 9
    for one in due:
        for take in takes(4):
            codes = {w.code for w in quality_warnings(one.apply(take.normalized(), 0))}
            assert NARROW in codes, one.name


def test_shares_of_turned_answers_and_changes_of_probabilities() -> None:
    before = [answer("happy"), answer("sad"), answer("sad"), answer("angry")]
    after = [
        answer("happy", 0.7, "unsure"),
        answer("neutral"),
        answer("sad", 0.4),
        Answer("no speech", "no speech", np.zeros(4)),
    ]
    found = compared(change(), before, after)
    assert found.turned == 0.5
    assert found.turned_by_default == 0.75
    moved = [0.0] * 4 + [0.6, 0.6, 0.0, 0.0] + [0.3, 0.1, 0.1, 0.1] + [0.7, 0.1, 0.1, 0.1]
    assert found.mean_change == pytest.approx(np.mean(moved))
    assert found.largest_change == pytest.approx(0.7)
    assert found.is_met is False
    assert compared(change(0.5), before, after).is_met is True
    assert compared(change(None), before, after).is_met is None


def test_exact_changes_may_not_move_a_probability() -> None:
    before = [answer("happy", 0.7)]
    for moved, met in ((EXACT / 2, True), (1e-4, False)):
        found = compared(change(0.0, is_exact=True), before, [answer("happy", 0.7 + moved)])
        assert found.turned == 0
        assert found.is_met is met


def test_a_warning_that_is_due_is_due_for_each_clip_that_did_not_have_it() -> None:
    plain, narrow = answer("sad"), answer("sad", warned=[NARROW, "unfamiliar"])
    due = change(warning=NARROW)
    for before, after, met in (
        ([plain, plain], [narrow, narrow], True),
        ([plain, plain], [narrow, plain], False),
        ([plain, narrow], [narrow, plain], True),
    ):
        found = compared(due, before, after)
        assert found.is_met is met
        assert found.is_warned is met
    assert found.warned == {NARROW: 0.5, "unfamiliar": 0.5}
    assert compared(replace(due, limit=None), [plain], [plain]).is_met is False


class Loudness:
    """Calls clips angry above a level, refuses quiet ones and warns of loud ones."""

    limits: DecodeLimits = DEFAULT_LIMITS

    def predict(self, recordings: Sequence[Recording]) -> list[Prediction]:
        return [self._one(waveform_of(recording, self.limits)) for recording in recordings]

    @staticmethod
    def _one(waveform: Waveform) -> Prediction:
        if waveform.rms() < 1e-3:
            raise AudioError(f"{waveform.name}: is silent")
        angry = float(np.clip(10 * waveform.rms(), 0, 1))
        shares = {"angry": angry, "sad": 1 - angry}
        loud = (QualityWarning("clipped", "loud"),) if angry > 0.7 else ()
        label = "unsure" if abs(angry - 0.5) < 0.1 else max(shares, key=lambda name: shares[name])
        return Prediction(waveform.name, label, shares, warnings=loud)


def test_a_recognizer_that_minds_the_level_is_found_out() -> None:
    clips = [take.normalized(0.04) for take in takes(3)]
    before = answers(Loudness(), clips)
    assert [one.label for one in before] == ["unsure"] * 3
    assert [one.forced for one in before] == ["sad"] * 3
    louder = measured(Loudness(), BY_NAME["20 dB louder"], clips, before, 0)
    assert (louder.turned, louder.warned) == (1.0, {"clipped": 1.0})
    assert louder.largest_change == pytest.approx(0.6, abs=1e-3)
    quieter = measured(Loudness(), change(0.0), clips, before, 0)
    assert quieter.turned == 1.0


def test_refused_clips_are_turned() -> None:
    (clip,) = (take.normalized(0.002) for take in takes(1))
    quieter = measured(Loudness(), BY_NAME["20 dB quieter"], [clip], answers(Loudness(), [clip]), 0)
    assert quieter.turned == quieter.turned_by_default == 1.0


def test_right_answers_are_counted_without_abstention_and_felt_ones_with_it() -> None:
    found = [answer("sad", label="unsure"), answer("happy"), answer("sad")]
    assert n_right(found, ["sad", "happy", "angry"]) == 2
    named = {"hum": found[0], "bell": found[1], "hiss": Answer("error", "error", np.zeros(4))}
    assert felt(named) == ["bell"]


def utterance(corpus: str, number: int, label: str) -> Utterance:
    name = f"{corpus}/{label}{number}"
    return Utterance(name, corpus, Path(f"{name}.wav"), label, f"{corpus}/{number % 3}")


EVERY = [
    utterance(corpus, number, label)
    for corpus in ("a", "b", "c")
    for label in ("neutral", "happiness", "sadness", "anger", "disgust")
    for number in range(10)
]


def test_a_draw_is_equal_by_corpus_and_class_and_so_is_its_beginning() -> None:
    chosen = drawn(EVERY, 60, seed=0)
    for n in (12, 24, 60):
        cells = Counter((u.corpus, label) for u, label in chosen[:n])
        assert {*cells.values()} == {n // 12}
    assert {label for _, label in chosen} == {*EMOTION.classes}
    assert chosen[:30] == drawn(EVERY[::-1], 30, seed=0)
    assert chosen != drawn(EVERY, 60, seed=1)


def test_a_small_corpus_gives_what_it_has() -> None:
    few = [u for u in EVERY if u.corpus != "a" or u.label == "anger"]
    cells = Counter((u.corpus, label) for u, label in drawn(few, 1000, seed=0))
    assert {*cells.values()} == {10}
    assert len(cells) == 9
