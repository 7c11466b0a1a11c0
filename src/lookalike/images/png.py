"""PNG chunks: what decides about pixels, and what is only written beside them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from lookalike.images.place import ReadError, Reason

SIGNATURE = b"\x89PNG\r\n\x1a\n"

TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})

TURNING = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0", b"Raw profile type xmp\0")
"""Texts that may say which way up the picture is."""

MOST_TEXT = 1 << 20
"""Bytes of a text, once inflated, above which Pillow refuses the picture."""

KNOWN = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
"""Critical chunks of the standard; another says that nothing is to be read without knowing it."""

PIXELS = frozenset({b"tRNS"})
"""Chunks that an image may lack, and that decide about its pixels all the same."""


@dataclass(frozen=True)
class Chunk:
    """One chunk of a PNG, by where it stands.

    Attributes:
        kind: Its four letters.
        start: Where it begins, with its length.
        end: Behind its checksum.
    """

    kind: bytes
    start: int
    end: int

    @property
    def decides(self) -> bool:
        """Whether pixels depend on it."""
        return not self.kind[0] & 0x20 or self.kind in PIXELS


def chunks_of(data: bytes) -> tuple[list[Chunk], bool]:
    """The chunks of a PNG up to its end, and whether it breaks off inside one."""
    found: list[Chunk] = []
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if at + 12 + length > len(data):
            return found, True
        found.append(Chunk(kind, at, at + 12 + length))
        at += 12 + length
        if kind == b"IEND":
            break
    return found, False


def readable_png(data: bytes) -> bytes:
    """A PNG without those of its ancillary chunks that would keep it from being read.

    Damaged ones go, and texts and colour profiles that inflate to more than `MOST_TEXT`; nothing
    of that is part of the pixels. A PNG without such a chunk comes back as it is.

    Raises:
        ReadError: A chunk that decides about pixels is damaged, or unknown.
    """
    chunks, _ = chunks_of(data)
    dropped = {chunk.start for chunk in chunks if not _keeps(data, chunk)}
    texts = [chunk for chunk in chunks if chunk.kind in TEXTS and chunk.start not in dropped]
    if sum(chunk.end - chunk.start for chunk in texts) > MOST_TEXT:  # many small ones, or plain
        dropped |= {chunk.start for chunk in texts if not _turns(data, chunk)}
    if not dropped:
        return data
    kept = [data[: len(SIGNATURE)]]
    kept += [data[one.start : one.end] for one in chunks if one.start not in dropped]
    return b"".join((*kept, data[chunks[-1].end :]))


def _keeps(data: bytes, chunk: Chunk) -> bool:
    """Whether a chunk stays."""
    content = memoryview(data)[chunk.start + 8 : chunk.end - 4]
    stated = int.from_bytes(data[chunk.end - 4 : chunk.end], "big")
    if zlib.crc32(content, zlib.crc32(chunk.kind)) != stated:
        if chunk.decides:
            name = chunk.kind.decode("latin-1")
            detail = f"the checksum of chunk {name!r} at byte {chunk.start:,} is wrong"
            raise ReadError(Reason.CORRUPT, detail)
        return False
    if chunk.decides and chunk.kind not in KNOWN | PIXELS:
        name = chunk.kind.decode("latin-1")
        detail = f"a PNG with the chunk {name!r}, which is not of the standard; convert it first"
        raise ReadError(Reason.UNSUPPORTED, detail)
    if chunk.kind in (b"zTXt", b"iTXt", b"iCCP"):
        return _inflates(chunk.kind, bytes(content))
    return True


def _inflates(kind: bytes, content: bytes) -> bool:
    """Whether a text or profile is well formed, and not too large once it is inflated."""
    _, _, rest = content.partition(b"\0")
    if kind == b"iTXt":
        if rest[:1] != b"\1":
            return len(rest) >= 2
        packed = rest[2:].split(b"\0", 2)[-1]
    else:
        packed = rest[1:]
    if len(rest) < 2 or rest[1 if kind == b"iTXt" else 0] != 0:
        return False
    try:
        inflating = zlib.decompressobj()
        inflating.decompress(packed, MOST_TEXT)
    except zlib.error:
        return False
    return not inflating.unconsumed_tail


def _turns(data: bytes, chunk: Chunk) -> bool:
    return data.startswith(TURNING, chunk.start + 8)


def significant_bits(data: bytes) -> int:
    """How many bits of a 16-bit grey PNG the chunk sBIT calls significant; 16 without one.

    Example:
        >>> significant_bits(SIGNATURE)
        16
    """
    for chunk in chunks_of(data)[0]:
        if chunk.kind == b"sBIT" and chunk.end - chunk.start > 12:
            return data[chunk.start + 8]
        if chunk.kind == b"IDAT":
            break
    return 16


def bits_of(data: bytes) -> int:
    """Bits per sample, as the header says."""
    return data[24] if len(data) > 24 else 0
