"""Weights rounded, and biases that take back what that shifts."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lookalike.exporting import rounding
from lookalike.exporting.graph import FEATURES, PICTURES
from lookalike.exporting.precision import quantised
from lookalike.exporting.rounding import rounded, unquantised

Array = NDArray[Any]


def one_node(op: str, held: dict[str, Array], *, channels: int = 6, **more: Any) -> onnx.ModelProto:
    """One node with constants, of pictures with some channels; a Gemm takes each as a row."""
    flat = op in ("Gemm", "MatMul")
    shape: list[str | int | None] = ["N", channels, *([] if flat else ["H", "W"])]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, size)
        for name, size in ((PICTURES, shape), (FEATURES, [None] * len(shape)))
    ]
    node = helper.make_node(op, [PICTURES, *held], [FEATURES], **more)
    constants = [numpy_helper.from_array(one, name) for name, one in held.items()]
    graph = helper.make_graph([node], "one", ports[:1], ports[1:], constants)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def means(model: onnx.ModelProto, pictures: Array) -> Array:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    [found] = session.run(None, {PICTURES: pictures})
    return np.asarray(found, np.float64).reshape(*found.shape[:2], -1).mean(axis=(0, 2))


NODES = {
    "conv": one_node("Conv", {"w": normal(4, 6, 1, 1), "b": normal(4)}),
    "no bias": one_node("Conv", {"w": normal(4, 6, 1, 1)}),
    "groups": one_node("Conv", {"w": normal(4, 3, 1, 1), "b": normal(4)}, group=2),
    "depthwise": one_node("Conv", {"w": normal(6, 1, 1, 1), "b": normal(6)}, group=6),
    "gemm": one_node("Gemm", {"w": normal(6, 4), "b": normal(4)}),
    "gemm, turned": one_node("Gemm", {"w": normal(4, 6), "b": normal(4)}, transB=1),
}


@pytest.mark.parametrize("name", NODES)
def test_a_channel_keeps_its_mean(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With steps so coarse that it would lose it."""

    def coarse(weights: Array, axis: int) -> Array:
        return np.full(weights.shape[axis], 0.7, np.float32)

    monkeypatch.setattr(rounding, "safe_scales", coarse)
    model = NODES[name]
    flat = "gemm" in name
    pictures = 1 + normal(10, 6, seed=1) if flat else 1 + normal(10, 6, 5, 5, seed=1)
    batches = (pictures[:4], pictures[4:8], pictures[8:])  # the last one is smaller
    made = rounded(model, batches).model
    before, after = means(model, pictures), means(made, pictures)
    weights = numpy_helper.to_array(made.graph.initializer[0])
    np.testing.assert_allclose(weights / 0.7, np.round(weights / 0.7), atol=1e-5)
    np.testing.assert_allclose(after, before, atol=1e-4)
    monkeypatch.setattr(rounding, "_shift", lambda lost, means: np.zeros(len(lost)))
    plain = means(rounded(model, batches).model, pictures)
    assert np.abs(plain - before).max() > 0.05


def test_the_network_that_is_given_stays_as_it_is() -> None:
    model = NODES["conv"]
    before = copy.deepcopy(model)
    rounded(model, [normal(2, 6, 3, 3)])
    assert model == before


def test_a_bias_of_two_nodes_becomes_one_for_each() -> None:
    model = one_node("Conv", {"w": normal(6, 6, 1, 1), "b": normal(6)})
    model.graph.node[0].output[0] = "middle"
    model.graph.initializer.append(numpy_helper.from_array(normal(6, 6, 1, 1, seed=5), "v"))
    model.graph.node.append(helper.make_node("Conv", ["middle", "v", "b"], [FEATURES]))
    made = rounded(model, [normal(4, 6, 3, 3)]).model
    biases = [node.input[2] for node in made.graph.node]
    held = {one.name: numpy_helper.to_array(one) for one in made.graph.initializer}
    assert np.abs(held[biases[0]] - held[biases[1]]).max() > 0
    assert set(held) == {"w", "v", *biases}  # nothing is left that nobody reads


@pytest.mark.parametrize(
    ("op", "held", "more"),
    [
        ("Gemm", {"w": normal(6, 4), "b": normal(4)}, {"alpha": 0.5}),
        ("Gemm", {"w": normal(6, 4), "b": normal(1, 4)}, {}),
        ("MatMul", {"w": normal(6, 4)}, {}),
        ("ConvTranspose", {"w": normal(6, 4, 2, 2), "b": normal(4)}, {"strides": [2, 2]}),
    ],
)
def test_what_has_no_plain_bias_is_rounded_alone(
    op: str, held: dict[str, Array], more: dict[str, Any]
) -> None:
    model = one_node(op, held, **more)
    pictures = normal(4, 6) if op in ("Gemm", "MatMul") else normal(4, 6, 3, 3)
    found = rounded(model, [pictures])
    assert found.left == ()
    assert found.scales["w"][1].shape == (4,)
    assert list(found.model.graph.node[0].input) == [PICTURES, *held]
    np.testing.assert_allclose(means(found.model, pictures), means(model, pictures), atol=0.2)


def test_weights_without_one_axis_of_channels_stay_in_floats() -> None:
    stacked = one_node("MatMul", {"w": normal(2, 6, 4)})
    found = rounded(stacked, [normal(3, 6)])
    assert (len(found.left), found.scales) == (1, {})
    twice = one_node("Gemm", {"w": normal(6, 6)}, transB=1)
    twice.graph.node[0].output[0] = "middle"
    twice.graph.node.append(helper.make_node("MatMul", ["middle", "w"], [FEATURES]))
    found = rounded(twice, [normal(3, 6)])
    assert found.scales["w"][0] == 0
    assert found.left == (found.model.graph.node[1].name,)


def test_sizes_are_never_rounded() -> None:
    """Padding that a graph works out in floats, a third of the height: 2 of 6, and not 1.99."""
    constants: dict[str, Array] = {
        "at": np.array(2),
        "third": np.array(1 / 3, np.float32),
        "axis": np.array([0]),
        "start": np.zeros(2, np.float32),
        "end": np.zeros(5, np.float32),
    }
    model = one_node("Conv", {"w": normal(6, 6, 1, 1)})
    model.graph.node[0].input[0] = "padded"
    steps = [
        helper.make_node("Shape", [PICTURES], ["shape"]),
        helper.make_node("Gather", ["shape", "at"], ["height"]),
        helper.make_node("Cast", ["height"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["real", "third"], ["part"]),
        helper.make_node("Unsqueeze", ["part", "axis"], ["one"]),
        helper.make_node("Concat", ["start", "one", "end"], ["sizes"], axis=0),
        helper.make_node("Cast", ["sizes"], ["pads"], to=TensorProto.INT64),
        helper.make_node("Pad", [PICTURES, "pads"], ["padded"]),
    ]
    held = [numpy_helper.from_array(one, name) for name, one in constants.items()]
    model.graph.initializer.extend(held)
    nodes = [*steps, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    pictures = normal(4, 6, 6, 6)
    found = quantised(model, pictures)
    made = {name: node for node in found.graph.node for name in node.output}
    named = {"height", "real", "part", "one", "sizes", "pads"}
    read = {node.input[0] for node in found.graph.node if node.op_type == "QuantizeLinear"}
    assert read & named == set()
    pad = next(node for node in found.graph.node if node.op_type == "Pad")
    assert made[pad.input[1]].op_type == "Cast"
    session = onnxruntime.InferenceSession(
        found.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    assert session.run(None, {PICTURES: pictures})[0].shape == (4, 6, 8, 6)


def test_a_node_that_is_left_gets_the_floats_of_its_neighbours() -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["a", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["k"]),
        helper.make_node("MatMul", ["d", "d"], ["y"], name="left"),
        helper.make_node("MatMul", ["d", "k"], ["x"], name="other"),
    ]
    model = helper.make_model(helper.make_graph(nodes, "g", [], []))
    unquantised(model, ["left"])
    inputs = {node.name: list(node.input) for node in model.graph.node if node.name}
    assert inputs == {"left": ["a", "a"], "other": ["d", "k"]}
