"""Standardiser and net in the graph: frames to posteriors of every task.

The net is asked through the names of its parameters, as a saved recogniser holds them; dropout has
no part in answers.

Letters: T frames, F features, H hidden, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from voxaffect.export.graph import Op, Value, length, numbers, part, table
from voxaffect.features.standardize import Standardizer
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.trunks import DnnSettings, LstmSettings

Weights = Mapping[str, NDArray[np.float32]]
"""Parameters of one net by their names, without the axis of nets."""


def standardised(op: Op, frames: Value, by: Standardizer) -> Value:
    """Frames (T, F) less the mean, over the scale."""
    with part(op, "standardizer"):
        centred = op.Sub(frames, table(op, by.mean, "mean"))
        return op.Div(centred, table(op, by.scale, "scale"))


def posteriors(op: Op, x: Value, net: MultiTaskNet) -> dict[str, Value]:
    """Class probabilities of every frame, task -> float32 (T, C), of standardised frames (T, F)."""
    weights = {name: values[0].cpu().numpy() for name, values in net.state_dict().items()}
    with part(op, "trunk"):
        hidden = trunk(op, x, net.shape.trunk, weights)
    by_task = {}
    for task in net.shape.n_classes:
        with part(op, task):
            scores = _head(op, hidden, weights, f"heads.{task}", net.shape.private_layers)
            by_task[task] = op.Softmax(scores, axis=1)
    return by_task


def trunk(op: Op, x: Value, settings: DnnSettings | LstmSettings, weights: Weights) -> Value:
    """Hidden states (T, H) of standardised frames (T, F)."""
    if isinstance(settings, DnnSettings):
        x = _in_context(op, x, settings.context)
        for layer in range(settings.layers):
            x = op.Relu(_linear(op, x, weights, f"trunk.layers.{layer}"))
        return x
    for layer in range(settings.layers):
        x = _lstm(op, x, weights, f"trunk.layers.{layer}", settings)
    return x


def _in_context(op: Op, x: Value, context: int) -> Value:
    """Frames with their neighbours, (T, (2 r + 1) F); edge frames repeat beyond the ends."""
    frame = op.Unsqueeze(numbers(op, length(op, x)), [1])
    around = op.Add(frame, table(op, np.arange(-context, context + 1), "context"))
    inside = op.Max(op.Min(around, op.Sub(length(op, x), 1)), 0)
    return op.Flatten(op.Gather(x, inside), axis=1)


def _linear(op: Op, x: Value, weights: Weights, name: str) -> Value:
    product = op.MatMul(x, table(op, weights[f"{name}.weight"], f"{name}.weight"))
    return op.Add(product, table(op, weights[f"{name}.bias"], f"{name}.bias"))


def _head(op: Op, hidden: Value, weights: Weights, name: str, private_layers: int) -> Value:
    """Class scores of one task, (T, C)."""
    for layer in range(private_layers):
        hidden = op.Relu(_linear(op, hidden, weights, f"{name}.private.{layer}"))
    return _linear(op, hidden, weights, f"{name}.scores")


def _lstm(op: Op, x: Value, weights: Weights, name: str, settings: LstmSettings) -> Value:
    """Hidden states of one layer, (T, directions H), the forward direction's first."""
    directions = [f"{name}.directions.{n}" for n in range(2 if settings.bidirectional else 1)]

    def each(kind: str) -> NDArray[np.float32]:
        return np.stack([_in_onnx_order(weights[f"{way}.{kind}"]) for way in directions])

    biases = np.concatenate([each("input_bias"), each("recurrent_bias")], axis=1)
    states = op.LSTM(
        op.Unsqueeze(x, [1]),
        table(op, each("input"), f"{name}.input"),
        table(op, each("recurrent"), f"{name}.recurrent"),
        table(op, biases, f"{name}.bias"),
        hidden_size=settings.hidden,
        direction="bidirectional" if settings.bidirectional else "forward",
    )
    return op.Flatten(op.Squeeze(states, [2]), axis=1)


def _in_onnx_order(gates: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of the gates i, f, g, o, as PyTorch has them, in ONNX's order i, o, f, g."""
    i, f, g, o = np.split(gates, 4)
    return np.concatenate([i, o, f, g])
