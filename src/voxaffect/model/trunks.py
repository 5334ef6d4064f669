"""The shared part of the net: frames in, hidden states out; S nets of one shape at once.

The paper's two: a DNN of 3 x 256 on 250 ms of context (Han, Yu, Tashev 2014) and an LSTM of
2 x 256 (Lee & Tashev 2015); the LSTM also in two directions. Every parameter has a leading axis of
S nets: products over it are batched, and one net is a stack of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Generator, Tensor, nn

from voxaffect.model.lstm import LstmWeights, lstm
from voxaffect.model.optim import Dropout


@dataclass(frozen=True)
class DnnSettings:
    """A feed-forward trunk on a window of frames.

    Args:
        hidden: units a layer.
        layers: hidden layers.
        context: frames on each side of the middle one; 12 makes 25 frames, 250 ms.
        dropout: probability of dropping a unit.
    """

    hidden: int = 256
    layers: int = 3
    context: int = 12
    dropout: float = 0.5

    def build(self, n_features: int, n_nets: int = 1) -> DnnTrunk:
        """The trunk for F features, its weights not drawn yet."""
        return DnnTrunk(self, n_features, n_nets)


@dataclass(frozen=True)
class LstmSettings:
    """A recurrent trunk on the whole utterance.

    Args:
        hidden: cells a layer and direction.
        layers: recurrent layers.
        bidirectional: read the utterance from both ends.
        dropout: probability of dropping an output of a layer.
    """

    hidden: int = 256
    layers: int = 2
    bidirectional: bool = False
    dropout: float = 0.5

    def build(self, n_features: int, n_nets: int = 1) -> LstmTrunk:
        """The trunk for F features, its weights not drawn yet."""
        return LstmTrunk(self, n_features, n_nets)


TrunkSettings = DnnSettings | LstmSettings

CACHED_WINDOWS = 1024
"""Windows of a DNN that are copied and multiplied at a time where nothing is kept for a gradient.

25 frames of 32 numbers make 3.3 MB of them, which a processor's caches hold: 1.8 times as fast as
16,384 at a time, and an hour of speech takes no more memory than ten seconds.
"""


class Linear(nn.Module):
    """S linear layers side by side: weight (S, in, out), bias (S, out).

    The other way round, a batched product would leave each gradient transposed, to be copied: a
    fifth of a stack's step.
    """

    def __init__(self, n_nets: int, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_nets, n_inputs, n_outputs))
        self.bias = nn.Parameter(torch.zeros(n_nets, n_outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(S, N, out) of (S, N, in)."""
        if len(self.weight) == 1:  # a tenth faster than a batched product of one
            weight, bias = self.weight.squeeze(0), self.bias.squeeze(0)
            return torch.addmm(bias, x.squeeze(0), weight).unsqueeze(0)
        return torch.baddbmm(self.bias[:, None], x, self.weight)


class DnnTrunk(nn.Module):
    """Hidden layers on each frame and its context."""

    time_first = False

    def __init__(self, settings: DnnSettings, n_features: int, n_nets: int) -> None:
        super().__init__()
        self.context = settings.context
        self.n_hidden = settings.hidden
        self.dropout = settings.dropout
        self._n_inputs = n_features * (2 * settings.context + 1)
        inputs = [self._n_inputs] + [settings.hidden] * (settings.layers - 1)
        self.layers = nn.ModuleList(Linear(n_nets, width, settings.hidden) for width in inputs)

    @property
    def last_weights(self) -> tuple[nn.Parameter, ...]:
        """Weights of the last layer that all tasks share."""
        return (self.layers[-1].weight,)  # type: ignore[return-value]

    def draw(self, net: int, generator: Generator) -> None:
        """Draw one net's weights: variance kept through rectified layers (He et al. 2015)."""
        for layer in self.layers:
            draw_rectified(layer, net, generator)  # type: ignore[arg-type]

    def forward(self, x: Tensor, lengths: Tensor, dropout: Dropout | None = None) -> Tensor:
        """Hidden states (T, S, B, H) of frames (T + 2 r, S, B, F).

        Where nothing is kept for a gradient those of padding are not computed, and are zero or what
        the net makes of repeated frames.
        """
        windows = x.permute(1, 2, 0, 3).unfold(2, 2 * self.context + 1, 1)  # (S, B, T, F, 2 r + 1)
        if torch.is_grad_enabled() or x.is_cuda:  # a graphics card is the faster the more there is
            return self._hidden(windows, dropout)
        n_nets, n_rows, n_frames = windows.shape[:3]
        hidden = windows.new_zeros(n_frames, n_nets, n_rows, self.n_hidden)
        n_together = max(1, CACHED_WINDOWS // (n_nets * n_rows))
        for first in range(0, n_frames, n_together):
            some = slice(first, first + n_together)
            rows = slice(_n_until_last(lengths > first))
            if rows.stop:
                hidden[some, :, rows] = self._hidden(windows[:, rows, some], dropout)
        return hidden

    def _hidden(self, windows: Tensor, dropout: Dropout | None) -> Tensor:
        """Hidden states (T, S, B, H) of windows (S, B, T, F, 2 r + 1), which are copied here."""
        n_nets, n_rows = windows.shape[:2]
        hidden = windows.transpose(3, 4).reshape(n_nets, -1, self._n_inputs)
        for layer in self.layers:
            hidden = layer(hidden).relu()
            if dropout is not None:
                by_frame = hidden.view(n_nets, n_rows, -1, self.n_hidden).permute(2, 0, 1, 3)
                hidden = dropout(by_frame, self.dropout).permute(1, 2, 0, 3).flatten(1, 2)
        return hidden.view(n_nets, n_rows, -1, self.n_hidden).permute(2, 0, 1, 3)


class LstmTrunk(nn.Module):
    """Recurrent layers on whole padded sequences; padding never reaches a frame that counts."""

    time_first = True
    context = 0

    def __init__(self, settings: LstmSettings, n_features: int, n_nets: int) -> None:
        super().__init__()
        n_directions = 2 if settings.bidirectional else 1
        self.n_hidden = settings.hidden * n_directions
        self.dropout = settings.dropout
        inputs = [n_features] + [self.n_hidden] * (settings.layers - 1)
        self.layers = nn.ModuleList(
            LstmLayer(n_nets, n_inputs, settings.hidden, n_directions) for n_inputs in inputs
        )

    @property
    def last_weights(self) -> tuple[nn.Parameter, ...]:
        """Weights of the last layer that all tasks share."""
        return tuple(direction.recurrent for direction in self._layers()[-1].each())

    def draw(self, net: int, generator: Generator) -> None:
        """Draw one net's weights."""
        for layer in self._layers():
            for direction in layer.each():
                direction.draw(net, generator)

    def forward(self, x: Tensor, lengths: Tensor, dropout: Dropout | None = None) -> Tensor:
        """Hidden states (T, S, B, H) of frames (T, S, B, F)."""
        for layer in self._layers():
            x = layer(x, lengths)
            x = x if dropout is None else dropout(x, self.dropout)
        return x

    def _layers(self) -> list[LstmLayer]:
        return cast("list[LstmLayer]", list(self.layers))


class LstmLayer(nn.Module):
    """One layer of S nets: cells that read forwards, and perhaps others that read backwards."""

    def __init__(self, n_nets: int, n_inputs: int, n_hidden: int, n_directions: int) -> None:
        super().__init__()
        self.directions = nn.ModuleList(
            Recurrence(n_nets, n_inputs, n_hidden, is_backward=bool(direction))
            for direction in range(n_directions)
        )

    def each(self) -> list[Recurrence]:
        """The directions."""
        return cast("list[Recurrence]", list(self.directions))

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Hidden states of all directions, (T, S, B, H), of (T, S, B, F)."""
        outputs = [direction(x, lengths) for direction in self.each()]
        return torch.cat(outputs, dim=3) if len(outputs) > 1 else cast("Tensor", outputs[0])


class Recurrence(nn.Module):
    """One layer of LSTM cells of S nets, in one direction; gates in PyTorch's order i, f, g, o."""

    def __init__(self, n_nets: int, n_inputs: int, n_hidden: int, *, is_backward: bool) -> None:
        super().__init__()
        self.is_backward = is_backward
        self.input = nn.Parameter(torch.zeros(n_nets, 4 * n_hidden, n_inputs))
        self.recurrent = nn.Parameter(torch.zeros(n_nets, 4 * n_hidden, n_hidden))
        self.input_bias = nn.Parameter(torch.zeros(n_nets, 4 * n_hidden))
        self.recurrent_bias = nn.Parameter(torch.zeros(n_nets, 4 * n_hidden))

    @torch.no_grad()
    def draw(self, net: int, generator: Generator) -> None:
        """Glorot input weights, orthogonal recurrence (Saxe et al. 2014), open forget gates.

        A forget bias of 1 lets gradients through from the start (Jozefowicz et al. 2015).
        """
        nn.init.xavier_uniform_(self.input[net], generator=generator)
        for gate in self.recurrent[net].chunk(4):
            nn.init.orthogonal_(gate, generator=generator)
        for bias in (self.input_bias[net], self.recurrent_bias[net]):
            bias.zero_()
        self.input_bias[net].chunk(4)[1].fill_(1.0)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Hidden states (T, S, B, H) of (T, S, B, F).

        Padding lies behind the end, where a forward pass has already left; backwards, each
        sequence is read from its own last frame to its first.
        """
        weights = LstmWeights(self.input, self.recurrent, self.input_bias, self.recurrent_bias)
        if not self.is_backward:
            return lstm(x, weights)
        return reverse(lstm(reverse(x, lengths), weights), lengths)


def _n_until_last(wanted: Tensor) -> int:
    """Columns of a mask (S, B) up to the last that any row wants."""
    columns = wanted.any(0).nonzero()
    return int(columns[-1]) + 1 if len(columns) else 0


def reverse(x: Tensor, lengths: Tensor) -> Tensor:
    """Reverse each sequence within its own length; padding stays where it is.

    Args:
        x: (T, S, B, H).
        lengths: int64 (S, B).
    """
    time = torch.arange(len(x), device=x.device)[:, None, None]
    mirrored = lengths - 1 - time  # (T, S, B)
    index = torch.where(mirrored >= 0, mirrored, time)
    return x.gather(0, index[..., None].expand_as(x))


@torch.no_grad()
def draw_rectified(layer: Linear, net: int, generator: Generator) -> None:
    """Draw the weights of a layer that a rectifier follows (He et al. 2015)."""
    nn.init.kaiming_uniform_(layer.weight[net].T, nonlinearity="relu", generator=generator)
    layer.bias[net].zero_()


@torch.no_grad()
def draw_last(layer: Linear, net: int, generator: Generator) -> None:
    """Draw the weights of a layer whose outputs are class scores (Glorot and Bengio 2010)."""
    nn.init.xavier_uniform_(layer.weight[net].T, generator=generator)
    layer.bias[net].zero_()
