from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from tests.evaluation.amounts import at_share, run_of, thinned_run
from voxaffect.evaluation.scores.amounts import by_amount
from voxaffect.evaluation.summary import summarise_run
from voxaffect.report.figures.amounts import amounts, caption
from voxaffect.report.figures.draw import draw_all


def test_lines_are_the_scores_on_a_logarithmic_axis() -> None:
    found = by_amount(thinned_run())
    assert found is not None
    scores, gains = amounts(found, "within").axes
    assert scores.get_xscale() == gains.get_xscale() == "log"
    stl, mtl = scores.lines
    np.testing.assert_allclose(np.asarray(stl.get_xydata()), [[0.1, 0.2], [1.0, 0.6]])
    np.testing.assert_allclose(np.asarray(mtl.get_ydata(), float), [25 / 60, 0.6])
    assert [label.get_text() for label in scores.get_xticklabels()] == ["10 %", "100 %"]
    drawn = gains.containers[0].lines[0]  # type: ignore[attr-defined]
    np.testing.assert_allclose(np.asarray(drawn.get_ydata(), float), [1.3 / 6, 0.0], atol=1e-9)
    assert drawn.get_color() == mtl.get_color()  # one system, one colour


def test_without_a_twin_there_is_one_panel() -> None:
    run = run_of([at_share(s, "a/1", "svm", 5, n_train=9) for s in (0.5, 1.0)])
    found = by_amount(run)
    assert found is not None
    assert len(amounts(found, "within").axes) == 1
    assert "Right" not in caption(found, "within")


@pytest.mark.parametrize("word", ["dnn-stl", "dnn-mtl", "10 %", "Gain from subtasks"])
def test_the_drawing_is_text_that_can_be_read(word: str) -> None:
    run = thinned_run()
    (picture,) = [p for p in draw_all(run, summarise_run(run)) if p.protocol == "amounts"]
    root = ET.fromstring(picture.svg)  # noqa: S314
    assert word in " ".join(root.itertext())
