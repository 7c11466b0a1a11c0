"""A graph of vectors in one of the forms: inputs and outputs named, the metric inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike.errors import UnknownNameError
from lookalike.exporting.form import Form, Port
from lookalike.exporting.graph import FEATURES, PICTURES, axes, constant, node
from lookalike.extras import require
from lookalike.metrics.metric import RECIPROCAL_LIMIT

if TYPE_CHECKING:
    import onnx

GRAPH_METRICS = ("cosine", "reciprocal-euclidean")
"""Metrics that a graph can hold, by the names of `lookalike.METRICS`."""

SHORTEST = 1e-12
"""Norm by which a shorter vector is divided, so that a vector of zeros has the cosine 0."""

_END = np.iinfo(np.int64).max


def composed(
    vectors: onnx.ModelProto, form: Form, metric: str, size: tuple[int, ...], dim: int
) -> onnx.ModelProto:
    """A graph of vectors as a file of a form.

    Args:
        vectors: As `vector_graph` makes it; changed in place.
        form: What goes in and comes out.
        metric: One of `GRAPH_METRICS`; of no account where the form gives vectors.
        size: Of one prepared picture, without the batch axis.
        dim: Length of a vector.

    Raises:
        UnknownNameError: Another metric.
    """
    if metric not in GRAPH_METRICS:
        raise UnknownNameError("metric of a graph", metric, GRAPH_METRICS)
    graph = vectors.graph
    base, *others = form.inputs
    helper = require("onnx.helper", purpose="an export")
    pictures = [port.name for port in form.inputs if port.holds == "picture"]
    joint = ("Identity", {}) if len(pictures) == 1 else ("Concat", {"axis": 0})
    graph.node.insert(0, helper.make_node(joint[0], pictures, [PICTURES], **joint[1]))
    for ports, values in ((form.inputs, graph.input), (form.outputs, graph.output)):
        del values[:]
        values.extend(_value(port, size, dim) for port in ports)
    if not others:
        node(vectors, "Identity", [FEATURES], form.outputs[0].name)
        return vectors
    target = others[0].name
    first = FEATURES
    if others[0].holds == "picture":
        first, target = _parted(vectors, base)
    else:
        node(vectors, "Identity", [FEATURES], form.outputs[0].name)
    _compared(vectors, metric, first, target, form.outputs[-1].name)
    return vectors


def _value(port: Port, size: tuple[int, ...], dim: int) -> Any:
    """An input or output. What is one, or a vector's length, stands as a number."""
    onnx: Any = require("onnx", purpose="an export")

    def count(symbol: str) -> int | str:
        return 1 if symbol == "1" else symbol

    rest = {"picture": size, "feature": (dim,), "similarity": (count(port.across),)}[port.holds]
    shape = [count(port.count), *rest]
    return onnx.helper.make_tensor_value_info(port.name, onnx.TensorProto.FLOAT, shape)


def _parted(model: onnx.ModelProto, base: Port) -> tuple[str, str]:
    """Base and target from the features of both, which ran as one batch."""
    start = constant(model, "start", np.array([0], np.int64))
    end = constant(model, "end", np.array([_END], np.int64))
    if base.count == "1":
        many = constant(model, "bases", np.array([1], np.int64))
    else:
        shape = node(model, "Shape", [base.name], "base_shape")
        many = node(model, "Gather", [shape, start], "bases", axis=0)
    first = node(model, "Slice", [FEATURES, start, many, start], "base_part")
    return first, node(model, "Slice", [FEATURES, many, end, start], "target_part")


def _compared(model: onnx.ModelProto, metric: str, base: str, target: str, result: str) -> None:
    """(N, D), (M, D) → (N, M)."""
    if metric == "cosine":
        shortest = constant(model, "shortest", np.array(SHORTEST, np.float32))
        for one in (base, target):
            axes(model, "ReduceL2", one, f"{one}.norm", [1])
            node(model, "Max", [f"{one}.norm", shortest], f"{one}.divisor")
            node(model, "Div", [one, f"{one}.divisor"], f"{one}.unit")
        node(model, "Transpose", [f"{target}.unit"], "turned", perm=[1, 0])
        node(model, "MatMul", [f"{base}.unit", "turned"], result)
        return
    # (N, 1, D) less (M, D): a product of both would lose small distances to rounding
    column = constant(model, "column", np.array([0, 1, -1], np.int64))
    square = constant(model, "square", np.array([0, 0], np.int64))
    node(model, "Reshape", [base, column], "base_column")
    node(model, "Sub", ["base_column", target], "difference")
    axes(model, "ReduceL2", "difference", "distance", [2])
    node(model, "Reshape", ["distance", square], "distances")
    least = constant(model, "least", np.array(1 / RECIPROCAL_LIMIT, np.float32))
    node(model, "Max", ["distances", least], "limited")
    node(model, "Reciprocal", ["limited"], result)
