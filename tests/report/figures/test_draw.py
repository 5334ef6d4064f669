from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.typing import ColorType

from tests.evaluation.fairness_runs import described_run, facts_for, results_of
from tests.report.runs import NOTE, full_results, full_run, result, run_of, table_of
from voxaffect.evaluation.calibration import COVERAGES, reliabilities
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.fairness import SPEAKER, GroupScores, group_scores
from voxaffect.evaluation.metrics import Counts
from voxaffect.evaluation.reference_results import FOUR
from voxaffect.evaluation.results import pick, shares
from voxaffect.evaluation.summary import Summary
from voxaffect.report.figures.draw import (
    MAX_SYSTEMS,
    SHADES,
    confusions,
    draw_all,
    groups,
    high_level_samples,
    reliability,
    text_color,
)
from voxaffect.report.figures.style import Picture


def luminance(color: ColorType) -> float:
    """Relative luminance of sRGB, WCAG 2."""
    rgb = np.array(to_rgb(color), np.float64)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("share", np.linspace(0, 1, 101))
def test_shares_have_enough_contrast_on_their_shade(share: float) -> None:
    low, high = sorted((luminance(SHADES(share)), luminance(text_color(share))))
    assert (high + 0.05) / (low + 0.05) >= 4.5


def matrices(n_systems: int) -> dict[str, Counts]:
    """Confusion matrices of systems; no utterance is sad."""
    counts = np.array([[1500, 20, 0, 480], [3, 1, 0, 0], [0, 0, 0, 0], [0, 0, 2, 5]])
    return {f"system-{n}": counts + n * np.eye(4, dtype=int)[0] for n in range(n_systems)}


def test_confusions_have_percent_and_count_of_each_cell_of_a_class_that_is_tested() -> None:
    (panel,) = confusions(matrices(1)).axes
    assert [text.get_text() for text in panel.texts] == [
        "system-0  .571",
        *("neutral", "neutral", "happy", "happy", "sad", "sad", "angry", "angry"),
        *("75 %\n1,500", "1 %\n20", "0 %\n0", "24 %\n480"),
        *("75 %\n3", "25 %\n1", "0 %\n0", "0 %\n0"),
        *("0 %\n0", "0 %\n0", "29 %\n2", "71 %\n5"),
    ]
    (mesh,) = panel.collections
    drawn = mesh.get_array()
    assert drawn is not None
    expected = shares(matrices(1)["system-0"])
    np.testing.assert_allclose(np.ma.filled(drawn, np.nan), expected)


def test_confusions_of_twenty_systems_fit_into_a_page_of_a_thousand_pixels() -> None:
    figure = confusions(matrices(20))
    assert figure.get_figwidth() * 96 < 1000 - 2 * 20  # CSS pixels, less the padding of the page
    (panel,) = figure.axes
    corners = [mesh.get_coordinates()[0, 0] for mesh in panel.collections]  # type: ignore[attr-defined]
    assert len({tuple(corner) for corner in corners}) == 20
    lefts, tops = ({corner[axis] for corner in corners} for axis in (0, 1))
    assert (len(lefts), len(tops)) == (3, 7)


def test_every_test_set_has_a_picture_of_confusion_matrices() -> None:
    found = draw(full_run())
    names = [name for name in found if name.startswith("confusion")]
    assert names == [
        *("confusion-within-emodb", "confusion-within-urdu"),
        *("confusion-cross-emodb", "confusion-cross-iemocap-acted"),
        *("confusion-cross-iemocap-natural", "confusion-cross-urdu", "confusion"),
    ]
    picture = found["confusion-cross-iemocap-natural"]
    assert picture.section == "cross"
    assert picture.caption.startswith(
        "Confusion matrices by system, with UA: iemocap:natural, cross."
    )
    text = " ".join(ET.fromstring(picture.svg).itertext())  # noqa: S314
    for part in ("dnn-stl", "lstm-mtl", NOTE[:20]):
        assert part in text


def scores_of(run: Run) -> GroupScores:
    found = group_scores(run.results)
    assert found is not None
    return found


def test_one_panel_per_property_and_one_of_speakers() -> None:
    scores = scores_of(described_run())
    figure = groups(scores, "cross")
    kinds = [k for k in pick(scores.groups, protocol="cross").index.unique("kind") if k != SPEAKER]
    assert [panel.get_title(loc="left") for panel in figure.axes] == [*kinds, "each speaker"]
    gender = figure.axes[0]
    names = [label.get_text() for label in gender.get_yticklabels()]
    assert names == ["female", "male", "unknown"]
    (legend,) = figure.legends
    assert len(legend.get_texts()) == MAX_SYSTEMS


def test_marks_are_at_the_accuracy_and_lines_are_intervals() -> None:
    women = {f"north/a{n}": (9 - 4 * (n % 2),) * 4 for n in range(6)}
    genders = {**dict.fromkeys(women, "female"), "north/c": "male"}
    run = run_of(results_of({**women, "north/c": (3,) * 4}), facts_for(gender=genders))
    panel, each = groups(scores_of(run), "within").axes
    x = [np.asarray(mark.get_offsets())[0][0] for mark in panel.collections[:2]]
    np.testing.assert_allclose(x, [0.7, 0.3])
    (line,) = panel.lines  # one speaker has no interval
    low, high = np.asarray(line.get_xdata(), float)
    assert 0.5 <= low < 0.7 < high <= 0.9
    dots = np.asarray(each.collections[0].get_offsets())[:, 0]
    np.testing.assert_allclose(dots, [0.9] * 3 + [0.5] * 3 + [0.3])


def test_only_the_panel_of_speakers_without_groups() -> None:
    run = run_of(results_of({"north/a": (9,) * 4}), facts_for())
    figure = groups(scores_of(run), "within")
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["each speaker"]
    assert figure.legends == []


def test_reliability_has_one_line_per_system_and_the_diagonal() -> None:
    found = [r for r in reliabilities(full_run().results) if r.protocol == "within"]
    diagram, accuracy, ua = reliability(found).axes
    assert (len(diagram.lines), len(accuracy.lines), len(ua.lines)) == (
        1 + MAX_SYSTEMS,
        MAX_SYSTEMS,
        MAX_SYSTEMS,
    )
    np.testing.assert_array_equal(np.asarray(accuracy.lines[0].get_xdata()), COVERAGES)


def test_empty_bin_has_no_mark() -> None:
    one = table_of([result("emodb/a", "svm", (4,) * 4)])  # one confidence, one bin
    diagram, *_ = reliability(reliabilities(one)).axes
    np.testing.assert_allclose(np.asarray(diagram.lines[1].get_xydata()), [[0.7, 0.4]])


def draw(run: Run) -> dict[str, Picture]:
    return {picture.name: picture for picture in draw_all(run, Summary(run))}


def small(n_hit: int = 3, **more: object) -> Run:
    one = result("aggregated", "dnn-mtl", (n_hit,) * 4, of=5, protocol="aggregated")
    return run_of([replace(one, **more)], note="costs $5 & more_or_less")  # type: ignore[arg-type]


def test_figures_of_a_small_run_parse_and_have_the_note() -> None:
    pictures = draw(small())
    assert set(pictures) == {
        "accuracy-aggregated",
        "confusion",
        "groups-aggregated",
        "high-level",
        "learning-aggregated",
        "reliability-aggregated",
    }
    for picture in pictures.values():
        root = ET.fromstring(picture.svg)  # noqa: S314
        assert "costs $5 & more_or_less" in " ".join(root.itertext())
        assert "dnn-mtl" in " ".join(root.itertext())


@pytest.mark.parametrize("name", ["confusion", "learning-aggregated"])
def test_svg_ids_have_a_prefix_and_references_resolve(name: str) -> None:
    picture = draw(small())[name]
    root = ET.fromstring(picture.svg)  # noqa: S314
    ids = {element.get("id") for element in root.iter() if element.get("id")}
    used = {
        value[1:] for e in root.iter() for key, value in e.attrib.items() if key.endswith("href")
    }
    assert all(str(some).startswith(f"{name}-") for some in ids)
    assert used <= ids


def test_figures_are_reproducible() -> None:
    assert draw(small()) == draw(small())


@pytest.mark.parametrize("features", [np.zeros((20, 16)), np.zeros((20, 0))])
def test_features_that_cannot_be_embedded(features: np.ndarray) -> None:
    run = small(high_level=features.astype(np.float32))
    pictures = draw(run)
    assert ("high-level" in pictures) == bool(features.shape[1])


def test_figure_two_has_the_systems_of_the_paper_with_one_seed() -> None:
    samples = high_level_samples(full_run().results)
    assert [*samples] == ["dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl"]
    assert all(set(rows["seed"]) == {0} for rows in samples.values())


def test_figure_two_prefers_the_systems_of_the_paper() -> None:
    """Two-way nets and single subtasks take no panel from them."""
    others = ("blstm-mtl", "blstm-stl", "dnn-gender")
    more = [result("aggregated", s, (5,) * 4, protocol="aggregated") for s in others]
    assert [*high_level_samples(table_of([*full_results(), *more]))] == list(FOUR)
    assert [*high_level_samples(table_of(more))] == ["blstm-stl", "blstm-mtl", "dnn-gender"]


def test_no_figures_without_results() -> None:
    assert draw(Run({}, (), {}, note=NOTE)) == {}


def test_systems_without_epochs_have_no_training_curves() -> None:
    run = run_of([result("emodb/a", "svm", (5,) * 4)])
    names = ("accuracy-within", "confusion-within-emodb", "groups-within", "reliability-within")
    assert set(draw(run)) == set(names)
