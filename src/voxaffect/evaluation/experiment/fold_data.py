"""A fold with what it is computed from, small enough to send to wherever that is done."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxaffect.evaluation.experiment.dataset import Dataset
from voxaffect.evaluation.protocol.folds import Fold, Protocol
from voxaffect.features.store.stored import StoredFrames
from voxaffect.model.examples import Examples


@dataclass(frozen=True)
class FoldData:
    """What all systems and seeds need of a fold; of its frames only where they are stored.

    Args:
        fold: name of the fold.
        protocol: whose rule it obeys.
        test_name: what is left out.
        ids: the test utterances.
        train: what is learned from.
        dev: what stops and calibrates.
        test: what is answered for.
        digests: of train, dev and test: hashes of all that decides what is learned and answered.
        leakage: what the sets share, in a sentence.
        n_train_frames: frames that are learned from.
        train_share: share of the protocol's training set that is learned from.
    """

    fold: str
    protocol: Protocol
    test_name: str
    ids: tuple[str, ...]
    train: Examples
    dev: Examples
    test: Examples
    digests: tuple[str, ...]
    leakage: str
    n_train_frames: int
    train_share: float = 1.0

    @property
    def n_train_bytes(self) -> int:
        """Memory that the frames to learn from take."""
        return self.n_train_frames * self.train.frames[0][:1].nbytes

    @classmethod
    def of(cls, fold: Fold, dataset: Dataset, leakage: str = "") -> FoldData:
        """The data of a fold; its leakage statement comes from who knows the whole dataset."""
        sets = (fold.train, fold.dev, fold.test)
        train, dev, test = (dataset.examples(ids) for ids in sets)
        return cls(
            fold=fold.name,
            protocol=fold.protocol,
            test_name=fold.test_name,
            ids=fold.test,
            train=train,
            dev=dev,
            test=test,
            digests=tuple(dataset.digest(ids) for ids in sets),
            leakage=leakage,
            n_train_frames=int(lengths_of(train).sum()),
            train_share=fold.train_share,
        )


def lengths_of(examples: Examples) -> NDArray[np.integer]:
    """Frames of every example (N,); no stored frame is looked into."""
    frames = examples.frames
    return frames.lengths if isinstance(frames, StoredFrames) else np.array([*map(len, frames)])
