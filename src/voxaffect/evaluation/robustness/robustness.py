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

Training and dev data of a fold stay clean. Its test set becomes all its utterances under one
condition after another, so that a job predicts them like any test set.

Letters: B resamples, N seeds, K conditions, S speakers, C classes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from voxaffect.audio.degrade.degradation import AS_RECORDED, CLEAN, Degradation, utterance_seed
from voxaffect.corpora.corpus import Problem, Utterance
from voxaffect.errors import ArtifactError
from voxaffect.evaluation.comparisons import SIGNIFICANCE
from voxaffect.evaluation.experiment.dataset import Dataset
from voxaffect.evaluation.experiment.job import FoldData
from voxaffect.evaluation.experiment.run import FoldResult
from voxaffect.evaluation.intervals import bootstrap_weights
from voxaffect.evaluation.metrics import Counts, Floats, count, mean_known, ratio
from voxaffect.evaluation.splits.draws import by_speaker
from voxaffect.evaluation.splits.folds import Fold
from voxaffect.features.cache.degraded import (
    DegradedStore,
    Progress,
    Scene,
    condition_id,
    split_condition_id,
)
from voxaffect.features.cache.index import StoredFeatures
from voxaffect.files import digest, write_text
from voxaffect.model.data import Examples
from voxaffect.taxonomy import EMOTION, TASKS


def talkers_of(
    utterance: Utterance,
    speakers: Mapping[str, Sequence[Utterance]],
    n_talkers: int,
    seed: int,
) -> tuple[Utterance, ...]:
    """Recordings for babble noise: of other speakers, as many different ones as possible.

    All corpora and emotions are drawn from, also training data, as no label is used. Speakers of
    unknown name in the utterance's own corpus count as its own speaker, and are never drawn.
    Without another speaker there are no recordings.
    """
    others = [name for name in speakers if name != utterance.speaker]
    if not others:
        return ()
    rng = np.random.default_rng(utterance_seed(utterance.id, seed))
    order = rng.permutation(len(others))
    names = [others[order[k % len(others)]] for k in range(n_talkers)]
    return tuple(speakers[name][int(rng.integers(len(speakers[name])))] for name in names)


@dataclass(frozen=True)
class DegradedTests:
    """Frames of test utterances under several conditions, `clean` first.

    Args:
        features: frames by `condition_id`; what could not be degraded is absent.
        refused: utterances that are absent, with the reason.
    """

    conditions: tuple[str, ...]
    features: StoredFeatures
    refused: tuple[Problem, ...] = ()

    @property
    def n_refused(self) -> dict[str, int]:
        """Condition -> utterances without frames, where there are some."""
        return Counter(split_condition_id(problem.path)[0] for problem in self.refused)

    def fold_data(self, fold: Fold, dataset: Dataset, leakage: str = "") -> FoldData:
        """Data of a fold, with its test utterances under all conditions."""
        data = FoldData.of(fold, dataset, leakage)
        wanted = (condition_id(condition, i) for condition in self.conditions for i in fold.test)
        names = tuple(name for name in wanted if name in self.features)
        targets = [dataset.targets[split_condition_id(name)[1]] for name in names]
        by_task = {task: np.array([target[task] for target in targets], np.int64) for task in TASKS}
        rows = [
            [name, self.features.content(name), dict(target)]  # contents hold degradation and seed
            for name, target in zip(names, targets, strict=True)
        ]
        digests = (*data.digests[:2], digest([dict(dataset.feature_settings), rows]))
        test = Examples(self.features.select(names), by_task)
        return replace(data, ids=names, test=test, digests=digests)


def degrade_tests(
    dataset: Dataset,
    folds: Iterable[Fold],
    store: DegradedStore,
    degradations: Sequence[Degradation],
    *,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> DegradedTests:
    """Compute the frames of the test utterances of some folds, clean and under every degradation.

    Raises:
        FeatureError: the frames cannot be stored.
    """
    ids = sorted({i for fold in folds for i in fold.test})
    conditions = (AS_RECORDED, *degradations)
    n_talkers = max((d.n_talkers for d in degradations), default=0)
    speakers = by_speaker(dataset.utterances.values())
    scenes = []
    for i in ids:
        talkers = talkers_of(dataset.utterances[i], speakers, n_talkers, store.seed)
        by_content = {dataset.contents[talker.id]: talker for talker in talkers}
        scenes.append(Scene(dataset.utterances[i], dataset.contents[i], by_content))
    found = store.extract(scenes, conditions, n_jobs=n_jobs, progress=progress)
    return DegradedTests(tuple(d.name for d in conditions), found.features, found.refused)


@dataclass(frozen=True, eq=False)
class ConditionCounts:
    """One system's predictions on one fold, counted by condition, speaker and class.

    Args:
        test: its test set, a row of the tables.
        n: utterances (S, C).
        correct: correct predictions of each seed (N, K, S, C); a missing one is wrong.
    """

    fold: str
    test: str
    speakers: tuple[str, ...]
    n: Counts
    correct: Counts

    @classmethod
    def of(
        cls,
        results: Sequence[FoldResult],
        conditions: Sequence[str],
        speaker_of: Mapping[str, str],
    ) -> ConditionCounts:
        """Counts of one system on one fold, from a result a seed with ids of `condition_id`.

        The first of the K conditions is clean speech, under which every utterance is present.
        """
        names = [split_condition_id(name) for name in results[0].ids]
        speakers = tuple(sorted({speaker_of[i] for name, i in names if name == conditions[0]}))
        condition = np.array([conditions.index(name) for name, _ in names])
        speaker = np.array([speakers.index(speaker_of[i]) for _, i in names])
        shape = (len(conditions), len(speakers), EMOTION.n_classes)
        total = count(shape, condition, speaker, results[0].y_true)
        correct = [
            count(shape, condition, speaker, r.y_true, where=r.y_pred == r.y_true) for r in results
        ]
        return cls(results[0].fold, results[0].corpus, speakers, total[0], np.array(correct))

    def accuracies(self, weights: Floats) -> Floats:
        """UA of each seed (N, B, K) by weights (B, S), NaN where no speaker has any weight."""
        n = (weights @ self.n)[:, None]  # (B, 1, C)
        return mean_known(ratio(np.einsum("bs,nksc->nbkc", weights, self.correct), n))


def accuracies(
    folds: Sequence[ConditionCounts], weights: Floats, speakers: Sequence[str]
) -> Floats:
    """UA of a system under every condition (B, K): mean over folds, then over test sets.

    Seeds are averaged within a fold. A fold weighs as its speakers do on average, by (B, S).
    """
    return _over_tests(folds, weights, speakers, lambda fold, w: fold.accuracies(w).mean(axis=0))


def chance(folds: Sequence[ConditionCounts], weights: Floats, speakers: Sequence[str]) -> Floats:
    """Chance level of UA (B,) among the classes with weight, averaged in the same way."""

    def chance_of(fold: ConditionCounts, weights: Floats) -> Floats:
        return ratio(1, np.count_nonzero(weights @ fold.n, axis=1, keepdims=True))

    return _over_tests(folds, weights, speakers, chance_of)[:, 0]


def resample(speakers: Sequence[str], n_draws: int, seed: int) -> Floats:
    """Weights of speakers (n_draws + 1, S): equal at first, then of bootstrap resamples."""
    return np.concatenate([np.ones((1, len(speakers))), bootstrap_weights(speakers, n_draws, seed)])


def _over_tests(
    folds: Sequence[ConditionCounts],
    weights: Floats,
    speakers: Sequence[str],
    measure: Callable[[ConditionCounts, Floats], Floats],
) -> Floats:
    """Mean over folds, then over test sets, of a measure of each fold (B, M)."""
    place = {speaker: s for s, speaker in enumerate(speakers)}
    tests: dict[str, list[tuple[Floats, Floats]]] = {}
    for fold in folds:
        own = weights[:, [place[speaker] for speaker in fold.speakers]]
        tests.setdefault(fold.test, []).append((measure(fold, own), own.mean(axis=1)[:, None]))
    means = []
    for found in tests.values():
        weight = np.any([weight > 0 for _, weight in found], axis=0).astype(np.float64)
        means.append((_weighted_mean(found), weight))
    return _weighted_mean(means)


def _weighted_mean(values: Sequence[tuple[Floats, Floats]]) -> Floats:
    """Mean of arrays (B, M) with weights (B, 1); NaN counts only where it has weight."""
    total = sum(np.where(weight > 0, value, 0.0) * weight for value, weight in values)
    return ratio(total, sum(weight for _, weight in values))


FILE = "robustness.json"


@dataclass(frozen=True)
class Estimate:
    """A number, None where undefined, and its 95 % confidence interval over speakers, if any."""

    value: float | None
    low: float | None = None
    high: float | None = None


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
        ua: condition -> unweighted accuracy.
        retained: condition -> share of the accuracy above chance on clean speech.
        groups: scored group -> mean UA of its conditions.
        degraded: mean UA of the scored groups.
        robustness: share of the accuracy above chance that is left.
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
    """Two systems under the same conditions, on the same folds and resamples of speakers.

    Args:
        degraded: degraded UA of `system` minus that of `reference`.
        p: of the degraded UA, two-sided Wilcoxon signed-rank over folds.
        p_holm: the same, after Holm's correction over all pairs of systems.
        reachable: whether so few differing folds could give p <= .05 at all.
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
        n_folds: folds that all systems have; others are left out.
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
    seed: int
    note: str = ""

    @property
    def degrees_of_freedom(self) -> int:
        """Degrees of freedom of the intervals: speakers minus corpora."""
        return sum(self.n_speakers.values()) - len(self.n_speakers)

    @property
    def scored_groups(self) -> tuple[str, ...]:
        """Groups that count in the robustness, in their order."""
        return tuple(dict.fromkeys(c.group for c in self.conditions if c.scored))

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Robustness:
        """Inverse of `asdict`.

        Raises:
            KeyError: something is missing.
            TypeError: something is too much.
        """

        def estimates(of: Mapping[str, Any]) -> dict[str, Estimate]:
            return {name: Estimate(**of[name]) for name in ("degraded", "robustness")}

        systems = []
        for system in plain["systems"]:
            by_name = {
                name: {k: Estimate(**e) for k, e in system[name].items()}
                for name in ("ua", "retained", "groups")
            }
            systems.append(SystemRobustness(**{**system, **by_name, **estimates(system)}))
        parts = {
            "conditions": tuple(Condition(**c) for c in plain["conditions"]),
            "systems": tuple(systems),
            "comparisons": tuple(Compared(**{**c, **estimates(c)}) for c in plain["comparisons"]),
        }
        return cls(**{**plain, **parts})


def save_robustness(found: Robustness, folder: Path) -> Path:
    """Write it to a folder, atomically, and return the path of the file."""
    text = json.dumps(asdict(found), indent=1, ensure_ascii=False, allow_nan=False)
    write_text(folder / FILE, text + "\n")
    return folder / FILE


def load_robustness(folder: Path) -> Robustness | None:
    """Robustness saved in a folder, None where there is none.

    Raises:
        ArtifactError: the file is damaged.
    """
    path = folder / FILE
    try:
        return Robustness.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise ArtifactError(f"{path} is damaged ({fault}); delete it and run again") from fault
