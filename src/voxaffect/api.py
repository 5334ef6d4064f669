"""The Python interface: load or train a recognizer, recognize recordings and streams."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from voxaffect.audio.decode import StreamResampler
from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import AudioError, ConfigError, InputError, NoSpeechError, StreamingError
from voxaffect.export.runner import OnnxRecognizer
from voxaffect.recognizer.packaged import WORD, located
from voxaffect.recognizer.prediction import Prediction
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.recognizer.recording import (
    USAGE,
    Input,
    Recording,
    as_recording,
    is_one,
    mono_samples,
    opener_of,
)
from voxaffect.report.predictions.formats import COLUMNS, row_of
from voxaffect.streaming.batch import predict_all, predict_each, thread_pool
from voxaffect.streaming.endpointer import Endpointer
from voxaffect.streaming.online import LiveRecognizer
from voxaffect.streaming.segments import timeline
from voxaffect.streaming.session import StreamSession
from voxaffect.taxonomy import EMOTION

if TYPE_CHECKING:
    import pandas as pd

    from voxaffect.config.settings import Settings
    from voxaffect.evaluation.experiment.dataset import Prepared
    from voxaffect.model.data import Examples

OnError = Literal["raise", "skip"]


class Recognizer:
    """Emotion of recordings and streams; `load` and `train` make one."""

    def __init__(self, model: TrainedRecognizer | OnnxRecognizer, name: str = "") -> None:
        self.model = model
        self.name = name  # of its folder or file: `accurate` or `fast` for the packaged ones

    @classmethod
    def load(cls, model: str | os.PathLike[str] | None = None, *, device: str = "cpu") -> Self:
        """Load a recognizer.

        Args:
            model: folder of a saved one, exported ONNX file, `accurate` or `fast`; by default
                `packaged`, which is `accurate` where its weights of Whisper are installed, and
                else `fast`; `name` says which.
            device: where nets compute, by PyTorch's name; ONNX files compute on the CPU.

        Raises:
            ArtifactError: there is none, it is damaged, or the device is missing.

        >>> Recognizer.load("fast")
        <Recognizer fast: dnn-mean, PyTorch>
        """
        path = located(Path(WORD if model is None else model))
        if path.suffix.lower() == ".onnx":
            return cls(OnnxRecognizer.load(path), path.name)
        return cls(TrainedRecognizer.load(path, device=device), path.name)

    @property
    def classes_(self) -> tuple[str, ...]:
        """Emotion classes, in the order of `predict_proba`."""
        return EMOTION.classes

    @property
    def card(self) -> Mapping[str, Any]:
        """What it was trained on and how: system, corpora, seed, settings, versions."""
        return self.model.card

    @overload
    def predict(  # type: ignore[overload-overlap]  # a text or file is itself iterable
        self, recordings: Input, *, on_error: OnError = "raise", force: bool = False
    ) -> Prediction: ...
    @overload
    def predict(
        self, recordings: Iterable[Input], *, on_error: OnError = "raise", force: bool = False
    ) -> list[Prediction]: ...
    def predict(
        self,
        recordings: Input | Iterable[Input],
        *,
        on_error: OnError = "raise",
        force: bool = False,
    ) -> Prediction | list[Prediction]:
        """Recognize the emotion of one recording, or of several as a list in their order.

        The label is a class, `no speech` where too little is speech, or `unsure` where a warning
        rejects the answer, such as music; `Prediction.reason` says why. One longer than half a
        minute is split at its pauses, and each class has its share of the time of speech.

        Args:
            recordings: a path (str or PathLike), bytes of an audio file, a binary file object,
                (samples, rate) with float or integer samples of any rate and number of channels,
                or an `Utterance`; or an iterable of these.
            on_error: "raise" for the first faulty recording, or "skip": it has `error`, no label.
            force: name the likeliest class instead of `unsure`; without speech there is none.

        Raises:
            InputError: the argument is no recording, or empty.
            AudioError: a recording cannot be read, is silent or too short.
        """
        if on_error not in {"raise", "skip"}:
            raise InputError(f"on_error = {on_error!r} is unknown; use 'raise' or 'skip'")
        is_single = is_one(recordings)
        values: list[Any] = [recordings] if is_single else [*recordings]  # type: ignore[misc]
        if not values:
            raise InputError(f"recordings: got an empty {type(recordings).__name__}; {USAGE}")
        sources: list[Recording | Prediction] = []
        for n, value in enumerate(values):
            try:
                sources.append(as_recording(value, self.model.limits))
            except AudioError as fault:
                place = "recordings" if is_single else f"recordings[{n}]"
                named = type(fault)(f"{place}: {fault}")
                if on_error == "raise":
                    raise named from fault
                sources.append(Prediction("recording", error=named))
        usable = [source for source in sources if not isinstance(source, Prediction)]
        computed = predict_all(thread_pool(self.model, 1), usable, prepare=lambda: None)
        found = []
        for source in sources:
            prediction = source if isinstance(source, Prediction) else next(computed)
            if prediction.error is not None and on_error == "raise":
                raise prediction.error
            found.append(prediction.decided(force=force))
        return found[0] if is_single else found

    def predict_proba(self, recordings: Iterable[Input]) -> NDArray[np.float64]:
        """Probabilities of several recordings, float64 (N, C), in the order of `classes_`.

        A recording without speech has none: NaN.
        """
        several: Any = [recordings] if is_one(recordings) else recordings
        predictions: list[Prediction] = self.predict(several)
        rows = [[p.probabilities.get(name, np.nan) for name in self.classes_] for p in predictions]
        return np.array(rows)

    def embed(self, recordings: Input | Iterable[Input]) -> NDArray[np.float32]:
        """What the decision is made from, (D,) or (N, D), float32.

        Of a net the high-level features, functionals of the frame posteriors; of a machine the
        standardized row of an utterance, such as the mean of its frames.

        Raises:
            AudioError: a recording cannot be read, or holds no speech.
        """
        found = self.predict(recordings)
        if isinstance(found, Prediction):
            return _embedding(found)
        return np.stack([_embedding(prediction) for prediction in found])

    def timeline(self, recording: Input, *, force: bool = False) -> list[Prediction]:
        """Segment a recording at its pauses and recognize each segment (voice activity detection).

        Predictions have `start_s` and `end_s`, or `error` where a segment cannot be analyzed.

        Args:
            recording: as `predict` takes it.
            force: name the likeliest class instead of `unsure`.

        Raises:
            InputError: the argument is no single recording, or is a segment of a table.
            AudioError: the recording cannot be read.
            NoSpeechError: no speech was found in it.
        """
        if not is_one(recording):
            raise InputError("timeline takes one recording; call it for each of several")
        source = as_recording(recording, self.model.limits)
        if isinstance(source, Utterance):
            raise InputError("timeline takes a whole recording, not an utterance; use predict")
        faults: list[AudioError] = []
        opener = opener_of(source, self.model.limits)
        found = timeline(partial(predict_each, self.model), opener, on_fault=faults.append)
        segments = [segment.decided(force=force) for segment in found.utterances]
        return [*segments, *(Prediction(found.name, error=fault) for fault in faults)]

    def stream(self, rate_hz: float = SAMPLE_RATE_HZ, *, segment: bool = True) -> Stream:
        """Recognize live sound while it comes, of a sample rate; used in a `with` statement.

        With `segment` utterances end at pauses (an endpointer); else all is one utterance, or
        several where it is longer than a minute.

        Raises:
            StreamingError: this recognizer runs on onnxruntime, which computes whole recordings.
        """
        if not isinstance(self.model, TrainedRecognizer):
            raise StreamingError(
                "an ONNX file recognizes whole recordings, no streams; load the folder it came from"
            )
        return Stream(self.model, rate_hz, segment=segment)

    def save(self, folder: str | os.PathLike[str], *, half: bool = False) -> Recognizer:
        """Save to a folder that `load` reads; killed at any moment, it leaves the old or the new.

        With `half` weights of nets and support vectors are stored in half the space.

        Raises:
            ArtifactError: the folder cannot be written, or this recognizer is an ONNX file.
        """
        self._trained("saved").save(Path(folder), half=half)
        return self

    def export(self, path: str | os.PathLike[str]) -> Recognizer:
        """Write one ONNX file, from samples to probabilities, which runs without PyTorch.

        Raises:
            ExportError: the extra `onnx` is missing, or this recognizer cannot become ONNX.
        """
        from voxaffect.export.write import export  # noqa: PLC0415 (an extra)

        export(self._trained("exported"), Path(path))
        return self

    def __repr__(self) -> str:
        kind = "ONNX" if isinstance(self.model, OnnxRecognizer) else "PyTorch"
        name = f"{self.name}: " if self.name else ""
        return f"<Recognizer {name}{self.card.get('system', 'unknown')}, {kind}>"

    def _trained(self, what: str) -> TrainedRecognizer:
        if not isinstance(self.model, TrainedRecognizer):
            raise ConfigError(f"an ONNX file cannot be {what} again; load the folder it came from")
        return self.model


def _embedding(prediction: Prediction) -> NDArray[np.float32]:
    if prediction.embedding is None:
        raise NoSpeechError(f"{prediction.name}: {prediction.label}; leave it out")
    return prediction.embedding


load = Recognizer.load


class Stream:
    """Live sound while it comes: push samples, read `current`; `Recognizer.stream` makes one."""

    def __init__(self, model: TrainedRecognizer, rate_hz: float, *, segment: bool = True) -> None:
        self._session = StreamSession(LiveRecognizer(model), Endpointer() if segment else None)
        self._resampling = StreamResampler(rate_hz)
        self.predictions: list[Prediction] = []  # of the utterances that have ended, in order

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.finish()

    def push(self, samples: ArrayLike) -> list[Prediction]:
        """Take samples, (n,), (n, channels) or (channels, n), floats of full scale 1, or integers.

        What has ended is returned, predictions with `is_final` true.

        Raises:
            InputError: the samples are not as stated.
        """
        values = np.asarray(samples)
        block = mono_samples(values) if values.size else np.zeros(0, np.float32)
        return self._ended(self._session.push(self._resampling.push(block[:, None])))

    @property
    def current(self) -> Prediction | None:
        """Prediction of the utterance so far, `is_final` false; None between utterances."""
        return self._session.predict()

    def finish(self) -> list[Prediction]:
        """End the stream, and the utterance that lasts; returns what has ended by that."""
        ended = self._session.push(self._resampling.finish())
        return self._ended(ended + self._session.finish())

    def _ended(self, predictions: list[Prediction]) -> list[Prediction]:
        self.predictions += predictions
        return predictions


def train(
    data: str | os.PathLike[str] | pd.DataFrame,
    *,
    system: str = "lstm-mtl",
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    n_jobs: int = 1,
    on_epoch: Callable[[Any], None] | None = None,
) -> Recognizer:
    """Train a recognizer on labeled recordings.

    A tenth of the utterances is held out: it stops the training (early stopping) and calibrates the
    probabilities.

    Args:
        data: a CSV or Parquet table or a DataFrame with the columns `path` and `emotion` and, if
            known, `speaker`, `gender`, `naturalness`, `start_s`, `end_s`; or a settings file (TOML)
            that names corpora.
        system: name of a system, such as "dnn-mtl" or "mean-logistic"; "a+b" averages two.
        seed: of all random choices.
        settings: sections of a settings file, such as {"training": {"max_epochs": 20}}.
        n_jobs: processes that extract features; 0 is one a core.
        on_epoch: called with the result of each epoch of a net.

    Warns:
        UserWarning: some recordings cannot be used; the others are.

    Raises:
        ConfigError: a system or setting is unknown or impossible.
        FeatureError: the system's features need a library that is missing.
        CorpusError: the table cannot be used.
        TrainingError: there is too little to learn from, or the net diverges.
    """
    from voxaffect.config.settings import find_system  # noqa: PLC0415 (slow to load)
    from voxaffect.evaluation.experiment.dataset import prepare  # noqa: PLC0415
    from voxaffect.features.cache.cache import FeatureStore  # noqa: PLC0415

    chosen = find_system(system)
    with tempfile.TemporaryDirectory() as folder:
        stated = _settings(data, settings or {}, Path(folder))
        extractor = stated.extractor_of(chosen)
        store = FeatureStore(stated.features.store.expanduser(), extractor, stated.audio.limits())
        corpora = stated.load_corpora()
        prepared = prepare(
            corpora,
            stated.make_taxonomy(),
            store,
            augmentation=stated.augmentation,
            n_jobs=n_jobs,
        )
    problems = [*(p for corpus in corpora for p in corpus.problems), *prepared.problems]
    if faults := [problem for problem in problems if problem.is_fault]:
        first = f"{faults[0].path}: {faults[0].detail}"
        warnings.warn(f"{len(faults)} recordings cannot be used, such as {first}", stacklevel=2)
    parts = split(stated, prepared, prepared.dataset.utterances.values())
    card = card_of(chosen.name, stated, prepared, parts)
    model = TrainedRecognizer(chosen.classifier(stated), extractor, card)
    return Recognizer(model.fit(*parts, seed=seed, on_epoch=on_epoch))


def to_frame(predictions: Prediction | Iterable[Prediction]) -> pd.DataFrame:
    """Predictions as a pandas DataFrame, a row each, with the columns of `predict --format csv`.

    A prediction that has `segments` gives a row for each of them; `error` is the last column.

    >>> clip = Prediction("clip.wav", label="sad", probabilities={"happy": 0.25, "sad": 0.75})
    >>> to_frame([clip])[["file", "emotion", "sad"]]
           file emotion   sad
    0  clip.wav     sad  0.75
    """
    import pandas as pd  # noqa: PLC0415 (slow to load)

    several = [predictions] if isinstance(predictions, Prediction) else [*predictions]
    flat = [each for p in several for each in (p.segments or (p,))]
    rows = [{**row_of(p), "error": None if p.error is None else str(p.error)} for p in flat]
    return pd.DataFrame(rows, columns=[*COLUMNS, "error"])


def split(
    settings: Settings, prepared: Prepared, utterances: Iterable[Utterance]
) -> tuple[Examples, Examples]:
    """Training and dev set of some utterances; the dev set stops and calibrates."""
    from voxaffect.evaluation.splits.folds import hold_out_dev  # noqa: PLC0415 (slow to load)

    stated, dataset = settings.evaluate, prepared.dataset
    train_ids, dev_ids = hold_out_dev(utterances, dataset.labels(), stated.split_seed, stated.dev)
    return dataset.training(train_ids), dataset.examples(dev_ids)


def card_of(
    system: str, settings: Settings, prepared: Prepared, parts: tuple[Examples, Examples]
) -> dict[str, Any]:
    """Model card; data are named by digests, never by paths of this machine."""
    dataset, stated = prepared.dataset, settings.evaluate
    return {
        "system": system,
        "corpora": [asdict(summary) for summary in prepared.corpora],
        "data_digest": dataset.digest(sorted(dataset.utterances)),
        "taxonomy": settings.make_taxonomy().settings(),
        "audio": settings.audio.model_dump(),
        "split": {"dev": stated.dev, "split_seed": stated.split_seed},
        "n_train": len(parts[0]),
        "n_dev": len(parts[1]),
    }


def _settings(data: Any, sections: Mapping[str, Any], folder: Path) -> Settings:
    """Settings of a training on a table, a DataFrame, or the corpora of a settings file."""
    from voxaffect.config.file import make_settings, read_settings  # noqa: PLC0415

    name = "data"
    if hasattr(data, "columns") and hasattr(data, "to_parquet"):
        table = _parquet(data, folder)
    elif isinstance(data, (str, os.PathLike)):
        table = Path(data)
        name = table.stem
        if table.suffix.lower() == ".toml":
            return make_settings(_merged(read_settings(table), sections), str(table))
    else:
        raise ConfigError(
            f"got an object of type {type(data).__name__}; pass a CSV or Parquet table, a "
            "DataFrame or a settings file"
        )
    plain = {"corpora": {name: {"table": str(table.expanduser().resolve())}}}
    return make_settings(_merged(plain, sections), "settings")


def _merged(plain: Mapping[str, Any], sections: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with some sections' values replaced."""
    merged = dict(plain)
    for name, value in sections.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = _merged(merged[name], value) if both else value
    return merged


def _parquet(frame: pd.DataFrame, folder: Path) -> Path:
    """The table of a DataFrame, whose relative paths begin at the current folder."""
    table = folder / "data.parquet"
    if "path" in frame.columns:
        frame = frame.assign(path=[str(Path.cwd() / str(path)) for path in frame["path"]])
    frame.astype(str).where(frame.notna(), "").to_parquet(table, index=False)
    return table
