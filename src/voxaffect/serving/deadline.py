"""A point in time after which work is given up, also by threads in the midst of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.serving.refusal import busy


@dataclass(frozen=True)
class Deadline:
    """When an answer must be there.

    Args:
        at_s: by the monotonic clock.
        within_s: how long that was.
    """

    at_s: float
    within_s: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """So long from now."""
        return cls(time.monotonic() + seconds, seconds)

    @property
    def left_s(self) -> float:
        """Seconds until then, none if it is past."""
        return max(0.0, self.at_s - time.monotonic())

    def check(self) -> None:
        """Go no further once it is past.

        Raises:
            Refusal: it is.
        """
        if not self.left_s:
            raise self.missed()

    def missed(self) -> Exception:
        """What is told then."""
        return busy(
            "too_slow",
            f"no answer within {self.within_s:g} s; send a shorter recording, or try again later",
        )

    def over(self, blocks: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """The same blocks, until then."""
        for block in blocks:
            self.check()
            yield block
