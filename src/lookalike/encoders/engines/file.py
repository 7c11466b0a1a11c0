"""An ONNX file run as it is: named arrays in, named arrays out, any number of inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from lookalike.encoders.engines.network import Array
from lookalike.errors import UnknownNameError, WeightsError
from lookalike.extras import installed, require

Run: TypeAlias = Callable[[Mapping[str, Array]], "dict[str, Array]"]


def file_engines() -> tuple[str, ...]:
    """The engines here that run ONNX files."""
    return ("openvino", *(("onnxruntime",) if installed("onnxruntime") else ()))


def open_file(path: Path, engine: str) -> Run:
    """A function that runs a file in f32 on the CPU.

    Args:
        path: Of the file.
        engine: ``openvino`` or ``onnxruntime``.

    Raises:
        UnknownNameError: Another engine.
        WeightsError: The engine can't read the file; running it may raise errors of its own.
    """
    if engine not in ("openvino", "onnxruntime"):
        raise UnknownNameError("engine for ONNX files", engine, ("openvino", "onnxruntime"))
    try:
        return _openvino(path) if engine == "openvino" else _onnxruntime(path)
    except Exception as error:  # the bindings raise types of their own
        reason = str(error).strip().splitlines()[-1]
        raise WeightsError(f"{engine} can't read the file: {reason}", where=str(path)) from error


def _openvino(path: Path) -> Run:
    from lookalike.encoders.engines.openvino import openvino

    config = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled: Any = openvino().Core().compile_model(path, "CPU", config)

    def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
        results = compiled(dict(inputs))
        # a port has the names of all values that it stands for
        return {
            name: np.array(results[port]) for port in compiled.outputs for name in port.get_names()
        }

    return run


def _onnxruntime(path: Path) -> Run:
    ort = require("onnxruntime", purpose="running an ONNX file")
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_outputs()]

    def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
        return dict(zip(names, session.run(None, dict(inputs)), strict=True))

    return run
