from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.wild import ASKED, MANY, answers, hits, speaker_of
from voxaffect.audio.degrade.degradation import CLEAN
from voxaffect.evaluation.experiment.results import FoldResult
from voxaffect.evaluation.measures.metrics import confusion, unweighted_accuracy
from voxaffect.evaluation.robustness.tallies import (
    Tally,
    accuracies,
    chance,
    resample,
    tally,
)

CONDITIONS = (CLEAN, *(d.name for d in ASKED))


def counted(*results: FoldResult) -> Tally:
    return tally(results, CONDITIONS, speaker_of(results))


def ones(*tallies: Tally) -> tuple[np.ndarray, list[str]]:
    speakers = sorted({s for t in tallies for s in t.speakers})
    return np.ones((1, len(speakers))), speakers


@given(seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_equal_weights_give_the_unweighted_accuracy_of_each_condition(seed: int) -> None:
    result = answers(hits(8, 6, 4, 2), speakers=MANY)
    rng = np.random.default_rng(seed)
    result.y_pred[:] = rng.integers(0, 4, result.y_pred.size)
    found = accuracies([counted(result)], *ones(counted(result)))[0]
    for k, condition in enumerate(CONDITIONS):
        rows = [i for i, name in enumerate(result.ids) if name.startswith(f"{condition}:")]
        matrix = confusion(result.y_true[rows], result.y_pred[rows], 4)
        assert found[k] == pytest.approx(unweighted_accuracy(matrix))


def test_whole_weights_are_repeated_speakers() -> None:
    result = answers(hits(2, 2, 2, 2), speakers=MANY[:3], easier=3)
    weighted = accuracies([counted(result)], np.array([[3.0, 0.0, 1.0]]), MANY[:3])
    assert weighted[0] == pytest.approx((3 * 0.2 + 0.8) / 4)


def test_seeds_are_averaged_within_the_fold_and_test_sets_weigh_the_same() -> None:
    emodb = [answers(hits(n, 0, 0, 0), seed=n, speakers=MANY) for n in (2, 4)]
    urdu = [answers(hits(9, 0, 0, 0), fold="cross/urdu", speakers=["urdu/1"])]
    both = [counted(*emodb), counted(*urdu)]
    assert accuracies(both, *ones(*both))[0, 0] == pytest.approx((0.3 + 0.9) / 2)


def test_a_fold_counts_as_often_as_its_speaker_is_drawn() -> None:
    folds = [
        counted(answers(hits(n, 0, 0, 0), fold=f"within/emodb/{n}", speakers=[f"emodb/{n}"]))
        for n in (2, 8)
    ]
    weights = np.array([[1.0, 1.0], [2.0, 0.0], [0.5, 1.5]])
    found = accuracies(folds, weights, ["emodb/2", "emodb/8"])[:, 0]
    np.testing.assert_allclose(found, [0.5, 0.2, (0.5 * 0.2 + 1.5 * 0.8) / 2])


def test_what_has_no_answer_is_wrong() -> None:
    result = answers(hits(10, 10, 10, 10))
    kept = [n for n, name in enumerate(result.ids) if not name.startswith("room-800ms:emodb/1/0")]
    less = FoldResult(
        **{
            **vars(result),
            "ids": tuple(result.ids[n] for n in kept),
            "y_true": result.y_true[kept],
            "y_pred": result.y_pred[kept],
        }
    )
    found = accuracies([counted(less)], *ones(counted(less)))[0]
    np.testing.assert_allclose(found, [1, 1, 1, 0.75, 1])


def test_chance_is_of_the_classes_that_are_there() -> None:
    two = counted(answers(hits(5, 5, 5, 5), n_classes=2))
    four = counted(answers(hits(5, 5, 5, 5), fold="cross/urdu", speakers=["urdu/1"]))
    assert chance([two, four], *ones(two, four))[0] == pytest.approx((0.5 + 0.25) / 2)


def test_the_first_draw_has_everybody_once() -> None:
    weights = resample(MANY, 5, seed=0)
    assert weights.shape == (6, len(MANY))
    assert (weights[0] == 1).all()
    assert (weights[1:] != 1).any()
