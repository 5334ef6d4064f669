"""Datasets: utterances used in experiments, their targets and their frames.

An utterance that one of several feature sets refuses is left out of all, so that all systems of a
run have the same folds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.degrade.random_line import Augmentation, random_line
from voxaffect.corpora.corpus import Corpus, Problem, Utterance
from voxaffect.errors import CorpusError
from voxaffect.evaluation.experiment.run import REFUSED, CorpusSummary, summarize
from voxaffect.features.cache.cache import ExtractionResult, FeatureStore, Progress
from voxaffect.features.cache.degraded import (
    DegradedStore,
    Scene,
    condition_id,
    split_condition_id,
)
from voxaffect.features.cache.index import StoredFeatures
from voxaffect.features.frames import FrameGrid
from voxaffect.files import digest
from voxaffect.model.data import Examples, joined
from voxaffect.taxonomy import EMOTION, TASKS, Taxonomy

NO_COPIES = Augmentation()

OWN = ""  # name of the run's own feature set among several


@dataclass(frozen=True)
class Copies:
    """Copies of utterances for training (data augmentation), by `condition_id`."""

    conditions: tuple[str, ...]
    frames: StoredFeatures
    weight: float  # of each, relative to the utterance itself

    def names(self, ids: Sequence[str]) -> Iterator[str]:
        """Names of all copies of some utterances."""
        return (condition_id(condition, i) for condition in self.conditions for i in ids)


@dataclass(frozen=True)
class Dataset:
    """Utterances with an emotion class and with frames, by id.

    Args:
        utterances: in the order of corpora and ids.
        targets: class index by task, MISSING where not known.
        features: float32 (T, F), memory-mapped.
        contents: hashes of the audio.
        feature_settings: settings on which the frames depend.
        copies: of the utterances over other lines, for training.
    """

    utterances: Mapping[str, Utterance]
    targets: Mapping[str, Mapping[str, int]]
    features: Mapping[str, NDArray[np.float32]]
    contents: Mapping[str, str]
    feature_settings: Mapping[str, object]
    grid: FrameGrid = FrameGrid()
    copies: Copies | None = None

    def digest(self, ids: Iterable[str]) -> str:
        """Hash of features and targets of some utterances."""
        rows = [[i, self.contents[i], dict(self.targets[i])] for i in ids]
        return digest([dict(self.feature_settings), rows])

    def examples(self, ids: Sequence[str]) -> Examples:
        """Frames and targets of some utterances, in the order of the ids."""
        known = self.features  # those of a store are readable by any process
        frames = known.select(ids) if isinstance(known, StoredFeatures) else [known[i] for i in ids]
        targets = {task: np.array([self.targets[i][task] for i in ids], np.int64) for task in TASKS}
        corpora = self._numbers(ids, lambda u: u.corpus)
        return Examples(frames, targets, corpora, self._numbers(ids, lambda u: u.speaker))

    def training(self, ids: Sequence[str]) -> Examples:
        """Examples to train on: some utterances, then the copies of each, which weigh less."""
        clean, copies = self.examples(ids), self.copies
        if copies is None:
            return clean
        names = [name for name in copies.names(ids) if name in copies.frames]
        own = self.examples([split_condition_id(name)[1] for name in names])
        added = Examples(copies.frames.select(names), own.targets, own.groups, own.speakers)
        weights = np.concatenate([np.ones(len(clean)), np.full(len(added), copies.weight)])
        return replace(joined(clean, added), weights=weights)

    def _numbers(
        self, ids: Sequence[str], of: Callable[[Utterance], str | None]
    ) -> NDArray[np.int64]:
        """Numbers of a property of utterances, in the order of the dataset; -1 where unknown."""
        known = dict.fromkeys(map(of, self.utterances.values()))
        known.pop(None, None)
        numbers = {name: number for number, name in enumerate(known)}
        return np.array([numbers.get(of(self.utterances[i]) or "", -1) for i in ids], np.int64)

    def labels(self) -> dict[str, int]:
        """Id -> emotion class."""
        return {i: target[EMOTION.name] for i, target in self.targets.items()}

    def emotions(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Emotion classes of some utterances (N,)."""
        return np.array([self.targets[i][EMOTION.name] for i in ids], np.int64)


@dataclass(frozen=True)
class Prepared:
    """Corpora prepared for experiments, with refused recordings and damaged shards.

    Args:
        others: name of a further feature set -> the same utterances with its features.
    """

    dataset: Dataset
    corpora: tuple[CorpusSummary, ...]
    problems: tuple[Problem, ...]
    others: Mapping[str, Dataset] = field(default_factory=dict)


def prepare(
    corpora: Sequence[Corpus],
    taxonomy: Taxonomy,
    store: FeatureStore,
    *,
    others: Mapping[str, FeatureStore] | None = None,
    augmentation: Augmentation = NO_COPIES,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> Prepared:
    """Extract missing features, and leave out utterances without a class or speech.

    `others` has the store of every further feature set that some systems need, by name; `progress`
    is called with the number of utterances done and their seconds, over all sets. Copies of
    utterances for training are made after these.

    Raises:
        CorpusError: a label is unknown, or a corpus has nothing left.
        FeatureError: features cannot be computed or stored.
    """
    labeled = [corpus.select(lambda u: taxonomy.emotion(u) is not None) for corpus in corpora]
    everything = [u for corpus in labeled for u in corpus.utterances]
    stores = {OWN: store, **(others or {})}
    by_set: dict[str, ExtractionResult] = {}
    problems: list[Problem] = []
    before = now = (0, 0.0)

    def add(n_done: int, seconds: float) -> None:
        nonlocal now
        now = (before[0] + n_done, before[1] + seconds)
        if progress is not None:
            progress(*now)

    for name, one in stores.items():
        found = by_set[name] = one.extract(everything, n_jobs=n_jobs, progress=add)
        before = now
        problems += found.damaged
        for problem in found.refused:
            detail = f"{name}: {problem.detail}; left out for all systems, to have equal folds"
            problems.append(problem if name == OWN else replace(problem, detail=detail))

    def refused_by(u: Utterance) -> str | None:
        """First set without features of an utterance."""
        return next((name for name, e in by_set.items() if u.id not in e.features), None)

    used = [corpus.select(lambda u: refused_by(u) is None) for corpus in labeled]
    for corpus in used:
        if not corpus.utterances:
            raise CorpusError(
                f"{corpus.name} at {corpus.root}: no utterance has both a class and speech; "
                f"check the folder and [taxonomy.{corpus.name}]"
            )
    utterances = {u.id: u for corpus in used for u in corpus.utterances}
    summaries = []
    for whole, some, kept in zip(corpora, labeled, used, strict=True):
        speech_s = round(by_set[OWN].features.seconds(u.id for u in kept.utterances), 2)
        counts = Counter(map(refused_by, some.utterances))
        refused = {f"{REFUSED} by {name}" if name else REFUSED: counts[name] for name in by_set}
        summaries.append(summarize(whole, kept, taxonomy, refused=refused, speech_s=speech_s))
    targets = {i: taxonomy.encode(u) for i, u in utterances.items()}
    contents = {i: by_set[OWN].features.content(i) for i in utterances}
    datasets = {}
    for name, one in stores.items():
        copies = _copies(one, utterances.values(), contents, augmentation, n_jobs)
        settings = one.settings | ({} if copies is None else {"augmentation": asdict(augmentation)})
        features, grid = by_set[name].features, one.extractor.grid
        datasets[name] = Dataset(utterances, targets, features, contents, settings, grid, copies)
    return Prepared(datasets.pop(OWN), tuple(summaries), tuple(problems), datasets)


def _copies(
    store: FeatureStore,
    utterances: Iterable[Utterance],
    contents: Mapping[str, str],
    augmentation: Augmentation,
    n_jobs: int,
) -> Copies | None:
    """Frames of copies of utterances over random lines, computed where they are missing."""
    if not augmentation.lines:
        return None
    lines = [random_line(number) for number in range(augmentation.lines)]
    scenes = [Scene(u, contents[u.id], {}) for u in utterances]
    found = DegradedStore(store, augmentation.seed).extract(scenes, lines, n_jobs=n_jobs)
    names = tuple(line.name for line in lines)
    return Copies(names, found.features, augmentation.weight)
