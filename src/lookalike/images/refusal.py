"""From what a reader tripped over to the reason that a person gets."""

from __future__ import annotations

import struct

from PIL import Image

from lookalike.images.jpeg import frame_of
from lookalike.images.place import ReadError, Reason
from lookalike.images.readers import NoReaderError, has_reader
from lookalike.images.signature import RAWS, breaks_off, kind_of
from lookalike.images.tiff import DEVELOP

SIZE_FIELDS = {b"\x89PNG": (">II", 16), b"GIF8": ("<HH", 6), b"BM": ("<ii", 18)}
"""How a file begins → the format and the offset of its width and height."""

SHORT = ("truncated", "not enough", "too small", "unexpected end", "eof while", "only got")
"""What readers say of data that end too early."""

MISSING = ("not installed", "not available")
"""What Pillow says of a part that it was built without."""

ODD = (
    "cannot handle",
    "unsupported",
    "not supported",
    "not yet supported",
    "unimplemented",
    "unknown pixel mode",
    "unknown data organization",
    "unable to determine j2k image mode",
    "unknown mode",
)
"""What readers say of files that are whole, and of a kind that they don't read."""

NEEDED = {
    "HEIC": "the bytes are HEIC/HEIF; pip install 'lookalike[heif]' to read them",
    "AVIF": "the bytes are AVIF, which needs a Pillow with libavif: pip install -U 'pillow>=11.3'",
    "WebP": "the bytes are WebP, which needs a Pillow with libwebp: its wheels have it",
    "JPEG 2000": "the bytes are JPEG 2000, which needs a Pillow with OpenJPEG: its wheels have it",
    "JPEG XL": "the bytes are JPEG XL, which needs a plug-in of Pillow, such as pillow-jxl-plugin, "
    "imported before; or convert it to PNG",
}
"""Kind of file → what reads it."""


def refusal(error: Exception, data: bytes, context: str) -> ReadError:
    """The reason that stands for an error of a reader.

    Args:
        error: What was raised.
        data: The file; empty where there is none.
        context: What was being done; opens the detail where the error says too little.
    """
    kind = kind_of(data)
    if isinstance(error, Image.DecompressionBombError):
        return ReadError(Reason.TOO_LARGE, str(error))
    if kind in RAWS:
        return ReadError(Reason.UNSUPPORTED, f"a RAW file ({kind}); {DEVELOP}")
    if kind == "PAM":
        return ReadError(Reason.UNSUPPORTED, "a PAM file; convert it to PNG first")
    refusals = error.refusals if isinstance(error, NoReaderError) else [error]
    said = "; ".join(str(one) for one in refusals)
    if isinstance(error, NoReaderError):
        if _claims_no_pixels(data):
            return ReadError(Reason.ZERO_SIZED, "the header says zero pixels")
        if not kind:
            return ReadError(Reason.NOT_AN_IMAGE, _looks_like(data))
    if kind in NEEDED and (not has_reader(kind) or _says(said, MISSING)):
        return ReadError(Reason.NEEDS_EXTRA, NEEDED[kind])
    if _says(said, SHORT):
        return ReadError(Reason.TRUNCATED, said)
    if breaks_off(data):
        return ReadError(Reason.TRUNCATED, f"a truncated {kind}: it ends before its own headers do")
    if any(_ends_early(one) for one in refusals) or (not kind and "broken data stream" in said):
        return ReadError(Reason.TRUNCATED, said or context)
    frame = frame_of(data) if kind == "JPEG" else None
    if frame is not None and not frame.usual:
        how = "with arithmetic coding" if frame.type >= 9 else f"of {frame.bits} bits"
        how = "without loss" if frame.type == 3 else how
        detail = f"a JPEG {how} (type {frame.type}), which no reader here decodes; convert it"
        return ReadError(Reason.UNSUPPORTED, detail)
    if any(_is_odd(one) for one in refusals):
        name = kind or "file"
        return ReadError(Reason.UNSUPPORTED, f"a {name} of a kind that is not read: {said}")
    return ReadError(Reason.CORRUPT, f"{context}: {said or type(error).__name__}")


def _says(said: str, words: tuple[str, ...]) -> bool:
    return any(word in said.lower() for word in words)


def _is_odd(error: BaseException) -> bool:
    """Whether an error is of a file of a kind that the reader does not know."""
    unknown = isinstance(error, NotImplementedError) or isinstance(error.__cause__, KeyError)
    return unknown or _says(str(error), ODD)


def _ends_early(error: BaseException) -> bool:
    """Whether an error, or the one behind it, is of data that were not there."""
    behind = error.__cause__
    return isinstance(error, EOFError) or isinstance(behind, (EOFError, struct.error, IndexError))


def _claims_no_pixels(data: bytes) -> bool:
    for start, (fields, offset) in SIZE_FIELDS.items():
        if data.startswith(start) and len(data) >= offset + struct.calcsize(fields):
            return 0 in struct.unpack_from(fields, data, offset)
    return False


def _looks_like(data: bytes) -> str:
    """Says what the bytes are instead, where a glance can tell."""
    start = data[:256].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "the bytes are an HTML page"
    if b"<svg" in start:
        return "the bytes are an SVG drawing, which has no pixels; render it first"
    if start.startswith(b"%pdf"):
        return "the bytes are a PDF document"
    return "the bytes are of no picture format that can be read"
