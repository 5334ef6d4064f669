"""From settings to a dataset: corpora read, problems told, features computed or found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from voxaffect.commands.console import errors, extraction_progress, print_line
from voxaffect.config.settings import Settings
from voxaffect.corpora.corpus import Problem
from voxaffect.evaluation.experiment.dataset import Prepared, prepare
from voxaffect.features.frames import FrameExtractor
from voxaffect.features.open_smile_functionals import UTTERANCE_SETS
from voxaffect.features.store.store import FeatureStore

MAX_NAMED = 5


def prepare_corpora(
    settings: Settings, n_jobs: int, feature_sets: Collection[str] = ()
) -> Prepared:
    """The dataset of the settings' corpora, and what of them entered it.

    Args:
        settings: with the corpora, and the run's own features.
        n_jobs: processes that extract.
        feature_sets: keys of `UTTERANCE_SETS` that are needed beside.

    Raises:
        VoxaffectError: a corpus cannot be read, or features cannot be stored.
    """
    store = feature_store(settings)
    beside = [_store(settings, UTTERANCE_SETS[name]) for name in feature_sets]
    for other in beside:
        other.extractor.settings()  # a library that is missing is told before anything is read
    corpora = settings.load_corpora()
    for corpus in corpora:
        tell(corpus.problems, f"{corpus.name}: ")
    taxonomy = settings.make_taxonomy()
    n_utterances = sum(taxonomy.emotion(u) is not None for c in corpora for u in c.utterances)
    with extraction_progress(n_utterances * (1 + len(beside))) as advance:
        prepared = prepare(
            corpora,
            taxonomy,
            store,
            others=dict(zip(feature_sets, beside, strict=True)),
            n_jobs=n_jobs,
            progress=advance,
        )
    tell(prepared.problems)
    return prepared


def feature_store(settings: Settings) -> FeatureStore:
    """Where the settings keep their features.

    Raises:
        VoxaffectError: the features cannot be.
    """
    return _store(settings, settings.features.extractor())


def _store(settings: Settings, extractor: FrameExtractor) -> FeatureStore:
    return FeatureStore(settings.features.store.expanduser(), extractor, settings.audio.limits())


def tell(problems: Sequence[Problem], prefix: str = "") -> None:
    """Name the first faults of every kind and count the notes; none is dropped in silence."""
    by_kind: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        by_kind[problem.kind].append(problem)
    for kind, same in by_kind.items():
        faults = [problem for problem in same if problem.is_fault]
        for problem in faults[:MAX_NAMED]:
            print_line(f"{prefix}{problem.path}: {problem.detail}", to=errors)
        unnamed = len(same) - len(faults[:MAX_NAMED])
        if unnamed:
            errors.print(f"{prefix}{kind}: {unnamed}{' more' if faults else ''}")
