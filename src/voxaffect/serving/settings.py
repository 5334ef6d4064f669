"""Settings of the service: its address, who may use it, and its limits."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass, field

from voxaffect.audio.decode import DecodeLimits
from voxaffect.errors import ServingError

TOKEN_CHARACTERS = 16  # shortest token; a shorter one could be guessed


@dataclass(frozen=True)
class Limits:
    """Limits of size, time, concurrency and rate; raises `ServingError` unless all are positive."""

    max_bytes: int = 64 * 1024**2  # largest request body
    recording_s: float = 3600.0  # longest recording with a timeline, whose memory hardly grows
    utterance_s: float = 300.0  # longest without one, or in a stream: its frames are in memory
    max_channels: int = 8  # of a recording
    upload_s: float = 60.0  # longest time for a body to arrive
    idle_s: float = 10.0  # longest without data, of a body or stream, or for a client to read
    answer_s: float = 120.0  # longest time for a prediction once its recording has arrived
    requests: int = 64  # concurrent predictions; more are refused, not queued
    live_streams: int = 256  # concurrent ones
    live_s: float = 3600.0  # longest live stream
    rate_per_s: float = 20.0  # requests a second of one client in the long run
    burst: int = 60  # requests that a client may send at once
    shutdown_s: float = 30.0  # longest time to complete accepted work after a signal to stop

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < math.inf:
                raise ServingError(f"{name} = {value} is out of range; choose a positive number")

    def decode(self, *, timeline: bool) -> DecodeLimits:
        """Limits of decoding a recording."""
        longest_s = self.recording_s if timeline else self.utterance_s
        return DecodeLimits(longest_s, self.max_channels, self.max_bytes)


@dataclass(frozen=True)
class ServingSettings:
    """Settings of a service; raises `ServingError` for an invalid one."""

    host: str = "127.0.0.1"  # address to listen on
    port: int = 8000  # 0: any free one
    token: str | None = field(default=None, repr=False)  # that clients must send
    hosts: tuple[str, ...] = ()  # accepted Host headers besides the local ones, if on loopback only
    origins: tuple[str, ...] = ()  # allowed cross-origin pages (CORS), such as https://example.org
    behind_proxy: bool = False  # trust X-Forwarded-For from a local proxy
    n_workers: int = 2  # threads that decode, and as many that predict
    limits: Limits = field(default_factory=Limits)
    warm_first: bool = False  # listen once warmed up: other processes share the address

    def __post_init__(self) -> None:
        if not 0 <= self.port < 1 << 16:
            raise ServingError(
                f"{self.port} is not a valid port (1 to 65535); choose one, or 0 for any free port"
            )
        token = self.token
        if token is not None and not (
            len(token) >= TOKEN_CHARACTERS and token.isascii() and token.isprintable()
        ):
            raise ServingError(
                f"the token ({len(token)} characters) is shorter than {TOKEN_CHARACTERS} or "
                "not printable ASCII; create one with: openssl rand -hex 16"
            )
        for host in self.hosts:
            if "*" in host:
                raise ServingError(f"{host!r} is not a valid host name; write it as example.org")
        for origin in self.origins:
            if not origin.startswith(("http://", "https://")) or origin.count("/") != 2:
                advice = "write it as https://example.org"
                raise ServingError(f"{origin!r} is not a valid origin; {advice}")
        if self.n_workers < 1:
            raise ServingError(f"{self.n_workers} workers are too few; choose 1 or more")

    @property
    def is_local(self) -> bool:
        """Whether only programs on this machine can connect."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is a loopback address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
