"""Before any feature is computed: what corpora bring, lack and share.

The parts that are compared are those that the `cross` protocol leaves out in turn: every corpus,
and the natural and acted speech of those whose styles are split.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from voxaffect.corpora.corpus import Corpus, Problem, Utterance
from voxaffect.errors import FoldError
from voxaffect.evaluation.splits.folds import Dev, Fold, cross, part_of
from voxaffect.evaluation.splits.leakage import LeakageStatement, leakage
from voxaffect.evaluation.splits.pairs import Pair, UtteranceGroup, compare, repeats
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS, Task, Taxonomy

UNKNOWN = "unknown"
"""Key of the utterances of which a corpus does not say."""


@dataclass(frozen=True)
class Inventory:
    """What a set of utterances holds.

    Args:
        n_utterances: how many there are.
        n_speakers: speakers among them.
        emotions: class -> utterances; every class is there, be it with 0.
        genders: the same of genders, with `unknown`.
        styles: the same of natural and acted, with `unknown`.
        languages: language -> utterances, and `unknown`; only what there is.
        n_arousal: utterances that are rated for arousal.
        n_valence: utterances that are rated for valence.
    """

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
    """What a corpus, or one style of it, brings to an experiment.

    Args:
        name: name under which `cross` leaves it out, `emodb` or `iemocap:acted`.
        corpus: name of the corpus.
        title: full name of the distribution.
        holds: the utterances that have a class and can be used.
        repeats: ids of utterances whose samples equal those of one before, and of the first such.
    """

    name: str
    corpus: str
    title: str
    holds: Inventory
    repeats: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Exclusion:
    """What a corpus holds and no experiment uses, for one reason, or what its loader notes.

    Args:
        corpus: name of the corpus.
        why: the reason: which rule of the taxonomy, or which kind of problem.
        n: utterances, or the loader's findings of that kind, each of a file or of lines in one.
        labels: raw label -> utterances, where it is the taxonomy that excludes them.
        example: the first file or line concerned and what is wrong with it, or empty.
    """

    corpus: str
    why: str
    n: int
    labels: dict[str, int]
    example: str = ""


@dataclass(frozen=True)
class MissingInTrain:
    """What a test set has and its training set lacks, in the order of classes and names.

    Args:
        emotions: classes that no answer can name.
        genders: genders of voices.
        styles: natural or acted.
        languages: languages.
    """

    emotions: tuple[str, ...]
    genders: tuple[str, ...]
    styles: tuple[str, ...]
    languages: tuple[str, ...]


@dataclass(frozen=True)
class LeftOutPart:
    """What a leave-one-corpus-out run trains and tests on when it leaves out one part.

    Args:
        name: name of the part.
        train: what is learned from.
        dev: what stops and calibrates.
        test: what is scored.
        unheard: what is under test and was never trained on.
        untested: classes that are trained and that the test set lacks.
        leakage: what the sets share by name, as `evaluate` states it beside every score.
    """

    name: str
    train: Inventory
    dev: Inventory
    test: Inventory
    unheard: MissingInTrain
    untested: tuple[str, ...]
    leakage: LeakageStatement


@dataclass(frozen=True)
class Overlaps:
    """What the corpora of an experiment bring, lack and share.

    Args:
        parts: what each brings, in the order of the corpora.
        excluded: what is not used and why.
        left_out: the runs of the `cross` protocol, in the order of parts.
        refused: why others cannot be made, a sentence each.
        pairs: what every two parts share, in the order of parts.
    """

    parts: tuple[Part, ...]
    excluded: tuple[Exclusion, ...]
    left_out: tuple[LeftOutPart, ...]
    refused: tuple[str, ...]
    pairs: tuple[Pair, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


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
    """Compare corpora as an evaluation would use them.

    Args:
        corpora: as they were found.
        taxonomy: decides each utterance's class.
        contents: id -> hash of the decoded samples, of utterances that have a class.
        unusable: id -> why no feature can be computed of an utterance that has a class.
        seed: decides who is dev.
        dev: as in `folds.cross`.
        split_style: as in `folds.cross`.

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
    folds, refused = _cross(pool.values(), label_of, seed, dev, split_style)
    order = [group.name for group in groups]
    return Overlaps(
        parts=tuple(_part(group, taxonomy, contents) for group in groups),
        excluded=tuple(e for corpus in corpora for e in _excluded(corpus, taxonomy, unusable)),
        left_out=tuple(
            _left_out(fold, pool, taxonomy, contents)
            for fold in sorted(folds, key=lambda fold: order.index(fold.test_name))
        ),
        refused=(*_empty(used), *refused),
        pairs=tuple(compare(one, other, contents) for one, other in combinations(groups, 2)),
    )


def _groups(corpus: Corpus, split_style: Collection[str]) -> list[UtteranceGroup]:
    """The parts of a corpus by name; one that is empty where nothing of it is used."""
    parts: dict[str, list[Utterance]] = defaultdict(list)
    for u in corpus.utterances:
        parts[part_of(u, split_style)].append(u)
    named = sorted(parts.items()) or [(corpus.name, [])]
    return [UtteranceGroup(name, corpus.name, corpus.card.title, tuple(us)) for name, us in named]


def _part(group: UtteranceGroup, taxonomy: Taxonomy, contents: Mapping[str, str]) -> Part:
    holds = _inventory(group.utterances, taxonomy)
    return Part(group.name, group.corpus, group.title, holds, repeats(group, contents))


def _inventory(utterances: Collection[Utterance], taxonomy: Taxonomy) -> Inventory:
    def count(of: Callable[[Utterance], str | None]) -> Counter[str]:
        return Counter(of(u) or UNKNOWN for u in utterances)

    languages = count(lambda u: u.language)
    return Inventory(
        n_utterances=len(utterances),
        n_speakers=len({u.speaker for u in utterances}),
        emotions=_by_class(EMOTION, count(taxonomy.emotion)),
        genders=_by_class(GENDER, count(lambda u: u.gender), UNKNOWN),
        styles=_by_class(NATURALNESS, count(lambda u: u.naturalness), UNKNOWN),
        languages=dict(sorted(languages.items())),
        n_arousal=sum(u.arousal is not None for u in utterances),
        n_valence=sum(u.valence is not None for u in utterances),
    )


def _by_class(task: Task, counts: Counter[str], *more: str) -> dict[str, int]:
    return {name: counts[name] for name in (*task.classes, *more)}


def _excluded(
    corpus: Corpus, taxonomy: Taxonomy, unusable: Mapping[str, Problem]
) -> Iterator[Exclusion]:
    """What the loader could not use, then what the taxonomy excludes, then broken recordings."""
    yield from _problems(corpus.name, corpus.problems)
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    for u in corpus.utterances:
        if taxonomy.emotion(u) is None:
            labels[_excluded_by(u, taxonomy)][u.label] += 1
    for why, counts in sorted(labels.items()):
        yield Exclusion(corpus.name, why, counts.total(), dict(sorted(counts.items())))
    broken = [unusable[u.id] for u in corpus.utterances if u.id in unusable]
    yield from _problems(corpus.name, broken)


def _excluded_by(u: Utterance, taxonomy: Taxonomy) -> str:
    own = taxonomy.per_corpus.get(u.corpus, {})
    return f"[taxonomy.{u.corpus}]" if u.label.strip().lower() in own else "no class by default"


def _problems(corpus: str, problems: Iterable[Problem]) -> Iterator[Exclusion]:
    by_kind: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        by_kind[problem.kind].append(problem)
    for kind, same in sorted(by_kind.items()):
        yield Exclusion(corpus, kind, len(same), {}, f"{same[0].path}: {same[0].detail}")


def _cross(
    pool: Iterable[Utterance],
    label_of: Mapping[str, int],
    seed: int,
    dev: Dev,
    split_style: Collection[str],
) -> tuple[tuple[Fold, ...], list[str]]:
    """The folds that can be built, and why others cannot."""
    refused: list[FoldError] = []
    folds: tuple[Fold, ...] = ()
    try:
        folds = cross(pool, label_of, seed, dev, split_style, on_refused=refused.append)
    except FoldError as fault:  # there is nothing to leave out
        refused.append(fault)
    return folds, [str(fault) for fault in refused]


def _empty(used: Iterable[Corpus]) -> Iterator[str]:
    """Corpora without which no evaluation of these settings begins."""
    for corpus in used:
        if not corpus.utterances:
            yield (
                f"{corpus.name}: no utterance has both a class and speech, so that no evaluation "
                f"begins; check {corpus.root} and [taxonomy.{corpus.name}]"
            )


def _left_out(
    fold: Fold,
    pool: Mapping[str, Utterance],
    taxonomy: Taxonomy,
    contents: Mapping[str, str],
) -> LeftOutPart:
    train, dev, test = (
        _inventory([pool[i] for i in ids], taxonomy) for ids in (fold.train, fold.dev, fold.test)
    )
    return LeftOutPart(
        name=fold.test_name,
        train=train,
        dev=dev,
        test=test,
        unheard=MissingInTrain(
            emotions=_lacking(train.emotions, test.emotions),
            genders=_lacking(train.genders, test.genders),
            styles=_lacking(train.styles, test.styles),
            languages=_lacking(train.languages, test.languages),
        ),
        untested=_lacking(test.emotions, train.emotions),
        leakage=leakage(fold, pool, contents),
    )


def _lacking(here: Mapping[str, int], there: Mapping[str, int]) -> tuple[str, ...]:
    """What is there and not here, as far as either is known."""
    return tuple(k for k, n in there.items() if n and not here.get(k) and k != UNKNOWN)
