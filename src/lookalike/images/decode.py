"""From a place to a picture or a reason: the only door through which pixels come in."""

from __future__ import annotations

import hashlib
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from lookalike.extras import installed, require
from lookalike.images.picture import UNDONE, Picture
from lookalike.images.place import Limits, Place, ReadError, Reason, Unreadable, read_place

COMMON = ("JPEG", "PNG", "GIF", "BMP", "PPM")
"""Formats whose readers Pillow loads at once; the others are tried only when these fail."""

NOT_READ = frozenset({"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "SPIDER", "MCIDAS", "IPTC"})
"""Formats left out: they run another program, are stubs, or accept almost any bytes."""

SIZE_FIELDS = {b"\x89PNG": (">II", 16), b"GIF8": ("<HH", 6), b"BM": ("<ii", 18)}
"""How a file begins → the format and the offset of its width and height."""

ORIENTATION_TAG = 0x0112
_limit_lock = threading.Lock()


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
        if isinstance(found, bytes):
            digest = hashlib.sha256(found).hexdigest()
        image = _open(found) if isinstance(found, bytes) else found
        _check_pixels(image.size, limits)
        size = image.size
        if at_least is not None:
            _reduce(image, at_least)
        turned = _orientation(image) if image.format == "TIFF" else 1
        _load(image)
        orientation = _orientation(image)
        if turned != 1 and orientation == 1:  # Pillow sets TIFFs upright while it loads them
            image, orientation = image.transpose(UNDONE[turned]), turned
        stored = size if at_least is not None and image.size != size and turned == 1 else None
        return Picture(place.id, image, orientation, place.path, digest, stored)
    except ReadError as error:
        return Unreadable(place.id, error.reason, error.detail, place.path, digest)
    except MemoryError:
        detail = "decoding ran out of memory"
        return Unreadable(place.id, Reason.OUT_OF_MEMORY, detail, place.path, digest)


def _reduce(image: Image.Image, at_least: tuple[int, int]) -> None:
    """Sets a JPEG up to be decoded at the smallest size that is enough; others stay whole."""
    height, width = at_least
    if _orientation(image) >= 5:
        height, width = width, height
    image.draft(None, (width, height))


def _open(data: bytes) -> Image.Image:
    """Reads the header: format, size, mode."""
    with _no_pillow_limit():
        try:
            return Image.open(BytesIO(data), formats=COMMON)
        except UnidentifiedImageError:
            pass
        except Exception as error:
            raise _fault(error, "the header contradicts itself") from error
        if _is_heif(data) and installed("pi_heif"):
            require("pi_heif", purpose="reading HEIC").register_heif_opener()
        Image.init()
        try:
            return Image.open(BytesIO(data), formats=sorted(set(Image.OPEN) - NOT_READ))
        except UnidentifiedImageError as error:
            if _claims_no_pixels(data):
                raise ReadError(Reason.ZERO_SIZED, "the header says zero pixels") from error
            raise ReadError(Reason.NOT_AN_IMAGE, _looks_like(data)) from error
        except Exception as error:
            raise _fault(error, "the header contradicts itself") from error


def _load(image: Image.Image) -> None:
    """Decodes the pixels of the first frame."""
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers raise whatever their parsing trips over
        raise _fault(error, "the pixels can't be decoded") from error


def _fault(error: Exception, context: str) -> ReadError:
    text = str(error)
    if isinstance(error, Image.DecompressionBombError):
        return ReadError(Reason.TOO_LARGE, text)
    short = ("truncated", "not enough", "too small", "unexpected end", "broken data stream")
    if isinstance(error, EOFError) or any(word in text.lower() for word in short):
        return ReadError(Reason.TRUNCATED, text or context)
    return ReadError(Reason.CORRUPT, f"{context}: {text or type(error).__name__}")


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


@contextmanager
def _no_pillow_limit() -> Iterator[None]:
    """Lets our own limit decide instead of Pillow's global one, while a header is read."""
    with _limit_lock:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _claims_no_pixels(data: bytes) -> bool:
    for start, (fields, offset) in SIZE_FIELDS.items():
        if data.startswith(start) and len(data) >= offset + struct.calcsize(fields):
            return 0 in struct.unpack_from(fields, data, offset)
    return False


def _is_heif(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in {b"heic", b"heix", b"hevc", b"mif1", b"msf1"}


def _looks_like(data: bytes) -> str:
    """Says what the bytes are instead, where a glance can tell."""
    start = data[:256].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "the bytes are an HTML page"
    if b"<svg" in start:
        return "the bytes are an SVG drawing, which has no pixels; render it first"
    if start.startswith(b"%pdf"):
        return "the bytes are a PDF document"
    if _is_heif(data):
        return "the bytes are HEIC/HEIF; pip install 'lookalike[heif]' to read them"
    return "the bytes are of no picture format that can be read"
