"""Preprocessing as a value: everything between a decoded picture and a network's input."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.errors import UsageError
from lookalike.images.picture import Alpha, Picture
from lookalike.images.place import ReadError, Reason
from lookalike.images.resample import KERNELS, Kernel, resize, resize_crop

Size: TypeAlias = tuple[int, int]
Order = Literal["rgb", "bgr"]
Layout = Literal["nchw", "nhwc"]
Triple: TypeAlias = tuple[float, float, float]

MAX_RESIZED_PIXELS = 64_000_000
"""A strip of 1 x 100,000 pixels, resized by its shorter side, would need gigabytes."""


@dataclass(frozen=True, eq=False)
class Preprocess:
    """What is done to a picture before a network sees it, as a frozen value.

    Two are equal exactly when they give the same numbers: settings that change nothing (a crop of
    the whole, ``scale=1, mean=127.5, std=127.5`` for ``scale=1/255, mean=0.5, std=0.5``) do not
    tell them apart; kernels do, by name, even at sizes where two of them happen to agree. `digest`
    follows the same rule, and is part of every fingerprint.

    Steps, in this order: RGB (`alpha`, `exif`) → resize with `kernel` → centre crop (zeros
    outside a smaller picture; offset rounded half to even) → ``(value * scale - mean) / std`` in
    float64, rounded once to float32 → channel order and layout.

    Attributes:
        resize: (height, width) exactly, without keeping the aspect; or an int, the length of the
            shorter side (the longer one is rounded down); or None.
        kernel: Resampling kernel, see `lookalike.images.resample.KERNELS`.
        crop: (height, width) of the centre crop, or None.
        scale: Factor on the bytes 0 to 255.
        mean: Subtracted after scaling, per channel R, G, B.
        std: Divided by, per channel R, G, B; not zero.
        order: ``rgb`` or ``bgr``.
        layout: ``nchw`` or ``nhwc``.
        alpha: ``drop``, or the background colour (R, G, B) under transparent pixels.
        exif: Whether the EXIF orientation is applied.

    Example:
        >>> a = Preprocess(resize=(224, 224), scale=1.0, mean=(127.5,) * 3, std=(127.5,) * 3)
        >>> b = Preprocess(resize=(224, 224), mean=(0.5,) * 3, std=(0.5,) * 3, crop=(224, 224))
        >>> a == b, a == Preprocess(resize=(224, 224))
        (True, False)
    """

    resize: Size | int | None = None
    kernel: Kernel = "pillow-bilinear"
    crop: Size | None = None
    scale: float = 1 / 255
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    order: Order = "rgb"
    layout: Layout = "nchw"
    alpha: Alpha = "drop"
    exif: bool = True

    def __post_init__(self) -> None:
        resize = (self.resize,) * 2 if isinstance(self.resize, int) else self.resize
        for name, size in (("resize", resize), ("crop", self.crop)):
            fits = isinstance(size, tuple) and len(size) == 2 and min(size) >= 1
            if size is not None and not fits:
                raise UsageError(
                    "a size is (height, width), at least one pixel each",
                    where=f"{name}={getattr(self, name)}",
                )
        known = {"kernel": KERNELS, "order": get_args(Order), "layout": get_args(Layout)}
        for name, names in known.items():
            if getattr(self, name) not in names:
                raise UsageError(
                    f"unknown {name} {getattr(self, name)!r}", cure="one of " + ", ".join(names)
                )
        if self.alpha != "drop" and not (
            isinstance(self.alpha, tuple)
            and len(self.alpha) == 3
            and all(0 <= part <= 255 for part in self.alpha)
        ):
            raise UsageError("a background is drop or R,G,B, 0 to 255", where=f"alpha={self.alpha}")
        self._check_numbers()

    def _check_numbers(self) -> None:
        if len(self.mean) != 3 or len(self.std) != 3:
            raise UsageError(
                "mean and deviation have three channels", where=f"mean={self.mean}, std={self.std}"
            )
        if 0 in self.std:
            raise UsageError("a deviation of zero", where=f"std={self.std}")
        if not np.isfinite([self.scale, *self.mean, *self.std]).all():
            raise UsageError("scale, mean and deviation must be finite numbers")
        with np.errstate(over="ignore", invalid="ignore"):
            low, high = self.table.min(axis=1), self.table.max(axis=1)
        if not (np.isfinite([low, high]).all() and (low < high).all()):
            raise UsageError(
                "scale, mean and deviation leave nothing of a picture in float32",
                where=f"scale={self.scale}, mean={self.mean}, std={self.std}",
            )

    @property
    def output_size(self) -> Size | None:
        """(height, width) of every result; None where it depends on the picture."""
        if self.crop is not None:
            return self.crop
        return self.resize if isinstance(self.resize, tuple) else None

    @cached_property
    def table(self) -> NDArray[np.float32]:
        """(3, 256) float32: what each byte becomes, per channel R, G, B."""
        levels = np.arange(256, dtype=np.float64) * self.scale
        mean, std = np.array(self.mean)[:, None], np.array(self.std)[:, None]
        return ((levels - mean) / std).astype(np.float32) + np.float32(0)  # no negative zero

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """The canonical form: equal keys exactly for equal numbers."""
        crop = None if self.crop == self.resize else self.crop
        kernel = None if self.resize is None else self.kernel
        table = hashlib.sha256(self.table.astype("<f4").tobytes()).hexdigest()
        geometry = (self.resize, kernel, crop)
        return (*geometry, table, self.order, self.layout, self.alpha, self.exif)

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical form, as hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.key).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Preprocess) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def pixels(self, picture: Picture) -> NDArray[np.uint8]:
        """The picture resized and cropped, still as bytes: (H, W, 3) uint8 in RGB order.

        Raises:
            ReadError: A picture without a defined way to RGB, or with too many pixels once
                resized.
        """
        rgb = picture.rgb(alpha=self.alpha, exif=self.exif)
        if self.resize is None:
            sized = np.asarray(rgb)
            return sized if self.crop is None else centre_crop(sized, self.crop)
        size = self._target(rgb)
        if self.crop is None or size == self.crop:
            return resize(rgb, size, self.kernel)
        if self.crop[0] <= size[0] and self.crop[1] <= size[1]:
            return resize_crop(rgb, size, (*centre_of(size, self.crop), *self.crop), self.kernel)
        return centre_crop(resize(rgb, size, self.kernel), self.crop)

    def apply(self, picture: Picture) -> NDArray[np.float32]:
        """The network's input for one picture: (3, H, W), or (H, W, 3) for ``nhwc``, float32.

        Raises:
            ReadError: As `pixels`.

        Example:
            >>> grey = Picture("p", Image.new("RGB", (8, 4), (51, 51, 51)))
            >>> Preprocess(resize=(2, 2)).apply(grey).round(6).tolist()[0]
            [[0.20000000298023224, 0.20000000298023224], [0.20000000298023224, 0.20000000298023224]]
        """
        return self.normalise(self.pixels(picture)[None])[0]

    def normalise(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The second half of `apply`, for pictures that are sized already.

        Args:
            batch: (N, H, W, 3) uint8 RGB, as `pixels` gives them.

        Returns:
            (N, 3, H, W), or (N, H, W, 3) for ``nhwc``, float32, in the channel order asked for.

        Example:
            >>> Preprocess().normalise(np.full((1, 1, 1, 3), 51, np.uint8)).shape
            (1, 3, 1, 1)
        """
        planes = np.empty((len(batch), 3, *batch.shape[1:3]), np.float32)
        for position, channel in enumerate(self.channels):
            planes[:, position] = self.table[channel][batch[..., channel]]
        if self.layout == "nchw":
            return planes
        return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))

    @property
    def channels(self) -> tuple[int, int, int]:
        """Which channel of R, G, B stands at each place of the input."""
        return (0, 1, 2) if self.order == "rgb" else (2, 1, 0)

    @property
    def enough(self) -> Size | None:
        """(height, width) above which a picture may be decoded smaller: twice what is resized to.

        None where there is no resizing, so that every pixel counts.

        Example:
            >>> Preprocess(resize=256).enough, Preprocess(crop=(8, 8)).enough
            ((512, 512), None)
        """
        if self.resize is None:
            return None
        height, width = (self.resize,) * 2 if isinstance(self.resize, int) else self.resize
        return 2 * height, 2 * width

    def _target(self, image: Image.Image) -> Size:
        assert self.resize is not None
        size = (
            self.resize
            if isinstance(self.resize, tuple)
            else shorter_side_size((image.height, image.width), self.resize)
        )
        if size[0] * size[1] > MAX_RESIZED_PIXELS:
            raise ReadError(
                Reason.TOO_LARGE,
                f"{image.width} x {image.height} pixels would become {size[1]} x {size[0]}",
            )
        return size

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values, as they stand in a card's YAML."""
        plain = {}
        for field in fields(self):
            value = getattr(self, field.name)
            plain[field.name] = list(value) if isinstance(value, tuple) else value
        return plain

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any], *, where: str = "preprocess") -> Preprocess:
        """A Preprocess from plain values (YAML, JSON); unknown keys and wrong types are refused.

        Raises:
            UsageError: Names the key and what it takes.

        Example:
            >>> Preprocess.from_dict({"resize": [256, 128], "kernel": "opencv-bilinear"}).resize
            (256, 128)
        """
        from lookalike.images.validation import validated

        return validated(cls, settings, where=where)


def shorter_side_size(size: Size, shorter: int) -> Size:
    """(height, width) with the shorter side at a given length, the longer one rounded down.

    Example:
        >>> shorter_side_size((167, 301), 256)
        (256, 461)
    """
    height, width = size
    if height <= width:
        return shorter, max(1, int(shorter * width / height))
    return max(1, int(shorter * height / width)), shorter


def centre_of(size: Size, crop: Size) -> Size:
    """(top, left) of a centre crop, rounded half to even.

    Example:
        >>> centre_of((256, 341), (224, 224))
        (16, 58)
    """
    return round((size[0] - crop[0]) / 2), round((size[1] - crop[1]) / 2)


def centre_crop(pixels: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """The centre (height, width) of an (H, W, C) array, with zeros where it is smaller.

    Offsets are rounded half to even, as torchvision's centre crop does.

    Example:
        >>> centre_crop(np.arange(5, dtype=np.uint8).reshape(1, 5, 1), (1, 2)).ravel().tolist()
        [2, 3]
        >>> centre_crop(np.ones((1, 1, 1), np.uint8), (1, 4)).ravel().tolist()
        [0, 1, 0, 0]
    """
    pads = [
        (max(0, want - have) // 2, (max(0, want - have) + 1) // 2)
        for have, want in zip(pixels.shape[:2], size, strict=True)
    ]
    if any(before or after for before, after in pads):
        pixels = np.pad(pixels, [*pads, (0, 0)])
    top, left = centre_of((pixels.shape[0], pixels.shape[1]), size)
    return pixels[top : top + size[0], left : left + size[1]]
