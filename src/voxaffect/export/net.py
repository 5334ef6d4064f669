"""ONNX graph of gain normalization, net, functionals, ELM, calibration and novelty.

Letters: T frames, F features, H hidden, C classes, L hidden units and K seen classes of the ELM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from voxaffect.audio.waveform import MAX_SAMPLE, SILENCE_RMS, TARGET_RMS
from voxaffect.export.graph import DOUBLE, FLOAT, Op, Value, arange, length, part, table
from voxaffect.features.standardize import Standardizer
from voxaffect.model.multitask import MultiTaskNet
from voxaffect.model.trunks import DnnSettings, LstmSettings
from voxaffect.utterance.elm_scores import UNSEEN_SCORE, ElmScores
from voxaffect.utterance.novelty import LEAST_SPREAD, Novelty


def functionals(op: Op, posteriors: Value, threshold: float) -> Value:
    """Functionals of each class: maximum, minimum, mean, share above threshold, float32 (4 C,)."""
    above = op.Greater(posteriors, threshold)
    by_class = op.Concat(
        op.ReduceMax(posteriors, [0], keepdims=1),
        op.ReduceMin(posteriors, [0], keepdims=1),
        mean(op, posteriors),
        mean(op, op.Cast(above, to=FLOAT)),
        axis=0,
    )
    return op.Reshape(op.Transpose(by_class, perm=[1, 0]), [-1])


def mean(op: Op, by_frame: Value) -> Value:
    """Mean over the frames, float32 (1, C), computed in float64."""
    return op.Cast(op.ReduceMean(op.Cast(by_frame, to=DOUBLE), [0], keepdims=1), to=FLOAT)


def decide(
    op: Op,
    posteriors: Sequence[Value],
    elm: ElmScores,
    n_classes: int,
    *,
    threshold: float,
    temperature: float,
) -> Value:
    """Calibrated class probabilities, float32 (n_classes,), by posteriors (T, C) of ELM's tasks."""
    with part(op, "decision"):
        high_level = []
        for number, by_frame in enumerate(posteriors):
            with part(op, f"functionals_{number}"):
                high_level.append(functionals(op, by_frame, threshold))
        scores = _scores(op, op.Concat(*high_level, axis=0), elm, n_classes)
        return op.Cast(op.Softmax(scores / temperature, axis=0), to=FLOAT)


def _scores(op: Op, high_level: Value, elm: ElmScores, n_classes: int) -> Value:
    """Scores of the classes, float64 (n_classes,)."""
    arrays = vars(elm)
    seen, outputs = arrays["classes"].astype(int), np.vstack([arrays["coef"], arrays["intercept"]])
    if len(seen) == 2:  # and one output, for the second class
        outputs = np.hstack([-outputs, outputs])
    coef = np.zeros((len(outputs) - 1, n_classes))
    intercept = np.full(n_classes, UNSEEN_SCORE)
    coef[:, seen], intercept[seen] = outputs[:-1], outputs[-1]
    x = op.Cast(high_level, to=DOUBLE) - table(op, arrays["mean"], "mean")
    x = x / table(op, arrays["scale"], "scale")
    hidden = op.MatMul(x, table(op, arrays["hidden_weights"], "hidden_weights"))
    hidden = op.Sigmoid(hidden + table(op, arrays["hidden_bias"], "hidden_bias"))
    return op.MatMul(hidden, table(op, coef, "coef")) + table(op, intercept, "intercept")


def leveled(op: Op, samples: Value, shortest: int) -> tuple[Value, Value]:
    """Gain normalization, as `Waveform.normalized`, and whether the samples are usable, bool ().

    Not usable is what Python refuses: shorter than a frame, silent, not finite or far beyond full
    scale. Such samples are set to zero, and padded to `shortest`, one frame.
    """
    with part(op, "level"):
        n_samples = length(op, samples)
        missing = op.Max(shortest - n_samples, 0)
        samples = op.Pad(samples, op.Concat([0], op.Reshape(missing, [1]), axis=0))
        precise = op.Cast(samples, to=DOUBLE)
        power = op.ReduceSum(precise * precise, [0], keepdims=0)
        rms = op.Sqrt(power / op.Cast(n_samples, to=DOUBLE))
        highest = op.ReduceMax(op.Abs(samples), [0], keepdims=0)
        usable = op.And(
            op.And(op.GreaterOrEqual(n_samples, shortest), op.GreaterOrEqual(rms, SILENCE_RMS)),
            op.LessOrEqual(highest, MAX_SAMPLE),
        )
        gain = op.Cast(TARGET_RMS / rms, to=FLOAT)
        return op.Where(usable, samples * gain, 0.0), usable


def novelty(op: Op, features: Value, of: Novelty) -> Value:
    """Novelty of frames (T, F): float32 (), above 1 is out-of-distribution."""
    with part(op, "novelty"):
        frames = op.Cast(standardized(op, features, of.standardizer), to=DOUBLE)
        mean = op.ReduceMean(frames, [0], keepdims=1)
        centered = frames - mean
        spread = op.Sqrt(op.ReduceMean(centered * centered, [0], keepdims=0))
        logarithm = op.Log(op.Max(spread, LEAST_SPREAD))
        row = op.Squeeze(mean, [0])
        vector = row if of.of_rows else op.Concat(row, logarithm, axis=0)
        offset = vector - table(op, of.mean.astype(np.float64), "mean")
        whitening = table(op, of.whitening.astype(np.float64), "whitening")
        white = offset * whitening if of.whitening.ndim == 1 else op.MatMul(offset, whitening)
        return op.Cast(op.ReduceL2(white, keepdims=0), to=FLOAT)


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
