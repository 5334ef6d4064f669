"""demo, simulate, extract, evaluate, report, compare: experiments, from corpora to reports."""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voxaffect.cli.app import DATA, EXPERIMENT, Address, Config, Events, Jobs, On, Out, app, command
from voxaffect.cli.console import console, count_bar, errors, notes, print_line, progress_bar, show
from voxaffect.errors import ConfigError
from voxaffect.systems import NAMES

if TYPE_CHECKING:
    from voxaffect.config.settings import Settings
    from voxaffect.corpora.corpus import Problem
    from voxaffect.evaluation.experiment.dataset import Prepared
    from voxaffect.evaluation.experiment.job import Job
    from voxaffect.evaluation.experiment.run import Run
    from voxaffect.features.cache.cache import FeatureStore
    from voxaffect.features.frames import FrameExtractor

AGAIN = "run the same command again to resume"
RESUME = f"results so far are in {{out}}; {AGAIN}"


@command(app, "compare", EXPERIMENT, kept="")
def compare(
    run_a: Annotated[Path, typer.Argument(help="The --out folder of evaluate or demo.")],
    run_b: Annotated[Path, typer.Argument(help="The other run; gains are this run's.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for comparison.md and comparison.json."),
    ] = None,
    systems: Annotated[
        str | None, typer.Option(help="Pairs a:b of systems, separated by commas; default: all.")
    ] = None,
) -> None:
    """Compare two runs on the folds and test utterances that they share.

    Prints what differs in settings, corpora, seeds and versions, then each system's gain with a
    95 % confidence interval over speakers and a paired test.

      voxaffect compare runs/paper runs/mine --systems dnn-stl:dnn-mtl
    """
    from voxaffect.evaluation.compare_runs import compare_runs
    from voxaffect.evaluation.experiment.run import RunFolder
    from voxaffect.files import write_text
    from voxaffect.report import comparison

    a, b = RunFolder(run_a).load(), RunFolder(run_b).load()
    names = (str(run_a), str(run_b))
    found = compare_runs(a, b, None if systems is None else pairs(systems))
    for note in dict.fromkeys((a.note, b.note)):
        if note:
            console().print(note, style="bold")
    for sentence in comparison.describe_comparison(found, names):
        console().print(f"- {sentence}")
    console().print()
    show(comparison.differences_table(found))
    show(comparison.brief_table(found))
    if out is not None:
        plain = {"a": names[0], "b": names[1], **found.to_dict()}
        texts = {
            "comparison.md": comparison.comparison_markdown(found, names, (a.note, b.note)),
            "comparison.json": json.dumps(plain, indent=1, ensure_ascii=False) + "\n",
        }
        for name, text in texts.items():
            write_text(out / name, text)
            print_line(f"wrote {out / name}")


def pairs(text: str) -> list[tuple[str, str]]:
    """Parse pairs of systems: `svm,dnn-stl:dnn-mtl` are (svm, svm) and (dnn-stl, dnn-mtl)."""
    found = []
    for pair in text.split(","):
        names = pair.strip().split(":")
        if len(names) > 2 or not all(names):
            raise ConfigError(f"{pair!r} is not a pair of systems; write a:b, or a for a:a")
        found.append((names[0], names[-1]))
    return found


def run_folds(
    settings: Settings, prepared: Prepared, folder: Path, *, more: Mapping[str, Any], **options: Any
) -> Run:
    """Compute the folds of a run with a progress bar; `options` are those of `experiment.run`.

    Results depend on taxonomy, features and `more`, which is shown as well.
    """
    from voxaffect.evaluation.experiment.experiment import run
    from voxaffect.evaluation.experiment.run import RunFolder

    taxonomy, features = settings.make_taxonomy(), dict(prepared.dataset.feature_settings)
    context = {"taxonomy": taxonomy.settings(), "features": features, **more}
    if prepared.others:
        context["other_features"] = {
            name: dict(dataset.feature_settings)["extractor"]
            for name, dataset in prepared.others.items()
        }
    with progress_bar("folds") as update:

        def ended(job: Job, failure: str | None) -> None:
            name = f"{job.system.name} on {job.data.fold}"
            update(advance=1, note=name)
            if failure is not None:
                notes().print(f"failed: {name}: {failure}")

        return run(
            settings.plan(),
            prepared.dataset,
            prepared.corpora,
            RunFolder(folder),
            others=prepared.others,
            context=context,
            on_plan=lambda n_done, n_all: update(completed=n_done, total=n_all),
            on_outcome=ended,
            **options,
        )


def report_missing(finished: Run) -> int:
    """Print the folds without a result; returns the exit status, 1 if there are any."""
    for failure in finished.failures:
        errors().print(f"no result: {failure['reason']}", style="red")
    return 1 if finished.failures else 0


def prepare_corpora(
    settings: Settings,
    n_jobs: int,
    feature_sets: Collection[str] = (),
    extractor: FrameExtractor | None = None,
) -> Prepared:
    """Load the corpora of the settings and extract features; reports what cannot be used.

    Systems may need other `feature_sets` as well, keys of `UTTERANCE_SETS`. Frames are those of an
    extractor, by default the settings' own.
    """
    from voxaffect.evaluation.experiment.dataset import prepare
    from voxaffect.features.opensmile import UTTERANCE_SETS

    store = feature_store(settings, extractor)
    others = {name: feature_store(settings, UTTERANCE_SETS[name]) for name in feature_sets}
    for other in others.values():
        other.extractor.settings()  # a missing library is named before anything is read
    corpora = settings.load_corpora()
    for corpus in corpora:
        report_problems(corpus.problems, f"{corpus.name}: ")
    taxonomy = settings.make_taxonomy()
    n_utterances = sum(taxonomy.emotion(u) is not None for c in corpora for u in c.utterances)
    started = time.perf_counter()
    with progress_bar("features") as update:
        update(total=n_utterances * (1 + len(others)))

        def advance(n_done: int, audio_s: float) -> None:
            speed = audio_s / max(time.perf_counter() - started, 1e-9)
            note = f"{audio_s / 3600:.2f} h audio, {speed:,.0f} x real time"
            update(completed=n_done, note=note)

        prepared = prepare(
            corpora,
            taxonomy,
            store,
            others=others,
            augmentation=settings.augmentation,
            n_jobs=n_jobs,
            progress=advance,
        )
    report_problems(prepared.problems)
    return prepared


def feature_store(settings: Settings, extractor: FrameExtractor | None = None) -> FeatureStore:
    """Feature store of the settings, by default with their own extractor."""
    from voxaffect.features.cache.cache import FeatureStore

    extractor = extractor or settings.features.extractor()
    return FeatureStore(settings.features.store.expanduser(), extractor, settings.audio.limits())


def report_problems(problems: Sequence[Problem], prefix: str = "") -> None:
    """Print the first faults of every kind, and the numbers of the others and of the notes."""
    by_kind: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        by_kind[problem.kind].append(problem)
    for kind, same in by_kind.items():
        faults = [problem for problem in same if problem.is_fault]
        for problem in faults[:5]:
            print_line(f"{prefix}{problem.path}: {problem.detail}", to=errors())
        if unnamed := len(same) - len(faults[:5]):
            errors().print(f"{prefix}{kind}: {unnamed}{' more' if faults else ''}")


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
"""Training short enough for 190 classifiers in minutes; all other settings are the paper's."""


@command(app, "demo", EXPERIMENT, kept=RESUME)
def demo(
    out: Out = Path("demo"),
    jobs: Jobs = 0,
    seed: Annotated[int, typer.Option(help="Seed of the speech and of all training.")] = 1,
    scale: Annotated[float, typer.Option(help="Size of the simulated corpora.")] = 1.0,
) -> int:
    """Run the paper's whole experiment on simulated speech and write its report.

    Speech is synthesized in the folder trees and file formats of the paper's five corpora; every
    system is trained and tested within corpora, across corpora and on all of them together. A few
    minutes, no downloads.
    """
    from voxaffect.config.file import make_settings
    from voxaffect.parallel.clusters import LOCAL, workers
    from voxaffect.simulation.plans import PAPER
    from voxaffect.simulation.trees import SIMULATED_NOTICE

    console().print(SIMULATED_NOTICE, style="bold")
    roots = _simulate(out / "corpora", PAPER, jobs, seed=seed, scale=scale)
    plain = {
        **DEMO,
        "corpora": {name: {"root": str(root)} for name, root in roots.items()},
        "features": {"store": str(out / "features")},
        "evaluate": {**DEMO["evaluate"], "seeds": [seed]},
    }
    with workers(LOCAL, None, jobs) as n_here:
        status = _evaluate(make_settings(plain, "demo"), out, n_here, note=SIMULATED_NOTICE)
    _answer_for(_sample(roots))
    return status


def _sample(roots: Mapping[str, Path]) -> Path:
    """A real recording of the folder of corpora, if there is one, else one that the demo made."""
    real = os.environ.get("VOXAFFECT_CORPORA")
    folders = [*([Path(real)] if real else []), *roots.values()]
    found = (path for folder in folders for path in sorted(folder.rglob("*.[wf][al]*")))
    return next(path for path in found if path.suffix in {".wav", ".flac"})


def _answer_for(recording: Path) -> None:
    """Show what the packaged recognizer says of a recording."""
    from voxaffect.recognizer.packaged import WORD, described, located
    from voxaffect.recognizer.recognizer import TrainedRecognizer
    from voxaffect.report.predictions.table import table

    folder = located(Path(WORD))
    (prediction,) = TrainedRecognizer.load(folder).predict([recording])
    console().print(f"\nOf a recording, {described(folder)} says:")
    console().print(table([prediction], width=console().width))


@command(app, "simulate", DATA, kept="{folder} is incomplete; run the same command again")
def simulate(
    folder: Annotated[Path, typer.Argument(help="Folder to write the corpora into.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    scale: Annotated[float, typer.Option(help="Number of utterances, relative to demo.")] = 1.0,
    corpora: Annotated[
        str | None, typer.Option(help="Corpora to write, separated by commas; default: all.")
    ] = None,
    jobs: Jobs = 0,
) -> None:
    """Write simulated emotional speech in the trees of real corpora, for tests and trials."""
    from voxaffect.simulation.plans import PLANS

    names = corpora.split(",") if corpora else [*PLANS]
    _simulate(folder, names, jobs, seed=seed, scale=scale)


def _simulate(folder: Path, corpora: Sequence[str], n_jobs: int, **options: Any) -> dict[str, Path]:
    from voxaffect.parallel.processes import n_cores
    from voxaffect.simulation import trees

    n_jobs = n_jobs or n_cores()
    with count_bar("speech") as advance:
        return trees.simulate(folder, corpora=corpora, progress=advance, n_jobs=n_jobs, **options)


@command(app, "extract", EXPERIMENT, kept=f"computed features are kept; {AGAIN}")
def extract(config: Config, jobs: Jobs = 0, backend: On = "loky", address: Address = None) -> None:
    """Compute the frame features of every corpus of a settings file, once."""
    from voxaffect.config.file import load_settings
    from voxaffect.parallel.clusters import workers

    settings = load_settings(config)
    with workers(backend, address, jobs) as n_there:
        corpora = prepare_corpora(settings, n_there, settings.feature_sets()).corpora
    for corpus in corpora:
        hours = corpus.audio_s / 3600
        console().print(f"{corpus.name}: {corpus.n_utterances} utterances, {hours:.2f} h of speech")


@command(app, "evaluate", EXPERIMENT, kept=RESUME)
def evaluate(
    config: Config,
    out: Out = Path("runs/evaluation"),
    protocol: Annotated[
        list[str] | None, typer.Option(help="within, cross or aggregated; may be repeated.")
    ] = None,
    systems: Annotated[
        str | None,
        typer.Option(help=f"Systems to compare, separated by commas: {', '.join(NAMES)}."),
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds, separated by commas.")] = None,
    predictions: Annotated[
        bool,
        typer.Option(
            "--predictions", help="Write predictions.csv too: every prediction on a test set."
        ),
    ] = False,
    jobs: Jobs = 0,
    backend: On = "loky",
    address: Address = None,
) -> int:
    """Train and test systems on corpora; resumes where an earlier run of the same folder stopped.

    Writes every result as it ends, then results.parquet, report.html and report.md. Options
    override the settings file. The exit status is 1 if a fold could not be computed.

      voxaffect evaluate configs/open.toml --out runs/open --systems dnn-stl,dnn-mtl --seeds 0,1,2
    """
    from voxaffect.config.file import load_settings
    from voxaffect.evaluation.experiment.run import RunFolder
    from voxaffect.parallel.clusters import workers

    options: dict[str, Any] = {
        "protocols": protocol,
        "systems": systems.split(",") if systems else None,
        "seeds": seeds.split(",") if seeds else None,
    }
    settings = load_settings(config, {key: value for key, value in options.items() if value})
    with workers(backend, address, jobs) as n_there:
        status = _evaluate(settings, out, n_there)
    if predictions:
        print_line(f"wrote {RunFolder(out).write_predictions()}")
    return status


@command(app, "report", EXPERIMENT, kept="")
def report(
    run: Annotated[Path, typer.Argument(help="The --out folder of evaluate or demo.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder to write it to; default: the run's.")
    ] = None,
    tensorboard: Events = False,
) -> None:
    """Write the report of a run again: HTML page, Markdown, LaTeX, JSON, CSV and figures."""
    from voxaffect.evaluation.experiment.run import RunFolder
    from voxaffect.report.write import write_events

    finished = RunFolder(run).load()
    if tensorboard:
        print_line(f"wrote {write_events(finished.trainings, out or run)}")
    _show(finished, out or run, run)


def _evaluate(settings: Settings, out: Path, n_jobs: int, note: str = "") -> int:
    """Run and report an experiment; returns the exit status, 1 if a fold has no result."""
    settings.plan()  # its faults come before anything is read
    prepared = prepare_corpora(settings, n_jobs, settings.feature_sets())
    finished = run_folds(settings, prepared, out, more={}, n_jobs=n_jobs, note=note)
    _show(finished, out, out)
    return report_missing(finished)


def _show(finished: Run, out: Path, folder: Path) -> None:
    """Write the report, with the robustness results of the run's folder, and print the tables."""
    from rich.markdown import Markdown

    from voxaffect.evaluation.robustness.robustness import load_robustness
    from voxaffect.evaluation.summary import Summary
    from voxaffect.report.write import terminal_markdown, write_report

    summary = Summary(finished)
    written = write_report(summary, out, load_robustness(folder))
    console().print(Markdown(terminal_markdown(summary)))
    for path in written:
        if path.suffix in {".html", ".md"}:
            print_line(f"wrote {path}")
