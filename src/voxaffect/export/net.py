"""ONNX graph of the net: standardization, trunk and heads, `model`.

Letters: T frames, F features, H hidden, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from voxaffect.export.graph import Op, Value, arange, length, part, table
from voxaffect.features.standardize import Standardizer
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.trunks import DnnSettings, LstmSettings

Weights = Mapping[str, NDArray[np.float32]]  # parameters of the net by their names


def standardized(op: Op, frames: Value, by: Standardizer) -> Value:
    """Standardize frames (T, F)."""
    with part(op, "standardizer"):
        centered = frames - table(op, by.mean, "mean")
        return centered / table(op, by.scale, "scale")


def posteriors(op: Op, x: Value, net: MultiTaskNet) -> dict[str, Value]:
    """Posteriors of standardized frames (T, F), task -> float32 (T, C)."""
    weights = {name: values.cpu().numpy() for name, values in net.state_dict().items()}
    with part(op, "trunk"):
        hidden = trunk(op, x, net.shape.trunk, weights)
    by_task = {}
    for task in net.shape.n_classes:
        with part(op, task):
            own = hidden
            for layer in range(net.shape.private_layers):
                own = op.Relu(_linear(op, own, weights, f"heads.{task}.private.{layer}"))
            scores = _linear(op, own, weights, f"heads.{task}.scores")
            by_task[task] = op.Softmax(scores, axis=1)
    return by_task


def trunk(op: Op, x: Value, settings: DnnSettings | LstmSettings, weights: Weights) -> Value:
    """Hidden states (T, H) of standardized frames (T, F)."""
    if isinstance(settings, DnnSettings):
        frame = op.Unsqueeze(arange(op, length(op, x)), [1])
        around = frame + table(op, np.arange(-settings.context, settings.context + 1), "context")
        inside = op.Max(op.Min(around, length(op, x) - 1), 0)  # edge frames are repeated
        x = op.Flatten(op.Gather(x, inside), axis=1)  # (T, (2 r + 1) F)
        for layer in range(settings.layers):
            x = op.Relu(_linear(op, x, weights, f"trunk.layers.{layer}"))
        return x
    for layer in range(settings.layers):
        x = _lstm(op, x, weights, f"trunk.layers.{layer}", settings)
    return x


def _linear(op: Op, x: Value, weights: Weights, name: str) -> Value:
    product = op.MatMul(x, table(op, weights[f"{name}.weight"].T, f"{name}.weight"))
    return product + table(op, weights[f"{name}.bias"], f"{name}.bias")


def _lstm(op: Op, x: Value, weights: Weights, name: str, settings: LstmSettings) -> Value:
    """Hidden states of one layer, (T, directions H), the forward direction's first."""
    directions = [f"{name}.{n}" for n in range(2 if settings.bidirectional else 1)]

    def each(kind: str) -> NDArray[np.float32]:
        # PyTorch's rows are of the gates i, f, g, o; ONNX's order is i, o, f, g.
        gates = [np.split(weights[f"{way}.{kind}_l0"], 4) for way in directions]
        return np.stack([np.concatenate([i, o, f, g]) for i, f, g, o in gates])

    biases = np.concatenate([each("bias_ih"), each("bias_hh")], axis=1)
    states = op.LSTM(
        op.Unsqueeze(x, [1]),
        table(op, each("weight_ih"), f"{name}.input"),
        table(op, each("weight_hh"), f"{name}.recurrent"),
        table(op, biases, f"{name}.bias"),
        hidden_size=settings.hidden,
        direction="bidirectional" if settings.bidirectional else "forward",
    )
    return op.Flatten(op.Squeeze(states, [2]), axis=1)
