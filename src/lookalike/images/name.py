"""Names of files: litter, patterns, and names that look alike in two spellings."""

from __future__ import annotations

import os
import re
import time
import unicodedata
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

LITTER = frozenset(
    {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "__macosx", "$recycle.bin"}
)
"""What systems and network drives leave beside pictures, files and folders, in small letters."""

SHARD = re.compile(r"shard-(\d{6}|[1-9]\d{6,})\.parquet", re.ASCII)
"""Files of a store, with their number; they are no pictures wherever they lie."""


COARSE_NS = 2_000_000_000
"""A folder written less than this ago may be written again without a new date."""


def is_litter(name: str) -> bool:
    r"""Whether a file or folder of that name is passed over: hidden, or left by a system.

    Example:
        >>> [is_litter(name) for name in ("._a.jpg", "THUMBS.DB", "__MACOSX", "a.jpg", "..")]
        [True, True, True, False, False]
    """
    return (name.startswith(".") and name not in (".", "..")) or is_left(name)


def is_left(name: str) -> bool:
    """Whether systems leave files and folders of that name, or `embed` writes them.

    Example:
        >>> is_left("Desktop.ini"), is_left(".hidden.jpg")
        (True, False)
    """
    return name.lower() in LITTER or SHARD.fullmatch(name) is not None


def composed(name: str) -> str:
    r"""A name in the one form in which its two spellings are equal (Unicode's NFC).

    A Mac writes ``é`` as two letters where others write one. Names are held against each other
    in this form, and keep their own everywhere else.

    Example:
        >>> composed("cafe\u0301.jpg") == composed("caf\u00e9.jpg")
        True
    """
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def matches_any(name: str, patterns: Sequence[str]) -> bool:
    """Whether a file's own name matches one of several patterns, in capitals or small letters.

    Example:
        >>> matches_any("IMG_1.JPG", ["*.jpg"]), matches_any("notes.txt", ["*.jpg"])
        (True, False)
    """
    folded = composed(name).lower()
    return any(fnmatchcase(folded, composed(pattern).lower()) for pattern in patterns)


def spelled(path: str) -> str:
    """The path, or the one file there is whose name differs from it only in its spelling.

    Example:
        >>> spelled("no/such/file.jpg")
        'no/such/file.jpg'
    """
    if path.isascii() or os.path.lexists(path):
        return path
    folder, name = os.path.split(path)
    folder = spelled(folder) if folder not in ("", path) else folder
    if os.path.lexists(os.path.join(folder, name)):
        return os.path.join(folder, name)
    try:
        found = _names_in(folder or ".").get(composed(name), [])
    except (OSError, ValueError):
        return path
    return os.path.join(folder, found[0]) if len(found) == 1 else path


def _names_in(folder: str) -> dict[str, list[str]]:
    """The names in a folder by their one form; a table may ask for thousands of one folder."""
    status = os.stat(folder)
    state = status.st_dev, status.st_ino, status.st_mtime_ns
    lists = _listed.__wrapped__ if time.time_ns() - state[-1] < COARSE_NS else _listed
    return lists(folder, state)


@lru_cache(maxsize=4)
def _listed(folder: str, state: tuple[int, int, int]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name in os.listdir(folder):
        names.setdefault(composed(name), []).append(name)
    return names
