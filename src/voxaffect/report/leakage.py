"""Data leakage: overlap between corpora, and between the training and test sets of a run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from voxaffect.evaluation.card import leakage_table
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.splits.leakage import COPIES, NAMES
from voxaffect.evaluation.splits.overlap import Exclusion, Overlaps, Part
from voxaffect.evaluation.splits.pairs import Pair
from voxaffect.report.table import (
    ABSENT,
    Cell,
    Row,
    Section,
    Table,
    cells,
    count,
    count_cell,
    count_range,
    listing,
    plural,
)
from voxaffect.taxonomy import EMOTION

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
    parts, pairs = found.parts, found.pairs
    return (*contents(parts), excluded(found.excluded), *left_out(found), shared(pairs))


def contents(parts: Sequence[Part]) -> tuple[Table, Table, Table]:
    """Utterances of each corpus by emotion, by gender (with speakers), and by style."""
    genders = _present([part.holds.genders for part in parts])
    styles = _present([part.holds.styles for part in parts])
    by_emotion, by_gender, by_style = [], [], []
    for part in parts:
        held, languages = part.holds, part.holds.languages
        spoken = next(iter(languages)) if len(languages) == 1 else counts_text(languages) or ABSENT
        others = (held.n_utterances, held.n_arousal, held.n_valence, len(part.repeats))
        by_emotion.append(counted([part.name], [*held.emotions.values(), *others]))
        voices = [held.n_speakers, *(held.genders[gender] for gender in genders)]
        by_gender.append(counted([part.name], voices))
        by_style.append(counted([part.name], [held.styles[style] for style in styles], spoken))
    columns = ("Corpus", *EMOTION.classes, "all", "arousal", "valence", "repeats")
    title = "Corpora: utterances by style and language"
    names = (0, len(styles) + 1)
    return (
        Table("Corpora: utterances by emotion", columns, tuple(by_emotion), (UTTERANCE_COUNTS,)),
        Table(
            "Corpora: speakers, and utterances by gender",
            ("Corpus", "speakers", *genders),
            tuple(by_gender),
        ),
        Table(title, ("Corpus", *styles, "Language"), tuple(by_style), text_columns=names),
    )


def _present(counts: Sequence[Mapping[str, int]]) -> list[str]:
    """Kinds, in their order, of which any corpus has some."""
    return [kind for kind in counts[0] if any(c[kind] for c in counts)] if counts else []


def counted(names: Sequence[str], counts: Iterable[int], *more: Cell | str) -> Row:
    """A row of names, counts (zero is absent), and more cells."""
    return cells(*names, *map(count_cell, counts), *more)


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


def left_out(found: Overlaps) -> tuple[Table, Table]:
    """Leave-one-corpus-out sets: utterances by class, and differences of training and test."""
    sets, gaps = [], []
    for part in found.left_out:
        for name, held in (("train", part.train), ("dev", part.dev), ("test", part.test)):
            names = [part.name if name == "train" else "", name]
            sets.append(counted(names, [*held.emotions.values(), held.n_utterances]))
        new = part.missing_in_train
        others = (*new["genders"], *new["styles"], *new["languages"])
        missing = (", ".join(some) or None for some in (new["emotions"], part.untested, others))
        gaps.append(cells(part.name, *missing, _shared_with_all(part.name, found.pairs)))
    title = "Leave-one-corpus-out sets: utterances by emotion"
    columns = ("Left out", "Set", *EMOTION.classes, "all")
    return (
        Table(title, columns, tuple(sets), found.refused, text_columns=(0, 1)),
        Table(
            "Leave-one-corpus-out sets: mismatch and overlap of training and test sets",
            ("Left out", "Untrained", "Untested", "New to training", "Shared with the others"),
            tuple(gaps),
            (GAPS,) if gaps else (),
            text_columns=range(5),
        ),
    )


def _shared_with_all(name: str, pairs: Sequence[Pair]) -> str | None:
    names: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        for kind, matches in pair.kinds().items():
            names[kind] |= {m.first for m in matches if pair.first == name}
            names[kind] |= {m.second for m in matches if pair.second == name}
    counts = (plural(len(same), kind.removesuffix("s")) for kind, same in names.items() if same)
    return ", ".join(counts) or None


def shared(pairs: Sequence[Pair]) -> Table:
    """Overlap of each pair of corpora, by matching rule."""
    rows = tuple(
        counted(
            [pair.first, pair.second, rule],
            (sum(rule in m.rules for m in same) for same in pair.kinds().values()),
        )
        for pair in pairs
        for rule in pair.rules()
    )
    others = sum(not pair.rules() for pair in pairs)
    note = "No known overlap between any two corpora."
    if rows:
        note = f"No known overlap in {plural(others, 'other pair')}."
    return Table(
        "Overlap between corpora",
        ("Corpus", "and", "Matched by", "speakers", "sentences", "sessions", "recordings"),
        rows,
        (note, MATCHING) if others or not rows else (MATCHING,),
        text_columns=(0, 1, 2),
    )


KINDS = ("speakers", "sentences", "sessions", "files", *COPIES)
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
TEST_SET_USE = (
    "The test set is used only once, for the final scores. Features are standardized with the mean "
    "and standard deviation of the training set of the fold."
)


def note(run: Run, protocol: str) -> str:
    """Leakage of a protocol, for the note below its scores; empty if unknown."""
    found = leakage_table(run)
    found = found[(found["protocol"] == protocol) & (found["set"] == "test")]
    if found.empty:
        return ""
    n_folds = found["fold"].nunique()
    folds = plural(n_folds, "fold")
    total, n_sharing = (found.groupby("kind")["n"].agg(f) for f in ("sum", np.count_nonzero))
    by_test = found[found["kind"] == "speakers"].groupby("test_set")
    speakers = [_shared_speakers(str(test), own) for test, own in by_test if own["n"].any()]
    text = [f"No test speaker is in the training data ({count(n_folds)} of {folds})."]
    if speakers:
        text = [f"Speaker-dependent: {listing(speakers)} with training."]
        if rest := len(by_test) - len(speakers):
            text.append(f"None shared in {plural(rest, 'other test set')}.")
    if n := total.get("unnamed"):
        text.append(
            f"{plural(n, 'test utterance')} without speaker names (counted as one speaker)."
        )
    copies = [
        f"{plural(total[kind], name)} in {count(n_sharing[kind])} of {folds}"
        for kind, name in zip(COPIES, ("duplicate", "near-duplicate"), strict=True)
        if total.get(kind)
    ]
    if copies:
        text.append(f"Test recordings also in the training data: {listing(copies)}.")
    else:
        none = "No test recording has a duplicate or near-duplicate in the training data"
        text.append(f"{none} ({count(n_folds)} of {folds}).")
    texts = ("sentences", "sessions", "files")
    kinds = [f"{kind} in {count(n_sharing[kind])} of {folds}" for kind in texts if total.get(kind)]
    if kinds:
        text.append(f"Shared with training: {listing(kinds)}.")
    else:
        text.append("No shared sentences, sessions or files are known.")
    return " ".join(text)


def _shared_speakers(test_set: str, found: pd.DataFrame) -> str:
    """`iemocap:natural shares all 10 speakers`, `emodb shares speakers in 2 of 10 folds`."""
    name = "the test set" if test_set == "aggregated" else test_set
    counts = found[["n", "of"]].to_numpy().tolist()
    if len(counts) > 1:
        n = sum(n > 0 for n, _ in counts)
        return f"{name} shares speakers in {count(n)} of {plural(len(counts), 'fold')}"
    ((n, of),) = counts
    which = "all" if n == of else f"{count(n)} of its"
    return f"{name} shares {which} {plural(of, 'speaker')}"


def section(run: Run) -> Section | None:
    """The section on leakage; None without results."""
    found = leakage_table(run)
    if found.empty:
        return None
    test, dev = (found[found["set"] == name] for name in ("test", "dev"))
    return Section(
        key="leakage",
        title="Leakage",
        lead=(TEST_SET_USE, *choices(run.settings.get("systems", {})), _dev_speakers(dev)),
        tables=(_table("Test sets: overlap with training and dev data", test),),
        more=(_table("Dev sets: overlap with training data", dev), statements(found)),
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


def _dev_speakers(found: pd.DataFrame) -> str:
    shared = found["n"][found["kind"] == "speakers"]
    folds = plural(len(shared), "fold")
    if n := int(np.count_nonzero(shared)):
        return (
            f"The dev sets of {count(n)} of {folds} share speakers with their training sets, as in "
            "the paper: epochs are not selected on new speakers there."
        )
    return f"No dev set shares a speaker with its training set ({folds})."


def _table(title: str, found: pd.DataFrame) -> Table:
    rows = tuple(
        cells(
            str(protocol), str(test), own["fold"].nunique(), *(_range(own, kind) for kind in KINDS)
        )
        for (protocol, test), own in found.groupby(["protocol", "test_set"], sort=False)
    )
    heads = (kind.replace("_", "-").capitalize() for kind in KINDS)
    columns = ("Protocol", "Test set", "Folds", *heads)
    return Table(title, columns, rows, (SHARED_COUNTS, DUPLICATES), text_columns=(0, 1))


def _range(found: pd.DataFrame, kind: str) -> str:
    """`0 of 1`, `1–3 of 10`."""
    own = found[found["kind"] == kind]
    if own.empty:
        return ABSENT
    return " of ".join(count_range(own[name].tolist(), "\N{EN DASH}") for name in ("n", "of"))


def statements(found: pd.DataFrame) -> Table:
    """What the sets of each fold share, in a sentence, with the number of folds of each."""
    stated = Counter(
        (str(protocol), str(test), _statement(own))
        for (protocol, test, _), own in found.groupby(["protocol", "test_set", "fold"])
    )
    rows = tuple(cells(*group, n) for group, n in sorted(stated.items()))
    columns = ("Protocol", "Test set", "Shared with training", "Folds")
    return Table("Leakage statements", columns, rows, text_columns=(0, 1, 2))


def _statement(fold: pd.DataFrame) -> str:
    shared, doubt = {}, ""
    for name, own in fold.groupby("set"):
        n = dict(zip(own["kind"], own["n"], strict=True))
        if n.get("speakers") and n.get("unnamed"):
            doubt = "; speakers of unknown name count as one"
        kinds = [kind for kind in (*NAMES, *COPIES) if n.get(kind)]
        things = (plural(n[k], "corpus" if k == "corpora" else k[:-1], k) for k in kinds)
        shared[name] = ", ".join(things).replace("_", " ") or "nothing known"
    return (
        f"the test set shares {shared['test']} with the training and dev data; "
        f"the dev set shares {shared['dev']} with the training data{doubt}."
    )
