"""How numbers and names are written in the report."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal

from voxaffect.evaluation.intervals import Estimate

ABSENT = "\N{EN DASH}"
"""Shown for a missing value; never 0, never NaN."""


def decimal(value: float | None) -> str:
    """`.629`, as in the paper; `1.000` for one; absent for None and NaN.

    Halves round up even if a float sum ends slightly below: .4125 is always .413.
    """
    if value is None or math.isnan(value):
        return ABSENT
    text = str(Decimal(f"{abs(value):.9f}").quantize(Decimal("0.001"), ROUND_HALF_UP))
    return ("\N{MINUS SIGN}" if value < 0 else "") + text.removeprefix("0")


def signed(value: float) -> str:
    """`+.017`, `−.017`: a difference with its sign."""
    return ("" if value < 0 else "+") + decimal(value)


def with_interval(found: Estimate | None, shown: Callable[[float], str] = decimal) -> str:
    """`.444 [.398, .491]`; the value alone if it has no interval, absent if it is undefined."""
    if found is None or math.isnan(found.value):
        return ABSENT
    interval = f" [{shown(found.low)}, {shown(found.high)}]" if found.has_interval else ""
    return shown(found.value) + interval


def p_value(value: float) -> str:
    """`.031`; `< .001` for smaller values."""
    return "< .001" if value < 0.001 else decimal(value)


def percent(share: float) -> str:
    """`10 %`, `2.5 %`."""
    return f"{100 * share:g} %"


def count(value: int) -> str:
    """`10,967`."""
    return f"{value:,}"


def count_range(values: Sequence[int], between: str = " to ") -> str:
    """`69`, or `12 to 69` if values differ."""
    return between.join(map(count, sorted({min(values), max(values)})))


def duration(seconds: float) -> str:
    """`2 h 05 min`, `3 min 20 s`, `12.3 s`."""
    minutes, rest = divmod(round(seconds), 60)
    if seconds < 60:
        return f"{seconds:.1f} s"
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def plural(n: int, one: str, many: str = "") -> str:
    """`1 fold`, `2 folds`, `2 corpora`."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def listing(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
