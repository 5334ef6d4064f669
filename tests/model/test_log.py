from __future__ import annotations

import csv
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from voxaffect.model.log import COLUMNS, TrainingLog
from voxaffect.model.settings import Epoch

THIRD = Epoch(3, 1 / 3, 0.1 + 0.2, 0.7, 20_123.4, 1.25)


def test_the_header_comes_first_and_an_epoch_reads_as_it_was(tmp_path: Path) -> None:
    log = TrainingLog(tmp_path / "training.csv")
    assert log.path.read_text() == ",".join(COLUMNS) + "\n"
    log.write(THIRD, best=True)
    with log.path.open() as file:
        (row,) = csv.DictReader(file)
    assert (row.pop("epoch"), row.pop("best")) == ("3", "1")
    stated = asdict(THIRD)
    assert {name: float(text) for name, text in row.items()} == {n: stated[n] for n in row}
    names = ("epoch", "train_loss", "dev_loss", "dev_ua", "frames_per_s", "seconds", "best")
    assert names == COLUMNS


def test_a_second_training_begins_a_new_log(tmp_path: Path) -> None:
    path = tmp_path / "training.csv"
    TrainingLog(path).write(THIRD, best=True)
    TrainingLog(path).write(THIRD, best=False)
    assert len(path.read_text().splitlines()) == 2
    assert list(tmp_path.iterdir()) == [path]


ENDLESS = """
import sys
from pathlib import Path
from voxaffect.model.log import TrainingLog
from voxaffect.model.settings import Epoch
log = TrainingLog(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    log.write(Epoch(number, 1 / 3, 1 / 7, 0.5, 2e4, 1.5), best=False)
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
