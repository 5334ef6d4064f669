"""Corpora ready for experiments: used utterances, their targets and their frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from voxaffect.corpora.corpus import Corpus, Problem, Utterance
from voxaffect.errors import CorpusError
from voxaffect.evaluation.experiment.run import REFUSED, CorpusSummary, summarize
from voxaffect.features.cache.cache import ExtractionResult, FeatureStore, Progress
from voxaffect.features.cache.index import StoredFeatures
from voxaffect.features.frames import FrameGrid
from voxaffect.files import digest
from voxaffect.model.data import Examples
from voxaffect.taxonomy import EMOTION, TASKS, Taxonomy

# Several feature sets of the same utterances: one of them refuses an utterance, and none has it.
#
# So all systems of a run are trained and tested on the same folds, whatever each of them hears.

OWN = ""
"""Name of the run's own features among several sets."""


@dataclass(frozen=True)
class Extractions:
    """What came of asking several stores for the same utterances.

    Args:
        by_set: name of a feature set -> its extraction; `OWN` is the first.
    """

    by_set: Mapping[str, ExtractionResult]

    def refuser(self, utterance_id: str) -> str | None:
        """The first set that has no features of an utterance, None where all have some."""
        sets = self.by_set.items()
        return next((name for name, e in sets if utterance_id not in e.features), None)

    def refused(self, utterances: Iterable[Utterance]) -> dict[str, int]:
        """Kind of refusal -> utterances, for a corpus's summary."""
        refusers = Counter(self.refuser(u.id) for u in utterances)
        kinds = {OWN: REFUSED} | {n: f"{REFUSED} by {n}" for n in self.by_set if n}
        return {kind: n for name, kind in kinds.items() if (n := refusers[name])}

    def problems(self) -> Iterator[Problem]:
        """Recordings refused and shards damaged, set by set."""
        for name, extraction in self.by_set.items():
            yield from extraction.damaged
            yield from extraction.refused if name == OWN else _of_set(name, extraction.refused)


def extract_all(
    stores: Mapping[str, FeatureStore],
    utterances: Sequence[Utterance],
    *,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> Extractions:
    """Features of the same utterances in several stores, one after the other.

    Args:
        stores: name of a feature set -> where it lies; `OWN` is the first.
        utterances: their ids must differ.
        n_jobs: processes that extract.
        progress: told how many utterances are done in all sets together, and the seconds behind
            them.

    Raises:
        FeatureError: features cannot be computed or stored.
    """
    relay = _Relay(progress)
    by_set = {}
    for name, store in stores.items():
        by_set[name] = store.extract(utterances, n_jobs=n_jobs, progress=relay)
        relay.begin_another()
    return Extractions(by_set)


class _Relay:
    """Tells of several extractions as if they were one.

    Args:
        progress: who is told.
    """

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._before = self._now = (0, 0.0)

    def __call__(self, n_done: int, seconds: float) -> None:
        self._now = (self._before[0] + n_done, self._before[1] + seconds)
        if self._progress is not None:
            self._progress(*self._now)

    def begin_another(self) -> None:
        """What is told from now on comes on top."""
        self._before = self._now


def _of_set(name: str, refused: Iterable[Problem]) -> Iterator[Problem]:
    for problem in refused:
        why = f"{name}: {problem.detail}; no system hears it, so that all have the same folds"
        yield replace(problem, detail=why)


@dataclass(frozen=True)
class Dataset:
    """Utterances with an emotion class and with frames.

    Args:
        utterances: id -> utterance, in the order of corpora and ids.
        targets: id -> task -> class index, MISSING where not known.
        features: id -> float32 (T, F), memory-mapped.
        contents: id -> hash of the audio behind the frames.
        feature_settings: what the frames depend on beside the audio.
        grid: where the frames lie in time.
    """

    utterances: Mapping[str, Utterance]
    targets: Mapping[str, Mapping[str, int]]
    features: Mapping[str, NDArray[np.float32]]
    contents: Mapping[str, str]
    feature_settings: Mapping[str, object]
    grid: FrameGrid = FrameGrid()

    def digest(self, ids: Iterable[str]) -> str:
        """Hash of all that decides what is learned from and answered for some utterances."""
        rows = [[i, self.contents[i], dict(self.targets[i])] for i in ids]
        return digest([dict(self.feature_settings), rows])

    def examples(self, ids: Sequence[str]) -> Examples:
        """Frames and targets of the utterances of the given ids, in that order."""
        return Examples(
            self._frames(ids),
            {task: np.array([self.targets[i][task] for i in ids], np.int64) for task in TASKS},
        )

    def _frames(self, ids: Sequence[str]) -> Sequence[NDArray[np.float32]]:
        """Frames in the order of ids; stored ones as what any process can read them by."""
        if isinstance(self.features, StoredFeatures):
            return self.features.select(ids)
        return [self.features[i] for i in ids]

    def labels(self) -> dict[str, int]:
        """Emotion class of every utterance, by id."""
        return {i: target[EMOTION.name] for i, target in self.targets.items()}

    def emotions(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Emotion classes of the utterances of the given ids."""
        return np.array([self.targets[i][EMOTION.name] for i in ids], np.int64)


@dataclass(frozen=True)
class Prepared:
    """What came of preparing corpora.

    Args:
        dataset: what experiments work on.
        corpora: what of each corpus entered it.
        problems: recordings refused and damaged shards, each with a sentence.
        others: name of a feature set -> the same utterances with its features.
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
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> Prepared:
    """Extract what is missing, leave out what has no class or no speech, and count both.

    An utterance that one feature set refuses is left out of all.

    Args:
        corpora: as they were found.
        taxonomy: decides each utterance's class.
        store: where features lie.
        others: name of a feature set that some systems need instead -> where it lies.
        n_jobs: processes that extract.
        progress: told of the extraction.

    Raises:
        CorpusError: a label is unknown, or a corpus has nothing left.
    """
    labeled = [corpus.select(lambda u: taxonomy.emotion(u) is not None) for corpus in corpora]
    stores = {OWN: store, **(others or {})}
    everything = [u for corpus in labeled for u in corpus.utterances]
    found = extract_all(stores, everything, n_jobs=n_jobs, progress=progress)
    used = [corpus.select(lambda u: found.refuser(u.id) is None) for corpus in labeled]
    for corpus in used:
        if not corpus.utterances:
            raise CorpusError(
                f"{corpus.name} at {corpus.root}: no utterance has both a class and speech; "
                f"check the folder and [taxonomy.{corpus.name}]"
            )
    utterances = {u.id: u for corpus in used for u in corpus.utterances}
    grid = store.extractor.grid
    summaries = tuple(
        summarize(
            whole,
            kept,
            taxonomy,
            refused=found.refused(some.utterances),
            speech_s=_n_frames(found.by_set[OWN].features, kept) / grid.frames_per_s,
        )
        for whole, some, kept in zip(corpora, labeled, used, strict=True)
    )
    targets = {i: taxonomy.encode(u) for i, u in utterances.items()}
    datasets = {}
    for name, extraction in found.by_set.items():
        features = extraction.features
        contents = {i: features.content(i) for i in utterances}
        datasets[name] = Dataset(
            utterances,
            targets,
            features,
            contents,
            stores[name].settings,
            stores[name].extractor.grid,
        )
    return Prepared(datasets.pop(OWN), summaries, tuple(found.problems()), datasets)


def _n_frames(features: StoredFeatures, corpus: Corpus) -> int:
    return int(features.select(u.id for u in corpus.utterances).lengths.sum())
