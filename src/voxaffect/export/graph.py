"""Building ONNX graphs with onnxscript, which is used here alone.

A stage is a function of `op`, onnxscript's builder, and of values; `op.Max(x, 1.0)` adds a node and
returns its output, and so does `x + 1.0`. Stages use standard ONNX operators only, so that any
runtime can run the file, and loading it runs no code.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from voxaffect.errors import ExportError

END = np.iinfo(np.int64).max  # end of an axis, for slices
OPSET = 18  # operator set version: the first whose reductions all take axes as inputs
IR_VERSION = 8  # file format version released with `OPSET`, for older runtimes

FLOAT, INT64, BOOL, DOUBLE = 1, 7, 9, 11
"""ONNX element types, for `op.Cast(x, to=...)`."""

Op = Any  # onnxscript's `OpBuilder`, whose methods are the operators of ONNX
Value = Any  # onnxscript's `ir.Value`: output of a node, input, or initializer
Stage = Callable[..., Mapping[str, Value]]

Shape = Sequence[int | str]  # size of each axis, or the name of a dynamic one
Input = tuple[str, DTypeLike, Shape]  # name, type and shape of an input of a graph


def build(
    stage: Stage,
    inputs: Sequence[Input],
    shapes: Mapping[str, Shape] | None = None,
    integers: Collection[str] = (),
) -> bytes:
    """Build an ONNX file; equal graphs give equal bytes.

    Args:
        stage: makes the outputs.
        inputs: what it takes.
        shapes: declares the outputs, which are float32.
        integers: those among them that are int64.

    Raises:
        ExportError: onnxscript is missing.
    """
    ir, onnxscript = _libraries()
    graph = ir.Graph([], [], nodes=[], name="voxaffect", opset_imports={"": OPSET})
    builder = onnxscript.GraphBuilder(graph)
    values = [
        builder.input(name, ir.DataType.from_numpy(np.dtype(dtype)), list(shape))
        for name, dtype, shape in inputs
    ]
    with _arithmetic(builder.op):
        outputs = stage(builder.op, *values)
    for output, value in outputs.items():
        builder.add_output(value, output)
        if shapes is not None:
            kind = ir.DataType(INT64 if output in integers else FLOAT)
            value.type, value.shape = ir.TensorType(kind), ir.Shape(shapes[output])
    proto = ir.to_proto(ir.Model(graph, ir_version=IR_VERSION, producer_name="voxaffect"))
    _drop_metadata(proto.graph)
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def exact(op: Op, values: NDArray[np.floating], name: str) -> Value:
    """Initializer, of half the size in the file where fewer bits hold the same values.

    Runtimes cast constants once, when they load the file.
    """
    for narrow in (np.float16, np.float32):
        with np.errstate(over="ignore"):
            stored = values.astype(narrow)
        if values.dtype != narrow and np.array_equal(stored.astype(values.dtype), values):
            kind = DOUBLE if values.dtype == np.float64 else FLOAT
            return op.Cast(table(op, stored, name), to=kind)
    return table(op, values, name)


def table(op: Op, values: NDArray[Any] | np.generic, name: str) -> Value:
    """Add an initializer (constant tensor), with a name that is unique in its scope."""
    ir, _ = _libraries()
    return op.initializer(ir.tensor(np.asarray(values, order="C")), name)


@contextmanager
def part(op: Op, name: str) -> Iterator[None]:
    """Name scope: prefix the names of nodes that are added inside."""
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
    """ONNX's Scan: the state after each frame, float64 (T, ...).

    Sequences are (T, ...) float64, each with the shape of an element. `step` maps the builder, the
    state and an element of each to the next state.
    """

    def body(op: Op, *given: Value) -> list[Value]:
        state = step(op, *given)
        return [state, op.Identity(state)]

    elements = [(f"x{i}", DOUBLE, shape) for i, (_, shape) in enumerate(sequences)]
    names = ("state", "next", "kept")
    state, *states = ((name, DOUBLE, initial.shape) for name in names)
    graph = _subgraph(op, body, [state, *elements], states)
    given = [table(op, initial, "initial"), *(sequence for sequence, _ in sequences)]
    return op.Scan(*given, body=graph, num_scan_inputs=len(sequences), _outputs=2)[1]


def repeat(op: Op, step: Callable[[Op, Value, Value], Value], times: int, initial: Value) -> Value:
    """ONNX's Loop: a vector int64 (T,) after steps of builder, index and vector to the next."""

    def body(op: Op, number: Value, go_on: Value, state: Value) -> list[Value]:
        return [op.Identity(go_on), step(op, number, state)]

    given = [("number", INT64, ()), ("go_on", BOOL, ()), ("state", INT64, ("T",))]
    graph = _subgraph(op, body, given, [("still", BOOL, ()), ("next", INT64, ("T",))])
    return op.Loop(table(op, np.int64(times), "times"), None, initial, body=graph)


def each(op: Op, step: Callable[[Op, Value], Value], times: Value, shape: Shape) -> Value:
    """ONNX's Loop: float32 values of `shape`, of builder and index int64 (), stacked."""

    def body(op: Op, number: Value, go_on: Value) -> list[Value]:
        return [op.Identity(go_on), step(op, number)]

    given = [("number", INT64, ()), ("go_on", BOOL, ())]
    graph = _subgraph(op, body, given, [("still", BOOL, ()), ("value", FLOAT, shape)])
    return op.Loop(times, None, body=graph)


def _subgraph(
    op: Op,
    body: Callable[..., list[Value]],
    inputs: Sequence[tuple[str, int, Shape]],
    outputs: Sequence[tuple[str, int, Shape]],
) -> Any:
    """Graph of a step; inputs and outputs have a name, ONNX element type and shape."""
    ir, _ = _libraries()

    def traced(op: Op, *given: Value) -> list[Value]:
        with _arithmetic(op):
            return body(op, *given)

    given, returned = (
        [ir.val(name, ir.DataType(kind), list(shape)) for name, kind, shape in values]
        for values in (inputs, outputs)
    )
    return op.builder.subgraph(traced, given, returned, name="step")


@contextmanager
def _arithmetic(op: Op) -> Iterator[None]:
    """Add the nodes of `+`, `-`, `*` and `/` of values to the graph of `op`."""
    ir, _ = _libraries()
    before = ir.set_value_magic_handler(op)
    try:
        yield
    finally:
        ir.set_value_magic_handler(before)


def length(op: Op, x: Value, axis: int = 0) -> Value:
    """Length of an axis, int64 ()."""
    return op.Squeeze(op.Shape(x, start=axis, end=axis + 1), [0])


def arange(op: Op, n: Value) -> Value:
    """Integers from 0 to n - 1, int64 (n,), of n int64 ()."""
    return op.Range(op.Squeeze([0], [0]), n, op.Squeeze([1], [0]))


def rows(op: Op, x: Value, start: int | Value, stop: int | Value) -> Value:
    """Slice of the first axis."""
    return columns(op, x, start, stop, axis=0)


def columns(op: Op, x: Value, start: int | Value, stop: int | Value, axis: int = 1) -> Value:
    """Slice of an axis."""
    first, end = ([at] if isinstance(at, int) else op.Reshape(at, [1]) for at in (start, stop))
    return op.Slice(x, first, end, [axis])


def _libraries() -> tuple[Any, Any]:
    """Import onnx_ir and onnxscript."""
    try:
        import onnx_ir  # noqa: PLC0415 (optional)
        import onnxscript  # noqa: PLC0415 (optional)
    except ImportError as fault:
        raise ExportError(
            f"export to ONNX needs the library {fault.name}, which is not installed; run pip "
            "install 'voxaffect[onnx]'"
        ) from fault
    return onnx_ir, onnxscript


def _drop_metadata(graph: Any) -> None:
    """Drop the builder's metadata of its calls, here and in bodies of loops."""
    for node in graph.node:
        del node.metadata_props[:]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _drop_metadata(attribute.g)
