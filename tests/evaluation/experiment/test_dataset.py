"""Datasets of several feature sets: the same utterances and folds in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tests.evaluation.data import make_dataset
from tests.speech import vowel
from voxaffect.audio.degrade.random_line import Augmentation
from voxaffect.audio.speech import Speech, speech_of
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Corpus, CorpusCard, Utterance
from voxaffect.errors import AudioError, FeatureError, NoSpeechError
from voxaffect.evaluation.experiment.dataset import Dataset, Prepared, prepare
from voxaffect.evaluation.experiment.experiment import Plan, run
from voxaffect.evaluation.experiment.run import RunFolder
from voxaffect.evaluation.results import metrics_by
from voxaffect.features.cache.cache import FeatureStore
from voxaffect.features.frames import FrameGrid
from voxaffect.features.spectra import LogMel
from voxaffect.systems.systems import SYSTEMS
from voxaffect.taxonomy import EMOTION, Taxonomy


@dataclass(frozen=True)
class Levels:
    """One frame an utterance, its peak; refuses recordings of some lengths."""

    width: int
    refused: tuple[int, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"peak {n}" for n in range(self.width))

    @property
    def grid(self) -> FrameGrid:
        return FrameGrid()

    def settings(self) -> Mapping[str, object]:
        return {"extractor": "levels", "width": self.width, "refused": list(self.refused)}

    def extract(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        for waveform in waveforms:
            if waveform.samples.size in self.refused:
                raise AudioError(f"{waveform.name}: has an unlucky length")
        return [np.full((1, self.width), abs(w.samples).max(), np.float32) for w in waveforms]


CARD = CorpusCard(
    name="c", title="c", language="German", elicitation="acted", license="", citation="", url="",
    labels={}, n_speakers=2,
)  # fmt: skip


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """Eight recordings of 4000 to 4007 samples."""
    utterances = []
    for n in range(8):
        path = tmp_path / f"{n}.wav"
        soundfile.write(path, vowel(4000 + n, seed=n), 16_000)
        label = EMOTION.classes[n % 4]
        utterances.append(Utterance(f"c/{n}", "c", path, label, f"c/{n % 2}"))
    return Corpus(CARD, tmp_path, tuple(utterances))


def prepared(corpus: Corpus, calls: list[tuple[int, float]] | None = None) -> Prepared:
    root = corpus.root / "store"
    return prepare(
        [corpus],
        Taxonomy(),
        FeatureStore(root, Levels(2, refused=(4000,))),
        others={
            "wide": FeatureStore(root, Levels(5, refused=(4000, 4003))),
            "narrow": FeatureStore(root, Levels(1)),
        },
        progress=None if calls is None else lambda n, s: calls.append((n, s)),
    )


def test_datasets_of_all_feature_sets_have_the_same_utterances(corpus: Corpus) -> None:
    found = prepared(corpus)
    expected = {f"c/{n}" for n in (1, 2, 4, 5, 6, 7)}
    assert set(found.dataset.utterances) == expected
    assert set(found.others) == {"wide", "narrow"}
    for name, width in (("wide", 5), ("narrow", 1)):
        other = found.others[name]
        assert (other.utterances, other.targets) == (
            found.dataset.utterances,
            found.dataset.targets,
        )
        assert other.features["c/1"].shape == (1, width)
        assert other.contents == found.dataset.contents
        assert other.digest(["c/1"]) != found.dataset.digest(["c/1"])


def test_refused_recording_is_counted_once_and_reported_with_its_feature_set(
    corpus: Corpus,
) -> None:
    found = prepared(corpus)
    (summary,) = found.corpora
    assert summary.problems == {"recording refused": 1, "recording refused by wide": 1}
    assert summary.n_utterances == 6
    calls = {(p.path, p.detail.partition(": ")[0] == "wide") for p in found.problems}
    assert calls == {("c/0", False), ("c/0", True), ("c/3", True)}
    (other,) = [p.detail for p in found.problems if p.path == "c/3"]
    assert "left out for all systems, to have equal folds" in other


def test_one_feature_set_gives_one_dataset(corpus: Corpus) -> None:
    store = FeatureStore(corpus.root / "store", Levels(2))
    alone = prepare([corpus], Taxonomy(), store)
    both = prepare([corpus], Taxonomy(), store, others={"narrow": replace(store)})
    ids = sorted(alone.dataset.utterances)
    assert alone.dataset.digest(ids) == both.dataset.digest(ids)
    assert alone.corpora == both.corpora
    assert alone.others == {}


def test_progress_is_cumulative_over_feature_sets(corpus: Corpus) -> None:
    calls: list[tuple[int, float]] = []
    prepared(corpus, calls)
    assert calls == sorted(calls)
    assert calls[-1][0] == 3 * 8


def with_copies(corpus: Corpus, **words: Any) -> Dataset:
    store = FeatureStore(corpus.root / "store", LogMel(n_mels=8))
    return prepare([corpus], Taxonomy(), store, augmentation=Augmentation(**words)).dataset


def test_copies_follow_the_utterances_that_are_trained_on_and_weigh_less(corpus: Corpus) -> None:
    dataset = with_copies(corpus, lines=2, weight=0.25)
    ids = ["c/5", "c/2", "c/3"]
    train, clean = dataset.training(ids), dataset.examples(ids)
    assert train.weights is not None
    assert train.weights.tolist() == [1.0] * 3 + [0.25] * 6
    assert len(train) == 9
    for known in (train.targets["emotion"], train.groups, train.speakers):
        assert known is not None
        assert known.tolist() == known[:3].tolist() * 3
    for n, frames in enumerate(clean.frames):
        np.testing.assert_array_equal(train.frames[n], frames)
        one, two = train.frames[3 + n], train.frames[6 + n]
        assert not np.array_equal(one, frames)
        assert not np.array_equal(one, two)
    assert clean.weights is None
    assert len(dataset.examples(ids)) == 3  # nothing is tested on copies


def test_without_lines_all_is_as_before_and_lines_are_settings(corpus: Corpus) -> None:
    none, one, other = (
        with_copies(corpus, **words) for words in ({}, {"lines": 1}, {"lines": 1, "seed": 1})
    )
    ids = sorted(none.utterances)
    assert none.copies is None
    assert none.training(ids).weights is None
    assert "augmentation" not in none.feature_settings
    assert len({of.digest(ids) for of in (none, one, other)}) == 3
    assert not np.array_equal(one.training(ids).frames[-1], other.training(ids).frames[-1])


def test_a_copy_without_speech_is_left_out(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(waveform: Waveform) -> Speech:
        if waveform.name.endswith("1.wav"):
            raise NoSpeechError(f"{waveform.name}: no speech found")
        return speech_of(waveform)

    monkeypatch.setattr("voxaffect.features.cache.degraded.speech_of", refusing)
    train = with_copies(corpus, lines=1).training(["c/0", "c/1", "c/2"])
    assert train.weights is not None
    assert train.weights.tolist() == [1.0] * 3 + [0.3] * 2
    assert train.targets["emotion"].tolist() == [0, 1, 2, 0, 2]


def of_other_features(dataset: Dataset) -> Dataset:
    """One frame an utterance, with the class as four numbers."""
    features = {
        i: np.eye(4, dtype=np.float32)[[target["emotion"]]] + 0.01 * len(i)
        for i, target in dataset.targets.items()
    }
    return replace(dataset, features=features, feature_settings={"extractor": "plain"})


PLAN = Plan(("within", "cross"), (SYSTEMS["svm"], SYSTEMS["egemaps-svm"], SYSTEMS["majority"]))


def test_systems_use_their_own_features_on_the_same_folds(tmp_path: Path) -> None:
    dataset = make_dataset()
    blind = replace(dataset, features={i: 0 * f for i, f in dataset.features.items()})
    others = {"egemaps": of_other_features(dataset)}
    found = run(PLAN, blind, (), RunFolder(tmp_path), others=others)
    tested = found.results[["fold", "utterance"]].astype(str)
    one, *others_ = (tested[found.results["system"] == system.name] for system in PLAN.systems)
    assert all(other.to_numpy().tolist() == one.to_numpy().tolist() for other in others_)
    hits = metrics_by(found.results, ["system"])["wa"]
    assert hits["egemaps-svm"] == 1
    assert hits["svm"] == pytest.approx(1 / 4)


def test_missing_or_different_features_are_errors(tmp_path: Path) -> None:
    dataset = make_dataset()
    with pytest.raises(FeatureError, match="egemaps-svm needs the features 'egemaps'"):
        run(PLAN, dataset, (), RunFolder(tmp_path))
    fewer = {"egemaps": of_other_features(make_dataset(n_takes=2))}
    with pytest.raises(FeatureError, match="have other utterances than the run's own"):
        run(PLAN, dataset, (), RunFolder(tmp_path), others=fewer)
