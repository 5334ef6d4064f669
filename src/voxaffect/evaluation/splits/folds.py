"""Cross-validation folds of the three protocols: leave one speaker out, one corpus out, shuffled.

A fold that breaks its protocol's rule cannot be built. Every random choice depends on the seed and
the utterances alone, never on their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, replace
from typing import Literal

from voxaffect.corpora.corpus import UNKNOWN_SPEAKER, Utterance
from voxaffect.errors import FoldError
from voxaffect.evaluation.splits.draws import (
    Group,
    Labels,
    by_speaker,
    class_of,
    deal,
    draw_share,
    draw_tenth,
    grouped,
)
from voxaffect.taxonomy import EMOTION

Protocol = Literal["within", "cross", "aggregated"]
Dev = Literal["utterances", "speakers"]
Refused = Callable[[FoldError], None]

UNKNOWN = f"/{UNKNOWN_SPEAKER}"
"""Suffix of the name of unknown speakers: `mine/?`."""


@dataclass(frozen=True)
class Fold:
    """Disjoint training, dev and test sets that obey the rule of their protocol.

    within: the test set is one speaker, who is in no other set.
    cross: the test set is one corpus, or one style of it (`iemocap:natural`), in no other set.

    Args:
        name: `within/emodb/03`, `cross/emodb`, `aggregated`; `cross/emodb@0.1` with a share of the
            training set.
        test_name: what is left out, `emodb/03`, `emodb`, `iemocap:natural`; or `aggregated`.
        train: sorted ids, as in `dev` (for early stopping and calibration) and `test`.
        utterances: id -> utterance, to check the rule; not stored, nor is `label_of`.
        train_share: share of the protocol's training set in `train`.

    Raises:
        FoldError: a set is empty, sets overlap, an utterance is unknown or has no class, the rule
            is broken, or the training set holds one class only.
    """

    name: str
    protocol: Protocol
    test_name: str
    train: tuple[str, ...]
    dev: tuple[str, ...]
    test: tuple[str, ...]
    utterances: InitVar[Mapping[str, Utterance]]
    label_of: InitVar[Labels]
    train_share: float = 1.0

    def __post_init__(self, utterances: Mapping[str, Utterance], label_of: Labels) -> None:
        for name, ids in (("training", self.train), ("dev", self.dev), ("test", self.test)):
            if not ids:
                raise FoldError(f"{self.name}: the {name} set is empty; add data or drop this fold")
        everything = (*self.train, *self.dev, *self.test)
        most_common, times = Counter(everything).most_common(1)[0]
        if times > 1:
            raise FoldError(
                f"{self.name}: {most_common} is used {times} times; every utterance has one set"
            )
        tested = set(self.test)
        for i in everything:
            if i not in utterances:
                raise FoldError(f"{self.name}: {i} is not an utterance of the corpora given")
            if self.protocol == "within" and utterances[i].speaker.endswith(UNKNOWN):
                raise FoldError(
                    f"{self.name}: the speaker of {i} is not known and could be the one under "
                    f"test; leave {utterances[i].corpus} out of the within protocol"
                )
            class_of(i, label_of)
            left_out = self.test_name in LEFT_OUT[self.protocol](utterances[i])
            if left_out and i not in tested:
                raise FoldError(
                    f"{self.name}: {i} of {self.test_name} is in the training or dev set; "
                    "only the test set may have it"
                )
            if i in tested and not left_out and self.protocol != "aggregated":
                raise FoldError(f"{self.name}: {i} is in the test set but not of {self.test_name}")
        _check_classes(self.name, self.train, label_of)


def make_fold(
    protocol: Protocol,
    test_name: str,
    train: Iterable[Utterance],
    dev: Iterable[Utterance],
    test: Iterable[Utterance],
    *,
    label_of: Labels,
) -> Fold:
    """Make a fold, named after its protocol and what it leaves out; raises as `Fold`."""
    name = test_name if test_name == protocol else f"{protocol}/{test_name}"
    sets = [tuple(part) for part in (train, dev, test)]
    train_ids, dev_ids, test_ids = (tuple(sorted(u.id for u in part)) for part in sets)
    known = {u.id: u for part in sets for u in part}
    return Fold(name, protocol, test_name, train_ids, dev_ids, test_ids, known, label_of)


def within(
    utterances: Iterable[Utterance],
    label_of: Labels,
    seed: int,
    dev: Dev = "utterances",
    *,
    on_refused: Refused | None = None,
) -> tuple[Fold, ...]:
    """Leave-one-speaker-out: a fold for every speaker of one corpus, sorted by speaker.

    The dev set is a tenth of the training utterances, stratified by class, as in the paper; or
    about a tenth of them in whole speakers, at least one. `on_refused` is called with the error of
    a single fold that cannot be built, which is then left out; None raises it.

    Raises:
        FoldError: there are several corpora, fewer than two speakers, or unknown ones; as `Fold`.
    """
    speakers = by_speaker(utterances)
    if len(corpora := sorted({u.corpus for group in speakers.values() for u in group})) > 1:
        raise FoldError(f"within: takes one corpus at a time, not {', '.join(corpora)}")
    if len(speakers) < 2:
        raise FoldError(
            f"within: leaving one speaker out takes two or more, but the corpus has only "
            f"{next(iter(speakers), 'none')}; leave this corpus out"
        )
    return tuple(_leave_each_out("within", speakers, label_of, seed, dev=dev, refuse=on_refused))


def cross(
    utterances: Iterable[Utterance],
    label_of: Labels,
    seed: int,
    dev: Dev = "utterances",
    split_style: Collection[str] = (),
    *,
    on_refused: Refused | None = None,
) -> tuple[Fold, ...]:
    """Leave-one-corpus-out: a fold for every corpus, sorted by name; arguments as in `within`.

    The dev sets are stratified by corpus and class. The natural and acted speech of corpora in
    `split_style` count as two test sets, `iemocap:natural` and `iemocap:acted`. As in the paper
    each is trained on the other and may share its speakers, which the leakage statement reports.

    Raises:
        FoldError: there are fewer than two test sets; as `Fold`.
    """
    parts = grouped(utterances, lambda u: part_of(u, split_style))
    if len(parts) < 2:
        raise FoldError(
            f"cross: leaving one corpus out takes two or more, but there is only "
            f"{next(iter(parts), 'none')}; add a corpus"
        )
    return tuple(_leave_each_out("cross", parts, label_of, seed, dev=dev, refuse=on_refused))


def part_of(u: Utterance, split_style: Collection[str]) -> str:
    """Test set of `cross` that an utterance belongs to, `emodb` or `iemocap:natural`."""
    return _style(u) if u.corpus in split_style else u.corpus


def aggregated(utterances: Iterable[Utterance], label_of: Labels, seed: int) -> Fold:
    """All corpora shuffled: 80 % training, 10 % dev, 10 % test, stratified by corpus and class.

    Raises:
        FoldError: there are fewer than three utterances; as `Fold`.
    """
    pool = tuple(utterances)
    if len(pool) < 3:
        raise FoldError(
            f"aggregated: too few utterances ({len(pool)}) for three sets; add a corpus"
        )
    tenths = deal(pool, label_of, f"{seed} aggregated")
    test = draw_tenth(tenths, label_of, f"{seed} aggregated test")
    left = [tenth for tenth in tenths if tenth != test]
    dev = draw_tenth(left, label_of, f"{seed} aggregated dev")
    train = _without(pool, test + dev)
    return make_fold("aggregated", "aggregated", train, dev, test, label_of=label_of)


def thinned(
    fold: Fold, share: float, utterances: Mapping[str, Utterance], label_of: Labels, seed: int
) -> Fold:
    """A fold with a share (above 0, at most 1) of its training set; dev and test sets stay.

    Shares of one fold are nested and stratified by corpus and class. Raises as `Fold`.
    """
    if share == 1:
        return fold
    pool = [utterances[i] for i in fold.train]
    left = draw_share(pool, share, label_of, f"{seed} {fold.name} share")
    return replace(
        fold,
        name=f"{fold.name}@{share:g}",
        train=tuple(sorted(u.id for u in left)),
        train_share=share,
        utterances=utterances,
        label_of=label_of,
    )


def hold_out_dev(
    utterances: Iterable[Utterance], label_of: Labels, seed: int, dev: Dev = "utterances"
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Training and dev ids without a test set, for a recognizer that is used and not scored.

    Raises:
        FoldError: there are too few data for a dev set.
    """
    parts = _hold_out(tuple(utterances), label_of, f"{seed} all", "all", dev)
    train, chosen = (tuple(sorted(u.id for u in part)) for part in parts)
    _check_classes("all", train, label_of)
    return train, chosen


def _leave_each_out(
    protocol: Protocol,
    parts: Mapping[str, Group],
    label_of: Labels,
    seed: int,
    *,
    dev: Dev,
    refuse: Refused | None,
) -> Iterator[Fold]:
    for left_out, test in parts.items():
        name = f"{protocol}/{left_out}"
        pool = [u for other, group in parts.items() if other != left_out for u in group]
        try:
            train, chosen = _hold_out(pool, label_of, f"{seed} {name}", name, dev)
            yield make_fold(protocol, left_out, train, chosen, test, label_of=label_of)
        except FoldError as fault:
            if refuse is None:
                raise
            refuse(fault)


def _hold_out(
    pool: Sequence[Utterance], label_of: Labels, key: str, name: str, dev: Dev
) -> tuple[Group, Group]:
    """Training and dev part of a pool."""
    by_utterance = dev == "utterances"
    groups = deal(pool, label_of, key) if by_utterance else [*by_speaker(pool).values()]
    if len(groups) < 2:
        raise FoldError(
            f"{name}: the dev set takes some of two or more {dev}, but the training data have "
            f'{len(groups)}; add data or choose dev = "utterances"'
        )
    chosen = draw_tenth(groups, label_of, f"{key} dev")
    return _without(pool, chosen), chosen


def _without(pool: Iterable[Utterance], taken: Group) -> Group:
    ids = {u.id for u in taken}
    return tuple(u for u in pool if u.id not in ids)


def _style(u: Utterance) -> str:
    return f"{u.corpus}:{u.naturalness or 'unknown'}"


LEFT_OUT: dict[str, Callable[[Utterance], Collection[str]]] = {
    "within": lambda u: (u.speaker,),
    "cross": lambda u: (u.corpus, _style(u)),
    "aggregated": lambda _: (),
}
"""Protocol -> test sets that an utterance may belong to; aggregated leaves out ids alone."""


def _check_classes(name: str, ids: Iterable[str], label_of: Labels) -> None:
    classes = {class_of(i, label_of) for i in ids}
    if len(classes) == 1:
        raise FoldError(
            f"{name}: all training data are {EMOTION.classes[classes.pop()]}, but training takes "
            "two classes or more; drop this fold or add data"
        )
