"""Pictures from memory: arrays and Pillow images."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from lookalike.errors import UsageError
from lookalike.images.depth import narrow_array
from lookalike.images.place import Limits, Place, ReadError, Reason


class Counter:
    """Numbers pictures from memory by kind: ``array[0]``, ``array[1]``, ``image[0]``.

    Example:
        >>> counter = Counter()
        >>> counter.next("array"), counter.next("image"), counter.next("array")
        ('array[0]', 'image[0]', 'array[1]')
    """

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def next(self, kind: str) -> str:
        """The next id of that kind."""
        number = self._seen.get(kind, 0)
        self._seen[kind] = number + 1
        return f"{kind}[{number}]"


_loading = threading.Lock()


def image_place(image: Image.Image, id: str) -> Place:
    """The place of a Pillow image."""
    return Place(id, None, partial(_loaded, image))


def _loaded(image: Image.Image, limits: Limits) -> Image.Image:
    with _loading, contextlib.suppress(Exception):  # decoding will say what is wrong with it
        image.load()  # one picture may be given twice, and can be loaded by one thread only
    return image


def array_places(array: np.ndarray[Any, Any], counter: Counter) -> Iterator[Place]:
    """The places of an array, which is one picture or a batch of them.

    Raises:
        UsageError: Neither two, three nor four axes.
    """
    batch = array if array.ndim == 4 else array[None]
    if array.ndim not in (2, 3, 4):
        raise UsageError(
            f"an array of shape {array.shape} is no picture",
            cure="use (H, W), (H, W, 3), (H, W, 4) or a batch (N, H, W, C)",
        )
    for one in batch:
        yield Place(counter.next("array"), None, partial(_array_read, one))


def _array_read(array: np.ndarray[Any, Any], limits: Limits) -> Image.Image:
    return array_image(array)


def array_image(array: np.ndarray[Any, Any]) -> Image.Image:
    """A Pillow image from an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4).

    uint8 is taken as it is; floats must lie within 0 to 1, uint16 is 0 to 65535. Other types
    and ranges are refused with a reason, since guessing a scale would change the numbers.

    Example:
        >>> array_image(np.full((2, 3, 3), 0.5)).getpixel((0, 0))
        (128, 128, 128)
    """
    if 0 in array.shape:
        raise ReadError(Reason.ZERO_SIZED, f"an array of shape {array.shape}")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim == 3 and array.shape[2] not in (3, 4):
        raise ReadError(
            Reason.UNSUPPORTED, f"an array of shape {array.shape}; channels come last, 1, 3 or 4"
        )
    if array.dtype == np.uint8:
        return Image.fromarray(np.ascontiguousarray(array))
    if array.dtype == np.uint16:
        return narrow_array(array)
    if not np.issubdtype(array.dtype, np.floating):
        raise ReadError(
            Reason.UNSUPPORTED, f"an array of {array.dtype}; use uint8 or floats 0 to 1"
        )
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 1):
        raise ReadError(
            Reason.UNSUPPORTED, f"values {low:g} to {high:g} in a {array.dtype} array, not 0 to 1"
        )
    return Image.fromarray(np.rint(array.astype(np.float64) * 255).astype(np.uint8))
