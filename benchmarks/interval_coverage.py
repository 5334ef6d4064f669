"""Coverage of the confidence intervals: how often the UA of all speakers is inside, by simulation.

Speakers differ in how well they are recognized and have 4 to 10 utterances of each class; some have
none of one class. The truth is the UA of 200,000 such speakers. For differences, a second system
recognizes each speaker better by an amount of its own.
"""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table

from voxaffect.evaluation.intervals import Resamples, tail
from voxaffect.evaluation.metrics import Floats, mean_known, ratio

SPEAKERS = (5, 6, 10, 25, 60)
N_EXPERIMENTS = 2000
EASE = np.array([0.5, -0.5, 1.0, 0.0])


def experiment(rng: np.random.Generator, n: int) -> Floats:
    """Counts (n, 2, 2, C) of two systems: correct predictions, then utterances."""
    total = rng.integers(4, 11, (n, 4)) * (rng.random((n, 4)) > 0.05)
    ability = rng.normal(0, 0.8, (n, 1)) + EASE
    gain = rng.normal(0.2, 0.3, (n, 1))
    correct = [rng.binomial(total, 1 / (1 + np.exp(-a))) for a in (ability, ability + gain)]
    return np.stack([np.stack([c, total], axis=1) for c in correct], axis=1).astype(np.float64)


def accuracies(sums: Floats) -> Floats:
    """UA (..., 2) of both systems of sums (..., 2, 2, C)."""
    return mean_known(ratio(sums[..., 0, :], sums[..., 1, :]))


def covered(n: int, n_corpora: int) -> Floats:
    """Share of experiments whose interval holds the true UA, and the true difference."""
    rng = np.random.default_rng(n)
    first, second = accuracies(experiment(rng, 200_000).sum(axis=0))
    names = [f"{'abcdefgh'[i % n_corpora]}/{i}" for i in range(n)]
    beyond = tail(n - n_corpora)
    hits = []
    for seed in range(N_EXPERIMENTS):
        ua = accuracies(Resamples.of(names, seed=seed).sums(experiment(rng, n)))
        ends = [np.quantile(x[1:], [beyond, 1 - beyond]) for x in (ua[:, 0], ua[:, 1] - ua[:, 0])]
        truths = (first, second - first)
        hits.append([low <= x <= high for (low, high), x in zip(ends, truths, strict=True)])
    return np.mean(hits, axis=0)


def main() -> None:
    table = Table("speakers", "corpora", "UA", "difference", title="Coverage of 95 % intervals")
    for n in SPEAKERS:
        for n_corpora in (1, 4) if n >= 10 else (1,):
            ua, difference = covered(n, n_corpora)
            table.add_row(str(n), str(n_corpora), f"{ua:.3f}", f"{difference:.3f}")
    Console().print(table)
    error = np.sqrt(0.95 * 0.05 / N_EXPERIMENTS)
    Console().print(f"{N_EXPERIMENTS} experiments each; standard error of a share {error:.3f}")


if __name__ == "__main__":
    main()
