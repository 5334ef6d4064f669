"""Parts left out share no corpus or speaker with what is left, and copies are not tested on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.examples import make_examples
from voxaffect.model.data import Examples
from voxaffect.systems.row_classifier import MeanLogisticSettings, RowClassifier
from voxaffect.systems.training_rows import N_PARTS, TrainingRows


def rows_of(
    groups: Sequence[int] | None,
    speakers: Sequence[int] | None,
    target: Sequence[int] | None = None,
    weights: Sequence[float] | None = None,
) -> TrainingRows:
    """Rows that hold their own number."""
    n = len(next(of for of in (groups, speakers, target) if of is not None))
    as_array = [None if of is None else np.array(of, np.int64) for of in (groups, speakers)]
    return TrainingRows(
        np.arange(n, dtype=np.float64)[:, None],
        np.arange(n) % 4 if target is None else np.array(target, np.int64),
        as_array[0],
        as_array[1],
        np.ones(n) if weights is None else np.array(weights),
    )


def numbers(rows: TrainingRows) -> set[int]:
    return {*rows.rows[:, 0].astype(int).tolist()}


UTTERANCE = st.tuples(st.integers(0, 2), st.integers(-1, 7), st.integers(0, 3), st.booleans())


@given(st.lists(UTTERANCE, min_size=1, max_size=40))
def test_parts_share_nothing_with_what_is_left_and_copies_are_not_tested_on(
    drawn: list[tuple[int, int, int, bool]],
) -> None:
    groups, speakers, target, copied = (list(column) for column in zip(*drawn, strict=True))
    weights = [0.3 if is_copy else 1.0 for is_copy in copied]
    everything = rows_of(groups, speakers, target, weights)
    n_tested = 0
    for left, out in everything.left_out():
        unit = "groups" if len({*groups}) > 1 else "speakers"
        assert not {*getattr(left, unit).tolist()} & {*getattr(out, unit).tolist()}
        assert (out.weights == 1).all()
        assert out.target.size
        assert np.unique(left.target).size > 1
        assert not numbers(left) & numbers(out)
        n_tested += out.target.size
    assert n_tested <= copied.count(False)


def test_every_corpus_is_left_out_once_with_its_copies() -> None:
    everything = rows_of([2, 2, 0, 0, 1, 1, 2, 2], None, weights=[1] * 7 + [0.5])
    parts = [(numbers(left), numbers(out)) for left, out in everything.left_out()]
    assert parts == [
        ({0, 1, 4, 5, 6, 7}, {2, 3}),
        ({0, 1, 2, 3, 6, 7}, {4, 5}),
        ({2, 3, 4, 5}, {0, 1, 6}),
    ]


@pytest.mark.parametrize(("n_speakers", "n_parts"), [(2, 2), (5, 5), (11, N_PARTS)])
def test_speakers_of_one_corpus_are_left_out_in_parts(n_speakers: int, n_parts: int) -> None:
    speakers, target = [n % n_speakers for n in range(44)], [n // 11 for n in range(44)]
    everything = rows_of([0] * 44, speakers, target)
    parts = [*everything.left_out()]
    assert len(parts) == n_parts
    assert sorted(n for _, out in parts for n in numbers(out)) == [*range(44)]


@pytest.mark.parametrize("groups", [None, [0] * 4])
@pytest.mark.parametrize("speakers", [None, [3] * 4])
def test_nothing_is_left_out_where_nobody_is_told_apart(groups: Any, speakers: Any) -> None:
    assert [*rows_of(groups, speakers, [0, 1, 2, 3]).left_out()] == []


def test_a_part_without_which_one_class_remains_is_not_left_out() -> None:
    parts = [*rows_of([0, 0, 1, 1, 2, 2], None, [0, 1, 2, 2, 2, 2]).left_out()]
    assert [numbers(out) for _, out in parts] == [{2, 3}, {4, 5}]


def test_of_two_sets_only_what_both_know_is_known() -> None:
    one, other = rows_of([0, 1], [0, 1]), rows_of([1], None)
    both = one.with_more(other)
    assert both.rows.shape == (3, 1)
    assert both.groups is not None
    assert both.groups.tolist() == [0, 1, 1]
    assert both.speakers is None


def test_examples_without_weights_weigh_one() -> None:
    examples = make_examples(8)
    rows = TrainingRows.of(np.zeros((8, 1)), examples.targets["emotion"], examples)
    np.testing.assert_array_equal(rows.weights, 1.0)


def copied(examples: Examples, weight: float) -> Examples:
    """Each utterance and a copy of another class, of some weight."""
    target = examples.targets["emotion"]
    weights = np.repeat([1.0, weight], len(examples))
    emotion = np.concatenate([target, (target + 1) % 4])
    return Examples([*examples.frames, *examples.frames], {"emotion": emotion}, weights=weights)


def test_copies_weigh_as_little_as_they_are_told() -> None:
    train, test = make_examples(80), make_examples(40, seed=1)
    certainty = []
    for weight in (1e-6, 0.3, 0.999):
        settings = MeanLogisticSettings(penalties=(1e-2,), class_weight=None)
        machine = RowClassifier(settings, settings.summary)
        machine.fit(copied(train, weight), test, seed=0)
        scores = machine.scores(machine.rows(test.frames))
        own, next_ = (scores[np.arange(40), (test.targets["emotion"] + k) % 4] for k in (0, 1))
        certainty.append(float((own - next_).mean()))
    assert certainty[0] > certainty[1] > certainty[2] > -0.1
    assert certainty[2] == pytest.approx(0, abs=0.1)


def test_weights_of_copies_are_shares_of_their_class() -> None:
    train = copied(make_examples(8), 0.25)
    settings = MeanLogisticSettings(group_weight="balanced")
    machine = RowClassifier(settings, settings.summary)
    rows = TrainingRows.of(machine.rows(train.frames), train.targets["emotion"], train)
    weights = machine.weights(rows)
    assert weights.mean() == pytest.approx(1.0)
    for emotion in range(4):
        inside = rows.target == emotion
        assert weights[inside].sum() == pytest.approx(4.0)
        of_copies = weights[inside & (rows.weights < 1)].sum()
        assert of_copies == pytest.approx(4.0 * 0.25 / 1.25)
