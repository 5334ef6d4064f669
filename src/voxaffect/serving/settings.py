"""What a service is told when it starts: where it listens, whom it lets in, how much it takes."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass, field

from voxaffect.audio.decode import DecodeLimits
from voxaffect.errors import ServingError

COUNTS = "PROMETHEUS_MULTIPROC_DIR"
"""Variable by which prometheus_client is told where processes add up what they count."""

TOKEN_CHARACTERS = 16
"""A shorter token could be guessed."""


@dataclass(frozen=True)
class Limits:
    """How much is taken, of anyone and of everyone.

    Args:
        max_bytes: largest request body.
        recording_s: longest recording that is cut at its pauses; its memory hardly grows with it.
        utterance_s: longest recording, or utterance of a live stream, that is answered as one: its
            frames are in memory together.
        max_channels: most channels of a recording.
        upload_s: how long a body may take to arrive.
        idle_s: how long nothing may come, of a body or a live stream; how long a client may take
            to read an answer.
        answer_s: how long an answer may take once its recording is here.
        requests: requests for an answer at a time; what comes beyond them is told to come again.
        live_streams: live streams at a time.
        live_s: longest live stream.
        rate_per_s: requests a second of one client in the long run.
        burst: requests that a client may make at once.
        shutdown_s: how long a service that was told to stop goes on with what it has taken.

    Raises:
        ServingError: a limit is not a positive number.
    """

    max_bytes: int = 64 * 1024**2
    recording_s: float = 3600.0
    utterance_s: float = 300.0
    max_channels: int = 8
    upload_s: float = 60.0
    idle_s: float = 10.0
    answer_s: float = 120.0
    requests: int = 64
    live_streams: int = 256
    live_s: float = 3600.0
    rate_per_s: float = 20.0
    burst: int = 60
    shutdown_s: float = 30.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < math.inf:
                raise ServingError(f"{name} = {value} is no limit; choose a positive number")

    def decode(self, *, whole: bool) -> DecodeLimits:
        """What is refused of a recording, answered as a whole or cut at its pauses."""
        longest_s = self.utterance_s if whole else self.recording_s
        return DecodeLimits(longest_s, self.max_channels, self.max_bytes)


@dataclass(frozen=True)
class ServingSettings:
    """A service.

    Args:
        host: address it listens at.
        port: its port, 0 for any that is free.
        token: what clients must show; None lets everyone in.
        hosts: names, besides those of this machine, by which it may be called when it listens to
            this machine only.
        origins: web pages elsewhere that may ask it, such as https://example.org.
        behind_proxy: whether a reverse proxy on this machine tells who the client is.
        n_workers: threads that decode, and as many that compute answers.
        limits: how much is taken.
        warm_first: whether it listens only once its model has answered a probe, as it should where
            others listen at the same address.

    Raises:
        ServingError: a setting is impossible.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    behind_proxy: bool = False
    n_workers: int = 2
    limits: Limits = field(default_factory=Limits)
    warm_first: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.port < 1 << 16:
            raise ServingError(f"port {self.port} is none; choose 1 to 65535, or 0 for any")
        if self.token is not None and not _is_token(self.token):
            raise ServingError(
                f"the token has {len(self.token)} characters or some that cannot be sent; choose "
                f"{TOKEN_CHARACTERS} or more letters and digits, as openssl rand -hex 16 gives"
            )
        for origin in self.origins:
            if not origin.startswith(("http://", "https://")) or origin.count("/") != 2:
                raise ServingError(f"{origin!r} is no origin; write it as https://example.org")
        if self.n_workers < 1:
            raise ServingError(f"{self.n_workers} workers answer nobody; choose 1 or more")

    @property
    def is_local(self) -> bool:
        """Whether only programs of this machine can reach it."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own, seen from itself."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_token(token: str) -> bool:
    return len(token) >= TOKEN_CHARACTERS and token.isascii() and token.isprintable()
