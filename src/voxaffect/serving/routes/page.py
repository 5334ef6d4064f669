"""The page: a few files of the package, read once; nothing that a client says becomes a path."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.resources import files

from fastapi import APIRouter, Request
from starlette.responses import Response

from voxaffect.report.colours import LABEL_COLOURS

MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
FILES = (
    "index.html",
    "page.css",
    "page.js",
    "drawing.js",
    "recording.js",
    "service.js",
    "microphone.js",
    "icon.svg",
)


@dataclass(frozen=True)
class Asset:
    """One file of the page."""

    content: bytes
    media_type: str

    @property
    def tag(self) -> str:
        """Changes with the content."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'

    def response(self, request: Request) -> Response:
        """The file, or that it is as it was."""
        headers = {"ETag": self.tag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == self.tag:
            return Response(status_code=304, headers=headers)
        return Response(self.content, headers=headers, media_type=self.media_type)


def page_router() -> APIRouter:
    """Routes to all files of the page."""
    router = APIRouter(include_in_schema=False)
    for name, asset in assets().items():
        path = "/" if name == "index.html" else f"/page/{name}"
        router.add_api_route(path, _giving(asset), methods=["GET", "HEAD"])
    return router


def assets() -> dict[str, Asset]:
    """All files of the page by name."""
    folder = files("voxaffect.serving") / "page"
    read = {name: (folder / name).read_bytes() for name in FILES}
    found = {**read, "colours.css": colours().encode()}
    return {name: Asset(raw, MEDIA_TYPES[name.split(".")[-1]]) for name, raw in found.items()}


def colours() -> str:
    """The classes' colours as the reports draw them, as variables of CSS."""
    variables = (f" --{label}: {colour};" for label, colour in LABEL_COLOURS.items())
    return ":root {" + "".join(variables) + " }\n"


def _giving(asset: Asset) -> Callable[[Request], Awaitable[Response]]:
    async def give(request: Request) -> Response:
        return asset.response(request)

    return give
