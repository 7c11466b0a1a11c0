"""Graphs of vectors in fewer bits: float16, and int8 with calibration pictures."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike.encoders.pipeline import Array
from lookalike.errors import UsageError, WeightsError
from lookalike.exporting.graph import PICTURES, opset_of, quiet
from lookalike.exporting.rounding import rounded, unquantised
from lookalike.exporting.sums import may_saturate
from lookalike.extras import require

if TYPE_CHECKING:
    import onnx

EXPORT_PRECISIONS = ("f32", "f16", "int8")
CALIBRATION_BATCH = 8
_ANY = 2**31
INT8_OPSET = 13
"""First operator set with a range for each channel."""


def holds_integers(model: onnx.ModelProto) -> bool:
    """Whether a graph is quantised already."""
    return any(one.op_type == "DequantizeLinear" for one in model.graph.node)


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph computed in float16, its input and output still float32."""
    float16: Any = require("onnxruntime.transformers.float16", purpose="a float16 export")
    with quiet():
        found: onnx.ModelProto = float16.convert_float_to_float16(model, keep_io_types=True)
    return found


def quantised(model: onnx.ModelProto, pictures: Array) -> onnx.ModelProto:
    """The graph in int8: weights per channel, activations by the range that pictures show.

    Static post-training quantisation by ONNX Runtime, written as pairs of QuantizeLinear and
    DequantizeLinear, which ONNX Runtime and OpenVINO both run in integers. Weights are signed and
    so small that no CPU's sums run over (see `lookalike.exporting.sums`), which is proven of the
    finished graph. Signed values instead of unsigned ones would not do: both engines turn them into
    unsigned ones. Unsigned weights are added up exactly, and as slowly as floats.

    Args:
        model: As `vector_graph` makes it.
        pictures: (P, ...) float32, normalised as the network takes them.

    Raises:
        UsageError: The graph's operator set is older than `INT8_OPSET`.
        WeightsError: A sum in the quantised graph could run over.
    """
    if opset_of(model) < INT8_OPSET:
        raise UsageError(
            f"int8 takes operator set {INT8_OPSET} or newer, and this is {opset_of(model)}",
            cure=f"--opset {INT8_OPSET}",
        )
    quantisation: Any = require("onnxruntime.quantization", purpose="an int8 export")
    optimizer: Any = require("onnxscript.optimizer", purpose="an int8 export")
    with quiet():  # weights that are kept in halves, say, are no constants to the quantiser
        model = optimizer.optimize(model, input_size_limit=_ANY, output_size_limit=_ANY)

    class Reader(quantisation.CalibrationDataReader):  # type: ignore[misc]  # known at run time
        """Hands the pictures out."""

        def __init__(self) -> None:
            self.batches = _batches(pictures)

        def get_next(self) -> dict[str, Array] | None:
            batch = next(self.batches, None)
            return None if batch is None else {PICTURES: batch}

    onnx_: Any = require("onnx", purpose="an int8 export")
    signed = quantisation.QuantType.QInt8
    plan = rounded(model, _batches(pictures))
    with tempfile.TemporaryDirectory() as folder, quiet():
        target = Path(folder) / "int8.onnx"
        quantisation.quantize_static(
            plan.model,
            target,
            Reader(),
            quant_format=quantisation.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantisation.QuantType.QUInt8,
            weight_type=signed,
            nodes_to_exclude=list(plan.left),
            extra_options={"TensorQuantOverrides": plan.overrides(signed)},
        )
        found: onnx.ModelProto = onnx_.load(target)
    unquantised(found, plan.left)
    unsafe = may_saturate(found)
    if unsafe:
        raise WeightsError(
            f"int8 would be another network on a CPU without VNNI; {unsafe[0]}",
            cure="--precision f16, or f32",
        )
    return found


def _batches(pictures: Array) -> Iterator[Array]:
    for start in range(0, len(pictures), CALIBRATION_BATCH):
        yield pictures[start : start + CALIBRATION_BATCH]
