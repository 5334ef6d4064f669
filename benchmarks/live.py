"""Load test of live streams: how many this machine serves at once, and the delay of predictions.

    python benchmarks/live.py [--trunk lstm] [--streams 200] [--seconds 20] [--push-ms 100]
                              [--every-ms 100] [--threads 1] [--processes 1] [--utterance-s 10]
                              [--provisional] [--model DIR]

Simulated clients push audio in real time, each at its own offset within the interval of pushes. A
delay is the time from when a push is due to the prediction that includes the frames that it
completed. After a while a client ends its utterance, whose final prediction is computed by a
thread of lower priority, and begins another. Cores busy is processor time over wall time, including
clients and final predictions. Several processes share the streams and begin together; each prints
its own results, with the cost of a single stream and the speed of a matrix product for comparison.
Run it on an idle machine: delays on busy cores mean nothing.
"""

from __future__ import annotations

import argparse
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier as Begin
from pathlib import Path

import numpy as np
import torch
from _live import TRUNKS, Floats, drawn, simulated
from rich.console import Console

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.parallel.processes import lower_thread_priority
from voxaffect.recognizer.prediction import Prediction
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.streaming.online import LiveRecognizer, LiveSettings, LiveStream
from voxaffect.streaming.scheduler import StreamScheduler

WARM_UP_S = 3.0

TICK_S = 0.005
"""Interval at which due pushes are made, as by an event loop."""

console = Console(highlight=False)


@dataclass
class Client:
    """A client that sends endless audio, in utterances.

    Args:
        stream: of its current utterance.
        audio: repeated without end.
        at: position of the next sample.
        waiting: pushes without a prediction: their end in the utterance in seconds, and when they
            were due.
    """

    stream: LiveStream
    audio: Floats
    at: int
    waiting: deque[tuple[float, float]] = field(default_factory=deque)


@dataclass
class Record:
    """Measurements, in seconds."""

    delays: list[float] = field(default_factory=list)
    finishes: list[float] = field(default_factory=list)
    late_pushes: list[float] = field(default_factory=list)
    n_predictions: int = 0


class Load:
    """Clients of one recognizer, and their measurements."""

    def __init__(
        self, live: LiveRecognizer, speech: Floats, n_streams: int, utterance_s: float
    ) -> None:
        self._live, self._utterance_s, self.record = live, utterance_s, Record()
        starts = np.random.default_rng(0).integers(0, len(speech), n_streams)
        self.clients = [Client(live.open(), speech, int(start)) for start in starts]
        self._by_number = {client.stream.number: client for client in self.clients}
        self._lock = threading.Lock()
        # Stagger the utterances, as those of clients that did not begin at the same time.
        for n, client in enumerate(self.clients):
            self._push(client, round(n / n_streams * utterance_s * SAMPLE_RATE_HZ), at=None)
        live.predict([client.stream for client in self.clients])

    def on_predictions(
        self, streams: Sequence[LiveStream], predictions: Sequence[Prediction]
    ) -> None:
        """Record the delays that end with these predictions."""
        now = time.monotonic()
        with self._lock:
            self.record.n_predictions += len(predictions)
            for stream, prediction in zip(streams, predictions, strict=True):
                client = self._by_number[stream.number]
                waiting = client.waiting if client.stream is stream else deque()
                while waiting and waiting[0][0] <= prediction.interval_s[1]:
                    self.record.delays.append(now - waiting.popleft()[1])

    def run(self, seconds: float, push_s: float) -> None:
        """Push in real time; end utterances."""
        n, size = len(self.clients), round(push_s * SAMPLE_RATE_HZ)
        began = time.monotonic()
        over: queue.SimpleQueue[tuple[LiveStream, float] | None] = queue.SimpleQueue()
        with ThreadPoolExecutor(1, initializer=lower_thread_priority) as finisher:
            finisher.submit(self._finish, over)
            i, n_pushes = 0, round(seconds / push_s) * n
            while i < n_pushes:
                time.sleep(TICK_S)
                now = time.monotonic()
                while i < n_pushes and (due := began + i * push_s / n) <= now:
                    self._step(self.clients[i % n], size, due, over)
                    i += 1
            over.put(None)

    def _step(
        self,
        client: Client,
        size: int,
        due: float,
        over: queue.SimpleQueue[tuple[LiveStream, float] | None],
    ) -> None:
        if client.stream.pushed_s >= self._utterance_s:
            over.put((client.stream, time.monotonic()))
            self._renew(client)
        self._push(client, size, at=due)
        self.record.late_pushes.append(time.monotonic() - due)

    def _push(self, client: Client, n_samples: int, at: float | None) -> None:
        places = np.arange(client.at, client.at + n_samples) % len(client.audio)
        client.at += n_samples
        with self._lock:
            if at is not None:
                pushed_s = client.stream.pushed_s + n_samples / SAMPLE_RATE_HZ
                client.waiting.append((pushed_s, at))
            client.stream.push(client.audio[places])

    def _renew(self, client: Client) -> None:
        with self._lock:
            client.stream, client.waiting = self._live.open(), deque()
            self._by_number[client.stream.number] = client

    def _finish(self, over: queue.SimpleQueue[tuple[LiveStream, float] | None]) -> None:
        """Finish utterances, in batches of those that have ended meanwhile."""
        while (first := over.get()) is not None:
            together = [first]
            while over.qsize() > 1:  # the last may be None
                another = over.get()
                assert another is not None
                together.append(another)
            self._live.finish([stream for stream, _ in together])
            self.record.finishes += [time.monotonic() - ended for _, ended in together]


def percentiles(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    shares = np.percentile(seconds, (50, 95, 99, 100)) * 1000
    return "median {:.0f} ms, 95 % {:.0f}, 99 % {:.0f}, max {:.0f}".format(*shares)


def one_stream(recognizer: TrainedRecognizer, speech: Floats, *, provisional: bool) -> float:
    """Processor seconds per second of one stream with four predictions a second."""
    stream = LiveRecognizer(recognizer, LiveSettings(provisional=provisional)).open()
    began, size = time.process_time(), SAMPLE_RATE_HZ // 4
    for start in range(0, 10 * SAMPLE_RATE_HZ, size):
        stream.push(speech[start : start + size])
        stream.predict()
    return (time.process_time() - began) / 10


def matrix_rate(size: int = 1024) -> float:
    """Floating-point operations per second of a matrix product on one thread."""
    a, b = torch.randn(2, size, size)
    n, began = 20, time.monotonic()
    for _ in range(n):
        torch.mm(a, b)
    return 2.0 * n * size**3 / (time.monotonic() - began)


def measure(args: argparse.Namespace, n_streams: int, begin: Begin) -> None:
    """Load one process with some streams, and print the results."""
    torch.set_num_threads(1)
    waveforms = [waveform.normalized() for waveform, _ in simulated(0.2)]
    speech = np.concatenate([waveform.samples for waveform in waveforms])
    recognizer = TrainedRecognizer.load(args.model) if args.model else drawn(args.trunk, waveforms)
    rate = matrix_rate()
    single = one_stream(recognizer, speech, provisional=args.provisional)
    live = LiveRecognizer(recognizer, LiveSettings(provisional=args.provisional))
    load = Load(live, speech, n_streams, args.utterance_s)
    every_s, push_s = args.every_ms / 1000, args.push_ms / 1000
    begin.wait()
    with StreamScheduler(live, load.on_predictions, every_s=every_s, n_threads=args.threads):
        load.run(WARM_UP_S, push_s)
        load.record = Record()
        wall, processor = time.monotonic(), time.process_time()
        load.run(args.seconds, push_s)
        wall, processor = time.monotonic() - wall, time.process_time() - processor
    record, n_cores = load.record, len(os.sched_getaffinity(0))
    lines = (
        f"{n_streams} streams, {args.trunk}, provisional: {args.provisional}",
        f"pushes of {args.push_ms:g} ms, a pass every {args.every_ms:g} ms",
        f"delay of a prediction: {percentiles(record.delays)}",
        f"delay of a final prediction: {percentiles(record.finishes)}",
        f"pushes later than due: {percentiles(record.late_pushes)}",
        f"predictions per second and stream: {record.n_predictions / wall / n_streams:.1f}",
        f"cores busy: {processor / wall:.2f} of {n_cores}",
        f"one stream alone: {single:.3f} cores, with 4 predictions a second",
        f"a matrix product, one thread: {rate / 1e9:.0f} GFLOP/s",
    )
    console.print("\n".join(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trunk", choices=TRUNKS, default="lstm")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--push-ms", type=float, default=100.0)
    parser.add_argument("--every-ms", type=float, default=100.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--utterance-s", type=float, default=10.0)
    parser.add_argument("--provisional", action="store_true")
    args = parser.parse_args()
    context = get_context("spawn")
    begin = context.Barrier(args.processes)
    shares = [len(share) for share in np.array_split(np.arange(args.streams), args.processes)]
    loaded = [context.Process(target=measure, args=(args, n, begin)) for n in shares]
    for process in loaded:
        process.start()
    for process in loaded:
        process.join()


if __name__ == "__main__":
    main()
