"""The segments of a JPEG, as far as they say what is to come."""

from __future__ import annotations

import struct
from dataclasses import dataclass

START_OF_SCAN, END = 0xDA, 0xD9
NO_FRAME = frozenset({0xC4, 0xC8, 0xCC})
"""Markers among those of frames that begin something else."""

LOSSLESS, ARITHMETIC = 3, 9
"""Types of frames from which on other ways of coding begin."""


@dataclass(frozen=True)
class Frame:
    """What a JPEG says of its picture.

    Attributes:
        type: 0 baseline, 1 extended, 2 progressive, 3 lossless; from 9 on arithmetic coding.
        bits: Per value.
        width: In pixels.
        height: In pixels; 0 where it stands behind the first scan.
    """

    type: int
    bits: int
    width: int
    height: int

    @property
    def usual(self) -> bool:
        """Whether any reader of JPEGs can read it."""
        return self.type < LOSSLESS and self.bits == 8


def frame_of(data: bytes) -> Frame | None:
    """The frame of a JPEG; None if it ends before that, or is none.

    Example:
        >>> frame_of(bytes.fromhex("ffd8 ffc0 0011 08 0005 0007 03") + bytes(9))
        Frame(type=0, bits=8, width=7, height=5)
    """
    for marker, start, _ in _segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in NO_FRAME and start + 9 <= len(data):
            bits, height, width = struct.unpack_from(">BHH", data, start + 4)
            return Frame(marker - 0xC0, bits, width, height)
    return None


def jpeg_breaks_off(data: bytes) -> bool:
    """Whether a JPEG ends before its end marker.

    A marker that was put behind half of the data can't be told from a whole picture's.
    """
    segments = _segments(data)
    if not segments:
        return len(data) < 6
    marker, _, end = segments[-1]
    if marker == START_OF_SCAN:
        return data.find(bytes([0xFF, END]), end) < 0
    return marker != END and end + 4 > len(data)


def _segments(data: bytes) -> list[tuple[int, int, int]]:
    """(marker, where it stands, where it ends) up to the first scan; the last may lie beyond."""
    found, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        alone = marker == 0x01 or 0xD0 <= marker <= END
        end = at + 2 if alone else at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((marker, at, end))
        if marker in (START_OF_SCAN, END):
            break
        at = end
    return found
