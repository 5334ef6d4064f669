"""train --from: a recogniser adapted to recordings of one's own, and what that changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxaffect.adaptation import adapt
from voxaffect.artefact import ensure_writable
from voxaffect.classifier import OnEpoch
from voxaffect.commands.console import console, counting_progress, errors, print_line, show
from voxaffect.commands.preparation import prepare_corpora
from voxaffect.commands.training import card_of, followed, split
from voxaffect.config.file import load_settings
from voxaffect.config.settings import Settings
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import ConfigError, FoldError
from voxaffect.evaluation.experiment.dataset import Prepared
from voxaffect.evaluation.protocol.draws import deal_speakers
from voxaffect.evaluation.protocol.folds import UNKNOWN
from voxaffect.evaluation.scores.before_after import BeforeAfter, before_after
from voxaffect.memory import keep_freed_memory
from voxaffect.model.examples import Examples
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.trunks import LstmSettings
from voxaffect.parallel.clusters import LOCAL, workers
from voxaffect.recognizer import Recognizer
from voxaffect.report.adaptation import adaptation_tables

N_PARTS = 5
"""Parts of the speakers, each of which is held out once."""


def adapt_to(config: Path, base: Path, out: Path, *, seed: int, n_jobs: int) -> None:
    """Adapt a saved recogniser to the corpora of a settings file; show what it changes, save it.

    What it changes is told by speakers who were held out: the speakers are dealt into five parts,
    and for each part a recogniser is adapted to the others. The one that is saved has learned from
    all of them, but for a tenth of the utterances that stops and calibrates it.

    Args:
        config: a settings file, mostly of one table of recordings.
        base: folder of the recogniser to begin with.
        out: folder of the new one.
        seed: of all random choices.
        n_jobs: processes that extract features; 0 is one a core.

    Raises:
        VoxaffectError: the features of the settings are not the recogniser's, fewer than two
            speakers are told apart, or there is too little to learn from.
    """
    settings = load_settings(config)
    recognizer = Recognizer.load(base)
    _refuse_other_features(config, settings, recognizer)
    _refuse_same_folder(base, out)
    ensure_writable(out)
    with workers(LOCAL, None, n_jobs) as n_here:
        prepared = prepare_corpora(settings, n_here)
    keep_freed_memory()
    lesson = _Lesson(recognizer, settings, prepared, seed)
    found = lesson.on_held_out_speakers()
    for table in adaptation_tables(found):
        show(table)
    if shared := _learned_before(recognizer, prepared):
        print_line(f"note: {shared}", to=errors)
    adapted = lesson.on_everybody(found, out)
    adapted.save(out)
    print_line(f"wrote {out}: {adapted.classifier.summary()}")
    if not adapted.card["net_moved"]:
        console.print("No epoch did better on the dev set than the net of before, which is kept.")


def _refuse_other_features(config: Path, settings: Settings, recognizer: Recognizer) -> None:
    asked = dict(settings.features.extractor().settings())
    if asked != dict(recognizer.extractor.settings()):
        raise ConfigError(
            f"{config}: its features are not those of the recogniser; leave [features] as they "
            "were when it was trained"
        )


def _refuse_same_folder(base: Path, out: Path) -> None:
    if base.resolve() == out.resolve():
        raise ConfigError(f"--out {out} is the recogniser to begin with; choose another folder")


@dataclass(frozen=True)
class _Lesson:
    """A recogniser and what it is to be adapted to."""

    recognizer: Recognizer
    settings: Settings
    prepared: Prepared
    seed: int

    def on_held_out_speakers(self) -> BeforeAfter:
        """Answers before and after for everybody, each by a recogniser adapted to others.

        Raises:
            FoldError: fewer than two speakers are told apart.
        """
        dataset = self.prepared.dataset
        told_apart = [u for u in dataset.utterances.values() if not u.speaker.endswith(UNKNOWN)]
        parts = deal_speakers(told_apart, N_PARTS)
        if len(parts) < 2:
            raise FoldError(
                "adapting takes two or more speakers, one of whom is held out; name them in the "
                "column speaker of the table"
            )
        ids = [u.id for part in parts for u in part]
        with counting_progress("held-out speakers") as advance:
            after = []
            for n, part in enumerate(parts):
                after.append(self._answers_of_others(part))
                advance(n + 1, len(parts))
        return before_after(
            dataset.emotions(ids),
            self.recognizer.classifier.answer(dataset.examples(ids).frames).classes,
            np.concatenate(after),
            np.array([u.speaker for part in parts for u in part]),
        )

    def on_everybody(self, found: BeforeAfter, out: Path) -> Recognizer:
        """The recogniser that is handed on, and its log in a folder."""
        train, dev = split(self.settings, self.prepared, self.prepared.dataset.utterances.values())
        system = self.recognizer.card.get("system", "")
        card = {
            **card_of(system, self.settings, self.prepared, (train, dev)),
            "held_out": {"n": found.n, "before": found.before, "after": found.after},
        }
        with followed(replace(self.recognizer.settings, training=self._training), out) as ended:
            return self._adapted(train, dev, card, ended)

    def _answers_of_others(self, part: Sequence[Utterance]) -> NDArray[np.int64]:
        """Answers for some speakers of a recogniser adapted to the others."""
        dataset, own = self.prepared.dataset, {u.speaker for u in part}
        others = [u for u in dataset.utterances.values() if u.speaker not in own]
        adapted = self._adapted(*split(self.settings, self.prepared, others))
        return adapted.classifier.answer(dataset.examples([u.id for u in part]).frames).classes

    def _adapted(
        self,
        train: Examples,
        dev: Examples,
        card: Mapping[str, Any] | None = None,
        on_epoch: OnEpoch | None = None,
    ) -> Recognizer:
        return adapt(
            self.recognizer,
            train,
            dev,
            seed=self.seed,
            training=self._training,
            card=card,
            on_epoch=on_epoch,
        )

    @property
    def _training(self) -> TrainingSettings:
        """How nets of the recogniser's kind are trained by the settings."""
        options = self.settings.options()
        recurrent = isinstance(self.recognizer.settings.trunk, LstmSettings)
        return options.lstm if recurrent else options.dnn


def _learned_before(recognizer: Recognizer, prepared: Prepared) -> str:
    """Which of the corpora the recogniser has learned from already, in a sentence; or nothing."""
    known = {corpus["digest"] for corpus in recognizer.card.get("corpora", ())}
    shared = [corpus.name for corpus in prepared.corpora if corpus.digest in known]
    if not shared:
        return ""
    return (
        f"the recogniser has learned from {', '.join(shared)} before, so that its first score is "
        "not of speakers that it had never heard"
    )
