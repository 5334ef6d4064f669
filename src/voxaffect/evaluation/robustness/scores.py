"""From answers to clean and degraded speech to robustness, its intervals and comparisons.

Letters: B draws of speakers, K conditions, S speakers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from voxaffect.audio.degrade import CONTROLS
from voxaffect.audio.degrade.degradation import CLEAN, Clean, Degradation
from voxaffect.evaluation.comparisons import pairs
from voxaffect.evaluation.experiment.run import FoldResult
from voxaffect.evaluation.intervals import MIN_FREEDOM, freedom, strata, tail
from voxaffect.evaluation.results import display_order
from voxaffect.evaluation.robustness import robustness as tallies
from voxaffect.evaluation.robustness.robustness import (
    Compared,
    Condition,
    ConditionCounts,
    Estimate,
    Floats,
    Robustness,
    SystemRobustness,
)
from voxaffect.evaluation.significance import DECIMALS, holm, wilcoxon
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
    """Score the answers of systems to clean and degraded speech.

    Args:
        results: of one protocol; ids are those of `condition_id`, under clean speech and under
            every degradation.
        degradations: what was done to the recordings.
        speaker_of: utterance id -> speaker, qualified by the corpus.
        n_refused: condition -> utterances without frames, 0 where it is not named.
        seed: of the degradations.
        note: a sentence to stand wherever a number is shown.

    Returns:
        None where there is no fold that all systems have answered.
    """
    conditions = [_condition(d, n_refused or {}) for d in (Clean(), *degradations)]
    names = [c.name for c in conditions]
    by_system = _tallies(results, names, speaker_of)
    folds = set.intersection(*(set(t) for t in by_system.values())) if by_system else set()
    if not folds:
        return None
    kept = {s: [of[fold] for fold in sorted(folds)] for s, of in by_system.items()}
    some = next(iter(kept.values()))
    draws = Draws.of(some)
    measured = {s: _measure(kept[s], conditions, draws) for s in display_order(kept)}
    return Robustness(
        protocol=results[0].protocol,
        conditions=tuple(conditions),
        systems=tuple(_system(s, m, conditions, draws) for s, m in measured.items()),
        comparisons=_compare(kept, measured, conditions, draws),
        chance=float(draws.chance[0]),
        n_folds=len(folds),
        n_left_out=len({r.fold for r in results}) - len(folds),
        n_seeds=max(len(t.right) for of in kept.values() for t in of),
        n_speakers={c: len(them) for c, them in strata(draws.speakers).items()},
        n_utterances=int(sum(t.n.sum() for t in some)),
        seed=seed,
        note=note,
    )


def _condition(degradation: Degradation, n_refused: Mapping[str, int]) -> Condition:
    name, group = degradation.name, degradation.group
    scored = group not in {CLEAN, *CONTROLS}
    return Condition(name, group, degradation.severity, scored, n_refused.get(name, 0))


def _tallies(
    results: Sequence[FoldResult], conditions: Sequence[str], speaker_of: Mapping[str, str]
) -> dict[str, dict[str, ConditionCounts]]:
    """System -> fold -> counts."""
    grouped: dict[str, dict[str, list[FoldResult]]] = {}
    for r in results:
        grouped.setdefault(r.system, {}).setdefault(r.fold, []).append(r)
    return {
        system: {fold: tallies.tally(rs, conditions, speaker_of) for fold, rs in folds.items()}
        for system, folds in grouped.items()
    }


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws of speakers with replacement, of which the first is everybody once.

    Args:
        speakers: everybody under test, S of them.
        weights: how often each is drawn (B, S).
        chance: UA of guessing (B,).
        tail: share of the draws beyond each end of an interval, None where there is none.
    """

    speakers: tuple[str, ...]
    weights: Floats
    chance: Floats
    tail: float | None

    @classmethod
    def of(cls, folds: Sequence[ConditionCounts]) -> Draws:
        """Draws of those under test on some folds."""
        speakers = tuple(sorted({speaker for t in folds for speaker in t.speakers}))
        weights = tallies.resample(speakers, N_DRAWS, DRAW_SEED)
        return cls(speakers, weights, tallies.chance(folds, weights, speakers), _tail(speakers))

    def estimate(self, values: Floats) -> Estimate:
        """A number from what it is on every draw (B,).

        Undefined on all speakers, it is None; undefined on some draw, it has no interval.
        """
        if np.isnan(values[0]):
            return Estimate(None)
        value = float(values[0])
        if self.tail is None or np.isnan(values).any():
            return Estimate(value)
        low, high = np.quantile(values[1:], (self.tail, 1 - self.tail))
        return Estimate(value, float(low), float(high))

    def retained(self, ua: Floats, clean: Floats) -> Floats:
        """Share of the accuracy above chance that is left (B,), NaN where there was none."""
        above = clean - self.chance
        nothing = np.full(len(ua), np.nan)
        share: Floats = np.divide(
            ua - self.chance, above, out=nothing, where=above > 10.0**-DECIMALS
        )
        return share


def _tail(speakers: Sequence[str]) -> float | None:
    """Share of the draws beyond each end of an interval.

    None for fewer than MIN_FREEDOM, or where voices are not told apart.
    """
    degrees = freedom(speakers)
    if degrees < MIN_FREEDOM or any(speaker.endswith(UNKNOWN) for speaker in speakers):
        return None
    return tail(degrees)


@dataclass(frozen=True, eq=False)
class Measured:
    """One system on every draw.

    Args:
        ua: under every condition, clean first (B, K).
        groups: scored group -> mean over its conditions (B,).
        degraded: mean over groups (B,), NaN where none is scored.
        robustness: of it (B,).
    """

    ua: Floats
    groups: Mapping[str, Floats]
    degraded: Floats
    robustness: Floats


def _measure(
    folds: Sequence[ConditionCounts], conditions: Sequence[Condition], draws: Draws
) -> Measured:
    ua = tallies.accuracies(folds, draws.weights, draws.speakers)
    groups = {group: ua[:, places].mean(axis=1) for group, places in _scored(conditions).items()}
    degraded = _mean_of_groups(groups.values(), len(ua))
    return Measured(ua, groups, degraded, draws.retained(degraded, ua[:, 0]))


def _scored(conditions: Sequence[Condition]) -> dict[str, list[int]]:
    """Places of the conditions of each scored group."""
    groups: dict[str, list[int]] = {}
    for k, condition in enumerate(conditions):
        if condition.scored:
            groups.setdefault(condition.group, []).append(k)
    return groups


def _mean_of_groups(groups: Collection[Floats], n_draws: int) -> Floats:
    if not groups:
        return np.full(n_draws, np.nan)
    mean: Floats = np.mean([*groups], axis=0)
    return mean


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
    """Every pair of interest, with p-values corrected for all of them."""
    if not _scored(conditions):
        return ()
    of_folds = {s: {t.fold: _degraded(t, conditions) for t in of} for s, of in folds.items()}
    found = pairs([*measured])
    tests = [wilcoxon(of_folds[system], of_folds[reference]) for reference, system in found]
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
        for (reference, system), test, p_holm in zip(found, tests, corrected, strict=True)
    )


def _degraded(fold: ConditionCounts, conditions: Sequence[Condition]) -> list[float]:
    """Degraded UA of each seed on one fold."""
    ua = fold.accuracies(np.ones((1, len(fold.speakers))))[:, 0]  # (N, K)
    groups = [ua[:, places].mean(axis=1) for places in _scored(conditions).values()]
    return [float(value) for value in _mean_of_groups(groups, len(ua))]
