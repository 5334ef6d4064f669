"""What every score is to be read beside: what its test set shares with its training data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from voxaffect.evaluation.card import Exposure, Share
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.splits.overlap import UNKNOWN, Exclusion, Inventory, LeftOutPart, Overlaps
from voxaffect.evaluation.splits.pairs import Pair
from voxaffect.evaluation.summary import Summary
from voxaffect.report import findings, run_info
from voxaffect.report.table import ABSENT, Cell, Section, Table, count, listing, plural, whole
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS

Row = tuple[Cell, ...]

OVERLAP_COUNTED = (
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
        (OVERLAP_COUNTED,),
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
    """What every two parts share, and what it was recognized by."""
    sharing = [pair for pair in pairs if pair.rules()]
    return Table(
        "What each two corpora share",
        ("Corpus", "and", "Recognized by", "speakers", "sentences", "sessions", "recordings"),
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


HEADS = {
    "speakers": "Speakers",
    "sentences": "Sentences",
    "sessions": "Sessions",
    "files": "Files",
    "duplicates": "Same recording",
    "near_duplicates": "Nearly the same",
}
LEAKAGE_COUNTED = (
    "Things that a fold's test set shares, of those that it has; a range where folds differ. "
    f"{ABSENT} stands where names are not known or copies were not looked for."
)
COPIES = (
    "Same recording: utterances whose audio is in the training data too, byte for byte. Nearly the "
    "same: others whose frames agree with some of the training data, frame by frame, but for a "
    "short cut or another coding (mean concordance of .85 or more); a copy through a telephone or "
    "in audible noise is not found. Files: recordings of which both have a stretch."
)
BY_DEV = "the dev set chose the epoch and the temperature of the probabilities"
GCV = "generalized cross-validation on the training set"
NOT_LOOKED_FOR = (
    "Copies of recordings were not looked for, as the run is of an earlier version: evaluate it "
    "again, which keeps its results and looks."
)
SPLIT = (
    "The test set decides nothing: it is answered for once, when all is chosen. The mean and "
    "deviation by which a system standardizes what it hears are those of the fold's training set."
)


def note(summary: Summary, protocol: str) -> str:
    """What stands below a table of scores; empty where nothing is recorded."""
    exposure = summary.exposure(protocol)
    if exposure is None or not exposure.shares("speakers"):
        return ""
    return " ".join((_speakers(exposure), _copies(exposure), _texts(exposure)))


def section(run: Run, summary: Summary) -> Section | None:
    """Leakage in full; None where there is no result."""
    if not summary.exposures:
        return None
    return Section(
        key="leakage",
        title="What training shares with the test sets",
        lead=(SPLIT, *choices(run.settings.get("systems", {})), *_dev(summary.exposures)),
        tables=(_table("test", summary.exposures),),
        more=(_table("dev", summary.exposures), run_info.leakage(findings.leakage(run.results))),
        more_title="The dev sets, and the statement of each fold",
    )


def choices(systems: Mapping[str, Any]) -> tuple[str, ...]:
    """Who chose what of each system, by its settings; a sentence for all that are alike."""
    told: dict[str, list[str]] = {}
    for name, settings in systems.items():
        if chosen := _chosen(settings):
            told.setdefault(chosen, []).append(name)
    return tuple(f"{listing(names)}: {chosen}" for chosen, names in told.items())


def _chosen(settings: Mapping[str, Any]) -> str:
    """Of a net, of a machine with a penalty; empty for what has neither."""
    if "elm" in settings:
        by = GCV if settings["elm"]["ridge"] == "gcv" else "the settings"
        return f"{BY_DEV}; {by} chose the ridge of the extreme learning machine."
    if "training" in settings:
        return f"{BY_DEV}."
    if len(settings.get("penalties", ())) > 1:
        return "the dev set chose the penalty and the temperature of the probabilities."
    if {"penalty", "penalties"} & settings.keys():
        return "the settings fixed the penalty; the dev set chose the temperature alone."
    return ""


def _dev(exposures: Sequence[Exposure]) -> tuple[str, ...]:
    """Whether what chose the epoch was heard in training."""
    shares = [share for exposure in exposures for share in exposure.dev_shares("speakers")]
    n, folds = sum(share.n > 0 for share in shares), plural(len(shares), "fold")
    if not shares:
        return ()
    said = f"No dev set shares a speaker with its training set ({folds})."
    if n:
        said = f"The dev sets of {count(n)} of {folds} share speakers with their training sets: "
        said += "as in the paper, what chose the epoch is no new voice."
    return (said,)


def _speakers(exposure: Exposure) -> str:
    """Whether test speakers are heard in training, test set by test set."""
    shares = exposure.shares("speakers")
    sharing = exposure.sharing("speakers")
    if not sharing:
        said = f"No speaker of a test set is in its training data{_of(len(shares), exposure)}."
    else:
        each = listing([_one(exposure.on(test), test) for test in sharing])
        rest = len(exposure.test_sets) - len(sharing)
        others = f" {plural(rest, 'other test set')} shared none." if rest else ""
        said = f"Speaker-dependent: {each} with training.{others}"
    return said + _unnamed(exposure)


def _one(exposure: Exposure, test_set: str) -> str:
    """`iemocap:natural shares all 10 speakers`, `emodb shares speakers in 2 of 10 folds`."""
    shares = exposure.shares("speakers")
    name = "the test set" if test_set == exposure.protocol else test_set
    if len(shares) > 1:
        return f"{name} shares speakers in {_of_folds(exposure.n_sharing('speakers'), exposure)}"
    (share,) = shares
    if share.of is None:
        return f"{name} shares {plural(share.n, 'speaker')}"
    if share.n == share.of:
        return f"{name} shares all {plural(share.n, 'speaker')}"
    return f"{name} shares {count(share.n)} of its {plural(share.of, 'speaker')}"


def _unnamed(exposure: Exposure) -> str:
    n = sum(share.n for share in exposure.shares("unnamed"))
    if not n:
        return ""
    return f" {plural(n, 'tested utterance')} have speakers of unknown name, who count as one."


def _copies(exposure: Exposure) -> str:
    """Whether recordings under test are in the training data under another name."""
    same, near = exposure.shares("duplicates"), exposure.shares("near_duplicates")
    if not (same and near):
        return NOT_LOOKED_FOR
    n_same, n_near = (sum(share.n for share in shares) for shares in (same, near))
    if n_same + n_near == 0:
        where = _of(len(same), exposure)
        return f"No tested recording, nor one nearly the same, is in the training data{where}."
    said = []
    if n_same:
        said.append(f"{plural(n_same, 'tested recording')} in {_where('duplicates', exposure)}")
    if n_near:
        said.append(f"{count(n_near)} nearly in {_where('near_duplicates', exposure)}")
    return f"Also in the training data: {listing(said)}."


def _texts(exposure: Exposure) -> str:
    """Which other names are shared, in how many folds."""
    kinds = [kind for kind in ("sentences", "sessions", "files") if exposure.n_sharing(kind)]
    if not kinds:
        return "No sentence, session or file is known to be shared."
    said = listing([f"{kind} in {_where(kind, exposure)}" for kind in kinds])
    return f"Shared with training: {said}."


def _where(kind: str, exposure: Exposure) -> str:
    return _of_folds(exposure.n_sharing(kind), exposure)


def _of_folds(n: int, exposure: Exposure) -> str:
    return f"{count(n)} of {plural(len(exposure.folds), 'fold')}"


def _of(n: int, exposure: Exposure) -> str:
    return f" ({_of_folds(n, exposure)})"


SETS = {
    "test": ("What test sets share with training and dev data", Exposure.shares),
    "dev": ("What dev sets share with training data", Exposure.dev_shares),
}


def _table(which: str, exposures: Sequence[Exposure]) -> Table:
    title, shares = SETS[which]
    rows = []
    for exposure in exposures:
        for test_set in exposure.test_sets:
            part = exposure.on(test_set)
            cells = (Cell(_range(shares(part, kind))) for kind in HEADS)
            rows.append(
                (Cell(exposure.protocol), Cell(test_set), Cell(count(len(part.folds))), *cells)
            )
    columns = ("Experiment", "Test set", "Folds", *HEADS.values())
    return Table(title, columns, tuple(rows), (LEAKAGE_COUNTED, COPIES), words=frozenset({0, 1}))


def _range(shares: Sequence[Share]) -> str:
    """`0 of 1`, `1–3 of 10`; the second number is missing where it was not recorded."""
    if not shares:
        return ABSENT
    of = [share.of for share in shares if share.of is not None]
    least = _span([share.n for share in shares])
    return f"{least} of {_span(of)}" if of else least


def _span(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return count(low) if low == high else f"{count(low)}\N{EN DASH}{count(high)}"
