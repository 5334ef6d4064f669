"""Small learnable data for the tests of the model and of what stands on it."""

from __future__ import annotations

import numpy as np

from voxaffect.features.standardize import Standardizer
from voxaffect.model.bank import FrameBank
from voxaffect.model.examples import Examples

N_FEATURES = 6


def make_examples(n_utterances: int = 40, seed: int = 0, noise: float = 1.0) -> Examples:
    """Utterances of 5 to 40 frames whose class shifts the mean of the features."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(4, N_FEATURES))
    emotion = np.arange(n_utterances) % 4
    frames = [
        (centres[c] + noise * rng.normal(size=(rng.integers(5, 41), N_FEATURES))).astype(np.float32)
        for c in emotion
    ]
    targets = {
        "emotion": emotion.astype(np.int64),
        "gender": (rng.integers(0, 2, n_utterances)).astype(np.int64),
        "naturalness": np.full(n_utterances, -1, np.int64),
    }
    return Examples(frames, targets)


def make_bank(examples: Examples) -> FrameBank:
    """The examples on their own statistics."""
    return FrameBank.of(examples, Standardizer.fit(examples.frames))
