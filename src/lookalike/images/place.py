"""A place where a picture is to be found, and what can be said when none is there."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


class Reason(StrEnum):
    """Why an input has no vector. The value is the word that tables and JSON show."""

    MISSING = "missing"
    """Nothing is there: no such file, a broken link, an empty cell."""
    PERMISSION = "permission"
    """It is there and may not be read."""
    NOT_A_FILE = "not-a-file"
    """A folder, a pipe, a device or a socket."""
    EMPTY = "empty"
    """A file of zero bytes."""
    NOT_AN_IMAGE = "not-an-image"
    """Bytes of no picture format that can be decoded, whatever the name says."""
    TRUNCATED = "truncated"
    """A picture that breaks off."""
    CORRUPT = "corrupt"
    """A picture format's beginning with contents that contradict it."""
    TOO_LARGE = "too-large"
    """Over the limit on bytes or on pixels; a decompression bomb ends here."""
    ZERO_SIZED = "zero-sized"
    """A picture without pixels."""
    NEEDS_EXTRA = "needs-extra"
    """A picture format that is read once a package is installed."""
    UNSUPPORTED = "unsupported"
    """A kind of picture without a defined way to 8-bit RGB."""
    READ_ERROR = "read-error"
    """The disk, the network drive or the archive failed while reading."""
    OUT_OF_MEMORY = "out-of-memory"
    """Decoding needed more memory than there is."""
    NOT_FINITE = "not-finite"
    """The encoder answered with infinities or NaN."""
    NO_PARTNER = "no-partner"
    """One side of a pair by name exists, the other does not."""


@dataclass(frozen=True)
class Unreadable:
    """The outcome of an input that gave no picture.

    Attributes:
        id: The input's id, as in its row.
        reason: One word of `Reason`.
        detail: A sentence about this very input.
        path: The file it came from; None for arrays.
        digest: SHA-256 of the encoded bytes, in hexadecimal; empty if none could be read.
    """

    id: str
    reason: Reason
    detail: str
    path: str | None = None
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.detail}"


class ReadError(Exception):
    """A picture that can't be read or prepared; encoders turn it into its row's reason."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Limits:
    """What a single picture may cost.

    Attributes:
        max_bytes: Largest file, in bytes.
        max_pixels: Largest decoded picture, width x height.
    """

    max_bytes: int = 512 * 2**20
    max_pixels: int = 178_956_970


@dataclass(frozen=True)
class Stamp:
    """What a file's metadata say about its content; a changed file has another one.

    Attributes:
        bytes: Size of the file (of the archive, for a member of one).
        mtime_ns: When it was last written, in nanoseconds since 1970.
    """

    bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class Place:
    """Where one input is: its id, its file if it has one, and how to get at it.

    Attributes:
        id: What its row is called; a path as given, ``archive.tar::member``, or ``array[3]``.
        path: The file (or archive) on disk; None for pictures from memory.
        read: Returns the encoded bytes, or a picture that needs no decoding. Raises `ReadError`.
        listed: For a member of an archive: the archive's stamp when it was listed.
    """

    id: str
    path: str | None
    read: Callable[[Limits], bytes | Image]
    listed: Stamp | None = None

    def stamp(self) -> Stamp | None:
        """Size and time of the file, by a look at its metadata; None where there is no file.

        Example:
            >>> file_place("no/such/file.jpg").stamp() is None
            True
        """
        if self.path is None or self.listed is not None:
            return self.listed
        try:
            return stamp_of(os.stat(self.path))
        except (OSError, ValueError):
            return None


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp in what the system says about a file."""
    return Stamp(status.st_size, status.st_mtime_ns)


def file_place(path: str, *, id: str | None = None) -> Place:
    """A place for a file. Nothing is touched until it is read.

    Args:
        path: Path of the file; names with non-UTF-8 bytes in Python's surrogate form.
        id: Id of the row; the path if omitted.

    Example:
        >>> file_place("photo.jpg").id
        'photo.jpg'
    """
    return Place(id if id is not None else path, path, partial(read_file, path))


def failed_place(id: str, reason: Reason, detail: str, *, path: str | None = None) -> Place:
    """A place already known to hold nothing, so that its row is kept all the same."""
    return Place(id, path, partial(_refuse, reason, detail))


def _refuse(reason: Reason, detail: str, limits: Limits) -> bytes:
    raise ReadError(reason, detail)


def read_place(place: Place, limits: Limits) -> bytes | Image:
    """What a place gives, whoever made it: encoded bytes, or a picture that needs no decoding.

    Raises:
        ReadError: With the reason; of other errors only `MemoryError` leaves this function.

    Example:
        >>> read_place(Place("row 1", None, lambda limits: None), Limits())
        Traceback (most recent call last):
            ...
        lookalike.images.place.ReadError: the place gave NoneType, not bytes or a picture
    """
    from PIL import Image

    try:
        found = place.read(limits)
    except (ReadError, MemoryError):
        raise
    except Exception as error:  # a place may come from anyone, and one must not end the loop
        raise ReadError(Reason.READ_ERROR, f"{type(error).__name__}: {error}") from error
    if isinstance(found, (bytearray, memoryview)):
        return bytes(found)
    if not isinstance(found, (bytes, Image.Image)):
        told = f"the place gave {type(found).__name__}, not bytes or a picture"
        raise ReadError(Reason.READ_ERROR, told)
    return found


def check_size(size: int, limits: Limits) -> None:
    """Raise `ReadError` for a file of zero bytes or of more than the limit."""
    if size == 0:
        raise ReadError(Reason.EMPTY, "the file has no bytes")
    if size > limits.max_bytes:
        raise ReadError(
            Reason.TOO_LARGE, f"{size:,} bytes, the limit is {limits.max_bytes:,} (max_bytes)"
        )


def read_file(path: str, limits: Limits) -> bytes:
    """All bytes of a regular file within the limits.

    A pipe or device is refused before it is opened, since opening one can wait for ever.

    Raises:
        ReadError: With the reason; no other error leaves this function.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise ReadError(Reason.NOT_A_FILE, f"this is {kind}")
        check_size(status.st_size, limits)
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError as error:
        broken = os.path.islink(path)
        detail = f"a link to {os.readlink(path)!r}, which does not exist" if broken else "no file"
        raise ReadError(Reason.MISSING, detail) from error
    except PermissionError as error:
        raise ReadError(Reason.PERMISSION, "reading is not permitted") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ReadError(Reason.NOT_A_FILE, "a link that leads back to itself") from error
        raise ReadError(Reason.READ_ERROR, error.strerror or str(error)) from error
    except ValueError as error:  # a name that no file can have
        raise ReadError(Reason.READ_ERROR, str(error)) from error
