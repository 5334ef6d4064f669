"""Tables of made-up speakers with known predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tests.report.runs import FactsOf, full_run, result, table_of
from voxaffect.evaluation.experiment.run import FoldResult, Run

FACTS_OF_ONE: Mapping[str, Any] = {
    "corpus": "north",
    "speaker": "north/a",
    "gender": "female",
    "language": "German",
    "style": "acted",
    "duration_s": 1.0,
    "snr_db": 20.0,
    "content": "00ff",
}


def results_of(
    hits: Mapping[str, Sequence[int]], of: int = 10, seed: int = 0, system: str = "dnn-stl"
) -> list[FoldResult]:
    """A fold for each speaker `north/a`, with so many hits of each class out of `of`."""
    return [result(speaker, system, n, of=of, seed=seed) for speaker, n in hits.items()]


def facts_for(**known: Mapping[str, Any]) -> FactsOf:
    """Facts of utterances; `gender={"north/a": "male"}` sets those of a speaker."""

    def facts(r: FoldResult, _: str) -> dict[str, Any]:
        own = {name: of[r.test_name] for name, of in known.items() if r.test_name in of}
        return {**FACTS_OF_ONE, "corpus": r.test_set, "speaker": r.test_name, **own}

    return facts


def described(results: Sequence[FoldResult], **known: Mapping[str, Any]) -> pd.DataFrame:
    """Table of results with facts of their utterances."""
    return table_of(results, facts_for(**known))


def described_run() -> Run:
    """The report's full run, with made-up facts of every utterance."""
    genders = ("female", "male", None)
    numbers: dict[str, int] = {}

    def facts(_: FoldResult, utterance: str) -> dict[str, Any]:
        n = numbers.setdefault(utterance, len(numbers))
        rng = np.random.default_rng(n)
        corpus = utterance.split("/", maxsplit=1)[0].split(":", maxsplit=1)[0]
        return {
            "corpus": corpus,
            "speaker": f"{utterance.split('/', maxsplit=1)[0]}/{n % 8}",
            "gender": genders[n % 8 % 3],
            "language": "German",
            "style": "acted",
            "duration_s": float(rng.uniform(1, 5)),
            "snr_db": None if n % 7 == 0 else float(rng.uniform(10, 50)),
            "content": f"{n:032x}",
        }

    return full_run(facts=facts)
