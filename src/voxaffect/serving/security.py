"""Security middleware: Host header, cross-origin requests, bearer token, rate limit, headers.

A web page in a browser can send requests to this machine, behind any firewall. So a service on
loopback accepts only local Host headers, which defeats DNS rebinding, and a cross-origin request is
refused unless its origin is allowed.
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

FAULT = ServiceError(500, "fault", "internal error; ask the operator to check the service's log")
API = "/v1/"
LIVE = "/v1/live"
PROTECTED = (API, "/metrics")
"""Paths that need the token; that of `LIVE` may also be in the first message."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; media-src blob:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class SecurityMiddleware:
    """Check requests, add headers to responses, count both."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        allowed = origin if origin in self._service.settings.origins else None
        response = _Response(send, allowed)
        try:
            self._check(scope, headers)
            await self._app(scope, receive, response)
        except ServiceError as fault:
            await fault.response()(scope, receive, response)
        except Exception:
            logger.exception("a request failed")
            if not response.status:
                await FAULT.response()(scope, receive, response)
        finally:
            if response.status:
                # The path of the route, so that there are no more labels than routes.
                endpoint = str(getattr(scope.get("route"), "path", "other"))
                seconds = time.monotonic() - response.began
                self._service.metrics.request(endpoint, response.status, seconds)

    def _check(self, scope: Scope, headers: Headers) -> None:
        settings, path = self._service.settings, str(scope["path"])
        check_host(headers, settings)
        check_origin(headers, settings)
        if path.startswith(PROTECTED) and scope.get("method") != "OPTIONS":
            authorization = headers.get("authorization")
            if authorization is not None or path != LIVE:
                check_token((authorization or "").removeprefix("Bearer "), settings)
        if path.startswith(API):
            self._service.rates.take(scope["client"][0] if scope.get("client") else "")


class _Response:
    """Send with headers; remember the status."""

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
    """Raise `ServiceError` for a foreign Host header, where the service listens on loopback."""
    try:
        name = (urlsplit(f"//{headers.get('host', '')}").hostname or "").lower()
    except ValueError:
        name = ""
    if settings.is_local and not (is_loopback(name) or name in settings.hosts):
        raise ServiceError(
            421,
            "wrong_host",
            "the Host header is not a name of this machine; "
            "use http://localhost, or allow it with --allow-host",
        )


def check_origin(headers: Headers, settings: ServingSettings) -> None:
    """Raise `ServiceError` for a cross-origin request that is not allowed."""
    origin = headers.get("origin")
    if origin is None or origin in settings.origins:
        return
    if urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
        raise ServiceError(
            403, "wrong_origin", "cross-origin request blocked; allow it with --allow-origin"
        )


def check_token(token: str, settings: ServingSettings) -> None:
    """Raise `ServiceError` for a wrong token, where one is needed."""
    if settings.token is None or hmac.compare_digest(token.encode(), settings.token.encode()):
        return
    raise ServiceError(
        401,
        "no_token",
        "the token is missing or wrong; send it as Authorization: Bearer TOKEN",
        {"WWW-Authenticate": "Bearer"},
    )
