from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from tests.evaluation.degraded import ASKED, MANY, answers, by_speaker, hits
from tests.evaluation.learning_curves import at_share, thinned_run
from tests.report.runs import full_run, plain_history, result, run_of, table_of
from voxaffect.evaluation.curves import training_curves
from voxaffect.evaluation.learning_curve import learning_curves
from voxaffect.evaluation.robustness.robustness import Robustness
from voxaffect.evaluation.robustness.robustness import robustness as score
from voxaffect.evaluation.summary import Summary
from voxaffect.report.figures.curves import (
    learning_curve,
    learning_curve_caption,
    robustness,
    robustness_picture,
    training_caption,
    training_figure,
)
from voxaffect.report.figures.draw import draw_all


def test_learning_curve_has_scores_on_a_logarithmic_axis() -> None:
    found = learning_curves(thinned_run())
    assert found is not None
    scores, gains = learning_curve(found, "within").axes
    assert scores.get_xscale() == gains.get_xscale() == "log"
    stl, mtl = scores.lines
    np.testing.assert_allclose(np.asarray(stl.get_xydata()), [[0.1, 0.2], [1.0, 0.6]])
    np.testing.assert_allclose(np.asarray(mtl.get_ydata(), float), [25 / 60, 0.6])
    assert [label.get_text() for label in scores.get_xticklabels()] == ["10 %", "100 %"]
    drawn = gains.containers[0].lines[0]  # type: ignore[attr-defined]
    np.testing.assert_allclose(np.asarray(drawn.get_ydata(), float), [1.3 / 6, 0.0], atol=1e-9)
    assert drawn.get_color() == mtl.get_color()  # one system, one color


def test_one_panel_without_single_task_baseline() -> None:
    run = run_of([at_share(s, "a/1", "svm", 5, n_train=9) for s in (0.5, 1.0)])
    found = learning_curves(run)
    assert found is not None
    assert len(learning_curve(found, "within").axes) == 1
    assert "Right" not in learning_curve_caption(found, "within")


@pytest.mark.parametrize("word", ["dnn-stl", "dnn-mtl", "10 %", "UA gain from subtasks"])
def test_learning_curve_has_readable_text(word: str) -> None:
    run = thinned_run()
    (picture,) = [p for p in draw_all(run, Summary(run)) if p.section == "amounts"]
    root = ET.fromstring(picture.svg)  # noqa: S314
    assert word in " ".join(root.itertext())


def found() -> Robustness:
    results = [
        answers(hits(8, 6, 4, 5), "svm", speakers=MANY),
        answers(hits(9, 7, 4, 5), "dnn-stl", speakers=MANY),
    ]
    scored = score(table_of(results, by_speaker), ASKED, note="made up")
    assert scored is not None
    return scored


def test_robustness_has_one_panel_per_group_and_one_line_per_system() -> None:
    noise, room, gain = robustness(found()).axes
    assert [panel.get_title("left") for panel in (noise, room, gain)] == ["noise", "room", "gain"]
    names = [label.get_text() for label in noise.get_xticklabels()]
    assert names == ["clean", "white-20db", "white-0db"]
    chance, clean, white, *_ = noise.lines  # dnn-stl comes first
    assert np.asarray(chance.get_ydata()).tolist() == [0.25, 0.25]
    np.testing.assert_allclose(np.asarray(clean.get_ydata(), float), [0.9])
    np.testing.assert_allclose(np.asarray(white.get_xdata(), float), [1, 2])
    np.testing.assert_allclose(np.asarray(white.get_ydata(), float), [0.7, 0.4])


def test_robustness_figure_has_text_and_note() -> None:
    drawn = robustness_picture(found())
    text = " ".join(ET.fromstring(drawn.svg).itertext())  # noqa: S314
    for part in ("svm", "dnn-stl", "white-20db", "made up"):
        assert part in text


def test_training_curve_is_the_mean_over_trainings() -> None:
    trainings = full_run().trainings
    systems = training_curves(trainings[trainings["protocol"] == "within"])
    _, loss, accuracy = training_figure(systems).axes
    assert len(loss.lines) == len(accuracy.lines) == len(systems) == 4
    # Half of the trainings stop after three epochs and stay there; the loss halves each time.
    expected = [0.5, 0.25, 0.125, (0.125 + 0.0625) / 2]
    np.testing.assert_allclose(np.asarray(loss.lines[0].get_ydata(), float), expected)


def test_marks_are_at_the_epochs_kept() -> None:
    trainings = full_run().trainings
    systems = training_curves(trainings[trainings["protocol"] == "within"])
    stops, *_ = training_figure(systems).axes
    names = [label.get_text() for label in stops.get_yticklabels()]
    assert names == ["dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl"]
    np.testing.assert_array_equal(np.asarray(stops.collections[1].get_offsets()), [[2, 0]])


@pytest.mark.parametrize("n_epochs", [1, 2])
def test_single_training_has_no_band(n_epochs: int) -> None:
    details = {"history": plain_history(n_epochs, best=1)}
    one = result("emodb/a", "dnn-stl", (5,) * 4, details=details)
    systems = training_curves(run_of([one]).trainings)
    _, loss, _ = training_figure(systems).axes
    assert len(loss.lines) == 1
    assert len(loss.collections) == 1  # the mark
    assert "at most 1 training per system" in training_caption(systems)


def test_caption_explains_early_stopping() -> None:
    text = training_caption(training_curves(full_run().trainings))
    assert "After early stopping, the last value of a training is carried forward" in text
    assert "28 trainings" in text
