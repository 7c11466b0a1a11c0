"""Named preprocessings, and how to read one from torchvision, timm, open_clip or YAML."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from lookalike.errors import UnknownNameError, UsageError
from lookalike.images.preprocess import Preprocess, Size
from lookalike.images.resample import Kernel

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

_IMAGENET = Preprocess(resize=256, crop=(224, 224), mean=IMAGENET_MEAN, std=IMAGENET_STD)
_REID = Preprocess(resize=(256, 128), mean=IMAGENET_MEAN, std=IMAGENET_STD)

PRESETS: dict[str, Preprocess] = {
    "imagenet": _IMAGENET,
    "imagenet-bicubic": replace(_IMAGENET, kernel="pillow-bicubic"),
    "minus-one-to-one": replace(_IMAGENET, mean=(0.5,) * 3, std=(0.5,) * 3),
    "zero-to-one": replace(_IMAGENET, mean=(0.0,) * 3, std=(1.0,) * 3),
    "clip": Preprocess(
        resize=224, crop=(224, 224), kernel="pillow-bicubic", mean=CLIP_MEAN, std=CLIP_STD
    ),
    "torchreid": replace(_REID, kernel="pillow-bilinear", exif=False),
    "pinto": replace(_REID, kernel="opencv-bilinear"),
}
"""``imagenet``: shorter side 256, centre crop 224, ImageNet's mean and deviation. ``torchreid``:
stretched to 256x128 by Pillow, EXIF ignored; ``pinto``: the same size by OpenCV's bilinear."""

OPTIONS = ("preprocess", "size", "squash", *(field.name for field in fields(Preprocess)))
"""Keys of an encoder's name that change its preprocessing."""


def preset(name: str) -> Preprocess:
    """A named Preprocess.

    Raises:
        UnknownNameError: Lists the names.

    Example:
        >>> preset("pinto").resize
        (256, 128)
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise UnknownNameError("preprocessing", name, PRESETS) from None


def from_options(options: Mapping[str, str], start: Preprocess | None) -> Preprocess | None:
    """The preprocessing that an encoder's options ask for.

    Args:
        options: From the encoder's name: ``preprocess`` (a preset, replaces `start`), ``size``
            (``192`` or ``256x128``: the same recipe at another input size), ``squash`` (``1``:
            stretch to the input size instead of cropping), and any field of `Preprocess`
            (``kernel=opencv-area``, ``mean=0.5,0.5,0.5``, ``resize=236``, ``exif=false``).
        start: What holds where no option says otherwise; None if nothing is known.

    Returns:
        None only if `start` is None and there is no ``preprocess`` option.

    Example:
        >>> from_options({"preprocess": "imagenet", "size": "192"}, None).resize
        219
    """
    result = preset(options["preprocess"]) if "preprocess" in options else start
    changes = {key: value for key, value in options.items() if key in OPTIONS}
    changes.pop("preprocess", None)
    if result is None:
        if changes:
            raise UsageError(
                f"{', '.join(changes)} change a preprocessing, and none is stated",
                cure="add preprocess=NAME, one of " + ", ".join(PRESETS),
            )
        return None
    if "size" in changes:
        result = at_size(result, _size(changes.pop("size")))
    if _flag("squash", changes.pop("squash", "0")):
        if result.output_size is None:
            raise UsageError("squash needs an input size", cure="add size=HEIGHTxWIDTH")
        result = replace(result, resize=result.output_size, crop=None)
    if not changes:
        return result
    settings = result.to_dict() | {key: _plain(key, value) for key, value in changes.items()}
    return Preprocess.from_dict(settings, where="options of the encoder's name")


def at_size(recipe: Preprocess, size: Size) -> Preprocess:
    """The same recipe for another input size: the resize grows by the same factor.

    Where height and width grow differently, by the larger one, so that the crop stays inside.

    Example:
        >>> at_size(preset("imagenet"), (448, 448)).resize
        512
    """
    before = recipe.output_size
    if recipe.crop is None or before is None:
        return replace(recipe, resize=size)
    factor = max(new / old for new, old in zip(size, before, strict=True))
    if isinstance(recipe.resize, int):
        return replace(recipe, resize=round(recipe.resize * factor), crop=size)
    if recipe.resize is None:
        return replace(recipe, crop=size)
    height, width = recipe.resize
    return replace(recipe, resize=(round(height * factor), round(width * factor)), crop=size)


def _flag(key: str, text: str) -> bool:
    if text.lower() not in {"1", "true", "yes", "0", "false", "no"}:
        raise UsageError(f"{key} is true or false", where=f"{key}={text}")
    return text.lower() in {"1", "true", "yes"}


def _size(text: str) -> Size:
    parts = text.lower().split("x")
    if not 1 <= len(parts) <= 2 or not all(part.isdecimal() for part in parts):
        raise UsageError("a size is 224 or HEIGHTxWIDTH", where=f"size={text}")
    return int(parts[0]), int(parts[-1])


def _plain(key: str, text: str) -> Any:
    """An option's text as the plain value that YAML would give."""
    if key in {"resize", "crop"}:
        if text.lower() == "none":
            return None
        size = _size(text)
        return size[0] if key == "resize" and "x" not in text.lower() else list(size)
    if key in {"mean", "std"} or (key == "alpha" and text != "drop"):
        values = text.split(",")
        return values * 3 if len(values) == 1 else values
    return text


def from_torchvision(transforms: Any) -> Preprocess:
    """The Preprocess of a torchvision weights entry.

    Args:
        transforms: What ``weights.transforms()`` returns: an object with ``resize_size``,
            ``crop_size``, ``interpolation``, ``mean`` and ``std``.
    """
    crop, short = transforms.crop_size[0], transforms.resize_size[0]
    return Preprocess(
        resize=short,
        crop=(crop, crop),
        kernel=_pillow_kernel(transforms.interpolation.value),
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
    )


def from_timm(config: Mapping[str, Any]) -> Preprocess:
    """The Preprocess of a timm data config.

    Args:
        config: What ``timm.data.resolve_model_data_config(model)`` returns.

    Raises:
        UsageError: The crop mode ``border``, or a shape that is not (3, H, W).
    """
    channels, height, width = config["input_size"]
    mode = config.get("crop_mode") or "center"
    if channels != 3 or mode not in {"center", "squash"} or (mode == "center" and height != width):
        raise UsageError(
            f"timm's input size {config['input_size']} with crop mode {mode!r} can't be expressed",
            cure="state the preprocessing in the name, e.g. preprocess=imagenet&size=224",
        )
    share = config.get("crop_pct") or 0.875
    sides = math.floor(height / share), math.floor(width / share)
    return Preprocess(
        resize=sides if mode == "squash" else sides[0],
        crop=(height, width),
        kernel=_pillow_kernel(config.get("interpolation") or "bilinear"),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
    )


def from_open_clip(config: Mapping[str, Any]) -> Preprocess:
    """The Preprocess of an open_clip image tower.

    Args:
        config: ``model.visual.preprocess_cfg``: ``size``, ``mean``, ``std``, ``interpolation``,
            ``resize_mode`` (``shortest`` or ``squash``).

    Raises:
        UsageError: The resize mode ``longest``, which pads.
    """
    size = config["size"]
    height, width = (size, size) if isinstance(size, int) else tuple(size)[-2:]
    mode = config.get("resize_mode") or "shortest"
    if mode == "longest" or (mode == "shortest" and height != width):
        raise UsageError(
            f"open_clip's resize mode {mode!r} for {height}x{width} can't be expressed",
            cure="state the preprocessing in the name, e.g. preprocess=clip&size=224",
        )
    return Preprocess(
        resize=(height, width) if mode == "squash" else height,
        crop=(height, width),
        kernel=_pillow_kernel(config.get("interpolation") or "bicubic"),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
    )


def _pillow_kernel(interpolation: str) -> Kernel:
    name: Any = f"pillow-{interpolation}"
    return name  # checked by Preprocess
