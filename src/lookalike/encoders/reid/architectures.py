"""The fourteen networks by torchreid's names, and telling which one some weights are of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from lookalike.errors import UnknownNameError

if TYPE_CHECKING:
    from lookalike.encoders.reid.network import ReidNetwork

CHANNELS = {
    "x0_25": (16, 64, 96, 128),
    "x0_5": (32, 128, 192, 256),
    "x0_75": (48, 192, 288, 384),
    "x1_0": (64, 256, 384, 512),
}
"""OSNet's widths: channels of its first layer and of stages 2 to 4."""

CLASSES = 1000
"""Identities of a classifier that nobody asked for."""


def _osnet(width: str, kind: str, classes: int, loss: str) -> ReidNetwork:
    from lookalike.encoders.reid.osnet import OSNet

    return OSNet(CHANNELS[width], kind, classes, loss)  # type: ignore[arg-type]  # from below


def _mlfn(classes: int, loss: str) -> ReidNetwork:
    from lookalike.encoders.reid.mlfn import MLFN

    return MLFN(classes, loss)


def _mobilenetv2(width: float, classes: int, loss: str) -> ReidNetwork:
    from lookalike.encoders.reid.mobilenetv2 import MobileNetV2

    return MobileNetV2(width, classes, loss)


def _resnet50(feature: int | None, last_stride: int, classes: int, loss: str) -> ReidNetwork:
    from lookalike.encoders.reid.resnet50 import ResNet50

    return ResNet50(feature, last_stride, classes, loss)


ARCHITECTURES: Mapping[str, Callable[[int, str], ReidNetwork]] = {
    **{f"osnet_{width}": partial(_osnet, width, "plain") for width in CHANNELS},
    "osnet_ibn_x1_0": partial(_osnet, "x1_0", "ibn"),
    **{f"osnet_ain_{width}": partial(_osnet, width, "ain") for width in CHANNELS},
    "mlfn": _mlfn,
    "mobilenetv2_x1_0": partial(_mobilenetv2, 1.0),
    "mobilenetv2_x1_4": partial(_mobilenetv2, 1.4),
    "resnet50": partial(_resnet50, None, 2),
    "resnet50_fc512": partial(_resnet50, 512, 1),
}
"""Name → from the number of identities and the loss to a network with fresh weights."""


def build(name: str, *, classes: int = CLASSES, loss: str = "softmax") -> ReidNetwork:
    """A network with fresh weights, in training mode.

    Args:
        name: One of `ARCHITECTURES`.
        classes: Identities of its classifier.
        loss: ``softmax`` or ``triplet``; another one is a KeyError in training.

    Raises:
        UnknownNameError: Lists the names.

    Example:
        >>> build("osnet_x0_25", classes=751).classifier.weight.shape
        torch.Size([751, 512])
    """
    if name not in ARCHITECTURES:
        raise UnknownNameError("re-identification network", name, ARCHITECTURES)
    return ARCHITECTURES[name](classes, loss)


def architecture_of(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """Which network a state dict is of, from its keys and shapes; None if of none of them.

    It is enough for the network that fits best to be named in a message; that every entry is there
    is for loading to see.

    Args:
        shapes: Key → shape.

    Example:
        >>> architecture_of({"layer4.2.conv3.weight": (2048, 512, 1, 1)})
        'resnet50'
    """
    widths = {channels[0]: width for width, channels in CHANNELS.items()}
    width = widths.get(rows_of("conv1.conv.weight", shapes) or 0)
    if any(".layers." in key for key in shapes) and width:
        return f"osnet_ain_{width}"
    if "conv2.0.conv2a.conv1.weight" in shapes and width:
        ibn = "conv2.0.IN.weight" in shapes
        return "osnet_ibn_x1_0" if ibn else f"osnet_{width}"
    if "feature.0.fm_conv1.weight" in shapes:
        return "mlfn"
    last = rows_of("conv9.conv.weight", shapes)
    if last in (1280, 1792):
        return "mobilenetv2_x1_0" if last == 1280 else "mobilenetv2_x1_4"
    if "layer4.2.conv3.weight" in shapes:
        head = shapes.get("fc.0.weight") == (512, 2048)
        return "resnet50_fc512" if head else "resnet50"
    return None


def rows_of(key: str, shapes: Mapping[str, tuple[int, ...]]) -> int | None:
    """Length of an entry's first axis; None if it is not there, or a single number."""
    return next(iter(shapes.get(key, ())), None)
