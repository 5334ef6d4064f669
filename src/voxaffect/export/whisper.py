"""ONNX graph of the frames of Whisper's encoder: `features.whisper`.

Letters: T frames of 20 ms, B windows of L frames, H heads, D numbers of a state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from voxaffect.export.graph import (
    DOUBLE,
    END,
    FLOAT,
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
from voxaffect.export.frames import frames, power_spectrum, waves
from voxaffect.features.whisper.extractor import HOP, WhisperFrames
from voxaffect.features.whisper.mel import (
    HOP_SAMPLES,
    POWER_FLOOR,
    RANGE,
    WINDOW_SAMPLES,
    mel_filters,
)

WINDOW, OVERLAP, HEAD_WIDTH = 1500, 500, 64
Tensors = Mapping[str, NDArray[np.float32]]  # of the encoder, by Whisper's names
Constants = Mapping[str, Value]  # the same in the graph, matrices of products transposed


def whisper(op: Op, samples: Value, of: WhisperFrames) -> Value:
    """States of leveled samples, float32 (T, D), as `WhisperFrames`.

    Long recordings are computed window after window, so that attention's memory stays bounded.
    """
    tensors, n_blocks = _tensors(of), of.layer
    with part(op, "whisper"):
        n_frames = length(op, samples) / HOP
        mel = log_mel(op, samples, n_frames, tensors["conv1.weight"].shape[1])
        constants = _constants(op, tensors)
        size = op.Min(n_frames, len(tensors["positional_embedding"]))
        begins, window = _windows(op, n_frames, size)

        def states(op: Op, number: Value) -> Value:
            begin = op.Gather(begins, number) * 2
            return encoder(op, rows(op, mel, begin, begin + size * 2), constants, n_blocks)

        width = tensors["conv1.bias"].size
        several = each(op, states, length(op, begins), ("L", width))
        place = window * size + arange(op, n_frames) - op.Gather(begins, window)
        return op.Gather(op.Reshape(several, [-1, width]), place)


def _tensors(of: WhisperFrames) -> Tensors:
    return {name: values.numpy() for name, values in of._encoder.state_dict().items()}


def _windows(op: Op, n_frames: Value, size: Value) -> tuple[Value, Value]:
    """First frame of each window, int64 (B,), and the window of each frame, (T,), as `windows`."""
    hop = WINDOW - OVERLAP
    count = op.Max((n_frames + (hop - 1 - OVERLAP)) / hop, 1)
    beyond = op.Cast(n_frames - size, to=DOUBLE)
    steps = op.Cast(op.Max(count - 1, 1), to=DOUBLE)
    number = op.Cast(arange(op, count), to=DOUBLE)
    begins = op.Cast(op.Round(number * beyond / steps), to=INT64)
    # Of what two windows share, each gives the half that is nearer to its middle.
    seams = (rows(op, begins, 0, -1) + rows(op, begins, 1, END) + size) / 2
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


def log_mel(op: Op, samples: Value, n_frames: Value, n_mels: int) -> Value:
    """What the encoder sees, float32 (2 T, n_mels)."""
    with part(op, "mel"):
        half = WINDOW_SAMPLES // 2
        padded = op.Pad(samples, [half, half], mode="reflect")
        framed = frames(op, padded, n_frames * 2, WINDOW_SAMPLES, HOP_SAMPLES)
        window = np.hanning(WINDOW_SAMPLES + 1)[:-1].astype(np.float32)
        windowed = framed * table(op, window, "window")
        power = power_spectrum(op, windowed, waves(op, WINDOW_SAMPLES, WINDOW_SAMPLES))
        bands = op.MatMul(power, table(op, mel_filters(n_mels).numpy(), "filters"))
        values = op.Log(op.Max(bands, POWER_FLOOR)) / math.log(10)
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
