"""One live stream's bytes become utterances; called by one thread after the other, never by two."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.pcm import PcmStream
from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.listening.answering import Answering
from voxaffect.listening.endpoint import Endpointer
from voxaffect.listening.listener import Listener, Utterance
from voxaffect.listening.live import LiveRecognizer, LiveStream
from voxaffect.serving.live.container import ContainerStream
from voxaffect.serving.live.hello import Hello

Floats = NDArray[np.float32]

LITTLE_BYTES = 1 << 14
"""Half a second at 16 kHz: taking so much costs less than handing it to a thread."""

FAR_S = 30.0
"""An utterance that has so much time left does not end with a little more PCM of any rate."""


class Sound(Protocol):
    """Takes bytes as they come and gives samples."""

    def push(self, data: bytes, /) -> Floats:
        """The samples (n,) at 16 kHz that some more bytes complete."""

    def finish(self) -> Floats:
        """What is left."""


class Ear:
    """Hears one client.

    Args:
        live: hears utterances.
        hello: what the client said first.
        longest_s: seconds that are heard; the rest is not.
        answering: answers for utterances that have ended.
    """

    def __init__(
        self, live: LiveRecognizer, hello: Hello, longest_s: float, answering: Answering
    ) -> None:
        in_container = hello.encoding == "container"
        self._sound: Sound = ContainerStream() if in_container else PcmStream(hello.pcm())
        self._listener = Listener(live, Endpointer() if hello.utterances else None, answering)
        self._is_plain = not (in_container or hello.utterances)
        self._left = round(longest_s * SAMPLE_RATE_HZ)

    @property
    def stream(self) -> LiveStream | None:
        """The utterance that is heard now."""
        return self._listener.stream

    @property
    def start_s(self) -> float:
        """Where that began."""
        return self._listener.start_s

    @property
    def is_full(self) -> bool:
        """Whether nothing more is heard."""
        return not self._left

    def takes_at_once(self, data: bytes) -> bool:
        """Whether to push these bytes is a moment's work, in which no utterance ends."""
        return self._is_plain and len(data) <= LITTLE_BYTES and self._listener.left_s > FAR_S

    def push(self, data: bytes) -> list[Utterance]:
        """Hear some more bytes; the utterances that ended in them.

        Raises:
            AudioError: they are not what the client said.
        """
        return self._hear(self._sound.push(data))

    def finish(self) -> list[Utterance]:
        """Hear what is left; the last utterances.

        Raises:
            AudioError: as of `push`.
        """
        return self._hear(self._sound.finish()) + self._listener.finish()

    def drop(self) -> None:
        """Forget everything."""
        if isinstance(self._sound, ContainerStream):
            self._sound.drop()
        if self.stream is not None:
            self.stream.drop()

    def _hear(self, samples: Floats) -> list[Utterance]:
        samples = samples[: self._left]
        self._left -= len(samples)
        return self._listener.push(samples)
