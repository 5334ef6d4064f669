"""What a recogniser may be asked about, and its samples."""

from __future__ import annotations

from pathlib import Path

from voxaffect.audio.decode import DecodeLimits, decode
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Utterance

Recording = Path | str | bytes | Waveform | Utterance
"""A file, an encoded file's bytes, samples, or an utterance, which may be a segment of a file."""


def waveform_of(recording: Recording, limits: DecodeLimits) -> Waveform:
    """The samples of a recording at 16 kHz.

    Raises:
        AudioError: it cannot be decoded, or is beyond a limit.
    """
    if isinstance(recording, Waveform):
        return recording
    if isinstance(recording, Utterance):
        return decode(
            recording.path,
            start_s=recording.start_s,
            end_s=recording.end_s,
            limits=limits,
            name=recording.id,
        )
    source = recording if isinstance(recording, bytes) else Path(recording)
    return decode(source, limits=limits)
