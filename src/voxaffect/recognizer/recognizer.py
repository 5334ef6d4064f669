"""A trained recognizer: feature extractor and classifier of any kind; trained, saved, loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from reprlib import repr as shorten
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits
from voxaffect.audio.quality import quality_warnings
from voxaffect.audio.speech import Speech, speech_of
from voxaffect.audio.waveform import TARGET_RMS, Waveform
from voxaffect.errors import ArtifactError, NoSpeechError, TrainingError
from voxaffect.features.frames import FrameExtractor
from voxaffect.features.lld.extractor import LowLevelDescriptors
from voxaffect.features.registry import checkpoint_paths, extractor_from_settings
from voxaffect.model.data import Examples
from voxaffect.model.training import OnEpoch
from voxaffect.provenance import numeric_environment, versions
from voxaffect.recognizer.packaged import WORD, located
from voxaffect.recognizer.prediction import (
    ABSTAIN_KEY,
    Prediction,
    label_of,
    named,
    no_speech,
    unfamiliar,
)
from voxaffect.recognizer.recording import Recording, waveform_of
from voxaffect.recognizer.serialization import plain, read_artifact, write_artifact
from voxaffect.systems.classifier import (
    COARSE,
    ClassifierOutput,
    NetClassifier,
    NetSettings,
    State,
    UtteranceClassifier,
    part_of,
)
from voxaffect.systems.kinds import classifier_of, describe
from voxaffect.taxonomy import EMOTION, TASKS
from voxaffect.utterance.novelty import Novelty
from voxaffect.version import __version__

CHECKED = {
    "features": "frame features",
    "names": "names of frame features",
    "classes": "classes",
    "target_rms": "target level",
}
"""Key of the header that must equal this version's own value -> what it is."""

TIMINGS = ("frames_per_s", "seconds")
"""Values of an epoch that are not saved, so that the same seed gives the same bytes."""

NOVELTY = "novelty."


@dataclass
class TrainedRecognizer:
    """Feature extractor and classifier, from recordings to predictions.

    Args:
        classifier: of any kind that `voxaffect.systems` knows.
        extractor: computes the frame features, or one row an utterance.
        card: training corpora and how they were split; `fit` adds seed, epochs and versions.
        limits: recordings beyond them are refused.

    Attributes:
        novelty_: distance of utterances from the training data (out-of-distribution detection).
    """

    classifier: UtteranceClassifier = field(default_factory=lambda: NetClassifier(NetSettings()))
    extractor: FrameExtractor = field(default_factory=LowLevelDescriptors)
    card: dict[str, Any] = field(default_factory=dict)
    limits: DecodeLimits = DEFAULT_LIMITS

    def fit(
        self, train: Examples, dev: Examples, *, seed: int, on_epoch: OnEpoch | None = None
    ) -> TrainedRecognizer:
        """Train on frames of this recognizer's own extractor; `examples` makes them.

        Raises:
            TrainingError: frames are those of another extractor, an utterance has no emotion, or
                the classifier cannot learn from them.
        """
        self.refuse_frames_of_others(train, dev)
        self.classifier.fit(train, dev, seed=seed, on_epoch=on_epoch)
        return self.fit_novelty(train, seed=seed)

    def refuse_frames_of_others(self, *several: Examples) -> None:
        """Raise TrainingError where frames have another width than those of the extractor."""
        n_columns = len(self.extractor.names)
        for frames in (frames for examples in several for frames in examples.frames):
            if frames.shape[1] != n_columns:
                raise TrainingError(
                    f"frames have {frames.shape[1]} columns, and the recognizer's extractor gives "
                    f"{n_columns}; use the extractor that made the frames"
                )

    def fit_novelty(self, train: Examples, *, seed: int) -> TrainedRecognizer:
        """Fit the novelty to the classifier's training set, and complete the card."""
        self.novelty_ = Novelty.fit(train.frames, seed)
        details = _without_timings(plain(self.classifier.details()))
        made_with = {**versions(), **numeric_environment(self.classifier.device)}
        calibration = getattr(self.classifier, "calibration_", None)
        if calibration is not None and calibration.abstain_below is not None:
            details[ABSTAIN_KEY] = round(calibration.abstain_below, 3)
        self.card = {**self.card, "seed": seed, **details, "made_with": made_with}
        return self

    def examples(
        self, recordings: Sequence[Recording], labels: Mapping[str, Sequence[str | None]]
    ) -> Examples:
        """Frames and labels of recordings, as `fit` takes them.

        `labels` maps a task to as many class names, None where unknown; a missing task is unknown.

        Raises:
            AudioError: a recording cannot be decoded, is silent or holds no speech.
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
        unknown = dict.fromkeys(self.classifier.tasks, [None] * len(recordings))
        targets = {
            task: np.array([TASKS[task].index(name) for name in names], np.int64)
            for task, names in {**unknown, **labels}.items()
        }
        return Examples(self._frames(map(speech_of, self._waveforms(recordings))), targets)

    def predict(self, recordings: Sequence[Recording]) -> list[Prediction]:
        """Predictions for files, encoded bytes, waveforms or utterances.

        Raises:
            AudioError: a recording cannot be decoded, is silent or shorter than a frame.
            TrainingError: the recognizer is not trained.
        """
        waveforms = self._waveforms(recordings)
        self.refuse_untrained()
        predictions: dict[int, Prediction] = {}
        spoken: dict[int, Speech] = {}
        for row, waveform in enumerate(waveforms):
            try:
                spoken[row] = speech_of(waveform)
            except NoSpeechError:
                predictions[row] = no_speech(waveform.name, waveform.duration_s)
        if spoken:
            frames = self._frames(spoken.values())
            output = self.classifier.answer(frames)
            for place, (row, speech) in enumerate(spoken.items()):
                said = waveforms[row], speech, frames[place]
                predictions[row] = self._prediction(*said, output, place)
        return [predictions[row] for row in range(len(waveforms))]

    def refuse_untrained(self) -> None:
        """Raise a `TrainingError` where nothing has been learned yet."""
        if not self.classifier.is_fitted:
            raise TrainingError("this recognizer is not trained; fit it, or load a trained one")

    def _waveforms(self, recordings: Sequence[Recording]) -> list[Waveform]:
        return [waveform_of(recording, self.limits) for recording in recordings]

    def _frames(self, spoken: Iterable[Speech]) -> list[NDArray[np.float32]]:
        return self.extractor.extract([speech.waveform for speech in spoken])

    def _prediction(
        self,
        waveform: Waveform,
        speech: Speech,
        frames: NDArray[np.float32],
        output: ClassifierOutput,
        row: int,
    ) -> Prediction:
        probabilities, novelty = output.probabilities[row], self.novelty_.of(frames)
        warnings = (*quality_warnings(waveform), *unfamiliar(novelty))
        by_frame = {task: several[row] for task, several in (output.posteriors or {}).items()}
        posteriors, times_s = by_frame.pop(EMOTION.name, None), None
        if posteriors is not None:
            times_s = speech.times_s(self.extractor.grid.centers_s(len(posteriors)))
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
            times_s=times_s,
            embedding=(output.high_level if output.rows is None else output.rows)[row],
        )

    def save(self, folder: Path, *, half: bool = False) -> None:
        """Save the recognizer; killed at any moment, it leaves the old one or the new one.

        With `half`, weights of nets and support vectors are in half precision, and probabilities
        change by about .001.

        Raises:
            ArtifactError: the folder cannot be written.
            TrainingError: the recognizer is not trained.
        """
        self.refuse_untrained()
        described, state = describe(self.classifier), self.classifier.state()
        header = {
            "voxaffect": __version__,
            **described._asdict(),
            **_own_values(self.extractor, self.classifier.tasks),
            "learned": state.values,
            "novelty": self.novelty_.values(),
            "card": {**self.card, **checkpoint_paths(self.extractor)},
        }
        novelty = {f"{NOVELTY}{name}": values for name, values in self.novelty_.arrays().items()}
        arrays = _in_half(state.arrays) if half else state.arrays
        write_artifact(folder, header, {**arrays, **novelty})

    @classmethod
    def load(
        cls,
        folder: Path | None = None,
        extractor: FrameExtractor | None = None,
        device: str = "cpu",
    ) -> TrainedRecognizer:
        """Load what `save` wrote, by default a packaged recognizer.

        An extractor must be given for custom features, and for an encoder whose folder has moved.

        Raises:
            ArtifactError: a file is missing, changed or of another version, its features, classes
                or level differ from this version's, or the device is missing.
            FeatureError: a library that its features need is missing.
        """
        folder = located(Path(WORD)) if folder is None else folder
        header, arrays = read_artifact(folder)
        try:
            try:
                torch.empty(0, device=device)
            except (RuntimeError, AssertionError) as fault:
                raise ArtifactError(
                    f"no device {device!r} here ({fault}); load it with device='cpu'"
                ) from fault
            features = header.get("features")
            if extractor is not None:
                _refuse_another(extractor, features)
            extractor = extractor or extractor_from_settings(
                features if isinstance(features, dict) else {}, header["card"], device
            )
            classifier = classifier_of(header.get("kind"), header.get("settings"), device)
            own = _own_values(extractor, classifier.tasks)
            for key, words in CHECKED.items():
                if header.get(key) != own[key]:
                    raise ArtifactError(
                        f"its {words} differ from this version's "
                        f"({shorten(header.get(key))} instead of {shorten(own[key])}); "
                        "train it again"
                    )
            learned = {k: v for k, v in arrays.items() if not k.startswith(NOVELTY)}
            classifier.restore(State(header.get("learned", {}), learned))
            if classifier.n_features not in {None, len(extractor.names)}:
                raise ArtifactError(
                    f"its classifier takes {classifier.n_features} features where the recognizer "
                    f"has {len(extractor.names)}; save the recognizer again"
                )
            recognizer = cls(classifier, extractor, header["card"])
            recognizer.novelty_ = Novelty.restored(
                header.get("novelty"), part_of(arrays, NOVELTY), len(extractor.names)
            )
        except ArtifactError as fault:
            raise ArtifactError(f"{folder}: {fault}") from fault
        return recognizer


def _in_half(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Arrays, the many numbers among them in half precision."""
    return {
        name: values.astype(np.float16) if COARSE & {*name.split(".")} else values
        for name, values in arrays.items()
    }


def _without_timings(details: Any) -> Any:
    """Plain values without the timings of epochs."""
    if isinstance(details, list):
        return [_without_timings(one) for one in details]
    if not isinstance(details, dict):
        return details
    return {k: _without_timings(v) for k, v in details.items() if k not in TIMINGS}


def _refuse_another(extractor: FrameExtractor, features: Any) -> None:
    """Raise ArtifactError where a given extractor is of another kind than that of the training."""
    own = extractor.settings().get("extractor")
    trained_on = features.get("extractor") if isinstance(features, dict) else None
    if own != trained_on:
        raise ArtifactError(
            f"was trained on features of the kind {trained_on!r}, and {own!r} were given; leave "
            "the extractor out, or give the one that it was trained with"
        )


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
