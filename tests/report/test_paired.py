from __future__ import annotations

from dataclasses import replace

from tests.report.runs import full_run, row
from voxaffect.evaluation.scores.bootstrap import Interval
from voxaffect.evaluation.scores.comparisons import Comparison
from voxaffect.evaluation.summary import summarise_run
from voxaffect.report import paired
from voxaffect.report.table import ABSENT


def compared(protocol: str = "within", test: str | None = "emodb") -> tuple[Comparison, ...]:
    return summarise_run(full_run()).compared(protocol, test)


def test_a_row_says_what_was_paired_gained_and_how_large_and_how_sure_that_is() -> None:
    found = row(paired.comparisons(compared()[:1]), "dnn-mtl")
    assert found["Against"] == "dnn-stl"
    assert (found["Pairs"], found["UA gained"]) == ("8 speakers", "+.100")
    assert (found["Better : worse"], found["Effect"]) == ("8 : 0", "+1.000")
    assert (found["p"], found["p (Holm)"], found[""]) == (".008", ".047", "significant")
    assert found["Pooled gain [95 %]"].startswith("+.100 [+.0")


def test_too_few_pairs_are_said_to_be_too_few() -> None:
    table = paired.comparisons(compared("cross", None))
    assert {cells[-1].text for cells in table.rows} == {"3 corpora cannot reach .05"}
    assert {cells[-2].text for cells in table.rows} == {ABSENT}
    assert paired.NO_INTERVAL in table.notes
    assert paired.POOLED not in table.notes


def test_few_that_differ_among_many_and_none_at_all_are_told_apart() -> None:
    few = replace(compared()[0], n_better=2, n_worse=1, reachable=False)
    none = replace(few, n_better=0, n_worse=0)
    assert paired.verdict(few) == "3 of 8 speakers cannot reach .05"
    assert paired.verdict(none) == "equal on 8 speakers"
    assert paired.verdict(replace(compared()[0], p_holm=0.2)) == "not significant"


def test_notes_name_the_family_and_what_resamples_lost() -> None:
    one, *_ = compared()
    lost = replace(one, n_family=9, pooled=Interval(0.1, 0.0, 0.2, 8, 0.0213))
    notes = paired.notes([one, lost])
    assert "Holm's correction is for 6 to 9 comparisons at a time" in " ".join(notes)
    assert "Up to 2.1 % of the resamples lost a class" in " ".join(notes)
    assert paired.NO_INTERVAL not in notes
    assert not any("lost a class" in note for note in paired.notes([one]))
