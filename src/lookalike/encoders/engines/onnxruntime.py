"""ONNX Runtime: ONNX files only."""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.encoders.engines.network import (
    Array,
    OnnxFile,
    Runtime,
    check_inputs,
    in_batches_of,
)
from lookalike.errors import DeviceMemoryError, MissingDeviceError, UsageError, WeightsError
from lookalike.extras import require
from lookalike.images import Preprocess

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "mps": "CoreMLExecutionProvider",
}


class OnnxRuntimeEngine:
    """A session of ONNX Runtime; see `Engine`."""

    streams = 2
    batch = None

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
        options.log_severity_level = 3
        if runtime.threads:
            options.intra_op_num_threads = runtime.threads
        try:
            self._session: Any = ort.InferenceSession(network.path, options, providers=[provider])
        except Exception as error:  # the bindings raise types of their own
            raise WeightsError(
                f"onnxruntime can't read the network: {error}", where=str(network.path)
            ) from error
        first, *others = self._session.get_inputs()
        check_inputs(1 + len(others), network.path)
        self._input = first.name
        self.input_shape = _shape(first.shape)
        self.outputs = {port.name: _shape(port.shape) for port in self._session.get_outputs()}
        self.asked = self.precision = "f32"
        self.label = f"onnxruntime f32 on {device.upper()}"

    def take(self, preprocess: Preprocess) -> None:
        """See `Engine.take`; normalised in NumPy."""
        self._preprocess = preprocess

    def run(self, batch: Array, outputs: tuple[str, ...]) -> list[Array]:
        """See `Engine.run`."""

        def run(part: Array) -> list[Array]:
            feed = {self._input: self._preprocess.normalise(part)}
            try:
                results = self._session.run(list(outputs), feed)
            except Exception as error:  # the bindings raise types of their own
                if "allocate memory" not in str(error):
                    raise
                raise DeviceMemoryError(f"onnxruntime ran out of memory: {error}") from error
            return [np.asarray(one, np.float32) for one in results]

        return in_batches_of(self.input_shape[0], run, batch)


def _shape(sizes: list[Any]) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else -1 for size in sizes)
