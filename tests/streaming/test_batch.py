"""Every recording is predicted once, in order, independently of its batch."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from tests.processes import wait_for
from tests.streaming.recordings import FakeRecognizer, tone
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import AudioError, FeatureError
from voxaffect.recognizer.prediction import Prediction
from voxaffect.recognizer.recording import Recording
from voxaffect.streaming import batch as module
from voxaffect.streaming.batch import (
    Predictor,
    WorkerPool,
    batches,
    n_bytes,
    predict_all,
    process_pool,
    thread_pool,
)

LOADING_S = 600.0


def waveforms(n: int) -> list[Waveform]:
    return [Waveform(tone(0.5).astype(np.float32), f"w{i}") for i in range(n)]


class Placed(FakeRecognizer):
    """Names each prediction after its process."""

    def predict(self, recordings: Sequence[Recording]) -> list[Prediction]:
        return [replace(one, name=str(os.getpid())) for one in super().predict(recordings)]


def slow() -> Predictor:
    """Takes long to load."""
    time.sleep(LOADING_S)
    return FakeRecognizer()


def test_a_dead_worker_is_not_used_again() -> None:
    calls: list[int] = []

    def dies(recordings: Sequence[Recording]) -> list[Prediction]:
        calls.append(len(recordings))
        raise BrokenExecutor

    pool = WorkerPool(2)
    pool.add(dies)
    pool.add(thread_pool(FakeRecognizer(), 1).predict)
    assert [len(pool.predict(waveforms(n))) for n in (3, 1, 2)] == [3, 1, 2]
    assert calls == [3]


def test_an_error_leaves_the_pool_whole() -> None:
    def fails(_: Sequence[Recording]) -> list[Prediction]:
        raise FeatureError("a library is missing")

    pool = WorkerPool(1)
    pool.add(fails)
    for _ in range(2):
        with pytest.raises(FeatureError):
            pool.predict(waveforms(1))


def test_another_process_is_used_once_it_is_ready() -> None:
    with process_pool(Placed(), Placed, 2) as pool:
        wait_for(lambda: pool._idle.qsize() == 2)
        assert pool._idle.qsize() == 2
        predictions = list(predict_all(pool, waveforms(100), prepare=lambda: None))
        places = {one.name for one in predictions}
        assert len(predictions) == 100
        assert len(places) == 2
        assert str(os.getpid()) in places


def test_a_process_that_is_slow_to_load_delays_nothing() -> None:
    began = time.monotonic()
    with process_pool(FakeRecognizer(), slow, 3) as pool:
        assert len(list(predict_all(pool, waveforms(40), prepare=lambda: None))) == 40
    assert time.monotonic() - began < LOADING_S / 2


def test_a_pool_of_one_process_starts_no_other() -> None:
    recognizer = FakeRecognizer()
    with process_pool(recognizer, slow, 1) as pool:
        pool.predict(waveforms(2))
    assert len(recognizer.seen) == 2


def predict_parallel(
    recognizer: Predictor, recordings: Sequence[Recording]
) -> Iterator[Prediction]:
    return predict_all(thread_pool(recognizer, 2), recordings, prepare=lambda: None)


def waveforms_of_different_length(n: int) -> list[Waveform]:
    lengths = np.random.default_rng(0).integers(1_000, 20_000, n)
    return [Waveform(tone(1.5)[:length].astype(np.float32), f"w{length}") for length in lengths]


@pytest.mark.parametrize("n", [0, 1, 5, 70])
def test_predictions_are_in_input_order(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW", 20)
    monkeypatch.setattr(module, "TOGETHER", 6)
    inputs = waveforms_of_different_length(n)
    predictions = list(predict_parallel(FakeRecognizer(), inputs))
    assert [one.name for one in predictions] == [waveform.name for waveform in inputs]


def test_an_error_belongs_to_its_own_recording(tmp_path: Path) -> None:
    silent = Waveform(np.zeros(16_000, np.float32), "silent")
    gone = tmp_path / "gone.wav"
    first, second = waveforms_of_different_length(2)
    predictions = list(predict_parallel(FakeRecognizer(), [first, silent, gone, second]))
    assert [type(o.error) for o in predictions] == [type(None), AudioError, AudioError, type(None)]
    assert "silent" in str(predictions[1].error)
    assert "gone.wav" in str(predictions[2].error)


def test_other_errors_are_raised() -> None:
    class Broken(FakeRecognizer):
        def predict(self, recordings: Sequence[object]) -> list[Prediction]:
            raise FeatureError("a library is missing")

    with pytest.raises(FeatureError, match="missing"):
        list(predict_parallel(Broken(), waveforms_of_different_length(9)))


def test_each_thread_is_prepared_and_none_is_left_after_close() -> None:
    prepared: list[str] = []
    before = set(threading.enumerate())
    predicted = predict_all(
        thread_pool(FakeRecognizer(), 2),
        waveforms_of_different_length(40),
        prepare=lambda: prepared.append(threading.current_thread().name),
    )
    next(predicted)
    predicted.close()  # type: ignore[attr-defined]
    assert 1 <= len(set(prepared)) <= 2
    assert set(threading.enumerate()) <= before


@given(st.lists(st.integers(0, 3 * module.BYTES_TOGETHER), max_size=100))
def test_batches_hold_every_row_once_within_the_limits(sizes: list[int]) -> None:
    found = batches(sizes)
    assert sorted(row for batch in found for row in batch) == list(range(len(sizes)))
    for batch in found:
        assert len(batch) <= module.TOGETHER
        assert len(batch) == 1 or sum(sizes[row] for row in batch) <= module.BYTES_TOGETHER
    assert not found or 0 in found[0]


def test_n_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(1.0), 16_000)
    segment = Utterance("c/a#0", "c", path, "", "c/?", start_s=0.25, end_s=0.75)
    whole = Utterance("c/a", "c", path, "", "c/?")
    assert [n_bytes(r) for r in (path, whole, segment)] == [32_044, 32_044, 16_000]
    assert n_bytes(b"1234") == 4
    assert n_bytes(tmp_path / "gone") == 0
