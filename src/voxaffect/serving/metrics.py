"""Prometheus metrics of the service; several processes add theirs up."""

from __future__ import annotations

import os
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from voxaffect.serving.settings import COUNTS

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
BATCHES = (1, 2, 4, 8, 16, 32)


class Metrics:
    """Metrics of one service, not shared with others in the same process.

    Where the environment variable `COUNTS` names a folder, each process reports the sum of all.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._gauges: list[tuple[Gauge, Callable[[], float]]] = []
        self._requests = Counter(
            "voxaffect_requests", "Requests answered.", ["endpoint", "status"], registry=registry
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
            "Seconds of audio processed.",
            ["endpoint"],
            registry=registry,
        )
        self._batches = Histogram(
            "voxaffect_batch_size",
            "Recordings in one batch of the model.",
            buckets=BATCHES,
            registry=registry,
        )

    def request(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(endpoint, str(status)).inc()
        self._latency.labels(endpoint).observe(seconds)

    def audio(self, endpoint: str, seconds: float) -> None:
        """Count audio."""
        self._audio.labels(endpoint).inc(seconds)

    def batch(self, size: int) -> None:
        """Count a batch."""
        self._batches.observe(size)

    def add_gauge(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Report a value that goes up and down."""
        gauge = Gauge(
            f"voxaffect_{name}", description, registry=self._registry, multiprocess_mode="livesum"
        )
        self._gauges.append((gauge, value))

    def update_gauges(self) -> None:
        """Read the values of all gauges."""
        for gauge, value in self._gauges:
            gauge.set(value())

    def text(self) -> bytes:
        """All metrics; the gauges of other processes as they were last updated."""
        self.update_gauges()
        registry = self._registry
        if COUNTS in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
