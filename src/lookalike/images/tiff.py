"""TIFF directories: which page is the picture, and what its tags say about its values.

RAW files (DNG, NEF, CR2, ARW, PEF) are TIFFs, so their largest preview is looked for here, too.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from lookalike.images.jpeg import frame_of
from lookalike.images.place import ReadError, Reason

SUBFILE, OLD_SUBFILE, WIDTH, HEIGHT, BITS = 254, 255, 256, 257, 258
COMPRESSION, PHOTOMETRIC, STRIPS, ORIENTATION = 259, 262, 273, 274
STRIP_SIZES, TILES, TILE_SIZES, SUB_PAGES, FORMAT = 279, 324, 325, 330, 339
JPEG_START, JPEG_SIZE = 513, 514

READ = frozenset(
    {SUBFILE, OLD_SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIPS, ORIENTATION}
    | {STRIP_SIZES, TILES, TILE_SIZES, SUB_PAGES, FORMAT, JPEG_START, JPEG_SIZE}
)
"""Tags whose values are read."""

SIGNED = 2
"""Value of `FORMAT` for whole numbers with a sign."""
DEEP = frozenset({((12,), 1), ((16,), 1), ((32,), 3)})
"""(bits, format of a value: whole or float) of the grey whose white may be zero."""

NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
"""Types of whole numbers → how they are written."""

LENGTHS = {2: 1, 5: 8, 7: 1, 10: 8, 11: 4, 12: 8}
"""Other types → bytes of a value."""

SENSOR = frozenset({32803, 34892})
"""PhotometricInterpretation of what a camera's sensor saw, before it was developed."""

JPEGS = frozenset({6, 7, 34892})
"""Compressions that are JPEG."""

MOST_PAGES = 64
MOST_VALUES = 2_000_000
"""Values that are read of a file, all pages together: tags may claim the same bytes many times."""

ENOUGH = 1000
"""Longer side, in pixels, from which on a preview stands for a RAW file, however large that is."""

REDUCED_FIRST = "its first page is a reduced copy; the page of full size was read instead"
PREVIEW = "a RAW file: its largest preview was read, the sensor's data were not developed"
DEVELOP = "develop it to TIFF or JPEG first"


@dataclass(frozen=True)
class Directory:
    """One page: where its directory lies, and those of its tags that are whole numbers.

    Attributes:
        offset: Where it begins.
        tags: Tag → its values.
        short: Tag → where its values of two bytes stand.
        sub: Whether another page names it, instead of the chain of pages.
        beyond: Tags whose values lie behind the end of the file.
    """

    offset: int
    tags: dict[int, tuple[int, ...]] = field(default_factory=dict)
    short: dict[int, int] = field(default_factory=dict)
    sub: bool = False
    beyond: set[int] = field(default_factory=set)

    def first(self, tag: int, default: int = 0) -> int:
        """A tag's first value."""
        return (self.tags.get(tag) or (default,))[0]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.first(WIDTH), self.first(HEIGHT)

    @property
    def area(self) -> int:
        """Pixels."""
        return self.first(WIDTH) * self.first(HEIGHT)

    @property
    def reduced(self) -> bool:
        """Whether it calls itself a smaller copy of another page."""
        return bool(self.first(SUBFILE) & 1) or self.first(OLD_SUBFILE) == 2

    @property
    def pictured(self) -> bool:
        """Whether it has pixels, and not only what a sensor saw."""
        whole = self.area > 0 and bool(self.tags.get(STRIPS) or self.tags.get(TILES))
        return whole and self.first(PHOTOMETRIC) not in SENSOR

    def parts(self) -> Iterator[tuple[int, int]]:
        """(where, how long) for each strip, tile, and JPEG beside them."""
        for starts, sizes in ((STRIPS, STRIP_SIZES), (TILES, TILE_SIZES), (JPEG_START, JPEG_SIZE)):
            yield from zip(self.tags.get(starts, ()), self.tags.get(sizes, ()), strict=False)


@dataclass(frozen=True)
class Page:
    """What is decoded of a TIFF.

    Attributes:
        data: A TIFF whose first page it is, or a JPEG.
        remark: What has to be said about the choice; empty for an ordinary first page.
        orientation: That of the first page, for a page without one of its own.
        inverted: Whether white is zero in values that Pillow takes the other way round.
    """

    data: bytes
    remark: str = ""
    orientation: int = 1
    inverted: bool = False


def chosen_page(data: bytes) -> Page:
    """The page that is the picture: the first, unless that is a reduced copy or a sensor's data.

    Raises:
        ReadError: A RAW file without a preview that could stand for it.
    """
    pages, _ = pages_of(data)
    if not pages:
        return Page(data)
    turned = pages[0].first(ORIENTATION, 1)
    if data[8:10] == b"CR" or any(one.first(PHOTOMETRIC) in SENSOR for one in pages):
        return _preview(data, pages, turned)
    full = [one for one in pages if one.pictured and not one.reduced]
    if not pages[0].reduced or not full:
        return _page(data, pages[0], "", 1)
    best = max(full, key=lambda one: one.area)
    return _page(data, best, REDUCED_FIRST, turned if best.sub else 1)


def _preview(data: bytes, pages: list[Directory], turned: int) -> Page:
    """The largest preview of a RAW file, if it is large enough to stand for it."""
    whole = max(max(one.size) for one in pages)
    found: list[tuple[int, tuple[int, int], bytes | Directory]] = []
    for one in pages:
        for start, size in one.parts():
            jpeg = data[start : start + size] if size <= len(data) else b""
            frame = frame_of(jpeg) if jpeg.startswith(b"\xff\xd8") else None
            if frame is not None and frame.usual:
                found.append((frame.width * frame.height, (frame.width, frame.height), jpeg))
        if one.pictured and one.first(COMPRESSION, 1) not in JPEGS:
            found.append((one.area, one.size, one))
    area, (width, height), best = max(found, key=lambda one: one[0], default=(0, (0, 0), b""))
    if not area or max(width, height) < min(ENOUGH, whole // 2):
        what = f"larger than {width} x {height} pixels" if area else "that could be read"
        raise ReadError(Reason.UNSUPPORTED, f"a RAW file without a preview {what}; {DEVELOP}")
    if isinstance(best, bytes):
        return Page(best, PREVIEW, turned)
    return _page(data, best, PREVIEW, turned)


def _page(data: bytes, page: Directory, remark: str, turned: int) -> Page:
    """The same file with this page as its first, and deep grey as Pillow reads it."""
    order = _order(data)
    at, code = (8, "Q") if _is_big(data) else (4, "I")
    if struct.unpack_from(order + code, data, at)[0] != page.offset:
        data = _patched(data, at, struct.pack(order + code, page.offset))
    deep = (page.tags.get(BITS, (1,)), page.first(FORMAT, 1)) in DEEP
    inverted = deep and page.first(PHOTOMETRIC, 1) == 0 and PHOTOMETRIC in page.short
    if inverted:
        data = _patched(data, page.short[PHOTOMETRIC], struct.pack(order + "H", 1))
    return Page(data, remark, turned, inverted)


def _patched(data: bytes, start: int, new: bytes) -> bytes:
    return b"".join((data[:start], new, data[start + len(new) :]))


def reaches_beyond(data: bytes) -> bool:
    """Whether a TIFF names pages or pixels that lie behind its end."""
    pages, broken = pages_of(data)
    if broken or not pages or pages[0].beyond:
        return True
    return any(start + size > len(data) for start, size in pages[0].parts())


def pages_of(data: bytes) -> tuple[list[Directory], bool]:
    """The pages of a TIFF in its order, each followed by those that it names.

    Returns:
        The pages, at most `MOST_PAGES`, and whether one of them lies behind the file's end.
    """
    found: list[Directory] = []
    seen: set[int] = set()
    if len(data) < (16 if _is_big(data) else 8):
        return found, True
    at, code = (8, "Q") if _is_big(data) else (4, "I")
    waiting = [(struct.unpack_from(_order(data) + code, data, at)[0], False)]
    broken, left = False, MOST_VALUES
    while waiting and len(found) < MOST_PAGES:
        offset, sub = waiting.pop(0)
        if not offset or offset in seen:
            continue
        seen.add(offset)
        try:
            page, following = _directory(data, offset, sub, left)
        except struct.error:
            broken = True
            continue
        found.append(page)
        left -= sum(map(len, page.tags.values()))
        waiting = [
            *((one, True) for one in page.tags.get(SUB_PAGES, ())[:MOST_PAGES]),
            *([] if sub else [(following, False)]),
            *waiting,
        ]
    return found, broken


def _directory(data: bytes, offset: int, sub: bool, left: int) -> tuple[Directory, int]:
    """A page, and where the next one lies. Raises `struct.error` if it lies behind the end.

    Of its tags, no more than ``left`` values are read.
    """
    order, big = _order(data), _is_big(data)
    head, entry, room, whole = ("Q", 20, 8, "Q") if big else ("H", 12, 4, "I")
    count = struct.unpack_from(order + head, data, offset)[0]
    start = offset + struct.calcsize(order + head)
    following = struct.unpack_from(order + whole, data, start + entry * count)[0]
    page = Directory(offset, sub=sub)
    for at in range(start, start + entry * min(count, 1000), entry):
        tag, type, number = struct.unpack_from(order + "HH" + whole, data, at)
        code = NUMBERS.get(type)
        length = number * (struct.calcsize(order + code) if code else LENGTHS.get(type, 0))
        place = at + entry - room
        if length > room:
            place = struct.unpack_from(order + whole, data, place)[0]
        if place + length > len(data):
            page.beyond.add(tag)
            continue
        if code is None or tag not in READ or number > left:
            continue
        left -= number
        page.tags[tag] = struct.unpack_from(f"{order}{number}{code}", data, place)
        if code == "H":
            page.short[tag] = place
    return page, following


def _order(data: bytes) -> str:
    return "<" if data.startswith(b"I") else ">"


def _is_big(data: bytes) -> bool:
    return 43 in data[2:4]
