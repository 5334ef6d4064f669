"""A crew answers with whoever is there, and loses no recording with a member."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import replace

import numpy as np
import pytest

from tests.listening.recordings import Listener, tone
from tests.processes import wait_for
from voxaffect.audio.waveform import Waveform
from voxaffect.errors import FeatureError
from voxaffect.listening.answering import Answering, Outcome
from voxaffect.listening.crew import Crew, processes, threads
from voxaffect.listening.recordings import answer_all
from voxaffect.prediction import Prediction
from voxaffect.recording import Recording

READY_S = 60.0


def waveforms(n: int) -> list[Waveform]:
    return [Waveform(tone(0.5).astype(np.float32), f"w{i}") for i in range(n)]


class Placed(Listener):
    """Names the process in which it answers."""

    def predict(self, recordings: Sequence[Recording]) -> list[Prediction]:
        return [replace(one, name=str(os.getpid())) for one in super().predict(recordings)]


def slow() -> Answering:
    """Takes long to load."""
    time.sleep(READY_S)
    return Listener()


def test_who_has_died_is_not_asked_again() -> None:
    asked: list[int] = []

    def dies(recordings: Sequence[Recording]) -> list[Outcome]:
        asked.append(len(recordings))
        raise BrokenExecutor

    crew = Crew(2)
    crew.join(dies)
    crew.join(threads(Listener(), 1).answer)
    assert [len(crew.answer(waveforms(n))) for n in (3, 1, 2)] == [3, 1, 2]
    assert asked == [3]


def test_a_fault_that_ends_all_leaves_the_crew_whole() -> None:
    def fails(_: Sequence[Recording]) -> list[Outcome]:
        raise FeatureError("a library is missing")

    crew = Crew(1)
    crew.join(fails)
    for _ in range(2):
        with pytest.raises(FeatureError):
            crew.answer(waveforms(1))


def test_a_process_beside_answers_once_it_is_ready() -> None:
    with processes(Placed(), Placed, 2) as crew:
        wait_for(lambda: crew.n_idle == 2, READY_S)
        assert crew.n_idle == 2
        outcomes = list(answer_all(crew, waveforms(100), prepare=lambda: None))
        places = {o.name for o in outcomes if isinstance(o, Prediction)}
        assert len(outcomes) == 100
        assert len(places) == 2
        assert str(os.getpid()) in places


def test_nobody_waits_for_a_process_that_is_slow_to_load() -> None:
    began = time.monotonic()
    with processes(Listener(), slow, 3) as crew:
        assert len(list(answer_all(crew, waveforms(40), prepare=lambda: None))) == 40
    assert time.monotonic() - began < READY_S / 2


def test_a_crew_of_one_process_needs_no_other() -> None:
    listener = Listener()
    with processes(listener, slow, 1) as crew:
        crew.answer(waveforms(2))
    assert len(listener.heard) == 2
