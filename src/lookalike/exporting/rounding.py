"""Weights rounded to int8, with what rounding shifts taken back, before ranges are looked for."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.pipeline import Array
from lookalike.exporting.graph import PICTURES
from lookalike.exporting.sums import OTHER_SUMS, WEIGHTS, channel_axis, safe_scales
from lookalike.extras import require

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Rounded:
    """A float network that computes with the weights of its int8 version.

    Attributes:
        model: The network.
        scales: Weight → axis of its channels, and (C,) step of each.
        left: Names of nodes that stay as they are: nothing bounds their sums in integers, or they
            compute sizes, of which a rounded one is a wrong one.
    """

    model: onnx.ModelProto
    scales: dict[str, tuple[int, NDArray[np.float32]]]
    left: tuple[str, ...]

    def overrides(self, kind: Any) -> dict[str, list[dict[str, Any]]]:
        """The steps as ONNX Runtime's quantiser takes them.

        Args:
            kind: Its name for int8.
        """
        return {
            name: [
                {"axis": axis, "scale": step, "zero_point": np.int8(0), "quant_type": kind}
                for step in steps
            ]
            for name, (axis, steps) in self.scales.items()
        }


def rounded(model: onnx.ModelProto, batches: Iterable[Array]) -> Rounded:
    """The network with every weight rounded by `safe_scales`, and biases corrected.

    Rounding shifts the mean of a channel by the sum of what each weight lost times the mean of what
    it is multiplied by. Over many layers that is most of the damage, and the bias takes it back.

    Args:
        model: Floats, constants as initializers; its input is called `PICTURES`. It stays as it is.
        batches: Pictures as the network takes them, from which the means come.
    """
    onnx: Any = require("onnx", purpose="an int8 export")
    made = copy.deepcopy(model)
    _give_names(made)
    held = {one.name: one for one in made.graph.initializer}
    axes, left = _axes(made, held)
    nodes = [node for node in made.graph.node if node.op_type in WEIGHTS and node.name not in left]
    means = _means(made, [node for node in nodes if _correctable(node, held)], batches)
    scales: dict[str, tuple[int, NDArray[np.float32]]] = {}
    lost: dict[str, NDArray[np.float64]] = {}
    for name, axis in axes.items():
        weights = onnx.numpy_helper.to_array(held[name])
        steps = safe_scales(weights, axis)
        along = steps.reshape([-1 if n == axis else 1 for n in range(weights.ndim)])
        near = np.round(weights / along) * along
        scales[name], lost[name] = (axis, steps), np.moveaxis(weights - near, axis, 0)
        held[name].CopyFrom(onnx.numpy_helper.from_array(near.astype(np.float32), name))
    for node in nodes:
        if node.input[0] in means and _correctable(node, held):
            shift = _shift(lost[node.input[1]], means[node.input[0]])
            _correct(made, node, shift, held)
    _drop_unused(made)
    return Rounded(made, scales, tuple(sorted(left)))


def unquantised(model: onnx.ModelProto, names: Iterable[str]) -> None:
    """Gives some nodes of a quantised graph their floats, past every pair of Quantize and back.

    The quantiser leaves such nodes alone, and yet they get what it made of their neighbours'
    values. Then an engine may run them in integers after all.

    Args:
        model: Is changed.
        names: Of the nodes.
    """
    made = {name: node for node in model.graph.node for name in node.output}
    wanted = set(names)
    for node in model.graph.node:
        if node.name not in wanted:
            continue
        for port, name in enumerate(node.input):
            back = made.get(name)
            if back is not None and back.op_type == "DequantizeLinear":
                there = made.get(back.input[0])
                if there is not None and there.op_type == "QuantizeLinear":
                    node.input[port] = there.input[0]


def _give_names(model: onnx.ModelProto) -> None:
    """Every node a name of its own, by which it can be left out."""
    seen: set[str] = set()
    for number, node in enumerate(model.graph.node):
        if not node.name or node.name in seen:
            node.name = f"{node.op_type}.{number}"
        seen.add(node.name)


def _axes(
    model: onnx.ModelProto, held: dict[str, onnx.TensorProto]
) -> tuple[dict[str, int], set[str]]:
    """Weight → axis of its channels; and the names of nodes that have no such weights."""
    axes: dict[str, int] = {}
    left = _sizes(model, held)
    for node in model.graph.node:
        if node.op_type in OTHER_SUMS:
            left.add(node.name)
        if node.op_type not in WEIGHTS or node.name in left:
            continue
        name = node.input[1]
        axis = channel_axis(node, len(held[name].dims)) if name in held else None
        if axis is None or held[name].data_type != 1 or axes.get(name, axis) != axis:
            left.add(node.name)
        else:
            axes[name] = axis
    return axes, left


def _sizes(model: onnx.ModelProto, held: Iterable[str]) -> set[str]:
    """Names of nodes that compute with shapes and constants alone, such as how much to pad."""
    known, names = set(held), set()
    for node in model.graph.node:
        if node.op_type in ("Shape", "Size") or all(not n or n in known for n in node.input):
            known.update(node.output)
            names.add(node.name)
    return names


def _drop_unused(model: onnx.ModelProto) -> None:
    """Takes out the constants that nobody reads; engines complain of them."""
    read = {name for node in model.graph.node for name in node.input}
    read |= {one.name for one in model.graph.output}
    for one in [one for one in model.graph.initializer if one.name not in read]:
        model.graph.initializer.remove(one)


def _attribute(node: onnx.NodeProto, name: str, default: float) -> float:
    found = next((one for one in node.attribute if one.name == name), None)
    return default if found is None else (found.f if found.type == 1 else found.i)


def _correctable(node: onnx.NodeProto, held: dict[str, onnx.TensorProto]) -> bool:
    """Whether a node has a constant bias for each channel, or room for one."""
    if node.op_type == "Gemm":
        plain = _attribute(node, "alpha", 1) == _attribute(node, "beta", 1) == 1
        if not plain or _attribute(node, "transA", 0):
            return False
    elif node.op_type != "Conv":
        return False
    if len(node.input) < 3 or not node.input[2]:
        return True
    bias = held.get(node.input[2])
    axis = channel_axis(node, len(held[node.input[1]].dims)) if node.input[1] in held else None
    return (
        bias is not None
        and axis is not None
        and list(bias.dims) == [held[node.input[1]].dims[axis]]
    )


def _means(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto], batches: Iterable[Array]
) -> dict[str, NDArray[np.float64]]:
    """Value → (C,) mean of each of its channels over pictures and places."""
    onnx: Any = require("onnx", purpose="an int8 export")
    ort: Any = require("onnxruntime", purpose="an int8 export")
    seen = copy.deepcopy(model)
    pooled: dict[str, str] = {}
    for node in nodes:
        name = node.input[0]
        if name in pooled:
            continue
        pooled[name] = f"{name}/mean"
        pool = "GlobalAveragePool" if node.op_type == "Conv" else "Identity"
        seen.graph.node.append(onnx.helper.make_node(pool, [name], [pooled[name]]))
        seen.graph.output.append(
            onnx.helper.make_tensor_value_info(pooled[name], onnx.TensorProto.FLOAT, None)
        )
    if not pooled:
        return {}
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(
        seen.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    sums = {name: np.zeros(1) for name in pooled}
    count = 0
    for batch in batches:
        count += len(batch)
        values = session.run([*pooled.values()], {PICTURES: batch})
        for name, value in zip(pooled, values, strict=True):
            each = value.reshape(*value.shape[:2], -1).mean(axis=(0, 2), dtype=np.float64)
            sums[name] = sums[name] + len(batch) * each
    return {name: total / count for name, total in sums.items()}


def _shift(lost: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """(O,) by how much rounding lowers each channel.

    Args:
        lost: (O, I, ...) what rounding took from each weight.
        means: (C,) of what they are multiplied by; C is I times the number of groups.
    """
    outputs, inputs = lost.shape[:2]
    taken = lost.reshape(outputs, inputs, -1).sum(axis=2)
    groups = len(means) // inputs
    each = np.repeat(means.reshape(groups, inputs), outputs // groups, axis=0)
    found: NDArray[np.float64] = (taken * each).sum(axis=1)
    return found


def _correct(
    model: onnx.ModelProto,
    node: onnx.NodeProto,
    shift: NDArray[np.float64],
    held: dict[str, onnx.TensorProto],
) -> None:
    """Adds to the bias of one node, whoever else has the same."""
    numpy_helper: Any = require("onnx", purpose="an int8 export").numpy_helper
    before = node.input[2] if len(node.input) > 2 else ""
    bias = shift + (numpy_helper.to_array(held[before]) if before else 0)
    name = f"{node.name}/bias"
    model.graph.initializer.append(numpy_helper.from_array(bias.astype(np.float32), name))
    del node.input[2:]
    node.input.append(name)
