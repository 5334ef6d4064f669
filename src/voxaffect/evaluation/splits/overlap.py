"""Corpus overlap: what corpora have, lack and share, before any feature is computed.

The parts compared are the test sets of the `cross` protocol: every corpus, and the natural and
acted speech of those whose styles are split.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from voxaffect.corpora.corpus import Corpus, Problem, Utterance
from voxaffect.errors import FoldError
from voxaffect.evaluation.splits.draws import grouped
from voxaffect.evaluation.splits.folds import Dev, Fold, cross, part_of
from voxaffect.evaluation.splits.leakage import LeakageStatement, leakage_statements
from voxaffect.evaluation.splits.pairs import Pair, UtteranceGroup, compare, repeats
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS, Taxonomy

UNKNOWN = "unknown"  # key of what a corpus does not state


@dataclass(frozen=True)
class Inventory:
    """Numbers of utterances by property, with `unknown`; of languages only those present."""

    n_utterances: int
    n_speakers: int
    emotions: dict[str, int]
    genders: dict[str, int]
    styles: dict[str, int]
    languages: dict[str, int]
    n_arousal: int
    n_valence: int


@dataclass(frozen=True)
class Part:
    """A corpus `emodb`, or one style of it `iemocap:acted`.

    Args:
        holds: counts of the utterances that have a class and can be used.
        repeats: ids of utterances with the samples of an earlier one, and id of the first of them.
    """

    name: str
    corpus: str
    title: str
    holds: Inventory
    repeats: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Exclusion:
    """Part of a corpus that no experiment uses, for one reason, or a finding of its loader.

    Args:
        why: the reason: a rule of the taxonomy, or a kind of problem.
        n: utterances, or findings, each of a file or of lines in one.
        labels: raw label -> utterances, where the taxonomy excludes them.
        example: the first file or line concerned and what is wrong with it, or empty.
    """

    corpus: str
    why: str
    n: int
    labels: dict[str, int]
    example: str = ""


@dataclass(frozen=True)
class LeftOutPart:
    """Leave-one-corpus-out fold that leaves out one part.

    Args:
        missing_in_train: kind of property -> those that the test set alone has.
        untested: classes that the training set alone has.
        leakage: what the sets share by name, as `evaluate` reports it.
    """

    name: str
    train: Inventory
    dev: Inventory
    test: Inventory
    missing_in_train: dict[str, tuple[str, ...]]
    untested: tuple[str, ...]
    leakage: LeakageStatement


@dataclass(frozen=True)
class Overlaps:
    """What the corpora of an experiment have, lack and share, in the order of parts.

    Args:
        left_out: folds of the `cross` protocol.
        refused: why others cannot be built, a sentence each.
    """

    parts: tuple[Part, ...]
    excluded: tuple[Exclusion, ...]
    left_out: tuple[LeftOutPart, ...]
    refused: tuple[str, ...]
    pairs: tuple[Pair, ...]


def overlaps(
    corpora: Sequence[Corpus],
    taxonomy: Taxonomy,
    *,
    contents: Mapping[str, str],
    unusable: Mapping[str, Problem],
    seed: int = 0,
    dev: Dev = "utterances",
    split_style: Collection[str] = (),
) -> Overlaps:
    """Compare corpora as an evaluation would use them, with the folds of `folds.cross`.

    Of utterances with a class, `contents` has the hash of the decoded samples by id, and `unusable`
    why no feature can be computed.

    Raises:
        CorpusError: a label is unknown.
    """
    used = [
        corpus.select(lambda u: taxonomy.emotion(u) is not None and u.id not in unusable)
        for corpus in corpora
    ]
    groups = [group for corpus in used for group in _groups(corpus, split_style)]
    pool = {u.id: u for corpus in used for u in corpus.utterances}
    label_of = {i: EMOTION.index(taxonomy.emotion(u)) for i, u in pool.items()}
    refused = [
        f"{corpus.name}: no utterance has both a class and speech, so no evaluation can begin; "
        f"check {corpus.root} and [taxonomy.{corpus.name}]"
        for corpus in used
        if not corpus.utterances
    ]
    faults: list[FoldError] = []
    folds: tuple[Fold, ...] = ()
    try:
        folds = cross(pool.values(), label_of, seed, dev, split_style, on_refused=faults.append)
    except FoldError as fault:  # there is nothing to leave out
        faults.append(fault)
    leakage = leakage_statements(folds, pool, contents)
    found = {fold.test_name: _left_out(fold, pool, taxonomy, leakage[fold.name]) for fold in folds}
    return Overlaps(
        parts=tuple(
            Part(
                g.name, g.corpus, g.title, _inventory(g.utterances, taxonomy), repeats(g, contents)
            )
            for g in groups
        ),
        excluded=tuple(e for corpus in corpora for e in _excluded(corpus, taxonomy, unusable)),
        left_out=tuple(found[g.name] for g in groups if g.name in found),
        refused=(*refused, *map(str, faults)),
        pairs=tuple(compare(one, other, contents) for one, other in combinations(groups, 2)),
    )


def _groups(corpus: Corpus, split_style: Collection[str]) -> list[UtteranceGroup]:
    """Parts of a corpus by name; an empty one where nothing of it is used."""
    parts = grouped(corpus.utterances, lambda u: part_of(u, split_style)) or {corpus.name: ()}
    title = corpus.card.title
    return [UtteranceGroup(name, corpus.name, title, some) for name, some in parts.items()]


def _inventory(utterances: Collection[Utterance], taxonomy: Taxonomy) -> Inventory:
    def count(
        of: Callable[[Utterance], str | None], names: Sequence[str] | None = None
    ) -> dict[str, int]:
        counts = Counter(of(u) or UNKNOWN for u in utterances)
        return {name: counts[name] for name in (sorted(counts) if names is None else names)}

    return Inventory(
        n_utterances=len(utterances),
        n_speakers=len({u.speaker for u in utterances}),
        emotions=count(taxonomy.emotion, EMOTION.classes),
        genders=count(lambda u: u.gender, (*GENDER.classes, UNKNOWN)),
        styles=count(lambda u: u.naturalness, (*NATURALNESS.classes, UNKNOWN)),
        languages=count(lambda u: u.language),
        n_arousal=sum(u.arousal is not None for u in utterances),
        n_valence=sum(u.valence is not None for u in utterances),
    )


def _excluded(
    corpus: Corpus, taxonomy: Taxonomy, unusable: Mapping[str, Problem]
) -> Iterator[Exclusion]:
    """Problems of the loader, then exclusions of the taxonomy, then unusable recordings."""
    yield from _problems(corpus.name, corpus.problems)
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    own = taxonomy.per_corpus.get(corpus.name, {})
    for u in corpus.utterances:
        if taxonomy.emotion(u) is None:
            by_own = u.label.strip().lower() in own
            why = f"[taxonomy.{corpus.name}]" if by_own else "no class by default"
            labels[why][u.label] += 1
    for why, counts in sorted(labels.items()):
        yield Exclusion(corpus.name, why, counts.total(), dict(sorted(counts.items())))
    unusable_here = [unusable[u.id] for u in corpus.utterances if u.id in unusable]
    yield from _problems(corpus.name, unusable_here)


def _problems(corpus: str, problems: Iterable[Problem]) -> Iterator[Exclusion]:
    by_kind: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        by_kind[problem.kind].append(problem)
    for kind, same in sorted(by_kind.items()):
        yield Exclusion(corpus, kind, len(same), {}, f"{same[0].path}: {same[0].detail}")


def _left_out(
    fold: Fold, pool: Mapping[str, Utterance], taxonomy: Taxonomy, leakage: LeakageStatement
) -> LeftOutPart:
    sets = (fold.train, fold.dev, fold.test)
    train, dev, test = (_inventory([pool[i] for i in ids], taxonomy) for ids in sets)
    kinds = ("emotions", "genders", "styles", "languages")
    return LeftOutPart(
        name=fold.test_name,
        train=train,
        dev=dev,
        test=test,
        missing_in_train={k: _missing(getattr(train, k), getattr(test, k)) for k in kinds},
        untested=_missing(test.emotions, train.emotions),
        leakage=leakage,
    )


def _missing(counts: Mapping[str, int], reference: Mapping[str, int]) -> tuple[str, ...]:
    """Names that the reference has and the counts lack, without the unknown."""
    return tuple(k for k, n in reference.items() if n and not counts.get(k) and k != UNKNOWN)
