"""What every score is to be read beside: what its test set shares with its training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.scores.exposure import Exposure, Share
from voxaffect.evaluation.summary import Summary
from voxaffect.report import facts, words
from voxaffect.report.section import Section
from voxaffect.report.table import ABSENT, Cell, Table, count, listing, plural

HEADS = {
    "speakers": "Speakers",
    "sentences": "Sentences",
    "sessions": "Sessions",
    "files": "Files",
    "duplicates": "Same recording",
    "near_duplicates": "Nearly the same",
}
COUNTED = (
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
GCV = "generalised cross-validation on the training set"
NOT_LOOKED_FOR = (
    "Copies of recordings were not looked for, as the run is of an earlier version: evaluate it "
    "again, which keeps its results and looks."
)
SPLIT = (
    "The test set decides nothing: it is answered for once, when all is chosen. The mean and "
    "deviation by which a system standardises what it hears are those of the fold's training set."
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
        more=(_table("dev", summary.exposures), facts.leakage(words.leakage(run.results))),
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
    return Table(title, columns, tuple(rows), (COUNTED, COPIES), words=frozenset({0, 1}))


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
