"""predict: a recognizer's answers for recordings."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from voxaffect.audio.decode import DEFAULT_LIMITS, DecodeLimits, open_recording
from voxaffect.cli.console import console, errors, print_line
from voxaffect.cli.sources import InputSource, Refusals, list_sources
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import AudioError, ConfigError
from voxaffect.files import write_atomically, write_text
from voxaffect.parallel.processes import import_without_gc, n_cores
from voxaffect.recognizer.prediction import UNSURE, Prediction
from voxaffect.report.predictions.formats import FORMATS, Format, json_line
from voxaffect.report.predictions.table import table
from voxaffect.streaming.batch import WorkerPool, n_bytes, predict_all, process_pool, thread_pool

if TYPE_CHECKING:
    from voxaffect.recognizer.recording import Recording
    from voxaffect.streaming.batch import Predictor
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


class Result(NamedTuple):
    """What there is to show of one recording.

    Args:
        name: of the recording.
        predictions: one, or one a segment.
        track: its energy over time, where it was segmented.
    """

    name: str
    predictions: Sequence[Prediction]
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
    given: list[Prediction] = []
    if found:
        with ExitStack() as until_first_answer:
            until_first_answer.enter_context(import_without_gc())
            compute = _timelines if request.timeline else _wholes
            with _worker_pool(model, found, request.limits) as pool:
                results = compute(pool, found, request, refusals)
                _write(_noted(results, given, until_first_answer.close), request)
    print_line(_end_line(given, len(refusals.names), request), to=errors)
    return 1 if refusals.names else 0


def _load(model: Path, limits: DecodeLimits) -> Predictor:
    if model.suffix == ".onnx":
        from voxaffect.export.runner import OnnxRecognizer

        return OnnxRecognizer.load(model, limits)

    from voxaffect.recognizer.recognizer import NetRecognizer

    recognizer = NetRecognizer.load(model)
    recognizer.limits = limits
    return recognizer


def _wholes(
    pool: WorkerPool, sources: Sequence[InputSource], request: Request, refusals: Refusals
) -> Iterator[Result]:
    """Each recording as one utterance."""
    predictions = _predict_all(pool)([source.recording for source in sources])
    for source, prediction in zip(sources, predictions, strict=True):
        if prediction.error is not None:
            refusals.tell(source.name, prediction.error)
        else:
            named = replace(prediction, name=source.name, row=source.place)
            yield Result(source.name, [named.abstained(request.abstain)])


def _timelines(
    pool: WorkerPool, sources: Sequence[InputSource], request: Request, refusals: Refusals
) -> Iterator[Result]:
    """The segments of each recording."""
    from voxaffect.streaming.segments import timeline

    for source in sources:
        assert not isinstance(source.recording, Utterance)  # noqa: S101 the request was checked
        opener = partial(open_recording, source.recording, limits=request.limits, name=source.name)
        tell = partial(refusals.tell, source.name)
        try:
            found = timeline(_predict_all(pool), opener, on_fault=tell)
        except AudioError as fault:
            tell(fault)
            continue
        segments = [segment.abstained(request.abstain) for segment in found.utterances]
        yield Result(source.name, segments, found.track)


def _worker_pool(
    model: Path, sources: Sequence[InputSource], limits: DecodeLimits
) -> AbstractContextManager[WorkerPool]:
    """Who answers on all cores.

    Two threads of PyTorch's pass the interpreter between many small operations, and gain a quarter
    over one; two processes double it, once the second has started, which takes seconds.
    """
    recognizer = _load(model, limits)
    n_together = n_cores()
    if model.suffix == ".onnx" or n_together == 1 or _n_bytes(sources) < MUCH:
        return nullcontext(thread_pool(recognizer, n_together))
    return process_pool(recognizer, partial(_load_beside, model, limits), n_together)


def _n_bytes(sources: Sequence[InputSource]) -> int:
    return sum(n_bytes(source.recording) for source in sources)


def _load_beside(model: Path, limits: DecodeLimits) -> Predictor:
    """The recognizer, in a process that computes on one core."""
    recognizer = _load(model, limits)
    _one_thread()
    return recognizer


def _predict_all(pool: WorkerPool) -> Callable[[Sequence[Recording]], Iterator[Prediction]]:
    """Predictions by a pool, whose threads take a core each."""
    return partial(predict_all, pool, prepare=_one_thread)


def _one_thread() -> None:
    """One thread of PyTorch's for each of ours, where PyTorch is what computes."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


def _noted(
    results: Iterable[Result], given: list[Prediction], on_result: Callable[[], None]
) -> Iterator[Result]:
    """The same, added to `given` on the way."""
    for result in results:
        on_result()
        given += result.predictions
        yield result


def _write(results: Iterator[Result], request: Request) -> None:
    if request.picture is not None:
        results = _drawn(results, request.picture)
    if request.format is None:
        (_timeline_tables if request.timeline else _table)(results)
    elif request.out is not None:
        _files(results, request, request.out)
    else:
        _stream(results, request)


def _stream(results: Iterable[Result], request: Request) -> None:
    """Every prediction on standard output as soon as it is there."""
    assert request.format is not None  # noqa: S101 a table is no stream
    entry = partial(json_line, frames=True) if request.frames else request.format.entry
    sys.stdout.write(request.format.begin())
    for result in results:
        for prediction in result.predictions:
            sys.stdout.write(entry(prediction))
        sys.stdout.flush()


def _files(results: Iterable[Result], request: Request, out: Path) -> None:
    """A file for each recording, named like it; those of one name are numbered."""
    assert request.format is not None  # noqa: S101 a table is no file
    n_named: dict[str, int] = {}
    for result in results:
        stem = Path(result.name).stem
        n_named[stem] = n = n_named.get(stem, 0) + 1
        path = out / f"{stem}{f'-{n}' if n > 1 else ''}{request.format.suffix}"
        entries = map(request.format.entry, result.predictions)
        write_text(path, request.format.begin() + "".join(entries))


def _table(results: Iterable[Result]) -> None:
    predictions = [prediction for result in results for prediction in result.predictions]
    if predictions:
        console.print(table(predictions))


def _timeline_tables(results: Iterable[Result]) -> None:
    """For each recording a strip of letters and a table of its segments."""
    from voxaffect.report.predictions.table import strip

    for result in results:
        assert result.track is not None  # noqa: S101 a timeline has one
        print_line(result.name, style="bold")
        width = max(20, min(console.width, STRIP_COLUMNS))
        console.print(strip(result.predictions, result.track.duration_s, width))
        console.print(table(result.predictions, title=result.name))


def _drawn(results: Iterable[Result], path: Path) -> Iterator[Result]:
    """The same, drawn into a file on the way."""
    from voxaffect.report.figures.timeline import draw_timeline

    for result in results:
        assert result.track is not None  # noqa: S101 a timeline has one
        level_db, duration_s = result.track.level_db, result.track.duration_s
        drawing = draw_timeline(
            result.name, result.predictions, level_db, duration_s, path.suffix.lower()
        )
        with write_atomically(path) as file:
            file.write(drawing)
        yield result


def _end_line(given: Sequence[Prediction], n_refused: int, request: Request) -> str:
    """How many were answered, refused, doubted."""
    what = "utterance" if request.timeline else "recording"
    what += "" if len(given) == 1 else "s"
    n_warned = sum(bool(prediction.warnings) for prediction in given)
    unsure = "" if request.abstain is None else f", {sum(p.label == UNSURE for p in given)} unsure"
    return f"{len(given)} {what} answered, {n_refused} refused, {n_warned} with warnings{unsure}"
