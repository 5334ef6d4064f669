"""Other speakers of the same corpora, drawn at random: what every interval of the project rests on.

Utterances of one speaker resemble each other, so whole speakers are drawn, never utterances. The
speakers of each corpus are drawn by themselves, as corpora are fixed: of n speakers n - 1, with
replacement, so that the spread over resamples is that of a mean over n (Rao and Wu, "Resampling
inference with complex survey data", JASA 83, 1988). The only speaker of a corpus is in all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

Floats = NDArray[np.float64]

LEVEL = 0.95
"""Share of the intervals that hold what they are for."""

MIN_FREEDOM = 5
"""Speakers less corpora below which there is no interval: n values reach to both sides of their
population's median with probability 1 - 2^(1 - n), which is 95 % from six values on."""


def strata(speakers: Sequence[str]) -> dict[str, list[int]]:
    """Corpus -> places of its speakers, whose names begin with it."""
    found: dict[str, list[int]] = {}
    for place, speaker in enumerate(speakers):
        found.setdefault(speaker.partition("/")[0], []).append(place)
    return found


def freedom(speakers: Sequence[str]) -> int:
    """Degrees of freedom: speakers less corpora."""
    return len(speakers) - len(strata(speakers))


def speaker_weights(speakers: Sequence[str], n_resamples: int, seed: int) -> Floats:
    """How much each speaker weighs in each resample (B, S); a corpus keeps its weight.

    Args:
        speakers: S of them, qualified by their corpus, `emodb/03`.
        n_resamples: B.
        seed: with the same speakers, the same seed draws the same.
    """
    rng = np.random.default_rng(seed)
    weights = np.ones((n_resamples, len(speakers)))
    for members in strata(speakers).values():
        n = len(members)
        if n > 1:
            drawn = rng.multinomial(n - 1, np.full(n, 1 / n), size=n_resamples)
            weights[:, members] = drawn * (n / (n - 1))
    return weights


def tail(degrees: int) -> float:
    """Share of resamples beyond each end, as far out as Student's t of so few speakers demands.

    Source: Hesterberg, "What teachers should know about the bootstrap", The American Statistician
    69, 2015.
    """
    return float(ndtr(stdtrit(degrees, (1 - LEVEL) / 2)))
