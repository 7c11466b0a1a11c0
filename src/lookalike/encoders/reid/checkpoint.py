"""From a checkpoint into a network, strictly, and what became of every entry of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.encoders.checkpoint import StateDict, WeightsFile, read_weights
from lookalike.encoders.fitting import COUNTER, Loaded, load_strictly
from lookalike.encoders.reid.architectures import (
    ARCHITECTURES,
    architecture_of,
    build,
    rows_of,
)
from lookalike.encoders.reid.weights_name import WeightsName, parse_weights_name, training_set_of

if TYPE_CHECKING:
    import torch

    from lookalike.encoders.reid.network import ReidNetwork

HEAD = "classifier"
FOREIGN = ("fc.weight", "fc.bias")
"""The class layer of torchvision's ResNet-50, from which training may have started."""


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a file, and what can be told from them without a picture.

    Attributes:
        path: The file.
        tensors: Key → tensor, without what wrappers put into names.
        architecture: The network they are of, as far as keys and shapes tell; None if of none.
        classes: Identities of the classifier; None without one.
        name: What the file's name says, which may be wrong; None if it follows no known form.
    """

    path: Path
    tensors: StateDict
    architecture: str | None
    classes: int | None
    name: WeightsName | None

    @property
    def training_set(self) -> str | None:
        """What the number of identities says of the training set."""
        return None if self.classes is None else training_set_of(self.classes)


def read_checkpoint(path: Path, *, trusted: bool = False) -> Checkpoint:
    """The tensors in a ``.pth``, ``.pth.tar``, ``.pyth``, ``.pt`` or ``.safetensors`` file.

    Args:
        path: The file.
        trusted: See `read_weights`.

    Raises:
        MissingWeightsError: No such file.
        WeightsError: Not a checkpoint, one that holds code, or one that has an entry twice.
    """
    return checkpoint_of(read_weights(path, trusted=trusted))


def checkpoint_of(file: WeightsFile) -> Checkpoint:
    """What can be told from the tensors of a file."""
    shapes = {key: tuple(tensor.shape) for key, tensor in file.tensors.items()}
    classes = rows_of(f"{HEAD}.weight", shapes)
    name = parse_weights_name(file.path.name)
    return Checkpoint(file.path, file.tensors, architecture_of(shapes), classes, name)


def load_checkpoint(
    network: ReidNetwork, architecture: str, checkpoint: Checkpoint, *, ignore_surplus: bool = False
) -> Loaded:
    """Weights into a network: every entry but the classifier and counters, with its exact shape.

    Args:
        network: Changed in place.
        architecture: Its name, for the message.
        checkpoint: The weights.
        ignore_surplus: Whether the file may have entries that the network has not.

    Raises:
        WeightsError: An entry is missing, of another shape, or surplus; names the network that the
            weights are of, or that fits best.
    """
    return load_strictly(
        network,
        checkpoint.tensors,
        head=HEAD,
        where=str(checkpoint.path),
        beside=FOREIGN,
        ignore_surplus=ignore_surplus,
        cure=lambda tensors: _cure(architecture, tensors),
    )


def _cure(architecture: str, tensors: StateDict) -> str:
    found = architecture_of({key: tuple(tensor.shape) for key, tensor in tensors.items()})
    if found is not None and found != architecture:
        return f"these are weights of {found}: use reid:{found}?weights=..."
    nearest, fitting, entries = nearest_architecture(tensors)
    return (
        f"of the networks known here {nearest} fits best, with {fitting} of its {entries} entries "
        "(counters and classifier aside)"
    )


def nearest_architecture(tensors: StateDict) -> tuple[str, int, int]:
    """The network of which most entries are there with the right shape, and how many of how many.

    Counters and the classifier do not count: they fit many networks.
    """
    theirs = _shapes(tensors)
    best = ("", -1.0, 0, 0)
    for name in ARCHITECTURES:
        own = _own_shapes(name)
        fitting = len(own & theirs)
        share = fitting / len(own | theirs)
        if share > best[1]:
            best = (name, share, fitting, len(own))
    return best[0], best[2], best[3]


def _shapes(state: Mapping[str, torch.Tensor]) -> frozenset[tuple[str, tuple[int, ...]]]:
    return frozenset(
        (key, tuple(tensor.shape))
        for key, tensor in state.items()
        if not key.endswith(COUNTER) and not key.startswith(f"{HEAD}.")
    )


@cache
def _own_shapes(name: str) -> frozenset[tuple[str, tuple[int, ...]]]:
    import torch

    with torch.device("meta"):
        return _shapes(build(name).state_dict())
