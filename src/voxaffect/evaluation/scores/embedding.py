"""Two dimensions to look at: t-SNE of the high-level features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE

MAX_POINTS = 2000
PERPLEXITY = 30.0
FEWEST_POINTS = 5


def embed(
    features: NDArray[np.float32], seed: int = 0
) -> tuple[NDArray[np.intp], NDArray[np.float32]] | None:
    """Place utterances in the plane so that near ones stay near.

    t-distributed stochastic neighbour embedding (van der Maaten & Hinton, JMLR 9, 2008). The
    perplexity is 30, less where there are fewer than 91 points. Of more than MAX_POINTS utterances
    a random subset is placed.

    Args:
        features: float32 (N, F), such as `FoldResult.high_level`.
        seed: of the subset and of the optimisation.

    Returns:
        Indices (M,) of the utterances placed, in order, and their positions (M, 2). None where
        there is nothing to place: fewer than FEWEST_POINTS utterances, or all of them alike.
    """
    rows = _subset(len(features), seed)
    chosen = features[rows]
    if len(chosen) < FEWEST_POINTS or not np.ptp(chosen, axis=0).any():
        return None
    perplexity = min(PERPLEXITY, (len(chosen) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed)
    positions: NDArray[np.float32] = tsne.fit_transform(chosen)
    return rows, positions


def _subset(n: int, seed: int) -> NDArray[np.intp]:
    if n <= MAX_POINTS:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, MAX_POINTS, replace=False))
