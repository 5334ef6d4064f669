"""How far pitch is from the truth on simulated speech, beside Praat's errors on the same samples.

    python benchmarks/pitch.py [--seeds 10 11 12] [--quick] [--markdown]

F0 is known at every sample. Both trackers seek 75 to 600 Hz; Praat's is `to_pitch_ac`, its other
settings its own. A frame is voiced in truth if F0 is above 0 at its center. Voiced frames whose
true F0 lies outside the range are left out. Errors are in percent:

- gross: F0 is off by more than 20 %; of frames that truth and tracker call voiced and that have no
  voicing change within 20 ms, since a window over an onset holds two things.
- voicing: of all frames, those whose voicing is wrong. Onsets count.
- frame: of all frames, those whose voicing is wrong or, voiced, whose F0 is off by more than 20 %
  (Chu & Alwan 2009, Reducing F0 frame error of F0 tracking algorithms).
- fine: median deviation of F0 from the truth in the frames of the first measure that are not
  gross errors.

A figure is the mean over the seeds, with the standard deviation between them. A signal-to-noise
ratio is that of the mean power of an utterance's voiced samples to the mean power of its noise.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import product

import numpy as np
import parselmouth
import torch
from _pitch_speech import NOISES, VOICES, add_noise, speech
from numpy.typing import NDArray
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.ndimage import uniform_filter1d

from voxaffect.audio.waveform import SAMPLE_RATE_HZ
from voxaffect.features.frames import FrameGrid
from voxaffect.features.lld import pitch
from voxaffect.features.lld.pitch_settings import PitchSettings
from voxaffect.simulation.trees import named_rng
from voxaffect.simulation.voice import Samples, Synthesis

GRID = FrameGrid()
FLOOR_HZ, CEILING_HZ = 75.0, 600.0
SNRS_DB = (20, 10, 5)

TABLE_WIDTH = 160
"""Characters a line, more than most terminals show by themselves."""

GROSS = 0.2
"""Deviation of F0, as a share of the truth, above which an error is gross."""

CHANGE_S = 0.02
"""Time before and after a frame's center in which a change of voicing spoils its pitch."""

Track = NDArray[np.float64]
"""F0 of the frames of all utterances, (T,), 0 where unvoiced; an utterance's first and last frame,
which Praat lacks, are left out."""

Tracker = Callable[[Sequence[NDArray[np.float32]]], Track]


@dataclass(frozen=True)
class Truth:
    """What is known of the frames that count, T of them.

    Args:
        f0_hz: (T,), 0 where unvoiced.
        counts: bool (T,), unvoiced or within the trackers' range.
        steady: bool (T,), no change of voicing within `CHANGE_S`.
    """

    f0_hz: Track
    counts: NDArray[np.bool_]
    steady: NDArray[np.bool_]

    @classmethod
    def of(cls, spoken: Sequence[Synthesis]) -> Truth:
        """The truth of all utterances, one after the other."""
        f0_hz = np.concatenate([_at_centers(s.f0_hz) for s in spoken]).astype(np.float64)
        share = np.concatenate([_at_centers(_voiced_share(s.f0_hz)) for s in spoken])
        in_range = (f0_hz >= FLOOR_HZ) & (f0_hz <= CEILING_HZ)
        return cls(f0_hz, in_range | (f0_hz == 0), np.isclose(share, share.round()))


def _at_centers(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Values a sample at the frames' centers, without those of the first and last frame."""
    frames = np.arange(1, GRID.n_frames(values.size) - 1)
    return values[GRID.window_samples // 2 + GRID.hop_samples * frames]


def _voiced_share(f0_hz: NDArray[np.floating]) -> Samples:
    """Share of voiced samples within `CHANGE_S` of every sample, (n_samples,)."""
    reach = round(CHANGE_S * SAMPLE_RATE_HZ)
    return uniform_filter1d((f0_hz > 0).astype(np.float64), 2 * reach + 1)


@dataclass(frozen=True)
class Errors:
    """Errors in percent; the module's docstring defines them."""

    gross: float
    voicing: float
    frame: float
    fine: float

    @classmethod
    def of(cls, f0_hz: Track, truth: Truth) -> Errors:
        """Errors of a track (T,)."""
        wrong = ((f0_hz > 0) != (truth.f0_hz > 0))[truth.counts]
        both = (f0_hz > 0) & (truth.f0_hz > 0) & truth.counts
        deviation = np.abs(f0_hz[both] / truth.f0_hz[both] - 1)
        gross = deviation > GROSS
        steady = truth.steady[both]
        shares = (
            gross[steady].mean(),
            wrong.mean(),
            (wrong.sum() + gross.sum()) / wrong.size,
            np.median(deviation[steady & ~gross]),
        )
        return cls(*(100 * float(share) for share in shares))


def ours(waveforms: Sequence[NDArray[np.float32]]) -> Track:
    settings = PitchSettings(floor_hz=FLOOR_HZ, ceiling_hz=CEILING_HZ)
    tracks = pitch.track_pitch(waveforms, GRID, settings)
    return np.concatenate([track.f0_hz[1:-1] for track in tracks]).astype(np.float64)


def praat(waveforms: Sequence[NDArray[np.float32]]) -> Track:
    return np.concatenate([_praat(samples) for samples in waveforms])


def _praat(samples: NDArray[np.float32]) -> Track:
    pitch = parselmouth.Sound(samples.astype(np.float64), SAMPLE_RATE_HZ).to_pitch_ac(
        time_step=GRID.hop_s, pitch_floor=FLOOR_HZ, pitch_ceiling=CEILING_HZ
    )
    frames = range(1, GRID.n_frames(samples.size) - 1)
    np.testing.assert_allclose(pitch.xs(), [GRID.center_s(i) for i in frames])
    f0_hz: Track = pitch.selected_array["frequency"]
    return f0_hz


TRACKERS: dict[str, Tracker] = {"voxaffect": ours, "Praat": praat}

CONDITION = ("voice", "noise")
Condition = tuple[str, str]
"""What the two columns of `CONDITION` say."""


def conditions(
    seed: int, n_utterances: int
) -> Iterator[tuple[Condition, list[NDArray[np.float32]], Truth]]:
    """Every voice clean and in every noise at every level."""
    speeches = {name: speech(voice, name, seed, n_utterances) for name, voice in VOICES.items()}
    n_samples = max(sum(s.samples.size for s in spoken) for spoken in speeches.values())
    noises = {name: noise(n_samples, named_rng(seed, name)) for name, noise in NOISES.items()}
    for voice, spoken in speeches.items():
        truth = Truth.of(spoken)
        yield (voice, "clean"), [s.samples for s in spoken], truth
        for (name, noise), snr_db in product(noises.items(), SNRS_DB):
            yield (voice, f"{name}, {snr_db} dB"), add_noise(spoken, noise, snr_db), truth


def measure(seed: int, n_utterances: int) -> dict[Condition, list[Errors]]:
    """Errors of every tracker, in their order, in every condition."""
    return {
        condition: [Errors.of(tracker(waveforms), truth) for tracker in TRACKERS.values()]
        for condition, waveforms, truth in conditions(seed, n_utterances)
    }


def gather(runs: Sequence[dict[Condition, list[Errors]]]) -> dict[Condition, NDArray[np.float64]]:
    """Errors by condition, each (seeds, trackers, measures)."""
    return {
        condition: np.array([[astuple(each) for each in run[condition]] for run in runs])
        for condition in runs[0]
    }


def rows(results: dict[Condition, NDArray[np.float64]]) -> Iterator[list[str]]:
    """Cells of the table: the condition, then for every measure the trackers side by side."""
    for condition, errors in results.items():
        means, spreads = (x.T.ravel() for x in (errors.mean(0), errors.std(0)))
        yield [*condition, *(f"{m:.2f} ± {s:.2f}" for m, s in zip(means, spreads, strict=True))]


def header() -> list[str]:
    measures = [f"{field.name} %, {name}" for field in fields(Errors) for name in TRACKERS]
    return [*CONDITION, *measures]


def markdown(results: dict[Condition, NDArray[np.float64]]) -> str:
    rule = ["---" if name in CONDITION else "---:" for name in header()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header(), rule, *rows(results)])


def rich_table(results: dict[Condition, NDArray[np.float64]]) -> Table:
    table = Table(title="Errors of pitch on simulated speech", box=SIMPLE)
    for name in header():
        table.add_column(name, justify="left" if name in CONDITION else "right")
    for cells in rows(results):
        table.add_row(*cells)
    return table


def verdict(results: dict[Condition, NDArray[np.float64]]) -> str:
    """In how many rows our mean error is at most Praat's, a measure."""
    means = np.array([errors.mean(0) for errors in results.values()])  # (rows, trackers, measures)
    at_most = (means[:, 0] <= means[:, 1]).sum(0)
    counts = (f"{field.name} {n}" for field, n in zip(fields(Errors), at_most, strict=True))
    return f"At most Praat's error, of {len(means)} rows: {', '.join(counts)}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11, 12])
    parser.add_argument("--quick", action="store_true", help="a tenth of the speech")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    arguments = parser.parse_args()
    n_utterances = 7 if arguments.quick else 70
    with torch.inference_mode():
        seeds = track(arguments.seeds, "seeds", console=Console(stderr=True), transient=True)
        results = gather([measure(seed, n_utterances) for seed in seeds])
    if arguments.markdown:
        print(markdown(results))
    else:
        Console(width=TABLE_WIDTH).print(rich_table(results))
    print(verdict(results))


if __name__ == "__main__":
    main()
