"""Names of entries as EfficientNet-PyTorch gives them, turned into timm's.

Widely shared checkpoints of EfficientNet and EfficientNet-Lite came from TensorFlow by way of that
package. timm has the same networks as ``tf_efficientnet_*``, which pad as TensorFlow does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lookalike.encoders.checkpoint import StateDict
from lookalike.errors import WeightsError

if TYPE_CHECKING:
    import torch

MARK = "_conv_stem.weight"
"""Only these checkpoints have such an entry."""

FAMILY = "tf_efficientnet_"

OUTER = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
SQUEEZE = {"_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand"}

EXPANDED = SQUEEZE | {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
"""Layers of a block that widens before its depthwise convolution."""

PLAIN = SQUEEZE | {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
"""Layers of a block that does not, as the first ones do not."""


def has_their_names(tensors: StateDict) -> bool:
    """Whether entries have EfficientNet-PyTorch's names, whatever stands before them."""
    return any(key == MARK or key.endswith(f".{MARK}") for key in tensors)


def with_timm_names(
    tensors: StateDict, module: torch.nn.Module, *, architecture: str, where: str
) -> StateDict:
    """The same tensors under timm's names.

    Args:
        tensors: With EfficientNet-PyTorch's names.
        module: The network of timm, whose blocks say which of a checkpoint's blocks are where.
        architecture: Its name.
        where: The file, for the message.

    Raises:
        WeightsError: The network is none that pads as these weights need it.
    """
    if not architecture.startswith(FAMILY):
        other = f"tf_{architecture}"
        hint = f", e.g. timm:{other}?weights=..." if architecture.startswith("efficient") else ""
        raise WeightsError(
            f"the names are those of EfficientNet-PyTorch, whose networks are not {architecture}",
            where=where,
            cure=f"timm has them as {FAMILY}*{hint}",
        )
    key = next(one for one in tensors if one == MARK or one.endswith(f".{MARK}"))
    prefix = key.removesuffix(MARK)
    places = _places(module)
    named: StateDict = {}
    for name, tensor in tensors.items():
        named[_timm_name(name.removeprefix(prefix), places)] = tensor
    return named


def _places(module: torch.nn.Module) -> list[tuple[str, bool]]:
    """The blocks in order: timm's name, and whether it widens."""
    names = dict(module.named_modules())
    found = [one for one in names if re.fullmatch(r"blocks\.\d+\.\d+", one)]
    return [(one, f"{one}.conv_pwl" in names) for one in found]


def _timm_name(name: str, places: list[tuple[str, bool]]) -> str:
    block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if block is None:
        layer, _, entry = name.partition(".")
        return f"{OUTER[layer]}.{entry}" if layer in OUTER else name
    index, layer, entry = int(block[1]), block[2], block[3]
    if index >= len(places):
        return name  # surplus, and told as it is in the file
    place, widens = places[index]
    layers = EXPANDED if widens else PLAIN
    return f"{place}.{layers[layer]}.{entry}" if layer in layers else name
