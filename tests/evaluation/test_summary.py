from __future__ import annotations

import pytest

from tests.report.runs import corpus, full_run
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.results import by_system, row
from voxaffect.evaluation.summary import Summary, style_of


def test_every_protocol_has_scores_and_comparisons() -> None:
    summary = Summary(full_run())
    assert [*summary.scores] == [*summary.pooled] == ["within", "cross", "aggregated"]
    within = summary.scores["within"]
    assert [*within.index.unique("test_set")] == ["emodb", "urdu"]
    n_folds = [row(within, test, "svm")["n_expected"] for test in ("emodb", "urdu")]
    assert n_folds == [8, 1]
    assert len(summary.compared("within")) == 6
    assert len(summary.compared("within", "emodb")) == 6
    assert summary.compared("within", "urdu") == ()


def test_style_is_that_of_the_part_or_of_an_unmixed_corpus() -> None:
    corpora = (
        corpus("emodb", {"acted": 4}),
        corpus("iemocap", {"natural": 1, "acted": 1}),
        corpus("mine", {"unknown": 2}),
    )
    assert style_of("emodb", corpora) == "acted"
    assert style_of("iemocap:natural", corpora) == "natural"
    assert style_of("iemocap", corpora) is None
    assert style_of("mine", corpora) is None
    assert style_of("nobody", corpora) is None


def test_style_of_a_test_set_is_known() -> None:
    summary = Summary(full_run())
    natural = [test for test, style in summary.styles.items() if style == "natural"]
    assert natural == ["iemocap:natural", "urdu"]
    # dnn-stl hits (3, 4, 2 + place, 3 + seed) of 10; place is 1 and 3, seeds average to .5.
    mean = by_system(summary.scores["cross"]).loc[natural, "dnn-stl"].mean()
    assert mean == pytest.approx((3 + 4 + 4 + 3.5) / 40)


def test_run_without_results_has_no_scores() -> None:
    summary = Summary(Run({}, (), {}))
    assert summary.scores == summary.pooled == {}
    assert summary.comparisons == ()
