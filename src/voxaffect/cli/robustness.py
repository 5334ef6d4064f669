"""robustness: systems trained on clean speech, tested on degraded speech."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voxaffect.cli import experiment
from voxaffect.cli.app import EXPERIMENT, Config, Jobs, Out, app, command
from voxaffect.cli.console import console, count_bar, errors, print_line
from voxaffect.cli.experiment import RESUME
from voxaffect.errors import ConfigError

if TYPE_CHECKING:
    from voxaffect.audio.degrade.degradation import Degradation
    from voxaffect.config.settings import Settings
    from voxaffect.evaluation.experiment.dataset import Prepared
    from voxaffect.evaluation.robustness.degraded_tests import DegradedTests
    from voxaffect.evaluation.robustness.robustness import Robustness

SEED = 0  # seed of all noise, reverberation and babble: the same in every run


@command(app, "robustness", EXPERIMENT, kept=RESUME)
def robustness(
    config: Config,
    out: Out = Path("runs/evaluation"),
    protocol: Annotated[str, typer.Option(help="Protocol: within, cross or aggregated.")] = "cross",
    systems: Annotated[
        str | None, typer.Option(help="Systems to compare, separated by commas.")
    ] = None,
    conditions: Annotated[
        str | None, typer.Option(help="Conditions or groups, separated by commas; default: all.")
    ] = None,
    jobs: Jobs = 0,
) -> int:
    """Train systems on clean speech and test them on degraded speech.

    Writes robustness.json, .csv and .md; the report of a run in the same folder gets a section.
    Resumes where an earlier run of the same folder stopped. Conditions: noise, room, telephone,
    codec, clipping, truncation, gain. The exit status is 1 if a fold could not be computed.
    """
    from voxaffect.config.file import load_settings
    from voxaffect.evaluation.experiment.run import RunFolder
    from voxaffect.evaluation.robustness.robustness import FOLDER, REFUSED, load_robustness
    from voxaffect.parallel.clusters import LOCAL, workers

    replaced = {"systems": systems.split(",")} if systems else {}
    settings = load_settings(config, {"protocols": [protocol], **replaced})
    if others := [system.name for system in settings.systems() if system.features is not None]:
        raise ConfigError(
            f"{', '.join(others)}: needs features that are not computed for degraded speech; name "
            "other systems with --systems"
        )
    degradations = select_degradations(conditions)
    with workers(LOCAL, None, jobs) as n_here:
        prepared = experiment.prepare_corpora(settings, n_here)
        tests = _degrade_tests(settings, prepared, degradations, n_here)
        finished = experiment.run_folds(
            settings,
            prepared,
            out / FOLDER,
            more={
                "degradations": {d.name: d.settings() for d in degradations},
                REFUSED: tests.n_refused,
                "seed_of_degradations": SEED,
                "codecs": f"PyAV {version('av')}",
            },
            n_jobs=n_here,
            note=str((RunFolder(out).header() or {}).get("note", "")),
            data_of=tests.fold_data,
        )
    status = experiment.report_missing(finished)
    found = load_robustness(out)
    if found is None:
        errors().print("no fold has results of every system; see the errors above", style="red")
        return 1
    _write(found, out)
    return status


def select_degradations(names: str | None) -> tuple[Degradation, ...]:
    """Select degradations by names or groups, separated by commas; None selects all."""
    from voxaffect.audio.degrade import DEGRADATIONS
    from voxaffect.config.corpora import known_name

    if names is None:
        return tuple(DEGRADATIONS.values())
    known = {*DEGRADATIONS, *(d.group for d in DEGRADATIONS.values())}
    selected = {known_name(name, known, "condition") for name in names.split(",")}
    return tuple(d for d in DEGRADATIONS.values() if {d.name, d.group} & selected)


def _degrade_tests(
    settings: Settings, prepared: Prepared, degradations: Sequence[Degradation], n_jobs: int
) -> DegradedTests:
    from voxaffect.evaluation.robustness.degraded_tests import degrade_tests
    from voxaffect.features.cache.degraded import DegradedStore

    store = DegradedStore(experiment.feature_store(settings), SEED)
    folds = settings.plan().folds(prepared.dataset, lambda _: None)  # `run` reports problems
    with count_bar("conditions") as advance:
        tests = degrade_tests(
            prepared.dataset, folds, store, degradations, n_jobs=n_jobs, progress=advance
        )
    experiment.report_problems(tests.refused)
    return tests


def _write(found: Robustness, out: Path) -> None:
    """Write the files of the result, and the report of a run in the same folder again."""
    from rich.markdown import Markdown

    from voxaffect.evaluation.experiment.run import RunFolder
    from voxaffect.evaluation.summary import Summary
    from voxaffect.files import write_text
    from voxaffect.report import robustness as report
    from voxaffect.report.table import markdown
    from voxaffect.report.write import write_report

    text, picture = report.robustness_markdown(found)
    texts = {
        "robustness.json": report.robustness_json(found),
        "robustness.csv": report.robustness_csv(found),
        "robustness.md": text,
        f"figures/{picture.name}.svg": picture.svg,
    }
    for name, content in texts.items():
        write_text(out / name, content)
    written = [out / name for name in texts]
    if RunFolder(out).header() is not None:
        written.append(write_report(Summary(RunFolder(out).load()), out, found)[0])
    console().print(Markdown(markdown(report.summary_table(found))))
    for path in written:
        print_line(f"wrote {path}")
