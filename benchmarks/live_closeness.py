"""How close live answers are to those of files that ended there.

    python benchmarks/live_closeness.py [--model DIR --recordings DIR] [--trunk lstm] [-n 60]

Recordings are pushed by quarters of a second. Each answer stands beside `predict` of the samples so
far: the difference of a recording's least alike class probability, the share of equal labels, and
how often the frames were computed and heard, the first time counted. By default a net is trained on
simulated speech for a minute and asked about other simulated speech.
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
from voxaffect.recognizer.recognizer import NetRecognizer, Prediction
from voxaffect.streaming import online as live_module
from voxaffect.streaming.decoder import StreamInput
from voxaffect.streaming.frontend import Frontend
from voxaffect.streaming.online import LiveAnswer, LiveRecognizer, LiveSettings

STEP = 4000
"""Samples of a push, a quarter of a second."""

SETTINGS = {
    **{f"{db:g} dB": LiveSettings(gain_tolerance_db=db) for db in (0.01, 1.0, 3.0, 6.0)},
    "never heard again": LiveSettings(gain_tolerance_db=float("inf")),
    "3 dB, certain frames only": LiveSettings(provisional=False),
}

console = Console(highlight=False)


class Counting(Frontend):
    """Counts the samples that were brought to frames."""

    n_samples = 0

    def _begin_again(self, turn: StreamInput) -> bool:
        again = super()._begin_again(turn)
        Counting.n_samples += sum(map(len, turn.so_far)) if again else len(turn.samples)
        return again


def answers(live: LiveRecognizer, waveform: Waveform) -> Iterator[tuple[int, LiveAnswer]]:
    """An answer after each push, and how many samples there were."""
    stream = live.open()
    for end in range(STEP, len(waveform.samples) + 1, STEP):
        stream.push(waveform.samples[end - STEP : end])
        yield end, stream.answer()


def files(recognizer: NetRecognizer, waveform: Waveform) -> dict[int, Prediction]:
    """Predictions of the recording as if it had ended after each push; none while it is silent."""
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
    differences, alike = [], []
    for waveform, by_end in zip(speech, expected, strict=True):
        for end, answer in answers(live, waveform):
            if answer.label is not None:
                of = by_end[end].probabilities
                differences.append(max(abs(answer.probabilities[c] - of[c]) for c in of))
                alike.append(answer.label == by_end[end].label)
    return differences, alike


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--recordings", type=Path)
    parser.add_argument("--trunk", choices=TRUNKS, default="lstm")
    parser.add_argument("-n", type=int, default=60)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    labeled = simulated(1.0) if asked.model is None or asked.recordings is None else []
    recognizer = (
        NetRecognizer.load(asked.model) if asked.model else trained(asked.trunk, labeled[asked.n :])
    )
    found = [waveform for waveform, _ in labeled[: asked.n]]
    speech = recorded(asked.recordings, asked.n) if asked.recordings else found
    expected = [files(recognizer, waveform) for waveform in track(speech, "files")]
    total, live_module.Frontend = sum(len(waveform.samples) for waveform in speech), Counting
    table = Table("gain tolerance", "mean", "95 %", "greatest", "labels alike", "frames computed")
    for name, settings in SETTINGS.items():
        Counting.n_samples = 0
        differences, alike = compare(LiveRecognizer(recognizer, settings), speech, expected)
        numbers = np.mean(differences), np.quantile(differences, 0.95), max(differences)
        shown = [*(f"{x:.4f}" for x in numbers), f"{np.mean(alike):.1%}"]
        table.add_row(name, *shown, f"{Counting.n_samples / total:.1f} x")
    console.print(table)


if __name__ == "__main__":
    main()
