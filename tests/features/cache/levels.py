"""A fast extractor, recordings for it, and subprocesses that use both."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from tests.speech import vowel
from voxaffect.audio.waveform import SAMPLE_RATE_HZ, Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import AudioError
from voxaffect.features.cache.cache import FeatureStore
from voxaffect.features.frames import FrameGrid

REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Levels:
    """A fast extractor that records which waveforms it gets."""

    power: int = 1
    seen: list[str] = field(default_factory=list, compare=False)
    names = ("level", "n")
    grid = FrameGrid()

    def settings(self) -> Mapping[str, object]:
        return {"power": self.power}

    def extract(self, waveforms: Sequence[Waveform]) -> list[NDArray[np.float32]]:
        self.seen.extend(Path(w.name).stem for w in waveforms)
        return [self._frames(w) for w in waveforms]

    def _frames(self, waveform: Waveform) -> NDArray[np.float32]:
        n_frames = self.grid.n_frames(waveform.samples.size)
        if n_frames == 0:
            raise AudioError(f"{waveform.name}: is too short")
        level = np.abs(waveform.samples[: n_frames * 160 : 160]) ** self.power
        return np.stack([level, np.arange(n_frames)], axis=1).astype(np.float32)


def make_utterance(folder: Path, name: str, n_samples: int = 3200, seed: int = 0) -> Utterance:
    """A vowel, all of which is speech."""
    path = folder / f"{name}.wav"
    samples = vowel(n_samples, [seed, len(name), *name.encode()])
    sf.write(path, samples, SAMPLE_RATE_HZ, subtype="PCM_16")
    return Utterance(f"c/{name}", "c", path, "sad", "c/s")


def make_utterances(folder: Path, n: int = 7) -> list[Utterance]:
    """Utterances of different lengths, 0.2 s and more."""
    folder.mkdir(exist_ok=True)
    return [make_utterance(folder, f"u{i}", 3200 + 160 * i) for i in range(n)]


def seen(store: FeatureStore) -> list[str]:
    """Names of the recordings that a store's extractor has processed."""
    assert isinstance(store.extractor, Levels)
    return store.extractor.seen


def files(store: FeatureStore, suffix: str) -> list[Path]:
    return sorted(store.folder.glob(f"*{suffix}"))


def same(a: Mapping[str, NDArray[np.float32]], b: Mapping[str, NDArray[np.float32]]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def python(
    code: str, *arguments: object, preexec: Callable[[], object] | None = None
) -> subprocess.Popen[str]:
    """A subprocess running code, which can import these tests."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=preexec,  # noqa: PLW1509  (one call into the C library, no lock)
    )
