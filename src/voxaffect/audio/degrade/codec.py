"""Lossy codecs: speech is encoded and decoded again, by the FFmpeg that PyAV brings.

Encoders look ahead and so delay. Ogg (its pre-skip) and MP3 (its LAME tag) say by how much, and
FFmpeg's readers take that off again, so that what comes back lies where it was.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import soxr
from numpy.typing import NDArray

from voxaffect.audio.degrade.degradation import heard
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform

if TYPE_CHECKING:
    from av import AudioStream

Kind = Literal["opus", "mp3"]


@dataclass(frozen=True)
class Encoder:
    """How FFmpeg is asked for a codec.

    Args:
        name: FFmpeg's name of the encoder.
        container: of the container.
        sample_format: of the samples that it takes.
        options: of the encoder.
    """

    name: str
    container: str
    sample_format: str
    options: Mapping[str, str]


ENCODERS: Mapping[Kind, Encoder] = {
    "opus": Encoder("libopus", "ogg", "flt", {"application": "voip"}),
    "mp3": Encoder("libmp3lame", "mp3", "fltp", {}),
}


@dataclass(frozen=True)
class Codec:
    """A codec at a bit rate.

    Args:
        kind: `opus` (RFC 6716, voice) or `mp3` (MPEG-2 Layer III, LAME).
        kbit_s: what is asked for; short recordings take more, for headers.
    """

    kind: Kind
    kbit_s: int

    @property
    def name(self) -> str:
        """Its name in the catalogue."""
        return f"{self.kind}-{self.kbit_s}k"

    @property
    def group(self) -> str:
        """What it is a kind of."""
        return "codec"

    @property
    def severity(self) -> str:
        """How strong it is."""
        return f"{self.kbit_s} kbit/s"

    def apply(self, waveform: Waveform, seed: int) -> Waveform:  # noqa: ARG002 nothing is random
        """Speech encoded and decoded."""
        encoded = encode(waveform.samples, ENCODERS[self.kind], 1000 * self.kbit_s)
        samples, rate_hz = decode_whole(encoded)
        if rate_hz != SAMPLE_RATE_HZ:  # Opus decodes to 48 kHz, whatever went in
            samples = soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ)
        return heard(samples, waveform)


def encode(samples: NDArray[np.float32], encoder: Encoder, bit_rate: int) -> bytes:
    """Samples (n_samples,) at 16 kHz as the bytes of a file.

    Args:
        samples: float32, full scale is 1.
        encoder: which one.
        bit_rate: in bits a second.
    """
    import av  # noqa: PLC0415  (slow to load)

    file = io.BytesIO()
    frame = av.AudioFrame.from_ndarray(samples[None], encoder.sample_format, "mono")
    frame.sample_rate = SAMPLE_RATE_HZ
    with av.open(file, "w", encoder.container) as container:
        options = dict(encoder.options)
        added = container.add_stream(encoder.name, SAMPLE_RATE_HZ, layout="mono", options=options)
        stream = cast("AudioStream", added)
        stream.bit_rate = bit_rate
        for last in (frame, None):
            container.mux(stream.encode(last))
    return file.getvalue()


def decode_whole(encoded: bytes) -> tuple[NDArray[np.float32], int]:
    """The samples float32 (n,) of a mono file in memory, and their rate in Hz."""
    import av  # noqa: PLC0415  (slow to load)

    with av.open(io.BytesIO(encoded), "r") as container:
        (stream,) = container.streams.audio
        to_float = av.AudioResampler(format="fltp")
        frames = [part for frame in container.decode(stream) for part in to_float.resample(frame)]
        samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
        return samples.astype(np.float32), int(stream.rate)
