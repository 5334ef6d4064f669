"""Write the files of a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from voxaffect.evaluation.curves import histories
from voxaffect.evaluation.experiment.run import Run
from voxaffect.evaluation.results import FACTS, metrics_by
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
from voxaffect.report.table import Section, escape, markdown, named_tables
from voxaffect.taxonomy import EMOTION

IDENTITY = ["protocol", "fold", "test_name", "system", "seed", "settings_digest"]
MEASURES = ["n", "ua", "wa", "macro_f1", *(f"recall_{name}" for name in EMOTION.classes)]
EPOCH_FIELDS = ["train_loss", "dev_loss", "dev_ua", "frames_per_s"]


def write_events(trainings: pd.DataFrame, out: Path) -> Path:
    """Write the training curves of a run for TensorBoard, of all trainings with epochs.

    Returns:
        Folder `tensorboard/` in `out`, with `<fold>/<system>-<seed>/` for each training.

    Raises:
        TrainingError: TensorBoard is not installed.
    """
    summary_writer()  # raises even if no system has epochs
    folder = out / "tensorboard"
    found = histories(trainings)
    for row, history in zip(trainings.loc[found.index].itertuples(), found, strict=True):
        fold = Path(*map(_folder_name, str(row.fold).split("/")))
        write_history(history, folder / fold / f"{row.system}-{row.seed}")
    return folder


def _folder_name(part: str) -> str:
    """Part of a fold's name as a safe folder name: speakers may be called `..`, `?` or `a:b`."""
    return quote(part, safe=" ") if part.strip(".") else "%2E" * len(part)


def terminal_markdown(summary: Summary) -> str:
    """Note, Tables 1 to 4 and findings as Markdown."""
    run = summary.run
    pooled = run.results[run.results["protocol"] == "aggregated"]
    shown = [
        run_info.overview(run.corpora),
        *(result_tables.unweighted_accuracy(summary, protocol) for protocol in summary.scores),
        *result_tables.confusion_tables(pooled, "aggregated"),
    ]
    note = [f"> {escape(run.note)}"] if run.note else []
    text = "\n".join(f"- {escape(finding)}" for finding in findings(run, summary))
    return "\n\n".join([*note, *map(markdown, shown), text]) + "\n"


def write_report(summary: Summary, out: Path, robustness: Robustness | None = None) -> list[Path]:
    """Write the report of a run.

    The run may be incomplete. Files of an earlier report in the folder `out` are replaced.

    Returns:
        The files, `report.html` first, then `report.md`, `curves.csv`, `results.csv`,
        `report.json`, `tables.tex`, `utterances.csv` and `groups.csv` if the run has results,
        `amounts.csv` if it has learning curves, and `figures/*.svg`.
    """
    run = summary.run
    more = () if robustness is None else (robustness_picture(robustness),)
    pictures = (*draw_all(run, summary), *more)
    text = findings(run, summary)
    parts = sections(run, summary, pictures, robustness_section(robustness))
    files = downloads(run, summary, text, parts)
    texts = {
        "report.html": html_page(run, text, parts, files),
        "report.md": markdown_page(run, text, parts),
        "curves.csv": curves_csv(run.trainings, run.note),
        **{file.name: file.text for file in files},
    }
    if summary.groups is not None:
        texts["utterances.csv"] = utterances_csv(run.results)
        texts["groups.csv"] = groups_csv(summary.groups, run.note)
    if len(run.thinned):
        texts["amounts.csv"] = results_csv(run.thinned, run.trainings, run.note)
    texts |= {f"figures/{picture.name}.svg": picture.svg for picture in pictures}
    for name, content in texts.items():
        write_text(out / name, content)
    return [out / name for name in texts]


def downloads(
    run: Run, summary: Summary, text: Sequence[str], parts: Sequence[Section]
) -> tuple[Download, ...]:
    """Machine-readable files, also embedded in the page."""
    results = results_csv(run.results, run.trainings, run.note)
    data = report_json(run, summary, text, parts)
    tex = latex_document(named_tables(parts), run.note)
    return (
        Download("results.csv", "one row per result", "text/csv", results),
        Download("report.json", "all tables and scores", "application/json", data),
        Download("tables.tex", "all tables as LaTeX", "application/x-tex", tex),
    )


def utterances_csv(results: pd.DataFrame) -> str:
    """One row per test utterance, with what is known of it."""
    rows = results.drop_duplicates("utterance")[["utterance", *FACTS]]
    rows = rows.round({"duration_s": 3, "snr_db": 2}).rename(columns={"utterance": "id"})
    return rows.to_csv(index=False, lineterminator="\n")


def results_csv(results: pd.DataFrame, trainings: pd.DataFrame, note: str = "") -> str:
    """One row per fold, system and seed; recalls of classes without test utterances are empty."""
    scores = metrics_by(results, IDENTITY)[MEASURES].reset_index()
    seconds = trainings.set_index("settings_digest")["seconds"].map("{:.2f}".format)
    rows = scores.assign(seconds=scores["settings_digest"].map(seconds), note=note)
    return rows.to_csv(index=False, float_format="%.6f", lineterminator="\n")


def curves_csv(trainings: pd.DataFrame, note: str = "") -> str:
    """One row per epoch of each training; `kept` is 1 for the epoch whose weights were used."""
    names = ["protocol", "fold", "system", "seed"]
    found = histories(trainings)
    rows = [
        (*training, epoch.number, *values, int(epoch.number == history.best), note)
        for training, history in zip(trainings.loc[found.index, names].values, found, strict=True)
        for epoch in history.epochs
        for values in [[f"{getattr(epoch, name):.6g}" for name in EPOCH_FIELDS]]
    ]
    columns = [*names, "epoch", *EPOCH_FIELDS, "kept", "note"]
    return pd.DataFrame(rows, columns=columns).to_csv(index=False, lineterminator="\n")
