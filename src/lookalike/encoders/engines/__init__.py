"""Engines behind one door: the same network, run by OpenVINO, ONNX Runtime or torch."""

from __future__ import annotations

from lookalike.encoders.engines.network import (
    ENGINES,
    PRECISIONS,
    Array,
    Engine,
    Network,
    OnnxFile,
    Runtime,
    TorchNetwork,
    Wiring,
)
from lookalike.errors import UsageError

__all__ = [
    "ENGINES",
    "PRECISIONS",
    "Array",
    "Engine",
    "Network",
    "OnnxFile",
    "Runtime",
    "TorchNetwork",
    "Wiring",
    "open_engine",
    "open_reference",
]


def open_engine(network: Network, runtime: Runtime) -> Engine:
    """A network ready to run on the engine, device and precision asked for.

    Without a wish, OpenVINO runs it on the CPU; a torch network goes to torch where there is a
    CUDA or MPS device, or where one is asked for.

    Raises:
        UsageError: An engine that can't run this kind of network.
        MissingDeviceError: A device that is not there.
        WeightsError: A network the engine can't read.
    """
    engine = runtime.engine or _default(network, runtime)
    if engine == "openvino":
        from lookalike.encoders.engines.openvino import OpenVinoEngine

        return OpenVinoEngine(network, runtime)
    if engine == "onnxruntime":
        if not isinstance(network, OnnxFile):
            raise UsageError(
                "onnxruntime runs ONNX files, and this encoder is a torch network",
                cure="use engine=openvino or engine=torch",
            )
        from lookalike.encoders.engines.onnxruntime import OnnxRuntimeEngine

        return OnnxRuntimeEngine(network, runtime)
    if isinstance(network, OnnxFile):
        raise UsageError(
            "torch does not run ONNX files", cure="use engine=openvino or engine=onnxruntime"
        )
    from lookalike.encoders.engines.torch import TorchEngine

    return TorchEngine(network, runtime)


def open_reference(engine: Engine) -> Engine | None:
    """Another engine that runs the same network in f32, to hold this one against.

    A torch network's reference is torch; that of an ONNX file ONNX Runtime, or OpenVINO where
    that is not installed or is what is to be checked. None for torch in f32, which is the
    reference itself, and where only the same engine in f32 would be left.
    """
    from lookalike.extras import installed

    name, plain = engine.label.split()[0], engine.precision == "f32"
    if isinstance(engine.network, TorchNetwork):
        if name == "torch" and plain:
            return None
        device = engine.runtime.device if name == "torch" else "cpu"
        return open_engine(engine.network, Runtime("torch", "f32", device))
    others = ["onnxruntime"] * (name != "onnxruntime" and installed("onnxruntime"))
    others += ["openvino"] * (name != "openvino" or not plain)
    return open_engine(engine.network, Runtime(others[0], "f32", "cpu")) if others else None


def _default(network: Network, runtime: Runtime) -> str:
    if isinstance(network, OnnxFile):
        return "openvino"
    from lookalike.encoders.engines.torch import best_device
    from lookalike.extras import require

    device = runtime.device or best_device(require("torch", purpose="a torch network"))
    return "torch" if device.lower().startswith(("cuda", "mps")) else "openvino"
