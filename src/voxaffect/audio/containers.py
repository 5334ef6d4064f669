"""Audio tracks of AVI, MP4, M4A, MOV, WebM and Matroska by PyAV, and checks of SPHERE headers."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from voxaffect.audio.waveform import Floats
from voxaffect.errors import AudioError

if TYPE_CHECKING:
    from av import AudioResampler, AudioStream
    from av.container import InputContainer

CONTAINER_SUFFIXES = frozenset({".avi", ".m4a", ".mkv", ".mov", ".mp4", ".webm"})
"""Lower-case suffixes of the files that `open_track` reads."""

MISSING_TAIL_S = 0.5  # tolerance of a track's announced length: encoders count padding, and round

MISSING_TAIL_BYTES = 1024
"""Tolerance of an AVI file's announced size: some writers count its first 8 bytes, some not."""

STREAMED_BYTES = 0x7FFF_0000  # from here up, a RIFF size means "written to a pipe, length unknown"


def container_format(stream: BinaryIO) -> str | None:
    """FFmpeg's name of a container that `open_track` reads, by its first bytes; rewinds."""
    head = stream.read(12)
    stream.seek(0)
    if head[:4] == b"RIFF" and head[8:] == b"AVI ":
        return "avi"
    if head[4:8] == b"ftyp":
        return "mov"  # MP4, M4A and 3GP as well
    if head[:4] == b"\x1aE\xdf\xa3":
        return "matroska"  # WebM as well
    return None


@contextmanager
def open_track(stream: BinaryIO, name: str) -> Iterator[tuple[int, int, Iterator[Floats]]]:
    """Open a container's first audio track: rate in Hz, number of channels, blocks (n, channels).

    Raises:
        AudioError: the container is damaged, truncated or without audio, or PyAV is missing.
    """
    try:
        import av  # noqa: PLC0415 slow to load
    except ImportError as fault:
        raise AudioError(
            f"{name}: is a film or web recording, which the library av reads; run pip install av, "
            "or convert its audio to WAV"
        ) from fault
    head = stream.read(8)  # FFmpeg plays a truncated AVI, and takes its length from what is there
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    announced = int.from_bytes(head[4:], "little") if head.startswith(b"RIFF") else 0
    if size + MISSING_TAIL_BYTES < announced < STREAMED_BYTES:
        raise truncated(size, announced, name)
    try:
        with av.open(stream, "r", container_format(stream), metadata_errors="replace") as file:
            tracks = [audio for audio in file.streams.audio if audio.codec_context is not None]
            if not tracks:  # or FFmpeg does not know their coding
                raise AudioError(f"{name}: has no readable audio track; convert its audio to WAV")
            audio = tracks[0]
            blocks = _blocks(file, audio, av.AudioResampler(format="fltp"), name)
            yield audio.rate or 0, audio.channels, blocks
    except av.FFmpegError as fault:
        why = fault.strerror or "not understood"
        raise AudioError(f"{name}: is a damaged container ({why}); copy it again") from fault


def _blocks(
    file: InputContainer, audio: AudioStream, to_float: AudioResampler, name: str
) -> Iterator[Floats]:
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
    announced_s = 0.0  # unknown, or known only of the picture
    if audio.duration is not None and audio.time_base is not None:
        announced_s = float(audio.duration * audio.time_base)
    elif file.duration is not None and not file.streams.video:
        announced_s = file.duration / 1e6
    length_s = n_samples / (audio.rate or 1)
    if length_s < announced_s - MISSING_TAIL_S:
        raise broken_off(length_s, announced_s, name)


def truncated(n_bytes: int, announced: int, name: str) -> AudioError:
    """Error for a file with fewer bytes than announced."""
    return AudioError(
        f"{name}: is truncated, {n_bytes} bytes where the header announces {announced}; "
        "copy or download it again"
    )


def broken_off(at_s: float, length_s: float, name: str) -> AudioError:
    """Error for a recording that ends before the length that its header announces."""
    return AudioError(
        f"{name}: is truncated or damaged, it ends near {at_s:.2f} s of {length_s:.2f} s; "
        "copy or download it again"
    )


MAGIC = b"NIST_1A\n"
PREAMBLE_BYTES = 16  # the magic and the header's size, `   1024` and a newline
MAX_DIGITS = 18  # of a number
SIZE_FIELDS = ("channel_count", "sample_count", "sample_n_bytes")  # their product is the size


def check_sphere(stream: BinaryIO, name: str) -> None:
    """Refuse a compressed, truncated or damaged NIST SPHERE file, and rewind.

    The header is ASCII: `NIST_1A`, its size in bytes, then lines `name -type value` up to
    `end_head`. libsndfile reads PCM, mu-law and A-law samples, but neither decodes an embedded
    compression such as shorten, nor checks the announced number of samples.

    Raises:
        AudioError: samples are compressed or missing, or the header is damaged.
    """
    preamble = stream.read(PREAMBLE_BYTES)
    if preamble.startswith(MAGIC):
        size = _number(preamble[len(MAGIC) :].decode("latin-1"), name)
        header = stream.read(max(size - PREAMBLE_BYTES, 0)).decode("latin-1").splitlines()
        fields = {}
        for line in takewhile(lambda line: line.strip() != "end_head", header):
            key, _, typed = line.partition(" ")
            fields[key] = typed.partition(" ")[2].strip()
        _, _, embedded = fields.get("sample_coding", "pcm").partition(",")
        if embedded:
            raise AudioError(
                f"{name}: is a SPHERE file compressed with {embedded.removeprefix('embedded-')}; "
                "convert it with `sph2pipe -f wav IN.sph OUT.wav`"
            )
        announced = math.prod(_number(fields.get(key, "0"), name) for key in SIZE_FIELDS)
        n_bytes = max(stream.seek(0, io.SEEK_END) - size, 0)
        if n_bytes < announced:
            raise truncated(n_bytes, announced, name)
    stream.seek(0)


def _number(text: str, name: str) -> int:
    if not text.strip().isdecimal() or len(text) > MAX_DIGITS:
        raise AudioError(
            f"{name}: has a damaged SPHERE header, {text.strip()[:MAX_DIGITS]!r} is not a number; "
            "copy or download it again"
        )
    return int(text)
