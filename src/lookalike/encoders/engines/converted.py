"""Torch modules as OpenVINO models: converted, checked against torch, and kept in the cache."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from lookalike.encoders.cache import Bytes, DamagedError, cache_folder, keep, kept
from lookalike.encoders.engines.network import Array, TorchNetwork
from lookalike.errors import WeightsError

AGREEMENT = 1e-3
"""Largest difference from torch that a conversion may show, as a share of the largest value."""

GRAPH, WEIGHTS = ".xml", ".bin"
"""The two files of a converted network."""


def converted(ov: ModuleType, core: Any, network: TorchNetwork) -> tuple[Any, tuple[str, ...]]:
    """A torch network as an OpenVINO model, from the cache where it holds a sound one.

    Args:
        ov: The openvino package.
        core: Its core.
        network: What is converted.

    Returns:
        The model, and what has to be said where the cache could not be used.

    Raises:
        WeightsError: See `convert`.
    """
    if network.cache_key is None:
        return convert(ov, core, network), ()
    stem = cache_folder() / "openvino" / ov.__version__.split("-")[0] / network.cache_key
    said = []
    try:
        found = kept(stem, (GRAPH, WEIGHTS))
        if found is not None:
            return _read(ov, core, found), ()
    except (DamagedError, RuntimeError) as error:
        said.append(f"the converted network in {stem.parent} is damaged and is made anew: {error}")
    except OSError:  # then it can't be kept either, or is there afterwards
        pass
    model = convert(ov, core, network)

    def write(draft: Path) -> None:
        ov.save_model(model, draft.with_suffix(GRAPH), compress_to_fp16=False)
        files = (draft.with_suffix(suffix) for suffix in (GRAPH, WEIGHTS))
        _read(ov, core, [np.fromfile(file, np.uint8) for file in files])  # whole, or it raises

    try:
        keep(stem, (GRAPH, WEIGHTS), write)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error).strip().partition("\n")[0]
        said.append(
            f"the converted network can't be kept in {cache_folder()} ({reason}), and is made anew "
            "each time; LOOKALIKE_CACHE=FOLDER moves the cache"
        )
    return model, tuple(said)


def _read(ov: ModuleType, core: Any, files: list[Bytes]) -> Any:
    graph, weights = files
    held = weights if weights.size else np.zeros(1, np.uint8)  # a network may have none
    # copied: a model does not keep the memory of an array alive
    return core.read_model(graph.tobytes(), ov.Tensor(held, shared_memory=False))


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
