"""Tiny films and web recordings, written by PyAV."""

from __future__ import annotations

import io

import av
import numpy as np
from numpy.typing import NDArray


def film(
    samples: NDArray[np.floating], rate_hz: int, container: str, coding: str = "pcm_s16le"
) -> bytes:
    """Container with audio of shape (n_samples,) or (n_samples, 2), within -1 to 1."""
    pcm = np.round(np.atleast_2d(samples.T) * 32_767).astype(np.int16)
    layout = "mono" if len(pcm) == 1 else "stereo"
    frame = av.AudioFrame.from_ndarray(pcm.T.reshape(1, -1), format="s16", layout=layout)
    frame.sample_rate = rate_hz
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        track = output.add_stream(coding, rate=rate_hz, layout=layout)
        assert isinstance(track, av.AudioStream)
        frame_size = track.codec_context.frame_size or 1_024
        cut = av.AudioResampler(track.format, layout, rate_hz, frame_size=frame_size)
        for part in [*cut.resample(frame), *cut.resample(None), None]:
            output.mux(track.encode(part))
    return file.getvalue()


def silent_film() -> bytes:
    """AVI with a picture and no audio."""
    file = io.BytesIO()
    with av.open(file, "w", format="avi") as output:
        track = output.add_stream("mpeg4", rate=25)
        track.width, track.height, track.pix_fmt = 64, 48, "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        for part in [picture, None]:
            output.mux(track.encode(part))
    return file.getvalue()
