"""Where a store's relative paths begin: the same ``photos`` is another folder somewhere else."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lookalike.errors import UsageError
from lookalike.report import amount

FILE = ".beginnings.json"
"""Beside the shards: for each relative folder that was given, where it began."""

MOST_READ = 32
"""Files that are read to tell pictures that moved from other pictures."""


@dataclass(frozen=True)
class Kept:
    """A row of the store, as far as it matters here.

    Attributes:
        path: A relative path.
        digest: SHA-256 of the picture; None where there is none, or in an archive.
        bytes: Size of the file at the path.
    """

    path: str
    digest: str | None
    bytes: int | None


class Beginnings:
    """For each relative folder or file that was given to a store, the folder it was given in.

    That is kept as it was and relative to the store, so that a store which moves together with
    its pictures still knows them.

    Args:
        store: The store's folder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Beginnings(Path(folder)).of("photos/a.jpg") is None
        True
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._given: dict[str, tuple[str, str]] = {}
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError, KeyError):
            plain = json.loads((store / FILE).read_text(encoding="utf-8"))
            self._given = {
                str(root): (str(one["folder"]), str(one["from_store"]))
                for root, one in plain.items()
            }

    def of(self, path: str) -> str | None:
        """The folder in which a relative path of the store begins; None if nobody noted it."""
        roots = [root for root in self._given if _below(path, root)]
        if not roots:
            return None
        folder, from_store = self._given[max(roots, key=len)]
        beside = os.path.realpath(self._store / from_store)
        here = os.getcwd()
        if here in (folder, beside):
            return here
        return folder if os.path.isdir(folder) else beside

    def absolute(self, path: str) -> str:
        """A path of the store as one that means the same everywhere."""
        return os.path.abspath(os.path.join(self.of(path) or "", path))

    def require_same(self, roots: Iterable[str], rows: Sequence[Kept]) -> None:
        """Refuse relative paths that name other pictures here than those of the store.

        Args:
            roots: Files and folders that are given now.
            rows: Of the store.

        Raises:
            UsageError: The store's rows of these names were made elsewhere, and the files that
                have these names here hold other pictures.
        """
        here = os.getcwd()
        relative = {root for root in roots if not os.path.isabs(root)}
        strangers = [
            row
            for row in rows
            if (begun := self.of(row.path)) not in (None, here)
            and any(_below(row.path, root) for root in relative)
            and os.path.lexists(row.path)
        ]
        if not strangers:
            return
        looked_at = strangers[:: -(-len(strangers) // MOST_READ)]
        if 2 * sum(map(_is_same, looked_at)) > len(looked_at):
            return  # the same pictures, which moved
        begun = self.of(strangers[0].path)
        raise UsageError(
            f"{amount(len(strangers), 'row')} of the store, such as {strangers[0].path}, came "
            f"from {begun}; here such names are other pictures, which would take their place",
            where=str(self._store),
            cure=f"run it in {begun}, give absolute paths, or use another store; prune lets these "
            "take the place of those",
        )

    def note(self, roots: Iterable[str]) -> None:
        """Note that relative ones among these begin here."""
        here = os.getcwd()
        with contextlib.suppress(OSError, ValueError):  # two drives have no path between them
            from_store = os.path.relpath(os.path.realpath(here), os.path.realpath(self._store))
            given = self._given | {
                root: (here, from_store) for root in roots if not os.path.isabs(root)
            }
            if given == self._given:
                return
            self._given = given
            plain = {
                root: {"folder": folder, "from_store": beside}
                for root, (folder, beside) in given.items()
            }
            draft = self._store / f"{FILE}.{os.getpid()}"
            draft.write_text(json.dumps(plain), encoding="utf-8")
            os.replace(draft, self._store / FILE)


def _below(path: str, root: str) -> bool:
    return not os.path.isabs(path) and (
        root in ("", path) or path.startswith(os.path.join(root, ""))
    )


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
