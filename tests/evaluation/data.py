"""A small dataset of made-up corpora with separable classes, without any audio."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from voxaffect.corpora.corpus import Utterance
from voxaffect.evaluation.experiment.dataset import Dataset
from voxaffect.taxonomy import EMOTION, Taxonomy

N_FEATURES = 5


def make_dataset(
    corpora: tuple[str, ...] = ("north", "south"), n_speakers: int = 3, n_takes: int = 3
) -> Dataset:
    """Each speaker has `n_takes` utterances of each class; classes shift the features' mean."""
    rng = np.random.default_rng(0)
    centers = np.random.default_rng(7).normal(size=(4, N_FEATURES))
    utterances: dict[str, Utterance] = {}
    features = {}
    for number, corpus in enumerate(corpora):
        for speaker in range(n_speakers):
            for c, label in enumerate(EMOTION.classes):
                for take in range(n_takes):
                    id_ = f"{corpus}/{speaker}/{label}{take}"
                    utterances[id_] = Utterance(
                        id=id_,
                        corpus=corpus,
                        path=Path(id_),
                        label=label,
                        speaker=f"{corpus}/{speaker}",
                        gender="female" if speaker % 2 else "male",
                        naturalness="acted" if number % 2 else "natural",
                    )
                    n_frames = int(rng.integers(6, 15))
                    noise = rng.normal(size=(n_frames, N_FEATURES))
                    features[id_] = (centers[c] + 0.3 * noise).astype(np.float32)
    taxonomy = Taxonomy()
    targets = {i: taxonomy.encode(u) for i, u in utterances.items()}
    contents = {i: str(frames.sum()) for i, frames in features.items()}
    return Dataset(utterances, targets, features, contents, {"extractor": "made up"})
