"""Places to pictures: folders, globs, lists, tables, archives and memory as one ordered stream."""

from __future__ import annotations

import contextlib
import glob
import os
import tarfile
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from functools import partial
from io import BufferedReader
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from lookalike.errors import UsageError
from lookalike.images.decode import decode
from lookalike.images.depth import narrow_array
from lookalike.images.picture import Picture
from lookalike.images.place import (
    Limits,
    Place,
    ReadError,
    Reason,
    Stamp,
    Unreadable,
    check_size,
    failed_place,
    file_place,
    stamp_of,
)
from lookalike.images.spool import Spool
from lookalike.images.table import table_rows

Pictures: TypeAlias = (
    "str | os.PathLike[str] | np.ndarray[Any, Any] | Image.Image | Place | Sequence[Any]"
)
"""What can be asked for: a path, folder, glob, ``.csv``, ``.tar``, array, Pillow image, a `Place`,
or a sequence of these."""

LITTER = frozenset({"Thumbs.db", "desktop.ini"})
"""Files that operating systems leave in folders of pictures; passed over like hidden files."""

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


class ImageSource:
    """An ordered, re-iterable stream with exactly one outcome for every input.

    Iterating gives a `Picture` or an `Unreadable` per input, decoded one at a time. Folders are
    walked in sorted order and every file in them is an input, whatever its name ends in, except
    hidden files (a leading dot) and the operating system's `LITTER`.

    Args:
        places: Paths of files, folders, globs (``*``, ``?``, ``[``; ``**`` for any depth),
            tables (``.csv`` with a path column, relative to the table), tar archives, arrays
            (H, W), (H, W, 3) or (H, W, 4) and batches (N, H, W, C) of uint8, uint16 or floats 0
            to 1, Pillow images, and sequences of all these.
        recursive: Whether subfolders are walked.
        include: Only files in folders and archives whose own name, without folders, matches this
            pattern, or one of these.
        hidden: Whether hidden files in folders are inputs too.
        column: Name of the path column of a ``.csv``.
        limits: What a single picture may cost.

    Raises:
        UsageError: A glob that matches nothing, a table without the column, or an object that
            is no place. A single bad input never raises; it gets its row.

    Example:
        >>> source = ImageSource(np.zeros((4, 6, 3), np.uint8), "no/such/file.jpg")
        >>> [type(outcome).__name__ for outcome in source]
        ['Picture', 'Unreadable']
    """

    def __init__(
        self,
        *places: Pictures | ImageSource,
        recursive: bool = True,
        include: str | Sequence[str] = "*",
        hidden: bool = False,
        column: str = "path",
        limits: Limits | None = None,
    ) -> None:
        self._places = places
        self._recursive = recursive
        self._include = (include,) if isinstance(include, str) else tuple(include)
        self._hidden = hidden
        self._column = column
        self.limits = limits or Limits()
        self._finished: set[str] = set()

    def __iter__(self) -> Iterator[Picture | Unreadable]:
        return (decode(place, self.limits) for place in self.places())

    def places(self) -> Iterator[Place]:
        """The inputs in order, before anything is decoded."""
        for group in self.groups():
            yield from group

    def groups(self) -> Iterator[Iterator[Place]]:
        """The inputs by the argument that they came from; to be taken in order."""
        counter = _Counter()
        self._finished = set()
        for place in self._places:
            yield self._expand(place, counter)

    def roots(self) -> Iterator[str]:
        """The files and folders that were given, of globs the folder that they begin in."""
        for place in _flat(self._places):
            if isinstance(place, ImageSource):
                yield from place.roots()
            elif isinstance(place, Place) and place.path is not None:
                yield place.path
            elif isinstance(place, (str, os.PathLike)):
                yield _root(os.fsdecode(place))

    def finished(self) -> set[str]:
        """Archives and tables that the last listing went through from end to end.

        What was in one of them before, and is not any more, is gone.
        """
        nested = (one.finished() for one in _flat(self._places) if isinstance(one, ImageSource))
        return self._finished.union(*nested)

    def count(self) -> int:
        """How many inputs there are: walks folders and archives, decodes nothing."""
        return sum(1 for _ in self.places())

    def _expand(self, place: object, counter: _Counter) -> Iterator[Place]:
        if isinstance(place, ImageSource):
            yield from place.places()
        elif isinstance(place, Place):
            yield place
        elif isinstance(place, (str, os.PathLike)):
            yield from self._expand_path(os.fsdecode(place))
        elif isinstance(place, np.ndarray):
            yield from _array_places(place, counter)
        elif isinstance(place, Image.Image):
            yield _image_place(place, counter.next("image"))
        elif isinstance(place, Iterable) and not isinstance(place, (bytes, Iterator)):
            for one in place:
                yield from self._expand(one, counter)
        else:
            raise UsageError(
                f"a picture can't come from {type(place).__name__}",
                cure="give paths, NumPy arrays (H, W, 3), Pillow images, or a list of them",
            )

    def _expand_path(self, path: str) -> Iterator[Place]:
        if os.path.isdir(path):
            yield from self._walk(path, ())
        elif path.lower().endswith(".csv"):
            yield from _table_places(path, self._column)
            self._finished.add(path)
        elif path.lower().endswith(ARCHIVES) and os.path.isfile(path):
            whole = yield from _archive_places(path, self._wanted, self.limits)
            if whole and "*" in self._include:
                self._finished.add(path)
        elif glob.has_magic(path) and not os.path.lexists(path):
            matches = sorted(glob.glob(path, recursive=self._recursive))
            if not matches:
                raise UsageError("the pattern matches nothing", where=path)
            for match in _outermost(matches):
                yield from self._expand_path(match)
        else:
            yield file_place(path)

    def _walk(self, folder: str, above: tuple[tuple[int, int], ...]) -> Iterator[Place]:
        """Files of a folder, sorted by name; a link back to a folder above is not followed."""
        try:
            status = os.stat(folder)
            names = sorted(os.listdir(folder))
        except OSError as error:
            reason = Reason.PERMISSION if isinstance(error, PermissionError) else Reason.READ_ERROR
            detail = f"the folder can't be listed: {error.strerror}"
            yield failed_place(folder, reason, detail, path=folder)
            return
        here = (status.st_dev, status.st_ino)
        if here in above:
            detail = "a link back to a folder above it"
            yield failed_place(folder, Reason.NOT_A_FILE, detail, path=folder)
            return
        for name in names:
            path = os.path.join(folder, name)
            if not self._hidden and (name.startswith(".") or name in LITTER):
                continue
            if os.path.isdir(path):
                if self._recursive:
                    yield from self._walk(path, (*above, here))
            elif self._wanted(name):
                yield file_place(path)

    def _wanted(self, name: str) -> bool:
        return any(fnmatch(name, pattern) for pattern in self._include)


def _outermost(matches: list[str]) -> list[str]:
    """Matches that do not lie in a folder that matched too, whose walk finds them."""
    folders = {os.path.join(match, "") for match in matches if os.path.isdir(match)}
    return [
        match
        for match in matches
        if not any(match.startswith(folder) and match != folder for folder in folders)
    ]


class _Counter:
    """Numbers pictures from memory by kind: ``array[0]``, ``array[1]``, ``image[0]``."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def next(self, kind: str) -> str:
        number = self._seen.get(kind, 0)
        self._seen[kind] = number + 1
        return f"{kind}[{number}]"


def _flat(places: Iterable[Any]) -> Iterator[Any]:
    """What sequences of places hold, however deep."""
    for place in places:
        if isinstance(place, Iterable) and not isinstance(
            place, (str, bytes, np.ndarray, ImageSource, os.PathLike, Iterator)
        ):
            yield from _flat(place)
        else:
            yield place


def _root(path: str) -> str:
    """A path, or the folder before the first wildcard; of a table, the folder it lies in."""
    if path.lower().endswith(".csv"):
        return os.path.dirname(path)
    if not glob.has_magic(path) or os.path.lexists(path):
        return path
    while glob.has_magic(path):
        path = os.path.dirname(path)
    return path


_loading = threading.Lock()


def _image_place(image: Image.Image, id: str) -> Place:
    return Place(id, None, partial(_loaded, image))


def _loaded(image: Image.Image, limits: Limits) -> Image.Image:
    with _loading, contextlib.suppress(Exception):  # decoding will say what is wrong with it
        image.load()  # one picture may be given twice, and can be loaded by one thread only
    return image


def _array_places(array: np.ndarray[Any, Any], counter: _Counter) -> Iterator[Place]:
    batch = array if array.ndim == 4 else array[None]
    if array.ndim not in (2, 3, 4):
        raise UsageError(
            f"an array of shape {array.shape} is no picture",
            cure="use (H, W), (H, W, 3), (H, W, 4) or a batch (N, H, W, C)",
        )
    for one in batch:
        yield Place(counter.next("array"), None, partial(_array_read, one))


def _array_read(array: np.ndarray[Any, Any], limits: Limits) -> Image.Image:
    return array_image(array)


def array_image(array: np.ndarray[Any, Any]) -> Image.Image:
    """A Pillow image from an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4).

    uint8 is taken as it is; floats must lie within 0 to 1, uint16 is 0 to 65535. Other types
    and ranges are refused with a reason, since guessing a scale would change the numbers.

    Example:
        >>> array_image(np.full((2, 3, 3), 0.5)).getpixel((0, 0))
        (128, 128, 128)
    """
    if 0 in array.shape:
        raise ReadError(Reason.ZERO_SIZED, f"an array of shape {array.shape}")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim == 3 and array.shape[2] not in (3, 4):
        raise ReadError(
            Reason.UNSUPPORTED, f"an array of shape {array.shape}; channels come last, 1, 3 or 4"
        )
    if array.dtype == np.uint8:
        return Image.fromarray(np.ascontiguousarray(array))
    if array.dtype == np.uint16:
        return narrow_array(array)
    if not np.issubdtype(array.dtype, np.floating):
        raise ReadError(
            Reason.UNSUPPORTED, f"an array of {array.dtype}; use uint8 or floats 0 to 1"
        )
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 1):
        raise ReadError(
            Reason.UNSUPPORTED, f"values {low:g} to {high:g} in a {array.dtype} array, not 0 to 1"
        )
    return Image.fromarray(np.rint(array.astype(np.float64) * 255).astype(np.uint8))


def _table_places(path: str, column: str) -> Iterator[Place]:
    for number, row in table_rows(path, (column,)):
        if row[column]:
            yield file_place(os.path.join(os.path.dirname(path), row[column]))
        else:
            detail = f"column {column!r} is empty"
            yield failed_place(f"{path}:{number}", Reason.MISSING, detail, path=path)


def _archive_places(
    path: str, wanted: Callable[[str], bool], limits: Limits
) -> Generator[Place, None, bool]:
    """Members in the order of the archive; an archive that breaks off ends with a failed row.

    Returns whether it was read to its proper end.
    """
    spool = Spool()
    try:
        stamp = stamp_of(os.stat(path))
        with tarfile.open(path, "r:*", errorlevel=2) as archive:
            for member in archive:
                if member.isdir() or not wanted(os.path.basename(member.name)):
                    continue
                place = _member_place(archive, member, path, limits, spool, stamp)
                yield replace(place, listed=stamp)
            if _ends_properly(archive):
                return True
            detail = "the archive breaks off, or a header in it is damaged"
            yield failed_place(path, Reason.TRUNCATED, detail, path=path)
    except PermissionError:
        yield failed_place(path, Reason.PERMISSION, "reading is not permitted", path=path)
    except Exception as error:  # a damaged archive fails in its own ways
        yield failed_place(
            path, Reason.CORRUPT, f"the archive can't be read on: {error}", path=path
        )
    return False


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
    id = f"{path}::{member.name}"
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
