"""A service on a port of its own, in a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import uvicorn

from tests.processes import wait_for
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.serving.application import application
from voxaffect.serving.server import config_of, listen_at
from voxaffect.serving.settings import ServingSettings


@contextmanager
def running(recognizer: TrainedRecognizer, settings: ServingSettings) -> Iterator[str]:
    """Its address, once it is ready."""
    server = uvicorn.Server(config_of(application(recognizer, settings), settings))
    with listen_at(settings) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        thread = threading.Thread(target=server.run, args=([taken],), daemon=True)
        thread.start()
        try:
            wait_for(lambda: server.started)
            await_ready(url)
            yield url
        finally:
            server.should_exit = True
            thread.join(30)


def await_ready(url: str) -> None:
    wait_for(lambda: httpx2.get(f"{url}/readyz", timeout=60).status_code == 200)
