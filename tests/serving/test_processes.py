"""The service in processes of its own: stopped and killed while it works."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import numpy as np
import pytest

from tests.processes import wait_for
from tests.serving.running import await_ready
from tests.serving.speech import clip, wav
from voxaffect.recognizer.recognizer import TrainedRecognizer

LONG = wav(np.resize(clip(41).samples, 250 * 16_000))


@pytest.fixture(scope="module")
def model(recognizer: TrainedRecognizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    recognizer.save(folder)
    return folder


@contextmanager
def program(
    model: Path, folder: Path, *options: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`voxaffect serve` on any port, and its address; its temporary files lie in the folder."""
    command = [sys.executable, "-m", "voxaffect", "serve", "-m", str(model), "--port", "0"]
    process = subprocess.Popen(
        [*command, *options],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("serving at http://127.0.0.1:"), line
        url = line.split()[2]
        await_ready(url)
        yield process, url
    finally:
        process.kill()
        process.communicate()


def post(url: str, body: bytes = LONG) -> int:
    return httpx2.post(f"{url}/v1/predict", content=body, timeout=180).status_code


def inside(url: str) -> int:
    (level,) = measured(url, "voxaffect_requests_inside ")
    return round(level)


def measured(url: str, name: str) -> list[float]:
    """Metrics of the service whose names begin so."""
    lines = httpx2.get(f"{url}/metrics", timeout=60).text.splitlines()
    return [float(line.split()[-1]) for line in lines if line.startswith(name)]


def test_sigterm_completes_accepted_work_and_kill_leaves_nothing(
    model: Path, tmp_path: Path
) -> None:
    with program(model, tmp_path) as (process, url), ThreadPoolExecutor(2) as pool:
        taken = pool.submit(post, url)
        while not inside(url) and not taken.done():
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        assert taken.result() == 200
        assert process.wait(120) == -signal.SIGTERM
    with program(model, tmp_path) as (process, url), ThreadPoolExecutor(4) as pool:
        taken_by_many = [pool.submit(post, url) for _ in range(4)]
        while not inside(url):
            time.sleep(0.005)
        process.kill()
        faults = [one.exception() for one in taken_by_many]  # none where an answer came before
        assert any(isinstance(fault, httpx2.TransportError) for fault in faults)
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_named(model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "voxaffect", "serve", "-m", str(model), "--port", port]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert f"port {port} is already in use; choose another with --port" in ended.stderr


def children(process: subprocess.Popen[str]) -> list[int]:
    """Processes that serve, without the one that multiprocessing itself starts."""
    found = []
    for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        found += [int(pid)] if b"spawn_main" in command else []
    return found


linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux distributes connections")


@linux
def test_processes_share_the_work_and_count_together(model: Path, tmp_path: Path) -> None:
    body, n = wav(clip(41).samples), 12
    with program(model, tmp_path, "--processes", "2") as (process, url):
        first = children(process)
        assert len(first) == 2
        assert [post(url, body) for _ in range(n)] == [200] * n
        answered = 'voxaffect_requests_total{endpoint="/v1/predict",status="200"}'
        assert measured(url, answered) == [n]  # from any process
        assert measured(url, answered) == [n]

        os.kill(first[0], signal.SIGKILL)
        wait_for(lambda: len(children(process)) == 2 and first[0] not in children(process))
        assert [post(url, body) for _ in range(n)] == [200] * n

        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == -signal.SIGTERM
        assert process.stderr is not None
        assert "starting another" in process.stderr.read()
    assert list(tmp_path.iterdir()) == []


@linux
def test_processes_end_with_the_one_that_started_them(model: Path, tmp_path: Path) -> None:
    with program(model, tmp_path, "--processes", "2") as (process, _):
        left = children(process)
        process.kill()
        process.wait()
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left))


@linux
def test_processes_that_cannot_start_report_why(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "voxaffect", "serve", "-m", str(tmp_path / "none")]
    ended = subprocess.run(
        [*command, "--port", "0", "--processes", "2"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert str(tmp_path / "none") in ended.stderr
    assert "Traceback" not in ended.stderr
