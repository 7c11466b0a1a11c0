"""The user's cache folder: converted networks, kept by what decides their numbers.

An entry is a few files of one stem, and beside them their SHA-256. It is used only where the
digests agree, so that what was cut off, altered or mixed by two processes is made anew. Nothing
here is needed: whoever can't read or write the folder goes on without it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import platformdirs
from numpy.typing import NDArray

Bytes: TypeAlias = "NDArray[np.uint8]"

DIGESTS = ".sha256"
"""Suffix of the file that holds the digests, in the form of the command ``sha256sum``."""

PATIENCE = 10.0
"""Seconds to wait for another process that is putting an entry in its place."""

_TRIAL_BYTES = 1 << 20


class DamagedError(Exception):
    """The files of an entry are not those that were put there."""


def cache_folder() -> Path:
    """Where converted networks are kept: ``$LOOKALIKE_CACHE``, else the system's cache folder.

    The folder may be deleted at any time; what was in it is made again when needed.
    """
    return Path(os.environ.get("LOOKALIKE_CACHE") or platformdirs.user_cache_dir("lookalike"))


def kept(stem: Path, suffixes: Sequence[str]) -> list[Bytes] | None:
    """The files of an entry, mapped into memory; what is returned is what was checked.

    Args:
        stem: Path of the entry without a suffix.
        suffixes: Of its files.

    Returns:
        The bytes of each file; None if there is no entry, or one without digests.

    Raises:
        DamagedError: The bytes are not those of the digests.
        OSError: There is an entry, and it can't be read.
    """
    for last in (False, True):  # another process may be putting a new one in its place
        digests = _digests(stem)
        if digests is None:
            return None
        try:
            found = [_mapped(_file(stem, suffix)) for suffix in suffixes]
        except FileNotFoundError as error:
            raise DamagedError(f"{error.filename} is missing") from error
        named = dict(zip((_file(stem, one).name for one in suffixes), found, strict=True))
        wrong = [name for name, data in named.items() if digests.get(name) != _sha256(data)]
        if not wrong:
            return found
        if last:
            raise DamagedError(f"{', '.join(wrong)} was changed or is cut off")
    raise AssertionError  # never reached


def keep(stem: Path, suffixes: Sequence[str], write: Callable[[Path], None]) -> None:
    """Make an entry; it is there whole or not at all, whoever else makes it at the same time.

    Args:
        stem: Path of the entry without a suffix.
        suffixes: Of its files.
        write: Writes them, given a stem elsewhere; may raise to leave the cache as it was.

    Raises:
        OSError: The folder can't be written, or is full.
    """
    from filelock import FileLock

    stem.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=".new-", dir=stem.parent, ignore_cleanup_errors=True
    ) as folder:
        draft = Path(folder) / stem.name
        write(draft)
        lines = [
            f"{_sha256(_mapped(_file(draft, suffix)))}  {_file(draft, suffix).name}\n"
            for suffix in suffixes
        ]
        _file(draft, DIGESTS).write_text("".join(lines), encoding="utf-8")
        with FileLock(stem.parent / ".lock", timeout=PATIENCE):
            for suffix in (*suffixes, DIGESTS):
                os.replace(_file(draft, suffix), _file(stem, suffix))


def damaged(folder: Path) -> Iterator[Path]:
    """The entries below a folder whose digests don't agree, by the file of their digests."""
    for path in _found(folder, f"*{DIGESTS}"):
        with suppress(OSError):
            digests = _digests(path.with_suffix("")) or {}
            for name, digest in digests.items():
                file = path.with_name(name)
                if not file.is_file() or _sha256(_mapped(file)) != digest:
                    yield path
                    break


def size(folder: Path) -> tuple[int, int]:
    """How many entries lie below a folder, and the bytes of all files there."""
    entries = sum(1 for _ in _found(folder, f"*{DIGESTS}"))
    sizes = [file.stat().st_size for file in _found(folder, "*") if file.is_file()]
    return entries, sum(sizes)


def why_unusable(folder: Path) -> str:
    """Why nothing can be kept in a folder, found by trying; empty if it can be.

    A folder that is not there yet is made, and goes again if the trial leaves it empty.
    """
    made: list[Path] = []
    try:
        for one in reversed((folder, *folder.parents)):
            if not one.exists():
                one.mkdir()
                made.append(one)
        with tempfile.NamedTemporaryFile(prefix=".trial-", dir=folder) as file:
            content = bytes(_TRIAL_BYTES)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            if file.read() != content:
                return "what is written does not come back"
    except OSError as error:
        return error.strerror or str(error)
    finally:
        for one in reversed(made):
            with suppress(OSError):
                one.rmdir()
    return ""


def _found(folder: Path, pattern: str) -> Iterable[Path]:
    """Files below a folder, as far as it can be read."""
    with suppress(OSError):
        yield from folder.rglob(pattern)


def _file(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)


def _digests(stem: Path) -> dict[str, str] | None:
    """File name → digest; None if there is no such file."""
    try:
        lines = _file(stem, DIGESTS).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise DamagedError(f"{stem.name}{DIGESTS} was changed") from error
    pairs = (line.split("  ", 1) for line in lines)
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


def _mapped(path: Path) -> Bytes:
    """A file's bytes, private to this process: a file put in its place later changes nothing."""
    if path.stat().st_size == 0:
        return np.zeros(0, np.uint8)
    mapped: Any = np.memmap(path, np.uint8, mode="c")
    return np.asarray(mapped)


def _sha256(data: Any) -> str:  # an array has a buffer, which not every NumPy types say
    return hashlib.sha256(data).hexdigest()
