"""Test sets as they are and degraded: what systems are asked once they have learned clean speech.

A fold's training and dev data stay as they are. Its test set becomes all its utterances under all
conditions, one condition after another, so that a job answers them like any test set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from voxaffect.audio.degrade.degradation import Clean, Degradation, utterance_seed
from voxaffect.audio.degrade.noise import Babble
from voxaffect.corpora.corpus import Problem, Utterance
from voxaffect.evaluation.experiment.dataset import Dataset
from voxaffect.evaluation.experiment.job import FoldData
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

BySpeaker = Mapping[str, Sequence[Utterance]]


def by_speaker(utterances: Iterable[Utterance]) -> BySpeaker:
    """The utterances of each speaker, speakers and utterances sorted by name."""
    speakers: dict[str, list[Utterance]] = {}
    for u in sorted(utterances, key=lambda u: (u.speaker, u.id)):
        speakers.setdefault(u.speaker, []).append(u)
    return speakers


def talkers_of(
    utterance: Utterance, speakers: BySpeaker, n_talkers: int, seed: int
) -> tuple[Utterance, ...]:
    """Recordings of other speakers of any corpus and emotion, of as many speakers as there are.

    All corpora are drawn from, training data too: those voices carry no label. Speakers of unknown
    name in the utterance's own corpus count as its own speaker, and never speak.

    Args:
        utterance: against whose speech they speak.
        speakers: who may speak.
        n_talkers: how many; none where there is no other speaker.
        seed: decides who.
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
    """Frames of test utterances under several conditions.

    Args:
        conditions: their names, `clean` first.
        features: frames by `condition_id`; what could not be degraded is absent.
        refused: what is absent, and why.
    """

    conditions: tuple[str, ...]
    features: StoredFeatures
    refused: tuple[Problem, ...] = ()

    @property
    def n_refused(self) -> dict[str, int]:
        """Utterances without frames under each condition that has some."""
        return Counter(split_condition_id(problem.path)[0] for problem in self.refused)

    def fold_data(self, fold: Fold, dataset: Dataset, leakage: str = "") -> FoldData:
        """The data of a fold, its test utterances under all conditions."""
        data = FoldData.of(fold, dataset, leakage)
        asked = (condition_id(condition, i) for condition in self.conditions for i in fold.test)
        names = tuple(name for name in asked if name in self.features)
        digests = (*data.digests[:2], self._digest(names, dataset))
        return replace(data, ids=names, test=self._examples(names, dataset), digests=digests)

    def _examples(self, names: Sequence[str], dataset: Dataset) -> Examples:
        targets = [dataset.targets[split_condition_id(name)[1]] for name in names]
        by_task = {task: np.array([target[task] for target in targets], np.int64) for task in TASKS}
        return Examples(self.features.select(names), by_task)

    def _digest(self, names: Iterable[str], dataset: Dataset) -> str:
        """Hash of all that decides what is answered for; contents hold degradation and seed."""
        rows = [
            [name, self.features.content(name), dict(dataset.targets[split_condition_id(name)[1]])]
            for name in names
        ]
        return digest([dict(dataset.feature_settings), rows])


def degrade_tests(
    dataset: Dataset,
    folds: Iterable[Fold],
    store: DegradedStore,
    degradations: Sequence[Degradation],
    *,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> DegradedTests:
    """Hear the test utterances of some folds as they are and under every degradation.

    Args:
        dataset: the corpora's utterances.
        folds: whose test sets are asked about.
        store: where the frames go.
        degradations: what happens to the recordings.
        n_jobs: processes that compute.
        progress: told how many recordings are done, and how many there are.

    Raises:
        FeatureError: the frames cannot be stored.
    """
    ids = sorted({i for fold in folds for i in fold.test})
    conditions = (Clean(), *degradations)
    scenes = _scenes(ids, dataset, degradations, store.seed)
    found = store.extract(scenes, conditions, n_jobs=n_jobs, progress=progress)
    return DegradedTests(tuple(d.name for d in conditions), found.features, found.refused)


def _scenes(
    ids: Sequence[str], dataset: Dataset, degradations: Sequence[Degradation], seed: int
) -> list[Scene]:
    n_talkers = max((d.n_talkers for d in degradations if isinstance(d, Babble)), default=0)
    speakers = by_speaker(dataset.utterances.values())
    scenes = []
    for i in ids:
        utterance = dataset.utterances[i]
        talkers = talkers_of(utterance, speakers, n_talkers, seed)
        by_content = {dataset.contents[talker.id]: talker for talker in talkers}
        scenes.append(Scene(utterance, dataset.contents[i], by_content))
    return scenes
