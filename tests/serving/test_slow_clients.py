"""Clients that are slow, disconnect or send garbage, on real sockets."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.processes import wait_for
from tests.serving.running import running
from tests.serving.speech import clip, wav
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.serving import server
from voxaffect.serving.settings import Limits, ServingSettings

HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture(scope="module")
def url(recognizer: TrainedRecognizer) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "HEAD_S", 1.0)
        limits = Limits(idle_s=1.0, upload_s=2.0, burst=1000)
        with running(recognizer, ServingSettings(port=0, limits=limits)) as address:
            yield address


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=60)


def all_of(connection: socket.socket) -> bytes:
    received = b""
    while data := connection.recv(65_536):
        received += data
    return received


def test_a_body_that_stalls_times_out(url: str) -> None:
    with connect(url) as connection:
        connection.sendall(HEAD % 1000 + b"some")
        response = all_of(connection)
    assert b" 408 " in response.splitlines()[0]
    assert b"upload_too_slow" in response


def test_a_slow_body_times_out(url: str) -> None:
    with connect(url) as connection:
        connection.sendall(HEAD % 1000)
        connection.settimeout(0.2)
        response = b""
        until = time.monotonic() + 60
        while not response and time.monotonic() < until:
            connection.sendall(b"x")
            try:
                response = connection.recv(65_536)
            except TimeoutError:
                continue
    assert b" 408 " in response.splitlines()[0]


def test_a_missing_head_times_out(url: str) -> None:
    with connect(url) as connection:
        assert all_of(connection) == b""
    with connect(url) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        assert all_of(connection) == b""


def flood(line: socket.socket, seconds: float) -> None:
    """Send chunks; how many the service reads before it hangs up depends on the machine."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        line.sendall(b"4000\r\n" + bytes(0x4000) + b"\r\n")
        time.sleep(0.001)


def test_an_endless_body_is_stopped_at_the_limit(recognizer: TrainedRecognizer) -> None:
    limits = Limits(max_bytes=100_000, upload_s=3600)
    with running(recognizer, ServingSettings(port=0, limits=limits)) as url, connect(url) as line:
        line.sendall(HEAD.replace(b"Content-Length: %d", b"Transfer-Encoding: chunked"))
        with pytest.raises(ConnectionError):  # the service has hung up
            flood(line, 60)


def test_a_client_that_disconnects_frees_its_slot(url: str) -> None:
    for _ in range(5):
        with connect(url) as connection:
            connection.sendall(HEAD % 1000 + b"some")
    wait_for(
        lambda: "voxaffect_requests_inside 0.0" in httpx2.get(f"{url}/metrics", timeout=60).text
    )
    body = wav(clip(41).samples)
    assert httpx2.post(f"{url}/v1/predict", content=body, timeout=60).status_code == 200


def test_other_protocols_are_refused(url: str) -> None:
    with connect(url) as connection:
        connection.sendall(b"\x16\x03\x01 what a day\r\n\r\n")
        assert all_of(connection).startswith(b"HTTP/1.1 400")
