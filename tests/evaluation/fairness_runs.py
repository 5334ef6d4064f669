"""Runs of made-up speakers with known predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tests.report.runs import full_run, result
from voxaffect.evaluation.experiment.run import FoldResult, Run
from voxaffect.evaluation.experiment.utterance_facts import UtteranceFacts

FACTS_OF_ONE = UtteranceFacts("north", "north/a", "female", "German", "acted", 1.0, 20.0, "00ff")


def run_of(results: Sequence[FoldResult], facts: Mapping[str, UtteranceFacts]) -> Run:
    """A run of results and of the facts about their utterances."""
    return Run({}, (), {}, tuple(results), utterances=dict(facts))


def results_of(
    hits: Mapping[str, Sequence[int]], of: int = 10, seed: int = 0, system: str = "dnn-stl"
) -> list[FoldResult]:
    """A fold for each speaker `north/a`, with so many hits of each class out of `of`."""
    return [result(speaker, system, n, of=of, seed=seed) for speaker, n in hits.items()]


def facts_for(results: Sequence[FoldResult], **known: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of all utterances; `gender={"north/a": "male"}` sets those of a speaker."""
    return {
        i: replace(
            FACTS_OF_ONE,
            corpus=r.corpus,
            speaker=r.test_name,
            **{name: of[r.test_name] for name, of in known.items() if r.test_name in of},
        )
        for r in results
        for i in r.ids
    }


def described_run() -> Run:
    """The report's full run, with made-up facts of every utterance."""
    run = full_run()
    rng = np.random.default_rng(0)
    genders = ("female", "male", None)
    ids = dict.fromkeys(i for r in run.results for i in r.ids)
    facts = {
        i: UtteranceFacts(
            corpus=i.split("/")[0].split(":")[0],
            speaker=f"{i.split('/')[0]}/{n % 8}",
            gender=genders[n % 8 % 3],
            language="German",
            style="acted",
            duration_s=float(rng.uniform(1, 5)),
            snr_db=None if n % 7 == 0 else float(rng.uniform(10, 50)),
            content=f"{n:032x}",
        )
        for n, i in enumerate(ids)
    }
    return replace(run, utterances=facts)
