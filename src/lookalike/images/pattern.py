"""Patterns such as ``photos/*.jpg``: what is one, where it begins, and what it matches."""

from __future__ import annotations

import glob
import os

from lookalike.errors import UsageError
from lookalike.images.name import is_left


def is_pattern(path: str) -> bool:
    """Whether a path holds ``*``, ``?`` or ``[``, and nothing of that very name exists.

    Example:
        >>> is_pattern("photos/*.jpg"), is_pattern("photos/a.jpg")
        (True, False)
    """
    return glob.has_magic(path) and not os.path.lexists(path)


def root_of(pattern: str) -> str:
    """The folder before the first wildcard.

    Example:
        >>> root_of("photos/2024/*/a?.jpg")
        'photos/2024'
    """
    return _parted(pattern)[0]


def matches_of(pattern: str, *, recursive: bool, hidden: bool) -> list[str]:
    """What a pattern matches, sorted; not what lies in a folder that matches too.

    Args:
        pattern: Folders before the first wildcard are taken by their very names where they exist.
        recursive: Whether ``**`` stands for any depth.
        hidden: Whether hidden files and litter match, too.

    Raises:
        UsageError: Nothing matches, or the folders lie too deep to look through.
    """
    root, rest = _parted(pattern)
    whole = os.path.join(glob.escape(root), rest)
    try:
        found = glob.glob(whole, recursive=recursive, include_hidden=hidden)
    except ValueError:  # a byte that no file name holds
        found = []
    except RecursionError as error:
        raise UsageError(
            "the folders lie too deep for a pattern", where=pattern, cure="give the folder itself"
        ) from error
    matches = sorted(
        one for one in found if hidden or not any(map(is_left, one[len(root) :].split("/")))
    )
    if not matches:
        raise UsageError(
            "the pattern matches nothing",
            where=pattern,
            cure="correct it; a list or table of paths takes each name as it stands",
        )
    return _outermost(matches)


def _parted(pattern: str) -> tuple[str, str]:
    """What stands before the first part that is a wildcard and no name, and the rest."""
    parts = pattern.split("/")
    for n, part in enumerate(parts):
        before = "/".join(parts[:n]) or ("/" if n else "")
        if glob.has_magic(part) and not os.path.lexists(os.path.join(before, part)):
            return before, "/".join(parts[n:])
    return os.path.split(pattern)


def _outermost(matches: list[str]) -> list[str]:
    """Matches that do not lie in a folder that matched too, whose walk finds them."""
    folders = {os.path.join(match, "") for match in matches if os.path.isdir(match)}
    return [
        match
        for match in matches
        if not any(match.startswith(folder) and match != folder for folder in folders)
    ]
