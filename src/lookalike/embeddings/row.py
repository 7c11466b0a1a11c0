"""What became of one input."""

from __future__ import annotations

from dataclasses import dataclass

from lookalike.images import Reason


@dataclass(frozen=True)
class Row:
    """What became of one input, or of one view of it.

    Attributes:
        id: The input's id.
        path: Its file; None for pictures from memory.
        reason: None if it has a vector, else why not.
        detail: A sentence about the failure; with a vector what has to be said about the picture,
            such as that a RAW file's preview was read, and empty for most.
        width: Width in pixels, upright; 0 if unknown.
        height: Height in pixels, upright; 0 if unknown.
        view: Which view of the picture, such as ``flip``; empty for the whole picture. Rows of
            one picture share its id and stand together, the whole picture first.
        digest: SHA-256 of the encoded bytes, in hexadecimal; empty if none could be read.
        file_bytes: Size of the file; None where there is none.
        file_mtime_ns: When the file was last written, in nanoseconds since 1970; None likewise.
    """

    id: str
    path: str | None = None
    reason: Reason | None = None
    detail: str = ""
    width: int = 0
    height: int = 0
    view: str = ""
    digest: str = ""
    file_bytes: int | None = None
    file_mtime_ns: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the input has a vector."""
        return self.reason is None
