from __future__ import annotations

import numpy as np

from tests.evaluation.people import described_run, facts_for, heard, run_of
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.groups.scores import GroupScores, group_scores
from voxaffect.report.figures.groups import MOST, groups


def scores_of(run: Run) -> GroupScores:
    found = group_scores(run)
    assert found is not None
    return found


def test_a_panel_a_kind_and_one_of_all_speakers() -> None:
    scores = scores_of(described_run()).of("cross")
    figure = groups(scores)
    kinds = list(dict.fromkeys(g.kind for g in scores.groupings))
    assert [panel.get_title(loc="left") for panel in figure.axes] == [*kinds, "each speaker"]
    gender = figure.axes[0]
    names = [label.get_text() for label in gender.get_yticklabels()]
    assert names == ["female", "male", "unknown"]
    assert len(gender.lines) == MOST * len(names)
    (legend,) = figure.legends
    assert len(legend.get_texts()) == MOST


def test_marks_stand_at_the_accuracy_and_lines_are_the_interval() -> None:
    rights = {"north/a": (9,) * 4, "north/b": (5,) * 4, "north/c": (3,) * 4}
    results = heard(rights)
    genders = {"north/a": "female", "north/b": "female", "north/c": "male"}
    run = run_of(results, facts_for(results, gender=genders))
    panel, each = groups(scores_of(run).of("within")).axes
    x = [np.asarray(mark.get_offsets())[0][0] for mark in panel.collections[:2]]
    np.testing.assert_allclose(x, [0.7, 0.3])
    (line,) = panel.lines  # one speaker has no interval
    np.testing.assert_allclose(np.asarray(line.get_xdata(), float), [0.5, 0.9])
    np.testing.assert_allclose(np.asarray(each.collections[0].get_offsets())[:, 0], [0.9, 0.5, 0.3])


def test_without_any_group_there_is_the_panel_of_speakers() -> None:
    results = heard({"north/a": (9,) * 4})
    figure = groups(scores_of(run_of(results, facts_for(results))).of("within"))
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["each speaker"]
    assert figure.legends == []
