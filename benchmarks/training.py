"""Speed of training, relative to the machine's matrix rate.

The paper's LSTM and DNN at batches of 128, trained by `fit`, against the rate of a matrix product
on the same threads; the same LSTM by `pack_padded_sequence` and by a loop over utterances; and
batches alone. Measurements alternate, and the median of the rounds counts. With one thread on a
processor, seconds are the processor's, so that other work on the machine counts little.

    python benchmarks/training.py [--rounds 3] [--seconds 5] [--threads 1] [--device cuda]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from voxaffect.features.standardize import Standardizer
from voxaffect.model.data import (
    Examples,
    FrameDataset,
    collate,
    frame_batches,
    sequence_batches,
)
from voxaffect.model.multitask import MultiTaskNet, NetShape
from voxaffect.model.settings import TrainingSettings
from voxaffect.model.training import fit
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings
from voxaffect.parallel.processes import keep_freed_memory

N_FEATURES, BATCH = 32, 128
WEIGHTS = {"emotion": 1.0, "gender": 0.1, "naturalness": 0.1}
CLASSES = {"emotion": 4, "gender": 4, "naturalness": 2}


def clock() -> float:
    """Seconds of this process, or of the wall where several threads or a graphics card compute."""
    alone = torch.get_num_threads() == 1 and not torch.cuda.is_available()
    return time.process_time() if alone else time.perf_counter()


def rate(step: Callable[[], float], seconds: float) -> float:
    """Units of work a second over repeated steps, after one to warm up."""
    step()
    work, started = 0.0, clock()
    while not work or clock() < started + seconds:
        work += step()
    return work / (clock() - started)


def matrix_rate(
    seconds: float, device: str, dtype: torch.dtype = torch.float32, size: int = 1024
) -> float:
    """Floating-point operations a second of a matrix product."""
    size = size if device == "cpu" else 8 * size
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))

    def step() -> float:
        torch.mm(a, b)
        _wait(device)
        return 2.0 * size**3

    return rate(step, seconds)


def make_examples(n_utterances: int) -> Examples:
    """Random utterances of 1 to 4 seconds, as long as those of the open corpora."""
    rng = np.random.default_rng(0)
    frames = [
        rng.normal(size=(n, N_FEATURES)).astype(np.float32)
        for n in rng.integers(100, 400, n_utterances)
    ]
    targets = {t: rng.integers(0, c, n_utterances).astype(np.int64) for t, c in CLASSES.items()}
    return Examples(frames, targets)


def frames_per_s(trunk: TrunkSettings, settings: TrainingSettings, data: Examples) -> float:
    """Training frames a second of `fit` in the second of two epochs; the dev set is tiny."""
    standardizer = Standardizer.fit(data.frames)
    train = FrameDataset(data, standardizer, settings.device)
    dev = FrameDataset(data.select(np.arange(4)), standardizer, settings.device)
    net = MultiTaskNet.initialized(NetShape(trunk, N_FEATURES, CLASSES), seed=0)
    settings = replace(settings, max_epochs=2, patience=2)
    ends: list[float] = []
    _, history = fit(
        net, train, dev, settings, task_weights=WEIGHTS, seed=0,
        on_epoch=lambda _: ends.append(clock()),
    )  # fmt: skip
    last = history.epochs[-1]  # whose frames a second are of the wall
    return last.frames_per_s * last.seconds / (ends[1] - ends[0])


class PlainNet(nn.Module):
    """The same net from PyTorch's own parts."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(N_FEATURES, 256, num_layers=2, dropout=0.5, batch_first=True)
        self.heads = nn.ModuleDict({task: nn.Linear(256, n) for task, n in CLASSES.items()})

    def packed(self, sequences: list[Tensor]) -> Tensor:
        """Hidden states of all real frames, by packed sequences."""
        lengths = torch.tensor([len(x) for x in sequences])
        padded = pad_sequence(sequences, batch_first=True)
        packed = pack_padded_sequence(padded, lengths, batch_first=True, enforce_sorted=False)
        hidden, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return torch.cat([h[:n] for h, n in zip(hidden, lengths.tolist(), strict=True)])

    def one_by_one(self, sequences: list[Tensor]) -> Tensor:
        """Hidden states of all frames, an utterance at a time."""
        return torch.cat([self.lstm(x[None])[0][0] for x in sequences])


def plain_rate(way: str, data: Examples) -> float:
    """Training frames a second of one step on a batch of 128 utterances."""
    torch.manual_seed(0)
    net = PlainNet()
    adam = torch.optim.Adam(net.parameters(), 3e-3)
    rows = np.argsort([len(f) for f in data.frames])[len(data) // 2 :][:BATCH]
    sequences = [torch.from_numpy(data.frames[row]) for row in rows]

    def step() -> float:
        hidden = getattr(net, way)(sequences)
        loss = torch.zeros(())
        for task, weight in WEIGHTS.items():
            target = [
                torch.full((len(x),), int(data.targets[task][r]))
                for x, r in zip(sequences, rows, strict=True)
            ]
            scores = net.heads[task](hidden)
            loss = loss + weight * nn.functional.cross_entropy(scores, torch.cat(target))
        adam.zero_grad()
        loss.backward()
        adam.step()
        return float(len(hidden))

    started = clock()
    return step() / (clock() - started)


def loading_rate(trunk: TrunkSettings, data: Examples, seconds: float) -> float:
    """Frames a second of batches alone."""
    dataset = FrameDataset(data, Standardizer.fit(data.frames))
    order = torch.Generator().manual_seed(0)

    def step() -> float:
        if isinstance(trunk, LstmSettings):
            batches, context = sequence_batches(dataset, BATCH, None, order), 0
        else:
            batches, context = frame_batches(dataset, BATCH, 200, order), trunk.context
        frames = 0
        for indices in batches:
            collate(dataset, indices, context)
            frames += int(indices.n_frames.sum())
        return float(frames)

    return rate(step, seconds)


def operations(trunk: TrunkSettings) -> float:
    """Floating-point operations of training on one frame.

    Two for each weight, forwards and for the weight's gradient, and on the way back to what lies
    below: the first layer has nothing below it.
    """
    net = MultiTaskNet(NetShape(trunk, N_FEATURES, CLASSES))
    weights = [p.numel() for p in net.parameters() if p.ndim == 2]
    return 2.0 * (3 * sum(weights) - weights[0])


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="time for each rate")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    keep_freed_memory()
    console = Console()
    with torch.random.fork_rng():
        data = make_examples(1280)
    usual = TrainingSettings(device=asked.device)
    few = replace(usual, batches_per_epoch=4)
    nets: dict[str, tuple[TrunkSettings, TrainingSettings]] = {
        "LSTM, batches of 128 utterances": (LstmSettings(), few),
        "DNN, batches of 128 frames": (DnnSettings(), replace(usual, batches_per_epoch=300)),
    }
    lstm, dnn = nets
    if asked.device != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported():
        nets["LSTM in bfloat16"] = (LstmSettings(), replace(few, autocast=True))
    else:
        console.print("this processor has no bfloat16 arithmetic: the LSTM was not measured in it")
    peaks: list[float] = []
    speeds: dict[str, list[float]] = {name: [] for name in nets}
    for _ in range(asked.rounds):
        for name, (trunk, settings) in nets.items():
            peaks.append(matrix_rate(asked.seconds, asked.device))
            speeds[name].append(frames_per_s(trunk, settings, data))
    best = float(np.median(peaks))
    title = f"training, {asked.threads} thread(s), {asked.device}, torch {torch.__version__}"
    table = Table("what", "frames/s", "GFLOP/s", "share", title=title)
    table.add_row("matrix product, float32", "", f"{best / 1e9:.0f}", "1.00")
    brain = matrix_rate(asked.seconds, asked.device, torch.bfloat16)
    table.add_row("matrix product, bfloat16", "", f"{brain / 1e9:.0f}", f"{brain / best:.2f}")
    for k, (name, (trunk, _)) in enumerate(nets.items()):
        done = np.array(speeds[name]) * operations(trunk)
        shares = done / peaks[k :: len(nets)]  # of the matrix rate just before
        share = f"{np.median(shares):.2f} ({shares.min():.2f} to {shares.max():.2f})"
        speed = np.median(speeds[name])
        table.add_row(name, f"{speed:,.0f}", f"{np.median(done) / 1e9:.1f}", share)
    if asked.device == "cpu":
        for name, way in (("packed", "packed"), ("utterance by utterance", "one_by_one")):
            speed = plain_rate(way, data)
            times = f"{np.median(speeds[lstm]) / speed:.1f} times slower"
            table.add_row(f"LSTM, {name}", f"{speed:,.0f}", "", times)
    for name, trunk in (("sequences", nets[lstm][0]), ("frames with context", nets[dnn][0])):
        speed = loading_rate(trunk, data, asked.seconds)
        table.add_row(f"batches of {name} alone", f"{speed:,.0f}", "", "")
    console.print(table)
    console.print(f"the matrix rate moved by {max(peaks) / min(peaks) - 1:.0%} during this run")
    if "LSTM in bfloat16" in speeds:
        times = np.array(speeds["LSTM in bfloat16"]) / speeds[lstm]
        console.print(f"LSTM in bfloat16: {np.median(times):.2f} times the speed of float32")


if __name__ == "__main__":
    main()
