from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluation.fairness_runs import FACTS_OF_ONE, described, described_run, results_of
from tests.report.runs import result, table_of
from voxaffect.evaluation.experiment.run import FoldResult
from voxaffect.evaluation.fairness import (
    KINDS,
    SPEAKER,
    UNKNOWN,
    GroupScores,
    gini,
    group_scores,
    with_groups,
)
from voxaffect.evaluation.results import metrics_by, pick, row


def members(kind: str, column: str, values: Sequence[Any]) -> pd.Series[Any]:
    """Group by one attribute of one utterance for each value of a column."""
    one = result("north/a", "dnn-stl", (1, -1, -1, -1), of=len(values))

    def facts(_: FoldResult, utterance: str) -> dict[str, Any]:
        return {**FACTS_OF_ONE, column: values[int(utterance.rpartition("/")[2])]}

    return with_groups(table_of([one], facts))[kind]


def groups_of(kind: str, column: str, values: Sequence[Any]) -> list[str]:
    return [*members(kind, column, values).cat.remove_unused_categories().cat.categories]


def test_groups_are_in_the_order_of_classes_with_the_unknown_last() -> None:
    genders = ["male", None, "female", "male"]
    assert groups_of("gender", "gender", genders) == ["female", "male", UNKNOWN]
    assert members("gender", "gender", genders).tolist() == ["male", UNKNOWN, "female", "male"]


def test_names_are_sorted_and_nothing_may_be_known() -> None:
    assert groups_of("language", "language", ["Urdu", "German"]) == ["German", "Urdu"]
    assert groups_of("style", "style", [None]) == [UNKNOWN]


def test_thirds_are_named_by_their_borders() -> None:
    lengths = [6.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    names = ["up to 2.00 s", "2.00 s to 4.00 s", "over 4.00 s"]
    assert groups_of("length", "duration_s", lengths) == names
    codes = members("length", "duration_s", lengths).cat.codes.tolist()
    assert codes == [2, 0, 0, 1, 1, 2]


def test_equal_values_share_a_group_and_unknown_ones_have_their_own() -> None:
    assert groups_of("length", "duration_s", [2.0] * 5) == ["up to 2.00 s"]
    names = ["up to 10.0 dB", "10.0 dB to 20.0 dB", "over 20.0 dB", UNKNOWN]
    assert groups_of("SNR", "snr_db", [None, 10.0, 20.0, 30.0]) == names
    assert members("SNR", "snr_db", [None, 10.0, 20.0, 30.0]).cat.codes.tolist() == [3, 0, 1, 2]
    assert groups_of("SNR", "snr_db", [None, None]) == [UNKNOWN]


@given(st.lists(st.floats(0.1, 100), min_size=3, max_size=40, unique=True))
def test_thirds_of_different_values_are_of_nearly_equal_size(values: list[float]) -> None:
    found = members("length", "duration_s", values).cat.codes.to_numpy()
    sizes = np.bincount(found)
    assert sizes.size == 3
    assert sizes.max() - sizes.min() <= 2
    assert np.all(np.diff(found[np.argsort(values)]) >= 0)


TWO_AND_TWO = {
    "north/a": (10, 10, 10, 10),
    "north/b": (8, 10, 8, 10),
    "north/c": (4, 4, 4, 4),
    "north/d": (2, 6, 2, 6),
}
GENDER = {"north/a": "female", "north/b": "female", "north/c": "male", "north/d": "male"}
MANY = {f"north/{n}{i}": right for n, right in TWO_AND_TWO.items() for i in range(3)}
GENDER_OF_MANY = {f"north/{n}{i}": GENDER[n] for n in TWO_AND_TWO for i in range(3)}


def scores_of(results: Sequence[FoldResult], **known: Mapping[str, Any]) -> GroupScores:
    found = group_scores(described(results, **known))
    assert found is not None
    return found


def by_gender(results: Sequence[FoldResult], genders: Mapping[str, Any] = GENDER) -> pd.DataFrame:
    """Groups by gender of the only system."""
    groups = scores_of(results, gender=genders).groups
    return pick(groups, kind="gender").droplevel(["protocol", "system"])


def gap(results: Sequence[FoldResult], genders: Mapping[str, Any] = GENDER) -> dict[str, Any]:
    found = scores_of(results, gender=genders).gaps
    return row(found, "within", "dnn-stl", "gender")


def test_group_pools_the_predictions_of_its_speakers() -> None:
    groups = by_gender(results_of(TWO_AND_TWO))
    female, male = row(groups, "female"), row(groups, "male")
    recalls = [female[f"recall_{name}"] for name in ("neutral", "happy", "sad", "angry")]
    assert recalls == pytest.approx([0.9, 1.0, 0.9, 1.0])
    assert female["ua"] == pytest.approx(0.95)
    assert male["ua"] == pytest.approx(0.4)
    assert (male["n_utterances"], male["n_speakers"], male["n_classes"]) == (80, 2, 4)


def test_gap_is_from_the_best_to_the_worst_group() -> None:
    found = gap(results_of(MANY), GENDER_OF_MANY)
    assert (found["best"], found["worst"]) == ("female", "male")
    assert found["value"] == pytest.approx(0.55)
    # Between the gaps of the nearest and of the farthest two speakers.
    assert 0.9 - 0.4 - 1e-9 <= found["low"] < found["high"] <= 1.0 - 0.4 + 1e-9


def test_seeds_are_averaged_and_do_not_count_as_utterances() -> None:
    once = by_gender(results_of(TWO_AND_TWO))
    again = by_gender([*results_of(TWO_AND_TWO), *results_of(TWO_AND_TWO, seed=1)])
    pd.testing.assert_frame_equal(once, again)
    better = results_of(dict.fromkeys(TWO_AND_TWO, (10, 10, 10, 10)), seed=1)
    mixed = by_gender([*results_of(TWO_AND_TWO), *better])
    assert row(mixed, "male")["ua"] == pytest.approx((0.4 + 1) / 2)


def test_ua_of_a_group_is_that_of_its_confusion_matrix() -> None:
    results = described_run().results
    scores = group_scores(results)
    assert scores is not None
    by = ["protocol", "system", "gender", "seed"]
    known = results[results["gender"].notna()]
    expected = metrics_by(known, by)["ua"].groupby(level=by[:3], observed=True).mean()
    for (protocol, system, gender), ua in zip(expected.index, expected, strict=True):
        found = row(scores.groups, protocol, system, "gender", gender)
        assert found["ua"] == pytest.approx(ua)


def test_unknown_gender_is_shown_and_not_compared() -> None:
    genders = {**GENDER, "north/c": None, "north/d": None}
    groups = by_gender(results_of(TWO_AND_TWO), genders)
    assert groups["compared"].to_dict() == {"female": True, "unknown": False}
    assert "gender" not in scores_of(results_of(TWO_AND_TWO), gender=genders).gaps.index


def test_small_group_is_shown_and_not_compared() -> None:
    few = results_of({"north/a": (1, 1, 1, 1), "north/b": (1, 1, 1, 1)}, of=1)
    many = results_of({"north/c": (9, 9, 9, 9), "north/d": (5, 5, 5, 5)})
    assert by_gender([*few, *many])["compared"].to_dict() == {"female": False, "male": True}
    assert scores_of([*few, *many], gender=GENDER).gaps.empty


def test_group_of_one_class_is_not_compared() -> None:
    lone = results_of({"north/a": (5, -1, -1, -1), "north/b": (5, -1, -1, -1)})
    three = results_of({"north/c": (10, 5, -1, 0), "north/d": (10, 5, -1, 0)})
    groups = by_gender([*lone, *three])
    assert groups["compared"].to_dict() == {"female": False, "male": True}
    assert groups["n_classes"].to_dict() == {"female": 1, "male": 3}
    assert row(groups, "male")["ua"] == pytest.approx(0.5)
    assert np.isnan(row(groups, "male")["recall_sad"])


def test_groups_of_few_speakers_and_gaps_to_them_have_no_interval() -> None:
    seven = {name: MANY[name] for name in list(MANY)[:7]}  # six women, one man
    groups = by_gender(results_of(seven), GENDER_OF_MANY)
    assert groups["n_speakers"].to_dict() == {"female": 6, "male": 1}
    assert groups["low"].isna().to_dict() == {"female": False, "male": True}
    found = gap(results_of(seven), GENDER_OF_MANY)
    assert found["value"] > 0
    assert np.isnan(found["low"])


def test_equal_groups_have_no_gap() -> None:
    found = gap(results_of(dict.fromkeys(MANY, (7, 7, 7, 7))), GENDER_OF_MANY)
    assert found["best"] != found["worst"]
    assert (found["low"], found["value"], found["high"]) == (0, 0, 0)


def test_constant_prediction_is_at_chance_for_every_group() -> None:
    results = described(results_of(TWO_AND_TWO), gender=GENDER)
    results["y_pred"] = pd.Categorical(
        ["neutral"] * len(results), results["y_true"].cat.categories, ordered=True
    )
    scores = group_scores(results)
    assert scores is not None
    assert pick(scores.groups, kind="gender")["ua"].tolist() == [0.25, 0.25]


def test_attribute_with_one_group_is_left_out() -> None:
    scores = scores_of(results_of({"north/a": (5, 5, 5, 5)}))
    assert {*scores.groups.index.unique("kind")} == {SPEAKER}
    assert [*scores.spreads.index] == [("within", "dnn-stl")]


def test_unknown_speakers_are_not_ranked() -> None:
    scores = scores_of(
        results_of({"north/?": (5, 5, 5, 5), "north/a": (5, 5, 5, 5), "north/b": (9, 9, 9, 9)})
    )
    assert [*scores.groups.index.unique("group")] == ["north/b", "north/a"]


def test_run_without_results_has_no_groups() -> None:
    assert group_scores(table_of([])) is None


def test_protocols_and_systems_are_separate() -> None:
    scores = group_scores(described_run().results)
    assert scores is not None
    systems = ("dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl", "svm")
    cross = pick(scores.groups, protocol="cross")
    assert tuple(cross.index.unique("system")) == systems
    assert {*cross.index.unique("kind")} <= {*KINDS, SPEAKER}


def test_speakers_are_those_of_the_facts() -> None:
    one = result("north", "svm", (8, 8, 8, 8), protocol="cross")
    scores = group_scores(table_of([one], in_pairs))
    assert scores is not None
    assert row(scores.spreads, "cross", "svm")["n_compared"] == 2


def in_pairs(_: FoldResult, utterance: str) -> dict[str, Any]:
    speaker = f"north/{int(utterance.rpartition('/')[2]) % 2}"
    return {**FACTS_OF_ONE, "gender": "male", "speaker": speaker}


VALUES = st.lists(st.integers(0, 1000).map(float), min_size=1, max_size=20)


def spread(
    rights: Mapping[str, Sequence[int]], of: int = 10
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Inequality over the speakers of the only system, and its speakers."""
    scores = scores_of(results_of(rights, of))
    speakers = pick(scores.groups, kind=SPEAKER).droplevel(["protocol", "system"])
    return row(scores.spreads, "within", "dnn-stl"), speakers


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


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 3)), min_size=1, max_size=9))
def test_weight_is_how_often_a_value_is_there(pairs: list[tuple[int, int]]) -> None:
    values, weights = np.array(pairs, float).T
    repeated = np.repeat(values, weights.astype(int))
    assert gini(values, weights) == pytest.approx(gini(repeated), abs=1e-12)


def test_gini_is_vectorized() -> None:
    many = np.random.default_rng(0).uniform(size=(5, 9))
    np.testing.assert_allclose(gini(many), [gini(one) for one in many])


def test_speakers_are_sorted_best_first() -> None:
    found, speakers = spread(
        {"north/a": (5, 5, 5, 5), "north/b": (2, 2, 2, 2), "north/c": (9, 9, 9, 9)}
    )
    assert [*speakers.index] == ["north/c", "north/a", "north/b"]
    assert speakers["ua"].iloc[-1] == pytest.approx(0.2)
    assert speakers["low"].isna().all()
    assert found["value"] == pytest.approx(float(gini([0.9, 0.5, 0.2])))
    assert np.isnan(found["low"])


def test_inequality_of_enough_speakers_has_an_interval() -> None:
    found, _ = spread(MANY)
    assert 0 <= found["low"] < found["value"] < found["high"]


@pytest.mark.parametrize(
    ("rights", "of", "n_compared"),
    [({"north/a": (5,) * 4}, 10, 1), ({"north/a": (1,) * 4, "north/b": (0, 1, 1, 1)}, 1, 0)],
)
def test_few_speakers_or_utterances_have_no_inequality(
    rights: dict[str, tuple[int, ...]], of: int, n_compared: int
) -> None:
    found, speakers = spread(rights, of)
    assert (found["n_speakers"], found["n_compared"]) == (len(rights), n_compared)
    assert speakers["compared"].sum() == n_compared
    assert np.isnan(found["value"])


def test_chance_effect_is_zero_if_all_is_correct_and_positive_if_half_is() -> None:
    perfect, _ = spread({f"north/{s}": (10, 10, 10, 10) for s in "abcd"})
    assert (perfect["expected_worst"], perfect["expected_gini"]) == (1.0, 0.0)
    even, _ = spread({f"north/{s}": (5, 5, 5, 5) for s in "abcd"})
    assert even["value"] == pytest.approx(0)
    assert 0.3 < even["expected_worst"] < 0.5
    assert even["expected_gini"] > 0.02


def test_expected_by_chance_is_the_mean_of_equal_speakers() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(20):
        hits = {f"north/{s}": tuple(rng.binomial(10, 0.6, 4).tolist()) for s in range(12)}
        one, speakers = spread(hits)
        found.append({**one, "worst": speakers["ua"].iloc[-1]})
    mean = pd.DataFrame(found).mean()
    assert mean["worst"] == pytest.approx(mean["expected_worst"], abs=0.03)
    assert mean["value"] == pytest.approx(mean["expected_gini"], rel=0.2)
