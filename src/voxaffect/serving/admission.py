"""Who is let in: so many at a time, each so often, none once the service is to stop."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from voxaffect.serving.refusal import Refusal, busy

CLIENTS = 10_000
"""Clients whose last requests are remembered; of more, those that came least lately are not."""


class Gate:
    """Lets so many in at a time; what comes beyond them is refused, never queued.

    Args:
        most: how many.
        what: they are, in words.

    Attributes:
        inside: how many are in.
    """

    def __init__(self, most: int, what: str) -> None:
        self._most, self._what = most, what
        self.inside = 0

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be inside.

        Raises:
            Refusal: all places are taken.
        """
        if self.inside >= self._most:
            raise busy("busy", f"{self._most} {self._what} are at work already; try again soon")
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1


class Rates:
    """A bucket of tokens for each client: one is taken a request, and they trickle back.

    https://en.wikipedia.org/wiki/Token_bucket

    Args:
        per_s: tokens that come back in a second.
        burst: tokens that a bucket holds.
        clock: seconds that never go back.
    """

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float]) -> None:
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> None:
        """Count a request.

        Raises:
            Refusal: the client has made too many of late.
        """
        now = self._clock()
        level, since = self._buckets.pop(client, (float(self._burst), now))
        level = min(self._burst, level + (now - since) * self._per_s)
        enough = level >= 1
        self._buckets[client] = (level - 1 if enough else level, now)
        if len(self._buckets) > CLIENTS:
            self._buckets.popitem(last=False)
        if not enough:
            wait_s = math.ceil((1 - level) / self._per_s)
            raise Refusal(
                429,
                "too_many_requests",
                f"more than {self._per_s:g} requests a second from one client; "
                f"wait {wait_s} s and ask less often",
                {"Retry-After": str(wait_s)},
            )
