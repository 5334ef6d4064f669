"""A miniature of a corpus before anything is spoken: who says what, how, into which file."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from voxaffect.files import write_atomically
from voxaffect.simulation.expressions import Expression, Style
from voxaffect.simulation.speakers import VoiceGroup
from voxaffect.simulation.voice import Channel

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


@dataclass(frozen=True, slots=True)
class Member:
    """One speaker of a plan.

    Args:
        group: sex and age.
        share: factor on the number of takes, for corpora whose speakers are uneven.
    """

    group: VoiceGroup
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Role:
    """One raw label of a plan.

    Args:
        expression: what is expressed under that label.
        n_takes: takes a speaker at scale 1.
        style: how openly and how carefully it is spoken.
    """

    expression: Expression
    n_takes: int
    style: Style


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that the corpus's naming scheme has room for.

    Args:
        path: file below the corpus root, with suffix; of several utterances where it is a session.
        sentence: identity of what is said; equal identities are the same words.
    """

    path: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Take:
    """One utterance to be spoken.

    Args:
        speaker: code of its speaker in the plan's cast.
        label: code of its label in the plan's roles.
        slot: its file and its sentence.
    """

    speaker: str
    label: str
    slot: Slot


@dataclass(frozen=True)
class SimulatedRecording:
    """Takes that were recorded in one go, one after another.

    Args:
        takes: what is said.
        samples: int16 (n_samples, n_channels).
        rate_hz: their rate.
        spans: first sample of each take, and the one past its last.
    """

    takes: tuple[Take, ...]
    samples: NDArray[np.int16]
    rate_hz: int
    spans: tuple[tuple[int, int], ...]

    def times_s(self) -> tuple[tuple[float, float], ...]:
        """Beginning and end of each take in seconds."""
        return tuple((start / self.rate_hz, stop / self.rate_hz) for start, stop in self.spans)


def write_takes(root: Path, recording: SimulatedRecording) -> None:
    """Write every take of a recording into its own WAV file."""
    for take, (start, stop) in zip(recording.takes, recording.spans, strict=True):
        write_wav(root / take.slot.path, recording.samples[start:stop], recording.rate_hz)


def by_file(take: Take) -> str:
    """The session of corpora whose every file was recorded by itself."""
    return take.slot.path


def no_documents(takes: Sequence[Take]) -> Mapping[str, str]:  # noqa: ARG001
    """The documents of corpora whose file names say all there is to know."""
    return {}


@dataclass(frozen=True)
class TreePlan:
    """A miniature corpus.

    Args:
        corpus: its name in `corpora.CORPORA`.
        sample_rate_hz: rate of its files.
        channels: how it was recorded, one situation a microphone.
        cast: speakers by the code that file names use.
        roles: labels by the code that names or label files use.
        slots: every place that a speaker code and a label code leave room for.
        session: take -> name of the session in which it was recorded.
        write: folder and recording -> files in the corpus's format.
        documents: all takes -> path below the root -> text of what lies beside the recordings.
        syllables: fewest and most syllables of a sentence.
    """

    corpus: str
    sample_rate_hz: int
    channels: tuple[Channel, ...]
    cast: Mapping[str, Member]
    roles: Mapping[str, Role]
    slots: Callable[[str, str], tuple[Slot, ...]]
    session: Callable[[Take], str] = by_file
    write: Callable[[Path, SimulatedRecording], None] = write_takes
    documents: Callable[[Sequence[Take]], Mapping[str, str]] = no_documents
    syllables: tuple[int, int] = (5, 8)

    def n_takes(self, speaker: str, label: str, scale: float) -> int:
        """Takes of a speaker under a label: at least one, at most what the names have room for."""
        wanted = round(scale * self.cast[speaker].share * self.roles[label].n_takes)
        return min(max(1, wanted), len(self.slots(speaker, label)))

    def size(self, scale: float = 1.0) -> int:
        """Takes of the whole tree."""
        return sum(self.n_takes(s, label, scale) for s, label in product(self.cast, self.roles))


def roles(takes: Mapping[str, tuple[Expression, int]], style: Style) -> dict[str, Role]:
    """Roles of one style: code -> expression and takes a speaker."""
    return {code: Role(expression, n, style) for code, (expression, n) in takes.items()}
