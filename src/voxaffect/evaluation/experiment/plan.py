"""What an evaluation computes: protocols, systems and seeds, and the folds that corpora allow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from voxaffect.corpora.corpus import Utterance
from voxaffect.errors import FoldError
from voxaffect.evaluation.experiment.dataset import Dataset
from voxaffect.evaluation.protocol.folds import (
    Dev,
    Fold,
    Protocol,
    Refused,
    aggregated,
    cross,
    thinned,
    within,
)
from voxaffect.systems import Options, System


@dataclass(frozen=True)
class Plan:
    """What an evaluation computes.

    Args:
        protocols: questions asked.
        systems: systems compared.
        seeds: each repeats every fold with other weights, orders and crops.
        options: settings that the systems share.
        dev: whether the dev set shares speakers with the training set.
        split_style: corpora whose natural and acted parts are left out in turn.
        split_seed: decides who is dev, who is test when all corpora are shuffled, and who is left
            where training sets are thinned.
        train_shares: shares of the training sets that are learned from, each in folds of its own;
            1 is all.
    """

    protocols: tuple[Protocol, ...]
    systems: tuple[System, ...]
    seeds: tuple[int, ...] = (0,)
    options: Options = Options()
    dev: Dev = "utterances"
    split_style: tuple[str, ...] = ()
    split_seed: int = 0
    train_shares: tuple[float, ...] = (1.0,)

    def settings(self) -> dict[str, Any]:
        """The plan as plain values, for the report."""
        thinned = {} if self.train_shares == (1.0,) else {"train_shares": [*self.train_shares]}
        return {
            "protocols": list(self.protocols),
            "systems": {s.name: s.settings(self.options) for s in self.systems},
            "seeds": list(self.seeds),
            "dev": self.dev,
            "split_style": list(self.split_style),
            "split_seed": self.split_seed,
            **thinned,
        }

    def folds(self, dataset: Dataset, on_refused: Refused) -> tuple[Fold, ...]:
        """Every fold of every protocol that the corpora allow, with every share of its training.

        Args:
            dataset: the corpora's utterances.
            on_refused: told of every fold or protocol that they do not allow.

        Raises:
            FoldError: there is no fold at all.
        """
        refused: list[FoldError] = []
        folds: list[Fold] = []
        for build in self._builders(dataset, refused.append):
            try:
                folds += build()
            except FoldError as fault:
                refused.append(fault)
        if not folds:
            raise refused[0]
        for refusal in refused:
            on_refused(refusal)
        return tuple(self._thinned(folds, dataset))

    def _thinned(self, folds: Sequence[Fold], dataset: Dataset) -> Iterator[Fold]:
        people, labels, seed = dataset.utterances, dataset.labels(), self.split_seed
        for share in self.train_shares:
            for fold in folds:
                yield thinned(fold, share, people, labels, seed)

    def _builders(
        self, dataset: Dataset, on_refused: Refused
    ) -> Iterator[Callable[[], tuple[Fold, ...]]]:
        labels, seed, dev = dataset.labels(), self.split_seed, self.dev
        everything = list(dataset.utterances.values())
        if "within" in self.protocols:
            for corpus in _by_corpus(everything):
                yield partial(within, corpus, labels, seed, dev, on_refused=on_refused)
        if "cross" in self.protocols:
            split = self.split_style
            yield partial(cross, everything, labels, seed, dev, split, on_refused=on_refused)
        if "aggregated" in self.protocols:
            yield lambda: (aggregated(everything, labels, seed),)


def _by_corpus(utterances: Sequence[Utterance]) -> list[list[Utterance]]:
    groups: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in utterances:
        groups[utterance.corpus].append(utterance)
    return list(groups.values())
