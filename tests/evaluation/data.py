"""A small dataset of made-up corpora with separable classes, without any audio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from voxaffect.corpora.corpus import Utterance
from voxaffect.evaluation.experiment.dataset import Dataset
from voxaffect.evaluation.results import PROBABILITIES
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


def results_of(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Rows of each fold, system and seed."""
    return [own for _, own in frame.groupby(["fold", "system", "seed"], observed=True)]


def assert_same(
    first: pd.DataFrame, second: pd.DataFrame, *, rtol: float = 0.0, atol: float = 0.0
) -> None:
    """The same results; the runs may be different ones."""
    a, b = (frame.drop(columns="run").astype({"functionals": object}) for frame in (first, second))
    numbers = [*PROBABILITIES]
    texts = [name for name in a if name not in {*numbers, "functionals"}]
    assert a[texts].astype(str).equals(b[texts].astype(str))
    np.testing.assert_allclose(a[numbers], b[numbers], rtol=rtol, atol=atol)
    with_functionals = a["functionals"].notna()
    assert with_functionals.equals(b["functionals"].notna())
    if with_functionals.any():
        ours, theirs = (np.concatenate([*f["functionals"][with_functionals]]) for f in (a, b))
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)
