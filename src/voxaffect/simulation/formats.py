"""How corpora are handed on: WAV, films, and NIST SPHERE; every file whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from voxaffect.files import write_atomically

PICTURE = (48, 64)
"""Height and width of a simulated film, which is black."""


def write_wav(path: Path, samples: NDArray[np.int16], rate_hz: int) -> None:
    """Write samples (n_samples, n_channels) as 16-bit PCM in a WAV file."""
    with write_atomically(path) as file:
        soundfile.write(file, samples, rate_hz, format="WAV", subtype="PCM_16")


def write_sphere(path: Path, samples: NDArray[np.int16], rate_hz: int) -> None:
    """Write samples (n_samples, n_channels) as 16-bit PCM in a NIST SPHERE file."""
    with write_atomically(path) as file:
        soundfile.write(file, samples, rate_hz, format="NIST", subtype="PCM_16")


def write_film(path: Path, samples: NDArray[np.int16], rate_hz: int) -> None:
    """Write samples (n_samples, 1) as the sound of a black AVI film, 16-bit PCM."""
    import av  # noqa: PLC0415 FFmpeg is slow to load, and needed for films only

    encoded = io.BytesIO()
    with av.open(encoded, "w", format="avi", options={"fflags": "+bitexact"}) as film:
        picture = film.add_stream("mpeg4", rate=1, width=PICTURE[1], height=PICTURE[0])
        sound = film.add_stream("pcm_s16le", rate=rate_hz, layout="mono")
        frame = av.VideoFrame.from_ndarray(np.zeros((*PICTURE, 3), np.uint8), format="rgb24")
        for _ in range(0, len(samples), rate_hz):
            film.mux(picture.encode(frame.reformat(format="yuv420p")))
        film.mux(picture.encode(None))
        spoken = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        spoken.sample_rate = rate_hz
        film.mux(sound.encode(spoken))
        film.mux(sound.encode(None))
    with write_atomically(path) as file:
        file.write(encoded.getvalue())
