"""One TOML file becomes checked, frozen settings: the only place that reads settings.

Below this file nobody reads files of settings, the environment or names of things. An unknown key
is an error that names the nearest known one.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast

import torch
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits
from voxaffect.baselines import SvmSettings
from voxaffect.classifier import ElmSettings
from voxaffect.corpora import CORPORA, Loader
from voxaffect.corpora.audformat import is_database, parse_audformat
from voxaffect.corpora.corpus import Corpus
from voxaffect.corpora.rows import is_table
from voxaffect.corpora.table import parse_table
from voxaffect.corpora.tree import find_recordings
from voxaffect.errors import ConfigError
from voxaffect.evaluation.experiment import Plan
from voxaffect.evaluation.folds import Protocol
from voxaffect.features.encoder import Encoder
from voxaffect.features.encoder_kinds import Layer
from voxaffect.features.frames import FrameExtractor
from voxaffect.features.lld import LowLevelDescriptors
from voxaffect.features.log_mel import LogMel
from voxaffect.features.open_smile import OpenSmile, SetName
from voxaffect.model.training import TrainingSettings
from voxaffect.systems import SYSTEMS, Options, System
from voxaffect.taxonomy import EMOTION, Taxonomy

EXCLUDE = "exclude"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _usable_device(name: str) -> str:
    """The name of a device that is here."""
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as fault:
        raise ValueError(f"no such device here, use cpu ({fault})") from fault
    return name


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError("something is named twice")
    return values


_T = TypeVar("_T")
_Several = Annotated[tuple[_T, ...], Field(min_length=1), AfterValidator(_distinct)]


class TreeSource(_Strict):
    """A corpus in its own folder tree.

    Args:
        root: its folder.
        loader: key of `CORPORA`, the corpus's own name if left out.
    """

    root: Path
    loader: str | None = None


class TableSource(_Strict):
    """A user's own corpus: a CSV or Parquet file with a row an utterance."""

    table: Path


class AudformatSource(_Strict):
    """A database in audformat.

    Args:
        audformat: its folder.
        labels: table of the emotions, where there are several.
        column: column of the emotions in it, where there are several.
    """

    audformat: Path
    labels: str | None = None
    column: str | None = None


Source = TreeSource | TableSource | AudformatSource


PLACES = ("root", "table", "audformat")
SOURCE_KEYS = (*PLACES, "loader", "labels", "column")


class Training(_Strict):
    """Training settings: those of all nets, and those of one kind that differ."""

    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    batch_size: Annotated[int, Field(ge=1)] | None = None
    max_epochs: Annotated[int, Field(ge=1)] | None = None
    patience: Annotated[int, Field(ge=1)] | None = None
    batches_per_epoch: Annotated[int, Field(ge=1)] | None = None
    crop_frames: Annotated[int, Field(ge=1)] | None = None
    clip_norm: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    class_weight: Literal["balanced", "none"] | None = None
    autocast: bool | None = None
    device: Annotated[str, AfterValidator(_usable_device)] | None = None

    def applied_to(self, settings: TrainingSettings) -> TrainingSettings:
        """The settings with what this section states."""
        stated: dict[str, Any] = {
            f.name: getattr(self, f.name)
            for f in fields(TrainingSettings)
            if getattr(self, f.name) is not None
        }
        if stated.get("class_weight") == "none":
            stated["class_weight"] = None
        return replace(settings, **stated)


class TrainingSection(Training):
    """`[training]`, with `[training.dnn]` and `[training.lstm]` inside."""

    dnn: Training = Training()
    lstm: Training = Training()
    subtask_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1


class EvaluateSection(_Strict):
    """`[evaluate]`: which questions are asked of which systems."""

    protocols: _Several[Protocol] = ("within", "cross", "aggregated")
    systems: _Several[str] = ("dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl", "svm")
    seeds: _Several[Annotated[int, Field(ge=0)]] = (0,)
    dev: Literal["utterances", "speakers"] = "utterances"
    split_style: tuple[str, ...] = ()
    split_seed: Annotated[int, Field(ge=0)] = 0


class AudioSection(_Strict):
    """`[audio]`: recordings beyond these limits are refused before any memory is spent on them."""

    max_duration_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = (
        DEFAULT_LIMITS.max_duration_s
    )
    max_channels: Annotated[int, Field(ge=1, strict=True)] = DEFAULT_LIMITS.max_channels
    max_bytes: Annotated[int, Field(ge=1, strict=True)] = DEFAULT_LIMITS.max_bytes

    def limits(self) -> DecodeLimits:
        """The limits as `decode` takes them."""
        return DecodeLimits(**self.model_dump())


class LogMelSection(_Strict):
    """`[features.log-mel]`: how many bands between which frequencies."""

    n_mels: Annotated[int, Field(ge=1)] = LogMel.n_mels
    low_hz: Annotated[float, Field(ge=0)] = LogMel.low_hz
    high_hz: Annotated[float, Field(gt=0)] = LogMel.high_hz

    def extractor(self) -> LogMel:
        """What the section describes."""
        return LogMel(**self.model_dump())


class OpenSmileSection(_Strict):
    """`[features.opensmile]`: which of openSMILE's sets."""

    name: SetName = OpenSmile.name

    def extractor(self) -> OpenSmile:
        """What the section describes."""
        return OpenSmile(self.name)


def _layer(layer: int | str) -> int | str:
    if layer in {"last", "mean"} or (isinstance(layer, int) and layer >= 0):
        return layer
    raise ValueError("use a number from 0, 'last' or 'mean'")


class EncoderSection(_Strict):
    """`[features.encoder]`: a self-supervised encoder in a local folder, and which layer of it."""

    folder: Path | None = None
    layer: Annotated[int | str, AfterValidator(_layer)] = Encoder.layer
    device: Annotated[str, AfterValidator(_usable_device)] = Encoder.device

    def extractor(self) -> Encoder:
        """What the section describes.

        Raises:
            ConfigError: no folder is given.
        """
        if self.folder is None:
            raise ConfigError(
                'features.set = "encoder" needs a section [features.encoder] with the folder of a '
                'model, like folder = "models/wavlm-base"'
            )
        return Encoder(self.folder, cast("Layer", self.layer), self.device)


class FeatureSection(_Strict):
    """`[features]`: which numbers a frame, and where computed ones are kept."""

    model_config = ConfigDict(serialize_by_alias=True)

    store: Path = Path("~/.cache/voxaffect/features")
    set: Literal["lld", "log-mel", "opensmile", "encoder"] = "lld"
    log_mel: LogMelSection = Field(default=LogMelSection(), alias="log-mel")
    opensmile: OpenSmileSection = OpenSmileSection()
    encoder: EncoderSection = EncoderSection()

    def extractor(self) -> FrameExtractor:
        """What computes the frames.

        Raises:
            ConfigError: the set needs what its section does not say.
            FeatureError: the section asks for what cannot be.
        """
        sets: dict[str, Callable[[], FrameExtractor]] = {
            "lld": LowLevelDescriptors,
            "log-mel": self.log_mel.extractor,
            "opensmile": self.opensmile.extractor,
            "encoder": self.encoder.extractor,
        }
        return sets[self.set]()


class Settings(_Strict):
    """Everything that a settings file may say."""

    corpora: dict[str, Source]
    taxonomy: dict[str, dict[str, str]] = {}
    audio: AudioSection = AudioSection()
    features: FeatureSection = FeatureSection()
    training: TrainingSection = TrainingSection()
    elm: ElmSettings = ElmSettings()
    svm: SvmSettings = SvmSettings()
    evaluate: EvaluateSection = EvaluateSection()

    def load_corpora(self) -> list[Corpus]:
        """Every corpus, read from disk.

        Raises:
            CorpusError: a tree or table cannot be used.
            ConfigError: [taxonomy] maps a label that a corpus does not have.
        """
        corpora = [read() for read in [_reader(*item) for item in self.corpora.items()]]
        for corpus in corpora:
            seen = {u.label.lower() for u in corpus.utterances}
            known = seen | {label.lower() for label in corpus.card.labels}
            for label in self.taxonomy.get(corpus.name, {}):
                _known(label.lower(), known, f"label of {corpus.name} under [taxonomy]")
        return corpora

    def make_taxonomy(self) -> Taxonomy:
        """The mapping from labels to classes."""
        for name in self.taxonomy:
            _known(name, self.corpora, "corpus under [taxonomy]")
        return Taxonomy(
            per_corpus={
                corpus: {label.lower(): _emotion(corpus, name) for label, name in labels.items()}
                for corpus, labels in self.taxonomy.items()
            }
        )

    def options(self) -> Options:
        """Settings that all systems share."""
        default = Options()
        return Options(
            dnn=self.training.dnn.applied_to(self.training.applied_to(default.dnn)),
            lstm=self.training.lstm.applied_to(self.training.applied_to(default.lstm)),
            elm=self.elm,
            subtask_weight=self.training.subtask_weight,
            svm=self.svm,
        )

    def systems(self) -> tuple[System, ...]:
        """The systems to compare."""
        return tuple(find_system(name) for name in self.evaluate.systems)

    def plan(self) -> Plan:
        """What an evaluation computes."""
        asked = self.evaluate
        for name in asked.split_style:
            _known(name, self.corpora, "corpus under evaluate.split_style")
        return Plan(
            protocols=asked.protocols,
            systems=self.systems(),
            seeds=asked.seeds,
            options=self.options(),
            dev=asked.dev,
            split_style=asked.split_style,
            split_seed=asked.split_seed,
        )


def _reader(name: str, source: Source) -> Callable[[], Corpus]:
    """What reads a corpus; a loader that does not exist is refused before anything is read."""
    if isinstance(source, TableSource):
        return partial(parse_table, source.table, name)
    if isinstance(source, AudformatSource):
        where = {"table": source.labels, "column": source.column}
        return partial(parse_audformat, source.audformat, name, **where)
    if source.loader is None and is_database(source.root):
        return partial(read_corpus, name, source.root)
    loader = find_loader(source.loader or name)
    return lambda: loader.parse(source.root).renamed(name)


def read_corpus(name: str, place: Path) -> Corpus:
    """A corpus from a table, from its own tree, or from a database in audformat.

    A folder that holds recordings beside a database's header is a tree under a loader's name, and
    a database under any other.

    Raises:
        ConfigError: it is neither a table nor a database, and no loader has the name.
        CorpusError: it cannot be read.
    """
    if is_table(place):
        return parse_table(place, name)
    if is_database(place) and (name not in CORPORA or not find_recordings(place)[0]):
        return parse_audformat(place, name)
    return find_loader(name).parse(place)


def find_loader(name: str) -> Loader:
    """The loader of a corpus.

    Raises:
        ConfigError: there is none; the nearest name is told.
    """
    return CORPORA[_known(name, CORPORA, "corpus")]


def find_system(name: str) -> System:
    """The system of a name.

    Raises:
        ConfigError: there is none; the nearest name is told.
    """
    return SYSTEMS[_known(name, SYSTEMS, "system")]


def load_settings(path: Path) -> Settings:
    """Read a settings file; `${NAME}` stands for an environment variable in any text.

    Relative paths are relative to the file's folder.

    Raises:
        ConfigError: the file is missing, is no TOML, or says something unknown or impossible.
    """
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise ConfigError(f"{path}: cannot be read ({fault.strerror}); give a TOML file") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{path}: is no TOML ({fault})") from fault
    plain = _expand(plain, path)
    base = path.resolve().parent
    plain["corpora"] = {k: _source(k, v, path) for k, v in _section(plain, "corpora", path).items()}
    features = _section_or_empty(plain, "features")
    _make_absolute(features, "store", base)
    _make_absolute(_section_or_empty(features, "encoder"), "folder", base)
    return make_settings(plain, str(path))


def make_settings(plain: dict[str, Any], origin: str) -> Settings:
    """Settings from plain values.

    Raises:
        ConfigError: a key is unknown or a value impossible; the message names it and `origin`.
    """
    _refuse_unknown(plain, Settings, origin)
    try:
        return TypeAdapter(Settings).validate_python(plain)
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = first["msg"][:1].lower() + first["msg"][1:]
        raise ConfigError(
            f"{origin}: {where} = {first['input']!r} is impossible: {reason}"
        ) from fault


def _section(plain: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    section = plain.get(name)
    if not isinstance(section, dict) or not section:
        raise ConfigError(f'{path}: needs a [{name}] section with lines like emodb = "/data/emodb"')
    return section


def _section_or_empty(plain: dict[str, Any], name: str) -> dict[str, Any]:
    section = plain.get(name)
    return section if isinstance(section, dict) else {}


def _make_absolute(section: dict[str, Any], key: str, base: Path) -> None:
    if isinstance(path := section.get(key), str):
        section[key] = str(base / Path(path).expanduser())


def _source(name: str, value: Any, path: Path) -> dict[str, Any]:
    """A corpus given as a text is its root; paths become absolute."""
    given = {"root": value} if isinstance(value, str) else value
    sentence = (
        f'{path}: corpora.{name} must be a folder, or a section with "root", "table" or "audformat"'
    )
    if not isinstance(given, dict):
        raise ConfigError(sentence)
    for key, text in given.items():
        _known(key, SOURCE_KEYS, f"setting under [corpora.{name}]", str(path))
        if not isinstance(text, str):
            raise ConfigError(f"{path}: corpora.{name}.{key} = {text!r} must be a text")
    places = [key for key in PLACES if key in given]
    if len(places) != 1:
        raise ConfigError(sentence)
    base = path.resolve().parent
    return {**given, places[0]: str(base / Path(given[places[0]]).expanduser())}


def _expand(value: Any, path: Path) -> Any:
    """Replace `${NAME}` by the environment variable NAME in every text."""
    if isinstance(value, dict):
        return {k: _expand(v, path) for k, v in value.items()}
    if isinstance(value, list):
        return [_expand(v, path) for v in value]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        name = match[1]
        if name not in os.environ:
            raise ConfigError(f"{path}: {value!r} needs the environment variable {name}; set it")
        return os.environ[name]

    return re.sub(r"\$\{(\w+)\}", variable, value)


def _refuse_unknown(
    plain: dict[str, Any], section: Any, origin: str, where: tuple[str, ...] = ()
) -> None:
    """Refuse keys that no section knows, with the nearest one that it does."""
    known = _settings_of(section)
    for key, value in plain.items():
        _known(key, known, f"setting under [{'.'.join(where)}]" if where else "section", origin)
        if isinstance(value, dict) and known[key] is not None:
            _refuse_unknown(value, known[key], origin, (*where, key))


def _settings_of(section: Any) -> dict[str, Any]:
    """Names of a section's settings, each with its own section where it is one."""
    if is_dataclass(section):
        return dict.fromkeys(f.name for f in fields(section))
    within = {f.alias or name: f.annotation for name, f in section.model_fields.items()}
    return {name: kind if _is_section(kind) else None for name, kind in within.items()}


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and (issubclass(kind, BaseModel) or is_dataclass(kind))


def _known(name: str, known: Any, kind: str, origin: str = "") -> str:
    if name in known:
        return name
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
    raise ConfigError(f"{origin + ': ' if origin else ''}{name!r} is no {kind}; {hint}")


def _emotion(corpus: str, name: str) -> str | None:
    if name == EXCLUDE:
        return None
    return _known(name, (*EMOTION.classes, EXCLUDE), f"emotion class under [taxonomy.{corpus}]")
