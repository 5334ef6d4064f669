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
from voxaffect.report.table import Section, Table, tabulate
from voxaffect.report.text import ABSENT, count, count_range, listing, plural
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
TEST_SET_USE = (
    "The test set is used only once, for the final scores. Features are standardized with the mean "
    "and standard deviation of the training set of the fold."
)


def tables(found: Overlaps) -> tuple[Table, ...]:
    """Contents of the corpora, excluded data, leave-one-corpus-out sets, and overlap."""
    return (
        *contents(found.parts),
        excluded(found.excluded),
        *left_out(found),
        shared(found.pairs),
    )


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
        by_style.append([*counted([part.name], [held.styles[s] for s in styles]), spoken])
    emotions = ("Corpus", *EMOTION.classes, "all", "arousal", "valence", "repeats")
    speakers = ("Corpus", "speakers", *genders)
    spoken_in = ("Corpus", *styles, "Language")
    texts = (0, len(styles) + 1)
    return (
        tabulate("Corpora: utterances by emotion", emotions, by_emotion, UTTERANCE_COUNTS),
        tabulate("Corpora: speakers, and utterances by gender", speakers, by_gender),
        tabulate(
            "Corpora: utterances by style and language", spoken_in, by_style, text_columns=texts
        ),
    )


def _present(counts: Sequence[Mapping[str, int]]) -> list[str]:
    """Kinds, in their order, of which any corpus has some."""
    return [kind for kind in counts[0] if any(c[kind] for c in counts)] if counts else []


def counted(names: Sequence[str], counts: Iterable[int]) -> list[object]:
    """A row of names and counts, of which zero is absent."""
    return [*names, *(n or None for n in counts)]


def counts_text(counts: Mapping[str, int]) -> str:
    """`boredom 3, fear 12`."""
    return ", ".join(f"{name} {count(n)}" for name, n in counts.items())


def excluded(exclusions: Sequence[Exclusion]) -> Table:
    """Excluded data with reasons: all excluded labels, or one example of a problem."""
    return tabulate(
        "Excluded data and loader warnings",
        ("Corpus", "Reason", "count", "Labels, or first example"),
        ((e.corpus, e.why, e.n, counts_text(e.labels) or e.example) for e in exclusions),
        "" if exclusions else "Nothing is excluded.",
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
        gaps.append((part.name, *missing, _shared_with_all(part.name, found.pairs)))
    title = "Leave-one-corpus-out sets: utterances by emotion"
    columns = ("Left out", "Set", *EMOTION.classes, "all")
    return (
        tabulate(title, columns, sets, *found.refused, text_columns=(0, 1)),
        tabulate(
            "Leave-one-corpus-out sets: mismatch and overlap of training and test sets",
            ("Left out", "Untrained", "Untested", "New to training", "Shared with the others"),
            gaps,
            GAPS if gaps else "",
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
    rows = []
    for pair in pairs:
        for rule in pair.rules():
            n_shared = (sum(rule in m.rules for m in same) for same in pair.kinds().values())
            rows.append(counted([pair.first, pair.second, rule], n_shared))
    note = "" if rows else "No known overlap between any two corpora."
    if rows and (others := sum(not pair.rules() for pair in pairs)):
        note = f"No known overlap in {plural(others, 'other pair')}."
    return tabulate(
        "Overlap between corpora",
        ("Corpus", "and", "Matched by", "speakers", "sentences", "sessions", "recordings"),
        rows,
        *(note, MATCHING),
        text_columns=(0, 1, 2),
    )


def note(run: Run, protocol: str) -> str:
    """Leakage of a protocol, for the note below its scores; empty if unknown."""
    found = leakage_table(run)
    found = found[(found["protocol"] == protocol) & (found["set"] == "test")]
    if found.empty:
        return ""
    n_folds = found["fold"].nunique()
    folds = plural(n_folds, "fold")
    by_kind = found.groupby("kind")["n"]
    total = by_kind.sum()

    def sharing(kind: str, name: str) -> str:
        return f"{name} in {count(int((by_kind.get_group(kind) > 0).sum()))} of {folds}"

    by_test = found[found["kind"] == "speakers"].groupby("test_set")
    speakers = [_shared_speakers(str(test), own) for test, own in by_test if own["n"].any()]
    text = [f"No test speaker is in the training data ({count(n_folds)} of {folds})."]
    if speakers:
        text = [f"Speaker-dependent: {listing(speakers)} with training."]
        if rest := len(by_test) - len(speakers):
            text.append(f"None shared in {plural(rest, 'other test set')}.")
    if n := total.get("unnamed"):
        unnamed = plural(n, "test utterance")
        text.append(f"{unnamed} without speaker names (counted as one speaker).")
    copies = [
        sharing(kind, plural(total[kind], name))
        for kind, name in zip(COPIES, ("duplicate", "near-duplicate"), strict=True)
        if total.get(kind)
    ]
    text.append(
        f"Test recordings also in the training data: {listing(copies)}."
        if copies
        else "No test recording has a duplicate or near-duplicate in the training data "
        f"({count(n_folds)} of {folds})."
    )
    names = ("sentences", "sessions", "files")
    shared = listing([sharing(kind, kind) for kind in names if total.get(kind)])
    none = "No shared sentences, sessions or files are known."
    text.append(f"Shared with training: {shared}." if shared else none)
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
    by_dev = "the epoch and the temperature of the probabilities are selected on the dev set"
    if "elm" in settings:
        gcv = "by generalized cross-validation on the training set"
        by = gcv if settings["elm"]["ridge"] == "gcv" else "in the settings"
        return f"{by_dev}; the ridge of the extreme learning machine is set {by}."
    if "training" in settings:
        return f"{by_dev}."
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
    rows = (
        (protocol, test, own["fold"].nunique(), *(_range(own, kind) for kind in KINDS))
        for (protocol, test), own in found.groupby(["protocol", "test_set"], sort=False)
    )
    heads = (kind.replace("_", "-").capitalize() for kind in KINDS)
    columns = ("Protocol", "Test set", "Folds", *heads)
    return tabulate(title, columns, rows, SHARED_COUNTS, DUPLICATES, text_columns=(0, 1))


def _range(found: pd.DataFrame, kind: str) -> str:
    """`0 of 1`, `1–3 of 10`."""
    own = found.loc[found["kind"] == kind, ["n", "of"]]
    ranges = (count_range(n.tolist(), "\N{EN DASH}") for _, n in own.items())
    return ABSENT if own.empty else " of ".join(ranges)


def statements(found: pd.DataFrame) -> Table:
    """What the sets of each fold share, in a sentence, with the number of folds of each."""
    stated = Counter(
        (str(protocol), str(test), _statement(own))
        for (protocol, test, _), own in found.groupby(["protocol", "test_set", "fold"])
    )
    rows = ((*group, n) for group, n in sorted(stated.items()))
    columns = ("Protocol", "Test set", "Shared with training", "Folds")
    return tabulate("Leakage statements", columns, rows, text_columns=(0, 1, 2))


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
