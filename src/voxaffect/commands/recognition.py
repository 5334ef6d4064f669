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
from voxaffect.commands.preparation import prepare_corpora, tell
from voxaffect.config import find_system, load_settings
from voxaffect.corpora.corpus import Problem, Utterance
from voxaffect.corpora.rows import is_table
from voxaffect.corpora.table import parse_table
from voxaffect.corpora.tree import find_recordings
from voxaffect.errors import AudioError, ConfigError, CorpusError
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


def predict(sources: Sequence[Path], model: Path, *, output: str, timeline: bool) -> int:
    """Answer for recordings, each as soon as it is analysed but in a table, which needs them all.

    Args:
        sources: recordings, folders of them, and tables whose rows are utterances.
        model: a trained recogniser's folder.
        output: table, json or csv.
        timeline: whether the posterior of every frame is told.

    Returns:
        the exit status, 1 where something could not be used.
    """
    write = _writer(output, timeline=timeline)
    recognizer = Recognizer.load(model)
    failed: list[str] = []
    write(_answers(recognizer, _recordings(sources, failed), failed))
    return 1 if failed else 0


def _recordings(sources: Iterable[Path], failed: list[str]) -> Iterator[Path | Utterance]:
    """What is named, what lies in the folders, and the rows of the tables."""
    for source in sources:
        found: Sequence[Path | Utterance] = [source]
        problems: Sequence[Problem] = ()
        if source.is_dir():
            found, problems = find_recordings(source)
            if not found:
                raise CorpusError(f"{source}: holds no recording; name one, or another folder")
        elif is_table(source):
            corpus = parse_table(source, source.stem, required=("path",))
            found, problems = corpus.utterances, corpus.problems
        faults = [problem for problem in problems if problem.is_fault]
        tell(faults, f"{source}: ")
        failed += [fault.path for fault in faults]
        yield from found


def _answers(
    recognizer: Recognizer, recordings: Iterable[Path | Utterance], failed: list[str]
) -> Iterator[Prediction]:
    """The answer for each recording that can be used; the others are told, added to `failed`."""
    for recording in recordings:
        try:
            yield from recognizer.predict([recording])
        except AudioError as fault:
            errors.print(f"voxaffect: {fault}", style="red")
            failed.append(str(recording))


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
