"""Miniature corpora of simulated speech, written in the trees, names and formats of real ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path

import joblib
import numpy as np
import soxr
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import ConfigError, CorpusError
from voxaffect.files import write_text
from voxaffect.simulation.plan import SimulatedRecording, Take, TreePlan
from voxaffect.simulation.plans import PLANS
from voxaffect.simulation.prosody import Sentence, draw_sentence
from voxaffect.simulation.speakers import Speaker, draw_corpus_style, draw_speaker
from voxaffect.simulation.voice import synthesize

SIMULATED_NOTICE = (
    "These recordings are simulated: they stand in for real corpora in tests and in the demo, and "
    "no number computed on them says anything about people or about how well emotions can be "
    "recognized in real speech."
)
"""The sentence that every report on simulated speech prints."""

NOTICE = "SIMULATED.txt"
"""File in each tree's root that says what it is."""

PAUSE_S = 0.5
"""Silence before, between and after the takes of a session of several, in seconds."""


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

    Every random number is drawn from a stream of its own, named by the seed and by the session,
    take, speaker or sentence it is for. So a file's bytes depend on the seed and on the takes of
    its session alone: not on the order of writing, the number of jobs or the other corpora. A
    second call completes a tree that was interrupted.

    Args:
        root: folder that receives one folder a corpus.
        seed: not negative.
        scale: factor on the number of takes a speaker and label, within what the names allow.
        corpora: names in `PLANS`.
        progress: called with the takes written and the takes planned after each session.
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
        _claim(folder, f"{SIMULATED_NOTICE}\nseed = {seed}, scale = {scale:g}\n")
    sessions = [(plan, takes) for plan in plans for takes in plan_sessions(plan, seed, scale)]
    jobs = (joblib.delayed(_write)(roots[plan.corpus], plan, t, seed) for plan, t in sessions)
    n_written, n_takes = 0, sum(len(takes) for _, takes in sessions)
    for n in joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(jobs):
        n_written += n
        if progress is not None:
            progress(n_written, n_takes)
    for plan in plans:
        _write_documents(roots[plan.corpus], plan, tuple(plan_takes(plan, seed, scale)))
    return roots


def plan_takes(plan: TreePlan, seed: int, scale: float) -> Iterator[Take]:
    """The takes of a tree; a larger scale adds to those of a smaller one."""
    for speaker, label in product(plan.cast, plan.roles):
        slots = plan.slots(speaker, label)
        order = named_rng(seed, plan.corpus, "slots", speaker, label).permutation(len(slots))
        for i in order[: plan.n_takes(speaker, label, scale)]:
            yield Take(speaker, label, slots[i])


def plan_sessions(plan: TreePlan, seed: int, scale: float) -> list[tuple[Take, ...]]:
    """The takes of a tree by the session in which they are recorded."""
    sessions: dict[str, list[Take]] = defaultdict(list)
    for take in plan_takes(plan, seed, scale):
        sessions[plan.session(take)].append(take)
    return [tuple(takes) for takes in sessions.values()]


def record(plan: TreePlan, takes: tuple[Take, ...], seed: int) -> SimulatedRecording:
    """Speak the takes of a session and record them, by one microphone or several."""
    spoken = [_speak(plan, take, seed) for take in takes]
    speech, spans = _in_a_row(spoken)
    rng = named_rng(seed, plan.corpus, "session", plan.session(takes[0]))
    tracks = [_pcm(channel.record(speech, rng), plan.sample_rate_hz) for channel in plan.channels]
    ratio = plan.sample_rate_hz / SAMPLE_RATE_HZ
    return SimulatedRecording(
        takes=takes,
        samples=np.stack(tracks, axis=1),
        rate_hz=plan.sample_rate_hz,
        spans=tuple((round(start * ratio), round(stop * ratio)) for start, stop in spans),
    )


def take_speaker(plan: TreePlan, take: Take, seed: int) -> Speaker:
    """The speaker of a take, the same in all takes of that code."""
    group = plan.cast[take.speaker].group
    tradition = draw_corpus_style(named_rng(seed, plan.corpus, "tradition"))
    return draw_speaker(group, tradition, named_rng(seed, plan.corpus, "speaker", take.speaker))


def take_sentence(plan: TreePlan, take: Take, seed: int) -> Sentence:
    """The sentence of a take, the same in all takes of that sentence."""
    rng = named_rng(seed, plan.corpus, "sentence", take.slot.sentence)
    return draw_sentence(rng, int(rng.integers(*plan.syllables, endpoint=True)))


def named_rng(seed: int, *names: str) -> np.random.Generator:
    """Random numbers of their own for everything that has a name."""
    key = tuple("/".join(names).encode())
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _speak(plan: TreePlan, take: Take, seed: int) -> NDArray[np.float32]:
    """One take as it leaves the mouth, (n_samples,) at 16 kHz."""
    slot, role = take.slot, plan.roles[take.label]
    return synthesize(
        take_sentence(plan, take, seed),
        take_speaker(plan, take, seed),
        role.expression,
        role.style,
        named_rng(seed, plan.corpus, "take", slot.path, take.label, slot.sentence),
    ).samples


def _in_a_row(
    spoken: Sequence[NDArray[np.float32]],
) -> tuple[NDArray[np.float32], list[tuple[int, int]]]:
    """Takes one after another with pauses around them, and where each begins and ends."""
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE_HZ) if len(spoken) > 1 else 0, np.float32)
    parts = [pause]
    spans = []
    at = pause.size
    for samples in spoken:
        spans.append((at, at + samples.size))
        parts += [samples, pause]
        at += samples.size + pause.size
    return np.concatenate(parts), spans


def _pcm(samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.int16]:
    """16-bit integers at a rate; resampling may overshoot full scale by a hair."""
    resampled: NDArray[np.float32] = soxr.resample(samples, SAMPLE_RATE_HZ, rate_hz)
    return np.round(np.clip(resampled, -1.0, 1.0) * 32767).astype(np.int16)


def _write(root: Path, plan: TreePlan, takes: tuple[Take, ...], seed: int) -> int:
    """Write a session; returns its number of takes."""
    plan.write(root, record(plan, takes, seed))
    return len(takes)


def _write_documents(root: Path, plan: TreePlan, takes: Sequence[Take]) -> None:
    for path, text in plan.documents(takes).items():
        write_text(root / path, text)


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
