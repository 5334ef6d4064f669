"""From a file, or from bytes, to a Waveform: open, read a span, downmix, resample to 16 kHz.

libsndfile reads (WAV, FLAC, Ogg Vorbis and Opus, MP3, AIFF, AU, CAF, uncompressed SPHERE), or PyAV
where the file is a film or a web recording; soxr resamples. All work block by block, so a recording
costs the memory of its 16 kHz samples, whatever its own rate and channels are. Each decoder is one
function from an open stream to mono samples, chosen by the file's first bytes.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from voxaffect.audio.containers import CONTAINER_SUFFIXES, is_container, open_track
from voxaffect.audio.sphere import check_sphere
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.errors import AudioError

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
        AudioError: a limit is not positive.
    """

    max_duration_s: float = 4 * 3600.0
    max_channels: int = 16
    max_bytes: int = 2 * 1024**3

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise AudioError(f"{name} = {value} lets nothing through; choose a positive limit")


DEFAULT_LIMITS = DecodeLimits()


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
    called = name or (printable(source) if isinstance(source, Path) else "recording")
    with _open(source, called) as stream:
        _check_stream(stream, limits, called)
        samples = _read(stream, start_s, end_s, limits, called)
    return Waveform(samples, called)


def printable(path: Path) -> str:
    """A path as text that any terminal prints: bytes that are not UTF-8 become escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _open(source: Path | bytes, name: str) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        if source.is_dir():
            raise AudioError(f"{name}: is a folder; name a recording in it")
        if source.exists() and not source.is_file():
            raise AudioError(f"{name}: is a pipe or device; save its sound to a file first")
        return source.open("rb")
    except FileNotFoundError as fault:
        raise AudioError(f"{name}: there is no such file; check the path") from fault
    except OSError as fault:
        raise AudioError(f"{name}: cannot be opened ({fault.strerror}); check it") from fault


def _check_stream(stream: BinaryIO, limits: DecodeLimits, name: str) -> None:
    """Refuse what can be told from the size and the first bytes, and rewind."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    head = stream.read(len(LFS_STUB))
    stream.seek(0)
    if size == 0:
        raise AudioError(f"{name}: is empty (0 bytes); copy or download it again")
    if size > limits.max_bytes:
        raise AudioError(f"{name}: has {size} bytes, more than the limit of {limits.max_bytes}")
    if head == LFS_STUB:
        raise AudioError(f"{name}: is a Git LFS pointer, not the recording; run `git lfs pull`")


def _read(
    stream: BinaryIO, start_s: float, end_s: float | None, limits: DecodeLimits, name: str
) -> NDArray[np.float32]:
    """Mono samples (n_samples,) at 16 kHz of a span, by the decoder that the stream asks for."""
    if is_container(stream):
        return _read_container(stream, start_s, end_s, limits, name)
    check_sphere(stream, name)
    return _read_sndfile(stream, start_s, end_s, limits, name)


def _read_sndfile(
    stream: BinaryIO, start_s: float, end_s: float | None, limits: DecodeLimits, name: str
) -> NDArray[np.float32]:
    """Whatever libsndfile reads; a span is sought."""
    with _open_sndfile(stream, name) as file:
        _check_header(file, limits, name)
        start, stop = _span(file.frames, file.samplerate, start_s, end_s, name)
        _check_duration((stop - start) / file.samplerate, limits, name)
        return _to_16_khz(_mono_blocks(file, start, stop, name), file.samplerate)


def _read_container(
    stream: BinaryIO, start_s: float, end_s: float | None, limits: DecodeLimits, name: str
) -> NDArray[np.float32]:
    """Whatever PyAV reads, from its beginning: many containers tell neither length nor places."""
    if end_s is not None:
        _check_duration(end_s - start_s, limits, name)
    until_s = start_s + limits.max_duration_s if end_s is None else end_s
    with open_track(stream, name) as track:
        _check_format(track.rate_hz, track.channels, limits, name)
        blocks = _until(until_s * track.rate_hz, track.blocks)
        samples = _to_16_khz(map(_downmix, blocks), track.rate_hz)
    start, stop = _span(len(samples), SAMPLE_RATE_HZ, start_s, end_s, name)
    _check_duration((stop - start) / SAMPLE_RATE_HZ, limits, name)
    return samples[start:stop]


def _until(
    n_samples: float, blocks: Iterator[NDArray[np.float32]]
) -> Iterator[NDArray[np.float32]]:
    """Blocks (n, channels) as long as they are needed to exceed a number of samples."""
    held = 0
    for block in blocks:
        yield block
        held += len(block)
        if held > n_samples:
            return


def _open_sndfile(stream: BinaryIO, name: str) -> sf.SoundFile:
    try:
        return sf.SoundFile(stream)
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
        raise AudioError(
            f"{name}: has {n_channels} channels, more than the limit of "
            f"{limits.max_channels}; pick those that hold speech"
        )


def _check_duration(duration_s: float, limits: DecodeLimits, name: str) -> None:
    if duration_s > limits.max_duration_s:
        raise AudioError(
            f"{name}: {duration_s:.1f} s are more than the limit of "
            f"{limits.max_duration_s:g} s; split it"
        )


def _span(
    n_frames: int, rate_hz: int, start_s: float, end_s: float | None, name: str
) -> tuple[int, int]:
    """First frame of a segment, and the one past its last, of a recording of `n_frames`."""
    length_s = n_frames / rate_hz
    end_s = length_s if end_s is None else end_s
    if not 0 <= start_s <= end_s <= length_s + END_TOLERANCE_S:
        raise AudioError(
            f"{name}: holds no segment from {start_s:g} s to {end_s:g} s, only {length_s:.3f} s "
            "in all; correct the segment's times"
        )
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
            yield _downmix(block)
    except sf.LibsndfileError as fault:
        raise AudioError(_breaks_off(file, at, name)) from fault
    if at < stop and file.format != "MP3":  # an MP3's length is an estimate from its bit rate
        raise AudioError(_breaks_off(file, at, name))


def _downmix(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of the channels: (n, channels) -> (n,)."""
    with np.errstate(invalid="ignore"):  # inf - inf; Waveform refuses the NaN by name
        mean: NDArray[np.float64] = block.mean(axis=1, dtype=np.float64)
        return mean.astype(np.float32)


def _breaks_off(file: sf.SoundFile, at: int, name: str) -> str:
    rate = file.samplerate
    return (
        f"{name}: is truncated or damaged, it breaks off near {at / rate:.2f} s of "
        f"{file.frames / rate:.2f} s; copy or download it again"
    )


def _to_16_khz(blocks: Iterator[NDArray[np.float32]], rate_hz: int) -> NDArray[np.float32]:
    """One array (n_samples,) at 16 kHz: soxr's band-limited resampling at high quality."""
    parts = [np.empty(0, np.float32)]
    if rate_hz == SAMPLE_RATE_HZ:
        return np.concatenate([*parts, *blocks])
    resampler = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ")
    parts += [resampler.resample_chunk(block) for block in blocks]
    parts.append(resampler.resample_chunk(np.empty(0, np.float32), last=True))
    return np.concatenate(parts)
