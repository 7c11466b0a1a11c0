"""Pillow's readers under our own rules, whatever its global switches say.

Two of them would decide about our promises: ``Image.MAX_IMAGE_PIXELS``, in whose place stand our
limits, and ``ImageFile.LOAD_TRUNCATED_IMAGES``, which makes pictures of halves. Any library in the
process may set them at any time, and its other threads rely on them. So they are neither read nor
written here: in a thread that is reading a picture for us, they do not count.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec
from io import BytesIO
from typing import Any

from PIL import Image, ImageFile, UnidentifiedImageError

from lookalike.extras import installed, require
from lookalike.images.signature import READERS, kind_of

COMMON = ("JPEG", "PNG", "GIF", "BMP", "PPM")
"""Formats whose readers Pillow loads at once; the others are tried only when these fail."""

NOT_READ = frozenset({"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "SPIDER", "MCIDAS", "IPTC"})
"""Formats left out: they run another program, are stubs, or accept almost any bytes."""

NOT_OPENED = (SyntaxError, IndexError, TypeError, struct.error)
"""What Pillow's readers raise for bytes that are not theirs."""


class NoReaderError(Exception):
    """No reader takes the bytes; ``refusals`` has what those said that began to read."""

    def __init__(self, refusals: list[Exception]) -> None:
        super().__init__("; ".join(str(one) for one in refusals))
        self.refusals = refusals


def open_image(data: bytes) -> ImageFile.ImageFile:
    """Reads the header: format, size, mode.

    Bytes that begin as one format are shown to its reader alone.

    Raises:
        NoReaderError: Nothing reads them.
        Exception: Whatever a reader trips over.
    """
    kind = kind_of(data)
    named = READERS.get(kind)
    if kind == "HEIC" and installed("pi_heif"):
        require("pi_heif", purpose="reading HEIC").register_heif_opener()
    with own_rules():
        refusals: list[Exception] = []
        common = [name for name in COMMON if named is None or name in named]
        image = _first_to_open(data, common, refusals)
        if image is None and common != list(named or ()):
            Image.init()
            others = sorted(set(Image.OPEN) - NOT_READ - set(COMMON))
            asked = [name for name in others if named is None or name in named]
            image = _first_to_open(data, asked, refusals)
    if image is None:
        raise NoReaderError(refusals)
    return image


def header_of(path: str) -> tuple[tuple[int, int], str] | None:
    """(width, height) and mode of a file's first page, by a look at its header; None without one.

    Example:
        >>> header_of("no/such/file.jpg") is None
        True
    """
    if not os.path.isfile(path):  # to open a pipe would wait for ever
        return None
    for rarer in (False, True):
        if rarer:
            Image.init()
        asked = sorted(set(Image.OPEN) - NOT_READ) if rarer else list(COMMON)
        try:
            with own_rules(), Image.open(path, formats=asked) as image:
                return image.size, image.mode
        except UnidentifiedImageError:
            continue
        except Exception:  # reading it in earnest will say what is wrong
            return None
    return None


def has_reader(kind: str) -> bool:
    """Whether Pillow, with what is installed, reads a kind of file at all."""
    Image.init()
    return any(name in Image.OPEN for name in READERS.get(kind, ()))


def load_image(image: Image.Image) -> None:
    """Decodes the pixels of the first frame; a picture that breaks off raises.

    Raises:
        Exception: Whatever the reader trips over.
    """
    with own_rules():
        image.load()


def _first_to_open(
    data: bytes, formats: Iterable[str], refusals: list[Exception]
) -> ImageFile.ImageFile | None:
    """As ``Image.open`` does, but for keeping what the readers said."""
    Image.preinit()
    for name in formats:
        if name not in Image.OPEN:
            Image.init()
        if name not in Image.OPEN:
            continue
        reader, accepts = Image.OPEN[name]
        try:
            accepted = accepts is None or accepts(data[:16])
            if isinstance(accepted, str):
                refusals.append(SyntaxError(accepted))
            elif accepted:
                return reader(BytesIO(data), "")
        except NOT_OPENED as error:
            refusals.append(error)
    return None


_thread = threading.local()


@contextmanager
def own_rules() -> Iterator[None]:
    """In this thread, Pillow neither has a limit of its own nor fills up what is missing."""
    if Image._decompression_bomb_check.__module__ == Image.__name__:  # somebody put it back
        _take_over_check()
    if ImageFile.ImageFile.load.__module__ == ImageFile.__name__:
        _take_over_load()
    before = _is_ours()
    _thread.ours = True
    try:
        yield
    finally:
        _thread.ours = before


def _is_ours() -> bool:
    return getattr(_thread, "ours", False)


def _pillows_own_load() -> Any:
    """`ImageFile.load` as Pillow has it, whoever wrapped that, told not to make pictures of halves.

    It looks the switch up in its module, so it gets a copy of that for itself.
    """
    found = find_spec(ImageFile.__name__)
    assert found is not None
    assert found.loader is not None
    module: Any = module_from_spec(found)
    found.loader.exec_module(module)
    return module.ImageFile.load


_load_whole = _pillows_own_load()


# The readers look these two up by name, in the middle of what they do; there is no other way in.
# What was there is kept in closures, since this module may be loaded again.


def _take_over_check() -> None:
    check_of_others = Image._decompression_bomb_check

    def check(*args: Any, **options: Any) -> None:
        if not _is_ours():
            check_of_others(*args, **options)

    Image._decompression_bomb_check = check


def _take_over_load() -> None:
    load_of_others = ImageFile.ImageFile.load

    def load(self: ImageFile.ImageFile) -> Any:
        if not _is_ours():
            return load_of_others(self)
        self._ended = True  # type: ignore[attr-defined]  # or the reader of JPEGs makes up an end
        return _load_whole(self)

    ImageFile.ImageFile.load = load  # type: ignore[method-assign]


_take_over_check()
_take_over_load()
