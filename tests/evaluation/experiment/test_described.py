from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.data import make_dataset
from tests.report.runs import corpus
from voxaffect.evaluation.experiment.described import facts_of
from voxaffect.evaluation.experiment.experiment import run
from voxaffect.evaluation.experiment.plan import Plan
from voxaffect.evaluation.experiment.run import RunFolder
from voxaffect.features.frames import FrameGrid
from voxaffect.systems import SvmSystem

DATASET = make_dataset()
CORPORA = (corpus("north", {"acted": 1}), replace(corpus("south", {}), language="not stated"))


def test_facts_are_those_of_the_utterance_in_its_order() -> None:
    facts = facts_of(DATASET, CORPORA)
    assert list(facts) == list(DATASET.utterances)
    for id_, found in facts.items():
        utterance = DATASET.utterances[id_]
        assert (found.speaker, found.gender) == (utterance.speaker, utterance.gender)
        assert (found.style, found.content) == (utterance.naturalness, DATASET.contents[id_])
        assert found.snr_db is None


def test_the_card_says_the_language_where_the_utterance_does_not() -> None:
    first = next(iter(DATASET.utterances))
    spoken = {**DATASET.utterances, first: replace(DATASET.utterances[first], language="Welsh")}
    facts = facts_of(replace(DATASET, utterances=spoken), CORPORA)
    by_corpus = {f.corpus: f.language for f in facts.values()}
    assert facts[first].language == "Welsh"
    assert by_corpus == {"north": "German", "south": None}


@pytest.mark.parametrize("grid", [FrameGrid(), FrameGrid(0.025, 0.020)])
def test_duration_is_the_time_that_frames_cover(grid: FrameGrid) -> None:
    facts = facts_of(replace(DATASET, grid=grid), ())
    for id_, frames in DATASET.features.items():
        samples = grid.window_samples + (len(frames) - 1) * grid.hop_samples
        assert facts[id_].duration_s == pytest.approx(samples / 16_000)


def test_the_level_is_read_where_the_features_have_one() -> None:
    settings = {
        "names": [*"abcd", "energy"],
        "extractor": {"extractor": "low-level descriptors"},
    }
    features = {i: np.abs(frames) for i, frames in DATASET.features.items()}
    facts = facts_of(replace(DATASET, features=features, feature_settings=settings), ())
    assert all(f.snr_db is not None and f.snr_db >= 0 for f in facts.values())


def test_a_run_keeps_them_and_digests_stay_what_they_were(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    done = run(Plan(("within",), (SvmSystem(),)), DATASET, CORPORA, folder)
    assert done.utterances.keys() == DATASET.utterances.keys()
    assert {i for r in done.results for i in r.ids} <= done.utterances.keys()
    ids = list(DATASET.utterances)
    assert replace(DATASET, grid=FrameGrid(0.025, 0.020)).digest(ids) == DATASET.digest(ids)
