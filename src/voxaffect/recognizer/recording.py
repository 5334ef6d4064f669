"""What can be recognized: everything that a user may mean by a recording."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.decode import (
    BLOCK,
    DEFAULT_LIMITS,
    RATES_HZ,
    AudioStream,
    DecodeLimits,
    decode,
    downmix,
    open_recording,
    printable,
    read,
)
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform, invalid_sample
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import AudioError, InputError, RecordingLimitError

Recording = Path | str | bytes | Waveform | Utterance
"""A file, an encoded file's bytes, samples, or an utterance, which may be a segment of a file."""

Input = Recording | os.PathLike[str] | BinaryIO | tuple[Any, float]
"""What a user may pass as one recording; `as_recording` turns it into a `Recording`."""

USAGE = (
    "pass a path, bytes of an audio file, a binary file object, (samples, rate) or a list of them"
)
URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def waveform_of(recording: Recording, limits: DecodeLimits) -> Waveform:
    """The samples of a recording at 16 kHz.

    Raises:
        AudioError: it cannot be decoded, or is beyond a limit.
    """
    if isinstance(recording, Waveform):
        return recording
    if isinstance(recording, Utterance):
        start_s, end_s, name = recording.start_s, recording.end_s, recording.id
        return decode(recording.path, start_s=start_s, end_s=end_s, limits=limits, name=name)
    source = recording if isinstance(recording, bytes) else Path(recording)
    return decode(source, limits=limits)


Opener = Callable[[], AbstractContextManager[AudioStream]]
"""Opens a recording, to be read block by block; each call begins anew."""


def opener_of(recording: Recording, limits: DecodeLimits, name: str | None = None) -> Opener:
    """Opener of a recording, by default with the name that predictions of it have.

    What it opens raises `AudioError` where it cannot be decoded, or is beyond a limit.
    """
    name = name or name_of(recording)
    if isinstance(recording, Waveform):
        samples = recording.samples

        def opened() -> AbstractContextManager[AudioStream]:
            blocks = (samples[at : at + BLOCK] for at in range(0, samples.size, BLOCK))
            return nullcontext(AudioStream(name, SAMPLE_RATE_HZ, samples.size, blocks))

        return opened
    if isinstance(recording, Utterance):
        start_s, end_s = recording.start_s, recording.end_s
        return partial(
            open_recording, recording.path, start_s=start_s, end_s=end_s, limits=limits, name=name
        )
    source = recording if isinstance(recording, bytes) else Path(recording)
    return partial(open_recording, source, limits=limits, name=name)


def waveform_if_short(
    recording: Recording, limits: DecodeLimits, longest_s: float
) -> Waveform | None:
    """The samples of a recording at 16 kHz; None where it is longer than `longest_s`.

    Of a longer one no more than that is decoded.

    Raises:
        AudioError: it cannot be decoded, or is beyond a limit.
    """
    if isinstance(recording, Waveform):
        return recording if recording.duration_s <= longest_s else None
    with opener_of(recording, limits)() as stream:
        most = longest_s * stream.rate_hz
        if stream.n_samples is not None and stream.n_samples > most:
            return None
        blocks, n_read = list[NDArray[np.float32]](), 0
        for block in stream.blocks:
            blocks.append(block)
            n_read += len(block)
            if n_read > most:
                return None
        return read(replace(stream, blocks=iter(blocks)))


def name_of(recording: Recording) -> str:
    """What predictions and errors call a recording."""
    if isinstance(recording, Waveform):
        return recording.name
    if isinstance(recording, Utterance):
        return recording.id
    return "recording" if isinstance(recording, bytes) else printable(Path(recording))


def is_one(value: Any) -> bool:
    """Whether a value is meant as one recording, not as several."""
    return (
        isinstance(value, (str, bytes, bytearray, memoryview, os.PathLike, Waveform, Utterance))
        or hasattr(value, "read")
        or (isinstance(value, tuple) and len(value) == 2 and _is_rate(value[1]))
        or not hasattr(value, "__iter__")
        or hasattr(value, "dtype")
        or hasattr(value, "columns")
        or isinstance(value, dict)
    )


def as_recording(value: Any, limits: DecodeLimits = DEFAULT_LIMITS) -> Recording:
    """The recording that a user means by an `Input`; samples are of any real type and rate.

    Raises:
        InputError: it is none of these, or says what no recording can be.
        AudioError: the samples are not finite, or beyond a limit.
    """
    if isinstance(value, (Waveform, Utterance)):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, (str, os.PathLike)):
        return _path(os.fspath(value))
    if hasattr(value, "read"):
        return _file_bytes(value, limits)
    if isinstance(value, tuple) and len(value) == 2 and _is_rate(value[1]):
        return _waveform_of_samples(*value, limits)
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        raise InputError(
            f"got an array of shape {tuple(value.shape)} without its sample rate; "
            "pass (samples, rate), such as (samples, 16000)"
        )
    raise InputError(f"got {_described(value)}; {USAGE}")


def _waveform_of_samples(samples: Any, rate_hz: float, limits: DecodeLimits) -> Waveform:
    low, high = RATES_HZ
    if not low <= rate_hz <= high or rate_hz != int(rate_hz):
        raise InputError(
            f"got a sample rate of {rate_hz} Hz; pass the true rate of the samples, a whole number "
            f"from {low} to {high}"
        )
    channels = _channels_last(_full_scale_1(np.asarray(samples)))
    if channels.shape[1] > limits.max_channels:
        raise RecordingLimitError(
            f"samples: {channels.shape[1]} channels are more than the limit of "
            f"{limits.max_channels}; pass those that hold speech"
        )
    if len(channels) > limits.max_duration_s * rate_hz:
        raise RecordingLimitError(
            f"samples: {len(channels) / rate_hz:.1f} s are more than the limit of "
            f"{limits.max_duration_s:g} s; split it"
        )
    mono = downmix(channels)
    if fault := invalid_sample(mono):
        raise AudioError(f"samples: {fault}; pass finite samples with a full scale of 1")
    blocks = (mono[first : first + BLOCK] for first in range(0, len(mono), BLOCK))
    return read(AudioStream("samples", int(rate_hz), len(mono), blocks))


def mono_samples(samples: NDArray[Any]) -> NDArray[np.float32]:
    """The mean (n,) of the channels of samples, (n,), (n, channels) or (channels, n).

    The shorter of two axes is the channels. Floats have a full scale of 1, integers that of their
    type (uint8 is centered on 128).

    Raises:
        InputError: the samples are of no shape or type that sound has.
    """
    return downmix(_channels_last(_full_scale_1(samples)))


def _is_rate(value: Any) -> bool:
    return isinstance(value, (Real, np.number)) and not isinstance(value, (bool, np.bool_))


def _path(text: str | bytes) -> Path:
    text = os.fsdecode(text)
    if not text.strip():
        raise InputError(f"got an empty path ({text!r}); pass the path of an audio file")
    if URL.match(text):
        raise InputError(f"got a URL ({text}); download it first and pass the file's path")
    return Path(text)


def _file_bytes(file: Any, limits: DecodeLimits) -> bytes:
    # One byte more than the limit, so that the decoder says what is wrong with it.
    content = file.read(limits.max_bytes + 1)
    if not isinstance(content, bytes):
        raise InputError(
            f"got a file object that returns {type(content).__name__}; open the file in binary "
            "mode, open(path, 'rb')"
        )
    return content


def _full_scale_1(values: NDArray[Any]) -> NDArray[np.float32]:
    """Samples of any real type as float32 with a full scale of 1."""
    kind, n_bytes = values.dtype.kind, values.dtype.itemsize
    if kind == "f":
        with np.errstate(over="ignore"):  # beyond float32 is not finite, and refused as such
            return values.astype(np.float32)
    if kind in "iu" and n_bytes <= 4:
        half = np.float64(2 ** (8 * n_bytes - 1))
        return ((values - (half if kind == "u" else 0)) / half).astype(np.float32)
    raise InputError(
        f"got samples of type {values.dtype}, whose full scale is unknown; convert them to int16, "
        "or to float32 from -1 to 1"
    )


def _channels_last(values: NDArray[np.float32]) -> NDArray[np.float32]:
    if values.size == 0 or values.ndim not in {1, 2}:
        raise InputError(
            f"got samples of shape {values.shape}; pass (n,), (n, channels) or (channels, n)"
        )
    if values.ndim == 1:
        return values[:, None]
    return values if values.shape[0] >= values.shape[1] else values.T


def _described(value: Any) -> str:
    if value is None or isinstance(value, (bool, int, float, complex)):
        return f"{value!r} as a recording"
    if isinstance(value, Sequence):
        return f"a {type(value).__name__} of {len(value)} as one recording"
    return f"an object of type {type(value).__name__} as a recording"
