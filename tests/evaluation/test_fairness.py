from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluation.fairness_runs import (
    FACTS_OF_ONE,
    described_run,
    facts_for,
    results_of,
    run_of,
)
from tests.report.runs import result
from voxaffect.errors import ArtifactError
from voxaffect.evaluation import metrics
from voxaffect.evaluation.experiment.run import FoldResult, Run
from voxaffect.evaluation.fairness import (
    UNKNOWN,
    FairnessGroup,
    Grouping,
    GroupKind,
    SpeakerSpread,
    gini,
    group_scores,
    interval,
    kinds_of,
    speakers_of,
)


def kind(name: str, field: str, values: Sequence[Any]) -> GroupKind:
    facts = [replace(FACTS_OF_ONE, **{field: value}) for value in values]
    return next(k for k in kinds_of(facts) if k.name == name)


def test_groups_are_in_the_order_of_classes_with_the_unknown_last() -> None:
    found = kind("gender", "gender", ["male", None, "female", "male"])
    assert found.groups == ("female", "male", UNKNOWN)
    assert found.members.tolist() == [1, 2, 0, 1]


def test_empty_groups_are_absent() -> None:
    assert kind("language", "language", ["Urdu", "German"]).groups == ("German", "Urdu")
    assert kind("style", "style", [None]).groups == (UNKNOWN,)


def test_thirds_are_named_by_their_borders() -> None:
    found = kind("length", "duration_s", [6.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.groups == ("up to 2.00 s", "2.00 s to 4.00 s", "over 4.00 s")
    assert found.members.tolist() == [2, 0, 0, 1, 1, 2]


def test_equal_values_share_a_group_and_unknown_ones_have_their_own() -> None:
    assert kind("length", "duration_s", [2.0] * 5).groups == ("up to 2.00 s",)
    found = kind("SNR", "snr_db", [None, 10.0, 20.0, 30.0])
    assert found.groups == ("up to 10.0 dB", "10.0 dB to 20.0 dB", "over 20.0 dB", UNKNOWN)
    assert found.members.tolist() == [3, 0, 1, 2]
    assert kind("SNR", "snr_db", [None, None]).groups == (UNKNOWN,)


@given(st.lists(st.floats(0.1, 100), min_size=3, max_size=40, unique=True))
def test_thirds_of_different_values_are_of_nearly_equal_size(values: list[float]) -> None:
    found = kind("length", "duration_s", values)
    sizes = np.bincount(found.members)
    assert sizes.size == 3
    assert sizes.max() - sizes.min() <= 2
    assert np.all(np.diff(found.members[np.argsort(values)]) >= 0)


def test_every_speaker_is_a_group() -> None:
    facts = [replace(FACTS_OF_ONE, speaker=s) for s in ("north/b", "north/a", "north/b")]
    assert speakers_of(facts).groups[:2] == ("north/a", "north/b")
    assert speakers_of(facts).members.tolist() == [1, 0, 1]


TWO_AND_TWO = {
    "north/a": (10, 10, 10, 10),
    "north/b": (8, 10, 8, 10),
    "north/c": (4, 4, 4, 4),
    "north/d": (2, 6, 2, 6),
}
GENDER = {"north/a": "female", "north/b": "female", "north/c": "male", "north/d": "male"}


def by_gender(results: Sequence[FoldResult], genders: Mapping[str, Any] = GENDER) -> Grouping:
    scores = group_scores(run_of(results, facts_for(results, gender=genders)))
    assert scores is not None
    return next(g for g in scores.groupings if g.kind == "gender")


def named(found: Grouping) -> dict[str, FairnessGroup]:
    return {group.name: group for group in found.groups}


def test_group_pools_the_predictions_of_its_speakers() -> None:
    groups = named(by_gender(results_of(TWO_AND_TWO)))
    assert groups["female"].recalls.tolist() == [0.9, 1.0, 0.9, 1.0]
    assert groups["female"].ua == pytest.approx(0.95)
    assert groups["male"].ua == pytest.approx(0.4)
    assert (groups["male"].n_utterances, groups["male"].n_speakers) == (80, 2)
    assert groups["male"].n_classes == 4


def test_gap_is_from_the_best_to_the_worst_group() -> None:
    gap = by_gender(results_of(TWO_AND_TWO)).gap
    assert gap is not None
    assert (gap.best, gap.worst) == ("female", "male")
    assert gap.ua == pytest.approx(0.55)
    assert gap.interval is not None
    # Between the gaps of the nearest and of the farthest two speakers.
    assert gap.interval.low >= 0.9 - 0.4 - 1e-9
    assert gap.interval.high <= 1.0 - 0.4 + 1e-9


def test_seeds_are_averaged_and_do_not_count_as_utterances() -> None:
    once = by_gender(results_of(TWO_AND_TWO))
    again = by_gender([*results_of(TWO_AND_TWO), *results_of(TWO_AND_TWO, seed=1)])
    for one, two in zip(once.groups, again.groups, strict=True):
        assert (one.ua, one.interval) == (two.ua, two.interval)
        assert one.n_utterances == two.n_utterances
    better = results_of(dict.fromkeys(TWO_AND_TWO, (10, 10, 10, 10)), seed=1)
    mixed = named(by_gender([*results_of(TWO_AND_TWO), *better]))
    assert mixed["male"].ua == pytest.approx((0.4 + 1) / 2)


def test_ua_of_a_group_is_that_of_its_confusion_matrix() -> None:
    run = described_run()
    scores = group_scores(run)
    assert scores is not None
    for found in scores.groupings:
        if found.kind == "gender":
            for group in found.groups:
                expected = [_ua(run, found, group.name, seed) for seed in (0, 1)]
                assert group.ua == pytest.approx(np.mean(expected))


def _ua(run: Run, found: Grouping, gender: str, seed: int) -> float:
    matrix = np.zeros((4, 4), np.int64)
    for r in run.results:
        if (r.protocol, r.system, r.seed) == (found.protocol, found.system, seed):
            own = np.array([(run.utterances[i].gender or "unknown") == gender for i in r.ids])
            matrix += metrics.confusion(r.y_true[own], r.y_pred[own], 4)
    return metrics.unweighted_accuracy(matrix)


def test_unknown_gender_is_shown_and_not_compared() -> None:
    found = by_gender(results_of(TWO_AND_TWO), {**GENDER, "north/c": None, "north/d": None})
    assert [(g.name, g.compared) for g in found.groups] == [("female", True), ("unknown", False)]
    assert found.gap is None


def test_small_group_is_shown_and_not_compared() -> None:
    few = [*results_of({"north/a": (1, 1, 1, 1), "north/b": (1, 1, 1, 1)}, of=1)]
    many = results_of({"north/c": (9, 9, 9, 9), "north/d": (5, 5, 5, 5)})
    found = by_gender([*few, *many])
    assert {name: g.compared for name, g in named(found).items()} == {"female": False, "male": True}
    assert found.gap is None


def test_group_of_one_class_is_not_compared() -> None:
    lone = results_of({"north/a": (5, -1, -1, -1), "north/b": (5, -1, -1, -1)})
    three = results_of({"north/c": (10, 5, -1, 0), "north/d": (10, 5, -1, 0)})
    groups = named(by_gender([*lone, *three]))
    assert (groups["female"].compared, groups["female"].n_classes) == (False, 1)
    assert (groups["male"].compared, groups["male"].n_classes) == (True, 3)
    assert groups["male"].ua == pytest.approx(0.5)
    assert np.isnan(groups["male"].recalls[2])


def test_single_speaker_and_gap_to_it_have_no_interval() -> None:
    rights = {name: TWO_AND_TWO[name] for name in ("north/a", "north/b", "north/c")}
    found = by_gender(results_of(rights))
    groups = named(found)
    assert groups["male"].interval is None
    assert groups["female"].interval is not None
    assert found.gap is not None
    assert found.gap.interval is None


def test_equal_groups_have_no_gap() -> None:
    gap = by_gender(results_of(dict.fromkeys(TWO_AND_TWO, (7, 7, 7, 7)))).gap
    assert gap is not None
    assert gap.best != gap.worst
    assert gap.ua == 0
    assert gap.interval is not None
    assert (gap.interval.low, gap.interval.high) == (0, 0)


def test_constant_prediction_is_at_chance_for_every_group() -> None:
    results = [replace(r, y_pred=np.zeros_like(r.y_pred)) for r in results_of(TWO_AND_TWO)]
    assert [g.ua for g in by_gender(results).groups] == [0.25, 0.25]


def test_attribute_with_one_group_is_left_out() -> None:
    results = results_of({"north/a": (5, 5, 5, 5)})
    scores = group_scores(run_of(results, facts_for(results)))
    assert scores is not None
    assert scores.groupings == ()
    assert [s.system for s in scores.speakers] == ["dnn-stl"]


def test_unknown_speakers_are_not_ranked() -> None:
    results = results_of(
        {"north/?": (5, 5, 5, 5), "north/a": (5, 5, 5, 5), "north/b": (9, 9, 9, 9)}
    )
    scores = group_scores(run_of(results, facts_for(results)))
    assert scores is not None
    assert {s.name for s in scores.speakers[0].speakers} == {"north/a", "north/b"}


def test_utterance_without_facts_is_an_error() -> None:
    results = results_of(TWO_AND_TWO)
    facts = facts_for(results[1:])
    with pytest.raises(ArtifactError, match=r"within/north/a: utterance 'north/a/0'"):
        group_scores(run_of(results, facts))


def test_run_without_facts_or_results_has_no_groups() -> None:
    results = results_of(TWO_AND_TWO)
    assert group_scores(run_of(results, {})) is None
    assert group_scores(run_of([], facts_for(results))) is None


def test_protocols_and_systems_are_separate() -> None:
    scores = group_scores(described_run())
    assert scores is not None
    keys = {(g.protocol, g.system) for g in scores.of("cross").groupings}
    assert keys == {("cross", s) for s in ("dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl", "svm")}


def test_interval_has_the_middle_95_percent() -> None:
    found = interval(np.append(np.arange(1001.0), np.nan))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((25.0, 975.0))
    assert interval(np.array([np.nan])) is None


def test_speakers_are_those_of_the_facts() -> None:
    (one,) = [result("north", "svm", (8, 8, 8, 8), protocol="cross")]
    facts = facts_for([one], gender={"north": "male"})
    facts = {i: replace(f, speaker=f"north/{n % 2}") for n, (i, f) in enumerate(facts.items())}
    scores = group_scores(run_of([one], facts))
    assert scores is not None
    assert len(scores.speakers[0].compared) == 2


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
