"""Deep grey: values of more than 8 bits, as their file means them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.images.place import ReadError, Reason
from lookalike.images.png import bits_of, significant_bits
from lookalike.images.tiff import BITS, FORMAT, SIGNED

TOP = 65535
"""White in 16 bits."""

JPEG2000_SIZES, JPEG2000_BITS = b"\xff\x4f\xff\x51", 42
"""How a JPEG 2000 stream begins, and how far behind that it says how many bits a value has."""

REMARK = "lookalike remark"
"""Key in `Image.info` under which a picture made of an array says what has to be said of it."""

BLOCK = 1 << 20
"""Pixels that are converted at a time, so that a large picture needs no second copy of itself."""

SUSPICIOUS = ((256, 8), (1024, 10), (4096, 12))
"""Values that all stay below → bits that the camera seems to have given."""


_LEVELS = np.rint(np.arange(TOP + 1, dtype=np.float64) * (255 / TOP)).astype(np.uint8)
"""(65536,) what each 16-bit value becomes."""


def narrow_array(values: NDArray[np.uint16]) -> Image.Image:
    """An 8-bit picture from 16-bit values (H, W) or (H, W, 3 or 4), with its remark.

    Example:
        >>> narrow_array(np.full((2, 2), 65535, np.uint16)).getpixel((0, 0))
        255
    """
    narrow = np.empty(values.shape, np.uint8)
    for row, found in zip(values, narrow, strict=True):
        np.take(_LEVELS, row, out=found)
    image = Image.fromarray(narrow)
    remark = dark_remark(float(values[..., :3].max() if values.ndim == 3 else values.max()))
    if remark:
        image.info[REMARK] = remark
    return image


def as_meant(image: Image.Image, data: bytes, *, inverted: bool = False) -> tuple[Image.Image, str]:
    """A decoded picture with its values as the file means them.

    Grey of 9 to 15 bits becomes grey of 16 bits, and white-is-zero is turned around.

    Args:
        image: As Pillow decoded it.
        data: The file.
        inverted: Whether white is zero in it.

    Returns:
        The picture, and what has to be said about its values; empty where they are ordinary.
    """
    if image.format == "TIFF" and _first_tag(image, FORMAT) == SIGNED:
        return image, _of_signed(image)
    bits = _stated_bits(image, data)
    if bits <= 8 and not inverted:
        return image, ""
    if image.mode == "F":
        return (stretched(image, TOP, inverted=True) if inverted else image), ""
    if not image.mode.startswith("I;16"):
        return image, _dark_colours(image) if bits == 16 else ""
    top, remark = _white(image, data, bits)
    if bits == 16 and top == TOP:
        remark = dark_remark(value_range(image)[1])
    if top == TOP and not inverted:
        return image, remark
    return stretched(image, top, inverted=inverted), remark


def _stated_bits(image: Image.Image, data: bytes) -> int:
    """Bits of a value, as the file says; 8 where all formats of its kind have so many."""
    if image.format == "PNG":
        return bits_of(data)
    if image.format == "TIFF":
        return _first_tag(image, BITS)
    if image.format == "JPEG2000":
        start = data.find(JPEG2000_SIZES)
        known = 0 <= start < len(data) - JPEG2000_BITS
        return (data[start + JPEG2000_BITS] & 0x7F) + 1 if known else 8
    return 16 if image.format == "PPM" and image.mode == "I" else 8


def _first_tag(image: Image.Image, tag: int) -> int:
    """The first value of a TIFF's tag; 1 where it has none, as the standard has it for these."""
    values = getattr(image, "tag_v2", {}).get(tag, 1)
    first = values[0] if isinstance(values, tuple) and values else values
    return first if isinstance(first, int) else 1


def _of_signed(image: Image.Image) -> str:
    """What has to be said of values with a sign; `narrowed` refuses those below zero, if it can."""
    if image.mode == "L" and max(high for _, high in _colours(image)) > 127:
        raise ReadError(
            Reason.UNSUPPORTED, "8-bit values below zero have no defined way to 8-bit RGB"
        )
    if image.mode == "I" and 0 < value_range(image)[1] <= 32767:
        return "its values have a sign and reach half of 65,535 at most, so it is taken as dark"
    return ""


def _white(image: Image.Image, data: bytes, bits: int) -> tuple[int, str]:
    """The value of white in 16-bit grey, and what has to be said about that."""
    if image.format == "TIFF" and 8 < bits < 16:
        return (1 << bits) - 1, ""
    if image.format == "JPEG2000" and 8 < bits < 16:  # Pillow moves them up
        return ((1 << bits) - 1) << (16 - bits), ""
    if image.format == "PNG":
        bits = significant_bits(data)
        if 8 <= bits < 16 and unscaled(image, bits):
            remark = f"its values are taken as {bits}-bit ones, which its chunk sBIT says they are"
            return (1 << bits) - 1, remark
    return TOP, ""


def _dark_colours(image: Image.Image) -> str:
    """As `dark_remark`, for what Pillow has made of 16-bit values: their upper bytes, or mode I."""
    if is_deep(image):
        return dark_remark(value_range(image)[1])
    bands = _colours(image)
    return dark_remark(256 * max(high for _, high in bands) + 255)


def _colours(image: Image.Image) -> list[tuple[int, int]]:
    """(lowest, highest) of each band that is no transparency."""
    ends: Any = image.getextrema()
    bands = [ends] if len(image.getbands()) == 1 else list(ends)
    return [end for end, name in zip(bands, image.getbands(), strict=True) if name not in "Aa"]


def is_deep(image: Image.Image) -> bool:
    """Whether its values are whole numbers of more than 8 bits, or floats."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def narrowed(image: Image.Image) -> Image.Image:
    """Deep grey as 8-bit grey: whole numbers from 0 to 65535, floats from 0 to 1.

    Raises:
        ReadError: Values outside that range, or NaN.
    """
    if image.mode.startswith("I;16"):
        return _by_blocks(image, lambda values: np.take(_LEVELS, values))
    top = 1.0 if image.mode == "F" else float(TOP)
    low, high = value_range(image)
    if not (low >= 0 and high <= top):  # also catches NaN
        raise ReadError(
            Reason.UNSUPPORTED,
            f"mode {image.mode} with values {low:g} to {high:g}; only 0 to {top:g} has a defined "
            "way to 8 bits",
        )
    factor = 255 / top
    return _by_blocks(
        image, lambda values: np.rint(values.astype(np.float64) * factor).astype(np.uint8)
    )


def value_range(image: Image.Image) -> tuple[float, float]:
    """The smallest and the largest value; NaN if one of them is."""
    ends = np.array([(values.min(), values.max()) for _, values in _blocks(image)], np.float64)
    return float(ends[:, 0].min()), float(ends[:, 1].max())


def stretched(image: Image.Image, top: int, *, inverted: bool = False) -> Image.Image:
    """16-bit grey whose white is ``top`` as one whose white is 65535; or of floats, turned around.

    Example:
        >>> twelve = Image.fromarray(np.array([[0, 2048, 4095]], np.uint16))
        >>> np.asarray(stretched(twelve, 4095)).tolist()
        [[0, 32776, 65535]]
        >>> np.asarray(stretched(twelve, 4095, inverted=True)).tolist()
        [[65535, 32759, 0]]
    """
    if image.mode == "F":
        return Image.fromarray(1 - np.asarray(image)) if inverted else image
    values = np.minimum(np.arange(TOP + 1, dtype=np.float64), top)
    table = np.rint(values * (TOP / top)).astype(np.uint16)
    if inverted:
        table = (TOP - table).astype(np.uint16)
    whole = np.empty((image.height, image.width), np.uint16)
    for start, block in _blocks(image):
        whole[start : start + len(block)] = np.take(table, block)
    return Image.fromarray(whole)


def unscaled(image: Image.Image, bits: int) -> bool:
    """Whether values of so many bits were stored as they are, and not scaled to 16 bits.

    Scaled ones are multiples of a step, so one that is none, among values that fit into the bits,
    is proof.
    """
    step = 1 << (16 - bits)
    odd = False
    for _, values in _blocks(image):
        if int(values.max()) >= 1 << bits:
            return False
        odd = odd or bool((values % step).any())
    return odd


def dark_remark(highest: float) -> str:
    """What is said of 16-bit values that fill the bits of a camera only; empty for others.

    Example:
        >>> dark_remark(3900)[:40], dark_remark(0), dark_remark(50_000)
        ('its 16-bit values all stay below 4,096, ', '', '')
    """
    for limit, bits in SUSPICIOUS:
        if 0 < highest < limit:
            return (
                f"its 16-bit values all stay below {limit:,}, so it is taken as nearly black; if "
                f"they are {bits}-bit values, multiply them by {1 << (16 - bits)} first"
            )
    return ""


def _blocks(image: Image.Image) -> Iterator[tuple[int, NDArray[Any]]]:
    """(first row, values) of some rows at a time."""
    rows = max(1, BLOCK // max(1, image.width))
    for start in range(0, image.height, rows):
        end = min(start + rows, image.height)
        yield start, np.asarray(image.crop((0, start, image.width, end)))


def _by_blocks(image: Image.Image, convert: Any) -> Image.Image:
    grey = np.empty((image.height, image.width), np.uint8)
    for start, values in _blocks(image):
        grey[start : start + len(values)] = convert(values)
    return Image.fromarray(grey)
