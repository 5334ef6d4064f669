"""Settings of a file, checked and frozen, and the objects that they name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from voxaffect.audio.degrade.random_line import Augmentation
from voxaffect.config.corpora import Source, known_name, reader
from voxaffect.config.sections import AudioSection, EvaluateSection, FeatureSection
from voxaffect.corpora.corpus import Corpus
from voxaffect.errors import ConfigError
from voxaffect.evaluation.experiment.experiment import Plan
from voxaffect.features.frames import FrameExtractor
from voxaffect.features.opensmile import UTTERANCE_SETS
from voxaffect.systems.systems import SYSTEMS, EnsembleSystem, Options, System
from voxaffect.taxonomy import EMOTION, Taxonomy


@dataclass(frozen=True, kw_only=True)
class Settings(Options):
    """A settings file: a field a section, those of the systems included."""

    corpora: Mapping[str, Source]
    taxonomy: Mapping[str, dict[str, str]] = field(default_factory=dict)
    audio: AudioSection = AudioSection()
    features: FeatureSection = FeatureSection()
    augmentation: Augmentation = Augmentation()
    evaluate: EvaluateSection = EvaluateSection()

    def load_corpora(self) -> list[Corpus]:
        """Every corpus, read from disk.

        Raises:
            CorpusError: a tree or table cannot be used.
            ConfigError: [taxonomy] maps a label that a corpus does not have.
        """
        corpora = [read() for read in [reader(*item) for item in self.corpora.items()]]
        for corpus in corpora:
            seen = {u.label.lower() for u in corpus.utterances}
            known = seen | {label.lower() for label in corpus.card.labels}
            for label in self.taxonomy.get(corpus.name, {}):
                known_name(label.lower(), known, f"label of {corpus.name} under [taxonomy]")
        return corpora

    def make_taxonomy(self) -> Taxonomy:
        """The mapping from labels to classes."""
        for name in self.taxonomy:
            known_name(name, self.corpora, "corpus under [taxonomy]")
        return Taxonomy(
            per_corpus={
                corpus: {label.lower(): _emotion(corpus, name) for label, name in labels.items()}
                for corpus, labels in self.taxonomy.items()
            }
        )

    def systems(self) -> tuple[System, ...]:
        """The systems to compare."""
        return tuple(find_system(name) for name in self.evaluate.systems)

    def extractor_of(self, system: System) -> FrameExtractor:
        """What computes the frames of a system: the set that it needs, or else the settings' own.

        Raises:
            ConfigError: the section of the set lacks what it needs.
            FeatureError: a library that the set needs is missing.
        """
        if system.features is None:
            return self.features.extractor()
        extractor = UTTERANCE_SETS[system.features]
        extractor.settings()  # a missing library is named before anything is read
        return extractor

    def feature_sets(self) -> tuple[str, ...]:
        """Sets that some of the systems need instead of the run's own frames, each once."""
        return tuple(dict.fromkeys(s.features for s in self.systems() if s.features is not None))

    def plan(self) -> Plan:
        """What an evaluation computes.

        Raises:
            ConfigError: a corpus is unknown, or two systems are one with these settings.
        """
        asked = self.evaluate
        _refuse_twins(self.systems(), self)
        for name in asked.split_style:
            known_name(name, self.corpora, "corpus under evaluate.split_style")
        return Plan(**{**dict(asked), "systems": self.systems(), "options": self})


def find_system(name: str) -> System:
    """The system of a name; `a+b` is the ensemble of two or more.

    Raises:
        ConfigError: a name is unknown, or systems cannot be joined.
    """
    systems = [SYSTEMS[known_name(part, SYSTEMS, "system")] for part in name.split("+")]
    return systems[0] if len(systems) == 1 else EnsembleSystem(tuple(systems))


def _refuse_twins(systems: Iterable[System], options: Options) -> None:
    """Refuse a variant whose change the settings make for all systems already."""
    names: dict[str, str] = {}
    for system in systems:
        rest = str({k: v for k, v in system.settings(options).items() if k != "system"})
        if rest in names:
            raise ConfigError(
                f"{system.name} is {names[rest]} with these settings of [training] and [elm]; "
                "leave one of them out of evaluate.systems"
            )
        names[rest] = system.name


def _emotion(corpus: str, name: str) -> str | None:
    known_name(name, (*EMOTION.classes, "exclude"), f"class under [taxonomy.{corpus}]")
    return None if name == "exclude" else name
