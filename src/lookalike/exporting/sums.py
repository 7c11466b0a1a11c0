"""Sums of products in int8: that none of a file can run over, whatever CPU adds them up.

A CPU with AVX2 or AVX-512 but without VNNI multiplies bytes by ``vpmaddubsw``: two products of an
unsigned value and a signed weight are added in 16 bits, and what runs over is cut off in silence.
One with VNNI adds in 32 bits, so that a file that was made there is right there and damaged here.
A file is safe everywhere if no two weights of a channel, times the largest value, leave 16 bits.
Which two are added is the engine's business, so it must hold for any two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.extras import require

if TYPE_CHECKING:
    import onnx

LARGEST_VALUE = 255
"""Of an activation. Engines turn signed ones into unsigned ones before they multiply."""

LARGEST_PAIR = (2**15 - 1) // LARGEST_VALUE
"""What two weights of one channel and one sign may add up to, 128."""

_ROUNDING = 1
"""By how much the sum of two weights may grow when both are rounded."""

WEIGHTS: Mapping[str, int] = {
    "Conv": 1,
    "ConvTranspose": 1,
    "Gemm": 1,
    "MatMul": 1,
    "ConvInteger": 1,
    "MatMulInteger": 1,
    "DynamicQuantizeMatMul": 1,
    "MatMulIntegerToFloat": 1,
    "QLinearConv": 3,
    "QLinearMatMul": 3,
    "QGemm": 3,
}
"""Operators that add up products → which input holds the weights."""

OTHER_SUMS = frozenset({"Attention", "Einsum", "GRU", "LSTM", "MultiHeadAttention", "RNN"})
"""Operators that add up products of which no input is the weights alone."""

OTHER_INTEGERS = frozenset({"DynamicQuantizeLSTM", "QAttention", "QOrderedMatMul"})
"""Likewise, of integers always."""


def channel_axis(node: onnx.NodeProto, dimensions: int) -> int | None:
    """The axis of a node's weights that has its outputs; None where integers have no such axis.

    Args:
        node: One of `WEIGHTS`.
        dimensions: Of its weights.

    Example:
        >>> from onnx import helper
        >>> node = helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)
        >>> channel_axis(node, 2), channel_axis(helper.make_node("MatMul", ["x", "w"], ["y"]), 3)
        (0, None)
    """
    if node.op_type in ("Conv", "ConvTranspose", "QLinearConv", "ConvInteger"):
        if dimensions < 3:
            return None
        return 1 if node.op_type == "ConvTranspose" else 0
    if dimensions != 2:
        return None
    return 0 if any(one.name == "transB" and one.i for one in node.attribute) else 1


def safe_scales(weights: NDArray[Any], axis: int) -> NDArray[np.float32]:
    """The finest step for each channel with which no sum of two products leaves 16 bits.

    Args:
        weights: (...) finite; any number of axes.
        axis: That of the channels.

    Returns:
        (C,) above 0. Weights divided by them and rounded are from -127 to 127, and any two of one
        sign in one channel add up to at most `LARGEST_PAIR`. Between 7 and 8 bits are left: a
        channel with one large weight keeps 8.

    Example:
        >>> weights = np.array([[1.27, 0.0, 0.0], [0.64, 0.63, -0.2]])
        >>> safe_scales(weights, 0).astype(float).round(4).tolist()
        [0.01, 0.01]
    """
    channels = _channels(np.asarray(weights, np.float64), axis)
    pairs = np.maximum(_largest_pair(channels), _largest_pair(-channels))
    single = np.abs(channels).max(axis=1, initial=0.0)
    needed = np.maximum(pairs / (LARGEST_PAIR - _ROUNDING), single / 127)
    rounded = needed.astype(np.float32)
    up = np.nextafter(rounded, np.float32(np.inf))  # the rounded step must not be a finer one
    steps = np.where(rounded < needed, up, rounded)
    tiny = np.finfo(np.float32).tiny
    found: NDArray[np.float32] = np.where(steps > tiny, steps, np.float32(1))
    return found


def may_saturate(model: onnx.ModelProto) -> tuple[str, ...]:
    """What in a quantised graph may run over on a CPU that adds products in 16 bits.

    Args:
        model: With pairs of QuantizeLinear and DequantizeLinear, or with operators on integers.

    Returns:
        A phrase for each node that is not proven safe; empty if all are. Products with floats are
        no concern, and neither are nodes without integers.
    """
    return tuple(
        f"{one.node.op_type} {one.node.name or one.node.output[0]}: {reason}"
        for one in _products(model)
        if (reason := _reason(one))
    )


@dataclass(frozen=True)
class _Product:
    """A node that adds up products of integers, and its weights as far as they are constant."""

    node: onnx.NodeProto
    weights: NDArray[Any] | None = None
    zero: NDArray[Any] | None = None


def _products(model: onnx.ModelProto) -> Iterator[_Product]:
    numpy_helper: Any = require("onnx", purpose="reading a quantised network").numpy_helper
    held = {one.name: one for one in model.graph.initializer}
    made = {name: node for node in model.graph.node for name in node.output}

    def value(node: onnx.NodeProto, port: int) -> NDArray[Any] | None:
        name = node.input[port] if port < len(node.input) else ""
        return numpy_helper.to_array(held[name]) if name in held else None

    def whole(name: str) -> bool:
        return name in made and made[name].op_type == "DequantizeLinear"

    for node in model.graph.node:
        port = WEIGHTS.get(node.op_type)
        if port is None:
            floats = node.op_type in OTHER_SUMS and not any(map(whole, node.input))
            if node.op_type in OTHER_SUMS | OTHER_INTEGERS and not floats:
                yield _Product(node)
        elif node.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
            if whole(node.input[0]) and whole(node.input[1]):
                source = made[node.input[1]]
                yield _Product(node, value(source, 0), value(source, 2))
        else:
            yield _Product(node, value(node, port), value(node, _zero_port(node)))


def _zero_port(node: onnx.NodeProto) -> int:
    """Which input of an operator on integers holds the zero point of the weights."""
    if node.op_type in ("QLinearConv", "QLinearMatMul", "QGemm", "MatMulIntegerToFloat"):
        return 5
    return 3


def _reason(product: _Product) -> str:
    """Why a product is not proven safe; empty if it is."""
    weights = product.weights
    if weights is None:
        return "both sides are computed"
    if weights.dtype != np.int8 or (product.zero is not None and np.any(product.zero)):
        return "weights that are not signed bytes around zero"
    axis = channel_axis(product.node, weights.ndim)
    if axis is None:
        return f"weights of {weights.ndim} axes"
    channels = _channels(weights.astype(np.int64), axis)
    worst = max(_largest_pair(channels).max(), _largest_pair(-channels).max())
    if worst > LARGEST_PAIR:
        return f"two weights add up to {worst:.0f}, and {LARGEST_PAIR} are safe"
    return ""


def _channels(weights: NDArray[Any], axis: int) -> NDArray[Any]:
    return np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1)


def _largest_pair(channels: NDArray[Any]) -> NDArray[Any]:
    """What the two largest positive weights of each channel add up to."""
    positive = np.maximum(channels, 0)
    if positive.shape[1] > 2:
        positive = np.partition(positive, -2, axis=1)[:, -2:]
    found: NDArray[Any] = positive.sum(axis=1)
    return found
