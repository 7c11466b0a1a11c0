"""Places to pictures: folders, globs, lists, tables, archives and memory as one ordered stream."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from lookalike.errors import UsageError
from lookalike.images.archive import ARCHIVES, archive_places
from lookalike.images.decode import decode
from lookalike.images.memory import Counter, array_places, image_place
from lookalike.images.name import is_litter, matches_any, spelled
from lookalike.images.pattern import is_pattern, matches_of, root_of
from lookalike.images.picture import Picture
from lookalike.images.place import Limits, Place, Reason, Unreadable, failed_place, file_place
from lookalike.images.table import table_rows

Pictures: TypeAlias = (
    "str | os.PathLike[str] | np.ndarray[Any, Any] | Image.Image | Place | Sequence[Any]"
)
"""What can be asked for: a path, folder, ``.csv``, ``.tar``, array, Pillow image, a `Place`, or a
sequence of these; a pattern such as ``photos/*.jpg``, as a text of its own."""


class ImageSource:
    """An ordered, re-iterable stream with exactly one outcome for every input.

    Iterating gives a `Picture` or an `Unreadable` per input, decoded one at a time. Folders are
    walked in sorted order and every file in them is an input, whatever its name ends in, except
    hidden files (a leading dot) and what `is_litter` names; the same holds for archives.

    Args:
        places: Paths of files, folders, tables (``.csv`` with a path column, relative to the
            table) and tar archives; patterns (``*``, ``?``, ``[``; ``**`` for any depth); arrays
            (H, W), (H, W, 3) or (H, W, 4) and batches (N, H, W, C) of uint8, uint16 or floats 0
            to 1, arrays of paths, Pillow images, and sequences of all these. Only a text that is
            an argument of its own can be a pattern, and only where nothing of that name exists:
            an element of a sequence, a cell of a table or an `os.PathLike` is a name as it stands.
        recursive: Whether subfolders are walked.
        include: Only files in folders and archives whose own name, without folders, matches this
            pattern, or one of these; capitals and small letters are the same.
        hidden: Whether hidden files and litter in folders and archives are inputs too.
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
        counter = Counter()
        self._finished = set()
        for place in self._places:
            yield self._expand(place, counter, alone=True)

    def roots(self) -> Iterator[str]:
        """The files and folders that were given, of patterns the folder that they begin in."""
        for place in self._places:
            yield from self._roots(place, alone=True)

    def _roots(self, place: Any, *, alone: bool = False) -> Iterator[str]:
        members = _members(place)
        if members is not None:
            for one in members:
                yield from self._roots(one)
        elif isinstance(place, ImageSource):
            yield from place.roots()
        elif isinstance(place, Place) and place.path is not None:
            yield place.path
        elif isinstance(place, (str, os.PathLike)):
            path = os.fsdecode(place)
            if alone and isinstance(place, str) and is_pattern(path):
                yield root_of(path)
            else:  # of a table the folder that it lies in
                yield os.path.dirname(path) if path.lower().endswith(".csv") else path

    def finished(self) -> set[str]:
        """Archives and tables that the last listing went through from end to end.

        What was in one of them before, and is not any more, is gone.
        """
        nested = (one.finished() for one in _sources(self._places))
        return self._finished.union(*nested)

    def count(self) -> int:
        """How many inputs there are: walks folders and archives, decodes nothing."""
        return sum(1 for _ in self.places())

    def _expand(self, place: Any, counter: Counter, *, alone: bool = False) -> Iterator[Place]:
        members = _members(place)
        if members is not None:
            for one in members:
                yield from self._expand(one, counter)
        elif isinstance(place, ImageSource):
            yield from place.places()
        elif isinstance(place, Place):
            yield place
        elif isinstance(place, (str, os.PathLike)):
            path = os.fsdecode(place)
            if alone and isinstance(place, str) and is_pattern(path):
                for match in matches_of(path, recursive=self._recursive, hidden=self._hidden):
                    yield from self._expand_path(match)
            else:
                yield from self._expand_path(path)
        elif isinstance(place, np.ndarray):
            yield from array_places(place, counter)
        else:
            yield image_place(place, counter.next("image"))

    def _expand_path(self, path: str) -> Iterator[Place]:
        if os.path.isdir(path):
            yield from self._walk(path)
        elif path.lower().endswith(".csv") and not _is_special(path):
            yield from _table_places(path, self._column)
            self._finished.add(path)
        elif path.lower().endswith(ARCHIVES) and os.path.isfile(path):
            whole = yield from archive_places(path, self._wanted, self.limits)
            if whole and "*" in self._include:
                self._finished.add(path)
        else:
            yield file_place(path)

    def _walk(self, root: str) -> Iterator[Place]:
        """Files of a folder, sorted by name; a link back to a folder above is not followed."""
        above: set[_Identity] = set()
        levels: list[tuple[_Identity | None, Iterator[tuple[str, bool]]]]
        levels = [(None, iter([(root, True)]))]
        while levels:  # no recursion: folders may be deeper than Python's stack
            identity, entries = levels[-1]
            path, is_folder = next(entries, ("", False))
            if not path:
                levels.pop()
                above.discard(identity)
            elif not is_folder:
                if self._wanted(os.path.basename(path)):
                    yield file_place(path)
            elif self._recursive or len(levels) == 1:
                listed = _listed(path, above)
                if isinstance(listed, Place):
                    yield listed
                else:
                    inside, names = listed
                    above.add(inside)
                    levels.append((inside, self._entries(path, names)))

    def _entries(
        self, folder: str, names: Iterable[tuple[str, bool]]
    ) -> Iterator[tuple[str, bool]]:
        for name, is_folder in names:
            if self._hidden or not is_litter(name):
                yield os.path.join(folder, name), is_folder

    def _wanted(self, name: str) -> bool:
        """Whether a file is an input, by its own name and, in an archive, those of its folders."""
        if not self._hidden and any(map(is_litter, name.split("/"))):
            return False
        return matches_any(os.path.basename(name), self._include)


_Identity: TypeAlias = tuple[int, int]


def _is_special(path: str) -> bool:
    """Whether a pipe, a device or a socket is there, whose opening may wait for ever."""
    return os.path.exists(path) and not os.path.isfile(path)


def _listed(
    folder: str, above: AbstractSet[_Identity]
) -> Place | tuple[_Identity, list[tuple[str, bool]]]:
    """Which folder it is, and its names, each with whether it is a folder; or a failed place."""
    try:
        status = os.stat(folder)
        with os.scandir(folder) as entries:
            names = sorted((entry.name, _is_folder(entry)) for entry in entries)
    except OSError as error:
        reason = Reason.PERMISSION if isinstance(error, PermissionError) else Reason.READ_ERROR
        detail = f"the folder can't be listed: {error.strerror}"
        return failed_place(folder, reason, detail, path=folder)
    here = (status.st_dev, status.st_ino)
    if here in above:
        detail = "a link back to a folder above it"
        return failed_place(folder, Reason.NOT_A_FILE, detail, path=folder)
    return here, names


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that can't be followed; reading it will say why
        return False


LEAVES = (str, bytes, os.PathLike, Image.Image, Place, ImageSource)
"""What is one place, though some of it could be iterated over."""


def _members(place: Any) -> Iterable[Any] | None:
    """What a sequence holds; None for what is one place.

    Raises:
        UsageError: Something that is no place, with what to give instead.
    """
    if isinstance(place, np.ndarray):
        return place.tolist() if place.ndim == 1 and place.dtype.kind in "UO" else None
    if isinstance(place, LEAVES) and not isinstance(place, bytes):
        return None
    cure = "give paths, NumPy arrays (H, W, 3), Pillow images, or a list of them"
    if isinstance(place, Mapping):
        cure = "give a list of its values, such as list(pictures.values())"
    elif hasattr(place, "columns"):
        cure = "give the column that holds the paths, such as list(frame['path'])"
    elif isinstance(place, AbstractSet):
        cure = "give a list, which has an order"
    elif hasattr(place, "__array__") and getattr(place, "ndim", 1) != 1:
        cure = (
            "give a NumPy array (H, W, 3); of a tensor (3, H, W), t.permute(1, 2, 0).cpu().numpy()"
        )
    elif isinstance(place, Iterable) and not isinstance(place, (bytes, Iterator)):
        return place
    raise UsageError(f"a picture can't come from {type(place).__name__}", cure=cure)


def _sources(place: Any) -> Iterator[ImageSource]:
    """The sources among what was given, however deep."""
    if isinstance(place, ImageSource):
        yield place
    for one in _members(place) or ():
        yield from _sources(one)


def _table_places(path: str, column: str) -> Iterator[Place]:
    for number, row in table_rows(path, (column,)):
        if row[column]:
            yield file_place(spelled(os.path.join(os.path.dirname(path), row[column])))
        else:
            detail = f"column {column!r} is empty"
            yield failed_place(f"{path}:{number}", Reason.MISSING, detail, path=path)
