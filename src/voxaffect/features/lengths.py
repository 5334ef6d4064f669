"""The one thing that every frame extractor demands of a recording: that it holds a frame."""

from __future__ import annotations

from collections.abc import Iterable

from voxaffect.audio.waveform import Waveform
from voxaffect.errors import AudioError
from voxaffect.features.frames import FrameGrid


def refuse_short(waveforms: Iterable[Waveform], grid: FrameGrid) -> None:
    """Refuse recordings that hold no whole frame.

    Raises:
        AudioError: a waveform is shorter than one frame; the message names it.
    """
    for waveform in waveforms:
        if grid.n_frames(waveform.samples.size) == 0:
            raise AudioError(
                f"{waveform.name}: lasts {waveform.duration_s * 1000:.1f} ms, but one frame takes "
                f"at least {grid.window_s * 1000:g} ms; remove it or record it again"
            )
