"""Data leakage: overlap between corpora, and between the training and test sets of a run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from voxaffect.evaluation.card import ProtocolLeakage, Share
from voxaffect.evaluation.experiment.run import FoldResult, Run
from voxaffect.evaluation.splits.overlap import UNKNOWN, Exclusion, Overlaps, Part
from voxaffect.evaluation.splits.pairs import Pair
from voxaffect.evaluation.summary import Summary
from voxaffect.report.table import (
    ABSENT,
    Section,
    Table,
    cells,
    count,
    count_cell,
    count_range,
    listing,
    plural,
)
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS

UTTERANCE_COUNTS = (
    f"{ABSENT}: none. Arousal, valence: utterances rated for them. Repeats: utterances with the "
    "same samples as an earlier one."
)
GAPS = (
    "Untrained: classes in the test set but not in training. Untested: classes in training but not "
    "in the test set. New: genders, styles and languages in the test set but not in training."
)
MATCHING = (
    "Speaker and session names and sentence codes are compared only within one distribution. "
    "Recordings match if their decoded samples are equal; copies at another sample rate or from a "
    "lossy format are not detected."
)


def tables(found: Overlaps) -> tuple[Table, ...]:
    """Contents of the corpora, excluded data, leave-one-corpus-out sets, and overlap."""
    return (
        emotions(found.parts),
        voices(found.parts),
        styles(found.parts),
        excluded(found.excluded),
        sets(found),
        gaps(found),
        shared(found.pairs),
    )


def emotions(parts: Sequence[Part]) -> Table:
    """Utterances of each corpus by class."""
    rows = tuple(
        cells(
            part.name,
            *map(count_cell, part.holds.emotions.values()),
            *map(count_cell, (part.holds.n_utterances, part.holds.n_arousal, part.holds.n_valence)),
            count_cell(len(part.repeats)),
        )
        for part in parts
    )
    columns = ("Corpus", *EMOTION.classes, "all", "arousal", "valence", "repeats")
    return Table("Corpora: utterances by emotion", columns, rows, (UTTERANCE_COUNTS,))


def voices(parts: Sequence[Part]) -> Table:
    """Speakers of each corpus, and utterances by gender."""
    genders = _present((*GENDER.classes, UNKNOWN), [part.holds.genders for part in parts])
    counts = ([p.holds.n_speakers, *(p.holds.genders[g] for g in genders)] for p in parts)
    rows = tuple(
        cells(part.name, *map(count_cell, each)) for part, each in zip(parts, counts, strict=True)
    )
    title = "Corpora: speakers, and utterances by gender"
    return Table(title, ("Corpus", "speakers", *genders), rows)


def styles(parts: Sequence[Part]) -> Table:
    """Utterances of each corpus by naturalness and language."""
    kinds = _present((*NATURALNESS.classes, UNKNOWN), [part.holds.styles for part in parts])
    rows = tuple(
        cells(
            part.name,
            *(count_cell(part.holds.styles[kind]) for kind in kinds),
            next(iter(languages)) if len(languages) == 1 else counts_text(languages) or None,
        )
        for part in parts
        for languages in [part.holds.languages]
    )
    columns = ("Corpus", *kinds, "Language")
    title = "Corpora: utterances by style and language"
    return Table(title, columns, rows, text_columns=(0, len(columns) - 1))


def _present(kinds: Sequence[str], counts: Sequence[Mapping[str, int]]) -> list[str]:
    return [kind for kind in kinds if any(c[kind] for c in counts)]


def counts_text(counts: Mapping[str, int]) -> str:
    """`boredom 3, fear 12`."""
    return ", ".join(f"{name} {count(n)}" for name, n in counts.items())


def excluded(exclusions: Sequence[Exclusion]) -> Table:
    """Excluded data with reasons: all excluded labels, or one example of a problem."""
    return Table(
        "Excluded data and loader warnings",
        ("Corpus", "Reason", "count", "Labels, or first example"),
        tuple(cells(e.corpus, e.why, e.n, counts_text(e.labels) or e.example) for e in exclusions),
        () if exclusions else ("Nothing is excluded.",),
        text_columns=(0, 1, 3),
    )


def sets(found: Overlaps) -> Table:
    """Training, dev and test sets of a leave-one-corpus-out run by class."""
    rows = tuple(
        cells(
            part.name if name == "train" else "",
            name,
            *map(count_cell, (*held.emotions.values(), held.n_utterances)),
        )
        for part in found.left_out
        for name, held in (("train", part.train), ("dev", part.dev), ("test", part.test))
    )
    columns = ("Left out", "Set", *EMOTION.classes, "all")
    title = "Leave-one-corpus-out sets: utterances by emotion"
    return Table(title, columns, rows, found.refused, text_columns=(0, 1))


def gaps(found: Overlaps) -> Table:
    """Differences between training and test sets, and what they share."""
    rows = tuple(
        cells(
            part.name,
            *(", ".join(names) or None for names in (new.emotions, part.untested)),
            ", ".join((*new.genders, *new.styles, *new.languages)) or None,
            _shared_with_all(part.name, found.pairs),
        )
        for part in found.left_out
        for new in [part.missing_in_train]
    )
    return Table(
        "Leave-one-corpus-out sets: mismatch and overlap of training and test sets",
        ("Left out", "Untrained", "Untested", "New to training", "Shared with the others"),
        rows,
        (GAPS,) if rows else (),
        text_columns=range(5),
    )


def _shared_with_all(name: str, pairs: Sequence[Pair]) -> str | None:
    names: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        for kind, matches in pair.kinds().items():
            if name == pair.first:
                names[kind] |= {match.first for match in matches}
            elif name == pair.second:
                names[kind] |= {match.second for match in matches}
    counts = (plural(len(same), kind.removesuffix("s")) for kind, same in names.items() if same)
    return ", ".join(counts) or None


def shared(pairs: Sequence[Pair]) -> Table:
    """Overlap of each pair of corpora, by matching rule."""
    sharing = [pair for pair in pairs if pair.rules()]
    rows = tuple(
        cells(
            pair.first,
            pair.second,
            rule,
            *(count_cell(sum(rule in m.rules for m in same)) for same in pair.kinds().values()),
        )
        for pair in sharing
        for rule in pair.rules()
    )
    others = len(pairs) - len(sharing)
    note = "No known overlap between any two corpora."
    if sharing:
        note = f"No known overlap in {plural(others, 'other pair')}."
    return Table(
        "Overlap between corpora",
        ("Corpus", "and", "Matched by", "speakers", "sentences", "sessions", "recordings"),
        rows,
        (note, MATCHING) if others or not sharing else (MATCHING,),
        text_columns=(0, 1, 2),
    )


KINDS = ("speakers", "sentences", "sessions", "files", "duplicates", "near_duplicates")
SHARED_COUNTS = (
    "Cells: number shared of the number in the set; a range if folds differ. "
    f"{ABSENT}: names unknown, or duplicates not checked."
)
DUPLICATES = (
    "Duplicates: utterances whose audio is also in the training data, byte for byte. "
    "Near-duplicates: utterances whose frames match training data (mean concordance of at least "
    ".85), such as trimmed or re-encoded copies; copies over a telephone line or in audible noise "
    "are not detected. Files: recordings with segments in both sets."
)
BY_DEV = "the epoch and the temperature of the probabilities are selected on the dev set"
GCV = "by generalized cross-validation on the training set"
NOT_CHECKED = (
    "Duplicates were not checked, because the run was made by an earlier version: run the "
    "evaluation again to check; results are kept."
)
TEST_SET_USE = (
    "The test set is used only once, for the final scores. Features are standardized with the mean "
    "and standard deviation of the training set of the fold."
)


def note(summary: Summary, protocol: str) -> str:
    """Leakage of a protocol, for the note below its scores; empty if unknown."""
    leakage = next((found for found in summary.leakage if found.protocol == protocol), None)
    if leakage is None or not leakage.shares("speakers"):
        return ""
    return " ".join((_speakers(leakage), _copies(leakage), _texts(leakage)))


def section(run: Run, summary: Summary) -> Section | None:
    """The section on leakage; None without results."""
    if not summary.leakage:
        return None
    return Section(
        key="leakage",
        title="Leakage",
        lead=(TEST_SET_USE, *choices(run.settings.get("systems", {})), *_dev(summary.leakage)),
        tables=(_table("test", summary.leakage),),
        more=(_table("dev", summary.leakage), statements_table(statements(run.results))),
        more_title="Dev sets, and the leakage statement of each fold",
    )


def choices(systems: Mapping[str, Any]) -> tuple[str, ...]:
    """How hyperparameters were selected, read from the settings; equal systems share a sentence."""
    named: dict[str, list[str]] = {}
    for name, settings in systems.items():
        if chosen := _chosen(settings):
            named.setdefault(chosen, []).append(name)
    return tuple(f"{listing(names)}: {chosen}" for chosen, names in named.items())


def _chosen(settings: Mapping[str, Any]) -> str:
    if "elm" in settings:
        by = GCV if settings["elm"]["ridge"] == "gcv" else "in the settings"
        return f"{BY_DEV}; the ridge of the extreme learning machine is set {by}."
    if "training" in settings:
        return f"{BY_DEV}."
    if len(settings.get("penalties", ())) > 1:
        return "the penalty and the temperature of the probabilities are selected on the dev set."
    if {"penalty", "penalties"} & settings.keys():
        return "the penalty is fixed; the temperature is selected on the dev set."
    return ""


def _dev(protocols: Sequence[ProtocolLeakage]) -> Iterator[str]:
    shares = [share for leakage in protocols for share in leakage.dev_shares("speakers")]
    n, folds = sum(share.n > 0 for share in shares), plural(len(shares), "fold")
    if n:
        yield (
            f"The dev sets of {count(n)} of {folds} share speakers with their training sets, as in "
            "the paper: epochs are not selected on new speakers there."
        )
    elif shares:
        yield f"No dev set shares a speaker with its training set ({folds})."


def _speakers(leakage: ProtocolLeakage) -> str:
    if sharing := leakage.sharing("speakers"):
        each = listing([_one(leakage.on(test), test) for test in sharing])
        rest = len(leakage.test_sets) - len(sharing)
        others = f" None shared in {plural(rest, 'other test set')}." if rest else ""
        text = f"Speaker-dependent: {each} with training.{others}"
    else:
        where = _of_folds(len(leakage.shares("speakers")), leakage)
        text = f"No test speaker is in the training data ({where})."
    if n := sum(share.n for share in leakage.shares("unnamed")):
        text += f" {plural(n, 'test utterance')} without speaker names (counted as one speaker)."
    return text


def _one(leakage: ProtocolLeakage, test_set: str) -> str:
    """`iemocap:natural shares all 10 speakers`, `emodb shares speakers in 2 of 10 folds`."""
    shares = leakage.shares("speakers")
    name = "the test set" if test_set == leakage.protocol else test_set
    if len(shares) > 1:
        return f"{name} shares speakers in {_of_folds(leakage.n_sharing('speakers'), leakage)}"
    (share,) = shares
    if share.of is None or share.n == share.of:
        every = "" if share.of is None else "all "
        return f"{name} shares {every}{plural(share.n, 'speaker')}"
    return f"{name} shares {count(share.n)} of its {plural(share.of, 'speaker')}"


def _copies(leakage: ProtocolLeakage) -> str:
    found = {kind: leakage.shares(kind) for kind in ("duplicates", "near_duplicates")}
    if not all(found.values()):
        return NOT_CHECKED
    parts = []
    for kind, shares in found.items():
        if n := sum(share.n for share in shares):
            name = kind.replace("_", "-").removesuffix("s")
            parts.append(f"{plural(n, name)} in {_of_folds(leakage.n_sharing(kind), leakage)}")
    if parts:
        return f"Test recordings also in the training data: {listing(parts)}."
    where = _of_folds(len(found["duplicates"]), leakage)
    return f"No test recording has a duplicate or near-duplicate in the training data ({where})."


def _texts(leakage: ProtocolLeakage) -> str:
    shared_in = {kind: leakage.n_sharing(kind) for kind in ("sentences", "sessions", "files")}
    kinds = [f"{kind} in {_of_folds(n, leakage)}" for kind, n in shared_in.items() if n]
    if not kinds:
        return "No shared sentences, sessions or files are known."
    return f"Shared with training: {listing(kinds)}."


def _of_folds(n: int, leakage: ProtocolLeakage) -> str:
    return f"{count(n)} of {plural(len(leakage.folds), 'fold')}"


SETS = {
    "test": ("Test sets: overlap with training and dev data", ProtocolLeakage.shares),
    "dev": ("Dev sets: overlap with training data", ProtocolLeakage.dev_shares),
}


def _table(which: str, protocols: Sequence[ProtocolLeakage]) -> Table:
    title, shares = SETS[which]
    rows = tuple(
        cells(part.protocol, test, len(part.folds), *(_range(shares(part, k)) for k in KINDS))
        for leakage in protocols
        for test in leakage.test_sets
        for part in [leakage.on(test)]
    )
    heads = (kind.replace("_", "-").capitalize() for kind in KINDS)
    columns = ("Protocol", "Test set", "Folds", *heads)
    return Table(title, columns, rows, (SHARED_COUNTS, DUPLICATES), text_columns=(0, 1))


def _range(shares: Sequence[Share]) -> str:
    """`0 of 1`, `1–3 of 10`; the second number is left out if unknown."""
    totals = [share.of for share in shares if share.of is not None]
    counts = ([share.n for share in shares], totals)
    return " of ".join(count_range(n, "\N{EN DASH}") for n in counts if n) or ABSENT


def statements(results: Iterable[FoldResult]) -> dict[tuple[str, str, str], int]:
    """(Protocol, test set, leakage statement) -> number of folds."""
    found = set()
    for r in results:
        text = str(r.details.get("leakage", "no statement recorded")).removeprefix(f"{r.fold}: ")
        found.add((r.fold, (r.protocol, r.corpus, text)))
    return dict(sorted(Counter(statement for _, statement in found).items()))


def statements_table(stated: Mapping[tuple[str, str, str], int]) -> Table:
    """Leakage statements with the number of folds of each."""
    rows = tuple(cells(*group, n) for group, n in stated.items())
    columns = ("Protocol", "Test set", "Shared with training", "Folds")
    return Table("Leakage statements", columns, rows, text_columns=(0, 1, 2))
