"""From a run to the files of its report."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from voxaffect.evaluation.experiment.results import FoldResult
from voxaffect.evaluation.experiment.run import FACTS, Run
from voxaffect.evaluation.experiment.utterance_facts import facts_csv
from voxaffect.evaluation.measures import metrics
from voxaffect.evaluation.robustness.robustness import Robustness
from voxaffect.evaluation.scores.curves import history_of
from voxaffect.evaluation.summary import Summary
from voxaffect.files import write_text
from voxaffect.model.settings import Epoch
from voxaffect.report.data import report_json
from voxaffect.report.downloads import Download
from voxaffect.report.figures.draw import draw_all
from voxaffect.report.groups import groups_csv
from voxaffect.report.latex import latex_document
from voxaffect.report.page import html_page, markdown_page
from voxaffect.report.robustness import robustness_section
from voxaffect.report.section import Section, named_tables
from voxaffect.report.sections import sections
from voxaffect.report.words import findings
from voxaffect.taxonomy import EMOTION


def write_report(summary: Summary, out: Path, robustness: Robustness | None = None) -> list[Path]:
    """Write a run's report.

    Args:
        summary: of a run, complete or not; what is missing is said.
        out: folder; files of an earlier report in it are replaced.
        robustness: what the run's systems make of degraded speech, where that was asked.

    Returns:
        The files, `report.html` first, then `report.md`, `curves.csv`, `results.csv`,
        `report.json`, `tables.tex`, `utterances.csv` and `groups.csv` where a run describes its
        utterances, `amounts.csv` where training sets were thinned, and `figures/*.svg`.
    """
    run = summary.run
    pictures = draw_all(run, summary)
    wild = robustness_section(robustness)
    said, parts = findings(run, summary), sections(run, summary, pictures, wild)
    pictures = (*pictures, *(wild.pictures if wild else ()))
    carried = downloads(run, summary, said, parts)
    texts = {
        "report.html": html_page(run, said, parts, carried),
        "report.md": markdown_page(run, said, parts),
        "curves.csv": curves_csv(run.results, run.note),
        **{download.name: download.text for download in carried},
        **_of_utterances(run, summary),
        **({"amounts.csv": results_csv(run.thinned, run.note)} if run.thinned else {}),
        **{f"figures/{picture.name}.svg": picture.svg for picture in pictures},
    }
    for name, text in texts.items():
        write_text(out / name, text)
    return [out / name for name in texts]


def downloads(
    run: Run, summary: Summary, said: Sequence[str], parts: Sequence[Section]
) -> tuple[Download, ...]:
    """Files for other programs, which the page carries with it."""
    csv_text = results_csv(run.results, run.note)
    json_text = report_json(run, summary, said, parts)
    tex_text = latex_document(named_tables(parts), run.note)
    return (
        Download("results.csv", "a row for every result", "text/csv", csv_text),
        Download("report.json", "every table and score", "application/json", json_text),
        Download("tables.tex", "every table as LaTeX", "application/x-tex", tex_text),
    )


def _of_utterances(run: Run, summary: Summary) -> dict[str, str]:
    """Facts of the utterances, and the scores of their groups; nothing of a run without facts."""
    if summary.groups is None:
        return {}
    return {FACTS: facts_csv(run.utterances), "groups.csv": groups_csv(summary.groups, run.note)}


def results_csv(results: Iterable[FoldResult], note: str = "") -> str:
    """One row for each fold, system and seed. A recall of a class not tested is left empty."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    recalls = (f"recall_{name}" for name in EMOTION.classes)
    writer.writerow((*IDENTITY, "n", "ua", "wa", "macro_f1", *recalls, "seconds", "note"))
    for result in results:
        writer.writerow((*_identity(result), *_measures(result), f"{result.seconds:.2f}", note))
    return file.getvalue()


def curves_csv(results: Iterable[FoldResult], note: str = "") -> str:
    """One row for each epoch of each training; `kept` is 1 where its weights were used."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow((*TRAINING, "epoch", *OF_AN_EPOCH, "kept", "note"))
    for result in results:
        for epoch, kept in _epochs(result):
            training = (getattr(result, name) for name in TRAINING)
            numbers = (f"{getattr(epoch, name):.6g}" for name in OF_AN_EPOCH)
            writer.writerow((*training, epoch.number, *numbers, int(kept), note))
    return file.getvalue()


def _epochs(result: FoldResult) -> Iterator[tuple[Epoch, bool]]:
    """Every epoch behind a result, and whether its weights were kept."""
    if history := history_of(result):
        yield from ((epoch, epoch.number == history.best) for epoch in history.epochs)


TRAINING = ("protocol", "fold", "system", "seed")
OF_AN_EPOCH = ("train_loss", "dev_loss", "dev_ua", "frames_per_s")
IDENTITY = ("protocol", "fold", "test_name", "system", "seed", "settings_digest")


def _identity(result: FoldResult) -> list[str]:
    return [str(getattr(result, name)) for name in IDENTITY]


def _measures(result: FoldResult) -> list[str]:
    matrix = result.matrix
    values = (
        metrics.unweighted_accuracy(matrix),
        metrics.weighted_accuracy(matrix),
        metrics.macro_f1(matrix),
        *metrics.recalls(matrix),
    )
    return [str(matrix.sum()), *("" if np.isnan(v) else f"{v:.6f}" for v in values)]
