"""train: a recogniser from corpora, and how its training went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from voxaffect.artefact import ensure_writable
from voxaffect.classifier import NetSettings, OnEpoch
from voxaffect.commands.console import console, errors, print_line
from voxaffect.commands.preparation import prepare_corpora
from voxaffect.commands.training_progress import training_progress
from voxaffect.config.file import load_settings
from voxaffect.config.settings import Settings, find_system
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import ConfigError
from voxaffect.evaluation.experiment.dataset import Prepared
from voxaffect.evaluation.protocol.folds import hold_out_dev
from voxaffect.memory import keep_freed_memory
from voxaffect.model.course import Course
from voxaffect.model.distributed import first_goes_first, place, process_group
from voxaffect.model.events import EventLog, summary_writer
from voxaffect.model.examples import Examples
from voxaffect.model.log import TrainingLog
from voxaffect.model.settings import Epoch
from voxaffect.parallel.clusters import LOCAL, workers
from voxaffect.recognizer import Recognizer
from voxaffect.systems import NetSystem

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
    backend: str = LOCAL,
    address: str | None = None,
) -> None:
    """Train a system on all corpora but a tenth, which stops and calibrates it; save it.

    Started by `torchrun`, several processes train the one net, and the first of them tells of it.

    Args:
        config: a settings file.
        out: folder of the recogniser, of `training.csv` and, if asked for, of `tensorboard/`.
        system_name: one that is a net.
        seed: of all random choices.
        n_jobs: processes that extract features; 0 is one a core.
        tensorboard: whether to write events for TensorBoard.
        half: whether the net's weights are written in half precision.
        backend: where features are extracted; the net is trained here.
        address: of the cluster, where that is one.
    """
    settings = load_settings(config)
    system = _net_system(system_name)
    ensure_writable(out)
    if tensorboard:
        summary_writer()
    net_settings = system.net_settings(settings.options())
    with process_group(net_settings.training.device):
        is_first = place()[0] == 0
        console.quiet = errors.quiet = not is_first
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
) -> tuple[Recognizer, Examples, Examples]:
    """An untrained recogniser, and what it is to learn from and be stopped by."""
    with first_goes_first():
        prepared = prepare_corpora(settings, n_jobs)
    train_set, dev_set = split(settings, prepared, prepared.dataset.utterances.values())
    card = card_of(system.name, settings, prepared, (train_set, dev_set))
    return Recognizer(net_settings, settings.features.extractor(), card), train_set, dev_set


def _net_system(name: str) -> NetSystem:
    system = find_system(name)
    if not isinstance(system, NetSystem) or system.mean_pooled:
        raise ConfigError(f"{name} is a baseline for experiments and cannot be saved; use lstm-mtl")
    return system


def split(
    settings: Settings, prepared: Prepared, utterances: Iterable[Utterance]
) -> tuple[Examples, Examples]:
    """Of some utterances, those to learn from, and those that stop and calibrate."""
    asked, dataset = settings.evaluate, prepared.dataset
    train, dev = hold_out_dev(utterances, dataset.labels(), asked.split_seed, asked.dev)
    return dataset.examples(train), dataset.examples(dev)


def card_of(
    system: str, settings: Settings, prepared: Prepared, parts: tuple[Examples, Examples]
) -> dict[str, Any]:
    """What a reader should know: which system, which data exactly, with which classes, split how.

    No path of this machine is told: the digests say which data they were.

    Args:
        system: its name.
        settings: that it was trained by.
        prepared: all data.
        parts: train and dev set.
    """
    dataset, asked = prepared.dataset, settings.evaluate
    train_set, dev_set = parts
    return {
        "system": system,
        "corpora": [asdict(summary) for summary in prepared.corpora],
        "data_digest": dataset.digest(sorted(dataset.utterances)),
        "taxonomy": settings.make_taxonomy().settings(),
        "audio": settings.audio.model_dump(),
        "split": {"dev": asked.dev, "split_seed": asked.split_seed},
        "n_train": len(train_set),
        "n_dev": len(dev_set),
    }


@contextmanager
def followed(settings: NetSettings, out: Path, *, tensorboard: bool = False) -> Iterator[OnEpoch]:
    """What is to be told of every epoch: it is logged in the folder, and shown."""
    course = Course(settings.training.max_epochs, settings.training.patience)
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
