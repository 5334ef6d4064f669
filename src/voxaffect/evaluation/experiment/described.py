"""The facts of a dataset's utterances, read off metadata and stored frames; no audio is read."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import numpy as np

from voxaffect.corpora.table import NOT_STATED
from voxaffect.evaluation.experiment.dataset import Dataset
from voxaffect.evaluation.experiment.fold_data import lengths_of
from voxaffect.evaluation.experiment.frame_levels import rms_column, signal_to_noise_db
from voxaffect.evaluation.experiment.run import CorpusSummary
from voxaffect.evaluation.experiment.utterance_facts import UtteranceFacts
from voxaffect.model.examples import Examples


def facts_of(dataset: Dataset, corpora: Sequence[CorpusSummary]) -> dict[str, UtteranceFacts]:
    """Facts of every utterance, by id.

    Args:
        dataset: utterances and frames.
        corpora: say which language a corpus is in, where its utterances do not.
    """
    languages = {c.name: c.language for c in corpora if c.language != NOT_STATED}
    examples = dataset.examples(list(dataset.utterances))
    measured = zip(_durations(dataset, examples), _levels(dataset, examples), strict=True)
    return {
        u.id: UtteranceFacts(
            corpus=u.corpus,
            speaker=u.speaker,
            gender=u.gender,
            language=u.language or languages.get(u.corpus),
            style=u.naturalness,
            duration_s=duration_s,
            snr_db=snr_db,
            content=dataset.contents[u.id],
        )
        for u, (duration_s, snr_db) in zip(dataset.utterances.values(), measured, strict=True)
    }


def _durations(dataset: Dataset, examples: Examples) -> list[float]:
    """From the beginning of the first frame to the end of the last, in seconds."""
    grid = dataset.grid
    seconds = grid.window_s + (lengths_of(examples).astype(np.float64) - 1) * grid.hop_s
    return [float(value) for value in seconds]


def _levels(dataset: Dataset, examples: Examples) -> list[float | None]:
    column = rms_column(dataset.feature_settings)
    if column is None:
        return [None] * len(examples)
    levels = signal_to_noise_db(examples.frames, column)
    return [None if isnan(level) else level for level in levels.tolist()]
