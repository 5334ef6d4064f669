"""What each speaker said and a system recognised of it: what speakers are compared and drawn by.

A tally is float64 (2, C): utterances recognised of each class, averaged over seeds, above the
utterances there are. A recall is the first by the second. As every seed answers for the same
utterances, UA of averaged tallies is the average of the seeds' UA: seeds never count as samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.evaluation.experiment.results import FoldResult
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.measures.means import mean_known, ratio
from voxaffect.evaluation.protocol.folds import UNKNOWN
from voxaffect.taxonomy import EMOTION

Floats = NDArray[np.float64]
Fold = Mapping[str, Floats]
"""Speaker -> tally (2, C), of one fold's test set."""


class Cell(NamedTuple):
    """A cell of a table: one system on one test set."""

    test: str
    system: str


Tallies = Mapping[Cell, Mapping[str, Fold]]
"""Cell -> fold -> tallies. A cell with an utterance whose speaker is not known is absent."""


def stated_speakers(run: Run) -> dict[str, str]:
    """Id -> speaker, as the run's corpora say; a run of an earlier version keeps none."""
    return {i: facts.speaker for i, facts in run.utterances.items()}


def known_speakers(results: Iterable[FoldResult], stated: Mapping[str, str]) -> dict[str, str]:
    """Speaker of each test utterance, where it is known.

    Args:
        results: of a run; a fold of `within` names the speaker it tests.
        stated: id -> speaker, as the run's corpora say; may be empty.

    Returns:
        Id -> speaker. Voices that a corpus does not tell apart (`mine/?`) are left out.
    """
    named = {i: r.test_name for r in results if r.protocol == "within" for i in r.ids}
    return {i: who for i, who in {**named, **stated}.items() if not who.endswith(UNKNOWN)}


def tallies(results: Sequence[FoldResult], speaker_of: Mapping[str, str]) -> Tallies:
    """Tallies of the results of one protocol.

    Args:
        results: of one protocol.
        speaker_of: id -> speaker.
    """
    cells: dict[Cell, dict[str, list[FoldResult]]] = {}
    for result in results:
        folds = cells.setdefault(Cell(result.corpus, result.system), {})
        folds.setdefault(result.fold, []).append(result)
    unknown = {r.corpus for r in results if any(i not in speaker_of for i in r.ids)}
    return {
        cell: {fold: _fold(seeds, speaker_of) for fold, seeds in folds.items()}
        for cell, folds in cells.items()
        if cell.test not in unknown
    }


def total(folds: Iterable[Fold]) -> dict[str, Floats]:
    """Tallies of several folds together: a speaker may be in more than one."""
    summed: dict[str, Floats] = {}
    for fold in folds:
        for speaker, tally in fold.items():
            summed[speaker] = summed.get(speaker, 0.0) + tally
    return summed


def unweighted_accuracy(tally: Floats) -> Floats:
    """UA of tallies (..., 2, C): mean recall over the classes present, NaN where there is none."""
    return mean_known(ratio(tally[..., 0, :], tally[..., 1, :]))


def _fold(seeds: Sequence[FoldResult], speaker_of: Mapping[str, str]) -> dict[str, Floats]:
    """Tally of each speaker of a fold, averaged over seeds."""
    summed = total(_tally_each(result, speaker_of) for result in seeds)
    return {speaker: tally / len(seeds) for speaker, tally in summed.items()}


def _tally_each(result: FoldResult, speaker_of: Mapping[str, str]) -> dict[str, Floats]:
    names, who = np.unique([speaker_of[i] for i in result.ids], return_inverse=True)
    shape = (names.size, EMOTION.n_classes)
    place = np.ravel_multi_index((who, result.y_true), shape)
    there = np.bincount(place, minlength=np.prod(shape))
    recognised = np.bincount(place[result.y_true == result.y_pred], minlength=np.prod(shape))
    counted = np.stack([recognised.reshape(shape), there.reshape(shape)], axis=1)
    return dict(zip(names.tolist(), counted.astype(np.float64), strict=True))
