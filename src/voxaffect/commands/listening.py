"""listen: a recogniser's running answer for a microphone, or for raw PCM on standard input."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.commands.live_view import Moment, View, note, view_of
from voxaffect.commands.sound_source import Block, Source, until_interrupted
from voxaffect.listening.endpoint import Endpointer, EndpointSettings
from voxaffect.listening.listener import Listener
from voxaffect.listening.live import LiveRecognizer, LiveSettings
from voxaffect.listening.warm_up import warm_up
from voxaffect.recognizer import Recognizer

ANSWER_S = 0.2
"""New sound between two answers: five a second."""

METER_FLOOR = 1e-6
"""Least root mean square that a level is told of."""

SLOW_AFTER_S = 2.0
"""How much longer than the sound it heard the program may have taken before it says so."""


def listen(model: Path, source: Source, *, pause_s: float, longest_s: float, as_json: bool) -> int:
    """Answer while sound comes, until it ends or Ctrl-C.

    Args:
        model: a trained recogniser's folder.
        source: opens the sound.
        pause_s: the pause that ends an utterance; 0 takes all as one.
        longest_s: longest utterance.
        as_json: print JSON lines.

    Returns:
        the exit status, 1 where sound was lost.
    """
    endpoints = EndpointSettings(hangover_s=pause_s, longest_s=longest_s) if pause_s else None
    live = LiveRecognizer(Recognizer.load(model), LiveSettings(longest_s=longest_s))
    listener = Listener(live, Endpointer(endpoints) if endpoints else None)
    warm_up(live)
    view, watch = view_of(as_json=as_json), Watch()
    with until_interrupted() as stop, source(stop) as blocks:
        with view:
            _follow(listener, blocks, view, watch)
        for utterance in listener.finish():
            view.utterance(utterance)
    return 1 if watch.n_dropped else 0


def _follow(listener: Listener, blocks: Iterator[Block], view: View, watch: Watch) -> None:
    """Hear block after block, and answer as often as there is enough new sound."""
    recent: list[NDArray[np.float32]] = []
    for block in blocks:
        watch.arrived(block)
        with watch:
            for utterance in listener.push(block.samples):
                view.utterance(utterance)
            recent.append(block.samples)
            if sum(map(len, recent)) >= ANSWER_S * SAMPLE_RATE_HZ:
                answer = listener.answer()
                view.moment(Moment(listener.start_s, answer, level_db(np.concatenate(recent))))
                recent = []


def level_db(samples: NDArray[np.float32]) -> float:
    """Root mean square in dB of full scale."""
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
            note("this computer hears slower than the sound comes; answers are late")
