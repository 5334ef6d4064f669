from __future__ import annotations

import numpy as np
import pytest

from tests.report.runs import full_run, plain_history, result
from voxaffect.evaluation.scores.curves import learning_curves
from voxaffect.report.figures.curves import caption, learning


def test_one_line_a_system_which_is_the_mean_over_all_its_trainings() -> None:
    systems = learning_curves([r for r in full_run().results if r.protocol == "within"])
    _, loss, accuracy = learning(systems).axes
    assert len(loss.lines) == len(accuracy.lines) == len(systems) == 4
    # Half of the trainings stop after three epochs and stay there; the loss halves each time.
    expected = [0.5, 0.25, 0.125, (0.125 + 0.0625) / 2]
    np.testing.assert_allclose(np.asarray(loss.lines[0].get_ydata(), float), expected)


def test_rows_are_named_and_marks_stand_where_weights_were_kept() -> None:
    systems = learning_curves([r for r in full_run().results if r.protocol == "within"])
    stops, *_ = learning(systems).axes
    names = [label.get_text() for label in stops.get_yticklabels()]
    assert names == ["dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl"]
    np.testing.assert_array_equal(np.asarray(stops.collections[1].get_offsets()), [[2, 0]])


@pytest.mark.parametrize("n_epochs", [1, 2])
def test_a_single_training_has_a_line_and_no_band(n_epochs: int) -> None:
    details = {"history": plain_history(n_epochs, best=1)}
    systems = learning_curves([result("emodb/a", "dnn-stl", (5,) * 4, details=details)])
    _, loss, _ = learning(systems).axes
    assert len(loss.lines) == 1
    assert len(loss.collections) == 1  # the mark
    assert "1 training a system" in caption(systems)


def test_the_caption_says_what_becomes_of_trainings_that_stop() -> None:
    said = caption(learning_curves(full_run().results))
    assert "stopped counts on with its last epoch" in said
    assert "28 trainings" in said
