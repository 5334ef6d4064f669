"""Test sets of degraded speech: all utterances of a fold under one condition after another.

Training and dev data of a fold stay clean, and a job predicts the degraded utterances like any test
set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from voxaffect.audio.degrade.degradation import AS_RECORDED, Degradation, utterance_seed
from voxaffect.corpora.corpus import Problem, Utterance
from voxaffect.evaluation.experiment.dataset import Dataset
from voxaffect.evaluation.experiment.job import FoldData
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
from voxaffect.files import digest
from voxaffect.model.data import Examples
from voxaffect.taxonomy import TASKS


def talkers_of(
    utterance: Utterance, speakers: Mapping[str, Sequence[Utterance]], n_talkers: int, seed: int
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

    def fold_data(self, fold: Fold, dataset: Dataset) -> FoldData:
        """Data of a fold, with its test utterances under all conditions."""
        data = FoldData.of(fold, dataset)
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
        conditions, ids = zip(*map(split_condition_id, names), strict=True)
        return replace(data, ids=ids, conditions=conditions, test=test, digests=digests)


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
