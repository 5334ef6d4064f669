"""Which answers turn though the voice is the same, and which sounds get an emotion.

    python benchmarks/fragility.py [--model packaged MODEL ...] [--corpora DIR] [--clips N] [--card]

Clips of EmoDB, EMOVO, RAVDESS and URDU below DIR ($VOXAFFECT_CORPORA by default), equally of each
class and corpus, are answered as they are and after each change that
`voxaffect.evaluation.fragility` lists: silence and noise around, bands, codecs, offset, hum, level.
A DIR without these corpora is any folder of recordings; without a DIR, speech is simulated. Then
sounds without speech are answered, alone and between pauses. The tables are printed and, with
--out FOLDER, written as fragility.md and fragility.csv; --card prints the short one of a model
card. --jobs J takes J processes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import torch

import voxaffect
from voxaffect.audio.decode import DEFAULT_LIMITS, decode
from voxaffect.audio.degrade.padding import noise_around
from voxaffect.audio.waveform import Waveform
from voxaffect.corpora.corpus import Utterance
from voxaffect.corpora.filename_parsing import find_recordings
from voxaffect.corpora.loaders import CORPORA
from voxaffect.evaluation.fragility import (
    CHANGES,
    QUIET_AFTER,
    Answer,
    Change,
    Fragility,
    answers,
    drawn,
    measured,
    n_right,
)
from voxaffect.files import write_text
from voxaffect.recognizer.recording import waveform_of
from voxaffect.report.fragility import Report, as_csv, card, page
from voxaffect.simulation.sounds import made_sounds
from voxaffect.simulation.trees import SIMULATED_NOTICE, simulate
from voxaffect.streaming.batch import Predictor

TRAINED_ON = ("emodb", "emovo", "ravdess", "urdu")
N_LABELED = 80  # clips of the table of right answers
PAUSES = partial(noise_around, before_s=1, after_s=1, level_db=-75)
TOGETHER = "alone", "between pauses"


def predictor(model: str) -> Predictor:
    """A recognizer on one thread."""
    torch.set_num_threads(1)
    return voxaffect.load(model).model


def utterances(root: Path) -> Iterator[Utterance]:
    """Utterances of the corpora below a folder."""
    for name in TRAINED_ON:
        if (root / name).is_dir():
            yield from CORPORA[name].parse(root / name).utterances


def clips(root: Path, n: int, seed: int) -> tuple[list[Waveform], list[str]]:
    """Clips at the usual level with their labels, none where the folder holds no known corpus."""
    chosen = drawn(utterances(root), n, seed)
    if chosen:
        spoken = [waveform_of(utterance, DEFAULT_LIMITS) for utterance, _ in chosen]
        return [waveform.normalized() for waveform in spoken], [label for _, label in chosen]
    paths, _ = find_recordings(root)
    if not paths:
        raise SystemExit(f"{root}: no recordings below it; pass a folder of corpora or recordings")
    order = np.random.default_rng(seed).permutation(len(paths))[:n]
    return [decode(paths[at]).normalized() for at in order], []


def report(
    model: str, spoken: Sequence[Waveform], labels: Sequence[str], seed: int, jobs: int
) -> Report:
    """All figures of one recognizer."""
    one = predictor(model)
    before = answers(one, spoken)
    work = (
        joblib.delayed(rows)(model, CHANGES[job::jobs], spoken, before, seed) for job in range(jobs)
    )
    parts = joblib.Parallel(n_jobs=jobs)(work)
    found = [parts[at % jobs][at // jobs] for at in range(len(CHANGES))]
    right = None
    if labels:
        some = slice(0, N_LABELED)
        after = answers(one, [QUIET_AFTER.apply(clip, seed) for clip in spoken[some]])
        counts = (n_right(given, labels[some]) for given in (before[some], after))
        right = (*counts, len(after))
    return Report(Path(model).name, found, len(spoken), right, sounds(one, seed))


def rows(
    model: str,
    changes: Sequence[Change],
    spoken: Sequence[Waveform],
    before: Sequence[Answer],
    seed: int,
) -> list[Fragility]:
    """Some rows of the table, in any process."""
    one = predictor(model)
    return [measured(one, change, spoken, before, seed) for change in changes]


def sounds(one: Predictor, seed: int) -> dict[str, dict[str, Answer]]:
    """Answers for sounds without speech, alone and between pauses."""
    alone = made_sounds(seed)
    rng = np.random.default_rng(seed)
    between = [Waveform(PAUSES(sound, rng).astype(np.float32)) for sound in alone.values()]
    found = [answers(one, [*those]) for those in (alone.values(), between)]
    return {
        words: dict(zip(alone, given, strict=True))
        for words, given in zip(TOGETHER, found, strict=True)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", nargs="+", default=["packaged"])
    parser.add_argument("--corpora", type=Path, default=os.environ.get("VOXAFFECT_CORPORA"))
    parser.add_argument("--clips", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--card", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, source = given.corpora, "real recordings."
        if root is None:
            root, source = Path(folder), f"simulated corpora. {SIMULATED_NOTICE}"
            simulate(root, seed=given.seed, scale=0.2, corpora=TRAINED_ON)
        spoken, labels = clips(Path(root), given.clips, given.seed)
    reports = [report(name, spoken, labels, given.seed, given.jobs) for name in given.model]
    text = page(reports, source)
    print(card(reports) if given.card else text)
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        write_text(given.out / "fragility.md", text)
        write_text(given.out / "fragility.csv", as_csv(reports))


if __name__ == "__main__":
    main()
