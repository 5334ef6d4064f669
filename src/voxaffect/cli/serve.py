"""serve: a recognizer over HTTP and WebSocket, and its page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voxaffect.cli.app import PACKAGED, RECOGNIZER, Trained, app, command, tell_recognizer
from voxaffect.cli.console import errors, print_line
from voxaffect.errors import ServingError

if TYPE_CHECKING:
    from voxaffect.serving.settings import ServingSettings


VARIABLE = "VOXAFFECT_TOKEN"


@command(app, "serve", RECOGNIZER)
def serve(
    model: Trained = PACKAGED,
    host: Annotated[
        str, typer.Option(help="Address to listen on; by default only this machine can connect.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0: any free one.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            help="File with the token that clients must send; or set VOXAFFECT_TOKEN.",
        ),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-origin", help="Allow requests of pages of this origin (CORS); may be repeated."
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", help="Allow this host name, too; may be repeated."),
    ] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="Trust X-Forwarded-For from a local proxy.")
    ] = False,
    max_megabytes: Annotated[float, typer.Option(help="Largest request, in MB.")] = 64.0,
    max_minutes: Annotated[float, typer.Option(help="Longest recording and live stream.")] = 60.0,
    max_requests: Annotated[int, typer.Option(help="Concurrent requests.")] = 64,
    max_streams: Annotated[int, typer.Option(help="Concurrent live streams.")] = 256,
    rate: Annotated[float, typer.Option(help="Rate limit: requests per second and client.")] = 20.0,
    processes: Annotated[
        int, typer.Option(min=1, help="Number of processes that share the port.")
    ] = 1,
    workers: Annotated[
        int, typer.Option(min=0, help="Computing threads per process; 0: one per core in total.")
    ] = 0,
) -> None:
    """Serve a recognizer over HTTP and WebSocket, with a page to try it in the browser.

    Needs the extra serve: pip install 'voxaffect[serve]'

        voxaffect serve

        curl -s --data-binary @clip.wav http://localhost:8000/v1/predict

    Then open http://localhost:8000 to drop a file or to record. Nothing that is sent is stored.
    Ctrl-C or SIGTERM stops it: requests in progress are answered, new ones are refused.

    Other machines can connect only with --host; then set a token, and put a proxy with TLS in front
    of it (docs/serving.md).
    """
    from voxaffect.parallel.processes import n_cores

    refuse_missing()
    from voxaffect.serving.settings import Limits, ServingSettings

    limits = Limits(
        max_bytes=round(max_megabytes * 1024**2),
        recording_s=max_minutes * 60,
        live_s=max_minutes * 60,
        requests=max_requests,
        live_streams=max_streams,
        rate_per_s=rate,
    )
    settings = ServingSettings(
        host=host,
        port=port,
        token=token_of(token_file, os.environ),
        hosts=tuple(allow_host or ()),
        origins=tuple(origin.rstrip("/") for origin in allow_origin or []),
        behind_proxy=behind_proxy,
        n_workers=workers or max(1, n_cores() // processes),
        limits=replace(limits, burst=max(1, round(3 * limits.rate_per_s))),
    )
    from voxaffect.serving import server

    tell_recognizer(model)
    server.serve(model, settings, processes, partial(_announce, settings))


def refuse_missing() -> None:
    """Raise `ServingError` unless the libraries of the extra `serve` are installed."""
    libraries = "fastapi", "multipart", "prometheus_client", "throttled", "uvicorn", "websockets"
    if missing := ", ".join(name for name in libraries if find_spec(name) is None):
        raise ServingError(f"serving needs {missing}; run pip install 'voxaffect[serve]'")


def token_of(file: Path | None, environment: Mapping[str, str]) -> str | None:
    """Read the token from the file, else from the environment; None if there is none."""
    if file is None:
        return environment.get(VARIABLE) or None
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        message = f"{file}: cannot read the token ({fault}); put it into that file, on one line"
        raise ServingError(message) from fault


def _announce(settings: ServingSettings, port: int) -> None:
    """Print the address, and a warning where anyone can use it."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    print_line(f"serving at http://{host}:{port} (Ctrl-C stops)", to=errors())
    if not settings.is_local and settings.token is None:
        print_line(
            "warning: no token set; anyone who can connect can use it "
            f"(set one with --token-file or {VARIABLE})",
            style="yellow",
            to=errors(),
        )
