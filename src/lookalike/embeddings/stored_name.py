"""File names of any bytes as valid text, and back."""

from __future__ import annotations

from urllib.parse import quote, unquote_to_bytes

MARK = "percent:"
"""Begins a stored name that is percent-encoded, because its bytes are not UTF-8."""

HALVES = "percent-halves:"
"""Begins one with half letters (surrogates) that stand for no bytes, as names on Windows may."""


def stored_name(name: str) -> str:
    r"""A file name as valid text, without loss: names with non-UTF-8 bytes are percent-encoded.

    Example:
        >>> stored_name("caf\udce9.jpg"), restored_name("percent:caf%E9.jpg") == "caf\udce9.jpg"
        ('percent:caf%E9.jpg', True)
    """
    valid = name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)
    if valid and not name.startswith((MARK, HALVES)):
        return name
    try:
        return MARK + quote(name.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return HALVES + quote(name.encode("utf-8", "surrogatepass"))


def restored_name(stored: str) -> str:
    """The inverse of `stored_name`."""
    if stored.startswith(HALVES):
        return unquote_to_bytes(stored[len(HALVES) :]).decode("utf-8", "surrogatepass")
    if not stored.startswith(MARK):
        return stored
    return unquote_to_bytes(stored[len(MARK) :]).decode("utf-8", "surrogateescape")
