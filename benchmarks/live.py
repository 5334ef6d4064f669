"""How many live streams this machine hears at once, and how late their answers are.

    python benchmarks/live.py [--trunk lstm] [--streams 200] [--seconds 20] [--push-ms 100]
                              [--every-ms 100] [--threads 1] [--processes 1] [--utterance-s 10]
                              [--provisional] [--model DIR]

Simulated clients push sound at the pace of real time, each at a time of its own within the interval
of pushes. A delay is the time from when a push is due to the answer that includes the frames that
it completed. After a while a client ends its utterance, which is answered as a file by a thread
that steps back, and begins another. The share of the cores is processor time over wall time,
clients included, and what ends utterances. Several processes share the streams and begin together;
each tells its own. The cost of a single stream and the rate of a matrix product stand beside it.
Run it with nothing else: delays on busy cores say nothing.
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
from voxaffect.recognizer.recognizer import NetRecognizer
from voxaffect.streaming.online import LiveAnswer, LiveRecognizer, LiveSettings, LiveStream
from voxaffect.streaming.scheduler import StreamScheduler

WARM_UP_S = 3.0

TICK_S = 0.005
"""What is due by now is pushed so often, as an event loop does with what has come."""

console = Console(highlight=False)


@dataclass
class Client:
    """One that speaks without end, in utterances.

    Args:
        stream: of its utterance.
        sound: which it repeats.
        at: sample that it says next.
        waiting: pushes without an answer: seconds of the utterance they end at, and when they were.
    """

    stream: LiveStream
    sound: Floats
    at: int
    waiting: deque[tuple[float, float]] = field(default_factory=deque)


@dataclass
class Record:
    """What was measured: seconds."""

    delays: list[float] = field(default_factory=list)
    finishes: list[float] = field(default_factory=list)
    late_pushes: list[float] = field(default_factory=list)
    n_answers: int = 0


class Load:
    """Clients of one recognizer, and what they see."""

    def __init__(
        self, live: LiveRecognizer, speech: Floats, n_streams: int, utterance_s: float
    ) -> None:
        self._live, self._utterance_s, self.record = live, utterance_s, Record()
        starts = np.random.default_rng(0).integers(0, len(speech), n_streams)
        self.clients = [Client(live.open(), speech, int(start)) for start in starts]
        self._by_number = {client.stream.number: client for client in self.clients}
        self._guard = threading.Lock()
        # As far into their utterances as clients are that did not all begin at once.
        for n, client in enumerate(self.clients):
            self._say(client, round(n / n_streams * utterance_s * SAMPLE_RATE_HZ), at=None)
        live.answers([client.stream for client in self.clients])

    def tell(self, streams: Sequence[LiveStream], answers: Sequence[LiveAnswer]) -> None:
        """Note the delays that end with these answers."""
        now = time.monotonic()
        with self._guard:
            self.record.n_answers += len(answers)
            for stream, answer in zip(streams, answers, strict=True):
                client = self._by_number[stream.number]
                waiting = client.waiting if client.stream is stream else deque()
                while waiting and waiting[0][0] <= answer.pushed_s:
                    self.record.delays.append(now - waiting.popleft()[1])

    def speak(self, seconds: float, push_s: float) -> None:
        """Push at the pace of real time; end utterances."""
        n, size = len(self.clients), round(push_s * SAMPLE_RATE_HZ)
        began = time.monotonic()
        over: queue.SimpleQueue[tuple[LiveStream, float] | None] = queue.SimpleQueue()
        with ThreadPoolExecutor(1, initializer=lower_thread_priority) as finisher:
            finisher.submit(self._finish, over)
            turn, n_turns = 0, round(seconds / push_s) * n
            while turn < n_turns:
                time.sleep(TICK_S)
                now = time.monotonic()
                while turn < n_turns and (due := began + turn * push_s / n) <= now:
                    self._turn(self.clients[turn % n], size, due, over)
                    turn += 1
            over.put(None)

    def _turn(
        self,
        client: Client,
        size: int,
        due: float,
        over: queue.SimpleQueue[tuple[LiveStream, float] | None],
    ) -> None:
        if client.stream.pushed_s >= self._utterance_s:
            over.put((client.stream, time.monotonic()))
            self._renew(client)
        self._say(client, size, at=due)
        self.record.late_pushes.append(time.monotonic() - due)

    def _say(self, client: Client, n_samples: int, at: float | None) -> None:
        places = np.arange(client.at, client.at + n_samples) % len(client.sound)
        client.at += n_samples
        with self._guard:
            if at is not None:
                pushed_s = client.stream.pushed_s + n_samples / SAMPLE_RATE_HZ
                client.waiting.append((pushed_s, at))
            client.stream.push(client.sound[places])

    def _renew(self, client: Client) -> None:
        with self._guard:
            client.stream, client.waiting = self._live.open(), deque()
            self._by_number[client.stream.number] = client

    def _finish(self, over: queue.SimpleQueue[tuple[LiveStream, float] | None]) -> None:
        """Finish utterances, as many together as have ended since the last ones were."""
        while (first := over.get()) is not None:
            together = [first]
            while over.qsize() > 1:  # the last may say that there are no more
                another = over.get()
                assert another is not None
                together.append(another)
            self._live.finish([stream for stream, _ in together])
            self.record.finishes += [time.monotonic() - asked for _, asked in together]


def percentiles(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    shares = np.percentile(seconds, (50, 95, 99, 100)) * 1000
    return "median {:.0f} ms, 95 % {:.0f}, 99 % {:.0f}, greatest {:.0f}".format(*shares)


def one_stream(recognizer: NetRecognizer, speech: Floats, *, provisional: bool) -> float:
    """Processor seconds of a second of one stream, an answer every quarter of it."""
    stream = LiveRecognizer(recognizer, LiveSettings(provisional=provisional)).open()
    began, size = time.process_time(), SAMPLE_RATE_HZ // 4
    for start in range(0, 10 * SAMPLE_RATE_HZ, size):
        stream.push(speech[start : start + size])
        stream.answer()
    return (time.process_time() - began) / 10


def matrix_rate(size: int = 1024) -> float:
    """Floating-point operations of a matrix product on one thread, in a second of wall time."""
    a, b = torch.randn(2, size, size)
    n, began = 20, time.monotonic()
    for _ in range(n):
        torch.mm(a, b)
    return 2.0 * n * size**3 / (time.monotonic() - began)


def measure(asked: argparse.Namespace, n_streams: int, begin: Begin) -> None:
    """Load one process with some streams, and tell."""
    torch.set_num_threads(1)
    waveforms = [waveform.normalized() for waveform, _ in simulated(0.2)]
    speech = np.concatenate([waveform.samples for waveform in waveforms])
    recognizer = NetRecognizer.load(asked.model) if asked.model else drawn(asked.trunk, waveforms)
    rate = matrix_rate()
    single = one_stream(recognizer, speech, provisional=asked.provisional)
    live = LiveRecognizer(recognizer, LiveSettings(provisional=asked.provisional))
    load = Load(live, speech, n_streams, asked.utterance_s)
    every_s, push_s = asked.every_ms / 1000, asked.push_ms / 1000
    begin.wait()
    with StreamScheduler(live, load.tell, every_s=every_s, n_threads=asked.threads):
        load.speak(WARM_UP_S, push_s)
        load.record = Record()
        wall, processor = time.monotonic(), time.process_time()
        load.speak(asked.seconds, push_s)
        wall, processor = time.monotonic() - wall, time.process_time() - processor
    record, n_cores = load.record, len(os.sched_getaffinity(0))
    lines = (
        f"{n_streams} streams, {asked.trunk}, provisional: {asked.provisional}",
        f"pushes of {asked.push_ms:g} ms, a pass every {asked.every_ms:g} ms",
        f"delay of an answer: {percentiles(record.delays)}",
        f"delay of the last answer: {percentiles(record.finishes)}",
        f"pushes later than due: {percentiles(record.late_pushes)}",
        f"answers a second and stream: {record.n_answers / wall / n_streams:.1f}",
        f"cores busy: {processor / wall:.2f} of {n_cores}",
        f"one stream alone: {single:.3f} cores, with 4 answers a second",
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
    asked = parser.parse_args()
    context = get_context("spawn")
    begin = context.Barrier(asked.processes)
    shares = [len(share) for share in np.array_split(np.arange(asked.streams), asked.processes)]
    loaded = [context.Process(target=measure, args=(asked, n, begin)) for n in shares]
    for process in loaded:
        process.start()
    for process in loaded:
        process.join()


if __name__ == "__main__":
    main()
