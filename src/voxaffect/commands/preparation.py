"""From settings to a dataset: corpora read, problems told, features computed or found."""

from __future__ import annotations

from voxaffect.commands.console import errors, extraction_progress
from voxaffect.config import Settings
from voxaffect.corpora.corpus import Corpus
from voxaffect.evaluation.dataset import Dataset, prepare
from voxaffect.evaluation.run import CorpusSummary
from voxaffect.features.lld import LowLevelDescriptors
from voxaffect.features.store import FeatureStore

MAX_NAMED = 5


def prepare_dataset(settings: Settings, n_jobs: int) -> tuple[Dataset, tuple[CorpusSummary, ...]]:
    """The dataset of the settings' corpora, and what of them entered it.

    Raises:
        VoxaffectError: a corpus cannot be read, or features cannot be stored.
    """
    corpora = settings.load_corpora()
    for corpus in corpora:
        _tell_problems(corpus)
    store = FeatureStore(settings.features.store.expanduser(), LowLevelDescriptors())
    n_utterances = sum(len(corpus.utterances) for corpus in corpora)
    with extraction_progress(n_utterances) as advance:
        return prepare(corpora, settings.make_taxonomy(), store, n_jobs=n_jobs, progress=advance)


def _tell_problems(corpus: Corpus) -> None:
    for problem in corpus.problems[:MAX_NAMED]:
        errors.print(f"{corpus.name}: {problem.path}: {problem.detail}", markup=False)
    if len(corpus.problems) > MAX_NAMED:
        n_more = len(corpus.problems) - MAX_NAMED
        errors.print(f"{corpus.name}: {n_more} problems more; see voxaffect corpora check")
