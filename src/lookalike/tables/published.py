"""The 49 published columns of torchvision networks, as printed, and what is known to be wrong."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any

from lookalike.measuring.subject import POSITIVE
from lookalike.tables.figures import Figures, PairFigures

TITLE = "Comprehensive Similarity Comparative Tables"
"""The README that the columns are from."""

DEVICE = "NVIDIA Jetson AGX Orin, GPU"
"""What they were measured on; versions, precision, batch and repeats are not stated there."""

NEGATIVES = ("n", "n1")
"""The published negatives: an unlike picture, and the same resized before; few tables have n."""

_ROLES = (POSITIVE, *NEGATIVES)


@dataclass(frozen=True)
class Correction:
    """A printed figure that is wrong.

    Attributes:
        field: Of `Figures`.
        printed: The figure as it was published.
        actual: The right one.
        why: How it is known.
    """

    field: str
    printed: float
    actual: float
    why: str


@dataclass(frozen=True)
class PublishedColumn:
    """One published column.

    Attributes:
        model: The name in torchvision.
        weights: The entry whose published accuracies are those of the column.
        table: Which of the published tables it stands in: 1, 1.1, 2, 3, 4 or 5.
        figures: As printed, mistakes included.
        corrections: The mistakes.
        note: What else has to be known about it; may be empty.
    """

    model: str
    weights: str
    table: str
    figures: Figures
    corrections: tuple[Correction, ...] = ()
    note: str = ""

    @property
    def label(self) -> str:
        """What stands above the column."""
        return self.figures.label

    @property
    def corrected(self) -> Figures:
        """The figures with the right value for each mistake."""
        changes: dict[str, Any] = {one.field: one.actual for one in self.corrections}
        return replace(self.figures, **changes)


_CORRECTIONS = {
    "resnext50_32x4d(v2)": (
        Correction("gflops", 5.71, 4.23, "torchvision says 4.230; 5.713 is inception_v3's figure"),
    )
}
_NOTES = {
    "regnet_x_16gf": (
        "the weights can't be told: the accuracies are those of IMAGENET1K_V1, but the text "
        "prepares its pictures as for IMAGENET1K_V2"
    )
}


@lru_cache(maxsize=1)
def published_columns() -> tuple[PublishedColumn, ...]:
    """All published columns, in the order of the tables.

    Example:
        >>> columns = published_columns()
        >>> len(columns), columns[0].label, columns[0].figures.margin("n1")
        (49, 'alexnet', 32.8185)
    """
    text = (files(__package__) / "published.csv").read_text(encoding="utf-8")
    return tuple(_column(cells) for cells in csv.DictReader(text.splitlines()))


def published_column(model: str, weights: str) -> PublishedColumn | None:
    """The column of a torchvision network with these weights; None if there is none.

    Example:
        >>> column = published_column("resnext50_32x4d", "IMAGENET1K_V2")
        >>> column.figures.gflops, column.corrected.gflops
        (5.71, 4.23)
    """
    return next(
        (one for one in published_columns() if (one.model, one.weights) == (model, weights)), None
    )


def _column(cells: dict[str, str]) -> PublishedColumn:
    def number(key: str) -> float | None:
        return float(cells[key]) if cells[key] else None

    pairs = {
        role: PairFigures(
            embed_ms=number(f"{role}_embed_ms"),
            similarity_ms=number(f"{role}_similarity_ms"),
            similarity=number(f"{role}_similarity"),
        )
        for role in _ROLES
    }
    label = cells["label"]
    return PublishedColumn(
        model=cells["model"],
        weights=cells["weights"],
        table=cells["table"],
        figures=Figures(
            label,
            {role: pair for role, pair in pairs.items() if not pair.empty},
            dim=int(cells["dim"]),
            gflops=number("gflops"),
            acc1=number("acc1"),
            acc5=number("acc5"),
        ),
        corrections=_CORRECTIONS.get(label, ()),
        note=_NOTES.get(label, ""),
    )
