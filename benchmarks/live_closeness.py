"""Accuracy of interim predictions, compared with those of files that ended there.

    python benchmarks/live_closeness.py [--model DIR --recordings DIR] [--trunk lstm] [-n 60]

Recordings are pushed by quarters of a second. Each interim prediction is compared with `predict` of
the samples so far: the greatest difference of a class probability, the share of equal labels, and
how often frames were computed, the first time included. By default a net is trained on simulated
speech for a minute and tested on other simulated speech.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from _live import TRUNKS, recorded, simulated, trained
from rich.console import Console
from rich.progress import track
from rich.table import Table

from voxaffect.audio.waveform import Waveform
from voxaffect.recognizer.prediction import Prediction
from voxaffect.recognizer.recognizer import TrainedRecognizer
from voxaffect.streaming import online as live_module
from voxaffect.streaming.frontend import Frontend, StreamInput
from voxaffect.streaming.online import LiveRecognizer, LiveSettings

STEP = 4000
"""Samples of a push, a quarter of a second."""

SETTINGS = {
    **{f"{db:g} dB": LiveSettings(gain_tolerance_db=db) for db in (0.01, 1.0, 3.0, 6.0)},
    "never recomputed": LiveSettings(gain_tolerance_db=float("inf")),
    "3 dB, without provisional frames": LiveSettings(provisional=False),
}

console = Console(highlight=False)


class Counting(Frontend):
    """Count the samples whose frames were computed."""

    n_samples = 0

    def _restart(self, inputs: Sequence[StreamInput], *, few: bool) -> list[bool]:
        restarted = super()._restart(inputs, few=few)
        for one, again in zip(inputs, restarted, strict=True):
            Counting.n_samples += sum(map(len, one.so_far)) if again else len(one.samples)
        return restarted


def interims(live: LiveRecognizer, waveform: Waveform) -> Iterator[tuple[int, Prediction]]:
    """Number of samples and interim prediction after each push."""
    stream = live.open()
    for end in range(STEP, len(waveform.samples) + 1, STEP):
        stream.push(waveform.samples[end - STEP : end])
        yield end, stream.predict()


def files(recognizer: TrainedRecognizer, waveform: Waveform) -> dict[int, Prediction]:
    """Predictions of the recording as if it had ended after each push, except while silent."""
    pieces = [
        Waveform(waveform.samples[:end]) for end in range(STEP, len(waveform.samples) + 1, STEP)
    ]
    return {
        len(piece.samples): recognizer.predict([piece])[0] for piece in pieces if piece.rms() > 1e-5
    }


def compare(
    live: LiveRecognizer, speech: Sequence[Waveform], expected: Sequence[dict[int, Prediction]]
) -> tuple[list[float], list[bool]]:
    """Greatest differences of a probability, and whether labels are equal."""
    differences, same = [], []
    for waveform, by_end in zip(speech, expected, strict=True):
        for end, interim in interims(live, waveform):
            if interim.label is not None:
                of = by_end[end].probabilities
                differences.append(max(abs(interim.probabilities[c] - of[c]) for c in of))
                same.append(interim.label == by_end[end].label)
    return differences, same


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--recordings", type=Path)
    parser.add_argument("--trunk", choices=TRUNKS, default="lstm")
    parser.add_argument("-n", type=int, default=60)
    args = parser.parse_args()
    torch.set_num_threads(1)
    labeled = simulated(1.0) if args.model is None or args.recordings is None else []
    recognizer = (
        TrainedRecognizer.load(args.model) if args.model else trained(args.trunk, labeled[args.n :])
    )
    found = [waveform for waveform, _ in labeled[: args.n]]
    speech = recorded(args.recordings, args.n) if args.recordings else found
    expected = [files(recognizer, waveform) for waveform in track(speech, "files")]
    total, live_module.Frontend = sum(len(waveform.samples) for waveform in speech), Counting
    table = Table("gain tolerance", "mean", "95 %", "max", "same label", "frames computed")
    for name, settings in SETTINGS.items():
        Counting.n_samples = 0
        differences, same = compare(LiveRecognizer(recognizer, settings), speech, expected)
        numbers = np.mean(differences), np.quantile(differences, 0.95), max(differences)
        shown = [*(f"{x:.4f}" for x in numbers), f"{np.mean(same):.1%}"]
        table.add_row(name, *shown, f"{Counting.n_samples / total:.1f} x")
    console.print(table)


if __name__ == "__main__":
    main()
