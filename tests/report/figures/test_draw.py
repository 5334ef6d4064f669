from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from tests.report.runs import NOTE, full_run, result
from voxaffect.evaluation.experiment.run import Run, order
from voxaffect.evaluation.paper.published import FOUR
from voxaffect.evaluation.summary import summarise_run
from voxaffect.report.figures.draw import draw_all
from voxaffect.report.figures.high_level import high_level_samples
from voxaffect.report.figures.style import Picture


def draw(run: Run) -> dict[str, Picture]:
    return {picture.name: picture for picture in draw_all(run, summarise_run(run))}


def small(n_hit: int = 3, **more: object) -> Run:
    one = result("aggregated", "dnn-mtl", (n_hit,) * 4, of=5, protocol="aggregated")
    return Run({}, (), {}, (replace(one, **more),), note="costs $5 & more_or_less")  # type: ignore[arg-type]


def test_a_small_aggregated_run_has_four_pictures_that_parse_and_carry_the_note() -> None:
    pictures = draw(small())
    assert set(pictures) == {
        "accuracy-aggregated",
        "confusion",
        "high-level",
        "learning-aggregated",
        "reliability-aggregated",
    }
    for picture in pictures.values():
        root = ET.fromstring(picture.svg)  # noqa: S314
        assert "costs $5 & more_or_less" in " ".join(root.itertext())
        assert "dnn-mtl" in " ".join(root.itertext())


@pytest.mark.parametrize("name", ["confusion", "learning-aggregated"])
def test_ids_of_a_picture_begin_with_its_name_and_all_references_hit(name: str) -> None:
    picture = draw(small())[name]
    root = ET.fromstring(picture.svg)  # noqa: S314
    ids = {element.get("id") for element in root.iter() if element.get("id")}
    used = {
        value[1:] for e in root.iter() for key, value in e.attrib.items() if key.endswith("href")
    }
    assert all(str(some).startswith(f"{name}-") for some in ids)
    assert used <= ids


def test_drawing_twice_gives_the_same_bytes() -> None:
    assert draw(small()) == draw(small())


@pytest.mark.parametrize("features", [np.zeros((20, 16)), np.zeros((20, 0))])
def test_features_that_cannot_be_shown_do_no_harm(features: np.ndarray) -> None:
    run = small(high_level=features.astype(np.float32))
    pictures = draw(run)
    assert ("high-level" in pictures) == bool(features.shape[1])


def test_figure_two_shows_the_four_systems_of_the_paper_in_one_seed() -> None:
    samples = high_level_samples(full_run())
    assert [r.system for r in samples] == ["dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl"]
    assert {r.seed for r in samples} == {0}


def test_figure_two_has_its_four_systems_whatever_else_was_run() -> None:
    """Two-way nets and single subtasks take no panel from them."""
    others = ("blstm-mtl", "blstm-stl", "dnn-gender")
    more = tuple(result("aggregated", s, (5,) * 4, protocol="aggregated") for s in others)
    run = full_run()
    everything = replace(run, results=order((*run.results, *more)))
    assert [r.system for r in high_level_samples(everything)] == list(FOUR)
    without = replace(run, results=order(more))
    assert [r.system for r in high_level_samples(without)] == [
        "blstm-stl",
        "blstm-mtl",
        "dnn-gender",
    ]


def test_no_results_no_pictures() -> None:
    assert draw(Run({}, (), {}, (), note=NOTE)) == {}


def test_systems_without_epochs_have_no_learning_curves() -> None:
    run = Run({}, (), {}, (result("emodb/a", "svm", (5,) * 4),))
    assert set(draw(run)) == {"accuracy-within", "reliability-within"}
