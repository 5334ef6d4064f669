from __future__ import annotations

from dataclasses import fields, replace
from multiprocessing.reduction import ForkingPickler

import pytest

from voxaffect.features.opensmile import UTTERANCE_SETS
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import DnnSettings, LstmSettings
from voxaffect.systems import VARIANTS
from voxaffect.systems.baselines import MajorityClassifier, MeanPoolClassifier
from voxaffect.systems.classifier import ElmSettings, NetClassifier, NetSettings
from voxaffect.systems.row_classifier import (
    LinearSvmSettings,
    LogisticSettings,
    MeanLogisticSettings,
    RowClassifier,
    SvmSettings,
)
from voxaffect.systems.systems import SYSTEMS, NetSystem, Options, TrainingOptions, varied
from voxaffect.taxonomy import TASKS

BASE = NetSettings(
    DnnSettings(hidden=8, context=1),
    {"emotion": 1.0, "gender": 0.1, "naturalness": 0.1},
    TrainingSettings(learning_rate=2e-3, batch_size=7),
)


def changed(name: str) -> dict[str, object]:
    """Settings, dotted, in which a variant differs from its base, and their values there."""
    variant = varied(BASE, name)
    found: dict[str, object] = {}
    for part in ("training", "elm"):
        ours, theirs = getattr(variant, part), getattr(BASE, part)
        for f in fields(ours):
            if getattr(ours, f.name) != getattr(theirs, f.name):
                found[f"{part}.{f.name}"] = getattr(ours, f.name)
    if variant.private_layers != BASE.private_layers:
        found["private_layers"] = variant.private_layers
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rates", {"training.task_learning_rates": {"gender": 2e-4, "naturalness": 2e-4}}),
        ("private", {"private_layers": 1}),
        ("extended", {"elm.subtasks": True}),
        ("uncertainty", {"training.task_weighting": "uncertainty"}),
        ("gradnorm", {"training.task_weighting": "gradnorm"}),
    ],
)
def test_a_variant_changes_one_thing(name: str, expected: dict[str, object]) -> None:
    assert changed(name) == expected
    assert varied(BASE, name).trunk == BASE.trunk
    assert varied(BASE, name).task_weights == BASE.task_weights


def test_every_variant_is_looked_at() -> None:
    assert set(VARIANTS) == {"rates", "private", "extended", "uncertainty", "gradnorm"}


def test_private_layers_come_on_top_of_the_runs_own() -> None:
    assert varied(replace(BASE, private_layers=2), "private").private_layers == 3
    heads = [
        sum(p.numel() for p in MultiTaskNet(NetClassifier(s).shape(5)).heads.parameters())
        for s in (BASE, varied(BASE, "private"))
    ]
    assert heads[1] > heads[0]


OPTIONS = Options(
    training=TrainingOptions(
        dnn=TrainingSettings(batch_size=3), lstm=TrainingSettings(batch_size=5)
    )
)


TRUNKS = ("dnn", "lstm", "blstm")
LEARNED = {
    "stl": (), "mean": (), "gender": ("gender",), "naturalness": ("naturalness",),
    "mtl": ("gender", "naturalness"),
}  # fmt: skip
NETS = {name: system for name, system in SYSTEMS.items() if isinstance(system, NetSystem)}
PLAIN = [name for name, system in NETS.items() if not system.variant]
FEATURES = {
    "egemaps-svm": "egemaps", "egemaps-logistic": "egemaps",
    "compare-svm": "compare", "compare-logistic": "compare",
}  # fmt: skip


def test_all_systems_are_there() -> None:
    paper = [f"{trunk}-{kind}" for trunk in TRUNKS[:2] for kind in LEARNED if kind != "mean"]
    variants = [f"{trunk}-mtl-{name}" for trunk in TRUNKS[:2] for name in VARIANTS]
    means = [f"{trunk}-mean" for trunk in TRUNKS[:2]]
    others = ["blstm-stl", "blstm-mtl", "majority", "svm", "logistic"]
    others += ["mean-logistic", *FEATURES]
    assert sorted(SYSTEMS) == sorted([*paper, *variants, *means, *others])
    assert all(name == system.name for name, system in SYSTEMS.items())


@pytest.mark.parametrize("name", NETS)
def test_a_name_says_what_a_system_is(name: str) -> None:
    trunk, learns, *_ = name.split("-")
    settings = NETS[name].net_settings(OPTIONS)
    assert settings.task_weights == {"emotion": 1.0} | dict.fromkeys(LEARNED[learns], 0.1)
    assert isinstance(settings.trunk, DnnSettings if trunk == "dnn" else LstmSettings)
    assert settings.training.batch_size == (3 if trunk == "dnn" else 5)
    assert NETS[name].mean_pooled == (learns == "mean")
    if isinstance(settings.trunk, LstmSettings):
        assert settings.trunk.bidirectional == (trunk == "blstm")


@pytest.mark.parametrize("name", [name for name in NETS if name not in PLAIN])
def test_a_variant_is_its_base_with_one_change(name: str) -> None:
    base, _, change = name.rpartition("-")
    expected = varied(NETS[base].net_settings(OPTIONS), change)
    assert NETS[name].net_settings(OPTIONS) == expected
    assert expected != NETS[base].net_settings(OPTIONS)


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


@pytest.mark.parametrize("name", PLAIN)
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
    for name in PLAIN:
        settings = NETS[name].net_settings(Options(training=TrainingOptions(private_layers=2)))
        assert NetClassifier(settings).shape(32).private_layers == 2


def test_settings_tell_systems_apart() -> None:
    settings = [str(system.settings(OPTIONS)) for system in SYSTEMS.values()]
    assert len(set(settings)) == len(SYSTEMS)


def test_baselines_are_what_they_are_called() -> None:
    made = {name: SYSTEMS[name].classifier(OPTIONS) for name in SYSTEMS if name not in NETS}
    assert type(made.pop("majority")) is MajorityClassifier
    sections = {n: type(c.settings) for n, c in made.items() if isinstance(c, RowClassifier)}
    assert sections == {
        "svm": SvmSettings, "egemaps-svm": SvmSettings, "compare-svm": LinearSvmSettings,
        "logistic": LogisticSettings, "egemaps-logistic": LogisticSettings,
        "compare-logistic": LogisticSettings, "mean-logistic": MeanLogisticSettings,
    }  # fmt: skip
    assert type(SYSTEMS["lstm-mean"].classifier(OPTIONS)) is MeanPoolClassifier


def test_settings_of_a_mean_pooled_net_name_no_elm_but_the_threshold_of_what_is_kept() -> None:
    plain, other = (
        SYSTEMS["lstm-mean"].settings(Options(elm=ElmSettings(n_hidden=n, threshold=0.3)))
        for n in (7, 120)
    )
    assert plain == other
    assert "elm" not in plain
    assert plain["threshold"] == 0.3
    assert plain["utterance_level"] == "mean posterior"


def test_a_system_says_which_features_it_needs() -> None:
    assert {n: s.features for n, s in SYSTEMS.items() if s.features is not None} == FEATURES
    assert set(FEATURES.values()) == set(UTTERANCE_SETS)
    for name, features in FEATURES.items():
        assert SYSTEMS[name].settings(OPTIONS)["features"] == features


def test_options_reach_the_machine_that_they_are_for() -> None:
    options = Options(
        svm=SvmSettings(penalty=3.0),
        linear_svm=LinearSvmSettings((4.0,)),
        logistic=LogisticSettings((5.0,)),
    )
    assert SYSTEMS["egemaps-svm"].settings(options)["penalty"] == 3.0
    assert SYSTEMS["compare-svm"].settings(options)["penalties"] == (4.0,)
    assert SYSTEMS["compare-logistic"].settings(options)["penalties"] == (5.0,)
    assert SYSTEMS["majority"].settings(options) == {"system": "majority"}


def test_systems_travel_to_other_processes() -> None:
    for system in SYSTEMS.values():
        assert ForkingPickler.loads(ForkingPickler.dumps(system)) == system
