"""Confidence intervals by the bootstrap: every resampling of the package is here.

Speakers are resampled, not utterances, as utterances of one speaker resemble each other. Corpora
are fixed: of the n speakers of each, n - 1 are drawn with replacement, so that the spread over
resamples is that of a mean over n (Rao and Wu, "Resampling inference with complex survey data",
JASA 83, 1988). The only speaker of a corpus is in every resample.

Seeds are averaged before resampling and never count as samples. With fewer than
`MIN_DEGREES_OF_FREEDOM` there is no interval. A class that is missing in a resample is left out of
its mean over classes; `Interval.lost` is how often that happens.

Letters: B resamples, G test sets, S speakers, C classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit

from voxaffect.evaluation.experiment.run import FoldResult, Run
from voxaffect.evaluation.metrics import Floats, count, mean_known, ratio
from voxaffect.evaluation.splits.folds import UNKNOWN
from voxaffect.taxonomy import EMOTION

LEVEL = 0.95
"""Confidence level of all intervals."""

N_RESAMPLES = 4000

MIN_DEGREES_OF_FREEDOM = 5
"""Least speakers minus corpora for an interval: n values enclose their population's median with
probability 1 - 2^(1 - n), which is 95 % from n = 6 on."""


def speakers_by_corpus(speakers: Sequence[str]) -> dict[str, list[int]]:
    """Corpus -> indices of its speakers, whose names begin with it (`emodb/03`)."""
    found: dict[str, list[int]] = {}
    for index, speaker in enumerate(speakers):
        found.setdefault(speaker.partition("/")[0], []).append(index)
    return found


def degrees_of_freedom(speakers: Sequence[str]) -> int:
    """Number of speakers minus number of corpora."""
    return len(speakers) - len(speakers_by_corpus(speakers))


def bootstrap_weights(speakers: Sequence[str], n_resamples: int, seed: int) -> Floats:
    """Weight of each speaker in each resample (B, S); the sum over a corpus never changes.

    Names of speakers are qualified by their corpus, `emodb/03`.
    """
    rng = np.random.default_rng(seed)
    weights = np.ones((n_resamples, len(speakers)))
    for indices in speakers_by_corpus(speakers).values():
        if (n := len(indices)) > 1:
            drawn = rng.multinomial(n - 1, np.full(n, 1 / n), size=n_resamples)
            weights[:, indices] = drawn * (n / (n - 1))
    return weights


def tail(degrees: int) -> float:
    """Share of resamples beyond each end, widened to Student's t for few speakers.

    Source: Hesterberg, "What teachers should know about the bootstrap", The American Statistician
    69, 2015.
    """
    return float(ndtr(stdtrit(degrees, (1 - LEVEL) / 2)))


def percentile_interval(resampled: Floats, beyond: float = (1 - LEVEL) / 2) -> tuple[float, float]:
    """Percentile interval of resampled values (B,), with a share `beyond` outside of each end."""
    low, high = np.quantile(resampled, [beyond, 1 - beyond])
    return float(low), float(high)


def bootstrap_mean(values: Floats, seed: int) -> tuple[float, float]:
    """Percentile interval of the mean of independent values (N,), resampled with replacement.

    Source: Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979.
    """
    drawn = np.random.default_rng(seed).integers(values.size, size=(N_RESAMPLES, values.size))
    return percentile_interval(values[drawn].mean(axis=1))


SpeakerCounts = Mapping[str, Floats]
"""Speaker -> float64 (2, C): correct predictions of each class, mean over seeds, then utterances.
All seeds predict the same utterances, so the UA of the mean is the mean of the seeds' UA."""


Tallies = Mapping[tuple[str, str], Mapping[str, SpeakerCounts]]
"""(Test set, system) -> fold -> counts. Those with an utterance of unknown speaker are absent."""


def stated_speakers(run: Run) -> dict[str, str]:
    """Utterance id -> speaker as the corpora name it; empty for runs of earlier versions."""
    return {i: facts.speaker for i, facts in run.utterances.items()}


def known_speakers(results: Iterable[FoldResult], stated: Mapping[str, str]) -> dict[str, str]:
    """Utterance id -> speaker, as stated or by the name of a `within` fold.

    Speakers of unknown name (`mine/?`) are left out.
    """
    named = {i: r.test_name for r in results if r.protocol == "within" for i in r.ids}
    return {i: who for i, who in {**named, **stated}.items() if not who.endswith(UNKNOWN)}


def count_by_speaker(results: Sequence[FoldResult], speaker_of: Mapping[str, str]) -> Tallies:
    """Correct predictions and utterances of each speaker, from the results of one protocol."""
    cells: dict[tuple[str, str], dict[str, list[FoldResult]]] = {}
    for result in results:
        folds = cells.setdefault((result.corpus, result.system), {})
        folds.setdefault(result.fold, []).append(result)
    unknown = {r.corpus for r in results if any(i not in speaker_of for i in r.ids)}
    return {
        (test, system): {
            fold: {
                speaker: counts / len(seeds)
                for speaker, counts in merge(_counts(r, speaker_of) for r in seeds).items()
            }
            for fold, seeds in folds.items()
        }
        for (test, system), folds in cells.items()
        if test not in unknown
    }


def _counts(result: FoldResult, speaker_of: Mapping[str, str]) -> SpeakerCounts:
    names, who = np.unique([speaker_of[i] for i in result.ids], return_inverse=True)
    shape = (names.size, EMOTION.n_classes)
    correct = count(shape, who, result.y_true, where=result.y_true == result.y_pred)
    counts = np.stack([correct, count(shape, who, result.y_true)], axis=1).astype(np.float64)
    return dict(zip(names.tolist(), counts, strict=True))


def merge(folds: Iterable[SpeakerCounts]) -> dict[str, Floats]:
    """Sum of the counts of several folds; a speaker may be in more than one."""
    summed: dict[str, Floats] = {}
    for fold in folds:
        for speaker, counts in fold.items():
            summed[speaker] = summed.get(speaker, 0.0) + counts
    return summed


def unweighted_accuracy(counts: Floats) -> Floats:
    """UA of counts (..., 2, C): mean recall over the classes present, NaN where there is none."""
    return mean_known(ratio(counts[..., 0, :], counts[..., 1, :]))


@dataclass(frozen=True)
class Interval:
    """95 % confidence interval of a pooled UA, or of a difference of two.

    Args:
        lost: share of resamples without a class that a test set has.
    """

    value: float
    low: float
    high: float
    n_speakers: int
    lost: float


@dataclass(frozen=True)
class Pool:
    """Counts by speaker of one or more test sets, whose pooled UA is averaged.

    Args:
        speakers: S names, sorted, qualified by their corpus, `emodb/03`.
        counts: float64 (G, S, 2, C).
    """

    speakers: tuple[str, ...]
    counts: Floats

    @classmethod
    def of(cls, tests: Iterable[SpeakerCounts]) -> Pool:
        """Pool of the counts of each test set, of at least one utterance each."""
        groups = list(tests)
        speakers = tuple(sorted({speaker for group in groups for speaker in group}))
        zero = np.zeros((2, EMOTION.n_classes))
        return cls(speakers, np.array([[g.get(s, zero) for s in speakers] for g in groups]))

    def accuracy(self) -> float:
        """Pooled UA, mean over test sets."""
        return float(unweighted_accuracy(self.counts.sum(axis=1)).mean())

    def resample(self, seed: int, n_resamples: int) -> Floats:
        """Counts of the test sets (B, G, 2, C) in B resamples of the speakers."""
        weights = bootstrap_weights(self.speakers, n_resamples, seed)
        return np.tensordot(weights, self.counts, axes=(1, 1))


def bootstrap_interval(
    pool: Pool, minus: Pool | None = None, *, seed: int = 0, n_resamples: int = N_RESAMPLES
) -> Interval | None:
    """Confidence interval of a pooled UA or of a paired difference, None for too few speakers.

    A system to subtract, `minus`, has the same utterances. Each resample has the same speakers for
    both, so that what makes a speaker hard cancels out.
    """
    degrees = degrees_of_freedom(pool.speakers)
    if degrees < MIN_DEGREES_OF_FREEDOM:
        return None
    drawn = pool.resample(seed, n_resamples)
    value, resampled = pool.accuracy(), mean_known(unweighted_accuracy(drawn))
    if minus is not None:
        value -= minus.accuracy()
        resampled = resampled - mean_known(unweighted_accuracy(minus.resample(seed, n_resamples)))
    low, high = percentile_interval(resampled, tail(degrees))
    tested = pool.counts[:, :, 1].sum(axis=1) > 0
    lost = ((drawn[:, :, 1] == 0) & tested).any(axis=(1, 2)).mean()
    return Interval(value, low, high, len(pool.speakers), float(lost))


def intervals(
    cells: Tallies, tests: Sequence[str], *, seed: int = 0
) -> dict[tuple[str | None, str], Interval]:
    """Interval of the pooled UA of each system on each test set, and of its mean over all of them.

    Returns:
        (Test set, None for the mean; system) -> interval, where there is one.
    """
    found: dict[tuple[str | None, str], Interval] = {}
    for system in sorted({system for _, system in cells}):
        for row, names in (*((test, (test,)) for test in tests), (None, tests)):
            keys = [(name, system) for name in names]
            if all(key in cells for key in keys):
                pool = Pool.of(merge(cells[key].values()) for key in keys)
                if interval := bootstrap_interval(pool, seed=seed):
                    found[row, system] = interval
    return found
