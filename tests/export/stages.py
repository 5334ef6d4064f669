"""Running a single stage of the graph."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import onnxruntime
from numpy.typing import NDArray

from voxaffect.export.graph import Op, Value, build
from voxaffect.features.frames import FrameGrid
from voxaffect.features.packing import AudioChunk, PackedAudio

Array = NDArray[Any]
Stage = Callable[..., Any]


def session(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


class Runner:
    """A stage as an ONNX file of its own, callable with arrays.

    Args:
        stage: function of the builder and values that returns one value or a tuple.
        inputs: shape and type of each value; names are dynamic axes.
    """

    def __init__(self, stage: Stage, *inputs: tuple[tuple[int | str, ...], str]) -> None:
        named = [(f"in_{n}", dtype, shape) for n, (shape, dtype) in enumerate(inputs)]

        def outputs(op: Op, *values: Value) -> dict[str, Value]:
            given = stage(op, *values)
            several = given if isinstance(given, tuple) else (given,)
            # Inputs, initializers and repeated values cannot be outputs: each gets a node.
            return {f"out_{n}": op.Identity(value) for n, value in enumerate(several)}

        self._session = session(build(outputs, named))

    def __call__(self, *arrays: Array) -> list[Array]:
        given = {f"in_{n}": array for n, array in enumerate(arrays)}
        answers: list[Array] = self._session.run(None, given)
        return answers


SAMPLES = (("n_samples",), "float32")


@lru_cache(maxsize=8)
def on_frames(stage: Stage, grid: FrameGrid = FrameGrid()) -> Runner:  # noqa: B008 frozen
    """A stage with samples and number of frames, as a function of samples alone."""
    from voxaffect.export.frames import count_frames

    return Runner(lambda op, x: stage(op, x, count_frames(op, x, grid), grid), SAMPLES)


def packed(samples: Array, grid: FrameGrid, lead: int = 0) -> PackedAudio:
    """One recording as packed audio of the Python implementation."""
    return PackedAudio.pack([AudioChunk(samples, 0, grid.n_frames(len(samples)), True)], grid, lead)
