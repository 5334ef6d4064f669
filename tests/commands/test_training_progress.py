from __future__ import annotations

import io

import pytest
from rich.console import Console

from voxaffect.commands.training_progress import TrainingBar, training_progress
from voxaffect.model.course import Course
from voxaffect.model.settings import Epoch


def show(course: Course, *dev_uas: float, sequel: str = "") -> None:
    with training_progress(course, sequel) as tell:
        for number, dev_ua in enumerate(dev_uas, 1):
            course.add(Epoch(number, 0.8124, 1.0, dev_ua, 20_113.6, 2.0))
            tell()


def test_a_log_file_gets_a_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    show(Course(10, 3), 0.5, 0.625, 0.6)
    first, second, third = capsys.readouterr().err.splitlines()
    assert first == (
        "epoch 1 of at most 10: loss 0.812, dev UA 0.500 (the best so far), 20,114 frames/s, "
        "left 0:00:06 to 0:00:18"
    )
    assert "dev UA 0.625 (the best so far)" in second
    assert third.endswith(
        "dev UA 0.600 (best 0.625 in 2), 20,114 frames/s, left 0:00:04 to 0:00:14"
    )


def test_one_time_is_told_where_patience_cannot_end_it_sooner(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show(Course(3, 3), 0.5)
    assert capsys.readouterr().err.endswith("frames/s, left 0:00:04\n")


@pytest.mark.parametrize("dev_uas", [(0.5, 0.4), (0.5, 0.6, 0.7)])
def test_the_last_epoch_says_so_and_what_follows(
    dev_uas: tuple[float, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    show(Course(3, 1), *dev_uas, sequel="; 5 more such nets follow")
    assert capsys.readouterr().err.endswith(", done; 5 more such nets follow\n")


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_terminal_of_any_width_shows_every_word(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.StringIO()
    monkeypatch.setenv("TERM", "xterm")
    console = Console(file=file, force_terminal=True, width=width, color_system=None)
    course = Course(10, 3)
    course.add(Epoch(1, 0.8124, 1.0, 0.5, 20_113.6, 2.0))
    console.print(TrainingBar(course))
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    for words in ("epoch 1", "loss 0.812,", "dev UA", "frames/s,", "left 0:00:06 to 0:00:18"):
        assert words in text


def test_the_time_left_runs_down_between_epochs_and_never_below_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    course = Course(10, 3)
    bar = TrainingBar(course)
    assert len(bar.__rich__().renderables) == 1  # before the first epoch nothing is known
    course.add(Epoch(1, 0.8124, 1.0, 0.5, 20_113.6, 2.0))
    bar.restart_clock()
    said = []
    for now[0] in (100.0, 101.0, 110.0):
        said.append(str(bar.__rich__().renderables[1]).partition("left ")[2])
    assert said == ["0:00:06 to 0:00:18", "0:00:05 to 0:00:17", "0:00:00 to 0:00:08"]
