"""Transmission channels, `(waveform, ...) -> samples`, that keep length and delay."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.signal import fftconvolve, firwin

from voxaffect.audio.containers import open_track
from voxaffect.audio.degrade.degradation import Samples
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform

if TYPE_CHECKING:
    from av import AudioStream

TELEPHONE_HZ = 8_000
BAND_HZ = (300.0, 3_400.0)  # where the telephone filter is at -6 dB
TAPS = 257  # length of the linear-phase filter, 32 ms: its transition bands are 100 Hz wide


def telephone(waveform: Waveform, *_: Any, companded: bool) -> Samples:
    """Telephone line, 300 to 3,400 Hz at 8 kHz; `companded` applies ITU-T G.711 mu-law as well."""
    narrow = soxr.resample(waveform.samples, SAMPLE_RATE_HZ, TELEPHONE_HZ)
    response = firwin(TAPS, BAND_HZ, pass_zero=False, fs=TELEPHONE_HZ)
    line = fftconvolve(narrow, response)[TAPS // 2 :][: narrow.size]
    received = mu_law(line) if companded else line
    return fit_length(soxr.resample(received, TELEPHONE_HZ, SAMPLE_RATE_HZ), waveform)


def mu_law(samples: Samples) -> Samples:
    """Samples after G.711 mu-law coding and decoding, which clips at full scale."""
    return _coded(samples, "ULAW")


def gsm(waveform: Waveform, *_: Any) -> Samples:
    """Mobile telephone, GSM 06.10 full rate: 13 kbit/s at 8 kHz, by libsndfile."""
    narrow = soxr.resample(waveform.samples, SAMPLE_RATE_HZ, TELEPHONE_HZ)
    return fit_length(
        soxr.resample(_coded(narrow, "GSM610"), TELEPHONE_HZ, SAMPLE_RATE_HZ), waveform
    )


def _coded(samples: Samples, subtype: str) -> Samples:
    """Samples at 8 kHz after one of libsndfile's codecs in a WAV file."""
    file = io.BytesIO()
    sf.write(file, np.clip(samples, -1, 1), TELEPHONE_HZ, format="WAV", subtype=subtype)
    file.seek(0)
    return np.asarray(sf.read(file, dtype="float64")[0])


def band_limit(waveform: Waveform, *_: Any, edge_hz: int) -> Samples:
    """Nothing from `edge_hz` up: as sampled at twice that rate, by soxr, and back."""
    narrow = soxr.resample(waveform.samples, SAMPLE_RATE_HZ, 2 * edge_hz)
    return fit_length(soxr.resample(narrow, 2 * edge_hz, SAMPLE_RATE_HZ), waveform)


OCTAVES_HZ = 62.5 * 2.0 ** np.arange(8)  # centers of an equalizer's bands, 8 kHz the last
REACH = 2048  # samples over which its impulse response dies away, so that nothing wraps around


def equalizer(waveform: Waveform, rng: np.random.Generator, *_: Any, range_db: float) -> Samples:
    """Another microphone: a random gain within +-`range_db` in each octave, smooth in between.

    The filter has no phase: gains multiply the spectrum of the whole recording.
    """
    spectrum = np.fft.rfft(np.pad(waveform.samples, REACH).astype(np.float64))
    frequency = np.linspace(0, SAMPLE_RATE_HZ / 2, spectrum.size)
    gains_db = PchipInterpolator(
        np.log(OCTAVES_HZ), rng.uniform(-range_db, range_db, OCTAVES_HZ.size)
    )
    gain = 10 ** (gains_db(np.log(np.maximum(frequency, OCTAVES_HZ[0]))) / 20)
    n_padded = waveform.samples.size + 2 * REACH
    return np.fft.irfft(spectrum * gain, n_padded)[REACH : n_padded - REACH]


ENCODERS = {
    "opus": ("libopus", "ogg", "flt", {"application": "voip"}),
    "mp3": ("libmp3lame", "mp3", "fltp", {}),
}
"""FFmpeg's encoder, container, sample format and options."""


def codec(waveform: Waveform, *_: Any, kind: str, kbit_s: int) -> Samples:
    """Lossy codec by the FFmpeg of PyAV: `opus` (RFC 6716, voice) or `mp3` (MPEG-2 Layer III).

    Encoders delay. Ogg (pre-skip) and MP3 (LAME tag) state by how much, and FFmpeg removes it. The
    bit rate is a target; headers of short recordings add to it.
    """
    encoded = io.BytesIO(encode(waveform.samples, kind, 1000 * kbit_s))
    with open_track(encoded, waveform.name) as (rate_hz, _n_channels, blocks):
        samples = np.concatenate(list(blocks))[:, 0]
    if rate_hz != SAMPLE_RATE_HZ:  # Opus always decodes to 48 kHz
        samples = soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ)
    return fit_length(samples, waveform)


def encode(samples: NDArray[np.float32], kind: str, bit_rate: int) -> bytes:
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


def reverberation(
    waveform: Waveform,
    rng: np.random.Generator,
    *_: Any,
    rt60_s: float,
    direct_to_reverberant_db: float,
) -> Samples:
    """Convolve with a random `room_response`; length and direct sound keep their place."""
    response = room_response(rng, rt60_s, direct_to_reverberant_db)
    return fit_length(fftconvolve(waveform.samples, response), waveform)


def room_response(
    rng: np.random.Generator, rt60_s: float, direct_to_reverberant_db: float, decay_db: float = 80.0
) -> NDArray[np.float64]:
    """Impulse response of a room: the direct sound, 1, then exponentially decaying noise.

    Polack's (1988) model of late reverberation, with the same decay at all frequencies; early
    reflections are not modeled. Sound decays by 60 dB in the reverberation time `rt60_s`; the
    energy ratio of direct to reverberant sound is lower for a more distant microphone. The response
    ends where it has decayed by `decay_db`.
    """
    n_samples = round(rt60_s * SAMPLE_RATE_HZ * decay_db / 60)
    time_s = np.arange(n_samples) / SAMPLE_RATE_HZ
    room = rng.standard_normal(n_samples) * 10 ** (-3 * time_s / rt60_s)
    room *= 10 ** (-direct_to_reverberant_db / 20) / np.linalg.norm(room)
    return np.concatenate([[1.0], room])


def fit_length(samples: Samples, waveform: Waveform) -> Samples:
    """Samples cut or zero-padded to the length of a waveform."""
    n_samples = waveform.samples.size
    return np.pad(samples[:n_samples], (0, max(0, n_samples - samples.size)))
