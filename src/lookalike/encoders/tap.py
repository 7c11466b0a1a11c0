"""A network whose layers are tapped: one pass gives the outputs of all layers asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from lookalike.errors import UnknownNameError, UsageError

INPUT = "input:"
"""Before a module's name: what enters it, instead of what leaves it."""

CHILDREN = "children:-1"
"""In place of a module's name: what the network's children give, run in order without the last.

The network's own forward is not asked, so whatever it does between its children is left out: a mean
over a map, a class token, a scaling of the input.
"""


class Tap(torch.nn.Module):
    """Runs a network and returns what chosen layers gave.

    Args:
        network: In evaluation mode.
        layers: Names of modules as in ``named_modules()`` (their output), ``input:NAME`` (their
            first input), ``children:-1`` (see `CHILDREN`), or the empty name for the network's
            own output.

    Raises:
        UnknownNameError: No module of that name; lists the nearest.
        UsageError: ``children:-1`` of a network that has fewer than two children.
    """

    def __init__(self, network: torch.nn.Module, layers: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.layers = tuple(layers)
        self._caught: dict[str, torch.Tensor] = {}
        modules = dict(network.named_modules())
        for layer in self.layers:
            if layer == CHILDREN:
                _check_children(network)
            else:
                self._hook(layer, modules)
        self.train(network.training)  # whoever restores this module's mode restores the network's

    def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(N, 3, H, W) → one tensor per layer, in the order asked for."""
        found = {}
        if CHILDREN in self.layers:
            found[CHILDREN] = _tensor(_without_last(self.network, batch), CHILDREN)
        self._caught.clear()  # of what hooks saw on that way, too
        if set(self.layers) != {CHILDREN}:
            own = self.network(batch)
            if "" in self.layers:
                self._caught[""] = _tensor(own, "the network")
        found |= self._caught
        self._caught.clear()
        missed = [layer for layer in self.layers if layer not in found]
        if missed:
            raise UsageError(
                f"the layer {missed[0]!r} does not run when pictures pass through the network"
            )
        return tuple(found[layer] for layer in self.layers)

    def _hook(self, layer: str, modules: dict[str, torch.nn.Module]) -> None:
        name = layer.removeprefix(INPUT)
        if name not in modules:
            known = [module for module in modules if module]
            raise UnknownNameError("layer", name, [*known, CHILDREN])
        if not name:
            return
        if layer.startswith(INPUT):
            modules[name].register_forward_pre_hook(self._catch_input(layer))
        else:
            modules[name].register_forward_hook(self._catch_output(layer))

    def _catch_input(self, layer: str) -> Callable[[Any, Any], None]:
        def hook(module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
            self._caught[layer] = _tensor(inputs[0], layer).clone()  # see _catch_output

        return hook

    def _catch_output(self, layer: str) -> Callable[[Any, Any, Any], None]:
        def hook(module: torch.nn.Module, inputs: Any, output: Any) -> None:
            # what comes next may work in place, as an activation after it does
            self._caught[layer] = _tensor(output, layer).clone()

        return hook


def _check_children(network: torch.nn.Module) -> None:
    count = len(list(network.children()))
    if count < 2:
        raise UsageError(
            f"the layer {CHILDREN!r} is all child modules of a network but the last, and this one "
            f"has {count}",
            cure="take a layer by its name",
        )


def _without_last(network: torch.nn.Module, batch: torch.Tensor) -> Any:
    """What the children give, one after the other, without the last."""
    value: Any = batch
    for name, child in list(network.named_children())[:-1]:
        try:
            value = child(value)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # what a module says of an input it can't take is its own affair
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise UsageError(
                f"the child modules of {type(network).__name__} can't be run in order: "
                f"{name!r} does not take what comes before it ({reason})",
                cure="take the usual embedding (embedding=auto, no layer), or name another layer",
            ) from error
    return value


def _tensor(value: Any, layer: str) -> torch.Tensor:
    while isinstance(value, (tuple, list)) and value:
        value = value[0]
    if not isinstance(value, torch.Tensor):
        raise UsageError(f"the layer {layer!r} gives {type(value).__name__}, not a tensor")
    return value
