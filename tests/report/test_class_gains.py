from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import matplotlib as mpl

from tests.report.runs import NOTE, full_run, result, row
from voxaffect.evaluation.experiment.run import Run, order
from voxaffect.evaluation.scores.class_gains import class_gains as class_gains_of
from voxaffect.evaluation.summary import summarise_run
from voxaffect.report import class_gains
from voxaffect.report.figures.class_gains import KEY, caption, gains
from voxaffect.report.figures.style import STYLE, Picture, picture
from voxaffect.report.table import ABSENT


def run_of(n_folds: int, right: tuple[int, ...] = (5, 5, -1, 5)) -> Run:
    better = tuple(n + 2 if n > 0 else n for n in right)
    results = [
        result(f"emodb/{n}", system, given)
        for n in range(n_folds)
        for system, given in (("dnn-stl", right), ("dnn-mtl", better))
    ]
    return Run({}, (), {}, order(results), note=NOTE)


def test_a_cell_holds_gain_and_interval_and_is_bold_where_zero_is_left_out() -> None:
    section = class_gains.section(summarise_run(run_of(8)), ())
    assert section is not None
    shown = row(section.tables[0], "dnn-mtl")
    assert shown["happy"] == "+.200 [+.200, +.200]"
    assert shown["sad"] == ABSENT
    assert (shown["Against"], shown["Subtasks"], shown["Folds"]) == ("dnn-stl", "both", "8")
    assert [cell.best for cell in section.tables[0].rows[0][-4:]] == [True, True, False, True]


def test_too_few_folds_are_said_to_be_too_few() -> None:
    section = class_gains.section(summarise_run(run_of(3)), ())
    assert section is not None
    assert row(section.tables[0], "dnn-mtl")["happy"] == "+.200"
    assert class_gains.TOO_FEW in section.tables[0].notes


def test_every_experiment_has_a_table_and_the_pictures_of_the_section() -> None:
    summary = summarise_run(full_run())
    own, other = (Picture(key, key, "", "<svg/>") for key in (KEY, "within"))
    section = class_gains.section(summary, (own, other))
    assert section is not None
    assert [table.title for table in section.tables] == list(class_gains.WHERE.values())
    assert section.pictures == (own,)


def test_the_figure_names_classes_and_systems() -> None:
    for run in (run_of(8), run_of(3), full_run()):
        for table in summarise_run(run).tables:
            with mpl.rc_context(STYLE):
                found = class_gains_of(table)
                drawn = picture("gains", KEY, caption(table.protocol), gains(found), NOTE)
            texts = " ".join(ET.fromstring(drawn.svg).itertext())  # noqa: S314
            assert all(word in texts for word in ("dnn-mtl", "neutral", "angry", "+"))


def test_no_twins_no_section() -> None:
    run = replace(run_of(3), results=(result("emodb/a", "svm", (5,) * 4),))
    assert class_gains.section(summarise_run(run), ()) is None
