from __future__ import annotations

import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest

from tests.evaluation.learning_curves import at_share, thinned_results, thinned_run
from tests.report.runs import NOTE, full_run, result, row, run_of
from voxaffect.evaluation.class_gains import class_gains as class_gains_of
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.learning_curve import learning_curves
from voxaffect.evaluation.summary import Summary
from voxaffect.report import learning_curve
from voxaffect.report.figures.draw import (
    CLASS_GAINS_CAPTION,
    CLASS_GAINS_KEY,
    class_gains,
    draw_all,
)
from voxaffect.report.figures.style import STYLE, Picture, picture
from voxaffect.report.learning_curve import FEW, learning_curve_section
from voxaffect.report.page import sections
from voxaffect.report.table import PROTOCOL_TITLES, Section
from voxaffect.report.text import ABSENT, signed


def shown() -> Section:
    run = thinned_run()
    found = learning_curve_section(learning_curves(run))
    assert found is not None
    return found


def test_run_without_learning_curve_has_no_section() -> None:
    assert learning_curve_section(learning_curves(full_run())) is None
    keys = [part.key for part in sections(full_run(), Summary(full_run()), ())]
    assert "amounts" not in keys


def test_row_per_share_with_sizes_and_best_system_marked() -> None:
    table, _ = shown().tables
    assert row(table, "10 %") == {
        "Share": "10 %", "Utterances": "22", "Folds": "6", "Seeds": "1",
        "dnn-stl": ".200", "dnn-mtl": ".417",
    }  # fmt: skip
    (whole,) = [cells for cells in table.rows if cells[0].text == "100 %"]
    assert [cell.best for cell in whole[-2:]] == [True, True]


def test_gains_with_too_few_different_folds_have_no_p() -> None:
    _, gains = shown().tables
    cells = [[cell.text for cell in cells] for cells in gains.rows]
    whole = f"+.000 [{signed(-0.06)}, +.060]"
    assert cells == [
        ["within", "dnn-mtl over dnn-stl", "10 %", "6", "6", "0", "+.217 [+.200, +.260]", ".063"],
        [
            "within",
            "dnn-mtl over dnn-stl",
            "100 %",
            "6",
            "1",
            "1",
            whole,
            ABSENT,
        ],
    ]
    assert FEW in gains.notes


def test_different_numbers_of_folds_are_shown_as_a_range() -> None:
    extra = [at_share(s, "emodb/9", "dnn-stl", 4, n_train=900) for s in (0.1, 1.0)]
    found = learning_curve_section(learning_curves(run_of([*thinned_results(), *extra])))
    assert found is not None
    assert row(found.tables[0], "100 %")["Folds"] == "6 to 7"
    assert row(found.tables[0], "100 %")["Utterances"] == "202 to 302"


def test_missing_share_of_a_system_is_absent() -> None:
    other = [at_share(1.0, f"emodb/{n}", "svm", 9, n_train=200) for n in range(6)]
    found = learning_curve_section(learning_curves(run_of([*thinned_results(), *other])))
    assert found is not None
    assert row(found.tables[0], "10 %")["svm"] == ABSENT
    assert row(found.tables[0], "100 %")["svm"] == ".900"


def test_section_follows_the_protocols_with_its_own_figures() -> None:
    run = thinned_run()
    parts = sections(run, Summary(run), draw_all(run, Summary(run)))
    keys = [part.key for part in parts]
    assert keys.index("aggregated") < keys.index("amounts") < keys.index("making")
    (own,) = [part for part in parts if part.key == "amounts"]
    assert [picture.name for picture in own.pictures] == ["amounts-within"]
    others = [picture.name for part in parts if part.key != "amounts" for picture in part.pictures]
    assert not any(name.startswith("amounts") for name in others)


@pytest.mark.parametrize(
    "sentence",
    ["dev and test sets are unchanged", "every smaller subset is part of the larger ones"],
)
def test_lead_describes_the_subsets(sentence: str) -> None:
    assert sentence in " ".join(shown().lead)


def gaining(n_folds: int, right: tuple[int, ...] = (5, 5, -1, 5)) -> Run:
    better = tuple(n + 2 if n > 0 else n for n in right)
    results = [
        result(f"emodb/{n}", system, given)
        for n in range(n_folds)
        for system, given in (("dnn-stl", right), ("dnn-mtl", better))
    ]
    return run_of(results, note=NOTE)


def test_gain_is_bold_if_its_interval_excludes_zero() -> None:
    section = learning_curve.class_gains_section(Summary(gaining(8)))
    assert section is not None
    shown = row(section.tables[0], "dnn-mtl")
    assert shown["happy"] == "+.200 [+.200, +.200]"
    assert shown["sad"] == ABSENT
    assert (shown["Baseline"], shown["Subtasks"], shown["Folds"]) == ("dnn-stl", "both", "8")
    assert [cell.best for cell in section.tables[0].rows[0][-4:]] == [True, True, False, True]


def test_too_few_folds_have_no_interval() -> None:
    section = learning_curve.class_gains_section(Summary(gaining(3)))
    assert section is not None
    assert row(section.tables[0], "dnn-mtl")["happy"] == "+.200"
    assert learning_curve.TOO_FEW in section.tables[0].notes


def test_every_protocol_has_a_table_and_figures() -> None:
    summary = Summary(full_run())
    own, other = (Picture(key, key, "", "<svg/>") for key in (CLASS_GAINS_KEY, "folds"))
    parts = {part.key: part for part in sections(full_run(), summary, (own, other))}
    assert [table.title for table in parts[CLASS_GAINS_KEY].tables] == [
        f"{title}: recall gain by class" for title in PROTOCOL_TITLES.values()
    ]
    assert parts[CLASS_GAINS_KEY].pictures == (own,)
    assert parts["folds"].pictures == (other,)


def test_figure_has_classes_and_systems() -> None:
    for run in (gaining(8), gaining(3), full_run()):
        for scores in Summary(run).protocols:
            with mpl.rc_context(STYLE):
                found = class_gains_of(scores)
                drawn = picture(
                    "gains",
                    CLASS_GAINS_KEY,
                    CLASS_GAINS_CAPTION.format(PROTOCOL_TITLES[scores.protocol]),
                    class_gains(found),
                    NOTE,
                )
            texts = " ".join(ET.fromstring(drawn.svg).itertext())  # noqa: S314
            assert all(word in texts for word in ("dnn-mtl", "neutral", "angry", "+"))


def test_no_section_without_single_task_baseline() -> None:
    run = run_of([result("emodb/a", "svm", (5,) * 4)])
    assert learning_curve.class_gains_section(Summary(run)) is None
