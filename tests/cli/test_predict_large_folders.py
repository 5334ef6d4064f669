"""For large inputs a process pool computes the same predictions as threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import soundfile

from tests.processes import wait_for
from tests.speech import takes
from voxaffect.cli import predict as recognition
from voxaffect.cli.predict import predict
from voxaffect.recognizer.packaged import FOLDERS
from voxaffect.streaming import batch
from voxaffect.streaming.batch import Predictor, WorkerPool
from voxaffect.streaming.batch import process_pool as real_pool

N_CLIPS = 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Clips, and a broken file."""
    for n, take in enumerate(takes(N_CLIPS)):
        soundfile.write(tmp_path / f"{n:02d}.wav", take.samples, 16_000)
    (tmp_path / "20-broken.wav").write_bytes(b"RIFF")
    return tmp_path


@contextmanager
def all_ready(
    recognizer: Predictor, load: Callable[[], Predictor], n_processes: int
) -> Iterator[WorkerPool]:
    """A pool that begins when all processes are ready: else this one may be done before."""
    with real_pool(recognizer, load, n_processes) as pool:
        wait_for(lambda: pool._idle.qsize() == n_processes)
        yield pool


def outputs(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    assert predict([folder], FOLDERS["fast"], output="json") == 1
    printed = capsys.readouterr()
    return printed.out, printed.err


def test_predictions_are_the_same_and_in_order(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(batch, "TOGETHER", 4)
    monkeypatch.setattr("voxaffect.parallel.processes.n_cores", lambda: 2)
    by_threads = outputs(folder, capsys)
    monkeypatch.setattr(recognition, "MIN_POOL_BYTES", 0)
    monkeypatch.setattr(batch, "process_pool", all_ready)
    by_processes = outputs(folder, capsys)
    assert by_processes == by_threads
    assert by_threads[0].count("\n") == N_CLIPS
    assert "20-broken.wav" in by_threads[1]
