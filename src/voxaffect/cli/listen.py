"""listen: live predictions for a microphone, or for raw PCM on standard input."""

from __future__ import annotations

import json
import math
import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from voxaffect.cli.abstention import Abstain, AbstainingCommand, Force, check, threshold_for
from voxaffect.cli.app import PACKAGED, RECOGNIZER, Trained, app, command, tell_recognizer
from voxaffect.cli.console import console, errors, print_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Group

    from voxaffect.audio.decode import StreamResampler
    from voxaffect.audio.pcm import PcmFormat
    from voxaffect.recognizer.prediction import Prediction
    from voxaffect.streaming.session import StreamSession

    Block = tuple[NDArray[np.float32], int]
    """Samples, float32 (n,) at 16 kHz, and the number of blocks dropped before them."""

    OnInterim = Callable[[Prediction | None, float], None]
    """Shows the prediction so far, None between utterances, and the level in dB of full scale."""

    OnFinal = Callable[[Prediction], None]  # at the end of an utterance; or why there is none

TOO_LITTLE = "too little speech yet"


@contextmanager
def display(*, as_json: bool) -> Iterator[tuple[OnInterim, OnFinal]]:
    """JSON lines if requested, in a terminal a panel below final lines, else plain lines."""

    def final(prediction: Prediction) -> None:
        print_line(final_line(prediction))

    if as_json:
        yield _interim_json, lambda prediction: _write_json(prediction.to_dict())
    elif console().is_terminal:
        from rich.live import Live

        with Live(console=console(), auto_refresh=False, transient=True) as live:
            yield lambda *shown: live.update(panel(*shown), refresh=True), final
    else:
        yield _print_interim, final


def _interim_json(prediction: Prediction | None, level_db: float) -> None:
    """`emotion` is null while there is too little speech."""
    if prediction is not None:
        _write_json({**prediction.to_dict(), "level_db": round(level_db, 1)})


def _write_json(fields: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def _print_interim(prediction: Prediction | None, _: float) -> None:
    if (p := prediction) is not None:
        print_line(f"{p.interval_s[0]:8.2f} s  +{p.duration_s:5.2f} s  {_scores(p)}")


def panel(prediction: Prediction | None, level_db: float) -> Group:
    """Draw the prediction of the utterance so far and the level."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    from voxaffect.recognizer.prediction import Prediction
    from voxaffect.report.predictions.table import subtask_classes
    from voxaffect.taxonomy import EMOTION

    shown = prediction or Prediction("")
    grid = Table.grid(padding=(0, 1))
    for name in EMOTION.classes:
        probability = shown.probabilities.get(name, 0.0)
        style = "bold" if name == shown.label else "dim"
        bar = ProgressBar(total=1.0, completed=probability, width=40)
        grid.add_row(Text(name, style), bar, Text(f"{probability:.2f}", style))
    level = 1 + max(-60.0, min(0.0, level_db)) / 60
    meter = ProgressBar(total=1.0, completed=level, width=40, complete_style="green")
    grid.add_row(Text("level", "dim"), meter, Text(f"{level_db:.0f} dB", "dim"))
    status = "no speech" if prediction is None else TOO_LITTLE
    if shown.label is not None:
        status = f"{shown.duration_s:.1f} s  {shown.reason or subtask_classes(shown)}"
    return Group(Text(status), grid)


def final_line(prediction: Prediction) -> str:
    """Format a final prediction: times, scores, reason and warnings, or the error."""
    start_s, end_s = prediction.interval_s
    times = f"{start_s:8.2f} s to {end_s:.2f} s"
    if prediction.error is not None:
        return f"{times}  no prediction: {prediction.error}"
    remarks = "; ".join(prediction.remarks)
    return f"{times}  {_scores(prediction)}" + (remarks and f"  {remarks}")


def _scores(prediction: Prediction) -> str:
    if prediction.label is None:
        return TOO_LITTLE
    scores = "  ".join(f"{name} {p:.2f}" for name, p in prediction.probabilities.items())
    return f"{prediction.label:8}  {scores}".rstrip()


CHUNK_S = 0.1  # audio read from standard input at a time
MAX_QUEUED_BLOCKS = 200  # queued blocks of a microphone, 10 s; later ones are dropped and reported
T = TypeVar("T")

AudioSource = Callable[[Event], AbstractContextManager[Iterator["Block"]]]  # ends at the event


@contextmanager
def pcm_input(form: PcmFormat, stop: Event) -> Iterator[Iterator[Block]]:
    """Raw PCM on standard input, at whose end the event is set."""
    from voxaffect.audio.pcm import PcmStream

    chunks: queue.Queue[bytes] = queue.Queue(maxsize=2)  # a fast writer has to wait
    pcm = PcmStream(form, "standard input")
    size = max(1, round(CHUNK_S * form.rate_hz)) * form.frame_bytes

    def read() -> None:
        # From the descriptor, as a buffer may be locked when the program ends.
        while data := os.read(0, size):
            chunks.put(data)
        stop.set()

    def blocks() -> Iterator[Block]:
        for data in _dequeue(chunks, stop):
            yield pcm.push(data), 0
        yield pcm.finish(), 0

    Thread(target=read, daemon=True).start()
    yield blocks()


@contextmanager
def microphone_input(device: str | int | None, stop: Event) -> Iterator[Iterator[Block]]:
    """A microphone, until the event is set."""
    from voxaffect.audio.decode import StreamResampler
    from voxaffect.audio.pcm import microphone

    queued = MicrophoneQueue()
    with microphone(device, queued.put) as rate_hz:
        yield queued.blocks(StreamResampler(rate_hz), stop)


class MicrophoneQueue:
    """Bounded queue between the driver's thread, which must not block, and the program."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Block] = queue.Queue(MAX_QUEUED_BLOCKS)
        self._n_dropped = 0

    def put(self, block: NDArray[np.float32], overflowed: bool) -> None:  # noqa: FBT001 the driver's call
        """Add a block (n, channels), or count it as dropped where the queue is full."""
        self._n_dropped += int(overflowed)
        try:
            self._queue.put_nowait((block, self._n_dropped))
        except queue.Full:
            self._n_dropped += 1
        else:
            self._n_dropped = 0

    def blocks(self, resampler: StreamResampler, stop: Event) -> Iterator[Block]:
        """Yield the blocks, resampled to 16 kHz."""
        for samples, n_dropped in _dequeue(self._queue, stop):
            yield resampler.push(samples), n_dropped
        yield resampler.finish(), self._n_dropped


def _dequeue(items: queue.Queue[T], stop: Event) -> Iterator[T]:
    """Yield items until the event is set, and then those that are queued."""
    while not stop.is_set():
        with suppress(queue.Empty):
            yield items.get(timeout=0.1)
    for _ in range(items.qsize()):
        yield items.get()


@contextmanager
def until_interrupted() -> Iterator[Event]:
    """An event that the first Ctrl-C sets; a second one interrupts the program as usual."""
    stop = Event()

    def interrupt(number: int, frame: object) -> None:  # noqa: ARG001 the signal's
        stop.set()
        signal.signal(signal.SIGINT, previous)

    previous = signal.signal(signal.SIGINT, interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, previous)


UPDATE_S = 0.2  # new audio between two interim predictions: five per second


def listen(
    model: Path,
    source: AudioSource,
    *,
    pause_s: float,
    longest_s: float,
    as_json: bool,
    force: bool = False,
    abstain: float | None = None,
) -> int:
    """Predict during and after each utterance; returns the exit status, 1 if audio was dropped."""
    from voxaffect.recognizer.recognizer import TrainedRecognizer
    from voxaffect.streaming.endpointer import Endpointer, EndpointSettings
    from voxaffect.streaming.online import LiveRecognizer, LiveSettings
    from voxaffect.streaming.session import StreamSession, warm_up

    check(abstain, force=force)
    endpoints = EndpointSettings(hangover_s=pause_s, longest_s=longest_s) if pause_s else None
    tell_recognizer(model)
    live = LiveRecognizer(TrainedRecognizer.load(model), LiveSettings(longest_s=longest_s))
    abstain = threshold_for(abstain, live.recognizer.card, model)
    session = StreamSession(live, Endpointer(endpoints) if endpoints else None)
    warm_up(live)
    with until_interrupted() as stop, source(stop) as blocks:
        with display(as_json=as_json) as (show, show_final):

            def interim(prediction: Prediction | None, level: float) -> None:
                decided = prediction and prediction.decided(force=force, abstain=abstain)
                show(decided, level)

            def final(prediction: Prediction) -> None:
                show_final(prediction.decided(force=force, abstain=abstain))

            n_dropped = predict_blocks(session, blocks, interim, final)
        for prediction in session.finish():
            final(prediction)
    return 1 if n_dropped else 0


def predict_blocks(
    session: StreamSession, blocks: Iterable[Block], interim: OnInterim, final: OnFinal
) -> int:
    """Show predictions for blocks of audio; returns the number of blocks that were dropped."""
    import numpy as np

    from voxaffect.audio.waveform import SAMPLE_RATE_HZ

    warn = partial(print_line, style="yellow", to=errors())
    recent: list[NDArray[np.float32]] = []
    n_dropped, lag_s, is_slow = 0, 0.0, False
    for samples, n_dropped_before in blocks:
        started = time.monotonic()
        for prediction in session.push(samples):
            final(prediction)
        recent.append(samples)
        if sum(map(len, recent)) >= UPDATE_S * SAMPLE_RATE_HZ:
            interim(session.predict(), level_db(np.concatenate(recent)))
            recent = []
        if n_dropped_before:
            n_dropped += n_dropped_before
            warn(f"voxaffect: audio was dropped (blocks: {n_dropped_before}); close other programs")
        lag_s = max(0.0, lag_s - len(samples) / SAMPLE_RATE_HZ) + time.monotonic() - started
        if lag_s > 2.0 and not is_slow:
            is_slow = True
            warn("voxaffect: this computer is too slow, predictions are late; close other programs")
    return n_dropped


def level_db(samples: NDArray[np.float32]) -> float:
    """Root mean square in dB of full scale, at least -120."""
    import numpy as np

    power = float(np.square(samples, dtype=np.float64).mean())
    return 10 * math.log10(max(power, 1e-12))


@command(app, "listen", RECOGNIZER, cls=AbstainingCommand)
def listen_command(
    model: Trained = PACKAGED,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read raw PCM from standard input, not a microphone.")
    ] = False,
    rate: Annotated[int, typer.Option(help="Sample rate of the PCM in Hz.")] = 16_000,
    encoding: Annotated[
        str, typer.Option("--format", help="Sample format of the PCM: s16le or f32le.")
    ] = "s16le",
    channels: Annotated[
        int, typer.Option(help="Number of interleaved channels; they are averaged.")
    ] = 1,
    device: Annotated[
        str | None, typer.Option(help="Microphone: its number or part of its name.")
    ] = None,
    pause: Annotated[
        float, typer.Option(help="Pause in seconds that ends an utterance; 0: all audio is one.")
    ] = 0.6,
    longest: Annotated[
        float, typer.Option(help="Longest utterance in seconds; longer ones are split.")
    ] = 30.0,
    force: Force = False,
    abstain: Abstain = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON lines; is_final is true at the end of each.")
    ] = False,
) -> int:
    """Recognize the emotion of live speech, five times a second.

    From a microphone, with the extra mic (pip install 'voxaffect[mic]'):

        voxaffect listen

    From any program that writes raw PCM, such as arecord or ffmpeg:

        arecord -q -t raw -f S16_LE -r 16000 | voxaffect listen --stdin

        ffmpeg -i call.mp4 -f s16le -ar 16000 -ac 1 - | voxaffect listen --stdin

    A pause ends an utterance; its final prediction is that of voxaffect predict, with the reason
    where it is unsure or no speech. Ctrl-C ends the utterance, prints its prediction and stops. The
    exit status is 1 if audio was dropped.
    """
    from voxaffect.audio.pcm import PcmFormat

    source: AudioSource = (
        partial(pcm_input, PcmFormat(rate, encoding, channels))
        if stdin
        else partial(microphone_input, int(device) if device and device.isdigit() else device)
    )
    return listen(
        model,
        source,
        pause_s=pause,
        longest_s=longest,
        as_json=as_json,
        force=force,
        abstain=abstain,
    )
