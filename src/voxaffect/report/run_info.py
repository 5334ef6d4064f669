"""How a run was made: the protocol card, settings, versions, and what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from voxaffect.evaluation.card import ProtocolCard, protocol_card
from voxaffect.evaluation.experiment.run import CorpusSummary, Run
from voxaffect.report import findings
from voxaffect.report.table import ABSENT, Cell, Section, Table, count, duration, listing, whole
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS


def overview(corpora: Sequence[CorpusSummary]) -> Table:
    """Table 1: what the corpora hold, in utterances."""
    inventories = [_inventory(corpus) for corpus in corpora]
    kinds = [kind for kind in KINDS if any(kind in held for held in inventories)]
    rows = [
        (
            Cell(corpus.name),
            Cell(corpus.language),
            *(whole(held.get(kind, 0)) for kind in kinds),
            _hours(corpus.audio_s),
        )
        for corpus, held in zip(corpora, inventories, strict=True)
    ]
    sums = (whole(sum(held.get(kind, 0) for held in inventories)) for kind in kinds)
    total = (Cell("total"), Cell(""), *sums, _hours(sum(c.audio_s for c in corpora)))
    return Table(
        title="Table 1. Corpora: utterances by emotion, gender and naturalness",
        columns=("Corpus", "Language", *kinds, "hours"),
        rows=(*rows, total),
        notes=(f"{ABSENT} stands where a corpus has none of a kind.",),
        n_last=1,
        words=frozenset({0, 1}),
    )


KINDS = (
    "speakers",
    *EMOTION.classes,
    *GENDER.classes,
    "gender unknown",
    *NATURALNESS.classes,
    "style unknown",
    "utterances",
)


def _inventory(corpus: CorpusSummary) -> dict[str, int]:
    gender = {f"gender {k}" if k == "unknown" else k: n for k, n in corpus.gender.items()}
    style = {f"style {k}" if k == "unknown" else k: n for k, n in corpus.naturalness.items()}
    ends = {"speakers": corpus.n_speakers, "utterances": corpus.n_utterances}
    return {**corpus.emotion, **gender, **style, **ends}


FOUND = (
    "Found: utterances with a label and a file. A label is left out where the taxonomy, which "
    "stands among the settings, gives it none of the four classes."
)
UNUSABLE = (
    "Files: what the corpus's loader could not use, by kind, and recordings of which no feature "
    "can be computed, as they are silent, too short or unreadable. The commands `corpora check` "
    "and `corpora overlap` name each of them."
)


def left_out(corpora: Sequence[CorpusSummary]) -> Table:
    """What the corpora hold and the run did not use, and why."""
    rows = tuple(
        (
            Cell(c.name),
            Cell(count(c.n_found)),
            Cell(count(c.n_utterances)),
            Cell(_counts(c.excluded)),
            Cell(_counts(c.problems)),
        )
        for c in corpora
    )
    columns = (
        "Corpus",
        "Found",
        "Used",
        "Labels outside the four classes",
        "Files that could not be used",
    )
    notes = (FOUND, UNUSABLE)
    return Table("Left out, and why", columns, rows, notes, words=frozenset({0, 3, 4}))


def failures(run: Run) -> Table:
    """Folds without a result, and why."""
    keys = ("fold", "system", "seed", "reason")
    rows = tuple(tuple(Cell(str(f.get(key, ABSENT))) for key in keys) for f in run.failures)
    columns = tuple(key.capitalize() for key in keys)
    return Table("Folds that could not be computed", columns, rows, words=frozenset(range(4)))


def restarts(run: Run) -> Table | None:
    """Results of nets that began again with another seed, and why; None where none did."""
    begun = [r for r in run.results if r.restarted]
    rows = tuple(
        tuple(Cell(text) for text in (r.fold, r.system, str(r.seed), r.restarted)) for r in begun
    )
    columns = ("Fold", "System", "Seed", "Why the first attempt came to nothing")
    title = "Results of a second attempt, with a seed that follows from the first"
    return Table(title, columns, rows, words=frozenset(range(4))) if rows else None


def leakage(stated: Mapping[tuple[str, str, str], int]) -> Table:
    """What the test sets have in common with the data that systems were made from."""
    rows = tuple((*(Cell(t) for t in group), Cell(count(n))) for group, n in stated.items())
    columns = ("Experiment", "Test set", "What its folds share", "Folds")
    return Table(
        "What training shares with the test sets", columns, rows, words=frozenset({0, 1, 2})
    )


def pairs(title: str, heads: tuple[str, str], values: Mapping[str, object]) -> Table:
    """Names and what they are, such as settings and versions."""
    rows = tuple((Cell(name), Cell(str(value))) for name, value in values.items())
    return Table(title, heads, rows, words=frozenset({0, 1}))


def provenance(corpora: Sequence[CorpusSummary]) -> Table:
    """Which data exactly, under which terms, by whom."""
    rows = tuple(
        tuple(Cell(text) for text in (c.name, c.title, c.license, c.citation, c.digest))
        for c in corpora
    )
    columns = ("Corpus", "Title", "License", "Citation", "Metadata digest")
    return Table("Where the data come from", columns, rows, words=frozenset(range(5)))


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count(n)}" for name, n in counts.items()) or "none"


def _hours(seconds: float) -> Cell:
    return Cell(f"{seconds / 3600:.2f}" if seconds else ABSENT)


DIGESTS = (
    "Two runs with the same digest had the same of it: corpora, the utterances used and their "
    "metadata; folds, who is tested in which; settings, everything that was set."
)


def making(run: Run) -> Section:
    """The protocol card: what a reader needs to do it again, or to doubt it."""
    failed = failures(run) if run.failures else None
    first = [table for table in (failed, restarts(run)) if table is not None]
    return Section(
        key="making",
        title="How it was run",
        tables=(*first, card(protocol_card(run)), utterances(run.corpora)),
        more=(
            pairs("Settings", ("Setting", "Value"), findings.flat(run.settings)),
            pairs("Made with", ("Library or machine", "Version"), run.versions),
        ),
        more_title="Settings and versions",
    )


def card(found: ProtocolCard) -> Table:
    """Counts, seeds, digests and times of a run."""
    values = {
        "Results": count(found.n_results),
        "Results that failed": count(found.n_failed),
        "Folds": count(found.n_folds),
        "Systems": listing(found.systems) or "none",
        "Seeds": listing([str(seed) for seed in found.seeds]) or "none",
        "Corpora digest": found.corpora_digest,
        "Folds digest": found.folds_digest,
        "Settings digest": found.settings_digest,
        "Wall time": duration(found.wall_s),
        "Training and testing, all results": duration(found.computing_s),
    }
    rows = tuple((Cell(name), Cell(value)) for name, value in values.items())
    return Table("Protocol card", ("Run", ""), rows, (DIGESTS,), words=frozenset({0, 1}))


def utterances(corpora: Sequence[CorpusSummary]) -> Table:
    """How much of which corpora was used, and the digest that tells another copy apart."""
    rows = tuple(
        (
            Cell(corpus.name),
            Cell(count(corpus.n_utterances)),
            Cell(count(corpus.n_speakers)),
            Cell(corpus.digest),
        )
        for corpus in corpora
    )
    columns = ("Corpus", "Utterances", "Speakers", "Metadata digest")
    return Table("Protocol card: corpora", columns, rows, words=frozenset({0, 3}))
