"""Small recordings in a corpus's tree, for tests of loaders."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile as sf

RATE_HZ = 16_000


def record(path: Path, seed: int = 0, duration_s: float = 0.1, level: float = 0.1) -> Path:
    """Write noise of a seed, in the format of the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).uniform(-level, level, round(duration_s * RATE_HZ))
    file = io.BytesIO()  # soundfile opens no path that is not UTF-8
    pcm = np.round(noise * 32_767).astype(np.int16)  # the same in every format
    sf.write(file, pcm, RATE_HZ, format=path.suffix[1:].upper())
    path.write_bytes(file.getvalue())
    return path


def record_tree(root: Path, names: Iterable[str]) -> Path:
    """Write a recording for each name below `root`."""
    for seed, name in enumerate(names):
        record(root / name, seed)
    return root
