"""Predictions for clean and degraded speech with a given number of hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from voxaffect.audio.degrade import DEGRADATIONS
from voxaffect.audio.degrade.degradation import CLEAN, Degradation
from voxaffect.evaluation.experiment.run import FoldResult
from voxaffect.files import digest

ASKED: tuple[Degradation, ...] = tuple(
    DEGRADATIONS[name] for name in ("white-20db", "white-0db", "room-800ms", "quieter-20db")
)
N_EACH = 10


def answers(
    right: Mapping[str, int],
    system: str = "svm",
    *,
    fold: str = "cross/emodb",
    speakers: Sequence[str] = ("emodb/1",),
    seed: int = 0,
    n_classes: int = 4,
    easier: int = 0,
) -> FoldResult:
    """Of ten utterances of each class and speaker, so many right under each condition.

    Args:
        right: condition -> right ones; `clean` and every degradation that is asked about.
        system: whose answers.
        fold: name of the fold.
        speakers: speakers under test, with the same utterances each.
        seed: of the system.
        n_classes: classes under test; a wrong answer is the next of them.
        easier: more right ones of each further speaker.
    """
    ids, conditions, true, predicted = [], [], [], []
    for condition, n_right in right.items():
        for s, speaker in enumerate(speakers):
            for c in range(n_classes):
                for take in range(N_EACH):
                    ids.append(f"{speaker}/{c}{take}")
                    conditions.append(condition)
                    true.append(c)
                    predicted.append(c if take < n_right + s * easier else (c + 1) % n_classes)
    protocol, _, test = fold.partition("/")
    return FoldResult(
        protocol=protocol,
        fold=fold,
        test_name=test or protocol,
        system=system,
        seed=seed,
        fold_digest=fold,
        settings_digest=digest([fold, system, seed]),
        ids=tuple(ids),
        y_true=np.array(true, np.int64),
        y_pred=np.array(predicted, np.int64),
        probabilities=np.zeros((len(ids), 4)),
        high_level=np.zeros((len(ids), 0), np.float32),
        seconds=1.0,
        conditions=tuple(conditions),
    )


def by_speaker(_: FoldResult, utterance: str) -> dict[str, str]:
    """Facts of an utterance, whose id begins with its speaker."""
    speaker = utterance.rpartition("/")[0]
    return {"corpus": speaker.partition("/")[0], "speaker": speaker}


def hits(
    clean: int, mild: int, severe: int, room: int, quieter: int | None = None
) -> dict[str, int]:
    """Right answers of ten, by condition."""
    numbers = (clean, mild, severe, room, clean if quieter is None else quieter)
    return dict(zip((CLEAN, *(d.name for d in ASKED)), numbers, strict=True))


MANY = tuple(f"emodb/{n}" for n in range(8))
