"""Learning curves: unweighted accuracy (UA) against the amount of training data.

Each fold is also run with shares of its training set; dev and test sets stay. Seeds are averaged
within a fold first. A curve counts only folds that the system has at every share, so that no curve
moves because folds come or go.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from voxaffect.evaluation.comparisons import PairedTest, holm, wilcoxon
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.intervals import Estimate, Resamples, SpeakerCounts, weighted_mean
from voxaffect.evaluation.results import (
    by_system,
    display_order,
    metrics_by,
    names,
    pick,
    single_task_of,
)


@dataclass(frozen=True)
class LearningGain:
    """Gain of a multi-task net over the single-task net of its trunk at one share.

    Args:
        paired: test of UA over the folds that both have at every share.
        difference: UA of `system` minus that of `reference`, mean over these folds.
        p_holm: corrected for all gains of the protocol.
    """

    protocol: str
    system: str
    reference: str
    share: float
    paired: PairedTest
    difference: Estimate
    p_holm: float


@dataclass(frozen=True, eq=False)
class LearningCurves:
    """Learning curves and gains of a run.

    Args:
        points: by protocol, system and share, n_train (mean over folds), ua (mean over seeds, then
            folds of a test set, then test sets), n_folds and n_seeds (fewest of a fold).
    """

    points: pd.DataFrame
    gains: tuple[LearningGain, ...]

    @property
    def protocols(self) -> tuple[str, ...]:
        """Protocols that have a curve, in their order."""
        return tuple(names(self.points.index.unique("protocol")))

    def ua(self, protocol: str) -> pd.DataFrame:
        """UA of a protocol: a row a share, a column a system."""
        found = by_system(pick(self.points, protocol=protocol))
        return found[[*display_order(map(str, found))]]

    def gains_of(self, protocol: str) -> tuple[LearningGain, ...]:
        """Gains of one protocol, by trunk and share."""
        return tuple(gain for gain in self.gains if gain.protocol == protocol)


def learning_curves(run: Run) -> LearningCurves | None:
    """Learning curves of a run, None where it has only whole training sets."""
    if run.thinned.empty:
        return None
    results = pd.concat([run.results, run.thinned])
    n_train = run.trainings.groupby("settings_digest", observed=True)["n_train"].first()
    results = results.assign(n_train=results["settings_digest"].map(n_train).astype(float))
    found, gains = [], []
    for protocol, own in results.groupby("protocol", observed=True):
        if len(own["train_share"].unique()) == 1:
            continue
        complete = {}  # system -> its results on what is left out at every share that it has
        for system, some in own.groupby("system", observed=True):
            n_shares = some.groupby("test_name", observed=True)["train_share"].transform("nunique")
            complete[str(system)] = some[n_shares == some["train_share"].nunique()]
        for name, some in complete.items():
            if not some.empty:
                found.append(_points(some).assign(protocol=protocol, system=name))
        gains += _gains(str(protocol), complete)
    points = pd.concat(found).reset_index() if found else pd.DataFrame(columns=[*KEYS, *POINT])
    return LearningCurves(points.set_index(KEYS), tuple(gains))


KEYS = ["protocol", "system", "train_share"]
POINT = ["n_train", "ua", "n_folds", "n_seeds"]


def _points(results: pd.DataFrame) -> pd.DataFrame:
    by_fold = ["train_share", "test_set", "test_name"]
    ua = metrics_by(results, [*by_fold, "seed"])["ua"].groupby(level=by_fold, observed=True).mean()
    seeds = results.groupby(by_fold, observed=True)["seed"].nunique().groupby("train_share").min()
    sizes = results.groupby(by_fold, observed=True)["n_train"].first().groupby("train_share")
    by_test = ua.groupby(level=["train_share", "test_set"], observed=True).mean()
    points = (sizes.mean(), by_test.groupby("train_share").mean(), sizes.size(), seeds)
    return pd.DataFrame(dict(zip(POINT, points, strict=True)))


def _gains(protocol: str, complete: dict[str, pd.DataFrame]) -> list[LearningGain]:
    found = []
    for system, ours in complete.items():
        theirs = complete.get(reference := single_task_of(system))
        if not system.endswith("-mtl") or theirs is None:
            continue
        folds = set(ours["test_name"]) & set(theirs["test_name"])
        both = [some[some["test_name"].isin(folds)] for some in (ours, theirs)]
        for share in sorted(set(both[0]["train_share"]) & set(both[1]["train_share"])):
            resamples = Resamples.of(ours["speaker"])
            above, below = (
                SpeakerCounts.of(some[some["train_share"] == share], "test_name", resamples)
                for some in both
            )
            gains = above.accuracies() - below.accuracies()
            mean = weighted_mean(gains, above.weights())
            estimate = resamples.estimate(mean, above.speakers())
            found.append((system, reference, share, wilcoxon(gains[0]), estimate))
    corrected = holm([test.p for *_, test, _ in found])
    pairs = zip(found, map(float, corrected), strict=True)
    return [LearningGain(protocol, *gain, p_holm) for gain, p_holm in pairs]
