from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np

from tests.evaluation.wild import ASKED, MANY, answers, hits, speaker_of
from voxaffect.evaluation.robustness.robustness import Robustness
from voxaffect.evaluation.robustness.scores import robustness as score
from voxaffect.report.figures.robustness import picture_of, robustness


def found() -> Robustness:
    results = [
        answers(hits(8, 6, 4, 5), "svm", speakers=MANY),
        answers(hits(9, 7, 4, 5), "dnn-stl", speakers=MANY),
    ]
    scored = score(results, ASKED, speaker_of(results), note="made up")
    assert scored is not None
    return scored


def test_a_panel_a_group_and_a_line_a_system_from_mild_to_severe() -> None:
    noise, room, gain = robustness(found()).axes
    assert [panel.get_title("left") for panel in (noise, room, gain)] == ["noise", "room", "gain"]
    names = [label.get_text() for label in noise.get_xticklabels()]
    assert names == ["clean", "white-20db", "white-0db"]
    chance, clean, white, *_ = noise.lines  # dnn-stl comes first
    assert np.asarray(chance.get_ydata()).tolist() == [0.25, 0.25]
    np.testing.assert_allclose(np.asarray(clean.get_ydata(), float), [0.9])
    np.testing.assert_allclose(np.asarray(white.get_xdata(), float), [1, 2])
    np.testing.assert_allclose(np.asarray(white.get_ydata(), float), [0.7, 0.4])


def test_the_drawing_keeps_its_text_and_its_note() -> None:
    drawn = picture_of(found())
    text = " ".join(ET.fromstring(drawn.svg).itertext())  # noqa: S314
    for said in ("svm", "dnn-stl", "white-20db", "made up"):
        assert said in text
