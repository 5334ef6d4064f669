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

from voxaffect.features.packing import Ragged, lengths_of
from voxaffect.model.lstm import library_layer
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.trunks import DnnTrunk, LstmLayer, LstmTrunk

WINDOWS_TOGETHER = 4096
"""Windows of a feed-forward trunk that are in memory at once: each repeats 2 r frames."""


Carried = NDArray[np.float32]
"""What an utterance carries, in the computer's own memory: hundreds of them are gathered in one go,
and a copy of each costs a fraction of what an operation of PyTorch does."""


class StreamOutput(NamedTuple):
    """What a net says of U stretches.

    Args:
        posteriors: float32 (M, C), of the frames that are answered now, utterance after utterance.
        counts: int64 (U,), how many frames of each these are.
        carried: what each must bring to its next stretch.
    """

    posteriors: NDArray[np.float32]
    counts: NDArray[np.int64]
    carried: list[Carried]


class StreamingNet(Protocol):
    """A net whose posteriors of a frame depend on no more than a few frames after it."""

    def start(self) -> Carried:
        """What an utterance carries before its first frame."""

    def hear(
        self,
        frames: NDArray[np.float32],
        counts: NDArray[np.int64],
        carried: Sequence[Carried],
        *,
        ended: bool,
    ) -> StreamOutput:
        """Hear the next frames of some utterances.

        Args:
            frames: float32 (M, F), standardized, utterance after utterance.
            counts: int64 (U,), frames of each; 0 is none.
            carried: of each, from `start` or from its last stretch.
            ended: nothing follows, so frames that wait for others after them are answered too.
        """


def causal_net(net: MultiTaskNet) -> StreamingNet | None:
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

    def start(self) -> Carried:
        """Zeros."""
        n_hidden = self._weights[0][1].shape[1]
        return np.zeros((len(self._weights), 2, n_hidden), np.float32)

    @torch.inference_mode()
    def hear(
        self,
        frames: NDArray[np.float32],
        counts: NDArray[np.int64],
        carried: Sequence[Carried],
        *,
        ended: bool,  # noqa: ARG002 no frame waits for another
    ) -> StreamOutput:
        """Posteriors of all the frames."""
        order = np.argsort(-counts, kind="stable")
        device = self._weights[0][0].device
        before = np.stack([carried[row] for row in order], 2)  # (L, 2, U, H)
        states, x = (torch.from_numpy(values).to(device) for values in (before, frames))
        hidden = states.new_empty(len(frames), states.shape[3])
        first = (np.cumsum(counts) - counts)[order]
        for begin, end, n_rows in _levels(counts[order]):
            place = torch.from_numpy(first[:n_rows] + np.arange(begin, end)[:, None])  # (T, rows)
            hidden[place] = self._read(x[place], states[:, :, :n_rows])
        after = states.permute(2, 0, 1, 3).cpu().numpy()
        back = [after[row].copy() for row in np.argsort(order)]
        return StreamOutput(_posteriors(self._net, hidden), counts, back)

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
    """Layers on windows; carried are the last 2 r frames, (n, F), fewer near the beginning.

    Beyond an utterance's ends its edge frame repeats.

    Args:
        net: one net with such a trunk.
    """

    def __init__(self, net: MultiTaskNet) -> None:
        self._net = net
        self._context = net.trunk.context
        self._place = next(net.parameters())

    def start(self) -> Carried:
        """No frames."""
        return np.zeros((0, self._net.shape.n_features), np.float32)

    @torch.inference_mode()
    def hear(
        self,
        frames: NDArray[np.float32],
        counts: NDArray[np.int64],
        carried: Sequence[Carried],
        *,
        ended: bool,
    ) -> StreamOutput:
        """Posteriors of the frames whose windows are whole."""
        r = self._context
        known = Ragged.concatenate(carried, Ragged(frames, counts).split())
        first = np.maximum(0, lengths_of(carried) - r)  # those before it were answered
        n = np.maximum(0, known.counts - (0 if ended else r) - first)
        hidden = self._hidden(known, known.indices(first, n), n)
        kept = known.tails(np.minimum(known.counts, 2 * r))
        return StreamOutput(_posteriors(self._net, hidden), n, kept)

    def _hidden(self, known: Ragged, middles: NDArray[np.int64], n: NDArray[np.int64]) -> Tensor:
        """Hidden states (M, H) of the windows about some frames, n of each utterance."""
        frames = torch.from_numpy(known.rows).to(self._place.device)
        ends = np.cumsum(known.counts)
        edges = np.repeat(np.stack([ends - known.counts, ends - 1]), n, axis=1)[..., None]
        hidden = self._place.new_empty(len(middles), self._net.trunk.n_hidden)
        offsets = np.arange(-self._context, self._context + 1)
        for begin in range(0, len(middles), WINDOWS_TOGETHER):
            some = slice(begin, begin + WINDOWS_TOGETHER)
            places = np.clip(middles[some, None] + offsets, edges[0, some], edges[1, some])
            windows = frames[torch.from_numpy(places)]  # (M, 2 r + 1, F)
            rows = windows.transpose(0, 1).unsqueeze(1)  # each window a row of its own
            hidden[some] = self._net.trunk(rows, torch.ones(1, rows.shape[2]))[0, 0]
        return hidden


def _posteriors(net: MultiTaskNet, hidden: Tensor) -> NDArray[np.float32]:
    """Softmax of every head on hidden states (M, H), side by side: float32 (M, C)."""
    if len(hidden) == 0:
        return np.zeros((0, sum(net.shape.n_classes.values())), np.float32)
    x = hidden[None, None]  # as a net's own frames, (T, S, B, H): in one product, rows are B
    scores = [head(x, None)[0, 0].softmax(1) for head in net.heads.values()]
    return torch.cat(scores, 1).float().cpu().numpy()
