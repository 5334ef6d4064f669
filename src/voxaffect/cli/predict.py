"""predict: recognize recordings, and write the predictions."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voxaffect.cli.abstention import Abstain, AbstainingCommand, Force, check, threshold_for
from voxaffect.cli.app import PACKAGED, RECOGNIZER, MaxHours, app, command, tell_recognizer
from voxaffect.cli.console import console, notes, print_line
from voxaffect.cli.sources import InputSource, Refusals, list_sources
from voxaffect.errors import AudioError, ConfigError
from voxaffect.files import write_atomically, write_text
from voxaffect.recognizer.packaged import located

if TYPE_CHECKING:
    from voxaffect.audio.decode import DecodeLimits
    from voxaffect.audio.vad import ActivityTrack
    from voxaffect.export.runner import OnnxRecognizer
    from voxaffect.recognizer.prediction import Prediction
    from voxaffect.recognizer.recognizer import TrainedRecognizer
    from voxaffect.report.predictions.formats import Format
    from voxaffect.streaming.batch import Predictor, WorkerPool

    Result = tuple[str, Sequence[Prediction], ActivityTrack | None]
    """A recording's name, its prediction or those of its segments, and then its energy."""

ONNX_OR_TRAINED = (
    "Folder that train wrote, ONNX file that export wrote, or one that comes with voxaffect: "
    "`accurate` or `fast`; `packaged` is accurate where its weights of Whisper are installed."
)
TABLE = "table"
FORMAT_OF = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".txt": "audacity",
    ".vtt": "vtt",
}
"""Suffix of the file that --out names -> format."""

MIN_POOL_BYTES = 32 << 20  # of recordings, for which processes are started: half an hour of FLAC


@dataclass(frozen=True)
class Request:
    """The options of predict; raises `ConfigError` where two of them do not go together."""

    output: str = ""
    timeline: bool = False
    frames: bool = False
    abstain: float | None = None
    picture: Path | None = None
    out: Path | None = None
    max_hours: float = 4.0
    force: bool = False

    def __post_init__(self) -> None:
        from voxaffect.report.predictions.formats import FORMATS

        if self.name not in (TABLE, *FORMATS):
            known = ", ".join((TABLE, *FORMATS))
            raise ConfigError(f"--format {self.output!r} is unknown; use one of {known}")
        if self.frames and self.name != "json":
            raise ConfigError(f"--frames does not work with --format {self.name}; use json")
        check(self.abstain, force=self.force)
        if self.out is not None and self.name == TABLE:
            advice = f"end the name in one of {', '.join(FORMAT_OF)}, or add --format"
            raise ConfigError(f"--out {self.out}: a table cannot be saved; {advice}")
        if self.picture is not None and not self.timeline:
            raise ConfigError("--picture draws a timeline; add --timeline")
        if self.picture is not None and self.picture.suffix.lower() not in {".svg", ".png"}:
            raise ConfigError(f"--picture {self.picture}: name an .svg or .png file")

    def check(self, sources: Sequence[InputSource]) -> None:
        """Raise `ConfigError` where the options cannot be used with these sources."""
        from voxaffect.corpora.corpus import Utterance

        if self.timeline and any(isinstance(s.recording, Utterance) for s in sources):
            advice = "run without --timeline, or name files"
            raise ConfigError(f"the rows of a table are segments already; {advice}")
        if (n := len(sources)) > 1 and self.picture is not None:
            raise ConfigError(f"--picture draws one recording, but there are {n}; name one")
        if n > 1 and self.format and self.format.suffix and not self.writes_folder:
            advice = "add --out FOLDER for one file per recording"
            raise ConfigError(
                f"--format {self.name} is for one recording, but there are {n}; {advice}"
            )

    @property
    def name(self) -> str:
        """Name of the format."""
        return self.output or FORMAT_OF.get(self.out.suffix.lower() if self.out else "", TABLE)

    @property
    def format(self) -> Format | None:
        """The text format, None for a table."""
        from voxaffect.report.predictions.formats import FORMATS

        return FORMATS.get(self.name)

    @property
    def limits(self) -> DecodeLimits:
        """Recordings beyond them are refused."""
        from voxaffect.audio.decode import DecodeLimits

        return DecodeLimits(max_duration_s=self.max_hours * 3600)

    def decided(self, prediction: Prediction) -> Prediction:
        """A prediction as --force or --abstain wants it."""
        return prediction.decided(force=self.force, abstain=self.abstain)

    @property
    def writes_folder(self) -> bool:
        """Whether `out` is a folder with one file per recording."""
        one_each = self.format is not None and self.format.suffix is not None
        return one_each and self.out is not None and self.out.suffix.lower() not in FORMAT_OF


@command(app, "predict", RECOGNIZER, kept="", cls=AbstainingCommand)
def predict(
    recordings: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Recordings (audio or video), folders, patterns such as 'calls/*.wav', tables of "
            "segments, audformat databases; - reads a recording from standard input.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        Path, typer.Option("--model", "-m", help=ONNX_OR_TRAINED, callback=located)
    ] = PACKAGED,
    output: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="table, json (one object per line), csv, audacity or vtt; default: by the suffix "
            "of --out, else table.",
            show_default=False,
        ),
    ] = "",
    timeline: Annotated[
        bool,
        typer.Option("--timeline", help="Segment recordings at pauses and recognize each segment."),
    ] = False,
    picture: Annotated[
        Path | None, typer.Option(help="With --timeline: also draw it to this .svg or .png file.")
    ] = None,
    force: Force = False,
    abstain: Abstain = None,
    from_list: Annotated[
        Path | None,
        typer.Option(help="Also read sources from a file, one per line; - is standard input."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Save to this file (.csv, .json, .txt for Audacity, .vtt), or for audacity and "
            "vtt to a folder with one file per recording.",
        ),
    ] = None,
    frames: Annotated[
        bool, typer.Option("--frames", help="Include the posteriors of every frame (json only).")
    ] = False,
    max_hours: MaxHours = 4.0,
) -> int:
    """Recognize the emotion of recordings.

    Of a folder, all recordings below it are used; of a table (CSV or Parquet, as corpora export
    writes it) or an audformat database, all rows, which may be segments of longer recordings:
    columns path, start_s, end_s.

      voxaffect predict clip.wav
      voxaffect predict talk.mp4 --timeline --picture talk.svg
      voxaffect predict calls/ -m models/mine --abstain 0.6 --out calls.csv
      curl -s https://example.org/a.ogg | voxaffect predict -

    The emotion is `no speech` where too little is speech, and `unsure` where a warning rejects the
    answer: tone, noise, music, or unfamiliar (out of distribution: unlike the training data). Other
    warnings mark doubtful predictions: short, clipped, noisy, narrow-band, several-emotions. One
    longer than half a minute is answered by the share of speech time; --timeline shows its parts.
    Recordings that cannot be used are reported on standard error and skipped; the exit status is
    then 1.
    """
    from voxaffect.parallel.processes import import_without_gc

    request = Request(output, timeline, frames, abstain, picture, out, max_hours, force)
    refusals = Refusals()
    found = list_sources(recordings or [], from_list, refusals, request.limits)
    request.check(found)
    predictions: list[Prediction] = []
    predict_sources = _predict_timelines if request.timeline else _predict_recordings

    def results(pool: WorkerPool) -> Iterator[Result]:
        for result in predict_sources(pool, found, request, refusals):
            until_first_result.close()
            predictions.extend(result[1])
            yield result
            _draw(result, request)

    with ExitStack() as until_first_result:
        until_first_result.enter_context(import_without_gc())
        if found:
            tell_recognizer(model)
            recognizer = _load(model, request.limits)
            threshold = threshold_for(request.abstain, recognizer.card, model)
            request = replace(request, abstain=threshold)
            with _worker_pool(model, recognizer, found, request.limits) as pool:
                _write(results(pool), request)
    print_line(_summary(predictions, len(refusals.names), request), to=notes())
    return 1 if refusals.names else 0


def _predict_recordings(
    pool: WorkerPool, sources: Sequence[InputSource], request: Request, refusals: Refusals
) -> Iterator[Result]:
    """Each recording as one utterance."""
    from voxaffect.streaming.batch import predict_all

    recordings = [source.recording for source in sources]
    predictions = predict_all(pool, recordings, prepare=_use_one_thread)
    for source, prediction in zip(sources, predictions, strict=True):
        if prediction.error is not None:
            refusals.report(source.name, prediction.error)
        else:
            named = replace(prediction, name=source.name, row=source.row)
            yield source.name, [request.decided(named)], None


def _predict_timelines(
    pool: WorkerPool, sources: Sequence[InputSource], request: Request, refusals: Refusals
) -> Iterator[Result]:
    """The segments of each recording."""
    from voxaffect.audio.decode import open_recording
    from voxaffect.corpora.corpus import Utterance
    from voxaffect.streaming.batch import predict_all
    from voxaffect.streaming.segments import timeline

    predict_segments = partial(predict_all, pool, prepare=_use_one_thread)
    for source in sources:
        assert not isinstance(source.recording, Utterance)  # noqa: S101 the request was checked
        opener = partial(open_recording, source.recording, limits=request.limits, name=source.name)
        report = partial(refusals.report, source.name)
        try:
            found = timeline(predict_segments, opener, on_fault=report)
        except AudioError as fault:
            report(fault)
            continue
        yield source.name, [*map(request.decided, found.utterances)], found.track


def _worker_pool(
    model: Path, recognizer: Predictor, sources: Sequence[InputSource], limits: DecodeLimits
) -> AbstractContextManager[WorkerPool]:
    """Workers on all cores: threads, or processes where there is enough to predict.

    Two threads of PyTorch's gain a quarter over one, as they share the interpreter; two processes
    double it, once the second has started, which takes seconds.
    """
    from voxaffect.parallel.processes import n_cores
    from voxaffect.streaming.batch import n_bytes, process_pool, thread_pool

    n_workers = n_cores()
    is_small = sum(n_bytes(source.recording) for source in sources) < MIN_POOL_BYTES
    if model.suffix == ".onnx" or n_workers == 1 or is_small:
        return nullcontext(thread_pool(recognizer, n_workers))
    return process_pool(recognizer, partial(_load, model, limits, alone=False), n_workers)


def _load(
    model: Path, limits: DecodeLimits, *, alone: bool = True
) -> TrainedRecognizer | OnnxRecognizer:
    """Load a recognizer; not alone, it computes on one thread."""
    if model.suffix == ".onnx":
        from voxaffect.export.runner import OnnxRecognizer

        return OnnxRecognizer.load(model, limits)

    from voxaffect.recognizer.recognizer import TrainedRecognizer

    recognizer = TrainedRecognizer.load(model)
    recognizer.limits = limits
    if not alone:
        _use_one_thread()
    return recognizer


def _use_one_thread() -> None:
    """Let PyTorch, if it is loaded, compute on one thread: each worker has a core."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)


def _write(results: Iterable[Result], request: Request) -> None:
    from voxaffect.report.predictions.formats import json_line

    form = request.format
    if form is None:
        _print(results, request)
        return
    entry = partial(json_line, frames=True) if request.frames else form.entry

    def texts(results: Iterable[Result]) -> Iterator[str]:
        yield form.begin
        for _, predictions, _ in results:
            yield "".join(map(entry, predictions))

    if request.out is None:
        for text in texts(results):
            sys.stdout.write(text)
            sys.stdout.flush()
    elif request.writes_folder:
        n_named = Counter[str]()
        for result in results:
            stem = Path(result[0]).stem
            n_named[stem] += 1
            number = f"-{n_named[stem]}" if n_named[stem] > 1 else ""
            write_text(request.out / f"{stem}{number}{form.suffix}", "".join(texts([result])))
    else:
        with write_atomically(request.out) as file:
            for text in texts(results):
                file.write(text.encode())
        print_line(f"wrote {request.out}")


def _print(results: Iterable[Result], request: Request) -> None:
    """Print one table, or for each timeline a strip of letters and a table of its segments."""
    from voxaffect.recognizer.stretches import SEVERAL_EMOTIONS
    from voxaffect.report.predictions.table import strip, table

    width = console().width
    if not request.timeline:
        if predictions := [prediction for result in results for prediction in result[1]]:
            console().print(table(predictions, width=width))
            for one in predictions:
                for warning in one.warnings:
                    if warning.code == SEVERAL_EMOTIONS:  # what a narrow table has no room for
                        print_line(f"{one.name}: {warning}", to=notes())
        return
    for name, segments, track in results:
        assert track is not None  # noqa: S101 a timeline has one
        print_line(name, style="bold")
        console().print(strip(segments, track.duration_s, max(20, min(width, 72))))
        console().print(table(segments, title=name, width=width))


def _draw(result: Result, request: Request) -> None:
    """Draw a timeline to the file of --picture, if there is one."""
    name, segments, track = result
    if (path := request.picture) is None or track is None:
        return
    from voxaffect.report.figures.timeline import draw_timeline

    drawing = draw_timeline(name, segments, track.level_db, track.duration_s, path.suffix.lower())
    with write_atomically(path) as file:
        file.write(drawing)
    prints_text = request.format is not None and request.out is None
    print_line(f"wrote {path}", to=notes() if prints_text else console())


def _summary(predictions: Sequence[Prediction], n_refused: int, request: Request) -> str:
    from voxaffect.recognizer.prediction import NO_SPEECH, UNSURE

    unit = "segment" if request.timeline else "recording"
    unit += "" if len(predictions) == 1 else "s"
    n_warned = sum(bool(prediction.warnings) for prediction in predictions)
    warned = f"{n_warned} with warnings" if n_warned else "no warnings"
    n_unsure = sum(prediction.label == UNSURE for prediction in predictions)
    n_silent = sum(prediction.label == NO_SPEECH for prediction in predictions)
    unsure = f", {n_unsure} unsure" if n_unsure or request.abstain is not None else ""
    silent = f", {n_silent} without speech" if n_silent else ""
    return f"{len(predictions)} {unit} recognized, {n_refused} refused, {warned}{unsure}{silent}"
