"""Models in groups by their GFLOPs, as the published tables have them or by any bounds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lookalike.errors import UsageError
from lookalike.tables.figures import Figures

PUBLISHED_BOUNDS = (1.0, 4.0, 7.0, 9.0)
"""GFLOPs at which the published groups end: 0, 1-3, 4-6, 7-8, 9 and up, cut to whole numbers."""

UNKNOWN = "unknown"
"""The range of those without GFLOPs."""


@dataclass(frozen=True)
class Group:
    """Models that share a table.

    Attributes:
        number: Of the table, e.g. ``1`` or ``1.1``.
        range: Their GFLOPs in words, e.g. ``1-3``.
        columns: In order.
    """

    number: str
    range: str
    columns: tuple[Figures, ...]


def grouped(
    figures: Iterable[Figures],
    bounds: Sequence[float] = PUBLISHED_BOUNDS,
    *,
    most_columns: int = 11,
) -> tuple[Group, ...]:
    """Models by their GFLOPs, in their order within each group.

    Args:
        figures: In any order.
        bounds: GFLOPs at which one group ends and the next begins, ascending; the bound itself
            belongs to the upper one.
        most_columns: A wider group is cut: 1, 1.1, 1.2 and so on.

    Returns:
        The groups that have models, numbered from 1; those without GFLOPs last.

    Raises:
        UsageError: Bounds that do not ascend or are not finite, or no room for a column.

    Example:
        >>> rows = [Figures("b", {}, gflops=3.9), Figures("c", {}), Figures("a", {}, gflops=1.0)]
        >>> for group in grouped(rows):
        ...     print(group.number, group.range, [one.label for one in group.columns])
        1 1-3 ['b', 'a']
        2 unknown ['c']
    """
    sound = all(0 <= bound < math.inf for bound in bounds)
    if not sound or any(a >= b for a, b in pairwise(bounds)):
        raise UsageError("bounds have to ascend from 0 or more", where=f"bounds={tuple(bounds)}")
    if most_columns < 1:
        raise UsageError("a table needs a column", where=f"most_columns={most_columns}")
    edges = [bound for bound in bounds if bound > 0]
    names = [*_range_names(edges), UNKNOWN]
    members: list[list[Figures]] = [[] for _ in names]
    for one in figures:
        place = -1 if one.gflops is None else sum(one.gflops >= edge for edge in edges)
        members[place].append(one)
    filled = [(name, columns) for name, columns in zip(names, members, strict=True) if columns]
    return tuple(
        Group(
            f"{number}.{part}" if part else f"{number}",
            name,
            tuple(columns[start : start + most_columns]),
        )
        for number, (name, columns) in enumerate(filled, 1)
        for part, start in enumerate(range(0, len(columns), most_columns))
    )


def _range_names(edges: Sequence[float]) -> list[str]:
    """Whole ones are named as the published ones are: 1-3 is from 1 to below 4."""
    if all(edge == int(edge) for edge in edges):
        ends = [0, *map(int, edges)]
        spans = [f"{a}" if a == b - 1 else f"{a}-{b - 1}" for a, b in pairwise(ends)]
        return [*spans, f"{ends[-1]}-ongoing"]
    said = [f"{float(edge)}".removesuffix(".0") for edge in edges]
    return [
        f"below {said[0]}",
        *(f"{a} to below {b}" for a, b in pairwise(said)),
        f"{said[-1]} and up",
    ]
