"""robustness: the systems of a settings file, trained on clean speech, heard in the wild."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from rich.markdown import Markdown

from voxaffect.audio.degrade import DEGRADATIONS
from voxaffect.audio.degrade.degradation import Degradation
from voxaffect.cli.console import console, counting_progress, errors, print_line
from voxaffect.cli.experiment import (
    context,
    feature_store,
    folds_progress,
    prepare_corpora,
    tell,
    tell_missing,
)
from voxaffect.config.corpora import known_name
from voxaffect.config.file import load_settings
from voxaffect.config.settings import Settings
from voxaffect.errors import ConfigError
from voxaffect.evaluation.experiment.dataset import Prepared
from voxaffect.evaluation.experiment.experiment import run
from voxaffect.evaluation.experiment.run import Run, RunFolder
from voxaffect.evaluation.robustness.conditions import DegradedTests, degrade_tests
from voxaffect.evaluation.robustness.robustness import Robustness, save_robustness
from voxaffect.evaluation.robustness.scores import robustness as score
from voxaffect.evaluation.summary import summarize_run
from voxaffect.features.cache.degraded import DegradedStore
from voxaffect.files import write_text
from voxaffect.parallel.clusters import LOCAL, workers
from voxaffect.report.robustness import robustness_csv, robustness_markdown, summary_table
from voxaffect.report.table import markdown
from voxaffect.report.write import write_report

SEED = 0
"""Of all noise, rooms and voices: every run hears the same."""

FOLDER = "robustness"
"""Folder of the answers, beside those of `evaluate`."""


def robustness(
    config: Path,
    out: Path,
    *,
    protocol: str,
    systems: str | None,
    conditions: str | None,
    n_jobs: int,
) -> int:
    """Train what the settings ask for, answer degraded test sets, write what came of it.

    Returns:
        The exit status: 1 where a fold could not be computed.

    Raises:
        VoxaffectError: settings or names are wrong, or the corpora do not allow a fold.
    """
    settings = _settings(config, protocol, systems)
    degradations = chosen(conditions)
    with workers(LOCAL, None, n_jobs) as n_here:
        prepared = prepare_corpora(settings, n_here)
        tests = _degrade(settings, prepared, degradations, n_here)
        finished = _answer(settings, prepared, tests, RunFolder(out), n_here)
    status = tell_missing(finished)
    found = score(
        finished.results,
        degradations,
        {i: u.speaker for i, u in prepared.dataset.utterances.items()},
        n_refused=tests.n_refused,
        seed=SEED,
        note=finished.note,
    )
    if found is None:
        errors.print("no fold was answered by every system", style="red")
        return 1
    _write(found, out)
    return status


def chosen(names: str | None) -> tuple[Degradation, ...]:
    """Degradations by their names or those of their groups, separated by commas; all for None.

    Raises:
        ConfigError: there is none of a name.
    """
    if names is None:
        return tuple(DEGRADATIONS.values())
    groups = {d.group for d in DEGRADATIONS.values()}
    asked = {known_name(name, {*DEGRADATIONS, *groups}, "condition") for name in names.split(",")}
    return tuple(d for d in DEGRADATIONS.values() if {d.name, d.group} & asked)


def _settings(config: Path, protocol: str, systems: str | None) -> Settings:
    """The settings with what the command line replaces of them.

    Raises:
        ConfigError: a system does not hear the run's own frames.
    """
    named = {"systems": systems.split(",")} if systems else {}
    found = load_settings(config, {"protocols": [protocol], **named})
    deaf = [system.name for system in found.systems() if system.features is not None]
    if deaf:
        raise ConfigError(
            f"{', '.join(deaf)}: hears other features than the run's own frames, and only those "
            "are computed of degraded speech; name the other systems with --systems"
        )
    return found


def _degrade(
    settings: Settings, prepared: Prepared, degradations: Sequence[Degradation], n_jobs: int
) -> DegradedTests:
    store = DegradedStore(feature_store(settings), SEED)
    folds = settings.plan().folds(prepared.dataset, lambda _: None)  # `run` tells what is refused
    with counting_progress("conditions") as advance:
        tests = degrade_tests(
            prepared.dataset, folds, store, degradations, n_jobs=n_jobs, progress=advance
        )
    tell(tests.refused)
    return tests


def _answer(
    settings: Settings,
    prepared: Prepared,
    tests: DegradedTests,
    folder: RunFolder,
    n_jobs: int,
) -> Run:
    """Train on clean speech and answer all test sets; what is there already is kept."""
    earlier = folder.header() or {}
    with folds_progress() as (planned, ended):
        return run(
            settings.plan(),
            prepared.dataset,
            prepared.corpora,
            RunFolder(folder.root / FOLDER),
            n_jobs=n_jobs,
            note=str(earlier.get("note", "")),
            context={
                **context(settings, prepared),
                "degradations": {
                    name: DEGRADATIONS[name].settings() for name in tests.conditions[1:]
                },
                "codecs": f"PyAV {version('av')}",
            },
            on_plan=planned,
            on_outcome=ended,
            data_of=tests.fold_data,
        )


def _write(found: Robustness, out: Path) -> None:
    """Files of its own, and the report of the run that lies in the same folder."""
    text, picture = robustness_markdown(found)
    written = [save_robustness(found, out)]
    texts = {
        "robustness.csv": robustness_csv(found),
        "robustness.md": text,
        f"figures/{picture.name}.svg": picture.svg,
    }
    for name, content in texts.items():
        write_text(out / name, content)
        written.append(out / name)
    folder = RunFolder(out)
    if folder.header() is not None:
        written.append(write_report(summarize_run(folder.load()), out, found)[0])
    console.print(Markdown(markdown(summary_table(found))))
    for path in written:
        print_line(f"wrote {path}")
