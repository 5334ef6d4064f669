"""Kinds of classifiers: their settings as plain values, and classifiers from these.

What `UtteranceClassifier.state` is to what a classifier has learned, this is to its settings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from voxaffect.errors import ArtifactError
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings
from voxaffect.systems.baselines import MajorityClassifier, MeanPoolClassifier
from voxaffect.systems.classifier import NetClassifier, NetSettings, UtteranceClassifier
from voxaffect.systems.ensemble import EnsembleClassifier
from voxaffect.systems.row_classifier import (
    LinearSvmSettings,
    LogisticSettings,
    MeanLogisticSettings,
    RowClassifier,
    SvmSettings,
)
from voxaffect.systems.summaries import SUMMARIES

TRUNKS: Mapping[str, type[TrunkSettings]] = {"dnn": DnnSettings, "lstm": LstmSettings}
"""Name of the trunk in a saved recognizer -> its settings."""

NETS: Mapping[str, type[NetClassifier]] = {"net": NetClassifier, "mean net": MeanPoolClassifier}
MACHINES: Mapping[str, Any] = {
    "svm": SvmSettings,
    "linear svm": LinearSvmSettings,
    "logistic": LogisticSettings,
    "mean logistic": MeanLogisticSettings,
}
MAJORITY, ENSEMBLE = "majority", "ensemble"
NET = "net"


class Described(NamedTuple):
    """A classifier without what it has learned."""

    kind: str
    settings: dict[str, Any]  # plain, as JSON reads them


def describe(classifier: UtteranceClassifier) -> Described:
    """Kind and settings of a classifier."""
    if isinstance(classifier, NetClassifier):
        settings = classifier.settings
        trunk = {"kind": _name_of(type(settings.trunk), TRUNKS), **asdict(settings.trunk)}
        return _described(_name_of(type(classifier), NETS), {**asdict(settings), "trunk": trunk})
    if isinstance(classifier, RowClassifier):
        kind = _name_of(type(classifier.settings), MACHINES)
        plain = asdict(classifier.settings)  # type: ignore[call-overload]
        return _described(kind, {**plain, "summary": classifier.row_summary.name})
    if isinstance(classifier, EnsembleClassifier):
        members = [
            {"system": name, **describe(member)._asdict()}
            for name, member in classifier.members.items()
        ]
        return _described(ENSEMBLE, {"members": members})
    if isinstance(classifier, MajorityClassifier):
        return _described(MAJORITY, {})
    raise ArtifactError(f"a {type(classifier).__name__} cannot be saved; train a named system")


def classifier_of(kind: Any, stated: Any, device: str) -> UtteranceClassifier:
    """A new classifier of a kind with the settings that `describe` gave, nets on a device.

    Raises:
        ArtifactError: the kind or a setting is unknown to this version.
    """
    try:
        classifier = _classifier_of(kind, stated, device)
    except (KeyError, TypeError, ValueError) as fault:
        raise ArtifactError(f"settings are not understood ({fault})") from fault
    known = _on(device, describe(classifier).settings)
    if known != _on(device, stated):
        raise ArtifactError(
            "settings hold what this version does not know; "
            "install the version that wrote them or train again"
        )
    return classifier


def _classifier_of(kind: str, stated: dict[str, Any], device: str) -> UtteranceClassifier:
    if kind in NETS:
        moved = _on(device, stated)
        trunk = dict(moved["trunk"])
        read = TypeAdapter(TRUNKS[trunk.pop("kind")]).validate_python(trunk)
        return NETS[kind](TypeAdapter(NetSettings).validate_python({**moved, "trunk": read}))
    if kind in MACHINES:
        plain = {k: v for k, v in stated.items() if k != "summary"}
        settings = TypeAdapter(MACHINES[kind]).validate_python(plain)
        return RowClassifier(settings, SUMMARIES[stated["summary"]])
    if kind == ENSEMBLE:
        return EnsembleClassifier(
            {
                m["system"]: classifier_of(m["kind"], m["settings"], device)
                for m in stated["members"]
            }
        )
    if kind == MAJORITY:
        return MajorityClassifier()
    raise ArtifactError(
        f"its classifier is of the kind {kind!r}, which this version does not know; install the "
        "version that wrote it or train again"
    )


def _on(device: str, stated: Any) -> Any:
    """Settings with another device wherever they name one."""
    if isinstance(stated, list):
        return [_on(device, one) for one in stated]
    if not isinstance(stated, dict):
        return stated
    return {k: device if k == "device" else _on(device, v) for k, v in stated.items()}


def _name_of(kind: type, names: Mapping[str, Any]) -> str:
    (name,) = (name for name, of in names.items() if of is kind)
    return name


def _described(kind: str, settings: Mapping[str, Any]) -> Described:
    return Described(kind, json.loads(json.dumps(settings)))
