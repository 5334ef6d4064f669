from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from starlette.testclient import TestClient

from tests.processes import wait_for
from tests.serving.speech import trained
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.serving.application import application
from voxaffect.serving.settings import Limits, ServingSettings

Open = Callable[..., TestClient]


@pytest.fixture(scope="session")
def recognizer() -> TrainedRecognizer:
    return trained()


@pytest.fixture
def serve(recognizer: TrainedRecognizer) -> Iterator[Open]:
    """Opens services with settings and limits of their own; each is ready."""
    with ExitStack() as stack:

        def opened(limits: Limits | None = None, **settings: object) -> TestClient:
            made = ServingSettings(limits=limits or Limits(burst=10_000), **settings)  # type: ignore[arg-type]
            app = application(recognizer, made)
            client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
            return stack.enter_context(ready(client))

        yield opened


@contextmanager
def ready(client: TestClient) -> Iterator[TestClient]:
    """A service that is running and warm."""
    with client:
        wait_for(lambda: client.get("/readyz").status_code == 200)
        yield client


@pytest.fixture(scope="module")
def client(recognizer: TrainedRecognizer) -> Iterator[TestClient]:
    """One service for tests that do not change it."""
    app = application(recognizer, ServingSettings(limits=Limits(burst=10_000)))
    with ready(TestClient(app, base_url="http://localhost")) as opened:
        yield opened
