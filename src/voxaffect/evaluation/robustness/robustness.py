"""Robustness: unweighted accuracy (UA) on degraded speech relative to clean speech.

For the conditions k of the groups g (noise, room, ...):

    degraded UA = mean over g of mean over k in g of UA(k)
    robustness  = (degraded UA - chance) / (clean UA - chance)

Groups weigh the same, so that numbers of conditions do not matter, and the ratio is of what is
above chance: guessing scores 0, predictions that nothing changes score 1. It is undefined where
clean speech is not recognized above chance. A system that is weak on clean speech has little to
lose, so robustness is shown with the degraded UA, on which systems are compared. Controls are
shown and not scored.

Relative accuracy under a catalog of corruptions goes back to Hendrycks & Dietterich,
"Benchmarking neural network robustness to common corruptions and perturbations", ICLR 2019.

Letters: B resamples, K conditions, F folds, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from voxaffect.audio.degrade import CONTROLS, DEGRADATIONS
from voxaffect.audio.degrade.degradation import AS_RECORDED, CLEAN, Degradation
from voxaffect.evaluation.comparisons import SIGNIFICANCE, default_pairs, holm, wilcoxon
from voxaffect.evaluation.experiment.run import RunFolder
from voxaffect.evaluation.intervals import (
    DECIMALS,
    Estimate,
    Resamples,
    SpeakerCounts,
    speakers_by_corpus,
    weighted_mean,
)
from voxaffect.evaluation.metrics import Floats, mean_known, ratio
from voxaffect.taxonomy import EMOTION


@dataclass(frozen=True)
class Condition:
    """Clean speech or a degradation.

    Args:
        scored: whether it counts in the robustness; clean speech and controls do not.
        n_refused: utterances without any frames under it; they count as wrong.
    """

    name: str
    group: str
    severity: str
    scored: bool
    n_refused: int


@dataclass(frozen=True)
class SystemRobustness:
    """Robustness of one system.

    Args:
        ua: condition -> UA.
        retained: condition -> share of the clean UA above chance that is left.
        groups: scored group -> mean UA of its conditions; `degraded` is the mean of these.
    """

    system: str
    ua: dict[str, Estimate]
    retained: dict[str, Estimate]
    groups: dict[str, Estimate]
    degraded: Estimate
    robustness: Estimate

    @property
    def clean(self) -> Estimate:
        """UA on clean speech."""
        return self.ua[CLEAN]


@dataclass(frozen=True)
class Compared:
    """Two systems under the same conditions, on the same folds and resamples of speakers.

    Args:
        degraded: degraded UA of `system` minus that of `reference`.
        p: of the degraded UA, two-sided Wilcoxon signed-rank over folds.
        p_holm: the same, corrected for all pairs of systems.
        reachable: as in `PairedTest`.
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
        """Whether the corrected p-value is at or below SIGNIFICANCE."""
        return self.p_holm <= SIGNIFICANCE


@dataclass(frozen=True)
class Robustness:
    """Robustness of all systems under all conditions.

    Args:
        conditions: clean first, then in the order given.
        n_folds: folds that all systems have.
        n_left_out: folds that some system lacks.
        n_seeds: most seeds of a system on a fold; they are averaged first.
        n_speakers: corpus -> speakers under test.
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
    note: str = ""

    @property
    def scored_groups(self) -> tuple[str, ...]:
        """Groups that count in the robustness, in their order."""
        return tuple(dict.fromkeys(c.group for c in self.conditions if c.scored))


FOLDER, REFUSED = "robustness", "refused"
"""Folder of the results on degraded speech in that of the run; setting with the utterances without
frames of each condition."""


def load_robustness(folder: Path) -> Robustness | None:
    """Robustness by the results on degraded speech in the folder of a run, None without any.

    Raises:
        ArtifactError: these results are damaged or of another version.
    """
    tests = RunFolder(folder / FOLDER)
    if tests.header() is None:
        return None
    run = tests.load()
    degradations = [DEGRADATIONS[name] for name in run.settings["degradations"]]
    return robustness(run.results, degradations, run.settings.get(REFUSED, {}), run.note)


def robustness(
    results: pd.DataFrame,
    degradations: Sequence[Degradation],
    n_refused: Mapping[str, int] | None = None,
    note: str = "",
) -> Robustness | None:
    """Robustness of systems from their predictions for clean and degraded speech.

    Args:
        results: of one protocol, on clean speech and under every degradation.
        degradations: of the recordings.
        n_refused: condition -> utterances without frames, 0 where absent.
        note: sentence to show wherever a number is shown.

    Returns:
        None where there is no fold that all systems have.
    """
    n_systems = results.groupby("fold", observed=True)["system"].transform("nunique")
    shared = results[n_systems == results["system"].nunique()]
    if shared.empty:
        return None
    conditions = tuple(
        Condition(
            name=d.name,
            group=d.group,
            severity=d.severity,
            scored=d.group not in {CLEAN, *CONTROLS},
            n_refused=(n_refused or {}).get(d.name, 0),
        )
        for d in (AS_RECORDED, *degradations)
    )
    order = [c.name for c in conditions]
    shared = shared.assign(condition=pd.Categorical(shared["condition"], order, ordered=True))
    resamples = Resamples.of(shared["speaker"])
    measured = {
        str(system): measure(own, conditions, resamples)
        for system, own in shared.groupby("system", observed=True)
    }
    clean = shared[shared["condition"] == CLEAN]
    seeds = shared.groupby(["system", "fold"], observed=True)["seed"].nunique()
    return Robustness(
        protocol=str(results["protocol"].iloc[0]),
        conditions=conditions,
        systems=tuple(_summary(name, m, conditions, resamples) for name, m in measured.items()),
        comparisons=_compare(measured, resamples) if any(c.scored for c in conditions) else (),
        chance=float(next(iter(measured.values())).chance[0]),
        n_folds=shared["fold"].nunique(),
        n_left_out=results["fold"].nunique() - shared["fold"].nunique(),
        n_seeds=int(seeds.max()),
        n_speakers={c: len(s) for c, s in speakers_by_corpus(resamples.speakers).items()},
        n_utterances=int(clean.groupby("fold", observed=True)["utterance"].nunique().sum()),
        note=note,
    )


class Measured(NamedTuple):
    """One system on all speakers and in every resample of them.

    Args:
        ua: under every condition, clean first (B + 1, K).
        groups: scored group -> mean over its conditions (B + 1,).
        degraded: mean over groups (B + 1,), NaN where none is scored; robustness is of it.
        chance: level of UA among the classes present (B + 1,).
        by_fold: degraded UA of each fold (F,).
    """

    ua: Floats
    groups: Mapping[str, Floats]
    degraded: Floats
    robustness: Floats
    chance: Floats
    by_fold: Floats


def measure(
    results: pd.DataFrame, conditions: Sequence[Condition], resamples: Resamples
) -> Measured:
    """Measure the results of one system under some conditions.

    Seeds are averaged within a fold; means are over folds, then over test sets. A fold weighs as
    its speakers do on average.
    """
    found, tests = [], []
    names = [c.name for c in conditions]
    for (test, _), own in results.groupby(["test_set", "fold"], observed=True):
        counted = SpeakerCounts.of(own, "condition", resamples)
        counts = np.zeros((len(counted.counts), len(conditions), 2, EMOTION.n_classes))
        counts[:, [names.index(name) for name in counted.groups]] = counted.counts
        sums = resamples.sums(counts)  # (B + 1, K, 2, C)
        n = sums[:, :1, 1]  # every utterance is there clean; where it lacks frames it is wrong
        classes = ratio(1, np.count_nonzero(n[:, 0], axis=1))
        found.append((mean_known(ratio(sums[:, :, 0], n)), classes, counted.weights()[:, 0]))
        tests.append(str(test))
    by_fold, chances, weights = (np.stack(some, axis=-1) for some in zip(*found, strict=True))
    ua, chance = (
        _over_tests(by_fold, weights[:, None], tests),
        _over_tests(chances, weights, tests),
    )
    scored = [
        (group, [k for k, c in enumerate(conditions) if c.scored and c.group == group])
        for group in dict.fromkeys(c.group for c in conditions if c.scored)
    ]
    groups = {group: ua[:, k].mean(axis=1) for group, k in scored}
    degraded = np.mean([*groups.values()] or [np.full(len(ua), np.nan)], axis=0)
    means = [by_fold[0, k].mean(axis=0) for _, k in scored]
    return Measured(
        ua=ua,
        groups=groups,
        degraded=degraded,
        robustness=_retained(degraded, ua[:, 0], chance),
        chance=chance,
        by_fold=np.mean(means or [np.zeros(len(tests))], axis=0),
    )


def _summary(
    system: str, measured: Measured, conditions: Sequence[Condition], resamples: Resamples
) -> SystemRobustness:
    estimate, clean = resamples.estimate, measured.ua[:, 0]
    ua = {c.name: measured.ua[:, k] for k, c in enumerate(conditions)}
    return SystemRobustness(
        system=system,
        ua={c: estimate(values) for c, values in ua.items()},
        retained={c: estimate(_retained(v, clean, measured.chance)) for c, v in ua.items()},
        groups={group: estimate(values) for group, values in measured.groups.items()},
        degraded=estimate(measured.degraded),
        robustness=estimate(measured.robustness),
    )


def _retained(ua: Floats, clean: Floats, chance: Floats) -> Floats:
    """Share of the accuracy above chance that is left (B + 1,), NaN where there was none."""
    above = clean - chance
    return ratio(ua - chance, np.where(above > 10.0**-DECIMALS, above, 0.0))


def _over_tests(values: Floats, weights: Floats, tests: Sequence[str]) -> Floats:
    """Mean over the folds of a test set, then over test sets, of values (..., F)."""
    weights = np.broadcast_to(weights, values.shape)
    folds = [np.flatnonzero(np.array(tests) == test) for test in dict.fromkeys(tests)]
    means = [weighted_mean(values[..., f], weights[..., f]) for f in folds]
    present = [(weights[..., f] > 0).any(axis=-1).astype(np.float64) for f in folds]
    return weighted_mean(np.stack(means, axis=-1), np.stack(present, axis=-1))


def _compare(measured: Mapping[str, Measured], resamples: Resamples) -> tuple[Compared, ...]:
    """Pairs of systems, with p-values corrected for all of them."""
    pairs = [(a, b, measured[a], measured[b]) for a, b in default_pairs([*measured])]
    tests = [wilcoxon(above.by_fold - below.by_fold) for *_, below, above in pairs]
    corrected = holm([test.p for test in tests])
    return tuple(
        Compared(
            reference=reference,
            system=system,
            degraded=resamples.estimate(above.degraded - below.degraded),
            robustness=resamples.estimate(above.robustness - below.robustness),
            n_pairs=test.n_pairs,
            p=test.p,
            p_holm=float(p_holm),
            reachable=test.reachable,
        )
        for (reference, system, below, above), test, p_holm in zip(
            pairs, tests, corrected, strict=True
        )
    )
