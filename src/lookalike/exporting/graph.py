"""From an encoder's network to an ONNX graph that gives its vectors."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike.encoders.engines import OnnxFile, TorchNetwork, Wiring
from lookalike.encoders.pooling import pooled_axes
from lookalike.errors import UsageError, WeightsError
from lookalike.extras import require

if TYPE_CHECKING:
    import onnx
    import torch

DEFAULT_OPSET = 20
"""Operator set of exported torch networks unless another is asked for."""

OLDEST_OPSET = 11
"""With it the published re-identification networks were exported."""

PICTURES, FEATURES = "encoder/pictures", "encoder/features"
"""Names of the graph's input and output."""

_NEW_EXPORTER = 18
"""First operator set that torch's exporter from programs writes; older ones come by tracing."""

_REDUCES_BY_INPUT = 18
"""First operator set in which most reductions take their axes as an input."""


def vector_graph(wiring: Wiring, opset: int | None) -> onnx.ModelProto:
    """An ONNX model from prepared pictures to vectors, simplified.

    Args:
        wiring: The network, which output is taken, and how it is pooled.
        opset: Operator set; None for `DEFAULT_OPSET`, or that of an ONNX file.

    Returns:
        Its input is called `PICTURES` and its output `FEATURES` (N, D).

    Raises:
        UsageError: An operator set that is too old for the network, or that nothing here writes.
        WeightsError: A network that can't be exported.
    """
    check_opset(opset)
    network = wiring.network
    if isinstance(network, TorchNetwork):
        model = _from_torch(network, opset or DEFAULT_OPSET)
    else:
        model = _from_file(network, opset)
    if opset not in (None, opset_of(model)):
        raise UsageError(
            f"operator set {opset} is newer than what is written here: it became {opset_of(model)}",
            cure="leave --opset out",
        )
    return simplified(_with_ends(model, wiring))


def check_opset(opset: int | None) -> None:
    """Raise `UsageError` for an operator set that is older than any that is written."""
    if opset is not None and opset < OLDEST_OPSET:
        raise UsageError(
            f"operator set {opset} is older than {OLDEST_OPSET}, the oldest that is written"
        )


def simplified(model: onnx.ModelProto) -> onnx.ModelProto:
    """Constants folded, normalisation folded into convolutions, dead and double nodes gone."""
    optimizer: Any = require("onnxscript.optimizer", purpose="an export")
    rewriter: Any = require("onnxscript.rewriter", purpose="an export")
    with quiet():
        found: onnx.ModelProto = rewriter.rewrite(optimizer.optimize(model))
    for one in found.graph.node:
        one.doc_string = ""
        del one.metadata_props[:]
    del found.graph.value_info[:]
    del found.graph.metadata_props[:]
    del found.metadata_props[:]
    found.doc_string = ""
    for value in (*found.graph.input, *found.graph.output):
        del value.metadata_props[:]
    return found


def opset_of(model: onnx.ModelProto) -> int:
    """The version of ONNX's own operators that a model uses."""
    return next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))


def axes(model: onnx.ModelProto, op: str, source: str, target: str, over: list[int]) -> None:
    """Appends a reduction, whose axes are an attribute in old operator sets and an input in new.

    Args:
        model: Changed in place.
        op: ``ReduceMean``, ``ReduceMax`` or ``ReduceL2``; axes are kept by the last alone.
        source: Name of its input.
        target: Name of its output.
        over: The axes.
    """
    keep = int(op == "ReduceL2")
    if opset_of(model) < _REDUCES_BY_INPUT:
        node(model, op, [source], target, axes=over, keepdims=keep)
    else:
        held = constant(model, f"{target}.axes", np.array(over, np.int64))
        node(model, op, [source, held], target, keepdims=keep)


def constant(model: onnx.ModelProto, name: str, values: Any) -> str:
    """Adds a constant and returns its name."""
    numpy_helper = require("onnx.numpy_helper", purpose="an export")
    model.graph.initializer.append(numpy_helper.from_array(values, name))
    return name


def node(model: onnx.ModelProto, op: str, sources: list[str], target: str, **more: Any) -> str:
    """Appends a node and returns the name of its output."""
    helper = require("onnx.helper", purpose="an export")
    model.graph.node.append(helper.make_node(op, sources, [target], **more))
    return target


def _from_torch(network: TorchNetwork, opset: int) -> onnx.ModelProto:
    torch: Any = require("torch", purpose="exporting a torch network")
    require("onnxscript", purpose="exporting a torch network")
    onnx: Any = require("onnx", purpose="an export")
    example = torch.zeros(2, *network.input_shape)
    try:
        with quiet(), _plain_attention(torch), _plain_memory(network.module) as module:
            if opset >= _NEW_EXPORTER:
                program = torch.onnx.export(
                    module,
                    (example,),
                    input_names=[PICTURES],
                    dynamic_shapes=({0: torch.export.Dim("N")},),
                    opset_version=opset,
                    dynamo=True,
                    verbose=False,
                )
                return program.model_proto
            stream = io.BytesIO()
            with _mute():
                torch.onnx.export(
                    module,
                    (example,),
                    stream,
                    input_names=[PICTURES],
                    dynamic_axes={PICTURES: {0: "N"}},
                    opset_version=opset,
                    dynamo=False,
                )
            return onnx.load_from_string(stream.getvalue())
    except Exception as error:  # exporters raise types of their own
        reason = str(error).strip().partition("\n")[0][:300]
        cure = "leave --opset out, or give a newer one" if opset != DEFAULT_OPSET else ""
        raise WeightsError(
            f"the network can't be exported at operator set {opset}: {reason}", cure=cure
        ) from error


def _from_file(network: OnnxFile, opset: int | None) -> onnx.ModelProto:
    onnx: Any = require("onnx", purpose="an export")
    model = onnx.load(network.path)
    inputs = _inputs(model)
    if len(inputs) != 1:
        raise UsageError(
            f"the network has {len(inputs)} inputs, and an encoder has one", where=str(network.path)
        )
    wanted = opset or max(opset_of(model), OLDEST_OPSET)
    if wanted != opset_of(model):
        try:
            model = onnx.version_converter.convert_version(model, wanted)
        except Exception as error:  # the converter raises types of its own
            reason = str(error).strip().partition("\n")[0][:300]
            raise UsageError(
                f"the file has operator set {opset_of(model)}, which can't be converted to "
                f"{wanted}: {reason}",
                where=str(network.path),
                cure="leave --opset out",
            ) from error
        if wanted < _REDUCES_BY_INPUT:
            _drop_new_attribute(model)
    batch = inputs[0].type.tensor_type.shape.dim[0]
    if batch.HasField("dim_value"):
        raise UsageError(
            f"the file takes batches of {batch.dim_value} alone, and an export takes any number",
            where=str(network.path),
            cure="export the network to ONNX with a dynamic batch axis first",
        )
    if all(one.type.tensor_type.HasField("shape") for one in model.graph.output):
        return model
    inferred: onnx.ModelProto = onnx.shape_inference.infer_shapes(model)
    return inferred


def _inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """What has to be fed: old files list their weights among the inputs, too."""
    initial = {one.name for one in model.graph.initializer}
    return [one for one in model.graph.input if one.name not in initial]


def _drop_new_attribute(model: onnx.ModelProto) -> None:
    """Reductions without an attribute that they had not yet, and that the converter leaves."""
    for one in model.graph.node:
        for found in list(one.attribute):
            if found.name == "noop_with_empty_axes" and not found.i:
                one.attribute.remove(found)


def _with_ends(model: onnx.ModelProto, wiring: Wiring) -> onnx.ModelProto:
    """The model with one input and one output of known names, pooled as the card says."""
    onnx: Any = require("onnx", purpose="an export")
    entry = _inputs(model)[0]
    sizes = [one.dim_value for one in entry.type.tensor_type.shape.dim[1:]]
    place = [one.name for one in model.graph.input].index(entry.name)
    found: onnx.ModelProto = onnx.compose.add_prefix(model, "network/")
    graph = found.graph
    taken, given = graph.input[place].name, graph.output[wiring.output]
    name, held = given.name, given.type.tensor_type.elem_type
    declared = entry.type.tensor_type.elem_type
    rank = len(wiring.shape or given.type.tensor_type.shape.dim)
    del graph.input[place]
    del graph.output[:]
    floats = onnx.TensorProto.FLOAT
    graph.input.insert(0, onnx.helper.make_tensor_value_info(PICTURES, floats, ["N", *sizes]))
    graph.output.append(onnx.helper.make_tensor_value_info(FEATURES, floats, ["N", None]))
    for position, one in enumerate(_given_as(declared, taken)):
        graph.node.insert(position, one)
    if held not in (floats, onnx.TensorProto.UNDEFINED):
        name = node(found, "Cast", [name], f"{FEATURES}.float", to=floats)
    if wiring.pooling.startswith(("avg", "max")):
        op = "ReduceMean" if wiring.pooling.startswith("avg") else "ReduceMax"
        axes(found, op, name, FEATURES, list(pooled_axes(wiring.pooling, rank)))
    elif wiring.pooling == "flatten":
        node(found, "Flatten", [name], FEATURES, axis=1)
    elif wiring.pooling == "cls":
        first = constant(found, "first", np.array(0, np.int64))
        node(found, "Gather", [name, first], FEATURES, axis=1)
    elif wiring.shape is not None and len(given.type.tensor_type.shape.dim) != rank:
        # what a file declares may lack axes of one, as may what its network gives for one picture
        row = constant(found, "row", np.array([-1, wiring.shape[1]], np.int64))
        node(found, "Reshape", [name, row], FEATURES)
    else:
        node(found, "Identity", [name], FEATURES)
    return found


def _given_as(kind: int, target: str) -> list[onnx.NodeProto]:
    """Nodes from float32 pictures to the type that a network takes; to whole numbers by rounding.

    Args:
        kind: The type, as ONNX numbers them.
        target: Name of the network's input.
    """
    onnx: Any = require("onnx", purpose="an export")
    helper, source = onnx.helper, PICTURES
    if kind in (onnx.TensorProto.FLOAT, onnx.TensorProto.UNDEFINED):
        return [helper.make_node("Identity", [source], [target])]
    nodes = []
    if np.issubdtype(helper.tensor_dtype_to_np_dtype(kind), np.integer):
        nodes.append(helper.make_node("Round", [source], [f"{source}.whole"]))
        source = f"{source}.whole"
    return [*nodes, helper.make_node("Cast", [source], [target], to=kind)]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hides what exporters and optimisers say of their own parts: the result is checked anyway."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


@contextlib.contextmanager
def _mute() -> Iterator[None]:
    """Nothing on standard output, where torch's tracer prints a graph that it can't export."""
    try:
        before = os.dup(1)
    except OSError:  # there is none
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(before, 1)
        os.close(nowhere)
        os.close(before)


@contextlib.contextmanager
def _plain_memory(module: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """The module on the CPU with channels first in memory; other orders leave traces in a graph."""
    torch: Any = require("torch", purpose="exporting a torch network")
    moved: Any = module
    weights = list(module.parameters())
    device = weights[0].device if weights else torch.device("cpu")
    last = any(not one.is_contiguous() for one in weights)
    try:
        yield moved.to("cpu", memory_format=torch.contiguous_format)
    finally:
        order = torch.channels_last if last else torch.contiguous_format
        moved.to(device, memory_format=order)


@contextlib.contextmanager
def _plain_attention(torch: Any) -> Iterator[None]:
    """Without torch's fused attention, for which ONNX has no operator."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
