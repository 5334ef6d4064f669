"""A net that hears utterances while they last, the frames of many at a time.

A causal trunk need not hear again what it has heard: a recurrent one carries its states from one
stretch of frames to the next, one on windows the frames that coming windows reach back to. What is
carried is a value that the caller keeps. So a stretch can be heard on trial: keep what was carried
before it, and it never was.

Letters: U utterances, M frames of all of them end to end, F features, C classes of all tasks side
by side, in the order of the net's heads; L layers, H cells, r frames of context.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.recurrence import library_layer
from voxaffect.model.trunks import DnnTrunk, LstmLayer, LstmTrunk

WINDOWS_TOGETHER = 4096
"""Windows of a feed-forward trunk that are in memory at once: each repeats 2 r frames."""


class Heard(NamedTuple):
    """What a net says of U stretches.

    Args:
        posteriors: float32 (M, C), of the frames that are answered now, utterance after utterance.
        counts: int64 (U,), how many frames of each these are.
        carried: what each must bring to its next stretch.
    """

    posteriors: NDArray[np.float32]
    counts: NDArray[np.int64]
    carried: list[Tensor]


class CausalNet(Protocol):
    """A net whose posteriors of a frame depend on no more than a few frames after it."""

    def start(self) -> Tensor:
        """What an utterance carries before its first frame."""

    def hear(
        self,
        frames: NDArray[np.float32],
        counts: NDArray[np.int64],
        carried: Sequence[Tensor],
        *,
        ended: bool,
    ) -> Heard:
        """Hear the next frames of some utterances.

        Args:
            frames: float32 (M, F), standardised, utterance after utterance.
            counts: int64 (U,), frames of each; 0 is none.
            carried: of each, from `start` or from its last stretch.
            ended: nothing follows, so frames that wait for others after them are answered too.
        """


def causal_net(net: MultiTaskNet) -> CausalNet | None:
    """The net as one that carries what it has heard; None where its trunk reads backwards, too."""
    if isinstance(net.trunk, DnnTrunk):
        return WindowNet(net)
    backwards = any(way.is_backward for layer in _layers(net.trunk) for way in layer.each())
    return None if backwards else RecurrentNet(net)


def _layers(trunk: LstmTrunk) -> list[LstmLayer]:
    return cast("list[LstmLayer]", list(trunk.layers))


class RecurrentNet:
    """LSTM layers that read forwards; carried are their states and cells, float32 (L, 2, H).

    Rows are sorted by their number of frames. All of them are read as far as the shortest reaches,
    then those that are left as far as the shortest of these: nothing is padded.

    Args:
        net: one net with such a trunk.
    """

    def __init__(self, net: MultiTaskNet) -> None:
        self._net = net
        self._weights = [
            [w[0] for w in (way.input, way.recurrent, way.input_bias, way.recurrent_bias)]
            for layer in _layers(cast("LstmTrunk", net.trunk))
            for way in layer.each()
        ]

    def start(self) -> Tensor:
        """Zeros."""
        recurrent = self._weights[0][1]
        return recurrent.new_zeros(len(self._weights), 2, recurrent.shape[1]).detach()

    @torch.inference_mode()
    def hear(
        self,
        frames: NDArray[np.float32],
        counts: NDArray[np.int64],
        carried: Sequence[Tensor],
        *,
        ended: bool,  # noqa: ARG002 no frame waits for another
    ) -> Heard:
        """Posteriors of all the frames."""
        order = np.argsort(-counts, kind="stable")
        states = torch.stack([carried[row] for row in order], 2)  # (L, 2, U, H)
        x = torch.from_numpy(frames).to(states.device)
        hidden = states.new_empty(len(frames), states.shape[3])
        first = (np.cumsum(counts) - counts)[order]
        for begin, end, n_rows in _levels(counts[order]):
            place = torch.from_numpy(first[:n_rows] + np.arange(begin, end)[:, None])  # (T, rows)
            hidden[place] = self._read(x[place], states[:, :, :n_rows])
        back = [states[:, :, row].clone() for row in np.argsort(order)]
        return Heard(_posteriors(self._net, hidden), counts, back)

    def _read(self, x: Tensor, states: Tensor) -> Tensor:
        """Hidden states (T, rows, H) of frames (T, rows, F); brings `states` up to them."""
        for weights, own in zip(self._weights, states, strict=True):
            state = own[:1].contiguous(), own[1:].contiguous()
            x, own[:1], own[1:] = library_layer(x, weights, *state)
        return x


def _levels(counts: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """First frame, end and rows of the blocks that rows with falling counts of frames make."""
    begin = 0
    for end in np.unique(counts[counts > 0]):
        yield begin, int(end), int((counts >= end).sum())
        begin = int(end)


class WindowNet:
    """Layers on windows; carried are the last frames that coming windows reach back to, (n, F).

    Beyond an utterance's ends its edge frame repeats.

    Args:
        net: one net with such a trunk.
    """

    def __init__(self, net: MultiTaskNet) -> None:
        self._net = net
        self._context = net.trunk.context
        self._place = next(net.parameters())

    def start(self) -> Tensor:
        """No frames."""
        return self._place.new_zeros(0, self._net.shape.n_features).detach()

    @torch.inference_mode()
    def hear(
        self,
        frames: NDArray[np.float32],
        counts: NDArray[np.int64],
        carried: Sequence[Tensor],
        *,
        ended: bool,
    ) -> Heard:
        """Posteriors of the frames whose windows are whole."""
        new = torch.split(torch.from_numpy(frames).to(self._place.device), counts.tolist())
        runs = [self._run(*pair, ended=ended) for pair in zip(carried, new, strict=True)]
        lengths = np.array([len(run) for run in runs])
        answered = np.maximum(0, lengths - 2 * self._context)
        hidden = self._hidden(torch.cat(runs), _starts(lengths, answered))
        kept = [run[max(0, len(run) - 2 * self._context) :].clone() for run in runs]
        return Heard(_posteriors(self._net, hidden), answered, kept)

    def _run(self, carried: Tensor, new: Tensor, *, ended: bool) -> Tensor:
        """All frames that windows can be laid on now, the repeated ones at the ends among them."""
        known = torch.cat([carried, new])
        if len(known) == 0:
            return known
        before = 0 if len(carried) else self._context
        after = self._context if ended else 0
        return torch.cat([known[:1].expand(before, -1), known, known[-1:].expand(after, -1)])

    def _hidden(self, frames: Tensor, starts: NDArray[np.int64]) -> Tensor:
        """Hidden states (M, H) of the windows that begin at some of the frames (n, F)."""
        hidden = self._place.new_empty(len(starts), self._net.trunk.n_hidden)
        for some in range(0, len(starts), WINDOWS_TOGETHER):
            chosen = torch.from_numpy(starts[some : some + WINDOWS_TOGETHER])
            windows = frames.unfold(0, 2 * self._context + 1, 1)[chosen]  # (M, F, 2 r + 1)
            rows = windows.permute(2, 0, 1).unsqueeze(1)  # each window a row of its own
            hidden[some : some + len(chosen)] = self._net.trunk(rows, torch.ones(1, 1))[0, 0]
        return hidden


def _starts(lengths: NDArray[np.int64], answered: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where windows begin on runs laid end to end, (M,)."""
    first = np.cumsum(lengths) - lengths
    within = np.arange(answered.sum()) - np.repeat(np.cumsum(answered) - answered, answered)
    starts: NDArray[np.int64] = np.repeat(first, answered) + within
    return starts


def _posteriors(net: MultiTaskNet, hidden: Tensor) -> NDArray[np.float32]:
    """Softmax of every head on hidden states (M, H), side by side: float32 (M, C)."""
    if len(hidden) == 0:
        return np.zeros((0, sum(net.shape.n_classes.values())), np.float32)
    x = hidden[:, None, None]  # as a net's own frames: (T, S, B, H)
    scores = [head(x, None)[0, :, 0].softmax(1) for head in net.heads.values()]
    return torch.cat(scores, 1).float().cpu().numpy()
