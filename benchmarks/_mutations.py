"""Recordings of all kinds, and what they become by changed, lost and repeated bytes."""

from __future__ import annotations

import io
import time
from collections import Counter

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE_HZ = 16_000
FORMATS = (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"))


def sound(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """Harmonics of a wandering F0 in noise, loud and soft by turns."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * ((130 + 20 * (seed % 5)) * t + 8 * np.sin(3 * t))
    tones = sum(np.sin(k * phase) / k for k in range(1, 12)) * (1.2 + np.sin(7 * t + seed))
    return np.asarray(0.05 * (tones + 0.05 * rng.standard_normal(t.size)), np.float32)


def encoded(samples: NDArray[np.float32], form: str = "WAV", subtype: str = "PCM_16") -> bytes:
    """Samples as a file."""
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format=form, subtype=subtype)
    return file.getvalue()


def mutated(rng: np.random.Generator, seeds: list[bytes]) -> bytes:
    """A file of which bytes are changed, cut out, repeated or put in."""
    data = bytearray(seeds[rng.integers(len(seeds))])
    for _ in range(int(rng.integers(1, 12))):
        if not data:
            break
        at = int(rng.integers(min(len(data), 200) if rng.random() < 0.6 else len(data)))
        size = int(rng.integers(1, 64))
        match int(rng.integers(6)):
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                data[at : at + size] = rng.bytes(size)
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = data[at : at + size] * int(rng.integers(1, 20))
            case 4:
                data[at : at + 4] = int(rng.choice([0, 1, 2**31 - 1, 2**32 - 1])).to_bytes(
                    4, "little"
                )
            case _:
                del data[at:]
    return bytes(data)


def seeds() -> list[bytes]:
    """Files of all kinds to mutate."""
    import av  # noqa: PLC0415

    samples = sound(0.6)
    found = [encoded(samples, *form) for form in FORMATS]
    for form, codec in (("webm", "libopus"), ("mp4", "aac"), ("matroska", "libopus")):
        file = io.BytesIO()
        with av.open(file, "w", form) as container:
            track = container.add_stream(codec, rate=48_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.repeat(samples, 3)[None], "flt", "mono")
            frame.sample_rate = 48_000
            kind = {"libopus": "s16", "aac": "fltp"}[codec]
            resampler = av.AudioResampler(kind, "mono", 48_000, 960)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                container.mux(track.encode(part))  # type: ignore[union-attr, arg-type]
            container.mux(track.encode())  # type: ignore[union-attr]
        found.append(file.getvalue())
    return found


def fuzz_decoder(n: int, seed: int) -> Counter[str]:
    """Mutated files through the decoder; anything but samples or an `AudioError` is a fault."""
    from voxaffect.audio.decode import DecodeLimits, decode  # noqa: PLC0415
    from voxaffect.errors import AudioError  # noqa: PLC0415

    rng, originals, found = np.random.default_rng(seed), seeds(), Counter[str]()
    for _ in range(n):
        data = mutated(rng, originals)
        began = time.process_time()
        try:
            decode(data, limits=DecodeLimits(max_duration_s=60))
            found["decoded"] += 1
        except AudioError:
            found["refused"] += 1
        found["slower than 5 s"] += time.process_time() - began > 5
    return found
