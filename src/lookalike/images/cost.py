"""What reading a picture takes in memory."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from lookalike.images.place import Limits
from lookalike.images.readers import header_of

PER_PIXEL = {"RGB": 8}
"""Mode → bytes for each pixel while it is decoded and made 8-bit RGB."""

PER_PIXEL_OTHERWISE = 12
"""For deep grey, floats, transparency, CMYK, palettes: a copy in their own form beside it."""

COPIES = 2
"""Of the file's bytes, as it is read and as a reader gets it."""

LOOKED_AT = 32
"""Largest files whose headers are read; a small file of more pixels than these is a bomb."""


def cost_of(path: str, size: int, limits: Limits) -> int:
    """Bytes of memory that reading one file takes; 0 for one that is refused by its size.

    Args:
        path: Of the file.
        size: Its length in bytes.
        limits: What a picture may cost; larger ones are refused.

    Example:
        >>> from importlib.resources import files
        >>> cat = str(files("lookalike.demo") / "pictures" / "cat.jpg")
        >>> cost_of(cat, 30_000, Limits()) == 2 * 30_000 + 8 * 360 * 239
        True
    """
    if size > limits.max_bytes:
        return 0
    header = header_of(path)
    if header is None:
        return COPIES * size
    (width, height), mode = header
    if width * height > limits.max_pixels:
        return COPIES * size
    return COPIES * size + width * height * PER_PIXEL.get(mode, PER_PIXEL_OTHERWISE)


class Largest:
    """Keeps the largest of many files, to say what the most costly of them take.

    Example:
        >>> largest = Largest()
        >>> largest.add("no/such/file.jpg", 1000)
        >>> largest.cost(4, Limits())
        2000
    """

    def __init__(self) -> None:
        self._found: list[tuple[int, str]] = []

    def add(self, path: str, size: int) -> None:
        """One more file."""
        if len(self._found) < LOOKED_AT:
            heapq.heappush(self._found, (size, path))
        else:
            heapq.heappushpop(self._found, (size, path))

    def cost(self, together: int, limits: Limits) -> int:
        """Bytes that the most costly take, so many of them read at the same time."""
        return sum(heapq.nlargest(together, self._costs(limits)))

    def _costs(self, limits: Limits) -> Iterable[int]:
        return (cost_of(path, size, limits) for size, path in self._found)
