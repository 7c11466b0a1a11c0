"""What a file's first bytes say it is, and whether its own account of its length is kept."""

from __future__ import annotations

import struct
from collections.abc import Callable

from lookalike.images.jpeg import jpeg_breaks_off
from lookalike.images.tiff import reaches_beyond

STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"8BPS", "PSD"),
    (b"DDS ", "DDS"),
    (b"icns", "ICNS"),
    (b"qoif", "QOI"),
    (b"\0\0\x01\0", "ICO"),
    (b"FUJIFILMCCD-RAW", "RAF"),
    (b"IIRO", "ORF"),
    (b"IIRS", "ORF"),
    (b"MMOR", "ORF"),
    (b"IIU\0", "RW2"),
    (b"FOVb", "X3F"),
    (b"P7\n", "PAM"),
)
"""How a file begins → what it is."""

BRANDS: tuple[tuple[bytes, str], ...] = (
    (b"avif", "AVIF"),
    (b"avis", "AVIF"),
    (b"heic", "HEIC"),
    (b"heix", "HEIC"),
    (b"heim", "HEIC"),
    (b"heis", "HEIC"),
    (b"hevc", "HEIC"),
    (b"hevx", "HEIC"),
    (b"crx ", "CR3"),
    (b"mif1", "HEIC"),
    (b"msf1", "HEIC"),
)
"""Brand of an ISO media file → what it is; the first that the file names counts."""

READERS: dict[str, tuple[str, ...]] = {
    "JPEG": ("JPEG",),
    "PNG": ("PNG",),
    "GIF": ("GIF",),
    "TIFF": ("TIFF",),
    "WebP": ("WEBP",),
    "AVIF": ("AVIF",),
    "HEIC": ("HEIF",),
    "JPEG 2000": ("JPEG2000",),
    "JPEG XL": ("JXL",),
    "PSD": ("PSD",),
    "QOI": ("QOI",),
}
"""What it is → Pillow's names for the readers of it; others may not have a guess at such bytes."""

RAWS = frozenset({"RAF", "ORF", "RW2", "X3F", "CR3"})
"""RAW files that are no TIFFs."""


def kind_of(data: bytes) -> str:
    """What the bytes begin as; empty if that is not known for certain.

    Example:
        >>> kind_of(b"GIF89a"), kind_of(b"hello")
        ('GIF', '')
    """
    if data[:4] == b"RIFF" and b"WEBP".startswith(data[8:12]) and data[8:12]:
        return "WebP"
    if data[4:8] == b"ftyp":
        return _kind_of_media(data)
    for start, kind in STARTS:
        if data.startswith(start):
            return kind
    if len(data) >= 4 and any(start.startswith(data) for start, _ in STARTS):
        return next(kind for start, kind in STARTS if start.startswith(data))
    return ""


def _kind_of_media(data: bytes) -> str:
    size = max(16, min(int.from_bytes(data[:4], "big"), 4096))
    named = {data[8:12], *(data[at : at + 4] for at in range(16, size, 4))}
    own = next((kind for brand, kind in BRANDS[:-2] if data[8:12] == brand), "")
    return own or next((kind for brand, kind in BRANDS if brand in named), "")


def breaks_off(data: bytes) -> bool:
    """Whether a file ends before its own headers say that it does; False where they do not tell.

    Example:
        >>> breaks_off(b"GIF89a"), breaks_off(b"hello")
        (True, False)
    """
    check = _CHECKS.get(kind_of(data))
    return check is not None and check(data)


def _png_breaks_off(data: bytes) -> bool:
    at = 8
    while at + 8 <= len(data):
        if data[at + 4 : at + 8] == b"IEND":
            return False
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return True


def _gif_breaks_off(data: bytes) -> bool:
    at = 13
    if len(data) < at:
        return True
    at += 3 * 2 ** ((data[10] & 7) + 1) if data[10] & 0x80 else 0
    while at < len(data):
        block = data[at]
        if block == 0x3B:
            return False
        if block == 0x21:
            at += 2
        elif block == 0x2C and at + 9 < len(data):
            flags = data[at + 9]
            at += 11 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)
        else:
            return block == 0x2C
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    return True


def _bmp_breaks_off(data: bytes) -> bool:
    if len(data) < 26:
        return True
    size, _, start = struct.unpack_from("<III", data, 2)
    return max(size, start) > len(data)


def _riff_breaks_off(data: bytes) -> bool:
    return len(data) < 20 or int.from_bytes(data[4:8], "little") + 8 > len(data)


def _media_breaks_off(data: bytes) -> bool:
    """Of boxes: one reaches beyond the end, or those that hold the picture never come."""
    at, seen = 0, set()
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        seen.add(kind)
        if size == 0:  # to the end of the file
            return kind == b"jp2c" and not data.endswith(b"\xff\xd9")
        if size < 8:
            return False
        at += size
    return at > len(data) or not seen & {b"mdat", b"jp2c", b"idat", b"jxlc", b"jxlp"}


def _codestream_breaks_off(data: bytes) -> bool:
    if data.startswith(b"\xff\x4f"):
        return not data.endswith(b"\xff\xd9")
    return _media_breaks_off(data)


def _icns_breaks_off(data: bytes) -> bool:
    return len(data) < 8 or int.from_bytes(data[4:8], "big") > len(data)


def _ico_breaks_off(data: bytes) -> bool:
    count = int.from_bytes(data[4:6], "little")
    if len(data) < 6 + 16 * count or not count:
        return len(data) < 22
    entries = (struct.unpack_from("<II", data, 14 + 16 * n) for n in range(count))
    return any(size + start > len(data) for size, start in entries)


def _psd_breaks_off(data: bytes) -> bool:
    at = 26
    for _ in range(3):  # colours, resources, layers
        if at + 4 > len(data):
            return True
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    return at + 2 > len(data)


def _qoi_breaks_off(data: bytes) -> bool:
    return len(data) < 22 or not data.endswith(b"\0\0\0\0\0\0\0\x01")


def _jxl_breaks_off(data: bytes) -> bool:
    return data.startswith(b"\0") and _media_breaks_off(data)


_CHECKS: dict[str, Callable[[bytes], bool]] = {
    "JPEG": jpeg_breaks_off,
    "PNG": _png_breaks_off,
    "GIF": _gif_breaks_off,
    "BMP": _bmp_breaks_off,
    "TIFF": reaches_beyond,
    "WebP": _riff_breaks_off,
    "AVIF": _media_breaks_off,
    "HEIC": _media_breaks_off,
    "JPEG 2000": _codestream_breaks_off,
    "JPEG XL": _jxl_breaks_off,
    "ICNS": _icns_breaks_off,
    "ICO": _ico_breaks_off,
    "PSD": _psd_breaks_off,
    "QOI": _qoi_breaks_off,
    "DDS": lambda data: len(data) < 128,
}
