"""Every recording is predicted once, in order, independently of its batch."""

from __future__ import annotations

import io
import os
import threading
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from tests.processes import wait_for
from tests.streaming.recordings import FakeRecognizer, opened, tone, with_pauses
from voxaffect.audio.decode import AudioStream, DecodeLimits
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import AudioError, FeatureError, NoSpeechError, RecordingLimitError
from voxaffect.recognizer.prediction import NO_SPEECH, Prediction
from voxaffect.recognizer.recording import Opener, Recording, as_recording
from voxaffect.streaming import batch as module
from voxaffect.streaming.batch import (
    Predictor,
    WorkerPool,
    batches,
    n_bytes,
    predict_all,
    predict_each,
    predict_long,
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


class Moody(FakeRecognizer):
    """Angry in the first half minute, then sad."""

    def _prediction(self, waveform: Waveform) -> Prediction:
        one = super()._prediction(waveform)
        start_s = float(waveform.name.partition("#")[2].partition("-")[0])
        other = {**one.probabilities, "sad": 0.7, "angry": 0.0}
        return one if start_s < 30 else replace(one, label="sad", probabilities=other)


@pytest.fixture(scope="module")
def talk() -> tuple[np.ndarray, list[tuple[float, float]]]:
    """A minute of takes with pauses, and where they lie."""
    samples, spans = with_pauses(16, pause_s=2.0)
    assert samples.size > 50 * 16_000
    return samples.astype(np.float32), spans


def test_a_long_recording_is_answered_by_the_share_of_its_speech(
    talk: tuple[np.ndarray, list[tuple[float, float]]],
) -> None:
    samples, spans = talk
    early = sum(end - start for start, end in spans if start < 30)
    share = early / sum(end - start for start, end in spans)
    (found,) = predict_each(Moody(), [Waveform(samples, "talk")])
    assert found.name == "talk"
    assert found.duration_s == pytest.approx(samples.size / 16_000)
    assert found.probabilities["angry"] == pytest.approx(0.4 * share, abs=0.02)
    assert (found.start_s, found.end_s, found.error) == (None, None, None)
    (warning,) = found.warnings
    assert warning.code == "several-emotions"
    assert warning.text.endswith("of the speech); --timeline shows them")
    assert found.times_s is not None
    assert len(found.times_s) == 2 * len(spans)
    assert np.all(np.diff(found.times_s) > 0)
    assert spans[-1][0] - 0.3 < found.times_s[-1] < spans[-1][1]


def test_a_long_recording_is_answered_alike_however_it_comes(
    talk: tuple[np.ndarray, list[tuple[float, float]]], tmp_path: Path
) -> None:
    samples, _ = talk
    path, file = tmp_path / "talk.wav", io.BytesIO()
    for target in (path, file):
        soundfile.write(target, samples, 16_000, subtype="FLOAT", format="WAV")
    row = Utterance("c/talk", "c", path, "", "c/?")
    ways: list[Recording] = [path, str(path), file.getvalue(), row]
    ways += [as_recording((samples, 16_000)), Waveform(samples, "talk")]
    first, *others = predict_each(FakeRecognizer(), ways)
    assert first.name == str(path)
    assert [one.name for one in others[1:3]] == ["recording", "c/talk"]
    for other in others:
        assert replace(other, name=first.name) == first
    part = Utterance("c/talk#1", "c", path, "", "c/?", start_s=1.0, end_s=45.0)
    short = Utterance("c/talk#2", "c", path, "", "c/?", start_s=1.0, end_s=31.0)
    recognizer = FakeRecognizer()
    long_part, short_part = predict_each(recognizer, [part, short])
    assert long_part.duration_s == pytest.approx(44)
    assert short_part.duration_s == 30.0
    assert max(one.duration_s for one in recognizer.seen[:-1]) < 15.01


def test_limits_and_faults_of_long_recordings_are_their_own(tmp_path: Path) -> None:
    noise = 1e-3 * np.random.default_rng(0).standard_normal(40 * 16_000).astype(np.float32)
    silent = np.zeros(40 * 16_000, np.float32)
    path = tmp_path / "long.wav"
    soundfile.write(path, noise, 16_000)
    hiss, *faulty = predict_each(
        FakeRecognizer(),
        [Waveform(noise, "hiss"), Waveform(silent, "zeros"), Waveform(silent + 0.1, "constant")],
    )
    assert (hiss.label, hiss.probabilities, hiss.duration_s) == (NO_SPEECH, {}, 40.0)
    assert [str(one.error).partition(" (")[0] for one in faulty] == [
        "zeros: is silent",
        "constant: is silent",
    ]
    (refused,) = predict_each(FakeRecognizer(DecodeLimits(max_duration_s=35)), [path])
    assert isinstance(refused.error, RecordingLimitError)


def test_an_hour_takes_the_memory_of_minutes(
    talk: tuple[np.ndarray, list[tuple[float, float]]],
) -> None:
    samples, spans = talk

    def tiled(n_times: int) -> Opener:
        @contextmanager
        def opener() -> Iterator[AudioStream]:
            yield AudioStream("tiled", 16_000, None, (samples for _ in range(n_times)))

        return opener

    class Forgetful(FakeRecognizer):
        def predict(self, recordings: Sequence[Recording]) -> list[Prediction]:
            found = super().predict(recordings)
            self.seen.clear()
            return found

    predict_long(Forgetful(), lambda: opened(samples))  # tables and compiled loops are made
    peaks = []
    for n_times in (4, 16):
        tracemalloc.start()
        try:
            found = predict_long(Forgetful(), tiled(n_times))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert found.times_s is not None
        assert len(found.times_s) == n_times * 2 * len(spans)
    assert peaks[1] - peaks[0] < 0.2 * 12 * samples.nbytes


def test_a_recognizer_that_finds_no_speech_is_no_fault() -> None:
    class Strict(FakeRecognizer):
        def predict(self, recordings: Sequence[Recording]) -> list[Prediction]:
            if any(getattr(one, "name", "") == "w1" for one in recordings):
                raise NoSpeechError("w1: no speech found; speak up")
            return super().predict(recordings)

    found = predict_each(Strict(), waveforms(3))
    assert [one.label for one in found] == ["angry", NO_SPEECH, "angry"]
    assert [one.error for one in found] == [None, None, None]
    assert predict_each(Strict(), found) == found
