"""Prometheus metrics of the service; several processes add theirs up (multiprocess mode)."""

from __future__ import annotations

import os
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

COUNTS = "PROMETHEUS_MULTIPROC_DIR"  # variable: the folder where processes add up their metrics
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)


class Metrics:
    """Metrics of one service, not shared with others in the same process."""

    def __init__(self) -> None:
        self._registry = own = CollectorRegistry()
        self.requests = Counter(
            "voxaffect_requests", "Requests answered.", ["endpoint", "status"], registry=own
        )
        self.latency = Histogram(
            "voxaffect_request_seconds",
            "Time from a request's head to the end of its response.",
            ["endpoint"],
            buckets=SECONDS,
            registry=own,
        )
        self.audio_s = Counter(
            "voxaffect_audio_seconds", "Seconds of audio processed.", ["endpoint"], registry=own
        )
        self.batches = Histogram(
            "voxaffect_batch_size",
            "Recordings in one batch of the model.",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=own,
        )
        gauge = partial(Gauge, registry=own, multiprocess_mode="livesum")
        self.requests_inside = gauge("voxaffect_requests_inside", "Predictions in progress.")
        self.live_streams = gauge("voxaffect_live_streams", "Open live streams.")
        self.queue = gauge("voxaffect_queue", "Recordings that wait for a batch.")

    def text(self) -> bytes:
        """All metrics: of all processes, where `COUNTS` names a folder."""
        registry = self._registry
        if COUNTS in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
