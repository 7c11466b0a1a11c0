"""From a checkpoint into a network, strictly, and what became of every entry of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.encoders.reid.architectures import (
    ARCHITECTURES,
    architecture_of,
    build,
    rows_of,
)
from lookalike.encoders.reid.weights_name import WeightsName, parse_weights_name, training_set_of
from lookalike.encoders.weights import Loaded, StateDict, load_strictly, read_state_dict
from lookalike.errors import WeightsError

if TYPE_CHECKING:
    from lookalike.encoders.reid.network import ReidNetwork

HEAD = "classifier"
FOREIGN = ("fc.weight", "fc.bias")
"""The class layer of torchvision's ResNet-50, from which training may have started."""

COUNTER = "num_batches_tracked"


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a file, and what can be told from them without a picture.

    Attributes:
        path: The file.
        tensors: Key → tensor, without ``module.`` in front.
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
        trusted: See `read_state_dict`.

    Raises:
        MissingWeightsError: No such file.
        WeightsError: Not a checkpoint, one that holds code, or one that has an entry twice.
    """
    read = read_state_dict(path, trusted=trusted)
    tensors = {key.removeprefix("module."): tensor for key, tensor in read.items()}
    if len(tensors) < len(read):
        raise WeightsError(
            "entries are there with and without module. before them", where=str(path)
        )
    shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    classes = rows_of(f"{HEAD}.weight", shapes)
    name = parse_weights_name(path.name)
    return Checkpoint(path, tensors, architecture_of(shapes), classes, name)


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
    own = network.state_dict()
    surplus = [
        key for key in checkpoint.tensors if key not in own and not key.startswith(f"{HEAD}.")
    ]
    left_out = surplus if ignore_surplus else [key for key in surplus if key in FOREIGN]
    tensors = {key: one for key, one in checkpoint.tensors.items() if key not in left_out}
    try:
        loaded = load_strictly(network, tensors, head=HEAD, where=str(checkpoint.path))
    except WeightsError as error:
        raise WeightsError(
            error.what, where=error.where, cure=_cure(architecture, checkpoint)
        ) from error
    return replace(loaded, unused=(*loaded.unused, *left_out))


def _cure(architecture: str, checkpoint: Checkpoint) -> str:
    found = checkpoint.architecture
    if found is not None and found != architecture:
        return f"these are weights of {found}: use reid:{found}?weights=..."
    nearest, fitting, entries = nearest_architecture(checkpoint.tensors)
    return (
        f"of the networks known here {nearest} fits best, with {fitting} of its {entries} entries "
        "(counters and classifier aside)"
    )


def nearest_architecture(tensors: StateDict) -> tuple[str, int, int]:
    """The network of which most entries are there with the right shape, and how many of how many.

    Counters and the classifier do not count: they fit many networks.
    """
    import torch

    def shapes(state: Mapping[str, torch.Tensor]) -> set[tuple[str, tuple[int, ...]]]:
        return {
            (key, tuple(tensor.shape))
            for key, tensor in state.items()
            if not key.endswith(COUNTER) and not key.startswith(f"{HEAD}.")
        }

    theirs = shapes(tensors)
    best = ("", -1.0, 0, 0)
    for name in ARCHITECTURES:
        with torch.device("meta"):
            own = shapes(build(name).state_dict())
        fitting = len(own & theirs)
        share = fitting / len(own | theirs)
        if share > best[1]:
            best = (name, share, fitting, len(own))
    return best[0], best[2], best[3]
