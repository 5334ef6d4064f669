"""Into which groups utterances fall: by voice, corpus, language, style, length and clearness."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.evaluation.experiment.utterance_facts import UtteranceFacts
from voxaffect.taxonomy import GENDER, NATURALNESS

UNKNOWN = "unknown"
"""Group of utterances of which nothing is known; shown, never compared."""

Rows = NDArray[np.int64]
Facts = Sequence[UtteranceFacts]


@dataclass(frozen=True, eq=False)
class Kind:
    """One way to sort utterances.

    Args:
        name: what tells the groups apart, `gender`.
        groups: G names in the order in which they are shown.
        members: int64 (N,), number of every utterance's group.
    """

    name: str
    groups: tuple[str, ...]
    members: Rows


def kinds_of(facts: Facts) -> tuple[Kind, ...]:
    """Every way to sort utterances whose groups hold more than one speaker as a rule."""
    return (
        _named("gender", [u.gender for u in facts], GENDER.classes),
        _named("corpus", [u.corpus for u in facts]),
        _named("language", [u.language for u in facts]),
        _named("style", [u.style for u in facts], NATURALNESS.classes),
        _thirds("length", [u.duration_s for u in facts], lambda s: f"{s:.2f} s"),
        _thirds("SNR", [u.snr_db for u in facts], lambda db: f"{db:.1f} dB"),
    )


def speakers_of(facts: Facts) -> Kind:
    """Every speaker as a group."""
    return _named("speaker", [u.speaker for u in facts])


def _named(name: str, values: Sequence[str | None], order: Sequence[str] = ()) -> Kind:
    """Groups by name: those of `order` first, the unknown last, empty ones not at all."""
    known = {value for value in values if value is not None}
    groups = (*(g for g in order if g in known), *sorted(known.difference(order)), UNKNOWN)
    number = _numbers(groups)
    return _kind(name, groups, [number[UNKNOWN if v is None else v] for v in values])


def _thirds(name: str, values: Sequence[float | None], written: Callable[[float], str]) -> Kind:
    """Three groups of nearly one size; their borders are two of the values, and name them.

    What equals a border lies below it, so equal values share a group, however many there are.
    """
    numbers = np.array([np.nan if v is None else v for v in values], np.float64)
    known = numbers[~np.isnan(numbers)]
    if known.size == 0:
        return _kind(name, (UNKNOWN,), [0] * len(values))
    low, high = np.quantile(known, [1 / 3, 2 / 3], method="inverted_cdf")
    below, above = written(float(low)), written(float(high))
    groups = (f"up to {below}", f"{below} to {above}", f"over {above}", UNKNOWN)
    members = np.searchsorted(np.array([low, high]), numbers)  # NaN sorts behind all
    return _kind(name, groups, np.where(np.isnan(numbers), 3, members).tolist())


def _kind(name: str, groups: Sequence[str], members: Sequence[int]) -> Kind:
    """The kind without its empty groups."""
    held, renumbered = np.unique(np.array(members, np.int64), return_inverse=True)
    return Kind(name, tuple(groups[g] for g in held), renumbered.astype(np.int64))


def _numbers(names: Sequence[str]) -> Mapping[str, int]:
    return {name: number for number, name in enumerate(names)}
