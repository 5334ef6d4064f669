"""What a service counts of itself, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
BATCHES = (1, 2, 4, 8, 16, 32)


class Metrics:
    """Counters of one service; none of them is shared with another in the same process."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
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
        """Tell a level that goes up and down whenever it is asked for."""
        Gauge(f"voxaffect_{name}", words, registry=self._registry).set_function(level)

    def text(self) -> bytes:
        """All of them."""
        return generate_latest(self._registry)
