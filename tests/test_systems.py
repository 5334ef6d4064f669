from __future__ import annotations

import pytest

from voxaffect.baselines.svm import SvmClassifier
from voxaffect.classifier import NetClassifier
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import DnnSettings, LstmSettings
from voxaffect.systems import SYSTEMS, NetSystem, Options
from voxaffect.taxonomy import TASKS

OPTIONS = Options(dnn=TrainingSettings(batch_size=3), lstm=TrainingSettings(batch_size=5))


def test_all_systems_of_the_paper_and_the_baseline_are_there() -> None:
    assert set(SYSTEMS) == {
        "dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl", "dnn-gender", "lstm-gender",
        "dnn-naturalness", "lstm-naturalness", "blstm-stl", "blstm-mtl", "svm",
    }  # fmt: skip
    assert all(name == system.name for name, system in SYSTEMS.items())


@pytest.mark.parametrize("name", [name for name in SYSTEMS if name != "svm"])
def test_a_name_says_what_a_system_is(name: str) -> None:
    system = SYSTEMS[name]
    assert isinstance(system, NetSystem)
    trunk, learns = name.split("-")
    settings = system.net_settings(OPTIONS)
    subtasks = {
        "stl": set(), "gender": {"gender"}, "naturalness": {"naturalness"},
        "mtl": {"gender", "naturalness"},
    }[learns]  # fmt: skip
    assert settings.task_weights == {"emotion": 1.0} | dict.fromkeys(subtasks, 0.1)
    assert isinstance(settings.trunk, DnnSettings if trunk == "dnn" else LstmSettings)
    assert settings.training.batch_size == (3 if trunk == "dnn" else 5)
    if isinstance(settings.trunk, LstmSettings):
        assert settings.trunk.bidirectional == (trunk == "blstm")


def test_defaults_are_the_papers() -> None:
    system = SYSTEMS["lstm-mtl"]
    assert isinstance(system, NetSystem)
    settings = system.net_settings(Options())
    assert (settings.training.learning_rate, settings.training.batch_size) == (3e-3, 128)
    assert settings.trunk == LstmSettings(hidden=256, layers=2, dropout=0.5)
    dnn = SYSTEMS["dnn-mtl"]
    assert isinstance(dnn, NetSystem)
    assert dnn.trunk == DnnSettings(hidden=256, layers=3, context=12, dropout=0.5)
    assert (settings.elm.n_hidden, settings.elm.threshold) == (120, 0.2)


@pytest.mark.parametrize("name", [name for name in SYSTEMS if name != "svm"])
def test_what_the_paper_leaves_open_is_left_out_unless_asked_for(name: str) -> None:
    system = SYSTEMS[name]
    assert isinstance(system, NetSystem)
    settings = system.net_settings(Options())
    assert settings.training.task_weighting == "fixed"
    assert settings.training.task_learning_rates == {}
    assert settings.private_layers == 0
    assert not settings.elm.subtasks
    shape = NetClassifier(settings).shape(32)
    n_heads = sum(p.numel() for p in MultiTaskNet(shape).heads.parameters())
    n_classes = sum(TASKS[task].n_classes for task in settings.task_weights)
    assert n_heads == n_classes * (MultiTaskNet(shape).trunk.n_hidden + 1)


def test_private_layers_are_given_to_every_net() -> None:
    for system in SYSTEMS.values():
        if isinstance(system, NetSystem):
            settings = system.net_settings(Options(private_layers=2))
            assert NetClassifier(settings).shape(32).private_layers == 2


def test_settings_tell_systems_apart() -> None:
    settings = [str(system.settings(OPTIONS)) for system in SYSTEMS.values()]
    assert len(set(settings)) == len(SYSTEMS)


def test_the_baseline_is_no_net() -> None:
    assert isinstance(SYSTEMS["svm"].classifier(OPTIONS), SvmClassifier)
