"""How much of what a system recognizes in clean speech it still recognizes in the wild.

The number to compare systems by, for the conditions k of the groups g (noise, room, ...):

    degraded UA = mean over g of mean over k in g of UA(k)
    robustness  = (degraded UA - chance) / (clean UA - chance)

Every group weighs the same, so that it does not matter how many kinds of noise and how few rooms a
catalog holds, and the ratio is of what is above chance, so that guessing scores 0 and an answer
that nothing changes scores 1. It is undefined where clean speech is not recognized above chance.
It says nothing of how good a system is on clean speech: a weak one has little to lose. So it stands
beside the degraded UA, on which systems are compared, too. Controls are shown and score nothing.

Relative accuracy under a catalog of corruptions goes back to Hendrycks & Dietterich,
"Benchmarking neural network robustness to common corruptions and perturbations", ICLR 2019.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.degrade.degradation import CLEAN
from voxaffect.errors import ArtifactError
from voxaffect.evaluation.experiment.run import FoldResult
from voxaffect.evaluation.intervals import speaker_weights
from voxaffect.evaluation.metrics import mean_known, ratio
from voxaffect.evaluation.significance import LEVEL
from voxaffect.features.cache.degraded import split_condition_id
from voxaffect.files import write_text
from voxaffect.taxonomy import EMOTION

# Right answers by condition, speaker and class: what accuracies under any weights come from.
#
# A bootstrap over speakers weighs every speaker by how often it is drawn. Counts by speaker are all
# that is needed for that: no answer is looked at twice.
#
# Letters: B draws, F folds, K conditions, S speakers, C classes.

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ConditionCounts:
    """One system's answers on one fold.

    Args:
        fold: its name.
        test: the test set that it belongs to, a row of the tables.
        speakers: those under test, S of them.
        n: utterances (S, C).
        right: right answers of each seed (N, K, S, C); what has no answer is not right.
    """

    fold: str
    test: str
    speakers: tuple[str, ...]
    n: Counts
    right: Counts

    def accuracies(self, weights: Floats) -> Floats:
        """Unweighted accuracy of each seed (N, B, K), NaN where nobody has any weight.

        Args:
            weights: how much each speaker counts in every draw (B, S).
        """
        n = (weights @ self.n)[:, None]  # (B, 1, C)
        return mean_known(ratio(np.einsum("bs,nksc->nbkc", weights, self.right), n))

    def chance(self, weights: Floats) -> Floats:
        """Accuracy of guessing among the classes that have weight (B,), NaN where there is none."""
        return ratio(1, np.count_nonzero(weights @ self.n, axis=1))


def tally(
    results: Sequence[FoldResult], conditions: Sequence[str], speaker_of: Mapping[str, str]
) -> ConditionCounts:
    """Count one system's answers on one fold.

    Args:
        results: one a seed; ids are those of `condition_id`.
        conditions: K names, clean speech first, under which every utterance is heard.
        speaker_of: utterance id -> speaker.
    """
    names = [split_condition_id(name) for name in results[0].ids]
    heard = [i for condition, i in names if condition == conditions[0]]
    speakers = tuple(sorted({speaker_of[i] for i in heard}))
    place = {speaker: s for s, speaker in enumerate(speakers)}
    number = {condition: k for k, condition in enumerate(conditions)}
    cells = (
        np.array([number[condition] for condition, _ in names]),
        np.array([place[speaker_of[i]] for _, i in names]),
    )
    shape = (len(conditions), len(speakers), EMOTION.n_classes)
    right = np.zeros((len(results), *shape), np.int64)
    total = np.zeros(shape, np.int64)
    np.add.at(total, (*cells, results[0].y_true), 1)
    for n, result in enumerate(results):
        np.add.at(right[n], (*cells, result.y_true), result.y_pred == result.y_true)
    return ConditionCounts(results[0].fold, results[0].corpus, speakers, total[0], right)


def accuracies(
    tallies: Sequence[ConditionCounts], weights: Floats, speakers: Sequence[str]
) -> Floats:
    """UA of a system under every condition (B, K): mean over folds, then over test sets.

    Seeds are averaged within a fold. A fold counts as often as its speakers are drawn on average.

    Args:
        tallies: one a fold.
        weights: of all speakers (B, S).
        speakers: their names.
    """
    return _over_tests(tallies, weights, speakers, lambda t, w: t.accuracies(w).mean(axis=0))


def chance(tallies: Sequence[ConditionCounts], weights: Floats, speakers: Sequence[str]) -> Floats:
    """UA of guessing (B,), averaged in the same way."""
    return _over_tests(tallies, weights, speakers, lambda t, w: t.chance(w)[:, None])[:, 0]


def resample(speakers: Sequence[str], n_draws: int, seed: int) -> Floats:
    """How much each speaker weighs (n_draws + 1, S): as much as any at first, then at random."""
    return np.concatenate([np.ones((1, len(speakers))), speaker_weights(speakers, n_draws, seed)])


def _over_tests(
    tallies: Sequence[ConditionCounts],
    weights: Floats,
    speakers: Sequence[str],
    measure: Callable[[ConditionCounts, Floats], Floats],
) -> Floats:
    """Mean over folds, then over test sets, of what is measured of each fold (B, M)."""
    place = {speaker: s for s, speaker in enumerate(speakers)}
    tests: dict[str, Mean] = {}
    for fold in tallies:
        own = weights[:, [place[speaker] for speaker in fold.speakers]]
        tests.setdefault(fold.test, Mean()).add(measure(fold, own), own.mean(axis=1))
    together = Mean()
    for test in tests.values():
        together.add(test.values(), (test.weight > 0).astype(np.float64)[:, 0])
    return together.values()


class Mean:
    """A weighted mean of arrays (B, M) that come one after another, each with weights (B,)."""

    def __init__(self) -> None:
        self.total: Floats = np.zeros((1, 1))
        self.weight: Floats = np.zeros((1, 1))

    def add(self, values: Floats, weights: Floats) -> None:
        """One more; where it has no weight, it may be NaN."""
        self.total = self.total + np.where(weights[:, None] > 0, values, 0.0) * weights[:, None]
        self.weight = self.weight + weights[:, None]

    def values(self) -> Floats:
        """The mean so far, NaN where nothing has had any weight."""
        return ratio(self.total, self.weight)


FILE = "robustness.json"
"""Beside a run's header."""


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval over speakers.

    Args:
        value: of all speakers; None where it is undefined.
        low: its lower end, None where there is no interval.
        high: its upper end.
    """

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Condition:
    """What speech was heard under.

    Args:
        name: key of the catalog, or `clean`.
        group: what it is a kind of.
        severity: how strong it is, in words.
        scored: whether it counts in the robustness; clean speech and controls do not.
        n_refused: utterances that could not be heard at all under it; they count as wrong.
    """

    name: str
    group: str
    severity: str
    scored: bool
    n_refused: int


@dataclass(frozen=True)
class SystemRobustness:
    """One system.

    Args:
        system: its name.
        ua: condition -> unweighted accuracy.
        retained: condition -> share of the accuracy above chance on clean speech.
        groups: scored group -> mean UA of its conditions.
        degraded: mean UA of the scored groups.
        robustness: the one number.
    """

    system: str
    ua: dict[str, Estimate]
    retained: dict[str, Estimate]
    groups: dict[str, Estimate]
    degraded: Estimate
    robustness: Estimate

    @property
    def clean(self) -> Estimate:
        """Unweighted accuracy on clean speech."""
        return self.ua[CLEAN]


@dataclass(frozen=True)
class Compared:
    """Two systems under the same conditions, on the same folds and the same draws of speakers.

    Args:
        reference: the system compared with.
        system: the system compared.
        degraded: degraded UA of `system` minus that of `reference`.
        robustness: the same of robustness.
        n_pairs: folds.
        p: of the degraded UA, two-sided Wilcoxon signed-rank over folds.
        p_holm: the same, corrected for all pairs of systems.
        reachable: whether so few differing folds could have given p <= .05 at all.
    """

    reference: str
    system: str
    degraded: Estimate
    robustness: Estimate
    n_pairs: int
    p: float
    p_holm: float
    reachable: bool

    @property
    def significant(self) -> bool:
        """Whether the difference holds at LEVEL after correction."""
        return self.p_holm <= LEVEL


@dataclass(frozen=True)
class Robustness:
    """All systems under all conditions.

    Args:
        protocol: who trained on whom.
        conditions: clean first, then as they were asked for.
        systems: in the order of the tables.
        comparisons: pairs of systems.
        chance: UA of guessing.
        n_folds: folds that all systems have answered; others are left out.
        n_left_out: folds that some system has not answered.
        n_seeds: most seeds of a system on a fold; they are averaged first.
        n_speakers: corpus -> speakers under test.
        n_utterances: utterances under test.
        seed: of the degradations.
        note: a sentence to stand wherever a number is shown.
    """

    protocol: str
    conditions: tuple[Condition, ...]
    systems: tuple[SystemRobustness, ...]
    comparisons: tuple[Compared, ...]
    chance: float
    n_folds: int
    n_left_out: int
    n_seeds: int
    n_speakers: dict[str, int]
    n_utterances: int
    seed: int
    note: str = ""

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the intervals: speakers less corpora."""
        return sum(self.n_speakers.values()) - len(self.n_speakers)

    @property
    def scored_groups(self) -> tuple[str, ...]:
        """Groups that the robustness is the mean of, in their order."""
        return tuple(dict.fromkeys(c.group for c in self.conditions if c.scored))

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Robustness:
        """What `asdict` has taken apart.

        Raises:
            KeyError: something is missing.
            TypeError: something is too much.
        """
        parts = {
            "conditions": tuple(Condition(**c) for c in plain["conditions"]),
            "systems": tuple(_system(s) for s in plain["systems"]),
            "comparisons": tuple(_compared(c) for c in plain["comparisons"]),
        }
        return cls(**{**plain, **parts})


def _system(plain: Mapping[str, Any]) -> SystemRobustness:
    several = ("ua", "retained", "groups")
    parts = {name: {k: Estimate(**e) for k, e in plain[name].items()} for name in several}
    return SystemRobustness(**{**plain, **parts, **_estimates(plain)})


def _compared(plain: Mapping[str, Any]) -> Compared:
    return Compared(**{**plain, **_estimates(plain)})


def _estimates(plain: Mapping[str, Any]) -> dict[str, Estimate]:
    return {name: Estimate(**plain[name]) for name in ("degraded", "robustness")}


def save_robustness(found: Robustness, folder: Path) -> Path:
    """Write it to a folder, whole or not at all; returns the file."""
    text = json.dumps(asdict(found), indent=1, ensure_ascii=False, allow_nan=False)
    write_text(folder / FILE, text + "\n")
    return folder / FILE


def load_robustness(folder: Path) -> Robustness | None:
    """What a folder holds, None where that is nothing.

    Raises:
        ArtifactError: the file is damaged.
    """
    path = folder / FILE
    try:
        return Robustness.from_plain(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise ArtifactError(f"{path}: damaged ({fault}); delete it and run again") from fault
