"""Scores of systems on clean and degraded speech: robustness, intervals and comparisons.

Letters: B resamples, K conditions, S speakers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from voxaffect.audio.degrade import CONTROLS
from voxaffect.audio.degrade.degradation import AS_RECORDED, CLEAN, Degradation
from voxaffect.evaluation.comparisons import DECIMALS, default_pairs, holm, wilcoxon
from voxaffect.evaluation.experiment.run import FoldResult
from voxaffect.evaluation.intervals import (
    MIN_DEGREES_OF_FREEDOM,
    degrees_of_freedom,
    percentile_interval,
    speakers_by_corpus,
    tail,
)
from voxaffect.evaluation.metrics import Floats
from voxaffect.evaluation.results import display_order
from voxaffect.evaluation.robustness.robustness import (
    Compared,
    Condition,
    ConditionCounts,
    Estimate,
    Robustness,
    SystemRobustness,
    accuracies,
    chance,
    resample,
)
from voxaffect.evaluation.splits.folds import UNKNOWN

N_DRAWS = 2000
DRAW_SEED = 0


def robustness(
    results: Sequence[FoldResult],
    degradations: Sequence[Degradation],
    speaker_of: Mapping[str, str],
    *,
    n_refused: Mapping[str, int] | None = None,
    seed: int = 0,
    note: str = "",
) -> Robustness | None:
    """Robustness of systems from their predictions for clean and degraded speech.

    Args:
        results: of one protocol; ids are those of `condition_id`, of clean speech and of every
            degradation.
        degradations: of the recordings.
        speaker_of: utterance id -> speaker, qualified by the corpus.
        n_refused: condition -> utterances without frames, 0 where absent.
        seed: of the degradations.
        note: sentence to show wherever a number is shown.

    Returns:
        None where there is no fold that all systems have.
    """
    conditions = []
    for d in (AS_RECORDED, *degradations):
        scored = d.group not in {CLEAN, *CONTROLS}
        refused = (n_refused or {}).get(d.name, 0)
        conditions.append(Condition(d.name, d.group, d.severity, scored, refused))
    grouped: dict[str, dict[str, list[FoldResult]]] = defaultdict(lambda: defaultdict(list))
    for r in results:
        grouped[r.system][r.fold].append(r)
    shared = set.intersection(*map(set, grouped.values())) if grouped else set()
    if not shared:
        return None
    names = [c.name for c in conditions]
    folds = {
        system: [ConditionCounts.of(of[fold], names, speaker_of) for fold in sorted(shared)]
        for system, of in grouped.items()
    }
    some = next(iter(folds.values()))
    draws = Draws.of(some)
    measured = {s: _measure(folds[s], conditions, draws) for s in display_order(folds)}
    return Robustness(
        protocol=results[0].protocol,
        conditions=tuple(conditions),
        systems=tuple(_system(s, m, conditions, draws) for s, m in measured.items()),
        comparisons=_compare(folds, measured, conditions, draws),
        chance=float(draws.chance[0]),
        n_folds=len(shared),
        n_left_out=len({r.fold for r in results}) - len(shared),
        n_seeds=max(len(fold.correct) for of in folds.values() for fold in of),
        n_speakers={c: len(s) for c, s in speakers_by_corpus(draws.speakers).items()},
        n_utterances=int(sum(fold.n.sum() for fold in some)),
        seed=seed,
        note=note,
    )


@dataclass(frozen=True, eq=False)
class Draws:
    """Bootstrap resamples of speakers, the first of which is all speakers once.

    Args:
        speakers: S speakers under test.
        weights: of each speaker in each resample (B, S).
        chance: chance level of UA (B,).
        tail: share of the resamples beyond each end of an interval; None without intervals, with
            fewer than MIN_DEGREES_OF_FREEDOM or where speakers are not known.
    """

    speakers: tuple[str, ...]
    weights: Floats
    chance: Floats
    tail: float | None

    @classmethod
    def of(cls, folds: Sequence[ConditionCounts]) -> Draws:
        """Resamples of the speakers of some folds."""
        speakers = tuple(sorted({speaker for fold in folds for speaker in fold.speakers}))
        weights = resample(speakers, N_DRAWS, DRAW_SEED)
        degrees = degrees_of_freedom(speakers)
        known = not any(speaker.endswith(UNKNOWN) for speaker in speakers)
        beyond = tail(degrees) if known and degrees >= MIN_DEGREES_OF_FREEDOM else None
        return cls(speakers, weights, chance(folds, weights, speakers), beyond)

    def estimate(self, values: Floats) -> Estimate:
        """A number from its values in every resample (B,).

        It is None where undefined on all speakers, and has no interval where undefined on any
        resample.
        """
        if np.isnan(values[0]):
            return Estimate(None)
        value = float(values[0])
        if self.tail is None or np.isnan(values).any():
            return Estimate(value)
        return Estimate(value, *percentile_interval(values[1:], self.tail))

    def retained(self, ua: Floats, clean: Floats) -> Floats:
        """Share of the accuracy above chance that is left (B,), NaN where there was none."""
        above = clean - self.chance
        share: Floats = np.divide(
            ua - self.chance, above, out=np.full(len(ua), np.nan), where=above > 10.0**-DECIMALS
        )
        return share


@dataclass(frozen=True, eq=False)
class Measured:
    """One system in every resample.

    Args:
        ua: under every condition, clean first (B, K).
        groups: scored group -> mean over its conditions (B,).
        degraded: mean over groups (B,), NaN where none is scored.
        robustness: share of the accuracy above chance that is left (B,).
    """

    ua: Floats
    groups: Mapping[str, Floats]
    degraded: Floats
    robustness: Floats


def _measure(
    folds: Sequence[ConditionCounts], conditions: Sequence[Condition], draws: Draws
) -> Measured:
    ua = accuracies(folds, draws.weights, draws.speakers)
    groups = {group: ua[:, index].mean(axis=1) for group, index in _scored(conditions).items()}
    degraded = np.mean([*groups.values()], axis=0) if groups else np.full(len(ua), np.nan)
    return Measured(ua, groups, degraded, draws.retained(degraded, ua[:, 0]))


def _scored(conditions: Sequence[Condition]) -> dict[str, list[int]]:
    """Scored group -> indices of its conditions."""
    groups: dict[str, list[int]] = {}
    for k, condition in enumerate(conditions):
        if condition.scored:
            groups.setdefault(condition.group, []).append(k)
    return groups


def _system(
    name: str, measured: Measured, conditions: Sequence[Condition], draws: Draws
) -> SystemRobustness:
    ua = {c.name: measured.ua[:, k] for k, c in enumerate(conditions)}
    return SystemRobustness(
        system=name,
        ua={c: draws.estimate(values) for c, values in ua.items()},
        retained={c: draws.estimate(draws.retained(v, ua[CLEAN])) for c, v in ua.items()},
        groups={group: draws.estimate(values) for group, values in measured.groups.items()},
        degraded=draws.estimate(measured.degraded),
        robustness=draws.estimate(measured.robustness),
    )


def _compare(
    folds: Mapping[str, Sequence[ConditionCounts]],
    measured: Mapping[str, Measured],
    conditions: Sequence[Condition],
    draws: Draws,
) -> tuple[Compared, ...]:
    """Pairs of systems, with p-values corrected for all of them."""
    groups = _scored(conditions)
    if not groups:
        return ()

    def degraded(fold: ConditionCounts) -> list[float]:
        """Degraded UA of each seed."""
        ua = fold.accuracies(np.ones((1, len(fold.speakers))))[:, 0]  # (N, K)
        means = [ua[:, index].mean(axis=1) for index in groups.values()]
        return [*map(float, np.mean(means, axis=0))]

    by_fold = {s: {fold.fold: degraded(fold) for fold in of} for s, of in folds.items()}
    pairs = default_pairs([*measured])
    tests = [wilcoxon(by_fold[system], by_fold[reference]) for reference, system in pairs]
    corrected = holm([test.p_value for test in tests])
    return tuple(
        Compared(
            reference=reference,
            system=system,
            degraded=draws.estimate(measured[system].degraded - measured[reference].degraded),
            robustness=draws.estimate(measured[system].robustness - measured[reference].robustness),
            n_pairs=test.n_pairs,
            p=test.p_value,
            p_holm=float(p_holm),
            reachable=test.reachable,
        )
        for (reference, system), test, p_holm in zip(pairs, tests, corrected, strict=True)
    )
