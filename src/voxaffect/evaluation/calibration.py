"""How far a stated confidence can be trusted, and what is gained by answering only when sure.

The confidence of an answer is the probability that the system gives it. Calibrated, of the answers
given with confidence p a share p is right. Every number is the mean over seeds of a value that
joins the answers of all folds of a protocol; so a corpus that is promised too much and one that is
promised too little may hide each other.

Sources: expected calibration error, M. P. Naeini, G. F. Cooper, M. Hauskrecht, Obtaining well
calibrated probabilities using Bayesian binning, AAAI 2015; by bins of equal mass, K. Nguyen,
B. O'Connor, Posterior calibration and exploratory analysis for natural language processing models,
EMNLP 2015; G. W. Brier, Verification of forecasts expressed in terms of probability, 1950; risk and
coverage, R. El-Yaniv, Y. Wiener, On the foundations of noise-free selective classification, JMLR
2010; the area under them, Y. Geifman, G. Uziel, R. El-Yaniv, Bias-reduced uncertainty estimation
for deep neural classifiers, ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from voxaffect.evaluation.experiment.run import FoldResult, Run
from voxaffect.evaluation.metrics import mean_known, ratio
from voxaffect.evaluation.results import by_system
from voxaffect.taxonomy import EMOTION

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

N_BINS = 10
COVERAGES = np.linspace(0.05, 1.0, 20)
"""Shares of the utterances that are answered: those of the highest confidence."""


@dataclass(frozen=True, eq=False)
class Bins:
    """Answers in bins of rising confidence.

    Args:
        share: float64 (N_BINS,), of all answers.
        confidence: float64 (N_BINS,), mean in the bin, NaN where it is empty.
        accuracy: float64 (N_BINS,), share of right answers, NaN where it is empty.
    """

    share: Floats
    confidence: Floats
    accuracy: Floats

    @property
    def expected_error(self) -> float:
        """Expected calibration error: distance of confidence and accuracy, mean over answers."""
        return float(np.nansum(self.share * np.abs(self.accuracy - self.confidence)))

    @property
    def maximum_error(self) -> float:
        """Maximum calibration error: the greatest distance of a bin."""
        return float(np.nanmax(np.abs(self.accuracy - self.confidence)))


@dataclass(frozen=True)
class Measures:
    """How reliable confidences are, in numbers.

    Args:
        accuracy: share of right answers.
        confidence: mean confidence; above the accuracy, the system promises too much.
        equal_mass: expected calibration error, bins of equal mass.
        equal_width: the same, bins of equal width.
        maximum: maximum calibration error, bins of equal mass.
        brier: mean squared distance of the probabilities from the truth, summed over classes:
            0 to 2.
        risk_area: share of wrong answers, mean over all coverages.
    """

    accuracy: float
    confidence: float
    equal_mass: float
    equal_width: float
    maximum: float
    brier: float
    risk_area: float


@dataclass(frozen=True, eq=False)
class Coverage:
    """What is right among the answers that are given when the least sure are withheld.

    Args:
        accuracy: float64 (20,), share of right answers at each of COVERAGES.
        ua: float64 (20,), mean recall over the classes of which anything is answered.
    """

    accuracy: Floats
    ua: Floats


@dataclass(frozen=True, eq=False)
class Reliability:
    """One system in one protocol.

    Args:
        protocol: `within`, `cross` or `aggregated`.
        system: its name.
        n_utterances: utterances answered for, the most of a seed.
        n_seeds: how many seeds are averaged.
        measures: means over seeds.
        diagram: bins of equal mass, each the mean over seeds.
        coverage: means over seeds.
    """

    protocol: str
    system: str
    n_utterances: int
    n_seeds: int
    measures: Measures
    diagram: Bins
    coverage: Coverage


@dataclass(frozen=True, eq=False)
class Stated:
    """Answers of one system and seed with what was stated of them.

    Args:
        truth: int64 (N,), emotion classes, N >= 1.
        answers: int64 (N,).
        probabilities: float64 (N, C).
    """

    truth: Rows
    answers: Rows
    probabilities: Floats

    @property
    def confidence(self) -> Floats:
        """Probability of each answer (N,)."""
        given: Floats = self.probabilities[np.arange(self.answers.size), self.answers]
        return given

    @property
    def right(self) -> Floats:
        """1 for each right answer, else 0, (N,)."""
        hits: Floats = (self.truth == self.answers).astype(np.float64)
        return hits


def reliabilities(run: Run) -> tuple[Reliability, ...]:
    """Reliability of every system in every protocol that has results."""
    groups = by_system(run.results).items()
    return tuple(_reliability(*key, results) for key, results in groups)


def _reliability(protocol: str, system: str, results: Sequence[FoldResult]) -> Reliability:
    seeds = [_stated([r for r in results if r.seed == s]) for s in {r.seed for r in results}]
    measures = zip(*(astuple(measure(stated)) for stated in seeds), strict=True)
    diagrams = (equal_mass(stated.confidence, stated.right) for stated in seeds)
    curves = (coverage(stated) for stated in seeds)
    return Reliability(
        protocol=protocol,
        system=system,
        n_utterances=max(stated.truth.size for stated in seeds),
        n_seeds=len(seeds),
        measures=Measures(*map(fmean, measures)),
        diagram=Bins(*_means((d.share, d.confidence, d.accuracy) for d in diagrams)),
        coverage=Coverage(*_means((c.accuracy, c.ua) for c in curves)),
    )


def _stated(results: Sequence[FoldResult]) -> Stated:
    return Stated(
        truth=np.concatenate([r.y_true for r in results]),
        answers=np.concatenate([r.y_pred for r in results]),
        probabilities=np.concatenate([r.probabilities for r in results]),
    )


def _means(seeds: Iterator[tuple[Floats, ...]]) -> list[Floats]:
    """Each of several arrays, averaged over seeds; a bin empty for one seed is left to others."""
    return [mean_known(np.stack(arrays), axis=0) for arrays in zip(*seeds, strict=True)]


def measure(stated: Stated) -> Measures:
    """The measures of one seed's answers."""
    confidence, right = stated.confidence, stated.right
    by_mass = equal_mass(confidence, right)
    truth = np.eye(stated.probabilities.shape[1])[stated.truth]
    n_answered = np.arange(1.0, right.size + 1)
    return Measures(
        accuracy=float(right.mean()),
        confidence=float(confidence.mean()),
        equal_mass=by_mass.expected_error,
        equal_width=equal_width(confidence, right).expected_error,
        maximum=by_mass.maximum_error,
        brier=float(np.square(stated.probabilities - truth).sum(axis=1).mean()),
        risk_area=float(1 - np.mean(sums_at(n_answered, confidence, right) / n_answered)),
    )


def equal_mass(confidence: Floats, right: Floats) -> Bins:
    """Ten bins of nearly as many answers each; equal confidences share a bin."""
    n_below = np.searchsorted(np.sort(confidence), confidence)
    return _bins(n_below * N_BINS // confidence.size, confidence, right)


def equal_width(confidence: Floats, right: Floats) -> Bins:
    """Ten bins of a tenth each: [0, .1), [.1, .2) ... [.9, 1]."""
    number = np.clip((confidence * N_BINS).astype(np.int64), 0, N_BINS - 1)
    return _bins(number, confidence, right)


def _bins(number: Rows, confidence: Floats, right: Floats) -> Bins:
    counts = np.bincount(number, minlength=N_BINS).astype(np.float64)
    sums = [np.bincount(number, values, N_BINS) for values in (confidence, right)]
    return Bins(counts / number.size, *(ratio(some, counts) for some in sums))


def coverage(stated: Stated) -> Coverage:
    """Accuracy and UA of one seed's answers at every one of COVERAGES."""
    confidence, right = stated.confidence, stated.right
    n_answered = COVERAGES * right.size
    of_class = np.eye(EMOTION.n_classes)[stated.truth].T  # (C, N)
    hits = np.array([sums_at(n_answered, confidence, right * own) for own in of_class])
    totals = np.array([sums_at(n_answered, confidence, own) for own in of_class])
    return Coverage(
        accuracy=hits.sum(axis=0) / n_answered,
        ua=mean_known(ratio(hits, totals), axis=0),
    )


def sums_at(n_answered: Floats, confidence: Floats, values: Floats) -> Floats:
    """Sum of a value over the answers of highest confidence.

    Among answers of one confidence nothing says which are withheld: each counts by the share of
    them that is answered, which is what choosing at random comes to on average.

    Args:
        n_answered: (K,), how many are answered; need not be whole.
        confidence: float64 (N,).
        values: float64 (N,), such as 1 where an answer is right.

    Returns:
        float64 (K,).
    """
    _, level, counts = np.unique(-confidence, return_inverse=True, return_counts=True)
    ends = np.concatenate([[0], np.cumsum(counts)])
    sums = np.concatenate([[0.0], np.cumsum(np.bincount(level, values))])
    found: Floats = np.interp(n_answered, ends, sums)
    return found
