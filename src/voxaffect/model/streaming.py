"""Streaming inference: a net that processes utterances while they last, many at a time.

No frame is processed twice: the caller keeps LSTM states from one stretch of frames to the next, or
the frames that coming windows reach back to, and may process a stretch on trial.

Letters: U utterances, M frames of all of them end to end, F features, C classes of all tasks side
by side, in the order of the net's heads; L layers, H cells, r frames of context.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.trunks import DnnTrunk, LstmTrunk

WINDOWS_TOGETHER = 4096
"""Windows of a feed-forward trunk that are in memory at once: each repeats 2 r frames."""

RecurrentState = NDArray[np.float32]
"""What an utterance carries from one stretch to the next. Hundreds are gathered at once, and a copy
in NumPy costs a fraction of an operation of PyTorch."""


class StreamOutput(NamedTuple):
    """Posteriors of the frames that are complete now, utterance after utterance."""

    posteriors: NDArray[np.float32]  # (M, C)
    counts: NDArray[np.int64]  # frames of each utterance, (U,)
    states: list[RecurrentState]  # of each, for its next stretch


class RecurrentNet:
    """LSTM layers that read forwards; the state is their hidden states and cells, (L, 2, H).

    All rows are read as far as the shortest reaches, then those that are left as far as the
    shortest of these: nothing is padded.
    """

    def __init__(self, net: MultiTaskNet, trunk: LstmTrunk) -> None:
        self._net = net
        self._layers = [cells for (cells,) in trunk.directions]

    def start(self) -> RecurrentState:
        """Zeros."""
        return np.zeros((len(self._layers), 2, self._layers[0].hidden_size), np.float32)

    @torch.inference_mode()
    def process(
        self,
        frames: NDArray[np.float32],
        counts: NDArray[np.int64],
        states: Sequence[RecurrentState],
        *,
        ended: bool,  # noqa: ARG002 no frame waits for another
    ) -> StreamOutput:
        """Process the next standardized frames of some utterances, (M, F), from their states.

        The counts (U,) are of the frames of each, and may be 0. If the utterances have ended,
        frames that wait for others after them are complete, too.
        """
        order = np.argsort(-counts, kind="stable")
        device = next(self._net.parameters()).device
        before = np.stack([states[row] for row in order], 2)  # (L, 2, U, H)
        current, x = (torch.from_numpy(values).to(device) for values in (before, frames))
        hidden = current.new_empty(len(frames), current.shape[3])
        first = (np.cumsum(counts) - counts)[order]
        for begin, end, n_rows in _blocks(counts[order]):
            place = torch.from_numpy(first[:n_rows] + np.arange(begin, end)[:, None])  # (T, rows)
            block = x[place]
            for cells, own in zip(self._layers, current[:, :, :n_rows], strict=True):
                block, (own[:1], own[1:]) = cells(
                    block, (own[:1].contiguous(), own[1:].contiguous())
                )
            hidden[place] = block
        after = current.permute(2, 0, 1, 3).cpu().numpy()
        kept = [after[row].copy() for row in np.argsort(order)]
        return StreamOutput(_posteriors(self._net, hidden), counts, kept)


def _blocks(counts: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """First frame, end and rows of the blocks that rows with falling counts of frames make."""
    begin = 0
    for end in np.unique(counts[counts > 0]):
        yield begin, int(end), int((counts >= end).sum())
        begin = int(end)


class WindowNet:
    """Layers on windows; the state is the last 2 r frames, (n, F), fewer near the beginning."""

    def __init__(self, net: MultiTaskNet, trunk: DnnTrunk) -> None:
        self._net, self._trunk = net, trunk
        self._weight = next(net.parameters())

    def start(self) -> RecurrentState:
        """No frames."""
        return np.zeros((0, self._net.shape.n_features), np.float32)

    @torch.inference_mode()
    def process(
        self,
        frames: NDArray[np.float32],
        counts: NDArray[np.int64],
        states: Sequence[RecurrentState],
        *,
        ended: bool,
    ) -> StreamOutput:
        """As `RecurrentNet.process`; frames whose windows are whole are complete."""
        r, ends = self._trunk.context, np.cumsum(counts)
        bounds = zip(states, ends - counts, ends, strict=True)
        known = [np.concatenate([old, frames[begin:end]]) for old, begin, end in bounds]
        first = [max(0, len(old) - r) for old in states]  # those before it are complete already
        n_known = [len(own) - (0 if ended else r) for own in known]
        n = np.maximum(0, np.subtract(n_known, first))
        kept = [own[max(0, len(own) - 2 * r) :].copy() for own in known]
        return StreamOutput(_posteriors(self._net, self._hidden(known, first, n)), n, kept)

    def _hidden(
        self, known: list[NDArray[np.float32]], first: Sequence[int], n: NDArray[np.int64]
    ) -> Tensor:
        """Hidden states (M, H) of the windows about n frames of each utterance from `first` on."""
        frames = torch.from_numpy(np.concatenate(known)).to(self._weight.device)
        lengths = np.array([len(own) for own in known])
        ends = np.cumsum(lengths)
        edges = np.repeat(np.stack([ends - lengths, ends - 1]), n, axis=1)[..., None]
        within = np.concatenate([np.arange(count) for count in n])
        middles = np.repeat(ends - lengths + np.array(first), n) + within
        hidden = self._weight.new_empty(len(middles), self._trunk.n_hidden)
        offsets = np.arange(-self._trunk.context, self._trunk.context + 1)
        for begin in range(0, len(middles), WINDOWS_TOGETHER):
            some = slice(begin, begin + WINDOWS_TOGETHER)
            places = np.clip(middles[some, None] + offsets, edges[0, some], edges[1, some])
            windows = frames[torch.from_numpy(places)].transpose(0, 1)  # (2 r + 1, rows, F)
            hidden[some] = self._trunk(windows, torch.ones(windows.shape[1]))[0]
        return hidden


StreamingNet = RecurrentNet | WindowNet
"""A net whose posteriors of a frame depend on no more than a few frames after it."""


def streaming_net(net: MultiTaskNet) -> StreamingNet | None:
    """The net for streaming; None where its trunk also reads backwards."""
    net.eval()
    if isinstance(net.trunk, DnnTrunk):
        return WindowNet(net, net.trunk)
    bidirectional = len(net.trunk.directions[0]) > 1
    return None if bidirectional else RecurrentNet(net, net.trunk)


def _posteriors(net: MultiTaskNet, hidden: Tensor) -> NDArray[np.float32]:
    """Softmax of every head on hidden states (M, H): float32 (M, C)."""
    scores = [head(hidden).softmax(1) for head in net.heads.values()]
    return torch.cat(scores, 1).float().cpu().numpy()
