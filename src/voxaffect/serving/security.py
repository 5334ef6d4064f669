"""Who may ask at all: the names a service answers to, pages elsewhere, tokens, rates; and headers.

A page in a browser can send requests to this machine, which no firewall sees. So a service that
listens to this machine only answers to this machine's names only (else a name that was rebound to
it would do), and a request that a page of another origin makes is refused unless that is allowed.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voxaffect.serving.schemas import ServiceError
from voxaffect.serving.service import Service
from voxaffect.serving.settings import ServingSettings, is_loopback

logger = logging.getLogger(__name__)

FAULT = ServiceError(
    500, "fault", "the service has a fault; tell whoever runs it to look into its log"
)
API = "/v1/"
LIVE = "/v1/live"
GUARDED = (API, "/metrics")
"""Paths for which a token must be shown; of `LIVE` it may also come in the hello."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "media-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class SecurityMiddleware:
    """Stands before the application.

    Args:
        app: the application.
        service: what it serves.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or tell why not."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        watched = _Watched(send, _allowed_origin(headers, self._service.settings))
        try:
            self._check(scope, headers)
            await self._app(scope, receive, watched)
        except ServiceError as refusal:
            await refusal.response()(scope, receive, watched)
        except Exception:
            logger.exception("a request failed")
            if not watched.status:
                await FAULT.response()(scope, receive, watched)
        finally:
            if watched.status:
                seconds = time.monotonic() - watched.began
                self._service.metrics.request(endpoint(scope), watched.status, seconds)

    def _check(self, scope: Scope, headers: Headers) -> None:
        settings, path = self._service.settings, str(scope["path"])
        check_host(headers, settings)
        check_origin(headers, settings)
        if path.startswith(GUARDED) and scope.get("method") != "OPTIONS":
            shown = headers.get("authorization")
            if shown is not None or path != LIVE:
                check_token((shown or "").removeprefix("Bearer "), settings)
        if path.startswith(API):
            self._service.rates.take(scope["client"][0] if scope.get("client") else "")


class _Watched:
    """Sends, adds headers, and remembers the status."""

    def __init__(self, send: Send, origin: str | None) -> None:
        self._send, self._origin = send, origin
        self.began, self.status = time.monotonic(), 0

    async def __call__(self, message: Message) -> None:
        if message["type"] in {"http.response.start", "websocket.http.response.start"}:
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
            if self._origin is not None:
                headers["Access-Control-Allow-Origin"] = self._origin
                headers["Cross-Origin-Resource-Policy"] = "cross-origin"
                headers.add_vary_header("Origin")
        elif message["type"] == "websocket.accept":
            self.status = 101
        await self._send(message)


def check_host(headers: Headers, settings: ServingSettings) -> None:
    """Refuse a name that is not this machine's, where only this machine is listened to.

    Raises:
        Refusal: it is not.
    """
    name = _host_name(headers.get("host", ""))
    if settings.is_local and not (is_loopback(name) or name in settings.hosts):
        raise ServiceError(
            421,
            "wrong_host",
            "this service answers to the names of its own machine only; "
            "ask http://localhost, or start it with --allow-host",
        )


def check_origin(headers: Headers, settings: ServingSettings) -> None:
    """Refuse pages of other origins.

    Raises:
        Refusal: it is one.
    """
    origin = headers.get("origin")
    if origin is None or origin in settings.origins:
        return
    if urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
        raise ServiceError(
            403,
            "wrong_origin",
            "a page of another origin may not ask this service; start it with --allow-origin",
        )


def check_token(shown: str, settings: ServingSettings) -> None:
    """Refuse whoever does not show the token, where there is one.

    Raises:
        Refusal: it was not shown.
    """
    if settings.token is None or hmac.compare_digest(shown.encode(), settings.token.encode()):
        return
    raise ServiceError(
        401,
        "no_token",
        "the token is missing or wrong; send it as Authorization: Bearer TOKEN",
        {"WWW-Authenticate": "Bearer"},
    )


def endpoint(scope: Scope) -> str:
    """The path of the route that a request has taken; of all that have none, the same."""
    return str(getattr(scope.get("route"), "path", "other"))


def _allowed_origin(headers: Headers, settings: ServingSettings) -> str | None:
    origin = headers.get("origin")
    return origin if origin in settings.origins else None


def _host_name(host: str) -> str:
    """A Host header without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
