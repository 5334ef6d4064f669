"""Transmission channels: telephone, lossy codecs, and reverberation of a room."""

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

from voxaffect.audio.degrade.degradation import Degradation, Samples, fit_length
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform

if TYPE_CHECKING:
    from av import AudioStream

TELEPHONE_HZ = 8_000
BAND_HZ = (300.0, 3_400.0)  # where the telephone filter is at -6 dB
TAPS = 257  # length of the linear-phase filter, 32 ms: its transition bands are 100 Hz wide


@dataclass(frozen=True)
class Telephone(Degradation):
    """Telephone line, 300 to 3,400 Hz at 8 kHz; `companded` applies ITU-T G.711 mu-law as well."""

    companded: bool
    group = "telephone"

    def _describe(self) -> tuple[str, str]:
        name, law = ("phone-mulaw", ", G.711 mu-law") if self.companded else ("phone-band", "")
        return name, f"300-3400 Hz at 8 kHz{law}"

    def apply(self, waveform: Waveform, seed: int) -> Waveform:  # noqa: ARG002 nothing is random
        """Transmit, and resample to 16 kHz again."""
        narrow = soxr.resample(waveform.samples, SAMPLE_RATE_HZ, TELEPHONE_HZ)
        response = firwin(TAPS, BAND_HZ, pass_zero=False, fs=TELEPHONE_HZ)
        line = fftconvolve(narrow, response)[TAPS // 2 :][: narrow.size]
        received = mu_law(line) if self.companded else line
        return fit_length(soxr.resample(received, TELEPHONE_HZ, SAMPLE_RATE_HZ), waveform)


def mu_law(samples: Samples) -> Samples:
    """Samples (n,) after G.711 mu-law coding and decoding, which clips at full scale."""
    file = io.BytesIO()
    sf.write(file, np.clip(samples, -1, 1), TELEPHONE_HZ, format="WAV", subtype="ULAW")
    file.seek(0)
    return np.asarray(sf.read(file, dtype="float64")[0])


Kind = Literal["opus", "mp3"]

ENCODERS: Mapping[Kind, tuple[str, str, str, dict[str, str]]] = {
    "opus": ("libopus", "ogg", "flt", {"application": "voip"}),
    "mp3": ("libmp3lame", "mp3", "fltp", {}),
}
"""FFmpeg's encoder, container, sample format and options."""


@dataclass(frozen=True)
class Codec(Degradation):
    """Lossy codec at a bit rate, by the FFmpeg of PyAV.

    Encoders delay. Ogg (pre-skip) and MP3 (LAME tag) state by how much, and FFmpeg removes it.

    Args:
        kind: `opus` (RFC 6716, voice) or `mp3` (MPEG-2 Layer III, LAME).
        kbit_s: target bit rate; headers of short recordings add to it.
    """

    kind: Kind
    kbit_s: int
    group = "codec"

    def _describe(self) -> tuple[str, str]:
        return f"{self.kind}-{self.kbit_s}k", f"{self.kbit_s} kbit/s"

    def apply(self, waveform: Waveform, seed: int) -> Waveform:  # noqa: ARG002 nothing is random
        """Encode and decode."""
        import av  # noqa: PLC0415 slow to load

        encoded = encode(waveform.samples, self.kind, 1000 * self.kbit_s)
        with av.open(io.BytesIO(encoded), "r") as container:
            (stream,) = container.streams.audio
            to_float = av.AudioResampler(format="fltp")
            parts = [
                part for frame in container.decode(stream) for part in to_float.resample(frame)
            ]
            rate_hz = int(stream.rate)
        samples = np.concatenate([part.to_ndarray()[0] for part in parts]).astype(np.float32)
        if rate_hz != SAMPLE_RATE_HZ:  # Opus always decodes to 48 kHz
            samples = soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ)
        return fit_length(samples, waveform)


def encode(samples: NDArray[np.float32], kind: Kind, bit_rate: int) -> bytes:
    """Encode samples (n,) at 16 kHz at a bit rate in bits per second."""
    import av  # noqa: PLC0415 slow to load

    encoder, container, sample_format, options = ENCODERS[kind]
    file = io.BytesIO()
    frame = av.AudioFrame.from_ndarray(samples[None], sample_format, "mono")
    frame.sample_rate = SAMPLE_RATE_HZ
    with av.open(file, "w", container) as output:
        added = output.add_stream(encoder, SAMPLE_RATE_HZ, layout="mono", options=dict(options))
        stream = cast("AudioStream", added)
        stream.bit_rate = bit_rate
        for part in (frame, None):
            output.mux(stream.encode(part))
    return file.getvalue()


DECAY_DB = 80.0  # decay at which the impulse response ends


@dataclass(frozen=True)
class Reverberation(Degradation):
    """Room with the same decay at all frequencies; every seed is another room.

    Args:
        rt60_s: reverberation time, in which sound decays by 60 dB.
        direct_to_reverberant_db: energy ratio of direct to reverberant sound; lower for a more
            distant microphone.
    """

    rt60_s: float
    direct_to_reverberant_db: float
    group = "room"

    def _describe(self) -> tuple[str, str]:
        ratio = f"DRR {self.direct_to_reverberant_db:g} dB"
        return f"room-{1000 * self.rt60_s:g}ms", f"RT60 {self.rt60_s:g} s, {ratio}"

    def apply(self, waveform: Waveform, seed: int) -> Waveform:
        """Convolve with a room impulse response; length and direct sound keep their place."""
        response = self.response(np.random.default_rng(seed))
        return fit_length(fftconvolve(waveform.samples, response), waveform)

    def response(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Impulse response: the direct sound, 1, then exponentially decaying noise.

        Polack's (1988) model of late reverberation; early reflections are not modeled.
        """
        n_samples = round(self.rt60_s * SAMPLE_RATE_HZ * DECAY_DB / 60)
        time_s = np.arange(n_samples) / SAMPLE_RATE_HZ
        room = rng.standard_normal(n_samples) * 10 ** (-3 * time_s / self.rt60_s)
        room *= 10 ** (-self.direct_to_reverberant_db / 20) / np.linalg.norm(room)
        return np.concatenate([[1.0], room])
