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
from math import ceil
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from throttled import MemoryStore, RateLimiterType, Throttled, per_day

from voxaffect.serving.schemas import ServiceError
from voxaffect.serving.service import Service
from voxaffect.serving.settings import ServingSettings

logger = logging.getLogger(__name__)

FAULT = ServiceError(500, "fault", "internal error; ask the operator to check the service's log")
API = "/v1/"
LIVE = "/v1/live"
PROTECTED = (API, "/metrics")  # need the token; that of `LIVE` may be in its first message
TRUSTED = "voxaffect.trusted_host"  # key of the scope of a request whose Host header is accepted
CLIENTS = 10_000  # clients whose rates are remembered; beyond them the least recent are forgotten

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
        settings, limits = service.settings, service.settings.limits
        local = ("localhost", "127.0.0.1", "[::1]", settings.host, *settings.hosts)
        hosts = local if settings.is_local else ("*",)
        self._hosts = TrustedHostMiddleware(_mark_trusted, hosts, www_redirect=False)
        # For each client the generic cell rate algorithm (GCRA), equivalent to a token bucket.
        self._rates = Throttled(
            using=RateLimiterType.GCRA.value,
            quota=per_day(max(1, round(limits.rate_per_s * 86_400)), limits.burst),
            store=MemoryStore(options={"MAX_SIZE": CLIENTS}),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0

        async def respond(message: Message) -> None:
            nonlocal status
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-cache" if "etag" in headers else "no-store")
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            await self._check(scope, receive)
            await self._app(scope, receive, respond)
        except ServiceError as fault:
            await fault.response()(scope, receive, respond)
        except Exception:
            logger.exception("a request failed")
            if not status:
                await FAULT.response()(scope, receive, respond)
        finally:
            if status:
                # The path of the route, so that there are no more labels than routes.
                endpoint = str(getattr(scope.get("route"), "path", "other"))
                metrics = self._service.metrics
                metrics.requests.labels(endpoint, str(status)).inc()
                metrics.latency.labels(endpoint).observe(time.monotonic() - began)

    async def _check(self, scope: Scope, receive: Receive) -> None:
        settings, path, headers = self._service.settings, str(scope["path"]), Headers(scope=scope)
        await self._hosts(scope, receive, _ignore)
        if TRUSTED not in scope:
            message = (
                "the Host header is not a name of this machine; "
                "use http://localhost, or allow it with --allow-host"
            )
            raise ServiceError(421, "wrong_host", message)
        origin, host = headers.get("origin"), headers.get("host", "").lower()
        is_foreign = origin is not None and urlsplit(origin).netloc.lower() != host
        if is_foreign and origin not in settings.origins:
            message = "cross-origin request blocked; allow it with --allow-origin"
            raise ServiceError(403, "wrong_origin", message)
        if path.startswith(PROTECTED) and scope.get("method") != "OPTIONS":
            authorization = headers.get("authorization")
            if authorization is not None or path != LIVE:
                check_token((authorization or "").removeprefix("Bearer "), settings)
        if path.startswith(API):
            self._check_rate(scope["client"][0] if scope.get("client") else "unknown")

    def _check_rate(self, client: str) -> None:
        result = self._rates.limit(client)
        if result.limited:
            per_s, wait_s = self._rates.limiter.quota.fill_rate, ceil(result.state.retry_after)
            message = (
                f"more than {per_s:g} requests per second from one client; "
                f"wait {wait_s} s and send fewer"
            )
            raise ServiceError(429, "too_many_requests", message, {"Retry-After": str(wait_s)})


async def _mark_trusted(scope: Scope, _: Receive, __: Send) -> None:
    scope[TRUSTED] = True


async def _ignore(_: Message) -> None:
    """Send nothing of the plain text with which Starlette refuses a Host header."""


def check_token(token: str, settings: ServingSettings) -> None:
    """Raise `ServiceError` for a wrong token, where one is needed."""
    if settings.token is None or hmac.compare_digest(token.encode(), settings.token.encode()):
        return
    message = "the token is missing or wrong; send it as Authorization: Bearer TOKEN"
    raise ServiceError(401, "no_token", message, {"WWW-Authenticate": "Bearer"})
