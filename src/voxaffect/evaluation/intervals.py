"""How far a pooled UA could lie from what other speakers of the same corpora would give.

Speakers are drawn as in `resampling.py`. Seeds of nets are averaged in every tally, so they never
count as samples.

What is defined where data are thin: with fewer than `MIN_FREEDOM` there is no interval. A class
that a resample lost is left out of its mean over classes, as UA leaves out any class that a test
set lacks; `Interval.lost` says how often. The only speaker of a corpus is in every resample.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from voxaffect.evaluation.experiment.run import FoldResult, Run
from voxaffect.evaluation.metrics import mean_known, ratio
from voxaffect.evaluation.splits.folds import UNKNOWN
from voxaffect.taxonomy import EMOTION

# Other speakers of the same corpora, drawn at random: what every interval of the project rests on.
#
# Utterances of one speaker resemble each other, so whole speakers are drawn, never utterances. The
# speakers of each corpus are drawn by themselves, as corpora are fixed: of n speakers n - 1, with
# replacement, so that the spread over resamples is that of a mean over n (Rao and Wu, "Resampling
# inference with complex survey data", JASA 83, 1988). The only speaker of a corpus is in all.

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


# What each speaker said and a system recognized of it: what speakers are compared and drawn by.
#
# A tally is float64 (2, C): utterances recognized of each class, averaged over seeds, above the
# utterances there are. A recall is the first by the second. As every seed answers for the same
# utterances, UA of averaged tallies is the average of the seeds' UA: seeds never count as samples.

Fold = Mapping[str, Floats]
"""Speaker -> tally (2, C), of one fold's test set."""


class ConfusionCell(NamedTuple):
    """A cell of a table: one system on one test set."""

    test: str
    system: str


Tallies = Mapping[ConfusionCell, Mapping[str, Fold]]
"""Cell -> fold -> tallies. A cell with an utterance whose speaker is not known is absent."""


def stated_speakers(run: Run) -> dict[str, str]:
    """Id -> speaker, as the run's corpora say; a run of an earlier version keeps none."""
    return {i: facts.speaker for i, facts in run.utterances.items()}


def known_speakers(results: Iterable[FoldResult], stated: Mapping[str, str]) -> dict[str, str]:
    """Speaker of each test utterance, where it is known.

    Args:
        results: of a run; a fold of `within` names the speaker it tests.
        stated: id -> speaker, as the run's corpora say; may be empty.

    Returns:
        Id -> speaker. Voices that a corpus does not tell apart (`mine/?`) are left out.
    """
    named = {i: r.test_name for r in results if r.protocol == "within" for i in r.ids}
    return {i: who for i, who in {**named, **stated}.items() if not who.endswith(UNKNOWN)}


def tallies(results: Sequence[FoldResult], speaker_of: Mapping[str, str]) -> Tallies:
    """Tallies of the results of one protocol.

    Args:
        results: of one protocol.
        speaker_of: id -> speaker.
    """
    cells: dict[ConfusionCell, dict[str, list[FoldResult]]] = {}
    for result in results:
        folds = cells.setdefault(ConfusionCell(result.corpus, result.system), {})
        folds.setdefault(result.fold, []).append(result)
    unknown = {r.corpus for r in results if any(i not in speaker_of for i in r.ids)}
    return {
        cell: {fold: _fold(seeds, speaker_of) for fold, seeds in folds.items()}
        for cell, folds in cells.items()
        if cell.test not in unknown
    }


def total(folds: Iterable[Fold]) -> dict[str, Floats]:
    """Tallies of several folds together: a speaker may be in more than one."""
    summed: dict[str, Floats] = {}
    for fold in folds:
        for speaker, tally in fold.items():
            summed[speaker] = summed.get(speaker, 0.0) + tally
    return summed


def unweighted_accuracy(tally: Floats) -> Floats:
    """UA of tallies (..., 2, C): mean recall over the classes present, NaN where there is none."""
    return mean_known(ratio(tally[..., 0, :], tally[..., 1, :]))


def _fold(seeds: Sequence[FoldResult], speaker_of: Mapping[str, str]) -> dict[str, Floats]:
    """Tally of each speaker of a fold, averaged over seeds."""
    summed = total(_tally_each(result, speaker_of) for result in seeds)
    return {speaker: tally / len(seeds) for speaker, tally in summed.items()}


def _tally_each(result: FoldResult, speaker_of: Mapping[str, str]) -> dict[str, Floats]:
    names, who = np.unique([speaker_of[i] for i in result.ids], return_inverse=True)
    shape = (names.size, EMOTION.n_classes)
    place = np.ravel_multi_index((who, result.y_true), shape)
    there = np.bincount(place, minlength=np.prod(shape))
    recognized = np.bincount(place[result.y_true == result.y_pred], minlength=np.prod(shape))
    counted = np.stack([recognized.reshape(shape), there.reshape(shape)], axis=1)
    return dict(zip(names.tolist(), counted.astype(np.float64), strict=True))


N_RESAMPLES = 4000


@dataclass(frozen=True)
class Interval:
    """A 95 % interval of a pooled UA, or of a difference of two.

    Args:
        value: of all speakers, each once.
        low: lower end.
        high: upper end.
        n_speakers: speakers drawn from.
        lost: share of resamples that lost a class which a test set has.
    """

    value: float
    low: float
    high: float
    n_speakers: int
    lost: float

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference of nothing lies outside."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Pool:
    """Speakers of one or more test sets, whose pooled UA is averaged over the test sets.

    Args:
        speakers: the S speakers, sorted, qualified by their corpus, `emodb/03`.
        counts: float64 (G, S, 2, C), tallies of each speaker in each of G test sets.
    """

    speakers: tuple[str, ...]
    counts: Floats

    @property
    def freedom(self) -> int:
        """Degrees of freedom: speakers less corpora."""
        return freedom(self.speakers)

    def accuracy(self) -> float:
        """Pooled UA, mean over test sets."""
        return float(unweighted_accuracy(self.counts.sum(axis=1)).mean())


def pool(tests: Iterable[Mapping[str, Floats]]) -> Pool:
    """Speakers of test sets together.

    Args:
        tests: of each test set, speaker -> tally (2, C); at least one utterance each.
    """
    groups = list(tests)
    speakers = tuple(sorted({speaker for group in groups for speaker in group}))
    nothing = np.zeros_like(next(iter(groups[0].values())))
    counts = np.array([[group.get(speaker, nothing) for speaker in speakers] for group in groups])
    return Pool(speakers, counts)


def interval(pooled: Pool, *, seed: int = 0, n_resamples: int = N_RESAMPLES) -> Interval | None:
    """Interval of a pooled UA, None for too few speakers.

    Args:
        pooled: what a system came to.
        seed: decides which speakers are drawn.
        n_resamples: how often they are drawn.
    """
    if pooled.freedom < MIN_FREEDOM:
        return None
    drawn = resample(pooled, seed, n_resamples)
    return _interval(pooled.accuracy(), _accuracies(drawn), pooled, _share_lost(pooled, drawn))


def interval_of_difference(
    first: Pool, second: Pool, *, seed: int = 0, n_resamples: int = N_RESAMPLES
) -> Interval | None:
    """Interval of the pooled UA of one system less that of another, None for too few speakers.

    Every resample has the same speakers for both: what makes a speaker hard cancels out.

    Args:
        first: what one system came to.
        second: what the other came to, on the same utterances.
        seed: decides which speakers are drawn.
        n_resamples: how often they are drawn.
    """
    if first.freedom < MIN_FREEDOM:
        return None
    one, other = (resample(pooled, seed, n_resamples) for pooled in (first, second))
    gains = _accuracies(one) - _accuracies(other)
    return _interval(first.accuracy() - second.accuracy(), gains, first, _share_lost(first, one))


def intervals(
    cells: Tallies, tests: Sequence[str], *, seed: int = 0
) -> dict[tuple[str | None, str], Interval]:
    """Interval of the pooled UA of each system on each test set, and of its mean over all of them.

    Args:
        cells: tallies of the results of one protocol.
        tests: all its test sets; the mean needs each of them.
        seed: decides which speakers are drawn.

    Returns:
        (Test set, None for the mean; system) -> interval, where there is one.
    """
    rows: list[tuple[str | None, Sequence[str]]] = [(test, (test,)) for test in tests]
    rows.append((None, tests))
    found: dict[tuple[str | None, str], Interval] = {}
    for system in sorted({cell.system for cell in cells}):
        for row, names in rows:
            counted = [
                cells[cell] for name in names if (cell := ConfusionCell(name, system)) in cells
            ]
            if len(counted) == len(names):
                pooled = pool(total(folds.values()) for folds in counted)
                if known := interval(pooled, seed=seed):
                    found[row, system] = known
    return found


def resample(pooled: Pool, seed: int, n_resamples: int) -> Floats:
    """Tallies of the test sets (B, G, 2, C) in B resamples of the speakers.

    Args:
        pooled: speakers and their tallies.
        seed: with the same speakers, the same seed draws the same.
        n_resamples: B.
    """
    weights = speaker_weights(pooled.speakers, n_resamples, seed)
    return np.tensordot(weights, pooled.counts, axes=(1, 1))


def _accuracies(drawn: Floats) -> Floats:
    """Pooled UA of each resample (B,): mean over the test sets that it has."""
    return mean_known(unweighted_accuracy(drawn))


def _share_lost(pooled: Pool, drawn: Floats) -> float:
    """Share of resamples that lost a class of a test set."""
    tested = pooled.counts[:, :, 1].sum(axis=1) > 0
    return float(((drawn[:, :, 1] == 0) & tested).any(axis=(1, 2)).mean())


def _interval(value: float, resampled: Floats, pooled: Pool, lost: float) -> Interval:
    """Percentiles of the resamples, at the normal distribution's tail beyond Student's quantile."""
    beyond = tail(pooled.freedom)
    low, high = np.quantile(resampled, [beyond, 1 - beyond])
    return Interval(value, float(low), float(high), len(pooled.speakers), lost)
