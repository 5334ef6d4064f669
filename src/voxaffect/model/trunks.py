"""The shared part of the net: frames in, hidden states out.

The paper's two: a DNN of 3 x 256 on 250 ms of context (Han, Yu, Tashev 2014) and an LSTM of
2 x 256 (Lee & Tashev 2015); the LSTM also in two directions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


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

    def build(self, n_features: int) -> DnnTrunk:
        """The trunk for F features, with fresh weights."""
        return DnnTrunk(self, n_features)


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

    def build(self, n_features: int) -> LstmTrunk:
        """The trunk for F features, with fresh weights."""
        return LstmTrunk(self, n_features)


TrunkSettings = DnnSettings | LstmSettings


class DnnTrunk(nn.Module):
    """Hidden layers on each frame and its context."""

    def __init__(self, settings: DnnSettings, n_features: int) -> None:
        super().__init__()
        self.context = settings.context
        self.n_hidden = settings.hidden
        layers: list[nn.Module] = []
        width = n_features * (2 * settings.context + 1)
        for _ in range(settings.layers):
            layers += [nn.Linear(width, settings.hidden), nn.ReLU(), nn.Dropout(settings.dropout)]
            width = settings.hidden
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise_linear)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # noqa: ARG002 a frame needs no length
        """Hidden states (B, T, H) of frames (B, T + 2 r, F)."""
        width = 2 * self.context + 1
        windows = x.unfold(1, width, 1).transpose(2, 3)  # (B, T, 2 r + 1, F), a view
        hidden: Tensor = self.layers(windows.flatten(2))
        return hidden


class LstmTrunk(nn.Module):
    """Recurrent layers on whole padded sequences; padding never reaches a frame that counts."""

    context = 0

    def __init__(self, settings: LstmSettings, n_features: int) -> None:
        super().__init__()
        directions = 2 if settings.bidirectional else 1
        self.n_hidden = settings.hidden * directions
        self.dropout = nn.Dropout(settings.dropout)
        self.directions = nn.ModuleList(
            nn.ModuleList(
                nn.LSTM(width, settings.hidden, batch_first=True) for _ in range(directions)
            )
            for width in [n_features] + [self.n_hidden] * (settings.layers - 1)
        )
        self.apply(_initialise_lstm)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Hidden states (B, T, H) of frames (B, T, F)."""
        for layer in self.directions:
            outputs = [read(lstm, x, lengths) for read, lstm in zip(_READERS, layer, strict=False)]  # type: ignore[call-overload]
            x = self.dropout(torch.cat(outputs, dim=2) if len(outputs) > 1 else outputs[0])
        return x


def _forwards(lstm: nn.LSTM, x: Tensor, lengths: Tensor) -> Tensor:  # noqa: ARG001
    """Padding lies behind the end, where a forward pass has already left."""
    return lstm(x)[0]  # type: ignore[no-any-return]


def _backwards(lstm: nn.LSTM, x: Tensor, lengths: Tensor) -> Tensor:
    """Read each sequence from its own last frame to its first."""
    return reverse(lstm(reverse(x, lengths))[0], lengths)


_READERS: tuple[Callable[[nn.LSTM, Tensor, Tensor], Tensor], ...] = (_forwards, _backwards)


def reverse(x: Tensor, lengths: Tensor) -> Tensor:
    """Reverse each sequence within its own length; padding stays where it is.

    Args:
        x: (B, T, H).
        lengths: int64 (B,).
    """
    time = torch.arange(x.shape[1], device=x.device)
    mirrored = lengths[:, None] - 1 - time  # (B, T)
    index = torch.where(mirrored >= 0, mirrored, time)
    return x.gather(1, index[:, :, None].expand_as(x))


def _initialise_linear(module: nn.Module) -> None:
    """He et al. 2015: variance kept through rectified layers."""
    if isinstance(module, nn.Linear):
        nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)


def _initialise_lstm(module: nn.Module) -> None:
    """Glorot input weights, orthogonal recurrence (Saxe et al. 2014), open forget gates.

    A forget bias of 1 lets gradients through from the start (Jozefowicz et al. 2015).
    """
    if not isinstance(module, nn.LSTM):
        return
    hidden = module.hidden_size
    for name, value in module.named_parameters():
        if name.startswith("weight_ih"):
            nn.init.xavier_uniform_(value)
        elif name.startswith("weight_hh"):
            for gate in range(4):
                nn.init.orthogonal_(value.data[gate * hidden : (gate + 1) * hidden])
        else:
            nn.init.zeros_(value)
        if name.startswith("bias_ih"):
            value.data[hidden : 2 * hidden] = 1.0
