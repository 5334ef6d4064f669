"""Write the files of a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np

from voxaffect.evaluation import metrics
from voxaffect.evaluation.curves import history_of
from voxaffect.evaluation.experiment.run import FACTS, FoldResult, Run
from voxaffect.evaluation.experiment.utterance_facts import facts_csv
from voxaffect.evaluation.robustness.robustness import Robustness
from voxaffect.evaluation.summary import Summary
from voxaffect.files import write_text
from voxaffect.model.logging import summary_writer, write_history
from voxaffect.report import result_tables, run_info
from voxaffect.report.export import latex_document, report_json
from voxaffect.report.figures.curves import robustness_picture
from voxaffect.report.figures.draw import draw_all
from voxaffect.report.findings import findings
from voxaffect.report.groups import groups_csv
from voxaffect.report.page import Download, html_page, markdown_page, sections
from voxaffect.report.robustness import robustness_section
from voxaffect.report.table import Section, csv_text, escape, markdown, named_tables
from voxaffect.taxonomy import EMOTION


def write_events(results: Iterable[FoldResult], out: Path) -> Path:
    """Write the training curves of all results for TensorBoard.

    Args:
        results: of any protocols, systems and seeds; those without epochs are skipped.
        out: folder of the report.

    Returns:
        `tensorboard/` in it, with a folder `<fold>/<system>-<seed>/` for each training.

    Raises:
        TrainingError: TensorBoard is not installed.
    """
    summary_writer()  # raises even if no system has epochs
    folder = out / "tensorboard"
    for result in results:
        if history := history_of(result):
            fold = Path(*map(_folder_name, result.fold.split("/")))
            write_history(history, folder / fold / f"{result.system}-{result.seed}")
    return folder


def _folder_name(part: str) -> str:
    """Part of a fold's name as a safe folder name: speakers may be called `..`, `?` or `a:b`."""
    return quote(part, safe=" ") if part.strip(".") else "%2E" * len(part)


def terminal_markdown(summary: Summary) -> str:
    """Note, Tables 1 to 4 and findings as Markdown."""
    run = summary.run
    shown = [
        run_info.overview(run.corpora),
        *(result_tables.unweighted_accuracy(summary, table) for table in summary.tables),
        *(
            result_tables.confusion(table, system)
            for table in summary.tables
            if table.protocol == "aggregated"
            for system in table.systems
        ),
    ]
    note = [f"> {escape(run.note)}"] if run.note else []
    text = "\n".join(f"- {escape(finding)}" for finding in findings(run, summary))
    return "\n\n".join([*note, *map(markdown, shown), text]) + "\n"


def write_report(summary: Summary, out: Path, robustness: Robustness | None = None) -> list[Path]:
    """Write the report of a run.

    Args:
        summary: summary of a complete or incomplete run.
        out: folder; files of an earlier report in it are replaced.
        robustness: results on degraded speech, if measured.

    Returns:
        The files, `report.html` first, then `report.md`, `curves.csv`, `results.csv`,
        `report.json`, `tables.tex`, `utterances.csv` and `groups.csv` if the run describes its
        utterances, `amounts.csv` if it has learning curves, and `figures/*.svg`.
    """
    run = summary.run
    pictures = draw_all(run, summary)
    if robustness is not None:
        pictures = (*pictures, robustness_picture(robustness))
    text = findings(run, summary)
    parts = sections(run, summary, pictures, robustness_section(robustness))
    files = downloads(run, summary, text, parts)
    texts = {
        "report.html": html_page(run, text, parts, files),
        "report.md": markdown_page(run, text, parts),
        "curves.csv": curves_csv(run.results, run.note),
        **{file.name: file.text for file in files},
    }
    if summary.groups is not None:
        texts[FACTS] = facts_csv(run.utterances)
        texts["groups.csv"] = groups_csv(summary.groups, run.note)
    if run.thinned:
        texts["amounts.csv"] = results_csv(run.thinned, run.note)
    texts |= {f"figures/{picture.name}.svg": picture.svg for picture in pictures}
    for name, content in texts.items():
        write_text(out / name, content)
    return [out / name for name in texts]


def downloads(
    run: Run, summary: Summary, text: Sequence[str], parts: Sequence[Section]
) -> tuple[Download, ...]:
    """Machine-readable files, also embedded in the page."""
    results = results_csv(run.results, run.note)
    data = report_json(run, summary, text, parts)
    tex = latex_document(named_tables(parts), run.note)
    return (
        Download("results.csv", "one row per result", "text/csv", results),
        Download("report.json", "all tables and scores", "application/json", data),
        Download("tables.tex", "all tables as LaTeX", "application/x-tex", tex),
    )


IDENTITY = ("protocol", "fold", "test_name", "system", "seed", "settings_digest")
TRAINING = ("protocol", "fold", "system", "seed")
MEASURES = (metrics.unweighted_accuracy, metrics.weighted_accuracy, metrics.macro_f1)
EPOCH_FIELDS = ("train_loss", "dev_loss", "dev_ua", "frames_per_s")


def results_csv(results: Iterable[FoldResult], note: str = "") -> str:
    """One row per fold, system and seed; recalls of classes without test utterances are empty."""
    recalls = (f"recall_{name}" for name in EMOTION.classes)
    header = (*IDENTITY, "n", "ua", "wa", "macro_f1", *recalls, "seconds", "note")
    rows = []
    for result in results:
        matrix = result.matrix
        measures = [measure(matrix) for measure in MEASURES]
        values = (*measures, *metrics.recalls(matrix))
        numbers = ("" if np.isnan(value) else f"{value:.6f}" for value in values)
        identity = (getattr(result, name) for name in IDENTITY)
        rows.append((*identity, matrix.sum(), *numbers, f"{result.seconds:.2f}", note))
    return csv_text(header, rows)


def curves_csv(results: Iterable[FoldResult], note: str = "") -> str:
    """One row per epoch of each training; `kept` is 1 for the epoch whose weights were used."""
    rows = []
    for result in results:
        if history := history_of(result):
            training = [getattr(result, name) for name in TRAINING]
            for epoch in history.epochs:
                numbers = (f"{getattr(epoch, name):.6g}" for name in EPOCH_FIELDS)
                kept = int(epoch.number == history.best)
                rows.append((*training, epoch.number, *numbers, kept, note))
    return csv_text((*TRAINING, "epoch", *EPOCH_FIELDS, "kept", "note"), rows)
