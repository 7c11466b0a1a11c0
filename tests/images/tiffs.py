"""TIFFs written by hand, so that what they say is not what a library made of it."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Tags: TypeAlias = "Mapping[int, int | Sequence[int]]"

SHORTS = frozenset({258, 259, 262, 274, 277, 284, 338, 339})


def directory(tags: Tags, at: int, *, following: int = 0, order: str = "<") -> bytes:
    """One page's directory for the place ``at``, with the values that are too long behind it."""
    entries, tail = [], b""
    behind = at + 2 + 12 * len(tags) + 4
    for tag, value in sorted(tags.items()):
        values = [value] if isinstance(value, int) else list(value)
        code, kind = ("H", 3) if tag in SHORTS else ("I", 4)
        content = struct.pack(f"{order}{len(values)}{code}", *values)
        if len(content) > 4:
            place, tail = behind + len(tail), tail + content + b"\0" * (len(content) % 4)
            content = struct.pack(order + "I", place)
        entries.append(struct.pack(order + "HHI", tag, kind, len(values)) + content.ljust(4, b"\0"))
    head = struct.pack(order + "H", len(entries))
    return head + b"".join(entries) + struct.pack(order + "I", following) + tail


def header(first: int, *, order: str = "<") -> bytes:
    return (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, first)


def page(size: tuple[int, int], bits: Sequence[int], photometric: int) -> dict[int, Any]:
    """The tags of an uncompressed page, but for where its pixels are."""
    width, height = size
    kind = {259: 1, 262: photometric, 277: len(bits), 278: height}
    return {256: width, 257: height, 258: list(bits)} | kind


def one_page(
    pixels: bytes,
    size: tuple[int, int],
    bits: Sequence[int],
    photometric: int,
    more: Tags | None = None,
    *,
    order: str = "<",
) -> bytes:
    """A TIFF of one strip."""
    tags = {**page(size, bits, photometric), 273: 8, 279: len(pixels), **(more or {})}
    even = pixels + b"\0" * (len(pixels) % 2)
    behind = 8 + len(even)
    return header(behind, order=order) + even + directory(tags, behind, order=order)


def packed(values: NDArray[Any], bits: int) -> bytes:
    """Values of any number of bits, row by row, the highest bit first, rows filled up to bytes."""
    shifts = np.arange(bits - 1, -1, -1)
    each = (values[..., None].astype(np.int64) >> shifts) & 1
    return np.packbits(each.reshape(len(values), -1).astype(np.uint8), axis=1).tobytes()


def several(pages: Sequence[tuple[Tags, bytes]], *, subs: Mapping[int, int] | None = None) -> bytes:
    """Pages in a chain, but for those that another one names: ``subs`` is child → parent."""
    subs = dict(subs or {})
    starts, at = [], 8
    for _, pixels in pages:
        starts.append(at)
        at += len(pixels) + len(pixels) % 2
    places = []
    for n, (tags, _) in enumerate(pages):
        places.append(at)
        children = [0 for child, parent in subs.items() if parent == n]
        at += len(directory(_full(tags, 0, 0, children), at))
    chain = [n for n in range(len(pages)) if n not in subs]
    written = b"".join(pixels + b"\0" * (len(pixels) % 2) for _, pixels in pages)
    for n, (tags, pixels) in enumerate(pages):
        children = [places[child] for child, parent in subs.items() if parent == n]
        after = [m for m in chain if m > n] if n in chain else []
        following = places[after[0]] if after else 0
        full = _full(tags, starts[n], len(pixels), children)
        written += directory(full, places[n], following=following)
    return header(places[0]) + written


def _full(tags: Tags, start: int, size: int, children: Sequence[int]) -> dict[int, Any]:
    where = {} if 513 in tags else {273: start, 279: size}
    if 513 in tags:  # a JPEG that is no strip
        where = {513: start, 514: size}
    return {**tags, **where, **({330: list(children)} if children else {})}
