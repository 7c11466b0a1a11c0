"""Where a store's relative paths begin: the same ``photos`` is another folder somewhere else."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from lookalike.errors import UsageError
from lookalike.report import amount

FILE = ".beginnings.json"
"""Beside the shards: the folders in which relative paths were given, with those paths."""

MOST_READ = 32
"""Files that are read to tell pictures that moved from other pictures."""

SEPARATORS = os.sep + (os.altsep or "")

_Noted: TypeAlias = "tuple[str, str]"
"""A folder as it was called, and by its way from the store."""


@dataclass(frozen=True)
class Kept:
    """A row of the store, as far as it matters here.

    Attributes:
        path: A relative path.
        digest: SHA-256 of the picture; None in an archive.
        bytes: Size of the file at the path.
    """

    path: str
    digest: str | None
    bytes: int | None


class Beginnings:
    """For each relative folder or file that was given to a store, the folders it was given in.

    Each is kept as it was and relative to the store, so that a store which moves together with
    its pictures still knows them.

    Args:
        store: The store's folder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Beginnings(Path(folder)).of("photos/a.jpg")
        []
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._here = _working_folder()
        self._moved = False
        self._noted: dict[str, list[_Noted]] = {}
        self._now: dict[_Noted, str] = {}
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError, KeyError):
            for one in json.loads((store / FILE).read_text(encoding="utf-8")):
                noted = str(one["folder"]), str(one["from_store"])
                for root in one["roots"]:
                    self._noted.setdefault(str(root), []).append(noted)

    def of(self, path: str) -> list[str]:
        """The folders in which a relative path of the store may begin; none if nobody noted it."""
        return list(dict.fromkeys(map(self._today, self._notes_of(path))))

    def absolute(self, path: str) -> list[str]:
        """What a path of the store may be, as paths that mean the same everywhere."""
        if os.path.isabs(path):
            return [os.path.normpath(path)]
        folders = self.of(path) or [self._here]
        return [os.path.normpath(os.path.join(folder, path)) for folder in folders]

    def absolute_roots(self, roots: Iterable[str]) -> set[str]:
        """Files and folders that are given now, likewise; without those of a lost folder."""
        return {
            bare(os.path.normpath(os.path.join(self._here, root)))
            for root in roots
            if self._here or os.path.isabs(root)
        }

    def require_same(self, roots: Iterable[str], rows: Sequence[Kept]) -> None:
        """Refuse relative paths that name other pictures here than those of the store.

        Args:
            roots: Files and folders that are given now.
            rows: Of the store.

        Raises:
            UsageError: The store's rows of these names were made elsewhere, and the files that
                have these names here hold other pictures.
        """
        relative = _relative(roots)
        strangers = [
            row
            for row in rows
            if is_below(row.path, relative)
            and (begun := self.of(row.path))
            and self._here not in begun
            and os.path.lexists(row.path)
        ]
        if not strangers:
            return
        looked_at = strangers[:: -(-len(strangers) // MOST_READ)]
        if 2 * sum(map(_is_same, looked_at)) > len(looked_at):
            self._moved = True
            return
        begun = self.of(strangers[0].path)
        there = f"run it in {begun[0]}, " if os.path.isdir(begun[0]) else ""
        raise UsageError(
            f"{amount(len(strangers), 'row')} of the store, such as {strangers[0].path}, came "
            f"from {begun[0]}; here such names are other pictures, which would take their place",
            where=str(self._store),
            cure=f"{there}give absolute paths, or use another store; prune lets these "
            "take the place of those",
        )

    def note(self, roots: Iterable[str], *, alone: bool = False) -> None:
        """Note that relative ones among these begin here, too; or only here, if they moved.

        Args:
            roots: Files and folders that are given now.
            alone: Whether no row from elsewhere stays.
        """
        relative = _relative(roots)
        alone = alone or self._moved
        if not relative or not self._here:
            return
        with contextlib.suppress(OSError, ValueError):  # two drives have no path between them
            way = os.path.relpath(os.path.realpath(self._here), os.path.realpath(self._store))
            own = self._here, way
            # what lies below a folder that is given here may lie here as well
            below = {root for root in self._noted if is_below(root, relative)}
            noted = dict(self._noted)
            for root in relative | below:
                before = self._notes_of(root)
                elsewhere = [one for one in before if self._today(one) != self._here]
                noted[root] = [own] if alone else [*elsewhere, own]
            if noted != self._noted:
                self._noted = noted
                self._write()

    def _write(self) -> None:
        roots: dict[_Noted, list[str]] = {}
        for root, noted in self._noted.items():
            for one in noted:
                roots.setdefault(one, []).append(root)
        plain = [
            {"folder": folder, "from_store": way, "roots": given}
            for (folder, way), given in roots.items()
        ]
        draft = self._store / f"{FILE}.{os.getpid()}"
        draft.write_text(json.dumps(plain), encoding="utf-8")
        os.replace(draft, self._store / FILE)

    def _notes_of(self, path: str) -> list[_Noted]:
        """What was noted of the innermost folder around a path, or of itself."""
        return next((self._noted[one] for one in _around(path) if one in self._noted), [])

    def _today(self, noted: _Noted) -> str:
        """Which folder it is now: this one, if it may be; the old one, if it is still there."""
        if noted not in self._now:
            folder, way = noted
            beside = os.path.realpath(self._store / way)
            if self._here in (folder, beside):
                self._now[noted] = self._here
            else:
                self._now[noted] = folder if os.path.isdir(folder) else beside
        return self._now[noted]


def is_below(path: str, roots: Collection[str]) -> bool:
    """Whether a path is one of some files and folders, or lies in one.

    Args:
        path: Any path.
        roots: Best a set; without separators at their ends. An empty one is the folder of all
            relative paths, and of absolute ones the root of all.

    Example:
        >>> is_below("photos/2024/a.jpg", {"photos"}), is_below("photos2/a.jpg", {"photos"})
        (True, False)
    """
    return any(one in roots for one in _around(path))


def _around(path: str) -> Iterator[str]:
    """The path and all folders around it, the innermost first, the empty name last."""
    yield bare(path)
    for place in range(len(path) - 1, 0, -1):
        if path[place] in SEPARATORS and path[place - 1] not in SEPARATORS:
            yield path[:place]
    yield ""


def bare(root: str) -> str:
    """A path without separators at its end."""
    return root.rstrip(SEPARATORS)


def _relative(roots: Iterable[str]) -> set[str]:
    return {bare(root) for root in roots if not os.path.isabs(root)}


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed, which absolute paths need not mind
        return ""


def _is_same(row: Kept) -> bool:
    """Whether the file of that name here has the bytes, or for an archive the size, of the row."""
    try:
        # a pipe has a size too, and to open it would wait for ever
        if not os.path.isfile(row.path) or os.stat(row.path).st_size != row.bytes:
            return False
        if row.digest is None:
            return True
        with open(row.path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == row.digest
    except OSError:
        return False
