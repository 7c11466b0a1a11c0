"""A network whose layers are tapped: one pass gives the outputs of all layers asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from lookalike.errors import UnknownNameError, UsageError

INPUT = "input:"
"""Before a module's name: what enters it, instead of what leaves it."""


class Tap(torch.nn.Module):
    """Runs a network and returns what chosen layers gave.

    Args:
        network: In evaluation mode.
        layers: Names of modules as in ``named_modules()`` (their output), ``input:NAME`` (their
            first input), or the empty name for the network's own output.

    Raises:
        UnknownNameError: No module of that name; lists the nearest.
    """

    def __init__(self, network: torch.nn.Module, layers: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.layers = tuple(layers)
        self._caught: dict[str, torch.Tensor] = {}
        modules = dict(network.named_modules())
        for layer in self.layers:
            name = layer.removeprefix(INPUT)
            if name not in modules:
                raise UnknownNameError("layer", name, [known for known in modules if known])
            if not name:
                continue
            if layer.startswith(INPUT):
                modules[name].register_forward_pre_hook(self._catch_input(layer))
            else:
                modules[name].register_forward_hook(self._catch_output(layer))

    def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(N, 3, H, W) → one tensor per layer, in the order asked for."""
        self._caught.clear()
        own = self.network(batch)
        if "" in self.layers:
            self._caught[""] = _tensor(own, "the network")
        missed = [layer for layer in self.layers if layer not in self._caught]
        if missed:
            raise UsageError(
                f"the layer {missed[0]!r} does not run when pictures pass through the network"
            )
        caught = tuple(self._caught[layer] for layer in self.layers)
        self._caught.clear()
        return caught

    def _catch_input(self, layer: str) -> Callable[[Any, Any], None]:
        def hook(module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
            self._caught[layer] = _tensor(inputs[0], layer)

        return hook

    def _catch_output(self, layer: str) -> Callable[[Any, Any, Any], None]:
        def hook(module: torch.nn.Module, inputs: Any, output: Any) -> None:
            self._caught[layer] = _tensor(output, layer)

        return hook


def _tensor(value: Any, layer: str) -> torch.Tensor:
    while isinstance(value, (tuple, list)) and value:
        value = value[0]
    if not isinstance(value, torch.Tensor):
        raise UsageError(f"the layer {layer!r} gives {type(value).__name__}, not a tensor")
    return value
