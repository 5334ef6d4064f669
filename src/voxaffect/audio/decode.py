"""From a file, or from bytes, to a Waveform: open, read a span, downmix, resample to 16 kHz.

libsndfile reads (WAV, FLAC, Ogg Vorbis and Opus, MP3, AIFF, AU, CAF, uncompressed SPHERE), or PyAV
where the file is a film or a web recording; soxr resamples. All work block by block, so a recording
costs the memory of its 16 kHz samples, whatever its own rate and channels are. Each decoder is one
function from an open stream to an open `Recording`, chosen by the file's first bytes.
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
from numpy.typing import NDArray

from voxaffect.audio.containers import (
    CONTAINER_SUFFIXES,
    AudioTrack,
    check_sphere,
    is_container,
    open_track,
)
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import AudioError, RecordingLimitError

AUDIO_SUFFIXES = CONTAINER_SUFFIXES | {
    *(".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".snd"),
    *(".sph", ".w64", ".wav"),
}
"""Lower-case suffixes of the files that can be read; `Path.suffix.lower()` is looked up."""

RATES_HZ = (1_000, 768_000)
"""Lowest and highest sample rate that is taken for a true one."""

END_TOLERANCE_S = 0.1
"""How far a segment may end past its file: label files round, and cut at the next word's onset."""

BLOCK = 1 << 16
"""Frames of the source that are in memory at a time."""

LFS_STUB = b"version https://git-lfs"

# libsndfile notes in its log where a chunk announces more bytes than the file holds.
ANNOUNCED = re.compile(r"(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)")
STREAMED_BYTES = 0x7FFF_0000  # from here up, a chunk size says "written to a pipe, length unknown"
UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's length of a FLAC stream that does not tell its own


@dataclass(frozen=True)
class DecodeLimits:
    """What is refused before any memory is spent on it.

    Args:
        max_duration_s: longest span that is decoded, in seconds.
        max_channels: most channels.
        max_bytes: largest file or upload.

    Raises:
        AudioError: a limit is not a positive number.
    """

    max_duration_s: float = 4 * 3600.0
    max_channels: int = 16
    max_bytes: int = 2 * 1024**3

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < math.inf:
                raise AudioError(f"{name} = {value} is no limit; choose a positive number")


DEFAULT_LIMITS = DecodeLimits()


@dataclass(frozen=True)
class AudioStream:
    """A recording, or a segment of it, while it is open.

    Args:
        name: what errors call it.
        rate_hz: its own sample rate.
        n_samples: samples of it by the file's header; None where only reading tells, as in films.
        blocks: the mean of its channels from its beginning, float32 (n,) each and finite; a block
            that cannot be read raises `AudioError`.
    """

    name: str
    rate_hz: int
    n_samples: int | None
    blocks: Iterator[NDArray[np.float32]]


def decode(
    source: Path | bytes,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    limits: DecodeLimits = DEFAULT_LIMITS,
    name: str | None = None,
) -> Waveform:
    """Decode a recording, or a segment of it, to 16 kHz mono.

    Channels are averaged, so what is opposite in two channels cancels. A segment is sought, not cut
    out of the whole: at 16 kHz it equals the slice of the whole bit for bit, at other rates the
    resampler takes the signal beyond the segment's borders for silence.

    Args:
        source: a file, or the bytes of one.
        start_s: beginning of the segment in seconds.
        end_s: its end in seconds, None for the end of the recording.
        limits: what is refused.
        name: what errors call the recording; the path, where there is one.

    Returns:
        float32 (n_samples,) with n_samples = duration * 16 000, rounded.

    Raises:
        AudioError: the recording is missing, empty, truncated, no audio, beyond a limit, not
            finite, or does not hold the segment.
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
    """Open a recording, or a segment of it, at its own rate; its samples are read on demand.

    The arguments are those of `decode`. What the header gives away is refused at once, what only
    the samples tell when they are read: a block that breaks off, is not finite, or, in a film,
    lies past a limit or the end.

    Raises:
        AudioError: as `decode` does.
    """
    called = name or (printable(source) if isinstance(source, Path) else "recording")
    with _open(source, called) as stream:
        _check_stream(stream, limits, called)
        opener = _open_container if is_container(stream) else _open_sndfile
        with opener(stream, start_s, end_s, limits, called) as recording:
            yield recording


def read(recording: AudioStream) -> Waveform:
    """All of an open recording.

    Raises:
        AudioError: a block cannot be read, or it holds no samples.
    """
    samples = np.concatenate([np.empty(0, np.float32), *at_16_khz(recording)])
    return Waveform(samples, recording.name)


def at_16_khz(recording: AudioStream) -> Iterator[NDArray[np.float32]]:
    """The samples of an open recording at 16 kHz, in blocks (n,).

    soxr's band-limited resampling at high quality: a recording costs the memory of a block.

    Raises:
        AudioError: a block cannot be read.
    """
    if recording.rate_hz == SAMPLE_RATE_HZ:
        yield from recording.blocks
        return
    resampler = soxr.ResampleStream(
        recording.rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ"
    )
    for block in recording.blocks:
        yield resampler.resample_chunk(block)
    yield resampler.resample_chunk(np.empty(0, np.float32), last=True)


def printable(path: Path) -> str:
    """A path as text that any terminal prints: bytes that are not UTF-8 become escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _open(source: Path | bytes, name: str) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        _check_kind(source.stat().st_mode, name)
        return source.open("rb")
    except FileNotFoundError as fault:
        raise AudioError(f"{name}: there is no such file; check the path") from fault
    except OSError as fault:
        raise AudioError(f"{name}: cannot be opened ({fault.strerror}); check it") from fault


def _check_kind(mode: int, name: str) -> None:
    if stat.S_ISDIR(mode):
        raise AudioError(f"{name}: is a folder; name a recording in it")
    if not stat.S_ISREG(mode):
        raise AudioError(f"{name}: is a pipe or device; save its sound to a file first")


def _check_stream(stream: BinaryIO, limits: DecodeLimits, name: str) -> None:
    """Refuse what can be told from the size and the first bytes, and rewind."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    head = stream.read(len(LFS_STUB))
    stream.seek(0)
    if size == 0:
        raise AudioError(f"{name}: is empty (0 bytes); copy or download it again")
    if size > limits.max_bytes:
        raise RecordingLimitError(
            f"{name}: has {size} bytes, more than the limit of {limits.max_bytes}"
        )
    if head == LFS_STUB:
        raise AudioError(f"{name}: is a Git LFS pointer, not the recording; run `git lfs pull`")


@contextmanager
def _open_sndfile(
    stream: BinaryIO, start_s: float, end_s: float | None, limits: DecodeLimits, name: str
) -> Iterator[AudioStream]:
    """Whatever libsndfile reads; a span is sought."""
    check_sphere(stream, name)
    with _sound_file(stream, name) as file:
        _check_header(file, limits, name)
        start, stop = _span(file.frames, file.samplerate, start_s, end_s, name)
        _check_duration((stop - start) / file.samplerate, limits, name)
        blocks = _mono_blocks(file, start, stop, name)
        yield AudioStream(name, file.samplerate, stop - start, _finite(blocks, name))


@contextmanager
def _open_container(
    stream: BinaryIO, start_s: float, end_s: float | None, limits: DecodeLimits, name: str
) -> Iterator[AudioStream]:
    """Whatever PyAV reads, from its beginning: many containers tell neither length nor places."""
    _check_segment(start_s, end_s, math.inf, name)
    if end_s is not None:
        _check_duration(end_s - start_s, limits, name)
    with open_track(stream, name) as track:
        _check_format(track.rate_hz, track.channels, limits, name)
        blocks = _cut(track, start_s, end_s, limits, name)
        yield AudioStream(name, track.rate_hz, None, _finite(blocks, name))


def _cut(
    track: AudioTrack, start_s: float, end_s: float | None, limits: DecodeLimits, name: str
) -> Iterator[NDArray[np.float32]]:
    """The mean of the channels of a span, in blocks (n,); only the last tells if all was there."""
    rate_hz = track.rate_hz
    until_s = start_s + limits.max_duration_s if end_s is None else end_s
    start, stop = start_s * rate_hz, until_s * rate_hz  # too great for an integer, where in error
    held = 0
    for block in track.blocks:
        first, end = (round(min(max(at - held, 0), len(block))) for at in (start, stop))
        yield downmix(block[first:end])
        held += len(block)
        if held > stop:
            break
    _span(held, rate_hz, start_s, end_s, name)
    if end_s is None:
        _check_duration(held / rate_hz - start_s, limits, name)


def _finite(blocks: Iterator[NDArray[np.float32]], name: str) -> Iterator[NDArray[np.float32]]:
    held = 0
    for block in blocks:
        is_finite = np.isfinite(block)
        if not is_finite.all():
            where = held + int(np.argmin(is_finite))
            raise AudioError(
                f"{name}: sample {where} is not a finite number; export the recording again"
            )
        held += len(block)
        yield block


def _sound_file(stream: BinaryIO, name: str) -> sf.SoundFile:
    path = getattr(stream, "name", None)  # libsndfile reads a file faster than Python hands it on
    try:
        return sf.SoundFile(stream if path is None else os.fsencode(path))
    except sf.LibsndfileError as fault:
        why = fault.error_string.rstrip(".")
        raise AudioError(f"{name}: is no audio that can be read ({why}); convert it") from fault
    except TypeError as fault:  # soundfile's answer to a name that ends in .raw
        raise AudioError(f"{name}: has no header that tells its format; convert it") from fault


def _check_header(file: sf.SoundFile, limits: DecodeLimits, name: str) -> None:
    _check_format(file.samplerate, file.channels, limits, name)
    if file.frames == UNKNOWN_FRAMES:
        raise AudioError(f"{name}: does not tell its length; encode it to a file, not to a pipe")
    for announced, held in ANNOUNCED.findall(file.extra_info):
        if int(held) < int(announced) < STREAMED_BYTES:
            raise AudioError(
                f"{name}: is truncated, {held} bytes of sound where the header announces "
                f"{announced}; copy or download it again"
            )


def _check_format(rate_hz: int, n_channels: int, limits: DecodeLimits, name: str) -> None:
    low, high = RATES_HZ
    if not low <= rate_hz <= high:
        raise AudioError(
            f"{name}: a sample rate of {rate_hz} Hz is outside {low} to {high} Hz; "
            "its header is damaged, export it again"
        )
    if n_channels > limits.max_channels:
        raise RecordingLimitError(
            f"{name}: has {n_channels} channels, more than the limit of "
            f"{limits.max_channels}; pick those that hold speech"
        )


def _check_duration(duration_s: float, limits: DecodeLimits, name: str) -> None:
    if duration_s > limits.max_duration_s:
        raise RecordingLimitError(
            f"{name}: {duration_s:.1f} s are more than the limit of "
            f"{limits.max_duration_s:g} s; split it"
        )


def _check_segment(start_s: float, end_s: float | None, length_s: float, name: str) -> None:
    """Refuse a segment of negative length, or beyond a recording of `length_s`."""
    end_s = length_s if end_s is None else end_s
    if not (0 <= start_s < math.inf and start_s <= end_s <= length_s + END_TOLERANCE_S):
        known = f", only {length_s:.3f} s in all" if math.isfinite(length_s) else ""
        raise AudioError(
            f"{name}: holds no segment from {start_s:g} s to {end_s:g} s{known}; "
            "correct the segment's times"
        )


def _span(
    n_frames: int, rate_hz: int, start_s: float, end_s: float | None, name: str
) -> tuple[int, int]:
    """First frame of a segment, and the one past its last, of a recording of `n_frames`."""
    length_s = n_frames / rate_hz
    _check_segment(start_s, end_s, length_s, name)
    end_s = length_s if end_s is None else end_s
    start, stop = (min(round(at * rate_hz), n_frames) for at in (start_s, end_s))
    return start, stop


def _mono_blocks(
    file: sf.SoundFile, start: int, stop: int, name: str
) -> Iterator[NDArray[np.float32]]:
    """The mean of the channels from frame `start` to `stop`, in blocks (n,)."""
    at = start
    try:
        file.seek(start)
        while at < stop:
            block = file.read(min(BLOCK, stop - at), dtype="float32", always_2d=True)
            if len(block) == 0:
                break
            at += len(block)
            yield downmix(block)
    except sf.LibsndfileError as fault:
        raise AudioError(_breaks_off(file, at, name)) from fault
    if at < stop and file.format != "MP3":  # an MP3's length is an estimate from its bit rate
        raise AudioError(_breaks_off(file, at, name))


def downmix(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of the channels: (n, channels) -> (n,)."""
    if block.shape[1] == 1:
        return block[:, 0]
    with np.errstate(invalid="ignore"):  # inf - inf; `_finite` refuses the NaN by name
        mean: NDArray[np.float64] = block.mean(axis=1, dtype=np.float64)
        return mean.astype(np.float32)


def _breaks_off(file: sf.SoundFile, at: int, name: str) -> str:
    rate = file.samplerate
    return (
        f"{name}: is truncated or damaged, it breaks off near {at / rate:.2f} s of "
        f"{file.frames / rate:.2f} s; copy or download it again"
    )
