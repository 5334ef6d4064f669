"""What adapting a recogniser changes for speakers that it was not adapted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.evaluation.measures.metrics import confusion, unweighted_accuracy
from voxaffect.evaluation.measures.significance import PairedTest, wilcoxon
from voxaffect.taxonomy import EMOTION

Classes = NDArray[np.int64]


@dataclass(frozen=True)
class BeforeAfter:
    """Answers of one recogniser before and after, for the same utterances.

    Args:
        n: utterances.
        before: unweighted accuracy of all answers together.
        after: the same afterwards.
        recalls: class -> recall before and after, of the classes that there are.
        speakers: speaker -> unweighted accuracy before and after.
        paired: the speakers as pairs.
    """

    n: int
    before: float
    after: float
    recalls: dict[str, tuple[float, float]]
    speakers: dict[str, tuple[float, float]]
    paired: PairedTest


def before_after(
    truth: Classes, before: Classes, after: Classes, speakers: NDArray[np.str_]
) -> BeforeAfter:
    """Compare answers to N utterances.

    Args:
        truth: (N,), emotion classes.
        before: (N,), answers of the recogniser as it was.
        after: (N,), answers of one adapted to other speakers than the utterance's.
        speakers: (N,), who speaks.
    """
    by_speaker = {}
    for speaker in np.unique(speakers):
        own = speakers == speaker
        by_speaker[str(speaker)] = (_ua(truth[own], before[own]), _ua(truth[own], after[own]))
    classes = np.unique(truth)
    recalls = {
        EMOTION.classes[c]: tuple(
            float(np.mean(answers[truth == c] == c)) for answers in (before, after)
        )
        for c in classes
    }
    return BeforeAfter(
        n=truth.size,
        before=_ua(truth, before),
        after=_ua(truth, after),
        recalls={name: (then, now) for name, (then, now) in recalls.items()},
        speakers=by_speaker,
        paired=wilcoxon(
            {name: [now] for name, (_, now) in by_speaker.items()},
            {name: [then] for name, (then, _) in by_speaker.items()},
        ),
    )


def _ua(truth: Classes, answers: Classes) -> float:
    return unweighted_accuracy(confusion(truth, answers, EMOTION.n_classes))
