"""How close training comes to the machine: one run, every figure beside the same matrix rate.

The paper's LSTM and DNN at batches of 128, trained by `fit` itself, against the rate of a matrix
product on the same threads; the same LSTM as a newcomer would write it (`pack_padded_sequence`, and
a loop over utterances); batches alone; what an epoch spends on neither steps nor the dev set; and
nets one by one against nets as a stack, on a graphics card too where there is one.

    python benchmarks/training.py [--seconds 5] [--threads 1] [--device cuda]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from voxaffect.features.standardize import Standardizer
from voxaffect.model import training
from voxaffect.model.data import Examples, Parts, banks, cut, frame_picks, sequence_picks
from voxaffect.model.multitask import MultiTaskNet, NetShape
from voxaffect.model.settings import Epoch, TrainingSettings
from voxaffect.model.training import TrainingTask
from voxaffect.model.trunks import DnnSettings, LstmSettings, TrunkSettings
from voxaffect.parallel.processes import keep_freed_memory

N_FEATURES, BATCH = 32, 128
WEIGHTS = {"emotion": 1.0, "gender": 0.1, "naturalness": 0.1}
CLASSES = {"emotion": 4, "gender": 4, "naturalness": 2}


def rate(step: Callable[[], float], seconds: float) -> float:
    """Units of work a second over repeated steps, after one to warm up."""
    step()
    work, started = 0.0, time.perf_counter()
    while not work or time.perf_counter() < started + seconds:
        work += step()
    return work / (time.perf_counter() - started)


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


@dataclass(frozen=True)
class Measured:
    """One training: frames a second, and the share of an epoch that is neither step nor dev set."""

    frames_per_s: float
    overhead: float


def fitted(
    trunk: TrunkSettings, settings: TrainingSettings, data: Examples, n_nets: int = 1
) -> Measured:
    """`fit` for two epochs, of which the second is measured."""
    standardizer = Standardizer.fit(data.frames)
    dev = data.select(np.arange(len(data) // 10))
    own = [Parts.of_bank(b, data) for b in _banks(data, standardizer, settings, n_nets)]
    devs = [Parts.of_bank(b, dev) for b in _banks(dev, standardizer, settings, n_nets)]
    shape = NetShape(trunk, N_FEATURES, CLASSES)
    lessons = [
        TrainingTask(MultiTaskNet.drawn(shape, s), own[s], devs[s], WEIGHTS, s)
        for s in range(n_nets)
    ]
    epochs: list[Epoch] = []
    with spent_inside() as inside:
        training.fit(
            lessons,
            replace(settings, max_epochs=2, patience=2),
            on_epoch=lambda _, e: epochs.append(e),
        )
    return Measured(epochs[-1].frames_per_s, 1 - inside[-1] / epochs[-1].seconds)


def _banks(data: Examples, standardizer: Standardizer, settings: TrainingSettings, n: int) -> list:
    return banks([data] * n, [standardizer] * n, settings.device)


@contextmanager
def spent_inside() -> Iterator[list[float]]:
    """Seconds of each epoch in steps and on the dev set."""
    step, look = training._Stack._step, training.evaluate
    spent, per_epoch = [0.0], []

    def timed(work: Callable) -> Callable:
        def run(*args: object) -> object:
            started = time.perf_counter()
            result = work(*args)
            spent[0] += time.perf_counter() - started
            if work is look:  # the last thing an epoch does
                per_epoch.append(spent[0])
                spent[0] = 0.0
            return result

        return run

    training._Stack._step, training.evaluate = timed(step), timed(look)
    try:
        yield per_epoch
    finally:
        training._Stack._step, training.evaluate = step, look


class NewcomersNet(nn.Module):
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


def newcomers_rate(way: str, data: Examples) -> float:
    """Training frames a second of one step on a batch of 128 utterances."""
    torch.manual_seed(0)
    net = NewcomersNet()
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

    started = time.perf_counter()
    return step() / (time.perf_counter() - started)


def loading_rate(trunk: TrunkSettings, data: Examples, seconds: float) -> float:
    """Frames a second of batches that nobody learns from."""
    (bank,) = banks([data], [Standardizer.fit(data.frames)])
    order = torch.Generator().manual_seed(0)
    recurrent = isinstance(trunk, LstmSettings)
    context = 0 if isinstance(trunk, LstmSettings) else trunk.context

    def step() -> float:
        picks = (
            sequence_picks(bank, BATCH, None, order)
            if recurrent
            else frame_picks(bank, BATCH, 200, order)
        )
        frames = 0
        for pick in picks:
            cut([bank], [pick], context=context, time_first=recurrent)
            frames += int(pick.n_frames.sum())
        return float(frames)

    return rate(step, seconds)


def operations(trunk: TrunkSettings) -> float:
    """Floating-point operations of training on one frame.

    Two for each weight, forwards and for the weight's gradient, and on the way back to what lies
    below: the first layer has nothing below it.
    """
    net = MultiTaskNet(NetShape(trunk, N_FEATURES, CLASSES))
    weights = [p[0].numel() for p in net.parameters() if p.ndim == 3]
    return 2.0 * (3 * sum(weights) - weights[0])


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="time for each rate")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--nets", type=int, default=8, help="nets of a stack")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    keep_freed_memory()
    console = Console()
    with torch.random.fork_rng():
        data = make_examples(1280)
    usual = TrainingSettings(device=asked.device)
    lstm, dnn = LstmSettings(), DnnSettings()
    few = replace(usual, batches_per_epoch=10)
    many = replace(usual, batches_per_epoch=300)
    few_steps = replace(usual, batches_per_epoch=max(20, 300 // asked.nets))
    peak = [matrix_rate(asked.seconds, asked.device)]
    found = {"LSTM, batches of 128 utterances": (lstm, fitted(lstm, few, data))}
    peak.append(matrix_rate(asked.seconds, asked.device))
    found["DNN, batches of 128 frames"] = (dnn, fitted(dnn, many, data))
    peak.append(matrix_rate(asked.seconds, asked.device))
    found[f"DNN, batches of 128 frames, {asked.nets} nets as a stack"] = (
        dnn,
        fitted(dnn, few_steps, data, asked.nets),
    )
    peak.append(matrix_rate(asked.seconds, asked.device))
    best = float(np.mean(peak))
    title = f"training, {asked.threads} thread(s), {asked.device}, torch {torch.__version__}"
    table = Table("what", "frames/s", "GFLOP/s", "share", "epoch overhead", title=title)
    table.add_row("matrix product, float32", "", f"{best / 1e9:.0f}", "1.00", "")
    brain = matrix_rate(asked.seconds, asked.device, torch.bfloat16)
    table.add_row("matrix product, bfloat16", "", f"{brain / 1e9:.0f}", f"{brain / best:.2f}", "")
    for name, (trunk, measured) in found.items():
        achieved = measured.frames_per_s * operations(trunk)
        table.add_row(
            name,
            f"{measured.frames_per_s:,.0f}",
            f"{achieved / 1e9:.1f}",
            f"{achieved / best:.2f}",
            f"{measured.overhead:.1%}",
        )
    padded = found["LSTM, batches of 128 utterances"][1].frames_per_s
    if asked.device == "cpu":
        for name, way in (("packed", "packed"), ("utterance by utterance", "one_by_one")):
            speed = newcomers_rate(way, data)
            times = f"{padded / speed:.1f} times slower"
            table.add_row(f"LSTM, {name}", f"{speed:,.0f}", "", "", times)
    for name, trunk in (("sequences", lstm), ("frames with context", dnn)):
        speed = loading_rate(trunk, data, asked.seconds)
        table.add_row(f"batches of {name} alone", f"{speed:,.0f}", "", "", "")
    console.print(table)
    console.print(f"the matrix rate moved by {max(peak) / min(peak) - 1:.0%} during this run")
    console.print(stacks(data, usual, asked.nets))
    if asked.device != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported():
        fast = fitted(lstm, replace(few, autocast=True), data).frames_per_s
        console.print(f"LSTM in bfloat16: {fast / padded:.2f} times the speed of float32")
    else:
        console.print("this processor has no bfloat16 arithmetic: the LSTM was not measured in it")


def stacks(data: Examples, usual: TrainingSettings, n_nets: int) -> Table:
    """Nets one by one and as a stack, at full batches and at those of small corpora."""
    table = Table("net", "batch", "one, frames/s", f"{n_nets} as a stack, frames/s", "ratio")
    whole = (
        ()
        if usual.device == "cpu"
        else (  # gigabytes a net
            ("LSTM", LstmSettings(), replace(usual, batches_per_epoch=4)),
        )
    )
    for name, trunk, settings in (
        *whole,
        (
            "LSTM",
            LstmSettings(),
            replace(usual, batch_size=32, crop_frames=60, batches_per_epoch=12),
        ),
        ("DNN", DnnSettings(), replace(usual, batches_per_epoch=40)),
        ("DNN", DnnSettings(), replace(usual, batch_size=256, batches_per_epoch=40)),
    ):
        alone = fitted(trunk, settings, data).frames_per_s
        together = fitted(trunk, settings, data, n_nets).frames_per_s
        crop = f" x {settings.crop_frames} frames" if settings.crop_frames else ""
        table.add_row(
            name,
            f"{settings.batch_size}{crop}",
            f"{alone:,.0f}",
            f"{together:,.0f}",
            f"{together / alone:.2f}",
        )
    return table


if __name__ == "__main__":
    main()
