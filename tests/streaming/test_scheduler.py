from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from tests.processes import wait_for
from tests.streaming.recognizers import DNN, random_recognizer, voice
from voxaffect.errors import StreamingError
from voxaffect.recognizer.prediction import Prediction
from voxaffect.streaming.online import LiveRecognizer, LiveSettings, LiveStream
from voxaffect.streaming.scheduler import StreamScheduler


@pytest.mark.parametrize("n_threads", [1, 3])
def test_every_stream_gets_predictions_of_all_samples(n_threads: int) -> None:
    live, received = LiveRecognizer(random_recognizer(DNN)), {}

    def on_predictions(streams: Sequence[LiveStream], predictions: Sequence[Prediction]) -> None:
        received.update({s.number: a.end_s for s, a in zip(streams, predictions, strict=True)})

    with StreamScheduler(live, on_predictions, every_s=0.01, n_threads=n_threads):
        streams = [live.open() for _ in range(5)]
        for seconds in (0.2, 0.4):
            for stream in streams:
                stream.push(voice(0.2))
            wait_for(lambda: received == {s.number: seconds for s in streams})  # noqa: B023
        assert live.pending() == []


def test_an_error_in_a_thread_is_raised() -> None:
    live = LiveRecognizer(random_recognizer(DNN))

    def on_predictions(streams: Sequence[LiveStream], predictions: Sequence[Prediction]) -> None:
        raise ConnectionError("no connection")

    stream = live.open()
    stream.push(voice(0.2))
    scheduler = StreamScheduler(live, on_predictions, every_s=0.01)
    with pytest.raises(ConnectionError, match="no connection"), scheduler:
        wait_for(scheduler._running[0].done)


class SlowLive(LiveRecognizer):
    """Returns the latest predictions; the first time it takes longer than an interval."""

    def __init__(self, *, provisional: bool) -> None:
        super().__init__(random_recognizer(DNN), LiveSettings(provisional=provisional))
        self.calls: list[bool | None] = []

    def predict(
        self, streams: Sequence[LiveStream], *, provisional: bool | None = None
    ) -> list[Prediction]:
        self.calls.append(provisional)
        if len(self.calls) == 1:
            time.sleep(0.11)
        return [stream.latest for stream in streams]


def test_a_late_scheduler_leaves_out_provisional_frames_until_there_is_time() -> None:
    live = SlowLive(provisional=True)
    stream = live.open()
    stream.push(voice(0.2))
    with StreamScheduler(live, lambda *_: None, every_s=0.1):
        wait_for(lambda: len(live.calls) > 2 and live.calls[-1] is True)
    assert live.calls[:2] == [True, False]


def test_provisional_frames_can_be_turned_off() -> None:
    live = SlowLive(provisional=False)
    stream = live.open()
    stream.push(voice(0.2))
    with StreamScheduler(live, lambda *_: None, every_s=0.01):
        wait_for(lambda: len(live.calls) > 4)
    assert not any(live.calls)


@pytest.mark.parametrize("wrong", [{"every_s": 0.0}, {"every_s": float("inf")}, {"n_threads": 0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(StreamingError, match="choose positive numbers"):
        StreamScheduler(LiveRecognizer(random_recognizer(DNN)), lambda *_: None, **wrong)  # type: ignore[arg-type]
