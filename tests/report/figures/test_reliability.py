from __future__ import annotations

import numpy as np

from tests.report.runs import full_run, result
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.scores.reliability import COVERAGES, reliabilities
from voxaffect.report.figures.reliability import MOST, reliability


def test_a_line_a_system_in_each_panel_beside_the_diagonal() -> None:
    found = [r for r in reliabilities(full_run()) if r.protocol == "within"]
    diagram, accuracy, ua = reliability(found).axes
    assert (len(diagram.lines), len(accuracy.lines), len(ua.lines)) == (1 + MOST, MOST, MOST)
    np.testing.assert_array_equal(np.asarray(accuracy.lines[0].get_xdata()), COVERAGES)


def test_an_empty_bin_leaves_no_mark() -> None:
    run = Run({}, (), {}, (result("emodb/a", "svm", (4,) * 4),))  # one confidence, one bin
    diagram, *_ = reliability(reliabilities(run)).axes
    np.testing.assert_allclose(np.asarray(diagram.lines[1].get_xydata()), [[0.7, 0.4]])
