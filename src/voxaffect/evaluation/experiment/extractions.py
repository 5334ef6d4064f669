"""Several feature sets of the same utterances: one of them refuses an utterance, and none has it.

So all systems of a run are trained and tested on the same folds, whatever each of them hears.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from voxaffect.corpora.corpus import Problem, Utterance
from voxaffect.evaluation.experiment.run import REFUSED
from voxaffect.features.store.store import Extraction, FeatureStore, Progress

OWN = ""
"""Name of the run's own features among several sets."""


@dataclass(frozen=True)
class Extractions:
    """What came of asking several stores for the same utterances.

    Args:
        by_set: name of a feature set -> its extraction; `OWN` is the first.
    """

    by_set: Mapping[str, Extraction]

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
