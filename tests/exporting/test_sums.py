"""No sum of an int8 file runs over in 16 bits: by a bound over its weights, so on every CPU."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnxruntime import quantization

from lookalike.encoders.engines.file import open_file
from lookalike.errors import WeightsError
from lookalike.exporting.graph import FEATURES, PICTURES
from lookalike.exporting.precision import quantised
from lookalike.exporting.sums import LARGEST_PAIR, channel_axis, may_saturate, safe_scales

Array = NDArray[Any]
ENGINES = ("onnxruntime", "openvino")


def cut_off(weights: Array, values: tuple[int, int]) -> bool:
    """Whether two products of any two weights of a channel leave 16 bits, by trying every pair."""
    for channel in weights.reshape(len(weights), -1).astype(np.int64):
        for one, two in itertools.combinations(channel, 2):
            total = int(one) * values[0] + int(two) * values[1]
            if not -(2**15) <= total < 2**15:
                return True
    return False


def rounded(weights: Array) -> Array:
    steps = safe_scales(weights, 0).reshape(-1, *[1] * (weights.ndim - 1))
    found: Array = np.round(weights / steps)
    return found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "drawn",
    [
        lambda rng: rng.normal(size=(5, 3, 3, 3)),
        lambda rng: rng.standard_cauchy(size=(8, 1, 3, 3)),
        lambda rng: rng.choice([-1.0, 1.0], size=(6, 12)),
        lambda rng: rng.random((6, 12)) * 10.0 ** rng.integers(-30, 30, (6, 1)),
        lambda rng: (
            rng.random((2000, 1)) * ([64.5, 63.5] + rng.integers(-20, 20, (2000, 1)) * [1, -1])
        ),
        lambda rng: rng.normal(size=(9, 2)),
        lambda rng: rng.normal(size=(9, 1)),
    ],
    ids=["normal", "few large ones", "all alike", "positive", "at halves", "two", "one"],
)
def test_no_two_products_of_a_channel_leave_sixteen_bits(
    drawn: Callable[[np.random.Generator], Array], seed: int
) -> None:
    weights = drawn(np.random.default_rng(seed)).astype(np.float32)
    integers = rounded(weights)
    assert np.abs(integers).max() <= 127
    for values in ((255, 255), (255, 0), (0, 255)):
        assert not cut_off(integers, values)


@pytest.mark.parametrize("seed", range(6))
def test_the_step_is_no_coarser_than_it_has_to_be(seed: int) -> None:
    weights = np.random.default_rng(seed).standard_cauchy(size=(50, 9)).astype(np.float32)
    integers = rounded(weights)
    largest = np.abs(integers).max(axis=1)
    ordered = np.sort(integers, axis=1)
    pairs = np.maximum(
        np.maximum(ordered[:, -1], 0) + np.maximum(ordered[:, -2], 0),
        -np.minimum(ordered[:, 0], 0) - np.minimum(ordered[:, 1], 0),
    )
    assert np.all((largest == 127) | (pairs >= LARGEST_PAIR - 2))
    assert largest.max() > 100  # a channel with one large weight has more than 7 bits


def test_channels_of_nothing_have_a_step() -> None:
    weights = np.array([[0, 0, 0], [1e-40, 0, 0], [1, -1, 0.5]], np.float32)
    steps = safe_scales(weights, 0)
    assert np.isfinite(steps).all()
    assert (steps > 0).all()
    assert np.isfinite(weights / steps[:, None]).all()


def test_other_axes_of_channels() -> None:
    weights = np.random.default_rng(0).normal(size=(4, 6, 3, 3))
    np.testing.assert_array_equal(
        safe_scales(weights, 1), safe_scales(np.moveaxis(weights, 1, 0), 0)
    )
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"])
    assert channel_axis(node, 4) == 1
    assert channel_axis(helper.make_node("Gemm", ["x", "w"], ["y"]), 2) == 1


# What is written


def network(*, layers: str = "conv depthwise gemm", scale: float = 1.0) -> onnx.ModelProto:
    """A small network with each kind of weights: (N, 3, 8, 8) -> (N, 4)."""
    rng = np.random.default_rng(1)
    nodes, held = [], []

    def weight(name: str, *shape: int) -> str:
        values = scale * rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))
        held.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def layer(op: str, inputs: list[str], output: str, **more: Any) -> str:
        nodes.append(helper.make_node(op, inputs, [output], **more))
        return output

    last = layer("Conv", [PICTURES, weight("w1", 6, 3, 3, 3), weight("b1", 6)], "c1")
    last = layer("Relu", [last], "r1")
    if "depthwise" in layers:
        last = layer("Conv", [last, weight("w2", 6, 1, 3, 3)], "c2", group=6, pads=[1] * 4)
    if "transpose" in layers:
        last = layer("ConvTranspose", [last, weight("w3", 6, 6, 2, 2)], "c3", strides=[2, 2])
    last = layer("GlobalAveragePool", [last], "p")
    last = layer("Flatten", [last], "f")
    if "gemm" in layers:
        last = layer("Gemm", [last, weight("w4", 8, 6), weight("b4", 8)], "g", transB=1)
    else:
        last = layer("MatMul", [last, weight("w4", 6, 8)], "g")
    if "both" in layers:  # of two computed values
        held.append(numpy_helper.from_array(np.array([0, 8, 1]), "column"))
        held.append(numpy_helper.from_array(np.array([0, 1, 8]), "row"))
        column = layer("Reshape", [last, "column"], "m1")
        row = layer("Reshape", [last, "row"], "m2")
        last = layer("MatMul", [column, row], "m3")
        held.append(numpy_helper.from_array(np.array([1]), "axis"))
        last = layer("ReduceMean", [last, "axis"], "m4", keepdims=0)
    layer("MatMul", [last, weight("w5", 8, 4)], FEATURES)
    ports = [
        helper.make_tensor_value_info(PICTURES, TensorProto.FLOAT, ["N", 3, 8, 8]),
        helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["N", 4]),
    ]
    graph = helper.make_graph(nodes, "network", ports[:1], ports[1:], held)
    opset = [helper.make_opsetid("", 19)]  # the oldest that the reference evaluator quantises
    return helper.make_model(graph, opset_imports=opset, ir_version=9)


def pictures(count: int = 16) -> Array:
    return np.random.default_rng(2).normal(size=(count, 3, 8, 8)).astype(np.float32)


KINDS = ("conv depthwise gemm", "conv transpose", "conv matmul both")


@pytest.mark.parametrize("layers", KINDS)
def test_no_sum_of_what_is_written_runs_over(layers: str) -> None:
    """Asked of the bytes in the file alone."""
    model = quantised(network(layers=layers), pictures())
    held = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    made = {name: node for node in model.graph.node for name in node.output}
    seen = 0
    for node in model.graph.node:
        if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
            continue
        source = made.get(node.input[1])
        if source is None or source.op_type != "DequantizeLinear":
            continue
        weights = held[source.input[0]]
        first = node.op_type == "Conv" or (node.op_type == "Gemm" and node.attribute)
        channels = weights if first else np.moveaxis(weights, 1, 0)
        assert weights.dtype == np.int8
        assert not held[source.input[2]].any()
        assert held[source.input[1]].shape == channels.shape[:1]
        assert not cut_off(channels, (255, 255))
        seen += 1
    assert seen >= 3
    assert may_saturate(model) == ()


def test_a_product_of_two_computed_values_stays_in_floats() -> None:
    model = quantised(network(layers="conv matmul both"), pictures())
    made = {name: node.op_type for node in model.graph.node for name in node.output}
    product = next(node for node in model.graph.node if "m3" in " ".join(node.output))
    assert product.op_type == "MatMul"
    assert [made[name] for name in product.input] == ["Reshape", "Reshape"]


@pytest.mark.parametrize("layers", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_computes_what_the_integers_stand_for(
    layers: str, engine: str, tmp_path: Path
) -> None:
    """By this CPU's instructions, beside the numbers of the file in plain arithmetic."""
    path = tmp_path / "int8.onnx"
    model = quantised(network(layers=layers), pictures())
    onnx.save(model, path)
    got = open_file(path, engine)({PICTURES: pictures()})[FEATURES]
    [want] = ReferenceEvaluator(model).run(None, {PICTURES: pictures()})
    assert np.ptp(want) > 0
    assert np.abs(got - want).max() <= 0.02 * np.ptp(want)  # some steps of 256


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("engine", ENGINES)
def test_the_largest_sums_that_are_allowed_are_added_up_exactly(
    engine: str, sign: int, tmp_path: Path
) -> None:
    """Every value 255 and every two weights at the bound."""
    ports = [
        helper.make_tensor_value_info(PICTURES, TensorProto.FLOAT, ["N", 64, 6, 6]),
        helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["N", 32, 4, 4]),
    ]
    largest = np.full((32, 64, 3, 3), sign * LARGEST_PAIR // 2, np.int8)
    held = [
        numpy_helper.from_array(largest, "w"),
        numpy_helper.from_array(np.ones(32, np.float32), "steps"),
        numpy_helper.from_array(np.zeros(32, np.int8), "zeros"),
        numpy_helper.from_array(np.array(1, np.float32), "one"),
        numpy_helper.from_array(np.array(0, np.uint8), "zero"),
        numpy_helper.from_array(np.array(40_000, np.float32), "wide"),
        numpy_helper.from_array(np.array(255 * (sign < 0), np.uint8), "end"),
    ]
    nodes = [
        helper.make_node("QuantizeLinear", [PICTURES, "one", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "one", "zero"], ["x"]),
        helper.make_node("DequantizeLinear", ["w", "steps", "zeros"], ["k"], axis=0),
        helper.make_node("Conv", ["x", "k"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "wide", "end"], ["p"]),
        helper.make_node("DequantizeLinear", ["p", "wide", "end"], [FEATURES]),
    ]
    graph = helper.make_graph(nodes, "sums", ports[:1], ports[1:], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    assert may_saturate(model) == ()
    onnx.save(model, tmp_path / "sums.onnx")
    bright = np.full((2, 64, 6, 6), 255, np.float32)
    got = open_file(tmp_path / "sums.onnx", engine)({PICTURES: bright})[FEATURES]
    exact = 255 * largest[0].astype(np.int64).sum()
    np.testing.assert_allclose(got, exact, atol=40_000)  # one step of the output


# What is not safe is seen, by the bound, on a CPU with VNNI as well


def plainly(model: onnx.ModelProto, folder: Path, **options: Any) -> onnx.ModelProto:
    """Quantised by ONNX Runtime's own choice of steps."""

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]  # has no types
        def __init__(self) -> None:
            self.left = [{PICTURES: pictures()}]

        def get_next(self) -> Any:
            return self.left.pop() if self.left else None

    usual = {
        "per_channel": True,
        "quant_format": quantization.QuantFormat.QDQ,
        "activation_type": quantization.QuantType.QUInt8,
    }
    options = usual | options
    quantization.quantize_static(model, folder / "plain.onnx", Reader(), **options)
    return onnx.load(folder / "plain.onnx")


def test_eight_bits_are_seen(tmp_path: Path) -> None:
    found = may_saturate(plainly(network(), tmp_path))
    assert len(found) == 4
    assert "add up to" in found[0]
    assert f"{LARGEST_PAIR} are safe" in found[0]


def test_seven_bits_are_safe(tmp_path: Path) -> None:
    assert may_saturate(plainly(network(), tmp_path, reduce_range=True)) == ()


def test_other_integers_are_seen(tmp_path: Path) -> None:
    operators = plainly(network(), tmp_path, quant_format=quantization.QuantFormat.QOperator)
    kinds = {phrase.partition(" ")[0] for phrase in may_saturate(operators)}
    assert kinds == {"QLinearConv", "QGemm", "QLinearMatMul"}
    unsigned = plainly(network(), tmp_path, weight_type=quantization.QuantType.QUInt8)
    assert all("not signed bytes" in phrase for phrase in may_saturate(unsigned))
    computed = plainly(network(layers="conv matmul both"), tmp_path, reduce_range=True)
    assert [phrase for phrase in may_saturate(computed) if "both sides" in phrase]
    safe = plainly(
        network(), tmp_path, quant_format=quantization.QuantFormat.QOperator, reduce_range=True
    )
    assert may_saturate(safe) == ()


@pytest.mark.parametrize(("zero", "safe"), [(None, True), (0, True), (3, False)])
def test_weights_beside_a_bias_are_told_from_their_zero_point(zero: int | None, safe: bool) -> None:
    """An operator whose zero point stands before the bias, and may be left out."""
    names = ["x", "w", "step", "" if zero is None else "zero", "bias"]
    held = [
        numpy_helper.from_array(np.full((8, 4), 64, np.int8), "w"),
        numpy_helper.from_array(np.array(1, np.float32), "step"),
        numpy_helper.from_array(np.full(4, 2.5, np.float32), "bias"),
        numpy_helper.from_array(np.array(zero or 0, np.int8), "zero"),
    ]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size])
        for name, size in (("x", 8), ("y", 4))
    ]
    node = helper.make_node("DynamicQuantizeMatMul", names, ["y"], domain="com.microsoft")
    model = helper.make_model(helper.make_graph([node], "one", ports[:1], ports[1:], held))
    assert (may_saturate(model) == ()) is safe


def test_integers_inside_an_operator_of_its_own_are_seen() -> None:
    node = helper.make_node("QAttention", ["x", "w", "b"], ["y"], domain="com.microsoft")
    model = helper.make_model(helper.make_graph([node], "one", [], []))
    assert [one.partition(":")[0] for one in may_saturate(model)] == ["QAttention y"]


def test_floats_are_no_concern() -> None:
    assert may_saturate(network()) == ()


def test_steps_that_are_too_fine_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is looked at in the finished graph, and is no matter of luck."""

    def full(weights: Array, axis: int) -> Array:
        largest = np.abs(np.moveaxis(weights, axis, 0)).reshape(weights.shape[axis], -1).max(1)
        return (largest / 127).astype(np.float32)

    monkeypatch.setattr("lookalike.exporting.rounding.safe_scales", full)
    with pytest.raises(WeightsError, match=r"CPU without VNNI.*add up to") as caught:
        quantised(network(), pictures())
    assert "f16" in caught.value.cure
