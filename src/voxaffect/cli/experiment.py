"""demo, simulate, extract, evaluate, report: experiments from corpora to pages."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.markdown import Markdown

from voxaffect.cli.console import (
    console,
    counting_progress,
    errors,
    extraction_progress,
    print_line,
    progress_bar,
    show,
)
from voxaffect.config.file import load_settings, make_settings
from voxaffect.config.settings import Settings
from voxaffect.corpora.corpus import Problem
from voxaffect.errors import ConfigError
from voxaffect.evaluation.compare_runs import compare_runs
from voxaffect.evaluation.experiment.dataset import Prepared, prepare
from voxaffect.evaluation.experiment.experiment import run
from voxaffect.evaluation.experiment.job import Outcome
from voxaffect.evaluation.experiment.run import Run, RunFolder
from voxaffect.evaluation.robustness.robustness import Robustness, load_robustness
from voxaffect.evaluation.summary import summarize_run
from voxaffect.features.cache.cache import FeatureStore
from voxaffect.features.frames import FrameExtractor
from voxaffect.features.opensmile import UTTERANCE_SETS
from voxaffect.files import write_text
from voxaffect.parallel.clusters import LOCAL, effective_jobs, workers
from voxaffect.report.comparison import (
    brief_table,
    comparison_markdown,
    describe_comparison,
    differences_table,
)
from voxaffect.report.write import terminal_markdown, write_events, write_report
from voxaffect.simulation import trees
from voxaffect.simulation.plans import PAPER, PLANS
from voxaffect.simulation.trees import SIMULATED_NOTICE


def compare(run_a: Path, run_b: Path, *, out: Path | None, systems: str | None) -> None:
    """Say what two runs share, what differs in their making, and which did better.

    Args:
        run_a: folder of the run compared with.
        run_b: folder of the run compared.
        out: folder for comparison.md and comparison.json; None writes none.
        systems: pairs `a:b,c:d` of systems, `a` for `a:a`; None for all that both have.

    Raises:
        VoxaffectError: a run or a system is not there, or the runs share nothing.
    """
    a, b = RunFolder(run_a).load(), RunFolder(run_b).load()
    names = (str(run_a), str(run_b))
    found = compare_runs(a, b, None if systems is None else pairs(systems))
    for note in dict.fromkeys((a.note, b.note)):
        if note:
            console.print(note, style="bold")
    for sentence in describe_comparison(found, names):
        console.print(f"- {sentence}")
    console.print()
    show(differences_table(found))
    show(brief_table(found))
    if out is not None:
        plain = {"a": names[0], "b": names[1], **found.to_dict()}
        texts = {
            "comparison.md": comparison_markdown(found, names, (a.note, b.note)),
            "comparison.json": json.dumps(plain, indent=1, ensure_ascii=False) + "\n",
        }
        for name, text in texts.items():
            write_text(out / name, text)
            print_line(f"wrote {out / name}")


def pairs(text: str) -> list[tuple[str, str]]:
    """Pairs of systems, as the command line writes them.

    >>> pairs("svm,dnn-stl:dnn-mtl")
    [('svm', 'svm'), ('dnn-stl', 'dnn-mtl')]

    Raises:
        ConfigError: a pair lacks a name, or has too many.
    """
    found = []
    for pair in text.split(","):
        names = pair.strip().split(":")
        if len(names) > 2 or not all(names):
            raise ConfigError(f"{pair!r} is no pair of systems; write a:b, or a for a:a")
        found.append((names[0], names[-1]))
    return found


OnPlan = Callable[[int, int], None]
OnOutcome = Callable[[Outcome], None]


@contextmanager
def folds_progress() -> Iterator[tuple[OnPlan, OnOutcome]]:
    """A bar to be told how many results are there of how many, and of each job as it ends."""
    with progress_bar("folds") as bar:
        task = bar.task_ids[0]

        def planned(n_done: int, n_all: int) -> None:
            bar.update(task, completed=n_done, total=n_all)

        def ended(outcome: Outcome) -> None:
            bar.update(task, advance=1, note=f"{outcome.system} on {outcome.fold}")
            if outcome.failure is not None:
                bar.console.print(f"failed: {outcome.system} on {outcome.fold}: {outcome.failure}")

        yield planned, ended


def context(settings: Settings, prepared: Prepared) -> dict[str, Any]:
    """What a run rests on beside its plan: classes and features, less thousands of their names."""
    others = {
        name: dict(dataset.feature_settings)["extractor"]
        for name, dataset in prepared.others.items()
    }
    return {
        "taxonomy": settings.make_taxonomy().settings(),
        "features": dict(prepared.dataset.feature_settings),
        **({"other_features": others} if others else {}),
    }


def tell_missing(finished: Run) -> int:
    """Name the folds without a result; returns the exit status, 1 where there are any."""
    for failure in finished.failures:
        errors.print(f"no result: {failure['reason']}", style="red")
    return 1 if finished.failures else 0


MAX_NAMED = 5


def prepare_corpora(
    settings: Settings, n_jobs: int, feature_sets: Collection[str] = ()
) -> Prepared:
    """The dataset of the settings' corpora, and what of them entered it.

    Args:
        settings: with the corpora, and the run's own features.
        n_jobs: processes that extract.
        feature_sets: keys of `UTTERANCE_SETS` that are needed beside.

    Raises:
        VoxaffectError: a corpus cannot be read, or features cannot be stored.
    """
    store = feature_store(settings)
    beside = [_store(settings, UTTERANCE_SETS[name]) for name in feature_sets]
    for other in beside:
        other.extractor.settings()  # a library that is missing is told before anything is read
    corpora = settings.load_corpora()
    for corpus in corpora:
        tell(corpus.problems, f"{corpus.name}: ")
    taxonomy = settings.make_taxonomy()
    n_utterances = sum(taxonomy.emotion(u) is not None for c in corpora for u in c.utterances)
    with extraction_progress(n_utterances * (1 + len(beside))) as advance:
        prepared = prepare(
            corpora,
            taxonomy,
            store,
            others=dict(zip(feature_sets, beside, strict=True)),
            n_jobs=n_jobs,
            progress=advance,
        )
    tell(prepared.problems)
    return prepared


def feature_store(settings: Settings) -> FeatureStore:
    """Where the settings keep their features.

    Raises:
        VoxaffectError: the features cannot be.
    """
    return _store(settings, settings.features.extractor())


def _store(settings: Settings, extractor: FrameExtractor) -> FeatureStore:
    return FeatureStore(settings.features.store.expanduser(), extractor, settings.audio.limits())


def tell(problems: Sequence[Problem], prefix: str = "") -> None:
    """Name the first faults of every kind and count the notes; none is dropped in silence."""
    by_kind: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        by_kind[problem.kind].append(problem)
    for kind, same in by_kind.items():
        faults = [problem for problem in same if problem.is_fault]
        for problem in faults[:MAX_NAMED]:
            print_line(f"{prefix}{problem.path}: {problem.detail}", to=errors)
        unnamed = len(same) - len(faults[:MAX_NAMED])
        if unnamed:
            errors.print(f"{prefix}{kind}: {unnamed}{' more' if faults else ''}")


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
    console.print(SIMULATED_NOTICE, style="bold")
    roots = simulate(out / "corpora", seed=seed, scale=scale, n_jobs=n_jobs, corpora=PAPER)
    plain = {
        **DEMO,
        "corpora": {name: {"root": str(root)} for name, root in roots.items()},
        "features": {"store": str(out / "features")},
        "evaluate": {**DEMO["evaluate"], "seeds": [seed]},
    }
    with workers(LOCAL, None, n_jobs) as n_here:
        return _evaluate(make_settings(plain, "demo"), out, n_here, note=SIMULATED_NOTICE)


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
    stated: dict[str, Any] = {
        "protocols": protocols,
        "systems": systems.split(",") if systems else None,
        "seeds": seeds.split(",") if seeds else None,
    }
    replaced = {key: value for key, value in stated.items() if value}
    settings = load_settings(config, replaced)
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
    summary = summarize_run(finished)
    written = write_report(summary, out, robustness)
    console.print(Markdown(terminal_markdown(summary)))
    for path in written:
        if path.suffix in {".html", ".md"}:
            print_line(f"wrote {path}")
