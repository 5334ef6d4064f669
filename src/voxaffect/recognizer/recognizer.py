"""A recognizer on PyTorch: feature extractor, net and utterance level; trained, saved, loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from reprlib import repr as shorten
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter

from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits
from voxaffect.audio.quality import quality_warnings
from voxaffect.audio.waveform import TARGET_RMS, Waveform
from voxaffect.errors import ArtifactError, TrainingError
from voxaffect.features.frames import FrameExtractor
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.registry import checkpoint_paths, extractor_from_settings
from voxaffect.features.standardize import Standardizer
from voxaffect.model.data import Examples
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.training import OnEpoch
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings
from voxaffect.provenance import numeric_environment, versions
from voxaffect.recognizer.packaged import PACKAGED
from voxaffect.recognizer.prediction import Prediction, label_of, named, unfamiliar
from voxaffect.recognizer.recording import Recording, waveform_of
from voxaffect.recognizer.serialization import plain, read_artifact, write_artifact
from voxaffect.systems.classifier import ClassifierOutput, NetClassifier, NetSettings
from voxaffect.taxonomy import EMOTION, TASKS
from voxaffect.utterance.calibration import TemperatureCalibration
from voxaffect.utterance.elm_scores import ElmScores
from voxaffect.utterance.novelty import Novelty
from voxaffect.version import __version__

TRUNKS: Mapping[str, type[TrunkSettings]] = {"dnn": DnnSettings, "lstm": LstmSettings}
"""Name of the trunk in a saved recognizer -> its settings."""

CHECKED = {
    "features": "frame features",
    "names": "names of frame features",
    "classes": "classes",
    "target_rms": "target level",
}
"""Key of the header that must equal this version's own value -> what it is."""

NOVELTY_ARRAYS = ("mean", "whitening")
TIMINGS = ("frames_per_s", "seconds")
"""Values of an epoch that are not saved, so that the same seed gives the same bytes."""


@dataclass
class NetRecognizer:
    """Feature extractor and classifier, from recordings to predictions.

    Args:
        settings: of the classifier.
        extractor: computes the frame features.
        card: training corpora and how they were split; `fit` adds seed, epochs and versions.
        limits: recordings beyond them are refused.

    Attributes:
        novelty_: distance of utterances from the training data (out-of-distribution detection).
    """

    settings: NetSettings = field(default_factory=NetSettings)
    extractor: FrameExtractor = field(default_factory=LowLevelDescriptors)
    card: dict[str, Any] = field(default_factory=dict)
    limits: DecodeLimits = DEFAULT_LIMITS

    def __post_init__(self) -> None:
        self.classifier = NetClassifier(self.settings)

    def fit(
        self, train: Examples, dev: Examples, *, seed: int, on_epoch: OnEpoch | None = None
    ) -> NetRecognizer:
        """Train on frames of this recognizer's own extractor; `examples` makes them.

        Raises:
            TrainingError: frames are those of another extractor, an utterance has no emotion, or
                the net diverges.
        """
        n_columns = len(self.extractor.names)
        for frames in (*train.frames, *dev.frames):
            if frames.shape[1] != n_columns:
                raise TrainingError(
                    f"frames have {frames.shape[1]} columns, and the recognizer's extractor gives "
                    f"{n_columns}; use the extractor that made the frames"
                )
        self.classifier.fit(train, dev, seed=seed, on_epoch=on_epoch)
        return self.fit_novelty(train, seed=seed)

    def fit_novelty(self, train: Examples, *, seed: int) -> NetRecognizer:
        """Fit the novelty to the classifier's training set, and complete the card."""
        self.novelty_ = Novelty.fit(train.frames, self.classifier.standardizer_, seed)
        details = plain(self.classifier.details())
        for epoch in details["history"]["epochs"]:
            for name in TIMINGS:
                del epoch[name]
        made_with = {**versions(), **numeric_environment(self.settings.training.device)}
        self.card = {**self.card, "seed": seed, **details, "made_with": made_with}
        return self

    def examples(
        self, recordings: Sequence[Recording], labels: Mapping[str, Sequence[str | None]]
    ) -> Examples:
        """Frames and labels of recordings, as `fit` takes them.

        `labels` maps a task to as many class names, None where unknown; a missing task is unknown.

        Raises:
            AudioError: a recording cannot be decoded, is silent or shorter than a frame.
            CorpusError: a label is not a class of its task.
            TrainingError: a task is unknown, or there is not one label a recording.
        """
        for task, names in labels.items():
            if task not in TASKS:
                raise TrainingError(f"unknown task {task!r}; use one of {', '.join(TASKS)}")
            if len(names) != len(recordings):
                raise TrainingError(
                    f"{len(names)} labels of {task} for {len(recordings)} recordings; give one "
                    "for each, None where unknown"
                )
        unknown = dict.fromkeys(self.settings.task_weights, [None] * len(recordings))
        targets = {
            task: np.array([TASKS[task].index(name) for name in names], np.int64)
            for task, names in {**unknown, **labels}.items()
        }
        return Examples(self._frames(self._waveforms(recordings)), targets)

    def predict(self, recordings: Sequence[Recording]) -> list[Prediction]:
        """Predictions for files, encoded bytes, waveforms or utterances.

        Raises:
            AudioError: a recording cannot be decoded, is silent or shorter than a frame.
            TrainingError: the recognizer is not trained.
        """
        waveforms = self._waveforms(recordings)
        self.refuse_untrained()
        if not waveforms:
            return []
        frames = self._frames(waveforms)
        output = self.classifier.answer(frames)
        rows = enumerate(zip(waveforms, frames, strict=True))
        return [self._prediction(*one, output, row) for row, one in rows]

    def refuse_untrained(self) -> None:
        """Raise a `TrainingError` where there is no net yet."""
        if not hasattr(self.classifier, "net_"):
            raise TrainingError("this recognizer is not trained; fit it, or load a trained one")

    def _waveforms(self, recordings: Sequence[Recording]) -> list[Waveform]:
        return [waveform_of(recording, self.limits) for recording in recordings]

    def _frames(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        return self.extractor.extract([waveform.normalized() for waveform in waveforms])

    def _prediction(
        self, waveform: Waveform, frames: NDArray[np.float32], output: ClassifierOutput, row: int
    ) -> Prediction:
        assert output.posteriors is not None  # noqa: S101 a net always has them
        by_frame = {task: several[row] for task, several in output.posteriors.items()}
        posteriors, probabilities = by_frame.pop(EMOTION.name), output.probabilities[row]
        novelty = self.novelty_.of(self.classifier.standardizer_.transform(frames))
        warnings = (*quality_warnings(waveform), *unfamiliar(novelty))
        return Prediction(
            name=waveform.name,
            label=label_of(EMOTION.classes, probabilities, warnings),
            probabilities=named(EMOTION.classes, probabilities),
            subtasks={
                task: named(TASKS[task].classes, values.mean(axis=0))
                for task, values in by_frame.items()
            },
            duration_s=waveform.duration_s,
            warnings=warnings,
            novelty=novelty,
            posteriors=posteriors,
            times_s=self.extractor.grid.centers_s(len(posteriors)),
            embedding=output.high_level[row],
        )

    def save(self, folder: Path, *, half: bool = False) -> None:
        """Save the recognizer; killed at any moment, it leaves the old one or the new one.

        With `half`, weights are in half precision, and probabilities change by about .001.

        Raises:
            ArtifactError: the folder cannot be written.
            TrainingError: the recognizer is not trained.
        """
        self.refuse_untrained()
        header = {
            "voxaffect": __version__,
            "settings": _plain_settings(self.settings),
            **_own_values(self.extractor, self.settings.task_weights),
            "temperature": self.classifier.calibration_.temperature,
            "false_alarms": self.novelty_.false_alarms,
            "card": {**self.card, **checkpoint_paths(self.extractor)},
        }
        write_artifact(folder, header, self._arrays(np.float16 if half else np.float32))

    @classmethod
    def load(
        cls, folder: Path = PACKAGED, extractor: FrameExtractor | None = None, device: str = "cpu"
    ) -> NetRecognizer:
        """Load what `save` wrote, by default the packaged recognizer.

        An extractor must be given for custom features, and for an encoder whose folder has moved.

        Raises:
            ArtifactError: a file is missing, changed or of another version, its features, classes
                or level differ from this version's, or the device is missing.
            FeatureError: a library that its features need is missing.
        """
        header, arrays = read_artifact(folder)
        try:
            try:
                torch.empty(0, device=device)
            except (RuntimeError, AssertionError) as fault:
                raise ArtifactError(
                    f"no device {device!r} here ({fault}); load it with device='cpu'"
                ) from fault
            features = header.get("features")
            extractor = extractor or extractor_from_settings(
                features if isinstance(features, dict) else {}, header["card"], device
            )
            settings = _settings(header.get("settings"), device)
            own = _own_values(extractor, settings.task_weights)
            for key, words in CHECKED.items():
                if header.get(key) != own[key]:
                    raise ArtifactError(
                        f"its {words} differ from this version's "
                        f"({shorten(header.get(key))} instead of {shorten(own[key])}); "
                        "train it again"
                    )
            recognizer = cls(settings, extractor, header["card"])
            recognizer._restore(arrays, header["temperature"])
            recognizer.novelty_ = _novelty(header, arrays, len(extractor.names))
        except ArtifactError as fault:
            raise ArtifactError(f"{folder}: {fault}") from fault
        return recognizer

    def _arrays(self, precision: type[np.floating]) -> dict[str, NDArray[Any]]:
        classifier = self.classifier
        weights = classifier.net_.state_dict()
        net = {f"net.{k}": v.cpu().numpy().astype(precision) for k, v in weights.items()}
        parts = {
            "elm": vars(classifier.elm_),
            "standardizer": vars(classifier.standardizer_),
            "novelty": {name: getattr(self.novelty_, name) for name in NOVELTY_ARRAYS},
        }
        own = {f"{part}.{k}": v for part, values in parts.items() for k, v in values.items()}
        return {**net, **own}

    def _restore(self, arrays: dict[str, NDArray[Any]], temperature: float) -> None:
        classifier = self.classifier
        try:
            classifier.standardizer_ = Standardizer(
                arrays["standardizer.mean"], arrays["standardizer.scale"]
            )
            classifier.net_ = MultiTaskNet(classifier.shape(len(self.extractor.names)))
            net = {k: torch.from_numpy(v) for k, v in arrays.items() if k.startswith("net.")}
            classifier.net_.load_state_dict({k.removeprefix("net."): v for k, v in net.items()})
        except (KeyError, RuntimeError) as fault:
            raise ArtifactError(f"weights do not fit the settings ({fault})") from fault
        classifier.net_.to(self.settings.training.device).eval()
        names = [field.name for field in fields(ElmScores)]
        classifier.elm_ = ElmScores(**_part(arrays, "elm.", names, "the ELM"))
        classifier.calibration_ = TemperatureCalibration(temperature)


def _novelty(
    header: Mapping[str, Any], arrays: dict[str, NDArray[Any]], n_features: int
) -> Novelty:
    false_alarms = header.get("false_alarms")
    own = _part(arrays, "novelty.", NOVELTY_ARRAYS, "novelty")
    if not isinstance(false_alarms, float):
        raise ArtifactError("novelty lacks false alarms; save the recognizer again")
    novelty = Novelty(**own, false_alarms=false_alarms)
    if novelty.mean.size != 2 * n_features:
        raise ArtifactError(
            f"novelty was fitted to {novelty.mean.size // 2} features where the recognizer "
            f"has {n_features}; save the recognizer again"
        )
    return novelty


def _part(
    arrays: dict[str, NDArray[Any]], prefix: str, names: Sequence[str], words: str
) -> dict[str, NDArray[Any]]:
    missing = [name for name in names if prefix + name not in arrays]
    if missing:
        raise ArtifactError(f"{words} lacks {', '.join(missing)}; save the recognizer again")
    return {name: arrays[prefix + name] for name in names}


def _own_values(extractor: FrameExtractor, tasks: Iterable[str]) -> dict[str, Any]:
    """This version's values of `CHECKED`."""
    return plain(
        {
            "features": dict(extractor.settings()),
            "names": extractor.names,
            "classes": {task: TASKS[task].classes for task in tasks if task in TASKS},
            "target_rms": TARGET_RMS,
        }
    )


def _plain_settings(settings: NetSettings) -> dict[str, Any]:
    (kind,) = (kind for kind, of in TRUNKS.items() if isinstance(settings.trunk, of))
    return plain({**asdict(settings), "trunk": {"kind": kind, **asdict(settings.trunk)}})


def _settings(stated: Any, device: str) -> NetSettings:
    """The settings that `_plain_settings` wrote, with the given device."""
    try:
        stated = {**stated, "training": {**stated["training"], "device": device}}
        trunk = dict(stated["trunk"])
        kind = TRUNKS[trunk.pop("kind")]
        read = TypeAdapter(kind).validate_python(trunk)
        settings = TypeAdapter(NetSettings).validate_python({**stated, "trunk": read})
    except (KeyError, TypeError, ValueError) as fault:
        raise ArtifactError(f"settings are not understood ({fault})") from fault
    if _plain_settings(settings) != stated:
        raise ArtifactError(
            "settings hold what this version does not know; "
            "install the version that wrote them or train again"
        )
    return settings
