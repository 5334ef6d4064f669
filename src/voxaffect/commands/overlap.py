"""corpora overlap: what the corpora of a settings file bring, lack and share, before any run."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from voxaffect.audio.decode import DecodeLimits
from voxaffect.commands.console import counting_progress, show
from voxaffect.config.file import load_settings
from voxaffect.corpora.corpus import Problem, Utterance
from voxaffect.corpora.examine import Examined, examine
from voxaffect.evaluation.protocol.overlap import overlaps
from voxaffect.parallel.clusters import effective_jobs
from voxaffect.report.overlap import tables


def overlap(config: Path, *, as_json: bool, n_jobs: int) -> int:
    """Print what the corpora of a settings file bring, lack and share; returns 0.

    Every recording that has a class is decoded: copies are found by their samples.

    Raises:
        VoxaffectError: the settings are wrong, or a corpus cannot be read.
    """
    settings = load_settings(config)
    plan, taxonomy = settings.plan(), settings.make_taxonomy()
    corpora = settings.load_corpora()
    labelled = [u for c in corpora for u in c.utterances if taxonomy.emotion(u) is not None]
    examined = _examine(labelled, settings.audio.limits(), effective_jobs(n_jobs))
    found = overlaps(
        corpora,
        taxonomy,
        contents={e.utterance.id: e.content for e in examined if e.content is not None},
        unusable={e.utterance.id: fault for e in examined if (fault := _fault(e))},
        seed=plan.split_seed,
        dev=plan.dev,
        split_style=plan.split_style,
    )
    if as_json:
        sys.stdout.write(json.dumps(found.to_dict(), indent=1, ensure_ascii=False) + "\n")
        return 0
    for table in tables(found):
        show(table)
    return 0


def _examine(utterances: Sequence[Utterance], limits: DecodeLimits, n_jobs: int) -> list[Examined]:
    with counting_progress("recordings") as advance:
        return examine(utterances, n_jobs=n_jobs, limits=limits, progress=advance)


def _fault(examined: Examined) -> Problem | None:
    """Why no feature can be computed of a recording, None where they can."""
    return next((problem for problem in examined.problems if problem.is_fault), None)
