"""train --from: a recognizer adapted to recordings of one's own, and what that changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voxaffect.cli.app import (
    RECOGNIZER,
    Address,
    Backend,
    Config,
    Jobs,
    On,
    Tensorboard,
    app,
    keeps,
)
from voxaffect.cli.console import console, counting_progress, errors, notes, print_line, show
from voxaffect.cli.experiment import prepare_corpora
from voxaffect.errors import ConfigError, FoldError
from voxaffect.recognizer.packaged import located

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Group

    from voxaffect.config.settings import Settings
    from voxaffect.corpora.corpus import Utterance
    from voxaffect.evaluation.comparisons import BeforeAfter
    from voxaffect.evaluation.experiment.dataset import Prepared
    from voxaffect.model.data import Examples
    from voxaffect.model.settings import EarlyStopping, Epoch, TrainingSettings
    from voxaffect.model.training import OnEpoch
    from voxaffect.recognizer.recognizer import NetRecognizer
    from voxaffect.systems.classifier import NetSettings
    from voxaffect.systems.systems import NetSystem


@contextmanager
def training_progress(course: EarlyStopping, sequel: str = "") -> Iterator[Callable[[], None]]:
    """Show a training on standard error while it goes on.

    Args:
        course: the training; the caller adds its epochs.
        sequel: what follows the last epoch, in words that continue a sentence.

    Yields:
        what is to be called when an epoch was added.
    """
    from rich.live import Live

    if not errors().is_interactive:
        yield lambda: print_line(_line(course, sequel), to=errors())
        return
    bar = TrainingBar(course, sequel)
    with Live(bar, console=notes()):
        yield bar.restart_clock


class TrainingBar:
    """Epochs done of at most how many, and below them what the last one came to.

    The time left runs down between epochs.

    Args:
        course: the training.
        sequel: what follows the last epoch.
    """

    def __init__(self, course: EarlyStopping, sequel: str = "") -> None:
        self.course, self.sequel = course, sequel
        self.started = self.last_ended = time.perf_counter()

    def restart_clock(self) -> None:
        """An epoch has ended just now."""
        self.last_ended = time.perf_counter()

    def __rich__(self) -> Group:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        now = time.perf_counter()
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column(no_wrap=True, style="bold")
        line.add_column(ratio=1)  # the bar gives way where the terminal is narrow
        line.add_column(no_wrap=True)
        n_done, n_most = len(self.course.epochs), self.course.max_epochs
        bar = ProgressBar(total=n_most, completed=n_done)
        line.add_row(_place(self.course), bar, _clock(now - self.started))
        if not n_done:
            return Group(line)
        said = f"{_numbers(self.course)}, {_left(self.course, self.sequel, now - self.last_ended)}"
        return Group(line, Text(said))


def _line(course: EarlyStopping, sequel: str) -> str:
    return f"{_place(course)}: {_numbers(course)}, {_left(course, sequel)}"


def _place(course: EarlyStopping) -> str:
    return f"epoch {len(course.epochs)} of at most {course.max_epochs}"


def _numbers(course: EarlyStopping) -> str:
    last, best = course.epochs[-1], course.epochs[course.best - 1]
    rank = "the best so far" if last is best else f"best {best.dev_ua:.3f} in {best.number}"
    return (
        f"loss {last.train_loss:.3f}, dev UA {last.dev_ua:.3f} ({rank}), "
        f"{last.frames_per_s:,.0f} frames/s"
    )


def _left(course: EarlyStopping, sequel: str, since_s: float = 0.0) -> str:
    """Time until early stopping if the dev set gets no better, and until the last epoch."""
    if not course.left_at_least:
        return f"done{sequel}"
    most = _clock(course.left_at_most * course.epoch_s - since_s)
    if course.left_at_least == course.left_at_most:
        return f"left {most}"
    return f"left {_clock(course.left_at_least * course.epoch_s - since_s)} to {most}"


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(max(seconds, 0.0))))


LOG, EVENTS = "training.csv", "tensorboard"


def train(
    config: Path,
    out: Path,
    *,
    system_name: str,
    seed: int,
    n_jobs: int,
    tensorboard: bool = False,
    half: bool = False,
    backend: str = Backend.loky,
    address: str | None = None,
) -> None:
    """Train a system on all corpora but a tenth, which stops and calibrates it; save it.

    Started by `torchrun`, several processes train the one net, and the first of them tells of it.

    Args:
        config: a settings file.
        out: folder of the recognizer, of `training.csv` and, if asked for, of `tensorboard/`.
        system_name: one that is a net.
        seed: of all random choices.
        n_jobs: processes that extract features; 0 is one a core.
        tensorboard: whether to write events for TensorBoard.
        half: whether the net's weights are written in half precision.
        backend: where features are extracted; the net is trained here.
        address: of the cluster, where that is one.
    """
    from voxaffect.config.file import load_settings
    from voxaffect.config.settings import find_net_system
    from voxaffect.model.logging import summary_writer
    from voxaffect.model.training import process_group, rank_and_world
    from voxaffect.parallel.clusters import workers
    from voxaffect.parallel.processes import keep_freed_memory
    from voxaffect.recognizer.serialization import ensure_writable

    settings = load_settings(config)
    system = find_net_system(system_name)
    ensure_writable(out)
    if tensorboard:
        summary_writer()
    net_settings = system.net_settings(settings)
    with process_group(net_settings.training.device):
        is_first = rank_and_world()[0] == 0
        console().quiet = errors().quiet = notes().quiet = not is_first
        with workers(backend, address, n_jobs) as n_there:
            recognizer, train_set, dev_set = _beginning(settings, system, net_settings, n_there)
        keep_freed_memory()
        told = followed(net_settings, out, tensorboard=tensorboard) if is_first else nullcontext()
        with told as ended:
            recognizer.fit(train_set, dev_set, seed=seed, on_epoch=ended)
    if is_first:
        recognizer.save(out, half=half)
        print_line(f"wrote {out}: {system.name}, {recognizer.classifier.summary()}")


def _beginning(
    settings: Settings, system: NetSystem, net_settings: NetSettings, n_jobs: int
) -> tuple[NetRecognizer, Examples, Examples]:
    """An untrained recognizer, and what it is to learn from and be stopped by."""
    from voxaffect.api import card_of, split
    from voxaffect.model.training import first_process_first
    from voxaffect.recognizer.recognizer import NetRecognizer

    with first_process_first():
        prepared = prepare_corpora(settings, n_jobs)
    train_set, dev_set = split(settings, prepared, prepared.dataset.utterances.values())
    card = card_of(system.name, settings, prepared, (train_set, dev_set))
    return NetRecognizer(net_settings, settings.features.extractor(), card), train_set, dev_set


@contextmanager
def followed(settings: NetSettings, out: Path, *, tensorboard: bool = False) -> Iterator[OnEpoch]:
    """What is to be told of every epoch: it is logged in the folder, and shown."""
    from voxaffect.model.logging import EventLog, TrainingLog
    from voxaffect.model.settings import EarlyStopping

    course = EarlyStopping(settings.training.max_epochs, settings.training.patience)
    log = TrainingLog(out / LOG)
    with ExitStack() as stack:
        events = stack.enter_context(EventLog(out / EVENTS)) if tensorboard else None
        tell = stack.enter_context(training_progress(course, _sequel(settings)))

        def ended(epoch: Epoch) -> None:
            course.add(epoch)
            log.write(epoch, best=course.best == epoch.number)
            if events is not None:
                events.write(epoch)
            tell()

        yield ended


def _sequel(settings: NetSettings) -> str:
    """What follows the epochs and takes as long as they do, if anything does."""
    if settings.elm.posteriors == "in-fold":
        return ""
    return f"; {settings.elm.n_parts} more such nets follow, for the utterance level"


N_PARTS = 5
"""Parts of the speakers, each of which is held out once."""


def adapt_to(config: Path, base: Path, out: Path, *, seed: int, n_jobs: int) -> None:
    """Adapt a saved recognizer to the corpora of a settings file; show what it changes, save it.

    What it changes is told by speakers who were held out: the speakers are dealt into five parts,
    and for each part a recognizer is adapted to the others. The one that is saved has learned from
    all of them, but for a tenth of the utterances that stops and calibrates it.

    Args:
        config: a settings file, mostly of one table of recordings.
        base: folder of the recognizer to begin with.
        out: folder of the new one.
        seed: of all random choices.
        n_jobs: processes that extract features; 0 is one a core.

    Raises:
        VoxaffectError: the features of the settings are not the recognizer's, fewer than two
            speakers are told apart, or there is too little to learn from.
    """
    from voxaffect.config.file import load_settings
    from voxaffect.parallel.clusters import LOCAL, workers
    from voxaffect.parallel.processes import keep_freed_memory
    from voxaffect.recognizer.recognizer import NetRecognizer
    from voxaffect.recognizer.serialization import ensure_writable
    from voxaffect.report.model_card import adaptation_tables

    settings = load_settings(config)
    recognizer = NetRecognizer.load(base)
    _refuse_other_features(config, settings, recognizer)
    _refuse_same_folder(base, out)
    ensure_writable(out)
    with workers(LOCAL, None, n_jobs) as n_here:
        prepared = prepare_corpora(settings, n_here)
    keep_freed_memory()
    lesson = _TrainingProgress(recognizer, settings, prepared, seed)
    found = lesson.on_held_out_speakers()
    for table in adaptation_tables(found):
        show(table)
    if shared := _learned_before(recognizer, prepared):
        print_line(f"note: {shared}", to=errors())
    adapted = lesson.on_everybody(found, out)
    adapted.save(out)
    print_line(f"wrote {out}: {adapted.classifier.summary()}")
    if not adapted.card["net_moved"]:
        console().print("No epoch did better on the dev set than the net of before, which is kept.")


def _refuse_other_features(config: Path, settings: Settings, recognizer: NetRecognizer) -> None:
    asked = dict(settings.features.extractor().settings())
    if asked != dict(recognizer.extractor.settings()):
        raise ConfigError(
            f"{config}: its features are not those of the recognizer; leave [features] as they "
            "were when it was trained"
        )


def _refuse_same_folder(base: Path, out: Path) -> None:
    if base.resolve() == out.resolve():
        raise ConfigError(f"--out {out} is the recognizer to begin with; choose another folder")


@dataclass(frozen=True)
class _TrainingProgress:
    """A recognizer and what it is to be adapted to."""

    recognizer: NetRecognizer
    settings: Settings
    prepared: Prepared
    seed: int

    def on_held_out_speakers(self) -> BeforeAfter:
        """Answers before and after for everybody, each by a recognizer adapted to others.

        Raises:
            FoldError: fewer than two speakers are told apart.
        """
        import numpy as np

        from voxaffect.evaluation.comparisons import before_after
        from voxaffect.evaluation.splits.draws import deal_speakers
        from voxaffect.evaluation.splits.folds import UNKNOWN

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

    def on_everybody(self, found: BeforeAfter, out: Path) -> NetRecognizer:
        """The recognizer that is handed on, and its log in a folder."""
        from voxaffect.api import card_of, split

        train, dev = split(self.settings, self.prepared, self.prepared.dataset.utterances.values())
        system = self.recognizer.card.get("system", "")
        card = {
            **card_of(system, self.settings, self.prepared, (train, dev)),
            "held_out": {"n": found.n, "before": found.before, "after": found.after},
        }
        with followed(replace(self.recognizer.settings, training=self._training), out) as ended:
            return self._adapted(train, dev, card, ended)

    def _answers_of_others(self, part: Sequence[Utterance]) -> NDArray[np.int64]:
        """Answers for some speakers of a recognizer adapted to the others."""
        from voxaffect.api import split

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
    ) -> NetRecognizer:
        from voxaffect.recognizer.adaptation import adapt

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
        """How nets of the recognizer's kind are trained by the settings."""
        from voxaffect.model.trunks import LstmSettings

        recurrent = isinstance(self.recognizer.settings.trunk, LstmSettings)
        training = self.settings.training
        return training.lstm if recurrent else training.dnn


def _learned_before(recognizer: NetRecognizer, prepared: Prepared) -> str:
    """Which of the corpora the recognizer has learned from already, in a sentence; or nothing."""
    known = {corpus["digest"] for corpus in recognizer.card.get("corpora", ())}
    shared = [corpus.name for corpus in prepared.corpora if corpus.digest in known]
    if not shared:
        return ""
    return (
        f"the recognizer has learned from {', '.join(shared)} before, so that its first score is "
        "not of speakers that it had never heard"
    )


@app.command("train", rich_help_panel=RECOGNIZER)
@keeps("features computed so far are kept, no recognizer was saved")
def train_command(
    config: Config,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the trained recognizer.")],
    system: Annotated[
        str | None, typer.Option(help="Which system to train; lstm-mtl if left out.")
    ] = None,
    base: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="A trained recognizer that is to be adapted to the corpora, such as `packaged`.",
            callback=lambda base: base and located(base),
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and dropout.")] = 0,
    tensorboard: Tensorboard = False,
    half: Annotated[
        bool, typer.Option("--half", help="Save weights in half precision, in half the space.")
    ] = False,
    jobs: Jobs = 0,
    backend: On = Backend.loky,
    address: Address = None,
) -> None:
    """Train a recognizer on all corpora of a settings file and save it.

    A tenth of the data stops the training and calibrates it. The folder's training.csv gets a line
    as each epoch ends: loss, dev UA, frames a second. A cluster (--backend) extracts the features;
    the net is trained here, or by every process that torchrun starts.

    With --from a recognizer goes on learning from a few hundred recordings of your own. What that
    changes is shown for speakers who were held out, before and after.
    """
    if base is not None:
        flags = {"--tensorboard": tensorboard or None, "--half": half or None}
        refused = {"--system": system, "--address": address, **flags}
        for option, value in refused.items():
            if value is not None:
                raise typer.BadParameter(f"{option} does not work with --from; leave it out")

        adapt_to(config, base, out, seed=seed, n_jobs=jobs)
        return

    train(
        config,
        out,
        system_name=system or "lstm-mtl",
        seed=seed,
        n_jobs=jobs,
        tensorboard=tensorboard,
        half=half,
        backend=backend,
        address=address,
    )
