"""compare: two runs on the same folds, in the terminal and as files."""

from __future__ import annotations

import json
from pathlib import Path

from voxaffect.commands.console import console, print_line, show
from voxaffect.errors import ConfigError
from voxaffect.evaluation.experiment.run import RunFolder
from voxaffect.evaluation.two_runs.compare import compare_runs
from voxaffect.files import write_text
from voxaffect.report.comparison import brief, comparison_markdown, differing, sentences


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
    for sentence in sentences(found, names):
        console.print(f"- {sentence}")
    console.print()
    show(differing(found))
    show(brief(found))
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
