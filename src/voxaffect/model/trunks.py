"""The part of the net that all tasks share: frames in, hidden states out.

The paper's two: a DNN of 3 x 256 on 250 ms of context (Han, Yu, Tashev 2014) and an LSTM of
2 x 256 (Lee & Tashev 2015); the LSTM also in two directions.

Axes: T frames, B rows, F features, H hidden, r frames of context. Time comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Generator, Tensor, nn

from voxaffect.model.random import Dropout

CACHED_WINDOWS = 1024
"""Windows of a DNN that are copied and multiplied at a time in inference: 3.3 MB of 25 frames of 32
numbers, which a processor's caches hold; 1.8 times as fast as 16,384 at a time."""


@dataclass(frozen=True)
class DnnSettings:
    """A feed-forward trunk on a window of frames."""

    hidden: int = 256  # units a layer
    layers: int = 3
    context: int = 12  # frames on each side of the middle one: 25 in all, 250 ms
    dropout: float = 0.5  # probability of dropping a unit, below 1


@dataclass(frozen=True)
class LstmSettings:
    """A recurrent trunk on the whole utterance."""

    hidden: int = 256  # cells a layer and direction
    layers: int = 2
    bidirectional: bool = False
    dropout: float = 0.5  # probability of dropping an output of a layer, below 1


TrunkSettings = DnnSettings | LstmSettings


class RectifiedLayers(nn.ModuleList):
    """Rectified layers from each width to the next, with dropout behind each."""

    def __init__(self, widths: Sequence[int], dropout: float) -> None:
        super().__init__(map(nn.Linear, widths[:-1], widths[1:]))
        self.dropout = dropout

    @torch.no_grad()
    def initialize(self, generator: Generator) -> None:
        """Draw weights that keep the variance (He et al. 2015)."""
        for layer in cast("Iterable[nn.Linear]", self):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu", generator=generator)
            layer.bias.zero_()

    def forward(self, hidden: Tensor, dropout: Dropout | None) -> Tensor:
        """Hidden states (T, B, H) behind the last layer."""
        for layer in self:
            hidden = layer(hidden).relu()
            hidden = hidden if dropout is None else dropout(hidden, self.dropout)
        return hidden


class DnnTrunk(nn.Module):
    """Hidden layers on each frame and its context."""

    recurrent = False

    def __init__(self, settings: DnnSettings, n_features: int) -> None:
        super().__init__()
        self.context, self.n_hidden = settings.context, settings.hidden
        self._n_inputs = n_features * (2 * settings.context + 1)
        widths = [self._n_inputs] + [settings.hidden] * settings.layers
        self.layers = RectifiedLayers(widths, settings.dropout)

    @property
    def last_weights(self) -> tuple[nn.Parameter, ...]:
        """Weights of the last layer that all tasks share."""
        return (self.layers[-1].weight,)  # type: ignore[return-value]

    def initialize(self, generator: Generator) -> None:
        """Draw the weights."""
        self.layers.initialize(generator)

    def forward(self, x: Tensor, lengths: Tensor, dropout: Dropout | None = None) -> Tensor:
        """Hidden states (T, B, H) of frames (T + 2 r, B, F); some of padding are 0 in inference."""
        windows = x.unfold(0, 2 * self.context + 1, 1)  # (T, B, F, 2 r + 1), a view
        if torch.is_grad_enabled() or x.is_cuda:  # a graphics card is faster the more there is
            return self._hidden(windows, dropout)
        n_frames, n_rows = windows.shape[:2]
        hidden = windows.new_zeros(n_frames, n_rows, self.n_hidden)
        n_together = max(1, CACHED_WINDOWS // n_rows)
        for first in range(0, n_frames, n_together):
            some = slice(first, first + n_together)
            longer = (lengths > first).nonzero()
            if len(longer):
                rows = slice(int(longer[-1]) + 1)
                hidden[some, rows] = self._hidden(windows[some, rows], None)
        return hidden

    def _hidden(self, windows: Tensor, dropout: Dropout | None) -> Tensor:
        """Hidden states (T, B, H) of windows (T, B, F, 2 r + 1), which are copied here."""
        hidden = windows.transpose(2, 3).reshape(*windows.shape[:2], self._n_inputs)
        states: Tensor = self.layers(hidden, dropout)
        return states


class LstmTrunk(nn.Module):
    """Recurrent layers on whole padded sequences; padding never reaches a frame that counts.

    It follows the end; backwards, each sequence is read from its own last frame. `nn.LSTM` would do
    both directions on packed sequences only, which is several times slower on a processor.
    """

    recurrent = True
    context = 0

    def __init__(self, settings: LstmSettings, n_features: int) -> None:
        super().__init__()
        n_directions = 2 if settings.bidirectional else 1
        self.n_hidden = settings.hidden * n_directions
        self.dropout = settings.dropout
        inputs = [n_features] + [self.n_hidden] * (settings.layers - 1)
        self.directions = [  # of each layer the forward LSTM, and the backward one if there is one
            [nn.LSTM(width, settings.hidden) for _ in range(n_directions)] for width in inputs
        ]
        self.layers = nn.ModuleList(map(nn.ModuleList, self.directions))

    @property
    def last_weights(self) -> tuple[nn.Parameter, ...]:
        """Weights of the last layer that all tasks share."""
        return tuple(cast("nn.Parameter", cells.weight_hh_l0) for cells in self.directions[-1])

    @torch.no_grad()
    def initialize(self, generator: Generator) -> None:
        """Glorot input weights, orthogonal recurrences (Saxe et al. 2014), a forget bias of 1."""
        for cells in (cells for layer in self.directions for cells in layer):
            W, U, input_bias, recurrent_bias = cells.parameters()  # 4 H rows: gates i, f, g, o
            nn.init.xavier_uniform_(W, generator=generator)
            for gate in U.chunk(4):
                nn.init.orthogonal_(gate, generator=generator)
            input_bias.zero_().chunk(4)[1].fill_(1.0)  # Jozefowicz et al. 2015
            recurrent_bias.zero_()

    def forward(self, x: Tensor, lengths: Tensor, dropout: Dropout | None = None) -> Tensor:
        """Hidden states (T, B, H) of frames (T, B, F)."""
        for forwards, *backwards in self.directions:
            outputs = [forwards(x)[0]]
            outputs += [reverse(cells(reverse(x, lengths))[0], lengths) for cells in backwards]
            x = torch.cat(outputs, 2) if backwards else outputs[0]
            x = x if dropout is None else dropout(x, self.dropout)
        return x


def build_trunk(settings: TrunkSettings, n_features: int) -> DnnTrunk | LstmTrunk:
    """The trunk for F features, with PyTorch's initial weights."""
    if isinstance(settings, DnnSettings):
        return DnnTrunk(settings, n_features)
    return LstmTrunk(settings, n_features)


def reverse(x: Tensor, lengths: Tensor) -> Tensor:
    """Reverse each sequence (T, B, H) within its own length (B,); padding stays where it is."""
    time = torch.arange(len(x), device=x.device)[:, None]
    mirrored = lengths - 1 - time  # (T, B)
    index = torch.where(mirrored >= 0, mirrored, time)
    return x.gather(0, index[..., None].expand_as(x))
