"""demo, simulate, extract, evaluate, report: experiments from corpora to pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markdown import Markdown

from voxaffect.commands.console import console, counting_progress, print_line
from voxaffect.commands.folds import context, folds_progress, tell_missing
from voxaffect.commands.preparation import prepare_corpora
from voxaffect.config.file import load_settings, make_settings
from voxaffect.config.settings import Settings
from voxaffect.evaluation.experiment.experiment import run
from voxaffect.evaluation.experiment.run import Run, RunFolder
from voxaffect.evaluation.robustness.robustness import Robustness, load_robustness
from voxaffect.evaluation.summary import summarise_run
from voxaffect.parallel.clusters import LOCAL, effective_jobs, workers
from voxaffect.report.events import write_events
from voxaffect.report.terminal import terminal_markdown
from voxaffect.report.write import write_report
from voxaffect.simulation import trees
from voxaffect.simulation.plans import PAPER, PLANS
from voxaffect.simulation.trees import STAND_IN

DEMO: dict[str, Any] = {
    "training": {
        "max_epochs": 8,
        "patience": 3,
        "lstm": {"batch_size": 16, "crop_frames": 50, "batches_per_epoch": 15},
        "dnn": {"batch_size": 256, "batches_per_epoch": 15},
    },
    "evaluate": {
        "systems": ["dnn-stl", "lstm-stl", "dnn-mtl", "lstm-mtl", "svm"],
        "split_style": ["iemocap"],
    },
}
"""What trains 190 classifiers on a hundred utterances each in minutes; the rest is the paper's."""


def demo(out: Path, *, n_jobs: int, seed: int, scale: float) -> int:
    """The paper's experiment on simulated speech: trees, features, nets, report."""
    console.print(STAND_IN, style="bold")
    roots = simulate(out / "corpora", seed=seed, scale=scale, n_jobs=n_jobs, corpora=PAPER)
    plain = {
        **DEMO,
        "corpora": {name: {"root": str(root)} for name, root in roots.items()},
        "features": {"store": str(out / "features")},
        "evaluate": {**DEMO["evaluate"], "seeds": [seed]},
    }
    with workers(LOCAL, None, n_jobs) as n_here:
        return _evaluate(make_settings(plain, "demo"), out, n_here, note=STAND_IN)


def simulate(
    folder: Path, *, seed: int, scale: float, n_jobs: int, corpora: Sequence[str] | None = None
) -> dict[str, Path]:
    """Write the simulated trees; returns corpus -> root."""
    with counting_progress("speech") as advance:
        return trees.simulate(
            folder,
            seed=seed,
            scale=scale,
            corpora=tuple(PLANS) if corpora is None else corpora,
            progress=advance,
            n_jobs=effective_jobs(n_jobs),
        )


def extract(config: Path, *, n_jobs: int, backend: str = LOCAL, address: str | None = None) -> None:
    """Compute missing features and say what there is."""
    settings = load_settings(config)
    with workers(backend, address, n_jobs) as n_there:
        corpora = prepare_corpora(settings, n_there, settings.feature_sets()).corpora
    for corpus in corpora:
        hours = corpus.audio_s / 3600
        console.print(f"{corpus.name}: {corpus.n_utterances} utterances, {hours:.2f} h of speech")


def evaluate(
    config: Path,
    out: Path,
    *,
    protocols: list[str] | None,
    systems: str | None,
    seeds: str | None,
    n_jobs: int,
    backend: str = LOCAL,
    address: str | None = None,
) -> int:
    """Run what the settings ask for, with what the command line replaces of it."""
    settings = load_settings(config)
    stated: dict[str, Any] = {
        "protocols": protocols,
        "systems": systems.split(",") if systems else None,
        "seeds": seeds.split(",") if seeds else None,
    }
    replaced = {key: value for key, value in stated.items() if value}
    plain = settings.model_dump(mode="json")
    plain["evaluate"] |= replaced
    settings = make_settings(plain, str(config))
    with workers(backend, address, n_jobs) as n_there:
        return _evaluate(settings, out, n_there)


def report(folder: Path, out: Path, *, tensorboard: bool = False) -> None:
    """Write the report of a run that is there, and the events of its trainings if asked."""
    finished = RunFolder(folder).load()
    if tensorboard:
        print_line(f"wrote {write_events(finished.results, out)}")
    _show(finished, out, load_robustness(folder))


def _evaluate(settings: Settings, out: Path, n_jobs: int, note: str = "") -> int:
    """Compute and show; returns the exit status, 1 where a fold has no result."""
    plan = settings.plan()
    prepared = prepare_corpora(settings, n_jobs, settings.feature_sets())
    with folds_progress() as (planned, ended):
        finished = run(
            plan,
            prepared.dataset,
            prepared.corpora,
            RunFolder(out),
            n_jobs=n_jobs,
            note=note,
            others=prepared.others,
            context=context(settings, prepared),
            on_plan=planned,
            on_outcome=ended,
        )
    _show(finished, out, load_robustness(out))
    return tell_missing(finished)


def _show(finished: Run, out: Path, robustness: Robustness | None) -> None:
    summary = summarise_run(finished)
    written = write_report(summary, out, robustness)
    console.print(Markdown(terminal_markdown(summary)))
    for path in written:
        if path.suffix in {".html", ".md"}:
            print_line(f"wrote {path}")
