from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluation.fairness_runs import facts_for, results_of, run_of
from voxaffect.evaluation.fairness.speakers import SpeakerSpread, gini, group_scores

VALUES = st.lists(st.integers(0, 1000).map(float), min_size=1, max_size=20)


def spread(rights: dict[str, tuple[int, ...]], of: int = 10) -> SpeakerSpread:
    results = results_of(rights, of)
    scores = group_scores(run_of(results, facts_for(results)))
    assert scores is not None
    (found,) = scores.speakers
    return found


@pytest.mark.parametrize("n", [1, 2, 7])
def test_gini_of_equal_shares_and_of_one_that_has_all(n: int) -> None:
    assert gini(np.full(n, 0.4)) == pytest.approx(0)
    assert gini([*[0.0] * (n - 1), 0.9]) == pytest.approx((n - 1) / n)
    assert gini(np.zeros(n)) == 0


@given(VALUES, st.floats(0.1, 10))
def test_gini_is_half_the_mean_difference_over_the_mean(values: list[float], scale: float) -> None:
    x = np.array(values)
    found = gini(x)
    if x.sum() > 0:
        expected = np.abs(x[:, None] - x).mean() / (2 * x.mean())
        assert found == pytest.approx(expected, abs=1e-12)
    assert gini(x * scale) == pytest.approx(found, abs=1e-9)
    assert gini(x[::-1]) == pytest.approx(found, abs=1e-12)
    assert -1e-12 <= found <= (x.size - 1) / x.size + 1e-12


def test_gini_is_vectorized() -> None:
    many = np.random.default_rng(0).uniform(size=(5, 9))
    np.testing.assert_allclose(gini(many), [gini(one) for one in many])


def test_speakers_are_sorted_best_first() -> None:
    found = spread({"north/a": (5, 5, 5, 5), "north/b": (2, 2, 2, 2), "north/c": (9, 9, 9, 9)})
    assert [s.name for s in found.compared] == ["north/c", "north/a", "north/b"]
    assert found.compared[-1].ua == pytest.approx(0.2)
    assert all(s.interval is None for s in found.speakers)
    assert found.variation is not None
    assert found.variation.gini == pytest.approx(float(gini([0.9, 0.5, 0.2])))
    assert found.variation.interval is not None
    assert 0 <= found.variation.interval.low <= found.variation.interval.high


def test_one_speaker_has_no_variation() -> None:
    found = spread({"north/a": (5, 5, 5, 5)})
    assert len(found.compared) == 1
    assert found.variation is None


def test_speaker_of_few_utterances_is_shown_and_not_compared() -> None:
    found = spread({"north/a": (1, 1, 1, 1), "north/b": (0, 1, 1, 1)}, of=1)
    assert len(found.speakers) == 2
    assert found.compared == ()
    assert found.variation is None


def test_chance_effect_is_zero_if_all_is_correct_and_positive_if_half_is() -> None:
    perfect = spread({f"north/{s}": (10, 10, 10, 10) for s in "abcd"}).variation
    assert perfect is not None
    assert (perfect.expected_by_chance.worst, perfect.expected_by_chance.gini) == (1.0, 0.0)
    even = spread({f"north/{s}": (5, 5, 5, 5) for s in "abcd"}).variation
    assert even is not None
    assert even.gini == pytest.approx(0)
    assert 0.3 < even.expected_by_chance.worst < 0.5
    assert even.expected_by_chance.gini > 0.02


def test_expected_by_chance_is_the_mean_of_equal_speakers() -> None:
    rng = np.random.default_rng(1)
    worst, coefficients, expected = [], [], []
    for _ in range(20):
        rights = {f"north/{s}": tuple(rng.binomial(10, 0.6, 4)) for s in range(12)}
        found = spread(rights)
        assert found.variation is not None
        worst.append(found.compared[-1].ua)
        coefficients.append(found.variation.gini)
        expected.append(
            (found.variation.expected_by_chance.worst, found.variation.expected_by_chance.gini)
        )
    assert np.mean(worst) == pytest.approx(np.mean([w for w, _ in expected]), abs=0.03)
    assert np.mean(coefficients) == pytest.approx(np.mean([g for _, g in expected]), rel=0.2)
