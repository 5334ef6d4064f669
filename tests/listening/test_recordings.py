"""Every recording is answered once, in order, whatever its neighbours are."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from tests.listening.recordings import Listener, tone
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import AudioError, FeatureError
from voxaffect.listening import recordings as module
from voxaffect.listening.answering import Answering, Outcome
from voxaffect.listening.crew import threads
from voxaffect.listening.recordings import answer_all, batches, n_bytes
from voxaffect.prediction import Prediction
from voxaffect.recording import Recording


def ask(recognizer: Answering, recordings: Sequence[Recording]) -> Iterator[Outcome]:
    return answer_all(threads(recognizer, 2), recordings, prepare=lambda: None)


def waveforms(n: int) -> list[Waveform]:
    lengths = np.random.default_rng(0).integers(1_000, 20_000, n)
    return [Waveform(tone(1.5)[:length].astype(np.float32), f"w{length}") for length in lengths]


@pytest.mark.parametrize("n", [0, 1, 5, 70])
def test_answers_come_in_the_order_of_asking(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW", 20)
    monkeypatch.setattr(module, "TOGETHER", 6)
    asked = waveforms(n)
    outcomes = list(ask(Listener(), asked))
    assert all(isinstance(outcome, Prediction) for outcome in outcomes)
    assert [o.name for o in outcomes if isinstance(o, Prediction)] == [w.name for w in asked]


def test_a_fault_is_the_answer_of_its_own_recording_alone(tmp_path: Path) -> None:
    silent = Waveform(np.zeros(16_000, np.float32), "silent")
    gone = tmp_path / "gone.wav"
    first, second = waveforms(2)
    outcomes = list(ask(Listener(), [first, silent, gone, second]))
    assert [type(o) for o in outcomes] == [Prediction, AudioError, AudioError, Prediction]
    assert "silent" in str(outcomes[1])
    assert "gone.wav" in str(outcomes[2])


def test_what_is_no_fault_of_a_recording_ends_it() -> None:
    class Broken(Listener):
        def predict(self, recordings: Sequence[object]) -> list[Prediction]:
            raise FeatureError("a library is missing")

    with pytest.raises(FeatureError, match="missing"):
        list(ask(Broken(), waveforms(9)))


def test_each_thread_is_prepared_and_none_is_left_when_nobody_listens() -> None:
    prepared: list[str] = []
    before = threading.active_count()
    answers = answer_all(
        threads(Listener(), 2),
        waveforms(40),
        prepare=lambda: prepared.append(threading.current_thread().name),
    )
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert 1 <= len(set(prepared)) <= 2
    assert threading.active_count() == before


@given(st.lists(st.integers(0, 3 * module.BYTES_TOGETHER), max_size=100))
def test_batches_hold_every_row_once_and_no_more_than_they_may(sizes: list[int]) -> None:
    found = batches(sizes)
    assert sorted(row for batch in found for row in batch) == list(range(len(sizes)))
    for batch in found:
        assert len(batch) <= module.TOGETHER
        assert len(batch) == 1 or sum(sizes[row] for row in batch) <= module.BYTES_TOGETHER
    assert not found or 0 in found[0]


def test_sizes_are_those_of_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(1.0), 16_000)
    segment = Utterance("c/a#0", "c", path, "", "c/?", start_s=0.25, end_s=0.75)
    whole = Utterance("c/a", "c", path, "", "c/?")
    assert [n_bytes(r) for r in (path, whole, segment)] == [32_044, 32_044, 16_000]
    assert [n_bytes(r) for r in (b"1234", waveforms(1)[0], tmp_path / "gone")][0::2] == [4, 0]
