"""Which rows no other row beats: the Pareto set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from lookalike.errors import UsageError

Objective = tuple[Sequence[float | None], Literal["less", "more"]]
"""A figure for each row, None where there is none, and whether less or more of it is better."""


def pareto(objectives: Sequence[Objective]) -> tuple[bool | None, ...]:
    """Whether each row belongs to the Pareto set.

    A row beats another if it is no worse in every objective and better in one. Rows that are equal
    in all of them stay or go together.

    Args:
        objectives: One or more, each with a figure for every row.

    Returns:
        For each row True if no row beats it, False if one does, None if it lacks a figure: such a
        row is left out and beats nothing.

    Raises:
        UsageError: No objective, objectives of unequal length, a direction that is neither
            ``less`` nor ``more``, or a figure that is not a number.

    Example:
        >>> milliseconds, margins = [20.0, 60.0, 70.0, None], [30.0, 48.0, 40.0, 90.0]
        >>> pareto([(milliseconds, "less"), (margins, "more")])
        (True, True, False, None)
    """
    _require_sound(objectives)
    signed = [[_cost(value, better) for value in values] for values, better in objectives]
    rows = list(zip(*signed, strict=True))
    whole = [tuple(one for one in row if one is not None) for row in rows]
    rivals = {costs for row, costs in zip(rows, whole, strict=True) if None not in row}
    unbeaten = {costs for costs in rivals if not any(_beats(rival, costs) for rival in rivals)}
    return tuple(
        None if None in row else costs in unbeaten for row, costs in zip(rows, whole, strict=True)
    )


def _require_sound(objectives: Sequence[Objective]) -> None:
    if len({len(values) for values, _ in objectives}) != 1:
        raise UsageError(
            "a Pareto set needs objectives of one length",
            where=", ".join(str(len(values)) for values, _ in objectives) or "no objective",
            cure="give each objective a figure or None for every row",
        )
    for values, better in objectives:
        if better not in ("less", "more"):
            raise UsageError(f"an objective can't be {better!r}", cure="say 'less' or 'more'")
        for row, value in enumerate(values):
            if value is not None and math.isnan(value):
                raise UsageError(
                    "an objective is not a number", where=f"row {row}", cure="use None"
                )


def _cost(value: float | None, better: str) -> float | None:
    return value if value is None or better == "less" else -value


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
