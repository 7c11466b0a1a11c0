"""PyTorch: on CUDA, MPS or the CPU, with autocast for the lower precisions."""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.encoders.engines.network import Array, Runtime, TorchNetwork
from lookalike.errors import MissingDeviceError, UsageError
from lookalike.extras import require


class TorchEngine:
    """A torch module on a device; see `Engine`."""

    def __init__(self, network: TorchNetwork, runtime: Runtime) -> None:
        torch = require("torch", purpose="engine=torch")
        self._torch: Any = torch
        device = runtime.device or best_device(torch)
        try:
            self._device = torch.device(device.lower())
            torch.empty(1, device=self._device)
        except (RuntimeError, AssertionError) as error:
            raise MissingDeviceError(
                f"torch has no device {device!r} here: {str(error).splitlines()[0]}",
                cure="see lookalike doctor for the devices there are",
            ) from error
        if runtime.threads:
            torch.set_num_threads(runtime.threads)
        self.asked = self.precision = self._precision(runtime.precision)
        self._dtype = {"f32": None, "bf16": torch.bfloat16, "f16": torch.float16}[self.precision]
        module: Any = network.module
        self._module = module.to(self._device, memory_format=torch.channels_last)
        self.label = f"torch {self.precision} on {str(self._device).upper()}"
        self.input_shape = (-1, *network.input_shape)
        self.outputs = self._probe(network)

    def run(self, batch: Array, outputs: tuple[str, ...]) -> list[Array]:
        """See `Engine.run`."""
        torch = self._torch
        tensor = torch.from_numpy(np.ascontiguousarray(batch, np.float32))
        tensor = tensor.to(self._device, memory_format=torch.channels_last)
        autocast = torch.autocast(self._device.type, self._dtype, enabled=self._dtype is not None)
        with torch.inference_mode(), autocast:
            results = dict(zip(self.outputs, self._module(tensor), strict=True))
        return [results[name].float().cpu().numpy() for name in outputs]

    def _probe(self, network: TorchNetwork) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the outputs, from one run on zeros."""
        zeros = self._torch.zeros((1, *network.input_shape), device=self._device)
        with self._torch.inference_mode():
            results = self._module(zeros)
        return {f"layer{index}": (-1, *one.shape[1:]) for index, one in enumerate(results)}

    def _precision(self, asked: str) -> str:
        torch = self._torch
        cuda = self._device.type == "cuda"
        if asked == "auto":
            return "bf16" if cuda and torch.cuda.is_bf16_supported() else "f32"
        if asked == "f16" and self._device.type == "cpu":
            raise UsageError("torch has no fast f16 on a CPU", cure="use bf16 or f32")
        return asked


def best_device(torch: Any) -> str:
    """``cuda`` where there is one, else ``mps``, else ``cpu``."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
