"""PyTorch: on CUDA, MPS or the CPU, with autocast for the lower precisions."""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.encoders.engines.network import (
    Array,
    Runtime,
    TorchNetwork,
    in_batches_of,
)
from lookalike.errors import DeviceMemoryError, MissingDeviceError, UsageError
from lookalike.extras import require
from lookalike.images import Preprocess

GPU_BATCH = 64
"""Pictures per run on a GPU, which a small batch would leave idle."""


class TorchEngine:
    """A torch module on a device; see `Engine`."""

    notes = ()
    input_type = "float32"
    streams = 1  # the tapped layers of one pass must be read before the next begins

    def __init__(self, network: TorchNetwork, runtime: Runtime) -> None:
        self.network, self.runtime = network, runtime
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
        self.batch = None if self._device.type == "cpu" else GPU_BATCH

    def take(self, preprocess: Preprocess, *, singly: bool = False) -> None:
        """See `Engine.take`; bytes go to the device, and are looked up in the table there."""
        torch = self._torch
        levels = np.ascontiguousarray(preprocess.table[list(preprocess.channels)])
        self._table = torch.from_numpy(levels).to(self._device)
        self._channels = list(preprocess.channels)
        self._singly = singly

    def run(self, batch: Array, outputs: tuple[str, ...]) -> list[Array]:
        """See `Engine.run`."""
        return in_batches_of(
            -1, lambda part: self._run(part, outputs), batch, outputs, singly=self._singly
        )

    def _run(self, batch: Array, outputs: tuple[str, ...]) -> list[Array]:
        torch = self._torch
        autocast = torch.autocast(self._device.type, self._dtype, enabled=self._dtype is not None)
        try:
            with torch.inference_mode(), autocast:
                tensor = self._normalised(torch.from_numpy(np.ascontiguousarray(batch)))
                results = dict(zip(self.outputs, self._module(tensor), strict=True))
                return [results[name].float().cpu().numpy() for name in outputs]
        except torch.OutOfMemoryError as error:
            # the error's traceback holds the tensors that filled the memory
            problem = str(error).splitlines()[0]
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        raise DeviceMemoryError(
            f"the device ran out of memory: {problem}", cure="use a smaller batch size"
        )

    def _normalised(self, pixels: Any) -> Any:
        """(N, H, W, 3) uint8 on the CPU → (N, 3, H, W) float32 on the device, channels last."""
        torch = self._torch
        found = pixels.to(self._device).long()[..., self._channels]
        planes = [self._table[place][found[..., place]] for place in range(3)]
        return torch.stack(planes, dim=1).contiguous(memory_format=torch.channels_last)

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
