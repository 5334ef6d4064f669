"""What a service counts of itself, as Prometheus reads it; several processes add theirs up."""

from __future__ import annotations

import os
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from voxaffect.serving.settings import COUNTS

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
BATCHES = (1, 2, 4, 8, 16, 32)


class Metrics:
    """Counters of one service; none of them is shared with another in the same process.

    Where the environment names a folder for processes to add them up (`COUNTS`), any of these
    tells of all.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._levels: list[tuple[Gauge, Callable[[], float]]] = []
        self._requests = Counter(
            "voxaffect_requests",
            "Requests that were answered.",
            ["endpoint", "status"],
            registry=registry,
        )
        self._latency = Histogram(
            "voxaffect_request_seconds",
            "Time from a request's head to the end of its response.",
            ["endpoint"],
            buckets=SECONDS,
            registry=registry,
        )
        self._audio = Counter(
            "voxaffect_audio_seconds",
            "Seconds of sound that were answered for.",
            ["endpoint"],
            registry=registry,
        )
        self._batches = Histogram(
            "voxaffect_batch_size",
            "Recordings that went through the model together.",
            buckets=BATCHES,
            registry=registry,
        )

    def request(self, endpoint: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(endpoint, str(status)).inc()
        self._latency.labels(endpoint).observe(seconds)

    def audio(self, endpoint: str, seconds: float) -> None:
        """Sound was answered for."""
        self._audio.labels(endpoint).inc(seconds)

    def batch(self, size: int) -> None:
        """Recordings go through the model."""
        self._batches.observe(size)

    def watch(self, name: str, words: str, level: Callable[[], float]) -> None:
        """Tell a level that goes up and down."""
        gauge = Gauge(
            f"voxaffect_{name}", words, registry=self._registry, multiprocess_mode="livesum"
        )
        self._levels.append((gauge, level))

    def note_levels(self) -> None:
        """See where they stand."""
        for gauge, level in self._levels:
            gauge.set(level())

    def text(self) -> bytes:
        """All of them, as they stand now; other processes' levels as they last noted them."""
        self.note_levels()
        if COUNTS not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
