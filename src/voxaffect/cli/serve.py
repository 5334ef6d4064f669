"""serve: a recognizer over HTTP and WebSocket, and its page."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voxaffect.cli.console import errors, print_line
from voxaffect.errors import ServingError
from voxaffect.parallel.processes import n_cores

if TYPE_CHECKING:
    from voxaffect.serving.settings import Limits, ServingSettings


LIBRARIES = ("fastapi", "multipart", "prometheus_client", "uvicorn", "websockets")
"""What the extra `serve` installs, as it is imported."""

VARIABLE = "VOXAFFECT_TOKEN"
BURST_S = 3
"""Seconds of a client's rate that it may use at once."""


def serve(
    model: Path,
    *,
    host: str,
    port: int,
    token_file: Path | None,
    origins: Sequence[str],
    hosts: Sequence[str],
    behind_proxy: bool,
    n_processes: int,
    n_workers: int,
    limits: Mapping[str, Any],
) -> None:
    """Serve a recognizer until it is told to stop.

    Args:
        model: a trained recognizer's folder.
        host: address to listen at.
        port: of it.
        token_file: holds what clients must show; else the environment may.
        origins: pages elsewhere that may ask.
        hosts: names by which it may be called.
        behind_proxy: whether a proxy tells who the client is.
        n_processes: how many share the address.
        n_workers: threads of each that compute, 0 for all of them together one a core.
        limits: some of `Limits`, by name.

    Raises:
        ServingError: the extra is missing, a setting is impossible, or the address is taken.
        ArtifactError: there is no such recognizer.
    """
    refuse_missing()
    from voxaffect.serving.settings import Limits, ServingSettings

    settings = ServingSettings(
        host=host,
        port=port,
        token=token_of(token_file, os.environ),
        hosts=tuple(name.lower() for name in hosts),
        origins=tuple(origin.rstrip("/") for origin in origins),
        behind_proxy=behind_proxy,
        n_workers=n_workers or max(1, n_cores() // n_processes),
        limits=with_burst(Limits(**limits)),
    )
    tell = partial(_tell, settings)
    if n_processes > 1:
        from voxaffect.serving.workers import serve_together

        serve_together(model, settings, n_processes, tell)
    else:
        _serve_alone(model, settings, tell)


def _serve_alone(model: Path, settings: ServingSettings, tell: Callable[[int], None]) -> None:
    """Serve in this process."""
    from voxaffect.recognizer.recognizer import NetRecognizer
    from voxaffect.serving.server import (
        application,
        listen_at,
    )
    from voxaffect.serving.server import serve as serve_on

    with listen_at(settings) as taken:
        app = application(NetRecognizer.load(model), settings)
        port = int(taken.getsockname()[1])
        serve_on(app, taken, partial(tell, port))


def with_burst(limits: Limits) -> Limits:
    """Limits that let a client use some seconds of its rate at once."""
    return replace(limits, burst=max(1, round(BURST_S * limits.rate_per_s)))


def refuse_missing() -> None:
    """Name the extra where it is not installed.

    Raises:
        ServingError: a library is missing.
    """
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise ServingError(
            f"serving needs {', '.join(missing)}: install it with pip install 'voxaffect[serve]'"
        )


def token_of(file: Path | None, environment: Mapping[str, str]) -> str | None:
    """What clients must show: of the file, else of the environment; None for nothing.

    Raises:
        ServingError: the file cannot be read.
    """
    if file is None:
        return environment.get(VARIABLE) or None
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise ServingError(
            f"{file}: the token cannot be read ({fault}); write it into that file, on one line"
        ) from fault


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _tell(settings: ServingSettings, port: int) -> None:
    """Where it serves, and whom."""
    print_line(f"serving at {_url(settings.host, port)} (Ctrl-C stops)", to=errors)
    if not settings.is_local and settings.token is None:
        print_line(
            "whoever reaches this address can use it, since there is no token: set one with "
            f"--token-file or {VARIABLE}",
            style="yellow",
            to=errors,
        )
