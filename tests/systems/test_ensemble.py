from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax

from tests.model.examples import make_examples
from voxaffect.config.settings import find_system
from voxaffect.errors import ArtifactError, ConfigError
from voxaffect.model.settings import Epoch, TrainingSettings
from voxaffect.model.trunks import DnnSettings
from voxaffect.systems.baselines import MajorityClassifier, MeanPoolClassifier
from voxaffect.systems.classifier import NetSettings, State
from voxaffect.systems.ensemble import EnsembleClassifier, trained_in_epochs
from voxaffect.systems.row_classifier import LogisticSettings, MeanLogisticSettings, RowClassifier
from voxaffect.systems.summaries import MEAN
from voxaffect.systems.systems import EnsembleSystem, Options
from voxaffect.taxonomy import EMOTION

TRAIN, DEV, TEST = (make_examples(n, seed=i, noise=3.0) for i, n in enumerate((80, 20, 40)))
QUICK = TrainingSettings(learning_rate=1e-2, batch_size=16, max_epochs=2, patience=2)
NET = NetSettings(DnnSettings(hidden=8, context=2), {"gender": 0.1, "emotion": 1.0}, QUICK)


def made() -> EnsembleClassifier:
    logistic = RowClassifier(MeanLogisticSettings((1e-2,)), MEAN)
    return EnsembleClassifier({"mean-logistic": logistic, "dnn-mean": MeanPoolClassifier(NET)})


@pytest.fixture(scope="module")
def ensemble() -> EnsembleClassifier:
    classifier = made()
    classifier.fit(TRAIN, DEV, seed=0)
    return classifier


def test_it_is_the_geometric_mean_of_its_members(ensemble: EnsembleClassifier) -> None:
    found = ensemble.answer(TEST.frames)
    own = [member.answer(TEST.frames) for member in ensemble.members.values()]
    mean = np.mean([np.log(o.probabilities) for o in own], axis=0)
    temperature = ensemble.details()["temperature"]
    np.testing.assert_allclose(np.log(found.probabilities), log_softmax(mean / temperature, 1))
    assert found.posteriors is not None
    (one, other), whole = (o.posteriors for o in own), found.posteriors
    assert one is not None
    assert other is not None
    for a, b, both in zip(one["emotion"], other["emotion"], whole["emotion"], strict=True):
        product = np.sqrt(np.maximum(a, 1e-12) * np.maximum(b, 1e-12))
        np.testing.assert_allclose(both, product / product.sum(1, keepdims=True), rtol=1e-3)
    np.testing.assert_array_equal(whole["gender"][0], other["gender"][0])
    assert found.rows is not None
    assert found.rows.shape == (40, 6 + 4 * 4)


def test_without_posteriors_of_one_there_are_none() -> None:
    functionals = RowClassifier(LogisticSettings((1e-2,)))
    both = EnsembleClassifier({"logistic": functionals, "majority": MajorityClassifier()})
    both.fit(TRAIN, DEV, seed=0)
    assert both.answer(TEST.frames).posteriors is None
    assert both.tasks == (EMOTION.name,)
    assert trained_in_epochs(both) is None
    assert both.n_features == 6


def test_epochs_are_those_of_its_net(ensemble: EnsembleClassifier) -> None:
    told: list[Epoch] = []
    classifier = made()
    assert not classifier.is_fitted
    classifier.fit(TRAIN, DEV, seed=0, on_epoch=told.append)
    assert [epoch.number for epoch in told] == [1, 2]
    net = trained_in_epochs(classifier)
    assert net is classifier.members["dnn-mean"]
    assert classifier.tasks == ("emotion", "gender")
    again, found = (c.answer(TEST.frames).probabilities for c in (classifier, ensemble))
    np.testing.assert_array_equal(again, found)


def test_other_members_are_refused(ensemble: EnsembleClassifier) -> None:
    state = ensemble.state()
    few = EnsembleClassifier({"majority": MajorityClassifier()})
    with pytest.raises(ArtifactError, match="has other members"):
        few.restore(state)
    with pytest.raises(ArtifactError, match="has other members"):
        made().restore(State({}, state.arrays))


def test_systems_are_joined_by_name() -> None:
    system = find_system("mean-logistic+dnn-mean")
    assert isinstance(system, EnsembleSystem)
    assert system.name == "mean-logistic+dnn-mean"
    assert system.features is None
    assert find_system("egemaps-svm+egemaps-logistic").features == "egemaps"
    classifier = system.classifier(Options())
    assert list(classifier.members) == ["mean-logistic", "dnn-mean"]
    assert system.settings(Options())["system"] == "mean-logistic+dnn-mean"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("svm+svm", "names a system twice"),
        ("svm+egemaps-svm", "need different features"),
        ("svm+dnn", "unknown system 'dnn'"),
        ("svm+", "unknown system ''"),
    ],
)
def test_what_cannot_be_joined_is_named(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        find_system(name)
