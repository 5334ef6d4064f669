from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.model.events import read_events
from voxaffect.errors import TrainingError
from voxaffect.model.logging import (
    COLUMNS,
    begin_log,
    log_epoch,
    open_events,
    summary_writer,
    write_events,
    write_history,
)
from voxaffect.model.settings import Epoch, TrainingHistory

EPOCHS = tuple(Epoch(n, 2.0**-n, 1.0, n / 8, 1000.0 * n, 0.5) for n in (1, 2, 3))


def test_epochs_are_on_disk_as_they_end(tmp_path: Path) -> None:
    before = time.time()
    with open_events(tmp_path / "new") as events:
        for n_written, epoch in enumerate(EPOCHS, 1):
            write_events(events, epoch)
            assert len(read_events(tmp_path / "new")["ua/dev"]) == n_written
    found = read_events(tmp_path / "new")
    assert set(found) == {"loss/train", "loss/dev", "ua/dev", "speed/frames_per_s"}
    assert [event[:2] for event in found["loss/train"]] == [(1, 0.5), (2, 0.25), (3, 0.125)]
    assert [event[:2] for event in found["ua/dev"]] == [(1, 0.125), (2, 0.25), (3, 0.375)]
    assert all(before <= event[2] <= time.time() for event in found["loss/dev"])


def test_a_history_tells_its_own_time(tmp_path: Path) -> None:
    write_history(TrainingHistory(EPOCHS, 2), tmp_path)
    assert [event[2] for event in read_events(tmp_path)["loss/train"]] == [0.5, 1.0, 1.5]


def test_a_second_training_removes_the_events_of_the_first_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "events of mine").touch()
    write_history(TrainingHistory(EPOCHS, 2), tmp_path)
    write_history(TrainingHistory(EPOCHS[:1], 1), tmp_path)
    assert len(read_events(tmp_path)["ua/dev"]) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_its_absence_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TrainingError, match=r"pip install 'voxaffect\[tensorboard\]'"):
        summary_writer()


THIRD = Epoch(3, 1 / 3, 0.1 + 0.2, 0.7, 20_123.4, 1.25)


def test_the_header_comes_first_and_an_epoch_reads_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "training.csv"
    begin_log(path)
    assert path.read_text() == ",".join(COLUMNS) + "\n"
    log_epoch(path, THIRD, best=True)
    with path.open() as file:
        (row,) = csv.DictReader(file)
    assert (row.pop("epoch"), row.pop("best")) == ("3", "1")
    stated = asdict(THIRD)
    assert {name: float(text) for name, text in row.items()} == {n: stated[n] for n in row}
    names = ("epoch", "train_loss", "dev_loss", "dev_ua", "frames_per_s", "seconds", "best")
    assert names == COLUMNS


def test_a_second_training_begins_a_new_log(tmp_path: Path) -> None:
    path = tmp_path / "training.csv"
    for best in (True, False):
        begin_log(path)
        log_epoch(path, THIRD, best=best)
    assert len(path.read_text().splitlines()) == 2
    assert list(tmp_path.iterdir()) == [path]


ENDLESS = """
import sys
from pathlib import Path
from voxaffect.model.logging import begin_log, log_epoch
from voxaffect.model.settings import Epoch
log = Path(sys.argv[1])
begin_log(log)
number = 0
while True:
    number += 1
    log_epoch(log, Epoch(number, 1 / 3, 1 / 7, 0.5, 2e4, 1.5), best=False)
    if number == 100:
        print("hundred", flush=True)
"""


def test_a_kill_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "training.csv"
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    text = path.read_text()
    assert text.endswith("\n")
    lines = [line.split(",") for line in text.splitlines()]
    assert {len(line) for line in lines} == {len(COLUMNS)}
    assert [line[0] for line in lines[1:]] == [str(n) for n in range(1, len(lines))]
    assert len(lines) > 100
