"""Pairs that are named one by one, instead of all pairs of a trial."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.judge.trial import Positions, Trial

MOST_DRAWS = 100
"""How often pairs are drawn anew before it is said that there are none."""


@dataclass(frozen=True, eq=False)
class ListedPairs:
    """Pairs, whether each is the same, and the units that are resampled.

    Attributes:
        rows: (P,) positions of the one side's vectors.
        columns: (P,) positions of the other's.
        same: (P,) bool.
        row_units, column_units: (P,) codes of units, from 0.
        unit: What a unit is called, in the plural.
    """

    rows: Positions
    columns: Positions
    same: NDArray[np.bool_]
    row_units: Positions
    column_units: Positions
    unit: str = "groups of pictures known to be the same"

    @property
    def units(self) -> int:
        """How many units there are."""
        return int(max(self.row_units.max(), self.column_units.max())) + 1 if len(self.same) else 0


def listed_pairs(
    a: Positions,
    b: Positions,
    same: NDArray[np.bool_],
    groups: Sequence[Hashable | None] | None = None,
) -> ListedPairs:
    """Pairs with units: pictures that are known to be the same, directly or through others.

    Args:
        a: (P,) positions of the one side.
        b: (P,) positions of the other.
        same: (P,) bool.
        groups: For each position what its picture shows, if that is known beyond the pairs.

    Example:
        >>> pairs = listed_pairs(
        ...     np.array([0, 1, 3]), np.array([1, 2, 4]), np.array([True, True, False]))
        >>> pairs.row_units.tolist(), pairs.column_units.tolist(), pairs.units
        ([0, 0, 1], [0, 0, 2], 3)
    """
    leader: dict[int, int] = {}

    def find(one: int) -> int:
        leader.setdefault(one, one)
        while leader[one] != one:
            leader[one] = leader[leader[one]]
            one = leader[one]
        return one

    for first, second, alike in zip(a.tolist(), b.tolist(), same.tolist(), strict=True):
        one, other = find(first), find(second)
        if alike:
            leader[other] = one
    first_of: dict[Hashable, int] = {}
    shown = {one: groups[one] for one in leader} if groups is not None else {}
    for one, group in shown.items():
        if group is not None:
            leader[find(one)] = find(first_of.setdefault(group, one))
    codes: dict[int, int] = {}
    units = {one: codes.setdefault(find(one), len(codes)) for one in leader}
    return ListedPairs(
        a,
        b,
        same,
        np.array([units[one] for one in a.tolist()], np.intp),
        np.array([units[one] for one in b.tolist()], np.intp),
    )


def sampled_pairs(trial: Trial, pairs: int, seed: int) -> ListedPairs:
    """Uniformly drawn pairs of a trial, with replacement, reproducibly.

    Positions are those in the trial's rows and columns.

    Args:
        trial: Pairs of it that are ignored are drawn again.
        pairs: How many.
        seed: Of the generator.

    Raises:
        UsageError: The trial hardly has a pair that counts.
    """
    rng = np.random.default_rng(seed)
    rows, columns, same = (np.zeros(0, np.intp) for _ in range(3))
    for _ in range(MOST_DRAWS):
        row = rng.integers(0, len(trial.rows), pairs)
        column = rng.integers(0, len(trial.columns), pairs)
        kind = _kinds(trial, row, column)
        rows, columns, same = (
            np.concatenate([old, new[kind >= 0]])[:pairs]
            for old, new in ((rows, row), (columns, column), (same, kind))
        )
        if len(rows) == pairs:
            break
    else:
        raise UsageError("there are hardly any pairs to draw from", cure="judge all pairs")
    row_units = trial.row_units[rows]
    column_units = row_units if trial.column_units is None else trial.column_units[columns]
    return ListedPairs(rows, columns, same == 1, row_units, column_units, trial.unit)


def _kinds(trial: Trial, rows: Positions, columns: Positions) -> Positions:
    """1 for a same pair, 0 for a different one, -1 for one that is ignored."""
    own = trial.own[rows]
    if trial.column_units is None:
        same = _listed_in(trial, rows, columns)
    else:
        same = trial.row_units[rows] == trial.column_units[columns]
    ignored = own == columns
    if not trial.symmetric:
        ignored |= (own > columns) & trial.both[columns]
    if trial.row_cameras is not None and trial.column_cameras is not None:
        ignored |= same & (trial.row_cameras[rows] == trial.column_cameras[columns])
    return np.where(ignored, -1, same.astype(np.intp))


def _listed_in(trial: Trial, rows: Positions, columns: Positions) -> NDArray[np.bool_]:
    relations = trial.relations(slice(0, len(trial.rows)))
    width = len(trial.columns)
    return np.isin(rows * width + columns, relations.rows * width + relations.columns)
