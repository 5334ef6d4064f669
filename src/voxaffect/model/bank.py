"""Frames in memory, end to end in one tensor, and whose they are.

Letters: N utterances, M frames of all of them, F features. A pool is shared: nets that learn from
overlapping parts of the same corpora keep each frame once, and standardise what they take.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxaffect.errors import TrainingError
from voxaffect.features.standardize import Standardizer
from voxaffect.model.examples import Examples


class FramePool:
    """Frames of utterances end to end in one tensor, as they were extracted.

    Args:
        frames: N arrays float32 (T, F); at least one.
        device: where the tensor lives.

    Attributes:
        values: float32 (M, F), on the device.
        lengths: int64 (N,), frames of each utterance, on the CPU.
        starts: int64 (N,), its first frame, on the CPU.
    """

    def __init__(
        self, frames: Sequence[NDArray[np.float32]], device: str | torch.device = "cpu"
    ) -> None:
        self.values = torch.from_numpy(np.concatenate(frames)).to(device)
        self.lengths = torch.tensor([len(f) for f in frames])
        self.starts = torch.cumsum(self.lengths, 0) - self.lengths


@dataclass(frozen=True)
class FrameBank:
    """What one net learns from, or is asked about: utterances of a pool, with its statistics.

    Args:
        pool: the frames.
        rows: int64 (N,), which utterances of the pool, on the CPU.
        targets: task -> int64 (N,), on the CPU.
        mean: float32 (F,), subtracted from every frame, on the pool's device.
        scale: float32 (F,), divides every frame.
    """

    pool: FramePool
    rows: Tensor
    targets: Mapping[str, Tensor]
    mean: Tensor
    scale: Tensor

    @classmethod
    def of(
        cls, examples: Examples, standardizer: Standardizer, device: str | torch.device = "cpu"
    ) -> FrameBank:
        """A bank with a pool of its own.

        Raises:
            TrainingError: there are no examples.
        """
        (bank,) = banks([examples], [standardizer], device)
        return bank

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> Tensor:
        """Frames of each utterance, int64 (N,)."""
        return self.pool.lengths[self.rows]

    @property
    def n_features(self) -> int:
        """Features a frame, F."""
        return self.pool.values.shape[1]


def banks(
    several: Sequence[Examples],
    standardizers: Sequence[Standardizer],
    device: str | torch.device = "cpu",
) -> list[FrameBank]:
    """Banks on one pool, which holds every frame once, however many share it.

    Args:
        several: examples of each bank; the same memory counts as the same utterance.
        standardizers: statistics of each bank.
        device: where the pool lives.

    Raises:
        TrainingError: a bank has no examples.
    """
    if not all(len(examples) for examples in several):
        raise TrainingError("there are no utterances to learn from; check the fold's parts")
    place: dict[tuple[int, int], int] = {}
    frames: list[NDArray[np.float32]] = []
    rows = []
    for examples in several:
        own = []
        for values in examples.frames:
            key = (values.ctypes.data, len(values))
            if key not in place:
                place[key] = len(frames)
                frames.append(values)
            own.append(place[key])
        rows.append(torch.tensor(own))
    pool = FramePool(frames, device)
    return [
        FrameBank(
            pool,
            own,
            {task: torch.from_numpy(target) for task, target in examples.targets.items()},
            torch.from_numpy(standardizer.mean).to(device),
            torch.from_numpy(standardizer.scale).to(device),
        )
        for examples, own, standardizer in zip(several, rows, standardizers, strict=True)
    ]


class Parts:
    """Examples as banks of which one at a time is in memory.

    All of them are one bank, kept, where they fit; else each pass reads them part by part, from
    memory-mapped files if that is where they lie. A part is drawn at random among all utterances,
    so that a pass in random order stays one, up to the size of a part, which is half of what memory
    may hold.

    Args:
        examples: the utterances; at least one.
        standardizer: statistics of the training frames.
        device: where a bank lives.
        n_bytes: frames held in memory at most, unless a single utterance has more.

    Raises:
        TrainingError: there are no examples.
    """

    def __init__(
        self,
        examples: Examples,
        standardizer: Standardizer,
        device: str | torch.device = "cpu",
        n_bytes: float = float("inf"),
    ) -> None:
        self.examples = examples
        self._standardizer, self._device, self._n_bytes = standardizer, device, n_bytes
        self._whole = self._bank(None) if examples.n_bytes <= n_bytes else None

    @classmethod
    def of_bank(cls, bank: FrameBank, examples: Examples) -> Parts:
        """Examples that are in memory already."""
        parts = cls.__new__(cls)
        parts.examples, parts._whole = examples, bank
        return parts

    @property
    def whole(self) -> FrameBank | None:
        """The one bank of all, None where they do not fit into memory together."""
        return self._whole

    def in_order(self) -> Iterator[tuple[NDArray[np.int64], FrameBank]]:
        """Every example once: rows of the examples, and the bank of those."""
        yield from self._split(np.arange(len(self.examples)))

    def shuffled(self, generator: torch.Generator) -> Iterator[FrameBank]:
        """One pass in random parts; a bank of all takes nothing from the generator."""
        if self._whole is not None:
            yield self._whole
            return
        order = torch.randperm(len(self.examples), generator=generator).numpy()
        for _, bank in self._split(order):
            yield bank

    def _split(self, order: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], FrameBank]]:
        if self._whole is not None:
            yield order, self._whole
            return
        sizes = np.cumsum([self.examples.frames[row].nbytes for row in order])
        begin = 0
        while begin < len(order):
            used = sizes[begin - 1] if begin else 0
            half = self._n_bytes / 2  # one part is read while the one before is still there
            end = max(begin + 1, int(np.searchsorted(sizes, used + half, "right")))
            yield order[begin:end], self._bank(order[begin:end])
            begin = end

    def _bank(self, rows: NDArray[np.int64] | None) -> FrameBank:
        chosen = self.examples if rows is None else self.examples.select(rows)
        return FrameBank.of(chosen, self._standardizer, self._device)
