"""How close training comes to the machine: one run, every figure beside the same matrix rate.

The LSTM of the paper on padded batches against the matrix-product rate of the same threads, and
against the same net as it is usually written, fed by `pack_padded_sequence` in a process that gives
freed memory back to the kernel; the DNN at its batch size; data alone.

    python benchmarks/training.py [--seconds 5] [--threads 1]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from voxaffect.features.standardize import Standardizer
from voxaffect.memory import keep_freed_memory
from voxaffect.model.batches import Batch, Examples, FrameBank
from voxaffect.model.losses import multitask_loss
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings

N_FEATURES, BATCH = 32, 128
WEIGHTS = {"emotion": 1.0, "gender": 0.1, "naturalness": 0.1}
CLASSES = {"emotion": 4, "gender": 4, "naturalness": 2}
BACKWARD = 3  # a backward pass costs twice the forward pass


def rate(step: Callable[[], float], seconds: float) -> float:
    """Units of work a second over repeated steps, after one to warm up."""
    step()
    work, started = 0.0, time.perf_counter()
    while not work or time.perf_counter() < started + seconds:
        work += step()
    return work / (time.perf_counter() - started)


def matrix_rate(seconds: float, size: int = 1024) -> float:
    """Floating-point operations a second of a float32 matrix product."""
    a, b = torch.randn(size, size), torch.randn(size, size)

    def step() -> float:
        torch.mm(a, b)
        return 2.0 * size**3

    return rate(step, seconds)


def make_bank(n_utterances: int = 2048) -> FrameBank:
    """Random utterances of 1 to 4 seconds, as long as those of the open corpora."""
    rng = np.random.default_rng(0)
    frames = [
        rng.normal(size=(n, N_FEATURES)).astype(np.float32)
        for n in rng.integers(100, 400, n_utterances)
    ]
    targets = {t: rng.integers(0, c, n_utterances).astype(np.int64) for t, c in CLASSES.items()}
    return FrameBank(Examples(frames, targets), Standardizer.fit(frames))


def train_step(net: MultiTaskNet, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
    """One step of training; the frames it learned from."""
    logits = net(batch.x, batch.lengths)
    loss = multitask_loss(logits, batch.targets, batch.lengths, WEIGHTS)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return float(batch.lengths.sum())


def training_rate(net: MultiTaskNet, batches: list[Batch], seconds: float) -> float:
    """Training frames a second over given batches in turn."""
    optimizer = torch.optim.Adam(net.parameters(), 3e-3, fused=True)
    position = 0

    def step() -> float:
        nonlocal position
        position += 1
        return train_step(net, optimizer, batches[position % len(batches)])

    return rate(step, seconds)


class PackedNet(MultiTaskNet):
    """The same net as a newcomer would write it: packed sequences."""

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> dict[str, torch.Tensor]:
        """Logits (B, T, C) a task."""
        for layer in self.trunk.directions:  # type: ignore[union-attr]
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            x, _ = pad_packed_sequence(layer[0](packed)[0], batch_first=True)  # type: ignore[index]
            x = self.trunk.dropout(x)  # type: ignore[union-attr, operator]
        return {task: head(x) for task, head in self.heads.items()}


def operations(net: MultiTaskNet) -> float:
    """Floating-point operations of training on one frame: every weight twice, three passes."""
    weights = sum(p.numel() for p in net.parameters() if p.ndim == 2)
    return 2.0 * BACKWARD * weights


def build(trunk: TrunkSettings, kind: type[MultiTaskNet] = MultiTaskNet) -> MultiTaskNet:
    """A net with the paper's three heads."""
    torch.manual_seed(0)
    return kind(trunk, N_FEATURES, CLASSES).train()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="time for each figure")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    bank = make_bank()
    order = torch.Generator().manual_seed(0)
    sequences = list(bank.sequence_batches(BATCH, None, 0, order))
    contexts = list(bank.frame_batches(BATCH, 200, 12, order))
    lstm, dnn = build(LstmSettings()), build(DnnSettings())
    typical = sorted(sequences, key=lambda batch: batch.x.shape[1])[len(sequences) // 2]
    packed = training_rate(build(LstmSettings(), PackedNet), [typical], 0.0)  # half a minute a step
    returned = training_rate(build(LstmSettings()), sequences, asked.seconds)
    keep_freed_memory()
    peak = matrix_rate(asked.seconds)
    padded = training_rate(lstm, sequences, asked.seconds)
    feed = rate(lambda: _drain(bank, order), asked.seconds)
    frames = training_rate(dnn, contexts, asked.seconds)
    again = matrix_rate(asked.seconds)
    table = Table(
        "what", "frames/s", "GFLOP/s", "share of matrix rate", title=_title(asked.threads)
    )
    table.add_row("matrix product 1024", "", f"{peak / 1e9:.0f}", "1.00")
    for name, net, speed in (
        ("LSTM, padded batches of 128", lstm, padded),
        ("LSTM, padded, memory given back", lstm, returned),
        ("LSTM, pack_padded_sequence", lstm, packed),
        ("DNN, batches of 128 frames", dnn, frames),
    ):
        achieved = speed * operations(net)
        share = f"{achieved / peak:.2f}"
        table.add_row(name, f"{speed:,.0f}", f"{achieved / 1e9:.1f}", share)
    table.add_row("sequence batches alone, no net", f"{feed:,.0f}", "", "")
    console = Console()
    console.print(table)
    console.print(f"padded over packed: {padded / packed:.1f} x")
    console.print(f"the matrix rate moved by {abs(again / peak - 1):.0%} during this run")


def _title(threads: int) -> str:
    return f"training, {threads} thread(s), torch {torch.__version__}"


def _drain(bank: FrameBank, order: torch.Generator) -> float:
    return float(sum(int(b.lengths.sum()) for b in bank.sequence_batches(BATCH, None, 0, order)))


if __name__ == "__main__":
    main()
