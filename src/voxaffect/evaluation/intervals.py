"""Confidence intervals: one bootstrap over speakers for every number of a report.

Speakers are resampled, not utterances, as utterances of one speaker resemble each other. Corpora
are fixed: of the n speakers of each, n - 1 are drawn with replacement, so that the spread over
resamples is that of a mean over n (Rao and Wu, "Resampling inference with complex survey data",
JASA 83, 1988). The only speaker of a corpus is in every resample. Ends of an interval are
percentiles, further out for few speakers: as far as those of Student's t are beyond the normal
distribution's (Hesterberg, "What teachers should know about the bootstrap", The American
Statistician 69, 2015).

Every number is computed on the same resamples, so what makes a speaker hard cancels out of
differences. Seeds are averaged before resampling and never count as samples. A class that is
missing in a resample is left out of its mean over classes.

Letters: B resamples, S speakers, G groups of predictions, C classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import nan

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from voxaffect.evaluation.metrics import Floats, mean_known, ratio
from voxaffect.evaluation.results import SCORE, class_codes
from voxaffect.evaluation.splits.folds import UNKNOWN
from voxaffect.taxonomy import EMOTION

LEVEL = 0.95
"""Confidence level of all intervals."""

N_RESAMPLES = 4000
SEED = 0
MAX_UNDEFINED = 0.01
"""Largest share of resamples in which a number may be undefined; these are left out."""

DECIMALS = 12
"""Numbers are rounded to so many decimals: what is beyond is rounding noise."""

MIN_DEGREES_OF_FREEDOM = 5
"""Least speakers minus corpora for an interval: n values enclose their population's median with
probability 1 - 2^(1 - n), which is 95 % from n = 6 on."""


@dataclass(frozen=True)
class Estimate:
    """A number (NaN where undefined) and its 95 % confidence interval over speakers.

    Args:
        low: NaN, as `high`, where there is no interval: speakers are too few or not known, or the
            number is undefined in more than MAX_UNDEFINED of the resamples.
        lost: share of resamples without a class that a test set has.
    """

    value: float
    low: float = nan
    high: float = nan
    n_speakers: int = 0
    lost: float = 0.0

    @property
    def has_interval(self) -> bool:
        """Whether there is one."""
        return not np.isnan(self.low)

    @property
    def excludes_zero(self) -> bool:
        """Whether there is an interval and 0 is outside."""
        return self.low * self.high > 0


def speakers_by_corpus(speakers: Sequence[str]) -> dict[str, list[int]]:
    """Corpus -> indices of its speakers, whose names begin with it (`emodb/03`)."""
    found: dict[str, list[int]] = {}
    for index, speaker in enumerate(speakers):
        found.setdefault(speaker.partition("/")[0], []).append(index)
    return found


def degrees_of_freedom(speakers: Sequence[str]) -> int:
    """Number of speakers minus number of corpora; 0 where a speaker is not known (`mine/?`)."""
    if any(speaker.endswith(UNKNOWN) for speaker in speakers):
        return 0
    return len(speakers) - len(speakers_by_corpus(speakers))


def tail(degrees: int) -> float:
    """Share of resamples beyond each end, widened to Student's t for few speakers."""
    return float(ndtr(stdtrit(degrees, (1 - LEVEL) / 2)))


@dataclass(frozen=True, eq=False)
class Resamples:
    """Bootstrap resamples of speakers; the first is every speaker once.

    Args:
        speakers: S names, sorted, qualified by their corpus, `emodb/03`.
        weights: of each speaker in each resample (B + 1, S); the sum over a corpus never changes.
    """

    speakers: tuple[str, ...]
    weights: Floats

    @classmethod
    def of(
        cls, speakers: Iterable[str], n_resamples: int = N_RESAMPLES, seed: int = SEED
    ) -> Resamples:
        """Resamples of some speakers, each named once or more."""
        return _resamples(tuple(sorted(set(speakers))), n_resamples, seed)

    def sums(self, counts: Floats) -> Floats:
        """Sums over speakers (B + 1, ...) of counts (S, ...) in every resample."""
        return np.tensordot(self.weights, counts, axes=1)

    def estimate(
        self, values: Floats, speakers: Sequence[str] | None = None, lost: float = 0.0
    ) -> Estimate:
        """A number from its values (B + 1,) on all speakers and in every resample.

        It depends on `speakers`, by default on all; values are NaN where undefined.
        """
        speakers = self.speakers if speakers is None else speakers
        values = np.round(values, DECIMALS)
        degrees, value = degrees_of_freedom(speakers), float(values[0])
        known = values[1:][~np.isnan(values[1:])]
        defined = not np.isnan(value) and known.size >= (1 - MAX_UNDEFINED) * (len(values) - 1)
        if degrees < MIN_DEGREES_OF_FREEDOM or not defined:
            return Estimate(value, n_speakers=len(speakers))
        beyond = tail(degrees)
        low, high = np.quantile(known, [beyond, 1 - beyond])
        return Estimate(value, float(low), float(high), len(speakers), lost)


@lru_cache(maxsize=8)
def _resamples(speakers: tuple[str, ...], n_resamples: int, seed: int) -> Resamples:
    rng = np.random.default_rng(seed)
    weights = np.ones((n_resamples + 1, len(speakers)))
    for indices in speakers_by_corpus(speakers).values():
        if (n := len(indices)) > 1:
            drawn = rng.multinomial(n - 1, np.full(n, 1 / n), size=n_resamples)
            weights[1:, indices] = drawn * (n / (n - 1))
    weights.flags.writeable = False
    return Resamples(speakers, weights)


@dataclass(frozen=True, eq=False)
class SpeakerCounts:
    """Predictions of one system by speaker, group and class, mean over seeds.

    Args:
        groups: G names of groups.
        counts: float64 (S, G, 2, C), correct predictions, then utterances. All seeds predict the
            same utterances, so the UA of the mean is the mean of the seeds' UA.
    """

    resamples: Resamples
    groups: pd.Index
    counts: Floats

    @classmethod
    def of(
        cls, results: pd.DataFrame, by: str | Sequence[str], resamples: Resamples
    ) -> SpeakerCounts:
        """Counts of one system's results by one or more columns, of speakers of the resamples."""
        groups = results.groupby(by if isinstance(by, str) else list(by), observed=True)
        names = groups.size().index
        n_seeds = results.groupby("fold", observed=True)["seed"].transform("nunique")
        speaker = pd.Index(resamples.speakers).get_indexer(pd.Index(results["speaker"].astype(str)))
        truth, predicted = (class_codes(results[name]) for name in ("y_true", "y_pred"))
        shape = (len(resamples.speakers), len(names), EMOTION.n_classes)
        cell = np.ravel_multi_index((speaker, groups.ngroup().to_numpy(), truth), shape)
        weight = 1 / n_seeds.to_numpy(np.float64)
        counts = [
            np.bincount(cell, some, minlength=int(np.prod(shape))).reshape(shape)
            for some in (np.where(predicted == truth, weight, 0.0), weight)
        ]
        # Thirds of three seeds add up to whole numbers again.
        whole = np.round(np.stack(counts, axis=2), DECIMALS)
        return cls(resamples, names, np.asarray(whole, np.float64))

    def recalls(self) -> Floats:
        """Recall of each class in each group and resample (B + 1, G, C), NaN where absent."""
        return _recalls(self.resamples.sums(self.counts))

    def accuracies(self) -> Floats:
        """UA of each group in each resample (B + 1, G), NaN where it has no utterance."""
        return mean_known(self.recalls())

    def pooled(self, groups: Sequence[int] | NDArray[np.intp]) -> Floats:
        """UA of some groups taken together, in each resample (B + 1,)."""
        return mean_known(_recalls(self.resamples.sums(self.counts[:, groups].sum(axis=1))))

    def speaker_accuracies(self) -> pd.Series[float]:
        """UA of each speaker over all groups, NaN for one without utterances."""
        return pd.Series(mean_known(_recalls(self.counts.sum(axis=1))), self.resamples.speakers)

    def weights(self) -> Floats:
        """Mean weight of the speakers of each group in each resample (B + 1, G)."""
        present = (self.counts[:, :, 1].sum(axis=2) > 0).astype(np.float64)
        found: Floats = self.resamples.weights @ (present / present.sum(axis=0))
        return found

    def speakers(self, groups: Sequence[int] | NDArray[np.intp] | None = None) -> list[str]:
        """Names of the speakers of some groups, or of all."""
        counts = self.counts if groups is None else self.counts[:, groups]
        present = np.flatnonzero(counts[:, :, 1].sum(axis=(1, 2)))
        return [self.resamples.speakers[s] for s in present]

    def share_lost(self, tests: Sequence[Sequence[int] | NDArray[np.intp]]) -> float:
        """Share of the resamples in which a test set (some groups) lacks a class that it has."""
        counts = [self.counts[:, list(groups), 1].sum(axis=1) for groups in tests]
        totals = self.resamples.sums(np.stack(counts, axis=1))
        return float(((totals[1:] == 0) & (totals[0] > 0)).any(axis=(1, 2)).mean())


def _recalls(counts: Floats) -> Floats:
    """Recalls (..., C) of counts (..., 2, C)."""
    return ratio(counts[..., 0, :], counts[..., 1, :])


def weighted_mean(values: Floats, weights: Floats) -> Floats:
    """Mean over the last axis of known values, with weights of the same shape; NaN without any."""
    known = np.where(np.isnan(values), 0.0, weights)
    return ratio((np.nan_to_num(values) * known).sum(axis=-1), known.sum(axis=-1))


def pooled_estimates(results: pd.DataFrame) -> pd.DataFrame:
    """UA of the predictions of all folds pooled: fields of its `Estimate`.

    The index is protocol, test set and system; the test set "" is the mean over all of a protocol,
    where the system has results on each.
    """
    found: dict[tuple[str, str, str], Estimate] = {}
    for protocol, some in results.groupby("protocol", observed=True):
        tests, resamples = some["test_set"].unique(), Resamples.of(some["speaker"])
        for system, own in some.groupby("system", observed=True):
            counted = SpeakerCounts.of(own, "test_set", resamples)
            groups: dict[str, list[int]] = {t: [g] for g, t in enumerate(counted.groups)}
            if len(groups) == len(tests):
                groups[""] = [*range(len(tests))]
            ua = counted.accuracies()
            for name, own_groups in groups.items():
                lost = counted.share_lost([[g] for g in own_groups])
                found[str(protocol), name, str(system)] = resamples.estimate(
                    mean_known(ua[:, own_groups]), counted.speakers(own_groups), lost
                )
    index = pd.MultiIndex.from_tuples([*found], names=SCORE)
    return pd.DataFrame([*map(asdict, found.values())], index)
