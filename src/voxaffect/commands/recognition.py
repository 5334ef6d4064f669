"""predict: a recogniser's answers for files."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.table import Table

from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits
from voxaffect.commands.console import console, errors
from voxaffect.corpora.audformat import is_database, list_audformat
from voxaffect.corpora.corpus import Problem, Utterance
from voxaffect.corpora.rows import is_table
from voxaffect.corpora.table import list_table
from voxaffect.corpora.tree import find_recordings
from voxaffect.errors import AudioError, ConfigError, CorpusError
from voxaffect.recognizer import Prediction, Recognizer
from voxaffect.taxonomy import EMOTION

PLACE = ("path", "start_s", "end_s")
"""Columns by which the answers for a table's rows can be joined to the table."""

Place = Mapping[str, str]
"""What a row says under `PLACE`, as it is written there; of a file that is no row's, nothing."""

Asked = tuple[Path | Utterance, Place]
Answer = tuple[Prediction, Place]


def predict(
    sources: Sequence[Path],
    model: Path,
    *,
    output: str,
    timeline: bool,
    limits: DecodeLimits = DEFAULT_LIMITS,
) -> int:
    """Answer for recordings, each as soon as it is analysed but in a table, which needs them all.

    Args:
        sources: recordings, folders of them, and tables and audformat databases, whose rows are
            utterances.
        model: a trained recogniser's folder.
        output: table, json or csv.
        timeline: whether the posterior of every frame is told.
        limits: what is refused of recordings.

    Returns:
        the exit status, 1 where something could not be used.
    """
    write = _writer(output, timeline=timeline)
    recognizer = Recognizer.load(model)
    recognizer.limits = limits
    failed: list[str] = []
    write(_answers(recognizer, _recordings(sources, failed), failed))
    return 1 if failed else 0


def _recordings(sources: Iterable[Path], failed: list[str]) -> Iterator[Asked]:
    """All that the sources stand for; what cannot be used is told, added to `failed`."""
    for source in sources:
        try:
            found, problems = _found(source)
        except (CorpusError, OSError) as fault:  # such as a name longer than can be looked up
            _tell_refused(fault)
            failed.append(str(source))
            continue
        for problem in problems:
            errors.print(f"{source}: {problem.path}: {problem.detail}", soft_wrap=True)
        failed += [problem.path for problem in problems if problem.is_fault]
        yield from found


def _found(source: Path) -> tuple[Sequence[Asked], Sequence[Problem]]:
    """A recording itself, what lies in a folder, or the rows of a table or database, in order.

    Raises:
        CorpusError: it holds none, or cannot be read.
    """
    if is_database(source):
        return list_audformat(source, source.resolve().name)
    if source.is_dir():
        paths, problems = find_recordings(source)
        if not paths:
            raise CorpusError(f"{source}: holds no recording; name one, or another folder")
        return [(path, {}) for path in paths], problems
    if is_table(source):
        return list_table(source, source.stem, required=("path",))
    return [(source, {})], ()


def _answers(
    recognizer: Recognizer, recordings: Iterable[Asked], failed: list[str]
) -> Iterator[Answer]:
    """The answer for each recording that can be used; the others are told, added to `failed`."""
    for recording, place in recordings:
        try:
            (prediction,) = recognizer.predict([recording])
        except AudioError as fault:
            _tell_refused(fault)
            failed.append(str(recording))
        else:
            yield prediction, place


def _tell_refused(fault: Exception) -> None:
    errors.print(f"voxaffect: {fault}", style="red", soft_wrap=True)


Writer = Callable[[Iterable[Answer]], None]


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


def _table(answers: Iterable[Answer]) -> None:
    table = Table("file", "emotion", *EMOTION.classes, "subtasks", "warnings")
    for p, _ in answers:
        shares = [f"{p.probabilities[name]:.2f}" for name in EMOTION.classes]
        subtasks = [max(classes, key=lambda c: classes[c]) for classes in p.subtasks.values()]
        table.add_row(p.name, p.label, *shares, ", ".join(subtasks), "; ".join(p.warnings))
    if table.row_count:
        console.print(table)


def _json(answers: Iterable[Answer], *, timeline: bool) -> None:
    """One JSON object a line."""
    for p, place in answers:
        line: dict[str, Any] = {
            "file": p.name,
            **_plain(place),
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


def _plain(place: Place) -> dict[str, Any]:
    """The path and, as numbers or null, the times of a row."""
    times = {key: float(text) if text else None for key, text in place.items() if key in PLACE[1:]}
    return {"path": place["path"], **times} if place else {}


def _csv(answers: Iterable[Answer]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(["file", *PLACE, "emotion", *EMOTION.classes, "warnings"])
    for p, place in answers:
        where = [place.get(column, "") for column in PLACE]
        shares = [f"{p.probabilities[name]:.4f}" for name in EMOTION.classes]
        writer.writerow([p.name, *where, p.label, *shares, "; ".join(p.warnings)])
        sys.stdout.flush()
