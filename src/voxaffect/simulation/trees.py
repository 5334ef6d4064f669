"""Simulated corpora on disk, with the folders, file names and formats of real ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import joblib
import numpy as np
import soxr
from numpy.typing import NDArray

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.errors import ConfigError, CorpusError
from voxaffect.files import write_text
from voxaffect.simulation.expressions import EFFECTS
from voxaffect.simulation.plans import PLANS, SimulatedRecording, Take, TreePlan
from voxaffect.simulation.prosody import draw_sentence
from voxaffect.simulation.speakers import draw_corpus_style, draw_speaker
from voxaffect.simulation.voice import synthesize

SIMULATED_NOTICE = (
    "These recordings are simulated: they stand in for real corpora in tests and in the demo, and "
    "no number computed on them says anything about people or about how well emotions can be "
    "recognized in real speech."
)

NOTICE = "SIMULATED.txt"  # file with the notice in each corpus folder
PAUSE_S = 0.5  # silence before, between and after the takes of a session of several, in seconds


def simulate(
    root: Path,
    *,
    seed: int,
    scale: float = 1.0,
    corpora: Sequence[str] = tuple(PLANS),
    progress: Callable[[int, int], None] | None = None,
    n_jobs: int = 1,
) -> dict[str, Path]:
    """Write simulated corpora (keys of `PLANS`), one folder each in `root`: name -> folder.

    A file's bytes depend on the seed and on the takes of its session only, not on the order of
    writing, the number of jobs or other corpora. Another call completes an interrupted corpus. The
    scale is a factor on the number of takes per speaker and label, limited by the file names;
    `progress` is called after each session with the number of takes written and planned.

    Raises:
        ConfigError: unknown corpus, or seed or scale out of range.
        CorpusError: a folder already has other files.
    """
    for name in corpora:
        if name not in PLANS:
            raise ConfigError(f"{name!r} cannot be simulated; use some of {', '.join(PLANS)}")
    if seed < 0:
        raise ConfigError(f"seed = {seed} is negative; use 0 or above")
    if not 0 < scale < np.inf:
        raise ConfigError(f"scale = {scale} is out of range; use a number above 0")
    roots = {name: root / name for name in corpora}
    for folder in roots.values():
        _write_notice(folder, f"{SIMULATED_NOTICE}\nseed = {seed}, scale = {scale:g}\n")
    sessions = [(name, s) for name in roots for s in plan_sessions(PLANS[name], seed, scale)]
    jobs = (joblib.delayed(_write)(roots[name], PLANS[name], s, seed) for name, s in sessions)
    n_written, n_takes = 0, sum(len(takes) for _, takes in sessions)
    for n in joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(jobs):
        n_written += n
        if progress is not None:
            progress(n_written, n_takes)
    for name, folder in roots.items():
        for path, text in PLANS[name].documents(plan_takes(PLANS[name], seed, scale)).items():
            write_text(folder / path, text)
    return roots


def plan_takes(plan: TreePlan, seed: int, scale: float) -> list[Take]:
    """Takes of a corpus; those of a larger scale include those of a smaller one."""
    takes = []
    for speaker, label in product(plan.speakers, plan.labels):
        slots = plan.slots(speaker, label)
        order = named_rng(seed, plan.corpus, "slots", speaker, label).permutation(len(slots))
        chosen = order[: plan.n_takes(speaker, label, scale)]
        takes += [Take(speaker, label, *slots[i]) for i in chosen]
    return takes


def plan_sessions(plan: TreePlan, seed: int, scale: float) -> list[tuple[Take, ...]]:
    """Takes of a corpus, grouped by recording session."""
    sessions: dict[str, list[Take]] = defaultdict(list)
    for take in plan_takes(plan, seed, scale):
        sessions[plan.session(take)].append(take)
    return [tuple(takes) for takes in sessions.values()]


def record(plan: TreePlan, takes: tuple[Take, ...], seed: int) -> SimulatedRecording:
    """Synthesize and record the takes of a session, on every channel of the plan."""
    spoken = [_synthesize(plan, take, seed) for take in takes]
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE_HZ) if len(spoken) > 1 else 0, np.float32)
    speech = np.concatenate([pause, *(part for samples in spoken for part in (samples, pause))])
    sizes = np.array([samples.size for samples in spoken])
    stops = np.cumsum(pause.size + sizes)
    rng = named_rng(seed, plan.corpus, "session", plan.session(takes[0]))
    recorded = np.stack([channel.record(speech, rng) for channel in plan.channels], axis=1)
    # Clipped, as resampling may slightly exceed full scale.
    samples = np.clip(soxr.resample(recorded, SAMPLE_RATE_HZ, plan.sample_rate_hz), -1.0, 1.0)
    spans = np.stack([stops - sizes, stops], axis=1) * (plan.sample_rate_hz / SAMPLE_RATE_HZ)
    return SimulatedRecording(
        takes,
        np.round(samples * 32767).astype(np.int16),
        plan.sample_rate_hz,
        np.round(spans).astype(np.int64),
    )


def named_rng(seed: int, *names: str) -> np.random.Generator:
    """Random generator of a seed and names, independent of all others."""
    key = tuple("/".join(names).encode())
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _synthesize(plan: TreePlan, take: Take, seed: int) -> NDArray[np.float32]:
    """A take before the channel, (n_samples,) at 16 kHz."""
    label = plan.labels[take.label]
    sentence_rng = named_rng(seed, plan.corpus, "sentence", take.sentence)
    n_syllables = int(sentence_rng.integers(*plan.syllables, endpoint=True))
    # The name of this generator decides the bytes of all simulated corpora.
    corpus_style = draw_corpus_style(named_rng(seed, plan.corpus, "tradition"))
    speaker_rng = named_rng(seed, plan.corpus, "speaker", take.speaker)
    return synthesize(
        draw_sentence(sentence_rng, n_syllables),
        draw_speaker(plan.speakers[take.speaker], corpus_style, speaker_rng),
        EFFECTS[label.emotion],
        label.style,
        named_rng(seed, plan.corpus, "take", take.path, take.label, take.sentence),
    ).samples


def _write(root: Path, plan: TreePlan, takes: tuple[Take, ...], seed: int) -> int:
    plan.write(root, record(plan, takes, seed))
    return len(takes)


def _write_notice(folder: Path, notice: str) -> None:
    """Write the notice; refuse a folder with other files or a simulation of other settings."""
    path = folder / NOTICE
    if path.is_file() and path.read_text("utf-8") == notice:
        return
    if folder.exists() and any(folder.iterdir()):
        raise CorpusError(
            f"{folder}: has files that this simulation did not write; choose an empty folder"
        )
    write_text(path, notice)
