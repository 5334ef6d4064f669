"""From a run to the files of its report."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
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
from voxaffect.model.settings import Epoch
from voxaffect.report import result_tables, run_info
from voxaffect.report.data import latex_document, report_json
from voxaffect.report.figures.draw import draw_all
from voxaffect.report.findings import findings
from voxaffect.report.groups import groups_csv
from voxaffect.report.page import Download, html_page, markdown_page, sections
from voxaffect.report.robustness import robustness_section
from voxaffect.report.table import Section, escape, markdown, named_tables
from voxaffect.taxonomy import EMOTION


def write_events(results: Iterable[FoldResult], out: Path) -> Path:
    """Write the epochs of every result whose system has them.

    Args:
        results: of any protocols, systems and seeds.
        out: the report's folder.

    Returns:
        `tensorboard/` in it, which holds `<fold>/<system>-<seed>/` for each training.

    Raises:
        TrainingError: TensorBoard is not installed.
    """
    summary_writer()  # a run of which no system has epochs asks for it in vain, too
    folder = out / "tensorboard"
    for result in results:
        if history := history_of(result):
            fold = Path(*map(_folder_name, result.fold.split("/")))
            write_history(history, folder / fold / f"{result.system}-{result.seed}")
    return folder


def _folder_name(part: str) -> str:
    """Part of a fold's name as a folder: speakers may be called `..`, `?` or `a:b`."""
    return quote(part, safe=" ") if part.strip(".") else "%2E" * len(part)


def terminal_markdown(summary: Summary) -> str:
    """Note, Tables 1 to 4 and what they say, as Markdown."""
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
    said = "\n".join(f"- {escape(text)}" for text in findings(run, summary))
    return "\n\n".join([*note, *map(markdown, shown), said]) + "\n"


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
