"""ONNX graph of the frames of Whisper's encoder: `features.whisper`.

Letters: T frames of 20 ms, B windows of L of them, H heads, D numbers of a state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxaffect.errors import ExportError
from voxaffect.export.frames import frames, power_spectrum, waves
from voxaffect.export.graph import (
    END,
    INT64,
    Op,
    Value,
    arange,
    each,
    exact,
    length,
    part,
    rows,
    table,
)
from voxaffect.features.whisper.extractor import WhisperFrames
from voxaffect.features.whisper.mel import HOP_SAMPLES as MEL_HOP_SAMPLES
from voxaffect.features.whisper.mel import POWER_FLOOR, RANGE, WINDOW_SAMPLES, mel_filters
from voxaffect.features.whisper.shapes import HEAD_WIDTH, SHAPES
from voxaffect.features.whisper.sources import find_weights
from voxaffect.features.whisper.weights import load_weights
from voxaffect.features.whisper.windows import HOP_SAMPLES, OVERLAP_FRAMES

Tensors = Mapping[str, NDArray[np.float32]]  # of the encoder, by Whisper's names
Constants = Mapping[str, Value]  # the same in the graph, matrices of products transposed


def whisper(op: Op, samples: Value, of: WhisperFrames) -> Value:
    """States of leveled samples, float32 (T, D), by `WhisperFrames` in float32.

    Raises:
        ExportError: the extractor's products are not in float32.
        FeatureError: there are no weights.
    """
    if of.precision != "float32":
        raise ExportError(
            f"Whisper's frames in {of.precision} cannot be exported to ONNX; load the recognizer "
            "in float32"
        )
    shape, most = SHAPES[of.size], round(of.window_s * of.grid.frames_per_s)
    tensors = load_weights(find_weights(of.size, of.source), of.size, of.layer).state
    with part(op, "whisper"):
        constants = _constants(op, {name: values.numpy() for name, values in tensors.items()})
        spectrum = LogMelTables.of(op, shape.n_mels)
        n_frames = length(op, samples) / HOP_SAMPLES
        size = op.Min(n_frames, most)
        begins, window = _windows(op, n_frames, most)
        last = length(op, begins) - 1

        def states(op: Op, number: Value) -> Value:
            """Of one window; the last one has the samples behind its frames as well."""
            begin = op.Gather(begins, number)
            end = op.Where(
                op.Equal(number, last), length(op, samples), (begin + size) * HOP_SAMPLES
            )
            some = rows(op, samples, begin * HOP_SAMPLES, end)
            return encoder(op, log_mel(op, some, size * 2, spectrum), constants, of.layer)

        several = each(op, states, last + 1, ("L", shape.width))
        place = window * size + arange(op, n_frames) - op.Gather(begins, window)
        return op.Gather(op.Reshape(several, [-1, shape.width]), place)


def _windows(op: Op, n_frames: Value, most: int) -> tuple[Value, Value]:
    """First frame of each window, int64 (B,), and the window of each frame, (T,), as `windows`."""
    hop = most - OVERLAP_FRAMES
    count = op.Max((n_frames + (hop - 1 - OVERLAP_FRAMES)) / hop, 1)
    beyond = op.Max(n_frames - most, 0)
    begins = arange(op, count) * beyond / op.Max(count - 1, 1)
    seams = (rows(op, begins, 0, -1) + rows(op, begins, 1, END) + most) / 2
    frame = op.Unsqueeze(arange(op, n_frames), [1])
    behind = op.Cast(op.GreaterOrEqual(frame, seams), to=INT64)
    return begins, op.ReduceSum(behind, [1], keepdims=0)


def _constants(op: Op, tensors: Tensors) -> Constants:
    """Initializers, outside of the loop, where runtimes prepare them once."""
    return {
        name: exact(op, _transposed(values) if name.startswith("blocks.") else values, name)
        for name, values in tensors.items()
    }


def _transposed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(values.T)


class LogMelTables(NamedTuple):
    """Constants of `log_mel`."""

    window: Value  # (400,)
    waves: Value  # (400, 402)
    filters: Value  # (201, n_mels)

    @classmethod
    def of(cls, op: Op, n_mels: int) -> LogMelTables:
        """Add them to a graph."""
        window = np.hanning(WINDOW_SAMPLES + 1)[:-1].astype(np.float32)
        return cls(
            table(op, window, "window"),
            waves(op, WINDOW_SAMPLES, WINDOW_SAMPLES),
            table(op, mel_filters(n_mels).numpy(), "filters"),
        )


def log_mel(op: Op, samples: Value, n_frames: Value, tables: LogMelTables) -> Value:
    """What the encoder sees of more than 200 samples, float32 (n_frames, n_mels)."""
    half = WINDOW_SAMPLES // 2
    padded = op.Pad(samples, [half, half], mode="reflect")
    framed = frames(op, padded, n_frames, WINDOW_SAMPLES, MEL_HOP_SAMPLES)
    power = power_spectrum(op, framed * tables.window, tables.waves)
    bands = op.Max(op.MatMul(power, tables.filters), POWER_FLOOR)
    values = op.Log(bands) / math.log(10)
    highest = op.ReduceMax(values, keepdims=0)
    return (op.Max(values, highest - RANGE) + 4.0) / 4.0


def encoder(op: Op, mel: Value, of: Constants, n_blocks: int) -> Value:
    """States (L, D) of spectra (2 L, n_mels), L at most the number of positions."""
    with part(op, "convolutions"):
        x = op.Transpose(op.Unsqueeze(mel, [0]), perm=[0, 2, 1])
        for name, stride in (("conv1", 1), ("conv2", 2)):
            weight, bias = _both(of, name)
            x = _gelu(op, op.Conv(x, weight, bias, pads=[1, 1], strides=[stride]))
        x = op.Transpose(op.Squeeze(x, [0]), perm=[1, 0])
        x = x + rows(op, of["positional_embedding"], 0, length(op, x))
    for number in range(n_blocks):
        with part(op, f"layer_{number}"):
            x = _block(op, x, of, f"blocks.{number}.")
    return _normalized(op, x, of, "ln_post") if "ln_post.weight" in of else x


def _block(op: Op, x: Value, of: Constants, prefix: str) -> Value:
    """One layer: attention, then two products, each after a normalization, (L, D) -> (L, D)."""
    qkv = _product(op, _normalized(op, x, of, f"{prefix}attn_ln"), of, f"{prefix}attn.qkv")
    x = x + _product(op, _attended(op, qkv), of, f"{prefix}attn.out")
    seen = _normalized(op, x, of, f"{prefix}mlp_ln")
    wide = _gelu(op, _product(op, seen, of, f"{prefix}mlp.0"))
    return x + _product(op, wide, of, f"{prefix}mlp.2")


def _attended(op: Op, qkv: Value) -> Value:
    """Self-attention of queries, keys and values (L, 3 D) -> (L, D)."""
    by_head = op.Reshape(qkv, [0, 3, -1, HEAD_WIDTH])
    split = op.Split(by_head, axis=1, num_outputs=3, _outputs=3)
    q, k, v = (op.Squeeze(one, [1]) for one in split)  # (L, H, D / H)
    q, v = op.Transpose(q, perm=[1, 0, 2]), op.Transpose(v, perm=[1, 0, 2])
    scores = op.MatMul(q, op.Transpose(k, perm=[1, 2, 0])) / math.sqrt(HEAD_WIDTH)
    mixed = op.MatMul(op.Softmax(scores, axis=-1), v)
    return op.Reshape(op.Transpose(mixed, perm=[1, 0, 2]), [0, -1])


def _gelu(op: Op, x: Value) -> Value:
    return x * (op.Erf(x / math.sqrt(2)) + 1.0) * 0.5


def _normalized(op: Op, x: Value, of: Constants, name: str) -> Value:
    return op.LayerNormalization(x, *_both(of, name), axis=-1)


def _product(op: Op, x: Value, of: Constants, name: str) -> Value:
    weight, bias = _both(of, name)
    return op.MatMul(x, weight) + bias


def _both(of: Constants, name: str) -> tuple[Value, Value]:
    return of[f"{name}.weight"], of[f"{name}.bias"]
