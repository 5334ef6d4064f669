"""Films and web recordings: the sound of AVI, MP4, M4A, MOV, WebM and Matroska, by PyAV.

PyAV brings FFmpeg with it, which is slow to load: it is imported where it is used.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import AudioError

if TYPE_CHECKING:
    from av import AudioResampler, AudioStream
    from av.container import InputContainer


# NIST SPHERE, the format of the LDC's older corpora: what libsndfile overlooks in its header.
#
# A header is ASCII: `NIST_1A`, its own size in bytes, then lines `name -type value` up to
# `end_head`. libsndfile reads plain PCM, mu-law and A-law samples behind it. It neither unpacks a
# coding embedded in them, such as shorten, nor minds that there are fewer of them than announced.

MAGIC = b"NIST_1A\n"
PREAMBLE_BYTES = 16  # the magic and the header's size, `   1024` and a newline
MAX_DIGITS = 18  # of a number that may be meant
SAMPLE_BYTES = ("channel_count", "sample_count", "sample_n_bytes")  # whose product is their size


def check_sphere(stream: BinaryIO, name: str) -> None:
    """Refuse a compressed, truncated or damaged SPHERE file; anything else passes. Rewinds.

    Raises:
        AudioError: its samples cannot be read, or not all of them are there.
    """
    preamble = stream.read(PREAMBLE_BYTES)
    if preamble.startswith(MAGIC):
        size = _number(preamble[len(MAGIC) :].decode("latin-1"), name)
        fields = _fields(stream.read(max(size - PREAMBLE_BYTES, 0)))
        _check_coding(fields, name)
        _check_sphere_length(fields, max(stream.seek(0, io.SEEK_END) - size, 0), name)
    stream.seek(0)


def _fields(header: bytes) -> dict[str, str]:
    fields = {}
    for line in header.decode("latin-1").splitlines():
        if line.strip() == "end_head":
            break
        key, _, value = line.partition(" ")
        fields[key] = value.partition(" ")[2].strip()
    return fields


def _check_coding(fields: Mapping[str, str], name: str) -> None:
    _, _, embedded = fields.get("sample_coding", "pcm").partition(",")
    if embedded:
        raise AudioError(
            f"{name}: is a SPHERE file compressed with {embedded.removeprefix('embedded-')}; "
            "convert it with `sph2pipe -f wav IN.sph OUT.wav`"
        )


def _check_sphere_length(fields: Mapping[str, str], held: int, name: str) -> None:
    announced = 1
    for key in SAMPLE_BYTES:
        announced *= _number(fields.get(key, "0"), name)
    if held < announced:
        raise AudioError(
            f"{name}: is truncated, {held} bytes of sound where the header announces "
            f"{announced}; copy or download it again"
        )


def _number(text: str, name: str) -> int:
    if not text.strip().isdecimal() or len(text) > MAX_DIGITS:
        said = text.strip()[:MAX_DIGITS]
        raise AudioError(
            f"{name}: has a damaged SPHERE header, {said!r} is no number; copy or download it again"
        )
    return int(text)


CONTAINER_SUFFIXES = frozenset({".avi", ".m4a", ".mkv", ".mov", ".mp4", ".webm"})
"""Lower-case suffixes of the files that `open_track` reads."""

MISSING_TAIL_S = 0.5
"""How much shorter than announced a track may be: encoders count padding, and round."""

MISSING_TAIL_BYTES = 1024
"""How much shorter than announced an AVI file may be: writers count its first 8 bytes or not."""

STREAMED_BYTES = 0x7FFF_0000  # from here up, a RIFF size says "written to a pipe, length unknown"


@dataclass(frozen=True)
class AudioTrack:
    """The sound of a container while it is open.

    Args:
        rate_hz: its sample rate.
        channels: its number of channels.
        blocks: its samples from the beginning, float32 (n, channels) each.
    """

    rate_hz: int
    channels: int
    blocks: Iterator[NDArray[np.float32]]


def is_container(stream: BinaryIO) -> bool:
    """Whether a stream begins as one of the containers that `open_track` reads; rewinds."""
    return _format(stream) is not None


def _format(stream: BinaryIO) -> str | None:
    """FFmpeg's name of the container."""
    head = stream.read(12)
    stream.seek(0)
    if head[:4] == b"RIFF" and head[8:] == b"AVI ":
        return "avi"
    if head[4:8] == b"ftyp":
        return "mov"  # MP4, M4A and 3GP are its children
    if head[:4] == b"\x1aE\xdf\xa3":
        return "matroska"  # WebM is one
    return None


@contextmanager
def open_track(stream: BinaryIO, name: str) -> Iterator[AudioTrack]:
    """Open the first sound track of a container; its blocks are read within the context.

    Args:
        stream: a file of which `is_container` is true.
        name: what errors call the recording.

    Raises:
        AudioError: the container is damaged, truncated or a silent film, or PyAV is missing.
    """
    try:
        import av  # noqa: PLC0415  (slow to load)
    except ImportError as fault:
        raise AudioError(
            f"{name}: is a film or web recording, which the library av reads; run pip install av, "
            "or convert its sound to WAV"
        ) from fault

    _check_riff(stream, name)
    try:
        with av.open(stream, "r", _format(stream), metadata_errors="replace") as file:
            audio = _first_track(file, name)
            blocks = _blocks(file, audio, av.AudioResampler(format="fltp"), name)
            yield AudioTrack(audio.rate or 0, audio.channels, blocks)
    except av.FFmpegError as fault:
        why = fault.strerror or "not understood"
        raise AudioError(f"{name}: is a damaged container ({why}); copy it again") from fault


def _check_riff(stream: BinaryIO, name: str) -> None:
    """FFmpeg plays an AVI that breaks off, and then takes its length from what there is."""
    head = stream.read(8)
    held = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    announced = int.from_bytes(head[4:], "little") if head.startswith(b"RIFF") else 0
    if held + MISSING_TAIL_BYTES < announced < STREAMED_BYTES:
        raise AudioError(
            f"{name}: is truncated, {held} bytes where the header announces {announced}; "
            "copy or download it again"
        )


def _first_track(file: InputContainer, name: str) -> AudioStream:
    for audio in file.streams.audio:
        if audio.codec_context is not None:  # as it is where FFmpeg does not know the coding
            return audio
    raise AudioError(f"{name}: holds no sound that can be read; convert its sound to WAV")


def _blocks(
    file: InputContainer, audio: AudioStream, to_float: AudioResampler, name: str
) -> Iterator[NDArray[np.float32]]:
    """Decoded samples (n, channels); gaps between time stamps are closed."""
    n_samples = 0
    for frame in file.decode(audio):
        try:
            parts = to_float.resample(frame)
        except ValueError as fault:  # PyAV's answer to a frame unlike the first
            raise AudioError(f"{name}: changes its format midway; convert it to WAV") from fault
        for part in parts:
            n_samples += part.samples
            yield np.asarray(part.to_ndarray(), dtype=np.float32).T
    _check_length(n_samples / (audio.rate or 1), _announced_s(file, audio), name)


def _check_length(held_s: float, announced_s: float, name: str) -> None:
    if held_s < announced_s - MISSING_TAIL_S:
        raise AudioError(
            f"{name}: is truncated, it breaks off near {held_s:.2f} s of {announced_s:.2f} s; "
            "copy or download it again"
        )


def _announced_s(file: InputContainer, audio: AudioStream) -> float:
    """Length of a track by its header, 0 where only the film's is told, or none."""
    if audio.duration is not None and audio.time_base is not None:
        return float(audio.duration * audio.time_base)
    if file.duration is not None and not file.streams.video:
        return file.duration / 1e6
    return 0.0
