"""What a recogniser needs for its first answer is loaded and compiled before anybody waits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.listening.endpoint import Endpointer
from voxaffect.listening.listener import Listener
from voxaffect.listening.live import LiveRecognizer

Floats = NDArray[np.float32]


def warm_up(live: LiveRecognizer) -> None:
    """Have a hiss heard, as an endless stream and as an utterance."""
    listener = Listener(live, Endpointer())
    listener.push(hiss())
    listener.finish()
    stream = live.open("warm-up")
    stream.push(hiss()[: round(stream.left_s * SAMPLE_RATE_HZ)])
    stream.answer()
    stream.finish()


def hiss() -> Floats:
    """Two seconds of faint noise, float32 at 16 kHz, always the same."""
    noise = np.random.default_rng(0).normal(scale=0.01, size=2 * SAMPLE_RATE_HZ)
    return noise.astype(np.float32)
