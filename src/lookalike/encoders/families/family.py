"""What a family of encoders provides, and how families are found."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from lookalike.encoders.catalogue import Entry
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.engines import Runtime
from lookalike.encoders.name import EncoderName
from lookalike.errors import UnknownNameError

GROUP = "lookalike.encoders"
"""The entry-point group: name = family, value = ``module:object`` with the shape of `Family`."""


class Family(Protocol):
    """A family of encoders, ours or a plug-in's."""

    def load(self, name: EncoderName, runtime: Runtime) -> Encoder:
        """The encoder of that name. Raises `LookalikeError` only."""
        ...

    def entries(self) -> Iterable[Entry]:
        """What the family can load by name, without loading or importing anything heavy."""
        ...


@lru_cache(maxsize=1)
def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def family_names() -> list[str]:
    """All families that are installed, sorted.

    Example:
        >>> "onnx" in family_names()
        True
    """
    return sorted(_points())


def family_named(name: str) -> Family:
    """A family by name, imported on first use.

    Raises:
        UnknownNameError: Lists the families.
    """
    points = _points()
    if name not in points:
        raise UnknownNameError(
            "encoder family",
            name,
            points,
            cure="an encoder is family:name, e.g. pixels, onnx:FILE, torchvision:resnet50",
        )
    family: Family = points[name].load()
    return family
