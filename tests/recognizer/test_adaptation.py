"""A recognizer of one kind of recordings, adapted to another in which labels mean other sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.recognizer.test_recognizer import TRUNKS, labeled, net_of, tone, trained
from voxaffect.errors import TrainingError
from voxaffect.model.data import Examples
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import TrunkSettings
from voxaffect.recognizer.adaptation import adapt
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.taxonomy import EMOTION

QUICK = TrainingSettings(learning_rate=0.03, batch_size=8, max_epochs=6, patience=6)
STILL = TrainingSettings(learning_rate=1e-12, batch_size=8, max_epochs=1, patience=1)


def renamed(recognizer: TrainedRecognizer, seeds: range) -> Examples:
    """The same tones, each of them called as the next one was."""
    labels = {"emotion": [EMOTION.classes[(seed + 1) % 4] for seed in seeds]}
    return recognizer.examples([tone(seed) for seed in seeds], labels)


@pytest.fixture(scope="module")
def base() -> TrainedRecognizer:
    return trained()


def right(recognizer: TrainedRecognizer, seeds: range) -> float:
    """Share of tones that are called by their new name."""
    found = recognizer.predict([tone(seed) for seed in seeds])
    hits = [
        p.forced().label == EMOTION.classes[(s + 1) % 4] for p, s in zip(found, seeds, strict=True)
    ]
    return float(np.mean(hits))


@pytest.mark.parametrize("trunk", TRUNKS, ids=str)
def test_it_learns_the_new_names_and_the_base_stays_as_it_is(trunk: TrunkSettings) -> None:
    base = trained(trunk)
    heard = [tone(seed) for seed in range(40, 48)]
    before = [p.probabilities for p in base.predict(heard)]
    train, dev = renamed(base, range(16)), renamed(base, range(16, 24))
    adapted = adapt(base, train, dev, seed=0, training=QUICK)
    assert [p.probabilities for p in base.predict(heard)] == before
    assert right(adapted, range(40, 56)) > max(0.6, right(base, range(40, 56)))


def test_a_net_that_no_epoch_makes_better_keeps_its_weights(base: TrainedRecognizer) -> None:
    train, dev = labeled(base, range(16)), labeled(base, range(16, 24))
    adapted = adapt(base, train, dev, seed=0, training=STILL)
    moved = adapted.card["moved"]
    same = all(
        bool((a == b).all())
        for a, b in zip(
            net_of(adapted).net_.state_dict().values(),
            net_of(base).net_.state_dict().values(),
            strict=True,
        )
    )
    assert same is not moved


def test_it_says_where_it_comes_from_and_is_saved_like_any_other(
    base: TrainedRecognizer, tmp_path: Path
) -> None:
    train, dev = renamed(base, range(16)), renamed(base, range(16, 24))
    adapted = adapt(base, train, dev, seed=3, training=QUICK, card={"note": "renamed"})
    assert adapted.card["note"] == "renamed"
    assert adapted.card["seed"] == 3
    assert adapted.card["adapted_from"]["seed"] == 0
    adapted.save(tmp_path)
    loaded = TrainedRecognizer.load(tmp_path)
    answers = [r.predict([tone(50)])[0].probabilities for r in (adapted, loaded)]
    assert answers[0] == answers[1]


def test_the_same_seed_gives_the_same_recognizer(base: TrainedRecognizer) -> None:
    train, dev = renamed(base, range(16)), renamed(base, range(16, 24))
    one, other = (adapt(base, train, dev, seed=1, training=QUICK) for _ in range(2))
    assert one.predict([tone(50)])[0].probabilities == other.predict([tone(50)])[0].probabilities


def test_data_of_a_single_class_are_refused(base: TrainedRecognizer) -> None:
    same = base.examples([tone(seed) for seed in range(4)], {"emotion": ["sad"] * 4})
    with pytest.raises(TrainingError, match="two or more are needed"):
        adapt(base, same, same, seed=0, training=QUICK)
