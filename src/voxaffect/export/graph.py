"""Building ONNX graphs: the one place that knows onnxscript.

A stage of the chain is a function of `op`, onnxscript's builder, and of values; `op.Add(x, 1.0)`
adds a node and gives its output. Stages use the operators of ONNX alone, so that any runtime can
run the file and loading it runs no code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from voxaffect.errors import ExportError

END = np.iinfo(np.int64).max
"""The end of an axis, for slices that go on to it."""

OPSET = 18
"""Version of ONNX's operators: the first whose reductions all take their axes alike."""

IR_VERSION = 8
"""Version of ONNX's file format that came with `OPSET`: older runtimes read it, too."""

FLOAT, INT64, DOUBLE = 1, 7, 11
"""Types of elements, by ONNX's numbers, for `op.Cast(x, to=...)`."""

Op = Any
"""onnxscript's `OpBuilder`, whose methods are the operators of ONNX."""

Value = Any
"""onnxscript's `ir.Value`: what a node gives, an input, or a table."""

Stage = Callable[..., Mapping[str, Value]]


Shape = Sequence[int | str]
"""A number, or the name of one that only a call tells, for each axis."""


class Input(NamedTuple):
    """What a graph is given.

    Args:
        name: as the caller says it.
        dtype: of the elements.
        shape: of its axes.
    """

    name: str
    dtype: DTypeLike
    shape: Shape


def build(
    stage: Stage, inputs: Sequence[Input], shapes: Mapping[str, Shape] | None = None
) -> bytes:
    """A graph as the bytes of an ONNX file, the same bytes each time.

    Args:
        stage: adds the nodes and names the outputs.
        inputs: of the stage, in its order.
        shapes: of float32 outputs, where the file is to tell them.

    Raises:
        ExportError: onnxscript is missing.
    """
    ir, onnxscript = _libraries()
    graph = ir.Graph([], [], nodes=[], name="voxaffect", opset_imports={"": OPSET})
    builder = onnxscript.GraphBuilder(graph)
    values = [builder.input(i.name, _element(i.dtype), list(i.shape)) for i in inputs]
    for output, value in stage(builder.op, *values).items():
        builder.add_output(value, output)
        if shapes is not None:
            value.type, value.shape = ir.TensorType(ir.DataType(FLOAT)), ir.Shape(shapes[output])
    proto = ir.to_proto(ir.Model(graph, ir_version=IR_VERSION, producer_name="voxaffect"))
    _forget_making(proto.graph)
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def table(op: Op, values: NDArray[Any] | np.generic, name: str) -> Value:
    """Numbers that the file holds, called by a name that its part of the graph has once."""
    ir, _ = _libraries()
    return op.initializer(ir.tensor(np.asarray(values, order="C")), name)


@contextmanager
def part(op: Op, name: str) -> Iterator[None]:
    """Call what is built inside by the name of a stage."""
    op.builder.push_module(name)
    try:
        yield
    finally:
        op.builder.pop_module()


def scan(
    op: Op,
    step: Callable[..., Value],
    initial: NDArray[np.float64],
    sequences: Sequence[tuple[Value, Sequence[int]]],
) -> Value:
    """What a state becomes frame by frame: ONNX's Scan.

    Args:
        op: the builder.
        step: from the builder, the state and one element of each sequence to the next state.
        initial: state before the first frame.
        sequences: (T, ...) float64 each, with the shape of an element.

    Returns:
        the states after each frame, float64 (T, ...).
    """
    ir, _ = _libraries()
    double = ir.DataType(DOUBLE)

    def value(name: str, shape: Sequence[int]) -> Value:
        return ir.val(name, double, list(shape))

    def body(op: Op, *given: Value) -> list[Value]:
        state = step(op, *given)
        return [state, op.Identity(state)]

    graph = op.builder.subgraph(
        body,
        [value("state", initial.shape), *(value(f"x{i}", s) for i, (_, s) in enumerate(sequences))],
        [value("next", initial.shape), value("kept", initial.shape)],
        name="step",
    )
    given = [table(op, initial, "initial"), *(sequence for sequence, _ in sequences)]
    return op.Scan(*given, body=graph, num_scan_inputs=len(sequences), _outputs=2)[1]


def repeat(op: Op, step: Callable[[Op, Value, Value], Value], times: int, initial: Value) -> Value:
    """A vector of whole numbers after some steps: ONNX's Loop.

    Args:
        op: the builder.
        step: from the builder, the number of the step from 0 and the vector to the next vector.
        times: how many steps.
        initial: int64 (T,).
    """
    ir, _ = _libraries()
    whole = ir.DataType(INT64)

    def body(op: Op, number: Value, go_on: Value, state: Value) -> list[Value]:
        return [op.Identity(go_on), step(op, number, state)]

    graph = op.builder.subgraph(
        body,
        [
            ir.val("number", whole, []),
            ir.val("go_on", ir.DataType.BOOL, []),
            ir.val("state", whole, ["T"]),
        ],
        [ir.val("still", ir.DataType.BOOL, []), ir.val("next", whole, ["T"])],
        name="step",
    )
    return op.Loop(table(op, np.int64(times), "times"), None, initial, body=graph)


def length(op: Op, x: Value, axis: int = 0) -> Value:
    """How long an axis is, int64 ()."""
    return op.Squeeze(op.Shape(x, start=axis, end=axis + 1), [0])


def arange(op: Op, n: Value) -> Value:
    """0, 1 ... n - 1, int64 (n,), of n an int64 ()."""
    return op.Range(_scalar(op, 0), n, _scalar(op, 1))


def rows(op: Op, x: Value, start: int | Value, stop: int | Value) -> Value:
    """Some elements of the first axis."""
    return columns(op, x, start, stop, axis=0)


def columns(op: Op, x: Value, start: int | Value, stop: int | Value, axis: int = 1) -> Value:
    """Some elements of an axis."""
    first, end = (_vector(op, at) for at in (start, stop))
    return op.Slice(x, first, end, [axis])


def _scalar(op: Op, value: int) -> Value:
    return op.Squeeze([value], [0])


def _vector(op: Op, at: int | Value) -> Value:
    return [at] if isinstance(at, int) else op.Reshape(at, [1])


def _element(dtype: DTypeLike) -> Any:
    ir, _ = _libraries()
    return ir.DataType.from_numpy(np.dtype(dtype))


def _libraries() -> tuple[Any, Any]:
    """onnx_ir and onnxscript.

    Raises:
        ExportError: they are missing.
    """
    try:
        import onnx_ir  # noqa: PLC0415 (optional)
        import onnxscript  # noqa: PLC0415 (optional)
    except ImportError as fault:
        raise ExportError(
            f"a recognizer becomes ONNX by the library {fault.name}, which is not installed; "
            "run pip install 'voxaffect[onnx]'"
        ) from fault
    return onnx_ir, onnxscript


def _forget_making(graph: Any) -> None:
    """Drop what the builder noted of its own calls, here and in bodies of loops."""
    for node in graph.node:
        del node.metadata_props[:]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _forget_making(attribute.g)
