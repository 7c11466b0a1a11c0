"""What can be loaded by name, from tables in the package: nothing is built, nothing fetched."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from lookalike.extras import extra_of, installed


@dataclass(frozen=True)
class Entry:
    """One line of the catalogue.

    Attributes:
        name: As `load_encoder` takes it.
        weights: Tag of the published weights; empty where there are none.
        dim: Length of the vector; None if unknown.
        params: Number of parameters.
        gflops: Multiply-accumulates for one picture, in 10^9.
        acc1: Published ImageNet top-1 accuracy, in per cent.
        acc5: Published ImageNet top-5 accuracy, in per cent.
        input: Height x width of the network's input.
        licence: Licence of the weights, as far as published.
        requires: Import names of the packages it needs.
        source: Where its weights come from.
    """

    name: str
    weights: str = ""
    dim: int | None = None
    params: int | None = None
    gflops: float | None = None
    acc1: float | None = None
    acc5: float | None = None
    input: str = ""
    licence: str = ""
    requires: tuple[str, ...] = ()
    source: str = ""

    @property
    def architecture(self) -> str:
        """The name without family and weights, e.g. ``resnet50``."""
        bare = self.name.partition(":")[2] or self.name
        return bare.removesuffix(self.weights).rstrip("/.") if self.weights else bare

    @property
    def available(self) -> str:
        """``installed``, or the extra to install, e.g. ``lookalike[torch]``."""
        missing = next((module for module in self.requires if not installed(module)), None)
        return "installed" if missing is None else f"lookalike[{extra_of(missing)}]"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, with what is installed."""
        names = ("name", "weights", "dim", "params", "gflops", "acc1", "acc5", "input", "licence")
        return {key: getattr(self, key) for key in names} | {
            "available": self.available,
            "source": self.source,
        }


@dataclass(frozen=True)
class PublishedRow:
    """One line of a shipped table: an architecture with one set of published weights."""

    name: str
    weights: str
    dim: int | None
    params: int | None
    gflops: float | None
    acc1: float | None
    acc5: float | None
    input: str
    kernel: str
    licence: str
    url: str


@lru_cache(maxsize=8)
def published(table: str) -> tuple[PublishedRow, ...]:
    """The rows of a shipped table: ``torchvision``, ``timm``, ``open_clip`` or ``reid``.

    Example:
        >>> published("torchvision")[0].name
        'alexnet'
    """
    text = (files(__package__) / f"{table}.csv").read_text(encoding="utf-8")
    return tuple(_row(cells) for cells in csv.DictReader(text.splitlines()))


def published_row(table: str, name: str, weights: str | None = None) -> PublishedRow | None:
    """The row of an architecture with these weights; its default weights if None."""
    return next(
        (
            row
            for row in published(table)
            if row.name == name and (weights is None or row.weights == weights)
        ),
        None,
    )


def entries_of(table: str, joint: str, requires: tuple[str, ...]) -> Iterator[Entry]:
    """A shipped table as catalogue entries.

    Args:
        table: Also the family's name.
        joint: What stands between architecture and weights in an encoder's name.
        requires: Import names of the packages the family needs.
    """
    for row in published(table):
        tail = f"{joint}{row.weights}" if row.weights else ""
        yield Entry(
            name=f"{table}:{row.name}{tail}",
            weights=row.weights,
            dim=row.dim,
            params=row.params,
            gflops=row.gflops,
            acc1=row.acc1,
            acc5=row.acc5,
            input=row.input,
            licence=row.licence,
            requires=requires,
            source=row.url,
        )


def _row(cells: dict[str, str]) -> PublishedRow:
    def whole(key: str) -> int | None:
        return int(cells[key]) if cells[key] else None

    def number(key: str) -> float | None:
        return float(cells[key]) if cells[key] else None

    return PublishedRow(
        name=cells["name"],
        weights=cells["weights"],
        dim=whole("dim"),
        params=whole("params"),
        gflops=number("gflops"),
        acc1=number("acc1"),
        acc5=number("acc5"),
        input=cells["input"],
        kernel=cells["kernel"],
        licence=cells["licence"],
        url=cells["url"],
    )
