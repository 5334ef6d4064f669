from __future__ import annotations

import pytest

from tests.report.runs import corpus, full_run
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.summary import style_of, summarize_run


def test_every_protocol_has_a_table_and_comparisons() -> None:
    summary = summarize_run(full_run())
    assert [table.protocol for table in summary.tables] == ["within", "cross", "aggregated"]
    within = summary.table("within")
    assert within is not None
    assert within.tests == ("emodb", "urdu")
    assert (within.n_folds("emodb"), within.n_folds("urdu")) == (8, 1)
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


def test_mean_of_a_style_is_over_its_test_sets_only() -> None:
    summary = summarize_run(full_run())
    table = summary.table("cross")
    assert table is not None
    natural = [test for test in table.tests if summary.styles.get(test) == "natural"]
    assert natural == ["iemocap:natural", "urdu"]
    # dnn-stl hits (3, 4, 2 + place, 3 + seed) of 10; place is 1 and 3, seeds average to .5.
    assert table.mean("dnn-stl", natural) == pytest.approx((3 + 4 + 4 + 3.5) / 40)


def test_run_without_results_has_no_tables() -> None:
    summary = summarize_run(Run({}, (), {}, ()))
    assert summary.tables == ()
    assert summary.table("within") is None
