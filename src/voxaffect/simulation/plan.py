"""Plan of a simulated corpus: speakers, labels, sentences and files, and the writing of files."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from voxaffect.files import write_atomically
from voxaffect.simulation.expressions import Style
from voxaffect.simulation.speakers import VoiceGroup
from voxaffect.simulation.voice import Channel

PICTURE = (48, 64)  # height and width of a simulated film, which is black


def write_audio(path: Path, samples: NDArray[np.int16], rate_hz: int, kind: str = "WAV") -> None:
    """Write samples (n_samples, n_channels) as 16-bit PCM; `kind` is libsndfile's format."""
    with write_atomically(path) as file:
        soundfile.write(file, samples, rate_hz, format=kind, subtype="PCM_16")


def write_film(path: Path, samples: NDArray[np.int16], rate_hz: int) -> None:
    """Write samples (n_samples, 1) as the 16-bit PCM audio of a black AVI film."""
    import av  # noqa: PLC0415 FFmpeg is slow to load, and needed for films only

    encoded = io.BytesIO()
    with av.open(encoded, "w", format="avi", options={"fflags": "+bitexact"}) as film:
        video = film.add_stream("mpeg4", rate=1, width=PICTURE[1], height=PICTURE[0])
        audio = film.add_stream("pcm_s16le", rate=rate_hz, layout="mono")
        picture = av.VideoFrame.from_ndarray(np.zeros((*PICTURE, 3), np.uint8), format="rgb24")
        for _ in range(0, len(samples), rate_hz):
            film.mux(video.encode(picture.reformat(format="yuv420p")))
        film.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate_hz
        for part in (frame, None):
            film.mux(audio.encode(part))
    with write_atomically(path) as file:
        file.write(encoded.getvalue())


@dataclass(frozen=True, slots=True)
class LabelPlan:
    """Plan of a raw label: key of `EFFECTS`, number of takes per speaker at scale 1, and style."""

    emotion: str
    n_takes: int
    style: Style


@dataclass(frozen=True, slots=True)
class Take:
    """Planned utterance.

    Args:
        speaker: key of the plan's speakers.
        label: key of the plan's labels.
        path: file below the corpus root; a session file has several takes.
        sentence: id of the sentence; equal ids are the same words.
    """

    speaker: str
    label: str
    path: str
    sentence: str


@dataclass(frozen=True)
class SimulatedRecording:
    """Takes recorded one after another.

    Args:
        takes: in order.
        samples: int16 (n_samples, n_channels).
        rate_hz: sample rate.
        spans: first sample of each take, and the one past its last, (n_takes, 2).
    """

    takes: tuple[Take, ...]
    samples: NDArray[np.int16]
    rate_hz: int
    spans: NDArray[np.int64]

    def times_s(self) -> NDArray[np.float64]:
        """Beginning and end of each take in seconds, (n_takes, 2)."""
        return self.spans / self.rate_hz


def write_takes(root: Path, recording: SimulatedRecording) -> None:
    """Write every take of a recording into its own WAV file."""
    for take, (start, stop) in zip(recording.takes, recording.spans, strict=True):
        write_audio(root / take.path, recording.samples[start:stop], recording.rate_hz)


Slots = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class TreePlan:
    """Plan of a simulated corpus.

    Args:
        corpus: name in `corpora.CORPORA`.
        channels: recording channels, one per microphone.
        speakers: speaker code, as in file names -> voice group.
        labels: label code, as in file names or label files -> plan.
        slots: speaker code and label code -> path and sentence of all takes that names allow.
        session: take -> name of its recording session; one per file by default.
        write: folder and recording -> files in the corpus's format.
        documents: all takes -> path below the root -> text of files beside the recordings.
        sample_rate_hz: of the files.
        syllables: least and largest number of syllables of a sentence.
        shares: speaker code -> factor on the number of takes, for uneven corpora.
    """

    corpus: str
    channels: tuple[Channel, ...]
    speakers: Mapping[str, VoiceGroup]
    labels: Mapping[str, LabelPlan]
    slots: Callable[[str, str], Slots]
    session: Callable[[Take], str] = lambda take: take.path
    write: Callable[[Path, SimulatedRecording], None] = write_takes
    documents: Callable[[Sequence[Take]], Mapping[str, str]] = lambda _: {}
    sample_rate_hz: int = 16_000
    syllables: tuple[int, int] = (5, 8)
    shares: Mapping[str, float] = field(default_factory=dict)

    def n_takes(self, speaker: str, label: str, scale: float) -> int:
        """Number of takes of a speaker and label: at least 1, at most the number of slots."""
        wanted = round(scale * self.shares.get(speaker, 1.0) * self.labels[label].n_takes)
        return min(max(1, wanted), len(self.slots(speaker, label)))

    def size(self, scale: float = 1.0) -> int:
        """Number of takes of the corpus."""
        return sum(
            self.n_takes(s, label, scale) for s, label in product(self.speakers, self.labels)
        )
