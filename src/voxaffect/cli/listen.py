"""listen: a recognizer's running answer for a microphone, or for raw PCM on standard input."""

from __future__ import annotations

import json
import math
import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Protocol, TypeVar

import typer

from voxaffect.cli.app import PACKAGED, RECOGNIZER, Trained, app
from voxaffect.cli.console import console, errors, print_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Group
    from rich.live import Live

    from voxaffect.audio.decode import StreamResampler
    from voxaffect.audio.pcm import PcmFormat, PcmStream
    from voxaffect.recognizer.prediction import Prediction
    from voxaffect.streaming.session import StreamSession

QUIETEST_DB = -60.0
"""Where a level meter begins."""


@dataclass(frozen=True)
class Moment:
    """What there is to show while an utterance lasts.

    Args:
        prediction: of the utterance so far; None between utterances.
        level_db: of the latest sound, in dB of full scale.
    """

    prediction: Prediction | None
    level_db: float


class View(Protocol):
    """Shows what happens; entered as a context."""

    def __enter__(self) -> Any:
        """Begin."""

    def __exit__(self, *fault: object) -> Any:
        """End."""

    def moment(self, moment: Moment) -> None:
        """Show what is said so far."""

    def utterance(self, utterance: Prediction) -> None:
        """Show what an utterance came to."""


def note(text: str) -> None:
    """Say what went wrong, on standard error; whatever the view, it is not hidden."""
    print_line(f"voxaffect: {text}", style="yellow", to=errors())


def view_of(*, as_json: bool) -> View:
    """JSON lines if asked for, a panel in a terminal, else plain lines."""
    if as_json:
        return JsonLines()
    return Panel() if console().is_terminal else PlainLines()


class JsonLines(nullcontext[None]):
    """One JSON object a line: `is_final` is false while an utterance lasts, true at its end."""

    def moment(self, moment: Moment) -> None:
        """An interim answer; emotion is null where nothing was heard yet."""
        if moment.prediction is not None:
            _write(**moment.prediction.to_dict(), level_db=round(moment.level_db, 1))

    def utterance(self, utterance: Prediction) -> None:
        """A final answer, as predict gives it, or why there is none."""
        _write(**utterance.to_dict())


def _write(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


class PlainLines(nullcontext[None]):
    """A line an answer: for logs, pipes and screen readers."""

    def moment(self, moment: Moment) -> None:
        """An interim answer."""
        if (p := moment.prediction) is not None:
            processed = f"{p.interval_s[0]:8.2f} s  +{p.duration_s:5.2f} s"
            print_line(f"{processed}  {said(p.label, p.probabilities)}", to=console())

    def utterance(self, utterance: Prediction) -> None:
        """A final answer."""
        print_line(final_line(utterance), to=console())


class Panel:
    """Bars of the classes, seconds and a level meter, drawn over; final answers stay above."""

    def __init__(self) -> None:
        from rich.live import Live

        self._live = Live(console=console(), auto_refresh=False, transient=True)

    def __enter__(self) -> AbstractContextManager[Live]:
        return self._live.__enter__()

    def __exit__(self, *fault: Any) -> None:
        self._live.__exit__(*fault)

    def moment(self, moment: Moment) -> None:
        """An interim answer, or that nobody speaks."""
        self._live.update(panel(moment), refresh=True)

    def utterance(self, utterance: Prediction) -> None:
        """A final answer."""
        print_line(final_line(utterance), to=console())


def panel(moment: Moment) -> Group:
    """What a terminal shows while an utterance lasts."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    from voxaffect.recognizer.prediction import Prediction
    from voxaffect.taxonomy import EMOTION

    shown = moment.prediction or Prediction("")
    grid = Table.grid(padding=(0, 1))
    for name in EMOTION.classes:
        share = shown.probabilities.get(name, 0.0)
        style = "bold" if name == shown.label else "dim"
        bar = ProgressBar(total=1.0, completed=share, width=40)
        grid.add_row(Text(name, style), bar, Text(f"{share:.2f}", style))
    level = 1 - max(QUIETEST_DB, min(0.0, moment.level_db)) / QUIETEST_DB
    meter = ProgressBar(total=1.0, completed=level, width=40, complete_style="green")
    grid.add_row(Text("level", "dim"), meter, Text(f"{moment.level_db:.0f} dB", "dim"))
    return Group(Text(_state(moment)), grid)


def _state(moment: Moment) -> str:
    if moment.prediction is None:
        return "no speech"
    if moment.prediction.label is None:
        return "too little speech yet"
    tasks = ", ".join(max(c, key=lambda name: c[name]) for c in moment.prediction.subtasks.values())
    return f"{moment.prediction.duration_s:.1f} s  {tasks}"


def final_line(utterance: Prediction) -> str:
    """What an utterance came to, in a line."""
    start_s, end_s = utterance.interval_s
    times = f"{start_s:8.2f} s to {end_s:.2f} s"
    if utterance.error is not None:
        return f"{times}  no prediction: {utterance.error}"
    remarks = "; ".join(str(warning) for warning in utterance.warnings)
    shares = said(utterance.label, utterance.probabilities)
    return f"{times}  {shares}" + (remarks and f"  {remarks}")


def said(label: str | None, probabilities: dict[str, float]) -> str:
    """A label and the probabilities of all classes."""
    if label is None:
        return "too little speech yet"
    shares = "  ".join(f"{name} {share:.2f}" for name, share in probabilities.items())
    return f"{label:8}  {shares}"


READ_S = 0.1
"""Sound that is read from a pipe at a time."""

WAIT_S = 0.1
"""How long a block is waited for before it is looked whether there is to be an end."""

HELD_BLOCKS = 200
"""Blocks of a microphone that may wait, 10 s; what does not fit is dropped, and said."""

T = TypeVar("T")


class Block(NamedTuple):
    """What came.

    Args:
        samples: float32 (n,) at 16 kHz.
        n_dropped: blocks before it that were lost.
    """

    samples: NDArray[np.float32]
    n_dropped: int = 0


Source = Callable[[Event], AbstractContextManager[Iterator[Block]]]
"""Opens sound that comes until it ends or the event is set; what has come by then is given."""


def standard_input(form: PcmFormat) -> Source:
    """Raw PCM on standard input, until its end."""
    from voxaffect.audio.pcm import PcmStream

    @contextmanager
    def opened(stop: Event) -> Iterator[Iterator[Block]]:
        arrived: queue.Queue[bytes | None] = queue.Queue(maxsize=2)  # a fast writer has to wait
        size = max(1, round(READ_S * form.rate_hz)) * form.frame_bytes
        Thread(target=_read, args=(size, arrived), daemon=True).start()
        yield _decoded(arrived, PcmStream(form, "standard input"), stop)

    return opened


def _read(size: int, arrived: queue.Queue[bytes | None]) -> None:
    """Hand on what comes; from the descriptor, as a buffer may be locked when the program ends."""
    while data := os.read(0, size):
        arrived.put(data)
    arrived.put(None)


def _decoded(arrived: queue.Queue[bytes | None], pcm: PcmStream, stop: Event) -> Iterator[Block]:
    for data in _taken(arrived, stop):
        if data is None:
            break
        yield Block(pcm.push(data))
    yield Block(pcm.finish())


def recording(device: str | int | None) -> Source:
    """A microphone, until nobody asks for more."""
    from voxaffect.audio.decode import StreamResampler
    from voxaffect.audio.pcm import microphone

    @contextmanager
    def opened(stop: Event) -> Iterator[Iterator[Block]]:
        waiting = Waiting()
        with microphone(device, waiting.put) as rate_hz:
            yield waiting.blocks(StreamResampler(rate_hz), stop)

    return opened


class Waiting:
    """Blocks between the driver's thread, which cannot wait, and the program."""

    def __init__(self) -> None:
        self._blocks: queue.Queue[tuple[NDArray[np.float32], int]] = queue.Queue(
            maxsize=HELD_BLOCKS
        )
        self._n_dropped = 0

    def put(self, block: NDArray[np.float32], overflowed: bool) -> None:  # noqa: FBT001 the driver's words
        """Take a block (n, channels), or count it where there is no room."""
        self._n_dropped += int(overflowed)
        try:
            self._blocks.put_nowait((block, self._n_dropped))
        except queue.Full:
            self._n_dropped += 1
        else:
            self._n_dropped = 0

    def blocks(self, resampling: StreamResampler, stop: Event) -> Iterator[Block]:
        """What has come, at 16 kHz."""
        for samples, n_dropped in _taken(self._blocks, stop):
            yield Block(resampling.push(samples), n_dropped)
        yield Block(resampling.finish(), self._n_dropped)


def _taken(arrived: queue.Queue[T], stop: Event) -> Iterator[T]:
    """What comes until the event is set, and then what had come by then."""
    while not stop.is_set():
        with suppress(queue.Empty):
            yield arrived.get(timeout=WAIT_S)
    for _ in range(arrived.qsize()):
        yield arrived.get()


@contextmanager
def until_interrupted() -> Iterator[Event]:
    """An event that Ctrl-C sets, once: a second one stops the program as ever."""
    stop = Event()

    def note(number: int, frame: object) -> None:  # noqa: ARG001 the signal's
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


ANSWER_S = 0.2
"""New sound between two answers: five a second."""

METER_FLOOR = 1e-6
"""Least root mean square that a level is told of."""

SLOW_AFTER_S = 2.0
"""How much longer than the sound it heard the program may have taken before it says so."""


def listen(model: Path, source: Source, *, pause_s: float, longest_s: float, as_json: bool) -> int:
    """Answer while sound comes, until it ends or Ctrl-C.

    Args:
        model: a trained recognizer's folder.
        source: opens the sound.
        pause_s: the pause that ends an utterance; 0 takes all as one.
        longest_s: longest utterance.
        as_json: print JSON lines.

    Returns:
        the exit status, 1 where sound was lost.
    """
    from voxaffect.recognizer.recognizer import NetRecognizer
    from voxaffect.streaming.endpointer import Endpointer, EndpointSettings
    from voxaffect.streaming.online import LiveRecognizer, LiveSettings
    from voxaffect.streaming.session import StreamSession, warm_up

    endpoints = EndpointSettings(hangover_s=pause_s, longest_s=longest_s) if pause_s else None
    live = LiveRecognizer(NetRecognizer.load(model), LiveSettings(longest_s=longest_s))
    listener = StreamSession(live, Endpointer(endpoints) if endpoints else None)
    warm_up(live)
    view, watch = view_of(as_json=as_json), Watch()
    with until_interrupted() as stop, source(stop) as blocks:
        with view:
            _follow(listener, blocks, view, watch)
        for utterance in listener.finish():
            view.utterance(utterance)
    return 1 if watch.n_dropped else 0


def _follow(listener: StreamSession, blocks: Iterator[Block], view: View, watch: Watch) -> None:
    """Hear block after block, and answer as often as there is enough new sound."""
    import numpy as np

    from voxaffect.audio.waveform import SAMPLE_RATE_HZ

    recent: list[NDArray[np.float32]] = []
    for block in blocks:
        watch.arrived(block)
        with watch:
            for utterance in listener.push(block.samples):
                view.utterance(utterance)
            recent.append(block.samples)
            if sum(map(len, recent)) >= ANSWER_S * SAMPLE_RATE_HZ:
                view.moment(Moment(listener.predict(), level_db(np.concatenate(recent))))
                recent = []


def level_db(samples: NDArray[np.float32]) -> float:
    """Root mean square in dB of full scale."""
    import numpy as np

    rms = math.sqrt(float(np.square(samples, dtype=np.float64).mean()))
    return 20 * math.log10(max(rms, METER_FLOOR))


@dataclass
class Watch:
    """Says, once each, that sound was lost, and that the program does not keep up with it.

    Entered while it computes.

    Args:
        n_dropped: blocks that were lost.
        behind_s: how much longer than the sound it heard the program has taken of late.
    """

    n_dropped: int = 0
    behind_s: float = 0.0
    _said: bool = False
    _began: float = field(default=0.0, repr=False)

    def arrived(self, block: Block) -> None:
        """Count a block's sound, and what was lost before it."""
        from voxaffect.audio.waveform import SAMPLE_RATE_HZ

        self.behind_s = max(0.0, self.behind_s - len(block.samples) / SAMPLE_RATE_HZ)
        if block.n_dropped:
            self.n_dropped += block.n_dropped
            note(f"{block.n_dropped} blocks of sound were lost; close other programs")

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *fault: object) -> None:
        self.behind_s += time.monotonic() - self._began
        if self.behind_s > SLOW_AFTER_S and not self._said:
            self._said = True
            note("this computer is too slow; predictions are late")


@app.command("listen", rich_help_panel=RECOGNIZER)
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
        float, typer.Option(help="Pause in seconds that ends an utterance; 0: all is one.")
    ] = 0.6,
    longest: Annotated[
        float, typer.Option(help="Longest utterance in seconds; longer ones are split.")
    ] = 30.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON lines; is_final is true at the end of each.")
    ] = False,
) -> None:
    """Recognize the emotion of live speech, five times a second.

    From a microphone, with the extra mic (pip install 'voxaffect[mic]'):

        voxaffect listen

    From any program that writes raw PCM, such as arecord or ffmpeg:

        arecord -q -t raw -f S16_LE -r 16000 | voxaffect listen --stdin

        ffmpeg -i call.mp4 -f s16le -ar 16000 -ac 1 - | voxaffect listen --stdin

    A pause ends an utterance; its final prediction is that of voxaffect predict. Ctrl-C ends the
    utterance, prints its prediction and stops. The exit status is 1 if sound was lost.
    """
    from voxaffect.audio.pcm import PcmFormat

    source = (
        standard_input(PcmFormat(rate, encoding, channels))
        if stdin
        else recording(int(device) if device and device.isdigit() else device)
    )
    raise typer.Exit(listen(model, source, pause_s=pause, longest_s=longest, as_json=as_json))
