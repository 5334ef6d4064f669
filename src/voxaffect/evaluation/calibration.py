"""Confidence calibration and selective prediction: ECE, Brier score, risk-coverage curve.

The confidence of a prediction is the probability that the system gives it; calibrated, a share p of
the predictions with confidence p is correct. Every number is the mean over seeds of a value that
joins the predictions of all folds of a protocol, so over- and underconfidence on different corpora
may cancel out.

Sources: expected calibration error (ECE), M. P. Naeini, G. F. Cooper, M. Hauskrecht, Obtaining well
calibrated probabilities using Bayesian binning, AAAI 2015; bins of equal mass, K. Nguyen,
B. O'Connor, Posterior calibration and exploratory analysis for natural language processing models,
EMNLP 2015; G. W. Brier, Verification of forecasts expressed in terms of probability, 1950; risk and
coverage, R. El-Yaniv, Y. Wiener, On the foundations of noise-free selective classification, JMLR
2010; the area under them, Y. Geifman, G. Uziel, R. El-Yaniv, Bias-reduced uncertainty estimation
for deep neural classifiers, ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

import numpy as np
import pandas as pd

from voxaffect.evaluation.metrics import Counts, Floats, mean_known, ratio
from voxaffect.evaluation.results import PROBABILITIES, class_codes
from voxaffect.taxonomy import EMOTION

N_BINS = 10
COVERAGES = np.linspace(0.05, 1.0, 20)
"""Shares of the utterances that are answered: those of the highest confidence."""


class Bins(NamedTuple):
    """Reliability diagram, float64 (N_BINS,) of bins of rising confidence, NaN where empty.

    Args:
        share: of all predictions, 0 where empty.
        confidence: mean of the bin.
        accuracy: share of correct predictions.
    """

    share: Floats
    confidence: Floats
    accuracy: Floats


class Measures(NamedTuple):
    """Calibration metrics.

    Args:
        confidence: mean confidence; above the accuracy, the system is overconfident.
        equal_mass: expected calibration error, |accuracy - confidence| of bins of equal mass, mean
            over predictions.
        equal_width: the same, bins of equal width.
        maximum: maximum calibration error: the greatest of a bin of equal mass.
        brier: Brier score, summed over classes: 0 to 2.
        risk_area: area under the risk-coverage curve: share of wrong predictions, mean over all
            coverages.
    """

    accuracy: float
    confidence: float
    equal_mass: float
    equal_width: float
    maximum: float
    brier: float
    risk_area: float


class Coverage(NamedTuple):
    """Scores (20,) at each of COVERAGES, when the least confident predictions are withheld.

    Args:
        accuracy: share of correct predictions.
        ua: mean recall over the classes with a prediction that is not withheld.
    """

    accuracy: Floats
    ua: Floats


@dataclass(frozen=True, eq=False)
class Reliability:
    """Calibration of one system in one protocol, means over seeds; bins are of equal mass."""

    protocol: str
    system: str
    n_utterances: int
    n_seeds: int
    measures: Measures
    diagram: Bins
    coverage: Coverage


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of one system and seed: classes int64 (N,), N >= 1, probabilities (N, C)."""

    truth: Counts
    predicted: Counts
    probabilities: Floats

    @property
    def confidence(self) -> Floats:
        """Probability of each prediction (N,)."""
        return np.take_along_axis(self.probabilities, self.predicted[:, None], axis=1)[:, 0]

    @property
    def correct(self) -> Floats:
        """1 for each correct prediction, else 0, (N,)."""
        return np.equal(self.truth, self.predicted).astype(np.float64)


def reliabilities(results: pd.DataFrame) -> tuple[Reliability, ...]:
    """Calibration of every system in every protocol of a table of results."""
    groups = results.groupby(["protocol", "system"], observed=True)
    return tuple(_reliability(str(p), str(system), own) for (p, system), own in groups)


def _reliability(protocol: str, system: str, results: pd.DataFrame) -> Reliability:
    seeds = [
        Predictions(
            class_codes(own["y_true"]),
            class_codes(own["y_pred"]),
            own[[*PROBABILITIES]].to_numpy(np.float64),
        )
        for _, own in results.groupby("seed")
    ]
    return Reliability(
        protocol=protocol,
        system=system,
        n_utterances=max(seed.truth.size for seed in seeds),
        n_seeds=len(seeds),
        measures=Measures(*map(fmean, zip(*map(measure, seeds), strict=True))),
        diagram=Bins(*_means(equal_mass(seed.confidence, seed.correct) for seed in seeds)),
        coverage=Coverage(*_means(map(coverage, seeds))),
    )


def _means(seeds: Iterable[tuple[Floats, ...]]) -> list[Floats]:
    """Mean of each array over seeds; NaN (a bin empty for one seed) is ignored."""
    return [mean_known(np.stack(arrays), axis=0) for arrays in zip(*seeds, strict=True)]


def measure(predictions: Predictions) -> Measures:
    """Calibration metrics of one seed."""
    confidence, correct = predictions.confidence, predictions.correct
    mass, width = (
        (bins.share, np.abs(bins.accuracy - bins.confidence))
        for bins in (equal_mass(confidence, correct), equal_width(confidence, correct))
    )
    truth = np.eye(EMOTION.n_classes)[predictions.truth]
    n_answered = np.arange(1.0, correct.size + 1)
    return Measures(
        accuracy=float(correct.mean()),
        confidence=float(confidence.mean()),
        equal_mass=float(np.nansum(np.multiply(*mass))),
        equal_width=float(np.nansum(np.multiply(*width))),
        maximum=float(np.nanmax(mass[1])),
        brier=float(np.square(predictions.probabilities - truth).sum(axis=1).mean()),
        risk_area=float(1 - np.mean(sums_at(n_answered, confidence, correct) / n_answered)),
    )


def equal_mass(confidence: Floats, correct: Floats) -> Bins:
    """Ten bins of nearly as many predictions each; equal confidences share a bin."""
    n_below = np.searchsorted(np.sort(confidence), confidence)
    return _bins(n_below * N_BINS // confidence.size, confidence, correct)


def equal_width(confidence: Floats, correct: Floats) -> Bins:
    """Ten bins of a tenth each: [0, .1), [.1, .2) ... [.9, 1]."""
    number = np.clip((confidence * N_BINS).astype(np.int64), 0, N_BINS - 1)
    return _bins(number, confidence, correct)


def _bins(number: Counts, confidence: Floats, correct: Floats) -> Bins:
    counts = np.bincount(number, minlength=N_BINS).astype(np.float64)
    sums = [np.bincount(number, values, N_BINS) for values in (confidence, correct)]
    return Bins(counts / number.size, *(ratio(some, counts) for some in sums))


def coverage(predictions: Predictions) -> Coverage:
    """Accuracy and UA of one seed at each of COVERAGES."""
    confidence, correct = predictions.confidence, predictions.correct
    n_answered = COVERAGES * correct.size
    of_class = np.eye(EMOTION.n_classes)[predictions.truth].T  # (C, N)
    hits = np.array([sums_at(n_answered, confidence, correct * own) for own in of_class])
    totals = np.array([sums_at(n_answered, confidence, own) for own in of_class])
    return Coverage(hits.sum(axis=0) / n_answered, mean_known(ratio(hits, totals), axis=0))


def sums_at(n_answered: Floats, confidence: Floats, values: Floats) -> Floats:
    """Sum of a value over the predictions of highest confidence (K,).

    Predictions of equal confidence count by the share of them that is answered: the mean of
    choosing among them at random.

    Args:
        n_answered: (K,), how many are answered; need not be whole.
        confidence: (N,).
        values: (N,), such as 1 where a prediction is correct.
    """
    _, level, counts = np.unique(-confidence, return_inverse=True, return_counts=True)
    ends = np.concatenate([[0], np.cumsum(counts)])
    sums = np.concatenate([[0.0], np.cumsum(np.bincount(level, values))])
    found: Floats = np.interp(n_answered, ends, sums)
    return found
