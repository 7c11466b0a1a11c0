"""A trial: which vectors are judged against which, and which of them belong together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Positions: TypeAlias = "NDArray[np.intp]"


@dataclass(frozen=True, eq=False)
class Relations:
    """The related pairs of some queries.

    Attributes:
        rows: (K,) queries, counted from the first of the block.
        columns: (K,) gallery entries.
        gains: (K,) how relevant each is; ones where the truth knows no degrees.
        ignored: (K,) bool: pairs that count neither as the same nor as different, such as a
            picture with itself or, in re-identification, a person seen by the query's own camera.
    """

    rows: Positions
    columns: Positions
    gains: NDArray[np.float64]
    ignored: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Trial:
    """Queries and a gallery, sorted by the unit that is resampled, and who belongs to whom.

    Attributes:
        rows: (Q,) positions of the queries' vectors.
        columns: (G,) positions of the gallery's vectors.
        start, end: (Q,) each query's related entries are ``related[start:end]``.
        related: (K,) columns.
        own: (Q,) the column that is the query itself; -1 for none. Never judged.
        row_units: (Q,) codes of the units (identities, pairs, queries), rising.
        column_units: (G,) likewise, rising; None if the gallery is not resampled.
        order: (G,) which of two equal scores comes first: the smaller.
        unit: What a unit is called, in the plural.
        symmetric: Whether queries and gallery are one set, so that a pair counts once.
        gains: (K,) degrees of relevance; None for ones.
        row_cameras, column_cameras: Camera codes; None without cameras.
        pessimistic: Whether ties count against the query instead of following the order.
    """

    rows: Positions
    columns: Positions
    start: Positions
    end: Positions
    related: Positions
    own: Positions
    row_units: Positions
    column_units: Positions | None
    order: Positions
    unit: str
    symmetric: bool = False
    gains: NDArray[np.float64] | None = None
    row_cameras: Positions | None = None
    column_cameras: Positions | None = None
    pessimistic: bool = False

    @property
    def units(self) -> int:
        """How many units there are, on either side."""
        sides = (self.row_units, self.column_units)
        return max(int(side[-1]) + 1 if side is not None and len(side) else 0 for side in sides)

    @cached_property
    def both(self) -> NDArray[np.bool_]:
        """(G,) whether a gallery entry is a query, too, in a trial whose pairs have no direction.

        A pair of two such pictures would come up twice; it counts where the query's own column
        is the smaller one.
        """
        found = np.zeros(len(self.columns), bool)
        if self.column_units is not None:
            found[self.own[self.own >= 0]] = True
        return found

    def relations(self, block: slice) -> Relations:
        """The related pairs of the queries in a block."""
        start, end = self.start[block], self.end[block]
        counts = end - start
        rows = np.repeat(np.arange(len(counts)), counts)
        first = np.repeat(np.cumsum(counts) - counts, counts)
        places = np.arange(len(rows)) - first + np.repeat(start, counts)
        columns = self.related[places]
        ignored = columns == self.own[block][rows]
        if self.row_cameras is not None and self.column_cameras is not None:
            ignored |= self.row_cameras[block][rows] == self.column_cameras[columns]
        gains = np.ones(len(rows)) if self.gains is None else self.gains[places]
        return Relations(rows, columns, gains, ignored)

    def reversed(self) -> Trial:
        """Gallery entries as queries; for trials of one group code a side, such as partners."""
        assert self.column_units is not None
        start, end = group_ranges(self.column_units, self.row_units)
        own = np.full(len(self.columns), -1)
        return Trial(
            rows=self.columns,
            columns=self.rows,
            start=start,
            end=end,
            related=np.arange(len(self.rows)),
            own=own,
            row_units=self.column_units,
            column_units=self.row_units,
            order=np.arange(len(self.rows)),
            unit=self.unit,
            pessimistic=self.pessimistic,
        )


def group_ranges(groups: Positions, sorted_groups: Positions) -> tuple[Positions, Positions]:
    """Where each group begins and ends in a rising array of groups.

    Example:
        >>> group_ranges(np.array([2, 0]), np.array([0, 0, 1, 2]))
        (array([3, 0]), array([4, 2]))
    """
    return (
        np.searchsorted(sorted_groups, groups, "left"),
        np.searchsorted(sorted_groups, groups, "right"),
    )


def _by_appearance(groups: Positions) -> Positions:
    """Groups numbered in the order in which they come up."""
    _, first, codes = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[codes]


def _shuffled(codes: Positions) -> Positions:
    """Codes numbered anew at random, always in the same way, so that neighbours are strangers."""
    count = int(codes.max()) + 1 if len(codes) else 0
    return np.random.default_rng(0).permutation(count)[codes]


def _ranks(ids: list[str]) -> Positions:
    """Place of each id among all, sorted; equal ids in the order of their positions."""
    ranks = np.empty(len(ids), np.intp)
    ranks[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
    return ranks


def trial_of_groups(
    groups: Positions,
    ids: list[str],
    *,
    unit: str = "identities",
    queries: Positions | None = None,
    gallery: Positions | None = None,
    cameras: Positions | None = None,
    pessimistic: bool = False,
) -> Trial:
    """A trial among things that carry a group code each.

    Args:
        groups: (N,) codes; equal ones belong together.
        ids: N ids, by which ties are broken (then by position).
        unit: What the groups are called.
        queries: Positions of the queries; all if None.
        gallery: Positions of the gallery; all if None.
        cameras: (N,) camera codes; pairs of one group under one camera are ignored.
        pessimistic: See `Trial`.

    Example:
        >>> trial = trial_of_groups(np.array([0, 1, 0]), ["a", "b", "c"])
        >>> trial.rows.tolist(), trial.symmetric, trial.units
        ([0, 2, 1], True, 2)
    """
    everything = np.arange(len(groups))
    rows = everything if queries is None else queries
    columns = everything if gallery is None else gallery
    rank = _ranks(ids)
    units = np.full(len(groups), -1)
    taken = np.union1d(rows, columns)
    taken = taken[np.argsort(rank[taken])]  # so that units do not depend on the order of the rows
    units[taken] = _shuffled(_by_appearance(groups[taken]))
    rows = rows[np.lexsort((rank[rows], units[rows]))]
    columns = columns[np.lexsort((rank[columns], units[columns]))]
    row_units, column_units = units[rows], units[columns]
    start, end = group_ranges(row_units, column_units)
    place = np.full(len(groups), -1)
    place[columns] = np.arange(len(columns))
    return Trial(
        rows=rows,
        columns=columns,
        start=start,
        end=end,
        related=np.arange(len(columns)),
        own=place[rows],
        row_units=row_units,
        column_units=column_units,
        order=np.argsort(np.argsort(rank[columns])),
        unit=unit,
        symmetric=bool(np.array_equal(rows, columns)),
        row_cameras=None if cameras is None else cameras[rows],
        column_cameras=None if cameras is None else cameras[columns],
        pessimistic=pessimistic,
    )


def trial_of_lists(
    queries: Positions,
    gallery: Positions,
    lists: list[dict[int, float]],
    ids: list[str],
) -> Trial:
    """A trial in which each query lists what is relevant to it.

    Args:
        queries: (Q,) positions.
        gallery: (G,) positions.
        lists: For each query, position → gain above 0. Positions are in the gallery.
        ids: Ids of all positions.
    """
    rank = _ranks(ids)
    shuffled = np.argsort(rank[queries])[np.random.default_rng(0).permutation(len(queries))]
    queries, lists = queries[shuffled], [lists[n] for n in shuffled]
    place = {int(position): column for column, position in enumerate(gallery)}
    ends = np.cumsum([len(one) for one in lists], dtype=np.intp)
    return Trial(
        rows=queries,
        columns=gallery,
        start=np.concatenate([[0], ends[:-1]]).astype(np.intp)[: len(queries)],
        end=ends,
        related=np.array([place[at] for one in lists for at in sorted(one)], np.intp),
        own=np.array([place.get(int(at), -1) for at in queries], np.intp),
        row_units=np.arange(len(queries)),
        column_units=None,
        order=np.argsort(np.argsort(rank[gallery])),
        unit="queries",
        gains=np.array([one[at] for one in lists for at in sorted(one)], np.float64),
    )
