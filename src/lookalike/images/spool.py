"""Bytes of archive members, kept on disk between listing and reading instead of in memory."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lookalike.images.place import Limits

SPOOL_BYTES = 64 * 2**20
"""Size at which a new temporary file is begun, so that those which were read can go."""


class Spool:
    """Takes members in and hands out readers for them.

    A temporary file disappears as soon as no reader of it is left.

    Example:
        >>> read = Spool().put(b"abc")
        >>> read(None)
        b'abc'
    """

    def __init__(self) -> None:
        self._part: _Part | None = None

    def put(self, data: bytes) -> Callable[[Limits | None], bytes]:
        """Keeps the bytes of a member; returns what reads them again, from any thread."""
        if self._part is None or self._part.size >= SPOOL_BYTES:
            self._part = _Part()
        return _Reader(self._part, self._part.append(data), len(data))


class _Part:
    """One temporary file."""

    def __init__(self) -> None:
        self._file: Any = tempfile.TemporaryFile(prefix="lookalike-")  # noqa: SIM115
        self._lock = threading.Lock()
        self.size = 0

    def __del__(self) -> None:
        self._file.close()

    def append(self, data: bytes) -> int:
        """Where the bytes begin."""
        with self._lock:
            start = self.size
            self._file.seek(start)
            self._file.write(data)
            self.size += len(data)
            return start

    def read(self, start: int, size: int) -> bytes:
        """Some bytes of it."""
        with self._lock:
            self._file.seek(start)
            data: bytes = self._file.read(size)
            return data


class _Reader:
    """Reads one member; sent to another process, it takes the bytes along."""

    def __init__(self, part: _Part, start: int, size: int) -> None:
        self._part, self._start, self._size = part, start, size

    def __call__(self, limits: Limits | None) -> bytes:
        return self._part.read(self._start, self._size)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Bytes, (self(None),)


class _Bytes:
    """Gives the bytes that it was made with."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __call__(self, limits: Limits | None) -> bytes:
        return self._data
