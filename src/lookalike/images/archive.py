"""Tar archives: their members as places, in order, and how they end."""

from __future__ import annotations

import contextlib
import os
import tarfile
from collections.abc import Callable, Generator
from dataclasses import replace
from io import BufferedReader

from lookalike.images.place import (
    Limits,
    Place,
    ReadError,
    Reason,
    Stamp,
    check_size,
    failed_place,
    stamp_of,
)
from lookalike.images.spool import Spool

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
"""What the names of archives end in."""

BROKEN_OFF = "the archive breaks off, or a header in it is damaged"

PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0")
"""How compressed archives begin."""

BEHIND = "::"
"""Stands between an archive and its member in the id of a row."""


def member_of(id: str, path: str | None) -> str:
    """The name of a member within its archive; of any other input its id.

    Args:
        id: Of the row.
        path: Its file; None if only the id is known, as of vectors made elsewhere.

    Example:
        >>> member_of("a.tar::cats/1.jpg", "a.tar"), member_of("cats/a::b.jpg", "cats/a::b.jpg")
        ('cats/1.jpg', 'cats/a::b.jpg')
        >>> member_of("animals.tar.gz::cats/a::b.jpg", None)
        'cats/a::b.jpg'
    """
    if path is not None:
        return id.removeprefix(path + BEHIND) if id != path else id
    for place in _places_of(id):
        if id[:place].lower().endswith((*ARCHIVES, ".zip")):
            return id[place + len(BEHIND) :]
    return id


def _places_of(id: str) -> list[int]:
    return [n for n in range(len(id)) if id.startswith(BEHIND, n)]


def archive_places(
    path: str, wanted: Callable[[str], bool], limits: Limits
) -> Generator[Place, None, bool]:
    """Members in the order of the archive; an archive that breaks off ends with a failed row.

    Args:
        path: The archive.
        wanted: Told the name of a member, folders included: whether it is an input.
        limits: What a single member may cost.

    Returns:
        Whether it was read to its proper end.
    """
    spool = Spool()
    try:
        stamp = stamp_of(os.stat(path))
        if stamp.bytes == 0:
            yield failed_place(path, Reason.EMPTY, "the file has no bytes", path=path)
            return False
        with tarfile.open(path, "r:*", errorlevel=2) as archive:
            for member in archive:
                if member.isdir() or not wanted(member.name):
                    continue
                place = _member_place(archive, member, path, limits, spool, stamp)
                yield replace(place, listed=stamp)
            if _ends_properly(archive):
                return True
            yield failed_place(path, Reason.TRUNCATED, BROKEN_OFF, path=path)
    except PermissionError:
        yield failed_place(path, Reason.PERMISSION, "reading is not permitted", path=path)
    except Exception as error:  # a damaged archive fails in its own ways
        yield failed_place(path, *_said_of(error, path), path=path)
    return False


def _said_of(error: Exception, path: str) -> tuple[Reason, str]:
    """The reason and the sentence for what ended the reading of an archive."""
    if isinstance(error, EOFError) or "unexpected end" in str(error):
        return Reason.TRUNCATED, BROKEN_OFF
    if isinstance(error, tarfile.ReadError) and "could not be opened" in str(error):
        with contextlib.suppress(OSError), open(path, "rb") as stream:
            start = stream.read(tarfile.BLOCKSIZE)
            if start[257:262] == b"ustar":
                return Reason.TRUNCATED, BROKEN_OFF
            if start.startswith(PACKED):
                detail = "the archive breaks off or is damaged, before its first file ends"
                return Reason.CORRUPT, detail
        return Reason.CORRUPT, "the bytes are of no tar archive"
    return Reason.CORRUPT, f"the archive can't be read on: {error}"


def _ends_properly(archive: tarfile.TarFile) -> bool:
    """Whether reading stopped at the zeros that end an archive; tarfile stops at damage as well."""
    stream = archive.fileobj
    assert stream is not None
    stream.seek(archive.offset)
    return stream.read(tarfile.BLOCKSIZE) == bytes(tarfile.BLOCKSIZE)


def _member_place(
    archive: tarfile.TarFile,
    member: tarfile.TarInfo,
    path: str,
    limits: Limits,
    spool: Spool,
    stamp: Stamp,
) -> Place:
    id = f"{path}{BEHIND}{member.name}"
    if member.isreg() and not member.issparse() and isinstance(archive.fileobj, BufferedReader):
        return Place(id, path, _slice_reader(path, stamp, member.offset_data, member.size))
    try:
        if member.isreg():
            check_size(member.size, limits)
        stream = archive.extractfile(member)
        if stream is None:
            return failed_place(id, Reason.NOT_A_FILE, "not a regular file", path=path)
        data = stream.read()
        check_size(len(data), limits)
    except KeyError:
        return failed_place(id, Reason.MISSING, "a link to nothing in the archive", path=path)
    except ReadError as error:
        return failed_place(id, error.reason, error.detail, path=path)
    except RecursionError:
        return failed_place(id, Reason.NOT_A_FILE, "a link that leads back to itself", path=path)
    except MemoryError:
        return failed_place(id, Reason.OUT_OF_MEMORY, "reading ran out of memory", path=path)
    except (tarfile.ReadError, EOFError) as error:
        return failed_place(id, Reason.TRUNCATED, f"the archive breaks off: {error}", path=path)
    except Exception as error:  # decompressors raise their own
        return failed_place(id, Reason.CORRUPT, f"the archive is damaged: {error}", path=path)
    return Place(id, path, spool.put(data))


def _slice_reader(path: str, stamp: Stamp, start: int, size: int) -> Callable[[Limits], bytes]:
    """Reads a member of an uncompressed archive when it is wanted, in whatever thread.

    An archive that was replaced since it was listed has other members at the same places.
    """

    def read(limits: Limits) -> bytes:
        check_size(size, limits)
        with open(path, "rb") as stream:
            if stamp_of(os.fstat(stream.fileno())) != stamp:
                raise ReadError(Reason.READ_ERROR, "the archive changed while it was read")
            stream.seek(start)
            data = stream.read(size)
        if len(data) < size:
            raise ReadError(Reason.TRUNCATED, f"the archive breaks off {size - len(data)} short")
        return data

    return read
