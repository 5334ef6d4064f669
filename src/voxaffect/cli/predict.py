"""predict: a recognizer's answers for recordings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits, open_recording
from voxaffect.cli.console import console, errors, print_line
from voxaffect.cli.sources import InputSource, Refusals, list_sources
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import AudioError, ConfigError
from voxaffect.files import write_atomically, write_text
from voxaffect.parallel.processes import import_without_gc, n_cores
from voxaffect.report.answers.answer import UNSURE, Answer, label_of
from voxaffect.report.answers.formats import FORMATS, Format, json_line
from voxaffect.report.answers.table import table
from voxaffect.streaming.batch import WorkerPool, answer_all, n_bytes, processes, threads

if TYPE_CHECKING:
    from voxaffect.recognizer.prediction import Recording
    from voxaffect.streaming.batch import Answering, Outcome
    from voxaffect.streaming.vad import ActivityTrack


TABLE = "table"
PICTURES = (".svg", ".png")


@dataclass(frozen=True)
class Request:
    """How recordings are to be answered for.

    Args:
        output: `table` or a key of `FORMATS`.
        timeline: whether recordings are cut into utterances at their pauses.
        frames: whether the posterior of every frame is told.
        abstain: probability below which there is no label.
        picture: file into which a timeline is drawn.
        out: folder that gets a file a recording, for formats that cannot tell recordings apart.
        limits: what is refused of recordings.

    Raises:
        ConfigError: a value is impossible, or two do not go together.
    """

    output: str = TABLE
    timeline: bool = False
    frames: bool = False
    abstain: float | None = None
    picture: Path | None = None
    out: Path | None = None
    limits: DecodeLimits = DEFAULT_LIMITS

    def __post_init__(self) -> None:
        if self.output not in (TABLE, *FORMATS):
            raise ConfigError(
                f"--format {self.output!r} is unknown; use one of {', '.join((TABLE, *FORMATS))}"
            )
        if self.frames and self.output != "json":
            raise ConfigError(f"--frames has no place in --format {self.output}; use json")
        if self.abstain is not None and not 0 < self.abstain <= 1:
            raise ConfigError(f"--abstain {self.abstain} is no probability; use 0 < P <= 1")
        if self.out is not None and self.suffix is None:
            raise ConfigError(
                f"--format {self.output} tells all recordings in one; leave --out away, or use it "
                "with audacity or vtt"
            )
        if self.picture is not None:
            self._check_picture(self.picture)

    def _check_picture(self, path: Path) -> None:
        if not self.timeline:
            raise ConfigError("--picture draws a timeline; add --timeline")
        if path.suffix.lower() not in PICTURES:
            raise ConfigError(f"--picture {path}: is drawn as .svg or .png; name such a file")

    def check(self, sources: Sequence[InputSource]) -> None:
        """Refuse sources that do not go with what is asked for.

        Raises:
            ConfigError: a timeline is asked of a table's rows, or one file of several recordings.
        """
        if self.timeline and any(isinstance(s.recording, Utterance) for s in sources):
            raise ConfigError(
                "the rows of a table are utterances already; leave --timeline away, or name files"
            )
        if len(sources) > 1 and self.picture is not None:
            raise ConfigError(
                f"--picture shows one recording and {len(sources)} are named; name one at a time"
            )
        if len(sources) > 1 and self.suffix is not None and self.out is None:
            raise ConfigError(
                f"--format {self.output} tells of one recording and {len(sources)} are named; add "
                "--out FOLDER, which gets a file for each"
            )

    @property
    def format(self) -> Format | None:
        """How answers become text, None for a table."""
        return FORMATS.get(self.output)

    @property
    def suffix(self) -> str | None:
        """Of files for one recording each; None where a format tells recordings apart."""
        return None if self.format is None else self.format.suffix


STRIP_COLUMNS = 72

MUCH = 32 << 20
"""Bytes of recordings that are worth a process beside this one: half an hour as FLAC."""


@dataclass(frozen=True)
class Told:
    """What is said of one recording.

    Args:
        source: the recording.
        answers: one, or one an utterance.
        track: its energy over time, where it was cut into utterances.
    """

    source: InputSource
    answers: Sequence[Answer]
    track: ActivityTrack | None = None


def predict(
    sources: Sequence[Path], model: Path, request: Request, *, listed_in: Path | None = None
) -> int:
    """Answer for recordings, each as soon as it is analyzed but in a table, which needs them all.

    What cannot be used is told on standard error and the rest is answered all the same; a last line
    there counts both.

    Args:
        sources: recordings, folders, patterns, tables, databases, or `-` for standard input.
        model: a trained recognizer's folder, or an exported one's file.
        request: what to tell, and how.
        listed_in: a file of names, one a line, that are sources too.

    Returns:
        the exit status, 1 where something could not be used.

    Raises:
        VoxaffectError: what is asked for is impossible, or there is no such recognizer.
    """
    refusals = Refusals()
    found = list_sources(sources, listed_in, refusals, request.limits)
    request.check(found)
    given: list[Answer] = []
    if found:
        with ExitStack() as until_first_answer:
            until_first_answer.enter_context(import_without_gc())
            answer = _timelines if request.timeline else _wholes
            with _crew(model, found, request.limits) as crew:
                all_told = answer(crew, found, request, refusals)
                _write(_noted(all_told, given, until_first_answer.close), request)
    print_line(_end_line(given, len(refusals.names), request), to=errors)
    return 1 if refusals.names else 0


def _load(model: Path, limits: DecodeLimits) -> Answering:
    if model.suffix == ".onnx":
        from voxaffect.export.runner import OnnxRecognizer

        return OnnxRecognizer.load(model, limits)

    from voxaffect.recognizer.recognizer import Recognizer

    recognizer = Recognizer.load(model)
    recognizer.limits = limits
    return recognizer


def _wholes(
    crew: WorkerPool, sources: Sequence[InputSource], request: Request, refusals: Refusals
) -> Iterator[Told]:
    """Each recording as one utterance."""
    outcomes = _answer_all(crew)([source.recording for source in sources])
    for source, outcome in zip(sources, outcomes, strict=True):
        if isinstance(outcome, AudioError):
            refusals.tell(source.name, outcome)
        else:
            label = label_of(outcome, request.abstain)
            yield Told(source, [Answer(source.name, label, outcome, place=source.place)])


def _timelines(
    crew: WorkerPool, sources: Sequence[InputSource], request: Request, refusals: Refusals
) -> Iterator[Told]:
    """The utterances of each recording."""
    from voxaffect.streaming.segments import timeline

    for source in sources:
        assert not isinstance(source.recording, Utterance)  # noqa: S101 the request was checked
        opener = partial(open_recording, source.recording, limits=request.limits, name=source.name)
        tell = partial(refusals.tell, source.name)
        try:
            found = timeline(_answer_all(crew), opener, on_fault=tell)
        except AudioError as fault:
            tell(fault)
            continue
        answers = [
            Answer(source.name, label_of(s.prediction, request.abstain), s.prediction, *s.span)
            for s in found.utterances
        ]
        yield Told(source, answers, found.track)


def _crew(
    model: Path, sources: Sequence[InputSource], limits: DecodeLimits
) -> AbstractContextManager[WorkerPool]:
    """Who answers on all cores.

    Two threads of PyTorch's pass the interpreter between many small operations, and gain a quarter
    over one; two processes double it, once the second has started, which takes seconds.
    """
    recognizer = _load(model, limits)
    n_together = n_cores()
    if model.suffix == ".onnx" or n_together == 1 or _n_bytes(sources) < MUCH:
        return nullcontext(threads(recognizer, n_together))
    return processes(recognizer, partial(_load_beside, model, limits), n_together)


def _n_bytes(sources: Sequence[InputSource]) -> int:
    return sum(n_bytes(source.recording) for source in sources)


def _load_beside(model: Path, limits: DecodeLimits) -> Answering:
    """The recognizer, in a process that computes on one core."""
    recognizer = _load(model, limits)
    _one_thread()
    return recognizer


def _answer_all(crew: WorkerPool) -> Callable[[Sequence[Recording]], Iterator[Outcome]]:
    """Answers of a crew, whose threads take a core each."""
    return partial(answer_all, crew, prepare=_one_thread)


def _one_thread() -> None:
    """One thread of PyTorch's for each of ours, where PyTorch is what computes."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


def _noted(
    all_told: Iterable[Told], given: list[Answer], on_answer: Callable[[], None]
) -> Iterator[Told]:
    """The same, added to `given` on the way."""
    for told in all_told:
        on_answer()
        given += told.answers
        yield told


def _write(all_told: Iterator[Told], request: Request) -> None:
    if request.picture is not None:
        all_told = _drawn(all_told, request.picture)
    if request.format is None:
        (_timeline_tables if request.timeline else _table)(all_told)
    elif request.out is not None:
        _files(all_told, request, request.out)
    else:
        _stream(all_told, request)


def _stream(all_told: Iterable[Told], request: Request) -> None:
    """Every answer on standard output as soon as it is there."""
    assert request.format is not None  # noqa: S101 a table is no stream
    entry = partial(json_line, frames=True) if request.frames else request.format.entry
    sys.stdout.write(request.format.begin())
    for told in all_told:
        for answer in told.answers:
            sys.stdout.write(entry(answer))
        sys.stdout.flush()


def _files(all_told: Iterable[Told], request: Request, out: Path) -> None:
    """A file for each recording, named like it; those of one name are numbered."""
    assert request.format is not None  # noqa: S101 a table is no file
    n_named: dict[str, int] = {}
    for told in all_told:
        stem = Path(told.source.name).stem
        n_named[stem] = n = n_named.get(stem, 0) + 1
        path = out / f"{stem}{f'-{n}' if n > 1 else ''}{request.format.suffix}"
        entries = map(request.format.entry, told.answers)
        write_text(path, request.format.begin() + "".join(entries))


def _table(all_told: Iterable[Told]) -> None:
    answers = [answer for told in all_told for answer in told.answers]
    if answers:
        console.print(table(answers))


def _timeline_tables(all_told: Iterable[Told]) -> None:
    """For each recording a strip of letters and a table of its utterances."""
    from voxaffect.report.answers.table import strip

    for told in all_told:
        assert told.track is not None  # noqa: S101 a timeline has one
        print_line(told.source.name, style="bold")
        width = max(20, min(console.width, STRIP_COLUMNS))
        console.print(strip(told.answers, told.track.duration_s, width))
        console.print(table(told.answers, title=told.source.name))


def _drawn(all_told: Iterable[Told], path: Path) -> Iterator[Told]:
    """The same, drawn into a file on the way."""
    from voxaffect.report.figures.timeline import draw_timeline

    for told in all_told:
        assert told.track is not None  # noqa: S101 a timeline has one
        level_db, duration_s = told.track.level_db, told.track.duration_s
        drawing = draw_timeline(
            told.source.name, told.answers, level_db, duration_s, path.suffix.lower()
        )
        with write_atomically(path) as file:
            file.write(drawing)
        yield told


def _end_line(given: Sequence[Answer], n_refused: int, request: Request) -> str:
    """How many were answered, refused, doubted."""
    what = "utterance" if request.timeline else "recording"
    what += "" if len(given) == 1 else "s"
    n_warned = sum(bool(answer.prediction.warnings) for answer in given)
    unsure = "" if request.abstain is None else f", {sum(a.label == UNSURE for a in given)} unsure"
    return f"{len(given)} {what} answered, {n_refused} refused, {n_warned} with warnings{unsure}"
