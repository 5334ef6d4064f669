"""Tables of what corpora bring, lack and share, before anything is trained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from voxaffect.evaluation.protocol.overlap import (
    UNKNOWN,
    Exclusion,
    Inventory,
    LeftOutPart,
    Overlaps,
)
from voxaffect.evaluation.protocol.pairs import Pair
from voxaffect.report.table import ABSENT, Cell, Table, count, plural, whole
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS

Row = tuple[Cell, ...]

COUNTED = (
    f"{ABSENT} stands where there are none. Arousal and valence: utterances rated for them. "
    "Repeats: utterances whose samples equal those of one before."
)
GAPS = (
    "Untrained: classes under test that training lacks. Untested: classes of the training set that "
    "the test set lacks. New: genders, styles and languages under test that training never heard."
)
COMPARED = (
    "Names of speakers and sessions, and codes of sentences, mean the same within one distribution "
    "only. Recordings are the same where their decoded samples are: a copy at another rate, or "
    "from a lossy format, is not found."
)


def tables(found: Overlaps) -> tuple[Table, ...]:
    """All there is to show: what is brought, left out, trained, tested and shared."""
    return (
        emotions(found),
        voices(found),
        styles(found),
        excluded(found.excluded),
        sets(found),
        gaps(found),
        shared(found.pairs),
    )


def emotions(found: Overlaps) -> Table:
    """What every part brings by class, so that gaps stand out."""
    rows = tuple(
        (
            Cell(part.name),
            *_counts(part.holds.emotions),
            *_rated(part.holds),
            whole(len(part.repeats)),
        )
        for part in found.parts
    )
    return Table(
        "What each corpus brings: utterances by emotion",
        ("Corpus", *EMOTION.classes, "all", "arousal", "valence", "repeats"),
        rows,
        (COUNTED,),
    )


def _rated(held: Inventory) -> Row:
    return whole(held.n_utterances), whole(held.n_arousal), whole(held.n_valence)


def voices(found: Overlaps) -> Table:
    """What every part brings by gender, and of how many speakers."""
    held = [part.holds.genders for part in found.parts]
    genders = _present((*GENDER.classes, UNKNOWN), held)
    rows = tuple(
        (
            Cell(part.name),
            whole(part.holds.n_speakers),
            *(whole(part.holds.genders[gender]) for gender in genders),
        )
        for part in found.parts
    )
    title = "What each corpus brings: speakers, and utterances by gender"
    return Table(title, ("Corpus", "speakers", *genders), rows)


def styles(found: Overlaps) -> Table:
    """What every part brings by naturalness and language."""
    held = [part.holds.styles for part in found.parts]
    kinds = _present((*NATURALNESS.classes, UNKNOWN), held)
    rows = tuple(
        (
            Cell(part.name),
            *(whole(part.holds.styles[kind]) for kind in kinds),
            Cell(_languages(part.holds.languages)),
        )
        for part in found.parts
    )
    title = "What each corpus brings: utterances by style and language"
    columns = ("Corpus", *kinds, "Language")
    return Table(title, columns, rows, words=frozenset({0, len(columns) - 1}))


def _present(kinds: Sequence[str], held: Sequence[Mapping[str, int]]) -> list[str]:
    """Kinds that some part has: what nobody has takes no column."""
    return [kind for kind in kinds if any(counts[kind] for counts in held)]


def _languages(held: Mapping[str, int]) -> str:
    """The language, or each with its utterances where there are several."""
    return next(iter(held)) if len(held) == 1 else _listed(held) or ABSENT


def excluded(exclusions: Sequence[Exclusion]) -> Table:
    """What is not used and why: labels in full, of other things an example."""
    rows = tuple(
        (Cell(e.corpus), Cell(e.why), Cell(count(e.n)), Cell(_listed(e.labels) or e.example))
        for e in exclusions
    )
    return Table(
        "What is left out, or noted by a loader, and why",
        ("Corpus", "Why", "count", "What, or the first of them"),
        rows,
        () if rows else ("Nothing is left out.",),
        words=frozenset({0, 1, 3}),
    )


def sets(found: Overlaps) -> Table:
    """What a leave-one-corpus-out run trains, stops and tests on, by class."""
    rows = tuple(row for part in found.left_out for row in _three_sets(part))
    return Table(
        "What a leave-one-corpus-out run uses: utterances by emotion",
        ("Left out", "Set", *EMOTION.classes, "all"),
        rows,
        found.refused,
        words=frozenset({0, 1}),
    )


def _three_sets(part: LeftOutPart) -> Iterator[Row]:
    for name, held in (("train", part.train), ("dev", part.dev), ("test", part.test)):
        head = part.name if held is part.train else ""
        yield Cell(head), Cell(name), *_counts(held.emotions), whole(held.n_utterances)


def gaps(found: Overlaps) -> Table:
    """What every test set has that training lacks, lacks that training has, and shares with it."""
    rows = tuple(
        (
            Cell(part.name),
            Cell(_words(part.unheard.emotions)),
            Cell(_words(part.untested)),
            Cell(_words(part.unheard.genders, part.unheard.styles, part.unheard.languages)),
            Cell(_shared_with_all(part.name, found.pairs)),
        )
        for part in found.left_out
    )
    return Table(
        "How its test sets differ from its training sets, and what they share",
        ("Left out", "Untrained", "Untested", "New to training", "Shares with the others"),
        rows,
        (GAPS,) if rows else (),
        words=frozenset(range(5)),
    )


def _words(*kinds: Sequence[str]) -> str:
    return ", ".join(word for words in kinds for word in words) or ABSENT


def _shared_with_all(name: str, pairs: Sequence[Pair]) -> str:
    """What a part shares with any of the others, which are its training and dev data."""
    names: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        for kind, matches in pair.kinds().items():
            if name == pair.first:
                names[kind] |= {match.first for match in matches}
            elif name == pair.second:
                names[kind] |= {match.second for match in matches}
    counts = (plural(len(same), kind.removesuffix("s")) for kind, same in names.items() if same)
    return ", ".join(counts) or ABSENT


def shared(pairs: Sequence[Pair]) -> Table:
    """What every two parts share, and what it was recognised by."""
    sharing = [pair for pair in pairs if pair.rules()]
    return Table(
        "What each two corpora share",
        ("Corpus", "and", "Recognised by", "speakers", "sentences", "sessions", "recordings"),
        tuple(row for pair in sharing for row in _by_rule(pair)),
        (*_others(len(sharing), len(pairs)), COMPARED),
        words=frozenset({0, 1, 2}),
    )


def _by_rule(pair: Pair) -> Iterator[Row]:
    for rule in pair.rules():
        counts = (sum(rule in match.rules for match in same) for same in pair.kinds().values())
        yield Cell(pair.first), Cell(pair.second), Cell(rule), *map(whole, counts)


def _others(n_sharing: int, n_pairs: int) -> Iterator[str]:
    if not n_sharing:
        yield "No two corpora share anything that is known."
    elif n_pairs > n_sharing:
        yield f"Nothing that is known is shared by {plural(n_pairs - n_sharing, 'other pair')}."


def _counts(held: Mapping[str, int]) -> Row:
    return tuple(whole(n) for n in held.values())


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count(n)}" for name, n in counts.items())
