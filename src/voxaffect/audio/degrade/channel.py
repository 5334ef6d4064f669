"""Rooms: the direct sound, and behind it what walls send back."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray
from scipy.signal import fftconvolve, firwin

from voxaffect.audio.degrade.degradation import Samples, fit_length
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform

if TYPE_CHECKING:
    from av import AudioStream


RATE_HZ = 8_000
BAND_HZ = (300.0, 3_400.0)
"""Where the filter is at -6 dB."""

TAPS = 257
"""Of a filter with linear phase, 32 ms: the band's borders are 100 Hz wide."""


@dataclass(frozen=True)
class Telephone:
    """A line of 300 to 3,400 Hz at 8 kHz; neither filter nor resampling delays it.

    Args:
        companded: whether samples pass through ITU-T G.711, mu-law, as well.
    """

    companded: bool

    @property
    def name(self) -> str:
        """Its name in the catalog."""
        return "phone-mulaw" if self.companded else "phone-band"

    @property
    def group(self) -> str:
        """What it is a kind of."""
        return "telephone"

    @property
    def severity(self) -> str:
        """How strong it is."""
        return "300-3400 Hz at 8 kHz" + (", G.711 mu-law" if self.companded else "")

    def apply(self, waveform: Waveform, seed: int) -> Waveform:  # noqa: ARG002 nothing is random
        """Speech at the other end of the line, at 16 kHz again."""
        narrow = soxr.resample(waveform.samples, SAMPLE_RATE_HZ, RATE_HZ)
        response = firwin(TAPS, BAND_HZ, pass_zero=False, fs=RATE_HZ)
        line = fftconvolve(narrow, response)[TAPS // 2 :][: narrow.size]
        received = mu_law(line) if self.companded else line
        return fit_length(soxr.resample(received, RATE_HZ, SAMPLE_RATE_HZ), waveform)


def mu_law(samples: Samples) -> Samples:
    """What is left of samples (n,) at any rate after G.711 mu-law; full scale clips, as it must."""
    file = io.BytesIO()
    sf.write(file, np.clip(samples, -1, 1), RATE_HZ, format="WAV", subtype="ULAW")
    file.seek(0)
    decoded: Samples = sf.read(file, dtype="float64")[0]
    return decoded


# Lossy codecs: speech is encoded and decoded again, by the FFmpeg that PyAV brings.
#
# Encoders look ahead and so delay. Ogg (its pre-skip) and MP3 (its LAME tag) say by how much, and
# FFmpeg's readers take that off again, so that what comes back lies where it was.

Kind = Literal["opus", "mp3"]


@dataclass(frozen=True)
class CodecEncoder:
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


ENCODERS: Mapping[Kind, CodecEncoder] = {
    "opus": CodecEncoder("libopus", "ogg", "flt", {"application": "voip"}),
    "mp3": CodecEncoder("libmp3lame", "mp3", "fltp", {}),
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
        """Its name in the catalog."""
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
        return fit_length(samples, waveform)


def encode(samples: NDArray[np.float32], encoder: CodecEncoder, bit_rate: int) -> bytes:
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


DECAY_DB = 80.0
"""How far the response falls before it is cut off."""


@dataclass(frozen=True)
class Reverberation:
    """A room that decays alike at all frequencies; every recording is made in another one.

    Args:
        rt60_s: time in which the room's sound decays by 60 dB.
        direct_to_reverberant_db: energy of the direct sound against that of the room; it falls as
            the microphone goes away.
    """

    rt60_s: float
    direct_to_reverberant_db: float

    @property
    def name(self) -> str:
        """Its name in the catalog."""
        return f"room-{1000 * self.rt60_s:g}ms"

    @property
    def group(self) -> str:
        """What it is a kind of."""
        return "room"

    @property
    def severity(self) -> str:
        """How strong it is."""
        return f"RT60 {self.rt60_s:g} s, DRR {self.direct_to_reverberant_db:g} dB"

    def apply(self, waveform: Waveform, seed: int) -> Waveform:
        """Speech in the room, as long as it was; the direct sound stays where it was."""
        response = self.response(np.random.default_rng(seed))
        return fit_length(fftconvolve(waveform.samples, response), waveform)

    def response(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Impulse response: the direct sound, 1, then noise that decays exponentially.

        Polack's model (1988) of the late part, taken for all of it: early reflections, which tell
        one room of an RT60 from another, are not modeled.
        """
        n_samples = round(self.rt60_s * SAMPLE_RATE_HZ * DECAY_DB / 60)
        time_s = np.arange(n_samples) / SAMPLE_RATE_HZ
        room = rng.standard_normal(n_samples) * 10 ** (-3 * time_s / self.rt60_s)
        room *= 10 ** (-self.direct_to_reverberant_db / 20) / np.linalg.norm(room)
        return np.concatenate([[1.0], room])
