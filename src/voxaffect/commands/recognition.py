"""train and predict: a recogniser from corpora, and its answers for files."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from rich.table import Table

from voxaffect.artefact import ensure_writable
from voxaffect.commands.console import console, effective_jobs, errors, progress_bar
from voxaffect.commands.preparation import prepare_corpora
from voxaffect.config import find_system, load_settings
from voxaffect.errors import AudioError, ConfigError
from voxaffect.evaluation.folds import hold_out_dev
from voxaffect.memory import keep_freed_memory
from voxaffect.model.training import Epoch
from voxaffect.recognizer import Prediction, Recognizer
from voxaffect.systems import NetSystem
from voxaffect.taxonomy import EMOTION


def train(config: Path, out: Path, *, system_name: str, seed: int, n_jobs: int) -> None:
    """Train a system on all corpora but a tenth, which stops and calibrates it; save it."""
    settings = load_settings(config)
    system = _net_system(system_name)
    ensure_writable(out)
    prepared = prepare_corpora(settings, effective_jobs(n_jobs))
    dataset = prepared.dataset
    train_ids, dev_ids = hold_out_dev(
        dataset.utterances.values(),
        dataset.labels(),
        settings.evaluate.split_seed,
        settings.evaluate.dev,
    )
    card = {
        "system": system.name,
        "corpora": [asdict(summary) for summary in prepared.corpora],
        "data_digest": dataset.digest(sorted(dataset.utterances)),
        "taxonomy": settings.make_taxonomy().settings(),
    }
    recognizer = Recognizer(system.net_settings(settings.options()), card=card)
    keep_freed_memory()
    with progress_bar("epochs") as bar:
        task = bar.task_ids[0]
        bar.update(task, total=recognizer.settings.training.max_epochs)

        def ended(epoch: Epoch) -> None:
            note = (
                f"loss {epoch.train_loss:.3f}, dev UA {epoch.dev_ua:.3f}, "
                f"{epoch.frames_per_s:,.0f} frames/s"
            )
            bar.update(task, advance=1, note=note)

        recognizer.fit(
            dataset.examples(train_ids), dataset.examples(dev_ids), seed=seed, on_epoch=ended
        )
    recognizer.save(out)
    console.print(f"wrote {out}: {system.name}, {recognizer.classifier.summary()}")


def predict(files: Sequence[Path], model: Path, *, output: str, timeline: bool) -> int:
    """Answer for files, each as soon as it is analysed but in a table, whose widths need them all.

    Returns:
        the exit status, 1 where a file could not be used.
    """
    write = _writer(output, timeline=timeline)
    recognizer = Recognizer.load(model)
    failed: list[Path] = []
    write(_answers(recognizer, files, failed))
    return 1 if failed else 0


def _answers(
    recognizer: Recognizer, files: Iterable[Path], failed: list[Path]
) -> Iterator[Prediction]:
    """The answer for each file that can be used; the others are told, and added to `failed`."""
    for path in files:
        try:
            yield from recognizer.predict([path])
        except AudioError as fault:
            errors.print(f"voxaffect: {fault}", style="red")
            failed.append(path)


def _net_system(name: str) -> NetSystem:
    system = find_system(name)
    if not isinstance(system, NetSystem):
        raise ConfigError(f"{name} is a baseline for experiments and cannot be saved; use lstm-mtl")
    return system


Writer = Callable[[Iterable[Prediction]], None]


def _writer(output: str, *, timeline: bool) -> Writer:
    writers: dict[str, Writer] = {
        "table": _table,
        "json": partial(_json, timeline=timeline),
        "csv": _csv,
    }
    if output not in writers:
        raise ConfigError(f"--format {output!r} is unknown; use one of {', '.join(writers)}")
    if timeline and output != "json":
        raise ConfigError(f"--timeline has no place in --format {output}; add --format json")
    return writers[output]


def _table(predictions: Iterable[Prediction]) -> None:
    table = Table("file", "emotion", *EMOTION.classes, "subtasks", "warnings")
    for p in predictions:
        shares = [f"{p.probabilities[name]:.2f}" for name in EMOTION.classes]
        subtasks = [max(classes, key=lambda c: classes[c]) for classes in p.subtasks.values()]
        table.add_row(p.name, p.label, *shares, ", ".join(subtasks), "; ".join(p.warnings))
    if table.row_count:
        console.print(table)


def _json(predictions: Iterable[Prediction], *, timeline: bool) -> None:
    """One JSON object a line."""
    for p in predictions:
        line: dict[str, Any] = {
            "file": p.name,
            "emotion": p.label,
            "probabilities": p.probabilities,
            "subtasks": p.subtasks,
            "duration_s": round(p.duration_s, 3),
            "warnings": list(p.warnings),
        }
        if timeline:
            line["times_s"] = p.times_s.round(4).tolist()
            line["timeline"] = p.timeline.round(4).tolist()
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def _csv(predictions: Iterable[Prediction]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(["file", "emotion", *EMOTION.classes, "warnings"])
    for p in predictions:
        shares = [f"{p.probabilities[name]:.4f}" for name in EMOTION.classes]
        writer.writerow([p.name, p.label, *shares, "; ".join(p.warnings)])
        sys.stdout.flush()
