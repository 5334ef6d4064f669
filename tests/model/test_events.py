from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.model.events import read_events
from voxaffect.errors import TrainingError
from voxaffect.model.events import EventLog, summary_writer, write_history
from voxaffect.model.settings import Epoch, History

EPOCHS = tuple(Epoch(n, 2.0**-n, 1.0, n / 8, 1000.0 * n, 0.5) for n in (1, 2, 3))


def test_epochs_are_on_disk_as_they_end(tmp_path: Path) -> None:
    before = time.time()
    with EventLog(tmp_path / "new") as log:
        for n_written, epoch in enumerate(EPOCHS, 1):
            log.write(epoch)
            assert len(read_events(tmp_path / "new")["ua/dev"]) == n_written
    found = read_events(tmp_path / "new")
    assert set(found) == {"loss/train", "loss/dev", "ua/dev", "speed/frames_per_s"}
    assert [event[:2] for event in found["loss/train"]] == [(1, 0.5), (2, 0.25), (3, 0.125)]
    assert [event[:2] for event in found["ua/dev"]] == [(1, 0.125), (2, 0.25), (3, 0.375)]
    assert all(before <= event[2] <= time.time() for event in found["loss/dev"])


def test_a_history_tells_its_own_time(tmp_path: Path) -> None:
    write_history(History(EPOCHS, 2), tmp_path)
    assert [event[2] for event in read_events(tmp_path)["loss/train"]] == [0.5, 1.0, 1.5]


def test_a_second_training_removes_the_events_of_the_first_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "events of mine").touch()
    write_history(History(EPOCHS, 2), tmp_path)
    write_history(History(EPOCHS[:1], 1), tmp_path)
    assert len(read_events(tmp_path)["ua/dev"]) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_its_absence_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TrainingError, match=r"pip install 'voxaffect\[tensorboard\]'"):
        summary_writer()
