"""ONNX Runtime: ONNX files only."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from lookalike.encoders.engines.intake import fed
from lookalike.encoders.engines.links import as_files
from lookalike.encoders.engines.network import (
    Array,
    OnnxFile,
    Runtime,
    as_floats,
    check_inputs,
    in_batches_of,
    run_error,
)
from lookalike.errors import DeviceMemoryError, MissingDeviceError, UsageError, WeightsError
from lookalike.extras import require
from lookalike.images import Preprocess

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "mps": "CoreMLExecutionProvider",
}

_KINDS = {"float": "float32", "double": "float64", "string": "text"}
"""ONNX Runtime's names of types, where NumPy's are others."""

_FATAL = 4
"""Severity below which nothing is printed: what goes wrong is raised as well."""


class OnnxRuntimeEngine:
    """A session of ONNX Runtime; see `Engine`."""

    streams = 2
    batch = None
    notes = ()

    def __init__(self, network: OnnxFile, runtime: Runtime) -> None:
        self.network, self.runtime = network, runtime
        ort = require("onnxruntime", purpose="engine=onnxruntime")
        if runtime.precision not in {"auto", "f32"}:
            raise UsageError(
                f"onnxruntime runs a network in the precision of its file, not {runtime.precision}",
                cure="use precision=f32, or engine=openvino",
            )
        device = runtime.device or "cpu"
        provider = PROVIDERS.get(device.split(":")[0].lower(), device)
        if provider not in ort.get_available_providers():
            raise MissingDeviceError(
                f"onnxruntime has no provider for {device!r} here",
                cure="one of " + ", ".join(ort.get_available_providers()),
            )
        options = ort.SessionOptions()
        options.log_severity_level = _FATAL
        if runtime.threads:
            options.intra_op_num_threads = runtime.threads
        try:
            with as_files(network) as path:
                self._session: Any = ort.InferenceSession(path, options, providers=[provider])
        except WeightsError:
            raise
        except Exception as error:  # the bindings raise types of their own
            raise WeightsError(
                f"onnxruntime can't read the network: {_reason(error)}",
                where=str(network.path),
                cure="export it again, or try engine=openvino",
            ) from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        check_inputs(len(inputs), network.path)
        self._input = inputs[0].name
        self.input_shape = _shape(inputs[0].shape)
        self.input_type = _kind(inputs[0])
        self.outputs = {port.name: _shape(port.shape) for port in outputs}
        self.asked = self.precision = "f32"
        self.label = f"onnxruntime f32 on {device.upper()}"

    def take(self, preprocess: Preprocess, *, singly: bool = False) -> None:
        """See `Engine.take`; normalised in NumPy."""
        self._preprocess, self._singly = preprocess, singly

    def run(self, batch: Array, outputs: tuple[str, ...]) -> list[Array]:
        """See `Engine.run`."""

        def run(part: Array) -> list[Array]:
            feed = {self._input: fed(self._preprocess, part, self.input_type)}
            try:
                results = self._session.run(list(outputs), feed)
            except Exception as error:  # the bindings raise types of their own
                if "allocate memory" in str(error):
                    raise DeviceMemoryError(f"onnxruntime ran out of memory: {error}") from error
                raise run_error(
                    "onnxruntime", len(part), outputs, _reason(error), self.network
                ) from error
            return [
                as_floats(np.asarray(one), name) for name, one in zip(outputs, results, strict=True)
            ]

        size = self.input_shape[0] if self.input_shape else -1
        return in_batches_of(size, run, batch, outputs, singly=self._singly)


def _reason(error: Exception) -> str:
    """What ONNX Runtime says, without the place in its own sources."""
    told = str(error).strip().partition("\n")[0] or type(error).__name__
    told = re.sub(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ", "", told)
    told = re.sub(r"/onnxruntime_src/\S+:\d+ .*\) ", "", told)
    failed = re.search(r"running (\w+) node.*?Status Message: (?:.* was false\. )?(.*)", told)
    return (f"{failed[1]}: {failed[2]}" if failed else told)[:300]


def _kind(port: Any) -> str:
    name = port.type.removeprefix("tensor(").removesuffix(")")
    return _KINDS.get(name, name)


def _shape(sizes: list[Any] | None) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else -1 for size in sizes or ())
