"""Decoding of audio files to 16 kHz mono: open, seek, downmix, resample, all block by block.

libsndfile reads WAV, FLAC, Ogg Vorbis and Opus, MP3, AIFF, AU, CAF and uncompressed SPHERE files,
PyAV films and web recordings; soxr resamples.
"""

from __future__ import annotations

import io
import math
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile as sf
import soxr

from voxaffect.audio.containers import (
    CONTAINER_SUFFIXES,
    STREAMED_BYTES,
    broken_off,
    check_sphere,
    container_format,
    open_track,
    truncated,
)
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Floats, Waveform
from voxaffect.errors import AudioError, RecordingLimitError

AUDIO_SUFFIXES = CONTAINER_SUFFIXES | {
    *(".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".snd"),
    *(".sph", ".w64", ".wav"),
}
"""Lower-case suffixes of the files that can be decoded."""

RATES_HZ = (1_000, 768_000)  # lowest and highest valid sample rate
BLOCK = 1 << 16  # number of source frames in memory at a time
LFS_POINTER = b"version https://git-lfs"

END_TOLERANCE_S = 0.1  # of segments after the file: label files round, and cut at the next onset

# libsndfile notes in its log where a chunk announces more bytes than the file has.
ANNOUNCED = re.compile(r"(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)")
UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's length of a FLAC stream without one


@dataclass(frozen=True)
class DecodeLimits:
    """Limits, checked before memory is spent; one that is not positive is an `AudioError`."""

    max_duration_s: float = 4 * 3600.0
    max_channels: int = 16
    max_bytes: int = 2 * 1024**3

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < math.inf:
                raise AudioError(f"{name} = {value} is out of range; use a positive number")


DEFAULT_LIMITS = DecodeLimits()


@dataclass(frozen=True)
class AudioStream:
    """Open recording, or a segment of one."""

    name: str  # for errors
    rate_hz: int  # its own
    n_samples: int | None  # by the header; None for containers, which must be read
    blocks: Iterator[Floats]  # mean of the channels, finite (n,); unreadable ones: `AudioError`


def decode(
    source: Path | bytes,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    limits: DecodeLimits = DEFAULT_LIMITS,
    name: str | None = None,
) -> Waveform:
    """Decode a recording, or a segment of it, to 16 kHz mono.

    Channels are averaged. A segment is sought: at 16 kHz it equals the slice of the whole bit for
    bit; at other rates the resampler assumes silence beyond the segment's borders.

    Args:
        source: a file, or the bytes of one.
        start_s: beginning of the segment in seconds.
        end_s: its end, None for that of the recording.
        limits: on the file and the segment.
        name: for errors; the path by default.

    Raises:
        AudioError: the recording is missing, empty, truncated, not audio, beyond a limit or not
            finite, or the segment is outside of it.
    """
    with open_recording(
        source, start_s=start_s, end_s=end_s, limits=limits, name=name
    ) as recording:
        return read(recording)


@contextmanager
def open_recording(
    source: Path | bytes,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    limits: DecodeLimits = DEFAULT_LIMITS,
    name: str | None = None,
) -> Iterator[AudioStream]:
    """Open a recording, or a segment of it, at its own rate, to be read block by block.

    Arguments and errors are those of `decode`. Faults of the header are raised at once, those of
    samples when they are read; so are those of a container's duration.
    """
    called = name or (printable(source) if isinstance(source, Path) else "recording")
    segment = _Segment(called, start_s, end_s, limits)
    with _open(source, called) as stream:
        head = stream.read(len(LFS_POINTER))
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        if size == 0:
            raise AudioError(f"{called}: is empty (0 bytes); copy or download it again")
        if size > limits.max_bytes:
            raise RecordingLimitError(
                f"{called}: has {size} bytes, more than the limit of {limits.max_bytes}"
            )
        if head == LFS_POINTER:
            raise AudioError(
                f"{called}: is a Git LFS pointer, not the recording; run `git lfs pull`"
            )
        opener = _open_container if container_format(stream) else _open_sndfile
        with opener(stream, segment) as recording:
            yield recording


def read(recording: AudioStream) -> Waveform:
    """Read all of an open recording; no samples, or unreadable ones, are an `AudioError`."""
    samples = np.concatenate([np.empty(0, np.float32), *at_16_khz(recording)])
    return Waveform(samples, recording.name)


def at_16_khz(recording: AudioStream) -> Iterator[Floats]:
    """Resample an open recording to 16 kHz, in blocks (n,)."""
    resampler = StreamResampler(recording.rate_hz)
    for block in recording.blocks:
        yield resampler.push(block[:, None])
    yield resampler.finish()


class StreamResampler:
    """Downmix and resample audio to 16 kHz block by block (soxr, band-limited, high quality)."""

    def __init__(self, rate_hz: float) -> None:
        self._stream = None
        if rate_hz != SAMPLE_RATE_HZ:
            self._stream = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, "float32", "HQ")

    def push(self, block: Floats) -> Floats:
        """Samples (n,) at 16 kHz that a block (n_samples, channels) completes."""
        mono = np.ascontiguousarray(downmix(block))
        return mono if self._stream is None else self._stream.resample_chunk(mono)

    def finish(self) -> Floats:
        """Remaining samples, (n,)."""
        none = np.zeros(0, np.float32)
        return none if self._stream is None else self._stream.resample_chunk(none, last=True)


def downmix(block: Floats) -> Floats:
    """Mean of the channels: (n, channels) -> (n,)."""
    if block.shape[1] == 1:
        return block[:, 0]
    with np.errstate(invalid="ignore"):  # inf - inf; `_check_finite` reports the NaN
        return np.asarray(block.mean(axis=1, dtype=np.float64), np.float32)


def printable(path: Path) -> str:
    """Path as printable text: bytes that are not UTF-8 become escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class _Segment:
    """Arguments of `decode`, and the checks of a recording against them."""

    name: str
    start_s: float
    end_s: float | None
    limits: DecodeLimits

    def check_format(self, rate_hz: int, n_channels: int) -> None:
        low, high = RATES_HZ
        if not low <= rate_hz <= high:
            raise AudioError(
                f"{self.name}: a sample rate of {rate_hz} Hz is outside {low} to {high} Hz; "
                "its header is damaged, export it again"
            )
        if n_channels > self.limits.max_channels:
            raise RecordingLimitError(
                f"{self.name}: has {n_channels} channels, more than the limit of "
                f"{self.limits.max_channels}; select those with speech"
            )

    def check_duration(self, duration_s: float) -> None:
        if duration_s > self.limits.max_duration_s:
            raise RecordingLimitError(
                f"{self.name}: {duration_s:.1f} s are more than the limit of "
                f"{self.limits.max_duration_s:g} s; split it"
            )

    def check_times(self, length_s: float) -> None:
        """Refuse a segment of negative length, or outside a recording of `length_s`."""
        end_s = length_s if self.end_s is None else self.end_s
        if not (
            0 <= self.start_s < math.inf and self.start_s <= end_s <= length_s + END_TOLERANCE_S
        ):
            known = f", which has {length_s:.3f} s" if math.isfinite(length_s) else ""
            raise AudioError(
                f"{self.name}: a segment from {self.start_s:g} s to {end_s:g} s is outside the "
                f"recording{known}; correct its times"
            )


def _open(source: Path | bytes, name: str) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        mode = source.stat().st_mode
        if stat.S_ISDIR(mode):
            raise AudioError(f"{name}: is a folder; give a recording in it")
        if not stat.S_ISREG(mode):
            raise AudioError(f"{name}: is a pipe or device; save its audio to a file first")
        return source.open("rb")
    except FileNotFoundError as fault:
        raise AudioError(f"{name}: no such file; check the path") from fault
    except OSError as fault:
        raise AudioError(f"{name}: cannot be opened ({fault.strerror}); check it") from fault


@contextmanager
def _open_sndfile(stream: BinaryIO, segment: _Segment) -> Iterator[AudioStream]:
    """Open what libsndfile reads; a segment is sought."""
    name = segment.name
    check_sphere(stream, name)
    with _sound_file(stream, name) as file:
        rate_hz = file.samplerate
        segment.check_format(rate_hz, file.channels)
        if file.frames == UNKNOWN_FRAMES:
            raise AudioError(f"{name}: has no length in its header; encode it to a file, no pipe")
        for announced, n_bytes in ANNOUNCED.findall(file.extra_info):
            if int(n_bytes) < int(announced) < STREAMED_BYTES:
                raise truncated(int(n_bytes), int(announced), name)
        length_s = file.frames / rate_hz
        segment.check_times(length_s)
        end_s = length_s if segment.end_s is None else segment.end_s
        start, stop = (min(round(at * rate_hz), file.frames) for at in (segment.start_s, end_s))
        segment.check_duration((stop - start) / rate_hz)
        blocks = _check_finite(_sndfile_blocks(file, start, stop, name), name)
        yield AudioStream(name, rate_hz, stop - start, blocks)


def _sound_file(stream: BinaryIO, name: str) -> sf.SoundFile:
    path = getattr(stream, "name", None)  # libsndfile reads a file faster than Python hands it on
    try:
        return sf.SoundFile(stream if path is None else os.fsencode(path))
    except sf.LibsndfileError as fault:
        why = fault.error_string.rstrip(".")
        raise AudioError(
            f"{name}: is not a readable audio file ({why}); convert it to WAV or FLAC"
        ) from fault
    except TypeError as fault:  # soundfile's answer to a name that ends in .raw
        raise AudioError(
            f"{name}: has no header that states its format; convert it to WAV or FLAC"
        ) from fault


def _sndfile_blocks(file: sf.SoundFile, start: int, stop: int, name: str) -> Iterator[Floats]:
    """Mean of the channels from frame `start` to `stop`, in blocks (n,)."""
    at, length_s = start, file.frames / file.samplerate
    try:
        file.seek(start)
        while at < stop:
            block = file.read(min(BLOCK, stop - at), dtype="float32", always_2d=True)
            if len(block) == 0:
                break
            at += len(block)
            yield downmix(block)
    except sf.LibsndfileError as fault:
        raise broken_off(at / file.samplerate, length_s, name) from fault
    if at < stop and file.format != "MP3":  # an MP3's length is an estimate from its bit rate
        raise broken_off(at / file.samplerate, length_s, name)


@contextmanager
def _open_container(stream: BinaryIO, segment: _Segment) -> Iterator[AudioStream]:
    """Open what PyAV reads, from its beginning: many containers have neither length nor index."""
    segment.check_times(math.inf)
    if segment.end_s is not None:
        segment.check_duration(segment.end_s - segment.start_s)
    with open_track(stream, segment.name) as (rate_hz, n_channels, blocks):
        segment.check_format(rate_hz, n_channels)
        cut = _check_finite(_cut(blocks, rate_hz, segment), segment.name)
        yield AudioStream(segment.name, rate_hz, None, cut)


def _cut(blocks: Iterator[Floats], rate_hz: int, segment: _Segment) -> Iterator[Floats]:
    """Mean of the channels of a segment, in blocks (n,); its times are checked at the end."""
    start_s, end_s = segment.start_s, segment.end_s
    until_s = start_s + segment.limits.max_duration_s if end_s is None else end_s
    start, stop = start_s * rate_hz, until_s * rate_hz  # wrong ones are too large for an integer
    n_read = 0
    for block in blocks:
        first, end = (round(min(max(at - n_read, 0), len(block))) for at in (start, stop))
        yield downmix(block[first:end])
        n_read += len(block)
        if n_read > stop:
            break
    segment.check_times(n_read / rate_hz)
    if end_s is None:
        segment.check_duration(n_read / rate_hz - start_s)


def _check_finite(blocks: Iterator[Floats], name: str) -> Iterator[Floats]:
    n_read = 0
    for block in blocks:
        is_finite = np.isfinite(block)
        if not is_finite.all():
            where = n_read + int(np.argmin(is_finite))
            raise AudioError(
                f"{name}: sample {where} is not a finite number; export the recording again"
            )
        n_read += len(block)
        yield block
