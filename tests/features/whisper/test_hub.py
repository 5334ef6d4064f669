"""Downloads from a fake of the hub on this machine."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.features.whisper.models import random_state, save_model_bin
from voxaffect.errors import FeatureError
from voxaffect.features.whisper import WhisperFrames
from voxaffect.features.whisper import hub as hub_module
from voxaffect.features.whisper.hub import REVISIONS, cached, download
from voxaffect.features.whisper.shapes import SHAPES
from voxaffect.features.whisper.sources import find_weights, open_weights
from voxaffect.features.whisper.weights import weights_digest

pytest.importorskip("huggingface_hub")


@dataclass
class Hub:
    """A server that has one file a path; notes which files it was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    cut_at: int | None = None  # connections break after so many bytes
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def offer(self, size: str, content: bytes) -> None:
        revision = REVISIONS[size]  # type: ignore[index]
        self.files[f"/Systran/faster-whisper-{size}/resolve/{revision}/model.bin"] = content


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A fake hub, which the library takes for the true one, and its cache for an empty one."""
    offered = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, *, with_body: bool) -> None:
            if "/resolve/" in self.path:
                offered.asked.append(f"{self.command} {self.path}")
            content = offered.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            first = int(self.headers.get("Range", "bytes=0-")[6:].partition("-")[0])
            self.send_response(206 if first else 200)
            self.send_header("Content-Length", str(len(content) - first))
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", self.path.split("/")[4])
            if first:
                end = len(content)
                self.send_header("Content-Range", f"bytes {first}-{end - 1}/{end}")
            self.end_headers()
            if with_body:
                self.wfile.write(content[first : offered.cut_at])

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    offered.url = f"http://127.0.0.1:{server.server_port}"
    point_to(offered.url, tmp_path, monkeypatch)
    Thread(target=server.serve_forever, daemon=True).start()
    yield offered
    server.shutdown()
    server.server_close()


def point_to(url: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))


def blobs(home: Path) -> list[Path]:
    """Files in the cache that are complete."""
    return [p for p in home.glob("hub/models--*/blobs/*") if p.suffix != ".incomplete"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("tiny") / "model.bin"
    return save_model_bin(path, random_state(0, SHAPES["tiny"])).read_bytes()


def test_a_model_is_downloaded_once_checked_and_found(
    hub: Hub, tiny: bytes, tmp_path: Path
) -> None:
    hub.offer("tiny", tiny)
    path, digest = download("tiny")
    assert path.read_bytes() == tiny
    assert REVISIONS["tiny"] in path.parts
    assert digest == weights_digest(open_weights(path), "tiny", 4)
    n_asked = len(hub.asked)
    assert download("tiny") == (path, digest)
    assert len(hub.asked) == n_asked
    assert cached("tiny") == path.parent
    assert WhisperFrames("tiny", 4).settings()["weights"] == digest
    assert len(hub.asked) == n_asked


def test_the_command_prints_where_the_model_is_and_its_digest(
    hub: Hub, tiny: bytes, tmp_path: Path
) -> None:
    hub.offer("tiny", tiny)
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "voxaffect", "-q", "download", "whisper-tiny"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    path, size, digest = ran.stdout.replace(": ", ", ").split(", ")
    assert Path(path).read_bytes() == tiny
    assert size == "16 MB"
    assert digest == f"digest {weights_digest(open_weights(Path(path)), 'tiny', 4)}\n"
    assert ran.stderr == ""


def test_a_damaged_file_of_the_cache_is_fetched_again(hub: Hub, tiny: bytes) -> None:
    hub.offer("tiny", tiny)
    path, digest = download("tiny")
    path.resolve().write_bytes(tiny[:-100_000])
    assert download("tiny") == (path, digest)
    assert path.read_bytes() == tiny


def test_what_is_not_the_model_is_refused_and_not_kept(hub: Hub, tmp_path: Path) -> None:
    other = save_model_bin(tmp_path / "other", random_state(7, SHAPES["base"])).read_bytes()
    hub.offer("base", other)
    with pytest.raises(FeatureError, match="is damaged, or not Whisper base as OpenAI published"):
        download("base")
    assert not blobs(tmp_path)
    assert cached("base") is None


def test_a_broken_connection_leaves_no_file(hub: Hub, tiny: bytes, tmp_path: Path) -> None:
    hub.offer("tiny", tiny)
    hub.cut_at = 3_000_000
    with pytest.raises(FeatureError, match=r"Systran/faster-whisper-tiny cannot be downloaded \("):
        download("tiny")
    assert not blobs(tmp_path)
    assert cached("tiny") is None
    hub.cut_at = None
    assert download("tiny")[0].read_bytes() == tiny


def test_without_a_network_one_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    point_to("http://127.0.0.1:9", tmp_path, monkeypatch)
    with pytest.raises(FeatureError) as fault:
        download("tiny")
    sentence = str(fault.value)
    assert sentence.startswith("Systran/faster-whisper-tiny cannot be downloaded (")
    assert sentence.endswith("name it as the source")
    assert "\n" not in sentence
    assert capfd.readouterr() == ("", "")


def test_a_model_that_the_hub_lacks_is_refused_at_once(hub: Hub) -> None:
    with pytest.raises(FeatureError, match=r"cannot be downloaded \("):
        download("tiny")
    assert len(hub.asked) == 1


def test_looking_for_weights_uses_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*words: object) -> None:
        raise AssertionError("the network was used")

    point_to("http://127.0.0.1:9", tmp_path, monkeypatch)
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(FeatureError, match="not installed"):
        find_weights("small")


def test_without_the_library_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("huggingface_hub", "huggingface_hub.utils"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(FeatureError, match=r"pip install 'voxaffect\[hub\]'"):
        download("tiny")
    monkeypatch.setattr(hub_module, "DEFAULT_CACHE", tmp_path)
    assert cached("tiny") is None
    save_model_bin(
        tmp_path / "models--openai--whisper-tiny" / "snapshots" / "abc" / "model.bin",
        random_state(),
    )
    assert cached("tiny") is not None
