"""From a place to a picture or a reason: the only door through which pixels come in."""

from __future__ import annotations

import hashlib

from PIL import Image, ImageFile

from lookalike.images.depth import REMARK, as_meant, dark_remark, value_range
from lookalike.images.picture import UNDONE, Picture
from lookalike.images.place import Limits, Place, ReadError, Reason, Unreadable, read_place
from lookalike.images.png import readable_png
from lookalike.images.readers import NOT_READ, load_image, open_image, own_rules
from lookalike.images.refusal import refusal
from lookalike.images.signature import breaks_off, kind_of
from lookalike.images.tiff import Page, chosen_page

__all__ = ["NOT_READ", "decode"]

ORIENTATION_TAG = 0x0112

NESTING = frozenset({"ICO"})
"""Formats that hold pictures with a mask beside them, which Pillow leaves out if it is told to."""


def decode(
    place: Place, limits: Limits | None = None, *, at_least: tuple[int, int] | None = None
) -> Picture | Unreadable:
    """The picture at a place, or the reason why there is none. Never raises for bad input.

    Args:
        place: Where to look.
        limits: What a picture may cost.
        at_least: (height, width) that is enough: a JPEG may then be decoded at a half, a quarter
            or an eighth of its size, as long as both sides stay that long. Quicker for large
            photographs; the pixels differ a little from those of the whole picture.

    Returns:
        The first frame, with its EXIF orientation noted and not yet applied, or an `Unreadable`.

    Example:
        >>> from lookalike.images.place import file_place
        >>> decode(file_place("no/such/file.jpg")).reason.value
        'missing'
    """
    limits = limits or Limits()
    digest = ""
    try:
        found = read_place(place, limits)
        if not isinstance(found, bytes):
            return _from_memory(place, found, limits)
        digest = hashlib.sha256(found).hexdigest()
        with own_rules():
            return _from_bytes(place, found, digest, limits, at_least)
    except ReadError as error:
        return Unreadable(place.id, error.reason, error.detail, place.path, digest)
    except MemoryError:
        detail = "decoding ran out of memory"
        return Unreadable(place.id, Reason.OUT_OF_MEMORY, detail, place.path, digest)


def _from_memory(place: Place, image: Image.Image, limits: Limits) -> Picture:
    """A picture that somebody else made, or opened by their own rules."""
    _check_pixels(image.size, limits)
    turned = _orientation(image) if image.format == "TIFF" else 1
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers raise whatever their parsing trips over
        raise refusal(error, b"", "the pixels can't be decoded") from error
    remark = str(image.info.get(REMARK, ""))
    if image.mode.startswith("I;16"):
        remark = dark_remark(value_range(image)[1])
    image, orientation = _turned_back(image, turned, 1)
    return Picture(place.id, image, orientation, place.path, remarks=(remark,) if remark else ())


def _from_bytes(
    place: Place, data: bytes, digest: str, limits: Limits, at_least: tuple[int, int] | None
) -> Picture:
    page = _page(data)
    image: Image.Image = _opened(page.data)
    _check_pixels(image.size, limits)
    size = image.size
    if at_least is not None:
        _reduce(image, at_least)
    turned = _orientation(image) if image.format == "TIFF" else 1
    _load(image, page.data)
    image, remark = as_meant(image, page.data, inverted=page.inverted)
    image, orientation = _turned_back(image, turned, page.orientation)
    stored = size if at_least is not None and image.size != size and turned == 1 else None
    remarks = tuple(filter(None, (page.remark, remark)))
    return Picture(place.id, image, orientation, place.path, digest, stored, remarks)


def _page(data: bytes) -> Page:
    """What is shown to a reader: all of it, but for what would keep the picture from being read."""
    kind = kind_of(data)
    if kind == "TIFF":
        return chosen_page(data)
    return Page(readable_png(data) if kind == "PNG" else data)


def _opened(data: bytes) -> ImageFile.ImageFile:
    """Reads the header: format, size, mode."""
    try:
        return open_image(data)
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers raise whatever their parsing trips over
        raise refusal(error, data, "the header contradicts itself") from error


def _load(image: Image.Image, data: bytes) -> None:
    """Decodes the pixels of the first frame."""
    nested = image.format in NESTING and ImageFile.LOAD_TRUNCATED_IMAGES
    try:
        load_image(image)
    except MemoryError:
        raise
    except Exception as error:  # as above
        raise refusal(error, data, "the pixels can't be decoded") from error
    if image.mode in ("P", "PA") and image.palette is None:
        raise ReadError(Reason.CORRUPT, "a picture of a palette, without the palette")
    if nested and breaks_off(data):
        raise ReadError(Reason.TRUNCATED, "a truncated icon: a picture in it breaks off")


def _reduce(image: Image.Image, at_least: tuple[int, int]) -> None:
    """Sets a JPEG up to be decoded at the smallest size that is enough; others stay whole."""
    height, width = at_least
    if _orientation(image) >= 5:
        height, width = width, height
    image.draft(None, (width, height))


def _turned_back(image: Image.Image, turned: int, otherwise: int) -> tuple[Image.Image, int]:
    """The picture as it is stored, and its orientation; Pillow sets TIFFs upright as it loads."""
    orientation = _orientation(image)
    if turned != 1 and orientation == 1:
        return image.transpose(UNDONE[turned]), turned
    return image, orientation if orientation != 1 else otherwise


def _check_pixels(size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if width <= 0 or height <= 0:
        raise ReadError(Reason.ZERO_SIZED, f"{width} x {height} pixels")
    if width * height > limits.max_pixels:
        raise ReadError(
            Reason.TOO_LARGE,
            f"{width} x {height} pixels, the limit is {limits.max_pixels:,} (max_pixels)",
        )


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # a broken EXIF block does not make the pixels unreadable
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
