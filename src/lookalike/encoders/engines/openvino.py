"""OpenVINO: ONNX files as they are, torch modules by conversion."""

from __future__ import annotations

import contextlib
import importlib
import os
import queue
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from lookalike.encoders.cache import cache_folder
from lookalike.encoders.cores import usable_cores
from lookalike.encoders.engines.network import (
    Array,
    Network,
    OnnxFile,
    Runtime,
    TorchNetwork,
    check_inputs,
    in_batches_of,
)
from lookalike.errors import MissingDeviceError, WeightsError
from lookalike.images import Preprocess

AGREEMENT = 1e-3
"""Largest difference from torch that a conversion may show, as a share of the largest value."""


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
        self._model = self._read(ov, core, network)
        self.asked = "f32" if runtime.precision == "auto" else runtime.precision
        self.input_shape = _shape(self._model.inputs[0])
        self._positions = {
            _name(port, index): index for index, port in enumerate(self._model.outputs)
        }
        shapes = [_shape(port) for port in self._model.outputs]
        if any(-1 in shape[1:] for shape in shapes):  # known only after the compiler folded it
            compiled = core.compile_model(self._model, device)
            shapes = [_shape(port) for port in compiled.outputs]
        self.outputs = {name: shapes[index] for name, index in self._positions.items()}
        threads = runtime.threads or usable_cores()
        self._streams = 1 if runtime.batch is None else max(1, threads // CORES_PER_STREAM)
        self.streams = self._streams + 1  # so that the next batch waits when one is done

    def take(self, preprocess: Preprocess) -> None:
        """See `Engine.take`; normalising becomes a part of the graph.

        With a batch size in the runtime the graph is compiled for it; a graph that can't be is
        left as it is.
        """
        size = preprocess.output_size
        assert size is not None
        graph = _with_intake(self._model, preprocess)
        batch = self.input_shape[0]
        if batch == -1 and self.runtime.batch is not None:
            fixed = graph.clone()
            with contextlib.suppress(RuntimeError):
                fixed.reshape([self.runtime.batch, *size, 3])
                graph, batch = fixed, self.runtime.batch
        config: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": self.asked,
            "NUM_STREAMS": str(self._streams),
        }
        if self.runtime.threads:
            config["INFERENCE_NUM_THREADS"] = self.runtime.threads
        self._compiled = self._core.compile_model(graph, self._device, config)
        self._length = batch
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.precision = self._compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        self.label = f"openvino {self.precision} on {self._device}"

    def run(self, batch: Array, outputs: tuple[str, ...]) -> list[Array]:
        """See `Engine.run`."""
        wanted = [self._positions[name] for name in outputs]

        def run(part: Array) -> list[Array]:
            request = self._request()
            try:
                # not shared: a request keeps looking at the memory of its last input
                request.infer([np.ascontiguousarray(part)], share_inputs=False)
                return [
                    np.array(request.get_output_tensor(index).data, np.float32) for index in wanted
                ]
            finally:
                self._requests.put(request)

        return in_batches_of(self._length, run, batch)

    def _request(self) -> Any:
        """A request that no other thread uses; there are as many as threads ever ran at once."""
        try:
            return self._requests.get_nowait()
        except queue.Empty:
            return self._compiled.create_infer_request()

    def _read(self, ov: ModuleType, core: Any, network: Network) -> Any:
        if isinstance(network, OnnxFile):
            try:
                model = core.read_model(network.path)
            except RuntimeError as error:
                reason = str(error).strip().splitlines()[-1]
                raise WeightsError(
                    f"OpenVINO can't read the network: {reason}", where=str(network.path)
                ) from error
            check_inputs(len(model.inputs), network.path)
            return model
        stored = _stored(network)
        if stored is not None and stored.exists():
            model = core.read_model(stored)
        else:
            model = convert(ov, core, network)
            if stored is not None:
                _save(ov, model, stored)
        return model


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


def convert(ov: ModuleType, core: Any, network: TorchNetwork) -> Any:
    """A torch module as an OpenVINO model, checked against torch on other batch sizes.

    Traced with a dynamic batch axis; where a network's trace holds for its own batch only, the
    batch axis is fixed at 1 instead.

    Raises:
        WeightsError: No conversion agrees with torch.
    """
    import torch

    shape = network.input_shape
    generator = torch.Generator().manual_seed(0)
    probe = torch.rand((3, *shape), generator=generator) * 2 - 1
    with torch.inference_mode():
        expected = [one.float().numpy() for one in network.module(probe)]
    for batch in (2, 1):
        model = _traced(ov, network, probe[:batch], dynamic=batch == 2)
        if _agrees(core, model, probe.numpy(), expected, alone=batch == 1):
            return model
    raise WeightsError("the converted network does not agree with torch", cure="use engine=torch")


def _traced(ov: ModuleType, network: TorchNetwork, example: Any, *, dynamic: bool) -> Any:
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    with torch.no_grad(), _quiet_tracer():
        trace: Any = torch.jit.trace
        traced = trace(network.module, example, check_trace=False, strict=False)
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(traced, example_input=(example,), trace_kwargs=None)
        model = frontend.convert(frontend.load(decoder))
    batch = -1 if dynamic else 1
    model.reshape(ov.PartialShape([batch, *network.input_shape]))
    model.inputs[0].get_node().set_element_type(ov.Type.f32)
    for index, port in enumerate(model.outputs):
        port.get_tensor().set_names({f"layer{index}"})
    model.validate_nodes_and_infer_types()
    return model


@contextlib.contextmanager
def _quiet_tracer() -> Iterator[None]:
    """Hides the tracer's warnings: what they warn of is measured afterwards instead."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _agrees(core: Any, model: Any, probe: Array, expected: list[Array], *, alone: bool) -> bool:
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    batches = [probe[:1], probe[1:2]] if alone else [probe[:1], probe]
    starts = [0, 1] if alone else [0, 0]
    for start, batch in zip(starts, batches, strict=True):
        try:
            results = compiled([batch])
        except RuntimeError:
            return False
        for port, reference in zip(compiled.outputs, expected, strict=True):
            want = reference[start : start + len(batch)]
            got = results[port]
            scale = max(float(np.abs(want).max(initial=0)), 1e-12)
            if (
                got.shape != want.shape
                or not np.abs(got - want).max(initial=0) <= AGREEMENT * scale
            ):
                return False
    return True


def _stored(network: TorchNetwork) -> Path | None:
    if network.cache_key is None:
        return None
    return (
        cache_folder()
        / "openvino"
        / openvino().__version__.split("-")[0]
        / f"{network.cache_key}.xml"
    )


def _save(ov: ModuleType, model: Any, path: Path) -> None:
    """Writes weights and graph under temporary names first, so that no half file is ever read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.stem}.{os.getpid()}.xml")
    ov.save_model(model, draft, compress_to_fp16=False)
    os.replace(draft.with_suffix(".bin"), path.with_suffix(".bin"))
    os.replace(draft, path)


def _shape(port: Any) -> tuple[int, ...]:
    sizes = port.partial_shape
    return tuple(size.get_length() if size.is_static else -1 for size in sizes)


def _name(port: Any, index: int) -> str:
    names = sorted(port.get_names())
    return names[0] if names else f"output{index}"
