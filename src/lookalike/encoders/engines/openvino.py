"""OpenVINO: ONNX files as they are, torch modules by conversion."""

from __future__ import annotations

import contextlib
import importlib
import queue
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from lookalike.encoders.cores import usable_cores
from lookalike.encoders.engines.converted import converted
from lookalike.encoders.engines.intake import INTEGERS, fed
from lookalike.encoders.engines.links import as_files
from lookalike.encoders.engines.network import (
    Array,
    Network,
    OnnxFile,
    Runtime,
    as_floats,
    check_inputs,
    in_batches_of,
    run_error,
)
from lookalike.errors import DeviceMemoryError, MissingDeviceError, WeightsError
from lookalike.images import Preprocess


def openvino() -> ModuleType:
    """The openvino package, imported without its converter and its telemetry.

    OpenVINO's package reports its own import to a server unless its telemetry package is absent;
    and importing its converter takes longer than the rest. Neither is wanted.
    """
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    with _hidden("openvino_telemetry", "openvino.tools.ovc"):
        return importlib.import_module("openvino")


@contextlib.contextmanager
def _hidden(*names: str) -> Iterator[None]:
    """Makes imports of these modules fail meanwhile, unless they are loaded already."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None blocks an import
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


CORES_PER_STREAM = 8
"""Cores that run one batch together on long work. Fewer would run more batches at once, each with
its own working memory; on two cores one stream for both was the quickest."""

SUITABLE_BATCH = 8
"""Pictures per run on a CPU: with 4 or 16 a run took longer per picture."""

_KINDS = {"f": "float", "i": "int", "u": "uint", "bf": "bfloat"}
"""How OpenVINO's names of types begin, and how NumPy's do."""


class OpenVinoEngine:
    """An OpenVINO model; see `Engine`."""

    def __init__(self, network: Network, runtime: Runtime) -> None:
        self.batch = runtime.batch or SUITABLE_BATCH
        self.network, self.runtime = network, runtime
        ov = openvino()
        core = ov.Core()
        device = (runtime.device or "CPU").upper()
        if device.split(":")[0].split(".")[0] not in {
            name.split(".")[0] for name in core.available_devices
        }:
            raise MissingDeviceError(
                f"OpenVINO has no device {device!r} here",
                cure="one of " + ", ".join(core.available_devices),
            )
        self._core, self._device = core, device
        self.notes: tuple[str, ...] = ()
        self._taken: tuple[Preprocess, int | None] | None = None
        self._model = self._read(ov, core, network)
        self.asked = "f32" if runtime.precision == "auto" else runtime.precision
        self.input_shape = _shape(self._model.inputs[0])
        self.input_type = _kind(self._model.inputs[0])
        self.outputs = self._output_shapes(network)
        threads = runtime.threads or usable_cores()
        self._streams = 1 if runtime.batch is None else max(1, threads // CORES_PER_STREAM)
        self.streams = self._streams + 1  # so that the next batch waits when one is done

    def _output_shapes(self, network: Network) -> dict[str, tuple[int, ...]]:
        ports = self._model.outputs
        told = network.outputs if isinstance(network, OnnxFile) else ()
        names = [
            told[index] if len(told) == len(ports) else _name(port, index)
            for index, port in enumerate(ports)
        ]
        self._positions = {name: index for index, name in enumerate(names)}
        shapes = [_shape(port) for port in ports]
        if any(-1 in shape[1:] for shape in shapes):  # known only after the compiler folded it
            with contextlib.suppress(RuntimeError):  # one that can't run says so when it is tried
                compiled = self._core.compile_model(self._model, self._device)
                shapes = [_shape(port) for port in compiled.outputs]
        return {name: shapes[index] for name, index in self._positions.items()}

    def take(self, preprocess: Preprocess, *, singly: bool = False) -> None:
        """See `Engine.take`; normalising becomes a part of the graph.

        With a batch size in the runtime the graph is compiled for it; a graph that can't be is
        left as it is. Whole numbers, for a network that takes such, are made outside the graph,
        where nothing rounds.
        """
        self._preprocess, self._singly = preprocess, singly
        self._outside = self.input_type in INTEGERS
        wanted = (preprocess, None if singly else self.runtime.batch)
        if self._taken == wanted:
            return
        self._taken = wanted
        graph = self._model if self._outside else _with_intake(self._model, preprocess)
        batch = self.input_shape[0]
        if batch == -1 and self.runtime.batch is not None and not singly:
            fixed = graph.clone()
            shape = fixed.inputs[0].partial_shape
            shape[0] = self.runtime.batch
            with contextlib.suppress(RuntimeError):
                fixed.reshape(shape)
                graph, batch = fixed, self.runtime.batch
        config: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": self.asked,
            "NUM_STREAMS": str(self._streams),
        }
        if self.runtime.threads:
            config["INFERENCE_NUM_THREADS"] = self.runtime.threads
        self._compiled, self._length = self._compile(graph, batch, config)
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.precision = self._compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        self.label = f"openvino {self.precision} on {self._device}"

    def _compile(self, graph: Any, batch: int, config: dict[str, Any]) -> tuple[Any, int]:
        """The graph ready to run, and how many pictures it takes at once; -1 for any number."""
        try:
            return self._core.compile_model(graph, self._device, config), batch
        except RuntimeError as error:
            if not isinstance(self.network, OnnxFile):
                raise
            with contextlib.suppress(RuntimeError):  # shapes inside may be known for one picture
                single = graph.clone()
                shape = single.inputs[0].partial_shape
                shape[0] = 1
                single.reshape(shape)
                return self._core.compile_model(single, self._device, config), 1
            raise WeightsError(
                f"OpenVINO can't compile the network: {_reason(error)}",
                where=str(self.network.path),
                cure="export it again, or try engine=onnxruntime",
            ) from error

    def run(self, batch: Array, outputs: tuple[str, ...]) -> list[Array]:
        """See `Engine.run`."""
        wanted = [self._positions[name] for name in outputs]

        def run(part: Array) -> list[Array]:
            request = self._request()
            given = fed(self._preprocess, part, self.input_type) if self._outside else part
            try:
                # not shared: a request keeps looking at the memory of its last input
                request.infer([np.ascontiguousarray(given)], share_inputs=False)
                found = [
                    as_floats(request.get_output_tensor(index).data, name)
                    for index, name in zip(wanted, outputs, strict=True)
                ]
            except RuntimeError as error:
                self._taken = None  # what failed keeps the shapes of that run, and fails again
                raise self._failed(error, len(part), outputs) from error
            self._requests.put(request)
            return found

        return in_batches_of(self._length, run, batch, outputs, singly=self._singly)

    def _failed(self, error: Exception, count: int, outputs: tuple[str, ...]) -> Exception:
        told = str(error)
        if "allocate" in told or "bad_alloc" in told:
            return DeviceMemoryError(f"OpenVINO ran out of memory: {_reason(error)}")
        if not isinstance(self.network, OnnxFile):
            return error
        return run_error("OpenVINO", count, outputs, _reason(error), self.network)

    def _request(self) -> Any:
        """A request that no other thread uses; there are as many as threads ever ran at once."""
        try:
            return self._requests.get_nowait()
        except queue.Empty:
            return self._compiled.create_infer_request()

    def _read(self, ov: ModuleType, core: Any, network: Network) -> Any:
        if not isinstance(network, OnnxFile):
            model, self.notes = converted(ov, core, network)
            return model
        try:
            with as_files(network) as path:
                model = core.read_model(path)
        except RuntimeError as error:
            raise WeightsError(
                f"OpenVINO can't read the network: {_reason(error)}",
                where=str(network.path),
                cure="export it again, or try engine=onnxruntime",
            ) from error
        check_inputs(len(model.inputs), network.path)
        return model


def _reason(error: Exception) -> str:
    """What OpenVINO says, without the places in its own sources."""
    lines = [line.strip() for line in str(error).strip().splitlines()]
    told = [line for line in lines if line and not line.startswith(("Exception from", "Check '"))]
    return (told or lines or [type(error).__name__])[-1][:300]


def _with_intake(model: Any, preprocess: Preprocess) -> Any:
    """A model that takes (N, H, W, 3) uint8 RGB and normalises it itself."""
    from openvino.preprocess import PrePostProcessor

    ov = openvino()
    size = preprocess.output_size
    assert size is not None
    builder = PrePostProcessor(model.clone())
    taken = builder.input()
    taken.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    taken.tensor().set_spatial_static_shape(*size)
    taken.model().set_layout(ov.Layout(preprocess.layout.upper()))
    steps = taken.preprocess().convert_element_type(ov.Type.f32)
    if preprocess.order == "bgr":
        steps = steps.reverse_channels()
    channels = preprocess.channels
    steps.mean([preprocess.mean[channel] / preprocess.scale for channel in channels])
    steps.scale([preprocess.std[channel] / preprocess.scale for channel in channels])
    return builder.build()


def _shape(port: Any) -> tuple[int, ...]:
    sizes = port.partial_shape
    if sizes.rank.is_dynamic:
        return ()
    return tuple(size.get_length() if size.is_static else -1 for size in sizes)


def _kind(port: Any) -> str:
    """What a port holds, by NumPy's names where it has one."""
    name = str(port.element_type.get_type_name())
    letters = name.rstrip("0123456789")
    return _KINDS.get(letters, letters) + name[len(letters) :]


def _name(port: Any, index: int) -> str:
    names = sorted(port.get_names())
    return names[0] if names else f"output{index}"
