"""Plain values (YAML, JSON, options) into frozen dataclasses, with errors that name the key."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from lookalike.errors import UsageError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


def validated(kind: type[T], settings: Mapping[str, Any], *, where: str) -> T:
    """A dataclass from plain values, checked against its annotations by pydantic.

    Args:
        kind: A dataclass.
        settings: Plain values by field name; strings of numbers count as numbers.
        where: The file or option the values come from, for the message.

    Raises:
        UsageError: Every wrong key with its problem, or what the dataclass itself refuses.
    """
    # pydantic takes a tenth of a second to import, which most commands never need
    from dataclasses import fields, is_dataclass

    from pydantic import ValidationError

    assert is_dataclass(kind)
    known = {field.name for field in fields(kind)}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise UsageError(
            f"unknown key {unknown[0]!r}", where=where, cure="known: " + ", ".join(sorted(known))
        )
    try:
        return _adapter(kind).validate_python(dict(settings))
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()
        ]
        raise UsageError("; ".join(dict.fromkeys(problems)), where=where) from error


@lru_cache(maxsize=16)
def _adapter(kind: type[T]) -> TypeAdapter[T]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
