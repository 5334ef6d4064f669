"""Small learnable data for the tests of the model and of what stands on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from voxaffect.features.standardize import Standardizer
from voxaffect.model.data import Examples, FrameDataset
from voxaffect.model.multitask import MultiTaskNet, NetShape
from voxaffect.model.settings import TrainingHistory, TrainingSettings
from voxaffect.model.training import OnEpoch, fit
from voxaffect.model.trunks import TrunkSettings
from voxaffect.taxonomy import TASKS

N_FEATURES = 6


def make_examples(n_utterances: int = 40, seed: int = 0, noise: float = 1.0) -> Examples:
    """Utterances of 5 to 40 frames whose class shifts the mean of the features."""
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(99).normal(size=(4, N_FEATURES))
    emotion = np.arange(n_utterances) % 4
    frames = [
        (centers[c] + noise * rng.normal(size=(rng.integers(5, 41), N_FEATURES))).astype(np.float32)
        for c in emotion
    ]
    targets = {
        "emotion": emotion.astype(np.int64),
        "gender": (rng.integers(0, 2, n_utterances)).astype(np.int64),
        "naturalness": np.full(n_utterances, -1, np.int64),
    }
    return Examples(frames, targets)


def numbered(lengths: Sequence[int]) -> Examples:
    """Every frame holds its utterance and its own number; the emotion is the utterance too."""
    frames = [
        np.stack([np.full(n, u), np.arange(n)], axis=1).astype(np.float32)
        for u, n in enumerate(lengths)
    ]
    return Examples(frames, {"emotion": np.arange(len(lengths), dtype=np.int64)})


def identity(n_features: int = 2) -> Standardizer:
    """Leaves frames as they are."""
    return Standardizer(np.zeros(n_features, np.float32), np.ones(n_features, np.float32))


def make_dataset(examples: Examples, max_bytes: float = float("inf")) -> FrameDataset:
    """The examples on their own statistics, part by part if they are many."""
    return FrameDataset(examples, Standardizer.fit(examples.frames), max_bytes=max_bytes)


def make_shape(trunk: TrunkSettings, *tasks: str, private_layers: int = 0) -> NetShape:
    """A net on the examples' features."""
    n_classes = {task: TASKS[task].n_classes for task in tasks or ("emotion",)}
    return NetShape(trunk, N_FEATURES, n_classes, private_layers, private_units=12)


@dataclass(frozen=True)
class Task:
    """A net with initial weights, and what it is trained on."""

    net: MultiTaskNet
    train: FrameDataset
    dev: FrameDataset
    weights: dict[str, float]
    seed: int

    def fit(
        self, settings: TrainingSettings, on_epoch: OnEpoch | None = None
    ) -> tuple[MultiTaskNet, TrainingHistory]:
        """The trained net."""
        parts, weights = (self.net, self.train, self.dev), self.weights
        return fit(*parts, settings, task_weights=weights, seed=self.seed, on_epoch=on_epoch)


def make_task(
    shape: NetShape, train: Examples, dev: Examples, weights: dict[str, float], seed: int
) -> Task:
    """A net with initial weights, on the training set's statistics."""
    net, standardizer = MultiTaskNet.initialized(shape, seed), Standardizer.fit(train.frames)
    own = [FrameDataset(examples, standardizer) for examples in (train, dev)]
    return Task(net, own[0], own[1], weights, seed)


def utterance(dataset: FrameDataset, row: int) -> torch.Tensor:
    """Standardized frames (T, F) of an utterance of a dataset in memory."""
    start, length = int(dataset.starts[row]), int(dataset.lengths[row])
    return dataset.values[start : start + length]


def without_dropout(trunk: TrunkSettings) -> TrunkSettings:
    """The same trunk that drops nothing."""
    return replace(trunk, dropout=0.0)
