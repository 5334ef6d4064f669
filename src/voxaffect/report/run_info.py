"""How a run was made: corpora, excluded data, failures, protocol card, settings and versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from voxaffect.evaluation.card import ProtocolCard, protocol_card
from voxaffect.evaluation.compare_runs import flatten
from voxaffect.evaluation.experiment.run import CorpusSummary, Run
from voxaffect.report.leakage import counts_text
from voxaffect.report.table import Section, Table, tabulate
from voxaffect.report.text import ABSENT, count, duration, listing
from voxaffect.taxonomy import EMOTION, GENDER, NATURALNESS

KINDS = (
    *("speakers", *EMOTION.classes, *GENDER.classes, "gender unknown"),
    *(*NATURALNESS.classes, "style unknown", "utterances"),
)
FOUND = (
    "Found: utterances with a label and a file. A label is excluded if the taxonomy in the "
    "settings maps it to none of the four classes."
)
UNUSABLE = (
    "Files: those the loader cannot use, by kind, and recordings without features (silent, too "
    "short or unreadable). The commands `corpora check` and `corpora overlap` list them."
)
DIGESTS = (
    "Runs with equal digests agree in: corpora (utterances used and their metadata), folds (test "
    "utterances of each fold), settings (all of them)."
)


def overview(corpora: Sequence[CorpusSummary]) -> Table:
    """Table 1: utterances of the corpora by emotion, gender and naturalness."""
    rows = [((c.name, c.language), _inventory(c), c.audio_s) for c in corpora]
    total = sum((counts for _, counts, _ in rows), Counter())
    kinds = [kind for kind in KINDS if any(kind in counts for _, counts, _ in rows)]
    rows.append((("total", ""), total, sum(c.audio_s for c in corpora)))
    return tabulate(
        "Table 1. Corpora: utterances by emotion, gender and naturalness",
        ("Corpus", "Language", *kinds, "hours"),
        (
            (*names, *(n[kind] or None for kind in kinds), f"{s / 3600:.2f}" if s else ABSENT)
            for names, n, s in rows
        ),
        f"{ABSENT}: none.",
        n_last=1,
        text_columns=(0, 1),
    )


def _inventory(corpus: CorpusSummary) -> Counter[str]:
    counts = {"speakers": corpus.n_speakers, "utterances": corpus.n_utterances, **corpus.emotion}
    for what, found in (("gender", corpus.gender), ("style", corpus.naturalness)):
        counts |= {f"{what} {k}" if k == "unknown" else k: n for k, n in found.items()}
    return Counter(counts)


def left_out(corpora: Sequence[CorpusSummary]) -> Table:
    """Excluded labels and unusable files of each corpus."""
    rows = (
        (
            *(c.name, c.n_found, c.n_utterances),
            *(counts_text(counts) or "none" for counts in (c.excluded, c.problems)),
        )
        for c in corpora
    )
    columns = ("Corpus", "Found", "Used", "Excluded labels", "Unusable files")
    return tabulate("Excluded data", columns, rows, FOUND, UNUSABLE, text_columns=(0, 3, 4))


def corpora_section(corpora: Sequence[CorpusSummary]) -> Section:
    """Contents, excluded data, licenses and citations of the corpora."""
    rows = ((c.name, c.title, c.license, c.citation, c.digest) for c in corpora)
    columns = ("Corpus", "Title", "License", "Citation", "Metadata digest")
    return Section(
        key="corpora",
        title="Corpora",
        tables=(overview(corpora), left_out(corpora)),
        more=(tabulate("Data sources", columns, rows, text_columns=range(5)),),
        more_title="Titles, licenses, citations and digests",
    )


def protocol_section(run: Run) -> Section:
    """Failures, protocol card, settings and versions."""
    result = ("Fold", "System", "Seed")
    keys = ["fold", "system", "seed"]
    tables = []
    if run.failures:
        failures = ([str(f.get(key, ABSENT)) for key in (*keys, "reason")] for f in run.failures)
        columns = (*result, "Reason")
        tables.append(tabulate("Failed folds", columns, failures, text_columns=range(4)))
    restarted = run.trainings[run.trainings["restarted"].fillna("") != ""]
    if len(restarted):
        failed = restarted[[*keys, "restarted"]].astype(str).to_numpy()
        columns = (*result, "Failure of the first training")
        title = "Trainings restarted with another seed"
        tables.append(tabulate(title, columns, failed, text_columns=range(4)))
    columns = ("Corpus", "Utterances", "Speakers", "Metadata digest")
    rows = ((c.name, c.n_utterances, c.n_speakers, c.digest) for c in run.corpora)
    corpora = tabulate("Protocol card: corpora", columns, rows, text_columns=(0, 3))
    return Section(
        key="making",
        title="Experiment details",
        tables=(*tables, card(protocol_card(run)), corpora),
        more=settings_tables(run.settings, run.versions),
        more_title="Settings and versions",
    )


def card(found: ProtocolCard) -> Table:
    """Counts, seeds, digests and times of a run."""
    values = {
        "Results": count(found.n_results),
        "Failed results": count(found.n_failed),
        "Folds": count(found.n_folds),
        "Systems": listing(found.systems) or "none",
        "Seeds": listing([str(seed) for seed in found.seeds]) or "none",
        "Corpora digest": found.corpora_digest,
        "Folds digest": found.folds_digest,
        "Settings digest": found.settings_digest,
        "Wall time": duration(found.wall_s),
        "Training and test time, all results": duration(found.computing_s),
    }
    return key_value_table("Protocol card", ("Item", "Value"), values, DIGESTS)


def key_value_table(
    title: str, columns: tuple[str, str], values: Mapping[str, str], *notes: str
) -> Table:
    """Names with values, such as settings and versions."""
    return tabulate(title, columns, values.items(), *notes, text_columns=(0, 1))


def settings_tables(settings: Mapping[str, Any], versions: Mapping[str, str]) -> tuple[Table, ...]:
    """Tables of all settings, and of the versions of libraries."""
    return (
        key_value_table("Settings", ("Setting", "Value"), flatten_settings(settings)),
        key_value_table("Environment", ("Library or machine", "Version"), versions),
    )


def flatten_settings(values: Mapping[str, Any]) -> dict[str, str]:
    """Nested settings as text under dotted names, `evaluate.seeds`."""
    return {name: _text(value) for name, value in flatten(values).items()}


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_text(v)}" for k, v in value.items()) or "none"
    return "none" if value is None else str(value)
