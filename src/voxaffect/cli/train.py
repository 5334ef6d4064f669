"""train: train a recognizer, or adapt one to other recordings (--from)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voxaffect.cli.app import RECOGNIZER, Address, Config, Events, Jobs, On, app, command
from voxaffect.cli.console import console, count_bar, errors, notes, print_line, show
from voxaffect.cli.experiment import prepare_corpora
from voxaffect.errors import ConfigError, FoldError
from voxaffect.recognizer.packaged import located

if TYPE_CHECKING:
    from rich.console import Group

    from voxaffect.config.settings import Settings
    from voxaffect.evaluation.comparisons import BeforeAfter
    from voxaffect.evaluation.experiment.dataset import Prepared
    from voxaffect.model.data import Examples
    from voxaffect.model.settings import EarlyStopping, Epoch
    from voxaffect.model.training import OnEpoch
    from voxaffect.recognizer.recognizer import TrainedRecognizer
    from voxaffect.systems.classifier import NetSettings


@contextmanager
def training_progress(stopping: EarlyStopping, next_step: str = "") -> Iterator[Callable[[], None]]:
    """Show a training on standard error: a bar in a terminal, else one line per epoch.

    The function that is yielded is called after each epoch; `next_step` follows the last one.
    """
    from rich.live import Live

    if not errors().is_interactive:
        yield lambda: print_line(f"{_epoch(stopping)}: {_state(stopping, next_step)}", to=errors())
        return
    ends = [time.perf_counter()]  # of epochs, the beginning of the first before them

    def bar() -> Group:
        now = time.perf_counter()
        return training_bar(stopping, next_step, elapsed_s=now - ends[0], since_s=now - ends[-1])

    with Live(get_renderable=bar, console=notes()):
        yield lambda: ends.append(time.perf_counter())


def training_bar(
    stopping: EarlyStopping, next_step: str = "", *, elapsed_s: float, since_s: float
) -> Group:
    """Bar of the epochs and the time elapsed; below it scores, and the time left but `since_s`."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(ratio=1)  # the bar shrinks where the terminal is narrow
    grid.add_column(no_wrap=True)
    bar = ProgressBar(total=stopping.max_epochs, completed=len(stopping.epochs))
    grid.add_row(_epoch(stopping), bar, _clock(elapsed_s))
    state = [Text(_state(stopping, next_step, since_s))] if stopping.epochs else []
    return Group(grid, *state)


def _epoch(stopping: EarlyStopping) -> str:
    return f"epoch {len(stopping.epochs)} of at most {stopping.max_epochs}"


def _state(stopping: EarlyStopping, next_step: str, since_s: float = 0.0) -> str:
    """Scores, and the times until early stopping, if the dev set gets no better, and the end."""
    last, best = stopping.epochs[-1], stopping.epochs[stopping.best - 1]
    rank = "the best so far" if last is best else f"best {best.dev_ua:.3f} in {best.number}"
    n_left = (stopping.left_at_least, stopping.left_at_most)
    least, most = (_clock(n_epochs * stopping.epoch_s - since_s) for n_epochs in n_left)
    left = f"left {most}" if n_left[0] == n_left[1] else f"left {least} to {most}"
    return (
        f"loss {last.train_loss:.3f}, dev UA {last.dev_ua:.3f} ({rank}), "
        f"{last.frames_per_s:,.0f} frames/s, {left if n_left[0] else f'done{next_step}'}"
    )


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(max(seconds, 0.0))))


@command(app, "train", RECOGNIZER, kept="computed features are kept; no recognizer was saved")
def train(
    config: Config,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the trained recognizer.")],
    system: Annotated[str | None, typer.Option(help="System to train; default: lstm-mtl.")] = None,
    base: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Adapt this trained recognizer to the corpora, such as `packaged`.",
            callback=lambda base: base and located(base),
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and dropout.")] = 0,
    tensorboard: Events = False,
    half: Annotated[
        bool, typer.Option("--half", help="Save weights in half precision, in half the space.")
    ] = False,
    jobs: Jobs = 0,
    backend: On = "loky",
    address: Address = None,
) -> None:
    """Train a recognizer on all corpora of a settings file and save it.

    Any system of the experiments will do: nets, machines such as mean-logistic, and a+b, which
    averages the probabilities of two. A tenth of the data is the dev set for early stopping,
    penalties and calibration. For nets, training.csv in the folder gets a line per epoch: loss, dev
    UA, frames per second. A cluster (--backend) extracts the features; the net is trained here, or
    by every process that torchrun starts.

    With --from, a trained recognizer is adapted to a few hundred recordings of your own; scores
    before and after are printed for held-out speakers.
    """
    if base is not None:
        flags = {"--tensorboard": tensorboard, "--half": half}
        for option, value in {"--system": system, "--address": address, **flags}.items():
            if value:
                raise typer.BadParameter(f"{option} does not work with --from; leave it out")
        adapt_to(config, base, out, seed=seed, n_jobs=jobs)
        return

    from voxaffect.api import card_of, split
    from voxaffect.config.file import load_settings
    from voxaffect.config.settings import find_system
    from voxaffect.model.logging import summary_writer
    from voxaffect.model.training import first_process_first, process_group, rank_and_world
    from voxaffect.parallel.clusters import workers
    from voxaffect.parallel.processes import keep_freed_memory
    from voxaffect.recognizer.recognizer import TrainedRecognizer
    from voxaffect.recognizer.serialization import ensure_writable
    from voxaffect.systems.ensemble import trained_in_epochs

    settings = load_settings(config)
    chosen = find_system(system or "lstm-mtl")
    classifier = chosen.classifier(settings)
    net = trained_in_epochs(classifier)
    ensure_writable(out)
    if tensorboard and net is None:
        raise ConfigError(f"--tensorboard shows epochs, and {chosen.name} has none; leave it out")
    if tensorboard:
        summary_writer()
    with process_group(classifier.device):
        is_first = rank_and_world()[0] == 0
        console().quiet = errors().quiet = notes().quiet = not is_first
        with workers(backend, address, jobs) as n_there, first_process_first():
            extractor = settings.extractor_of(chosen)
            prepared = prepare_corpora(settings, n_there, extractor=extractor)
        parts = split(settings, prepared, prepared.dataset.utterances.values())
        card = card_of(chosen.name, settings, prepared, parts)
        recognizer = TrainedRecognizer(classifier, extractor, card)
        keep_freed_memory()
        log: AbstractContextManager[OnEpoch | None] = nullcontext()
        if is_first and net is not None:
            log = log_epochs(net.settings, out, tensorboard=tensorboard)
        with log as on_epoch:
            recognizer.fit(*parts, seed=seed, on_epoch=on_epoch)
    if is_first:
        recognizer.save(out, half=half)
        print_line(f"wrote {out}: {chosen.name}, {classifier.summary()}")


@contextmanager
def log_epochs(settings: NetSettings, out: Path, *, tensorboard: bool = False) -> Iterator[OnEpoch]:
    """Yield a callback that logs each epoch in the folder `out` and shows the progress."""
    from voxaffect.model.logging import begin_log, log_epoch, open_events, write_events
    from voxaffect.model.settings import EarlyStopping

    stopping = EarlyStopping(settings.training.max_epochs, settings.training.patience)
    begin_log(log := out / "training.csv")
    more = f"; {settings.elm.n_parts} more nets for the utterance level follow"
    next_step = "" if settings.elm.posteriors == "in-fold" else more
    with ExitStack() as stack:
        events = stack.enter_context(open_events(out / "tensorboard")) if tensorboard else None
        update = stack.enter_context(training_progress(stopping, next_step))

        def on_epoch(epoch: Epoch) -> None:
            stopping.add(epoch)
            log_epoch(log, epoch, best=stopping.best == epoch.number)
            if events is not None:
                write_events(events, epoch)
            update()

        yield on_epoch


def adapt_to(config: Path, base: Path, out: Path, *, seed: int, n_jobs: int) -> None:
    """Adapt a saved recognizer to the corpora of a settings file, and save the new one.

    The gain is measured by cross-validation over five folds of speakers: each is predicted by a
    recognizer adapted to the others. The saved recognizer is adapted to all speakers; a tenth of
    the utterances is its dev set.
    """
    from voxaffect.api import card_of, split
    from voxaffect.config.file import load_settings
    from voxaffect.features.opensmile import UTTERANCE_SETS
    from voxaffect.model.trunks import LstmSettings
    from voxaffect.parallel.clusters import LOCAL, workers
    from voxaffect.parallel.processes import keep_freed_memory
    from voxaffect.recognizer.adaptation import adapt, refuse_unadaptable
    from voxaffect.recognizer.recognizer import TrainedRecognizer
    from voxaffect.recognizer.serialization import ensure_writable
    from voxaffect.report.model_card import adaptation_tables
    from voxaffect.systems.ensemble import trained_in_epochs

    settings = load_settings(config)
    recognizer = TrainedRecognizer.load(base)
    refuse_unadaptable(recognizer.classifier)
    extractor = recognizer.extractor
    if extractor not in UTTERANCE_SETS.values() and dict(extractor.settings()) != dict(
        settings.features.extractor().settings()
    ):
        raise ConfigError(
            f"{config}: [features] differ from those of the recognizer {base}; use the settings "
            "that it was trained with"
        )
    if base.resolve() == out.resolve():
        raise ConfigError(f"--out {out} holds the recognizer to adapt; choose another folder")
    ensure_writable(out)
    with workers(LOCAL, None, n_jobs) as n_here:
        prepared = prepare_corpora(settings, n_here, extractor=extractor)
    keep_freed_memory()
    net = trained_in_epochs(recognizer.classifier)
    recurrent = net is not None and isinstance(net.settings.trunk, LstmSettings)
    training = settings.training.lstm if recurrent else settings.training.dnn
    fit = partial(adapt, recognizer, seed=seed, training=training)
    found = _cross_validate(recognizer, settings, prepared, fit)
    for table in adaptation_tables(found):
        show(table)
    known = {corpus["digest"] for corpus in recognizer.card.get("corpora", ())}
    if shared := [corpus.name for corpus in prepared.corpora if corpus.digest in known]:
        print_line(
            f"note: the recognizer was trained on {', '.join(shared)} before; its scores before "
            "adaptation are not those of unseen speakers",
            to=errors(),
        )
    parts = split(settings, prepared, prepared.dataset.utterances.values())
    card = {
        **card_of(recognizer.card.get("system", ""), settings, prepared, parts),
        "held_out": {"n": found.n, "before": found.before, "after": found.after},
    }
    log: AbstractContextManager[OnEpoch | None] = nullcontext()
    if net is not None:
        log = log_epochs(replace(net.settings, training=training), out)
    with log as on_epoch:
        adapted = fit(*parts, card=card, on_epoch=on_epoch)
    adapted.save(out)
    print_line(f"wrote {out}: {adapted.classifier.summary()}")
    if not adapted.card["moved"]:
        what = "penalty" if net is None else "epoch"
        console().print(f"No {what} improved on the dev set; the weights are unchanged.")


def _cross_validate(
    recognizer: TrainedRecognizer,
    settings: Settings,
    prepared: Prepared,
    fit: Callable[[Examples, Examples], TrainedRecognizer],
) -> BeforeAfter:
    """Score all known speakers before and after adaptation to the others."""
    import numpy as np

    from voxaffect.api import split
    from voxaffect.evaluation.comparisons import before_after
    from voxaffect.evaluation.splits.draws import deal_speakers
    from voxaffect.evaluation.splits.folds import UNKNOWN

    dataset = prepared.dataset
    utterances = dataset.utterances.values()
    folds = deal_speakers([u for u in utterances if not u.speaker.endswith(UNKNOWN)], 5)
    if len(folds) < 2:
        raise FoldError(
            f"too few speakers for adaptation ({len(folds)}), since one is held out; name two or "
            "more in the column speaker of the table"
        )
    after = []
    with count_bar("held-out speakers") as advance:
        for n_done, fold in enumerate(folds, 1):
            speakers = {u.speaker for u in fold}
            others = [u for u in utterances if u.speaker not in speakers]
            classifier = fit(*split(settings, prepared, others)).classifier
            after.append(classifier.answer(dataset.examples([u.id for u in fold]).frames).classes)
            advance(n_done, len(folds))
    ids = [u.id for fold in folds for u in fold]
    return before_after(
        dataset.emotions(ids),
        recognizer.classifier.answer(dataset.examples(ids).frames).classes,
        np.concatenate(after),
        np.array([u.speaker for fold in folds for u in fold]),
    )
