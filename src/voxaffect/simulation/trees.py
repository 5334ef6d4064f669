"""Miniature corpora of simulated speech, written in the trees, names and formats of real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import joblib
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import ConfigError, CorpusError
from voxaffect.files import write_atomically, write_text
from voxaffect.simulation.plans import PLANS, Slot, TreePlan
from voxaffect.simulation.prosody import Sentence, draw_sentence
from voxaffect.simulation.speakers import Speaker, draw_speaker, draw_tradition
from voxaffect.simulation.voice import synthesize

STAND_IN = (
    "These recordings are simulated: they stand in for real corpora in tests and in the demo, and "
    "no number computed on them says anything about people or about how well emotions can be "
    "recognised in real speech."
)
"""The sentence that every report on simulated speech prints."""

NOTICE = "SIMULATED.txt"
"""File in each tree's root that says what it is."""

SYLLABLES = (5, 8)
"""Fewest and most syllables of a sentence."""


@dataclass(frozen=True)
class Take:
    """One utterance to be spoken and written.

    Args:
        plan: the corpus it belongs to.
        speaker: code of its speaker.
        label: code of its label.
        slot: its file and its sentence.
    """

    plan: TreePlan
    speaker: str
    label: str
    slot: Slot


def simulate(
    root: Path,
    *,
    seed: int,
    scale: float = 1.0,
    corpora: Sequence[str] = tuple(PLANS),
    progress: Callable[[int, int], None] | None = None,
    n_jobs: int = 1,
) -> dict[str, Path]:
    """Write miniature corpora below a folder, one tree each.

    Every random number is drawn from a stream of its own, named by the seed and by the file,
    speaker or sentence it is for. So a file's bytes depend on the seed alone: not on the order of
    writing, the number of jobs, the scale or the other corpora. A second call completes a tree
    that was interrupted.

    Args:
        root: folder that receives one folder a corpus.
        seed: not negative.
        scale: factor on the number of takes a speaker and label, within what the names allow.
        corpora: names in `PLANS`.
        progress: called with the files written and the files planned after each file.
        n_jobs: processes, as joblib counts them.

    Returns:
        Each corpus's root by its name.

    Raises:
        ConfigError: a corpus is unknown, or the seed or scale impossible.
        CorpusError: a folder holds other files already.
    """
    plans = [_plan(name) for name in corpora]
    _check(seed, scale)
    roots = {plan.corpus: root / plan.corpus for plan in plans}
    for folder in roots.values():
        _claim(folder, f"{STAND_IN}\nseed = {seed}, scale = {scale:g}\n")
    takes = [take for plan in plans for take in plan_takes(plan, seed=seed, scale=scale)]
    jobs = (joblib.delayed(write_take)(roots[t.plan.corpus], t, seed) for t in takes)
    written = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(jobs)
    for n_written, _ in enumerate(written, start=1):
        if progress is not None:
            progress(n_written, len(takes))
    return roots


def plan_takes(plan: TreePlan, *, seed: int, scale: float) -> Iterator[Take]:
    """The takes of a tree; a larger scale adds to those of a smaller one."""
    for speaker, label in product(plan.cast, plan.roles):
        slots = plan.slots(speaker, label)
        order = stream(seed, plan.corpus, "slots", speaker, label).permutation(len(slots))
        for i in order[: plan.n_takes(speaker, label, scale)]:
            yield Take(plan, speaker, label, slots[i])


def write_take(root: Path, take: Take, seed: int) -> None:
    """Speak, record and write one take as 16-bit PCM at the corpus's rate."""
    rng = stream(seed, take.plan.corpus, "take", take.slot.path)
    plan = take.plan
    spoken = synthesize(
        take_sentence(take, seed),
        take_speaker(take, seed),
        plan.roles[take.label].expression,
        plan.style,
        rng,
    )
    recorded = plan.channel.record(spoken.samples, rng)
    samples = soxr.resample(recorded, SAMPLE_RATE_HZ, plan.sample_rate_hz)
    with write_atomically(root / take.slot.path) as file:
        soundfile.write(file, _pcm(samples), plan.sample_rate_hz, format="WAV", subtype="PCM_16")


def take_speaker(take: Take, seed: int) -> Speaker:
    """The speaker of a take, the same in all takes of that code."""
    group = take.plan.cast[take.speaker].group
    tradition = draw_tradition(stream(seed, take.plan.corpus, "tradition"))
    return draw_speaker(group, tradition, stream(seed, take.plan.corpus, "speaker", take.speaker))


def take_sentence(take: Take, seed: int) -> Sentence:
    """The sentence of a take, the same in all takes of that sentence."""
    rng = stream(seed, take.plan.corpus, "sentence", take.slot.sentence)
    return draw_sentence(rng, int(rng.integers(*SYLLABLES, endpoint=True)))


def stream(seed: int, *names: str) -> np.random.Generator:
    """Random numbers of their own for everything that has a name."""
    key = tuple("/".join(names).encode())
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _pcm(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Samples within full scale as 16-bit integers; resampling may overshoot by a hair."""
    return np.round(np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16)


def _plan(name: str) -> TreePlan:
    if name not in PLANS:
        raise ConfigError(f"no plan simulates the corpus {name!r}: use some of {', '.join(PLANS)}")
    return PLANS[name]


def _check(seed: int, scale: float) -> None:
    if seed < 0:
        raise ConfigError(f"seed = {seed} is negative; use a whole number from 0 on")
    if not 0 < scale < np.inf:
        raise ConfigError(f"scale = {scale} is no size; use a number above 0")


def _claim(folder: Path, notice: str) -> None:
    """Make sure that the folder is ours, so that no simulated file lands among real ones.

    Raises:
        CorpusError: the folder holds something else, or a simulation with other settings.
    """
    path = folder / NOTICE
    if path.is_file() and path.read_text("utf-8") == notice:
        return
    if folder.exists() and any(folder.iterdir()):
        raise CorpusError(
            f"{folder}: holds files that this simulation did not write; choose an empty folder"
        )
    write_text(path, notice)
