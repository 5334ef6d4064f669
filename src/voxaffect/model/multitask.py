"""The multi-task net: one trunk, one head a task; S nets of one shape are one stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from voxaffect.model.dropout import Dropout
from voxaffect.model.seeds import Stream, generator
from voxaffect.model.trunks import Linear, TrunkSettings, draw_last, draw_rectified


@dataclass(frozen=True)
class NetShape:
    """What nets must have in common to be one stack.

    Args:
        trunk: settings of the shared part.
        n_features: features a frame F.
        n_classes: task -> number of classes; a net that does not learn a task lets its head lie.
        private_layers: rectified layers of each task's own, between trunk and class scores.
        private_units: units of each of these.
    """

    trunk: TrunkSettings
    n_features: int
    n_classes: Mapping[str, int]
    private_layers: int = 0
    private_units: int = 128


class MultiTaskNet(nn.Module):
    """Class scores of every frame in every task, of S nets at once.

    Args:
        shape: what the nets have in common.
        n_nets: S; one unless given.
    """

    def __init__(self, shape: NetShape, n_nets: int = 1) -> None:
        super().__init__()
        self.shape, self.n_nets = shape, n_nets
        self.trunk = shape.trunk.build(shape.n_features, n_nets)
        self.heads = nn.ModuleDict(
            {
                task: Head(shape, n_nets, self.trunk.n_hidden, n)
                for task, n in shape.n_classes.items()
            }
        )

    @classmethod
    def drawn(cls, shape: NetShape, seed: int) -> MultiTaskNet:
        """One net with fresh weights. Heads that follow change nothing of those before them."""
        net, stream = cls(shape), generator(seed, Stream.WEIGHTS)
        net.trunk.draw(0, stream)
        for head in net.heads.values():
            head.draw(0, stream)  # type: ignore[operator]
        return net

    @classmethod
    def stacked(cls, nets: Sequence[MultiTaskNet], shape: NetShape) -> MultiTaskNet:
        """Nets of one shape as a stack; heads that a net does not have are zero and lie idle."""
        stack = cls(shape, len(nets))
        parts = [dict(net.named_parameters()) for net in nets]
        with torch.no_grad():
            for name, values in stack.named_parameters():
                for s, part in enumerate(parts):
                    if name in part:
                        values[s] = part[name][0]
        return stack

    def single(self, net: int, tasks: Iterable[str]) -> MultiTaskNet:
        """One net of the stack, with the heads of its own tasks, as a copy."""
        kept = {task: n for task, n in self.shape.n_classes.items() if task in set(tasks)}
        shape = NetShape(**{**vars(self.shape), "n_classes": kept})
        alone, own = MultiTaskNet(shape), dict(self.named_parameters())
        with torch.no_grad():
            for name, values in alone.named_parameters():
                values[0] = own[name][net].cpu()
        return alone.to(next(iter(own.values())).device)

    def forward(
        self, x: Tensor, lengths: Tensor, dropout: Dropout | None = None
    ) -> dict[str, Tensor]:
        """Logits (S, T, B, C) a task, of frames (T + 2 r, S, B, F)."""
        hidden = self.trunk(x, lengths, dropout)
        return {
            task: head(hidden, None if dropout is None else dropout.of(task))
            for task, head in self.heads.items()
        }


class Head(nn.Module):
    """From hidden states to class scores of one task, perhaps through layers of its own."""

    def __init__(self, shape: NetShape, n_nets: int, n_hidden: int, n_classes: int) -> None:
        super().__init__()
        self.dropout = shape.trunk.dropout
        inputs = [n_hidden] + [shape.private_units] * shape.private_layers
        self.private = nn.ModuleList(
            Linear(n_nets, width, shape.private_units) for width in inputs[:-1]
        )
        self.scores = Linear(n_nets, inputs[-1], n_classes)

    def draw(self, net: int, generator: Generator) -> None:
        """Draw one net's weights."""
        for layer in self.private:
            draw_rectified(layer, net, generator)  # type: ignore[arg-type]
        draw_last(self.scores, net, generator)

    def forward(self, hidden: Tensor, dropout: Dropout | None) -> Tensor:
        """Logits (S, T, B, C) of hidden states (T, S, B, H)."""
        n_frames, n_nets, n_rows, _ = hidden.shape
        by_net = hidden.movedim(0, 1).flatten(1, 2)  # (S, T B, H)
        for layer in self.private:
            by_net = layer(by_net).relu()
            if dropout is not None:
                by_frame = by_net.view(n_nets, n_frames, n_rows, -1).movedim(0, 1)
                by_net = dropout(by_frame, self.dropout).movedim(0, 1).flatten(1, 2)
        scores: Tensor = self.scores(by_net)
        return scores.view(n_nets, n_frames, n_rows, -1)
