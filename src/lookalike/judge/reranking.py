"""k-reciprocal re-ranking: distances to a gallery corrected by who is near whom, in bounded memory.

Zhong, Zheng, Cao and Li, "Re-ranking person re-identification with k-reciprocal encoding", CVPR
2017. No array is larger than a block of rows: neighbours are kept as lists, encodings as sparse
rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError

Distances: TypeAlias = Callable[[slice], NDArray[Any]]
"""Rows → (r, total) distances from them to everything, queries first, then the gallery."""

Ints: TypeAlias = NDArray[np.integer[Any]]
Floats: TypeAlias = NDArray[np.floating[Any]]

MOST_AT_ONCE = 2**22
"""List members that are looked at together; bounds memory where lists are long."""


@dataclass(frozen=True, eq=False)
class Lists:
    """Lists of indices of unequal length, one after another, each with a value if asked for.

    Attributes:
        starts: (N + 1,) int64; list n is ``members[starts[n]:starts[n + 1]]``.
        members: (M,) int32, rising within a list.
        values: (M,), or (0,) where members have none.
    """

    starts: NDArray[np.int64]
    members: NDArray[np.int32]
    values: Floats

    def sizes(self, lists: Ints) -> NDArray[np.int64]:
        """Lengths of some lists."""
        return self.starts[lists + 1] - self.starts[lists]

    def positions(self, lists: Ints) -> NDArray[np.int64]:
        """Where the members of some lists lie, one list after another."""
        return _spans(self.starts[lists], self.sizes(lists))


@dataclass(frozen=True, eq=False)
class Reranking:
    """Re-ranked distances of queries to a gallery, made when asked for.

    Attributes:
        distances: Rows → plain distances to everything, as given.
        queries: How many of the rows are queries.
        weight: Of the plain distance in the result, the paper's lambda.
        neighbours: (total, k) int32 of every row its nearest rows, itself first; k is the larger
            of k1 + 1 and k2, or `total`.
        rows: Encodings of the queries, a list of neighbours and values for each.
        columns: Encodings of the gallery by neighbour, a list of gallery positions and values for
            each of `total` rows.
        largest: (total,) the largest distance in each row; 1 where all are 0.
    """

    distances: Distances
    queries: int
    weight: float
    neighbours: NDArray[np.int32]
    rows: Lists
    columns: Lists
    largest: NDArray[np.float64]

    def block(self, rows: slice) -> NDArray[np.float32]:
        """(r, total - queries) float32 distances of some queries to the gallery.

        They are from 0 to 1, smaller is nearer.

        Args:
            rows: Of the queries, with step 1.

        Raises:
            UsageError: A step other than 1, or distances that are not what `rerank` asks for.
        """
        start, stop, step = rows.indices(self.queries)
        if step != 1:
            raise UsageError("queries are taken without gaps", where=f"step={step}")
        chosen = slice(start, max(start, stop))
        total = len(self.largest)
        found = np.empty((chosen.stop - start, total - self.queries), np.float32)
        if found.size:
            plain = _checked(self.distances(chosen), chosen, total)[:, self.queries :]
            np.copyto(found, self.weight * _normal(plain, self.largest[chosen, None]), "same_kind")
        for query, row in enumerate(found, start):
            row += (1 - self.weight) * self._jaccard(query)
        return np.clip(found, 0, 1, out=found)

    def _jaccard(self, query: int) -> NDArray[np.float64]:
        """(G,) Jaccard distances of one query; all encodings sum to 1."""
        own = slice(*self.rows.starts[query : query + 2])
        neighbours = self.rows.members[own]
        at = self.columns.positions(neighbours)
        mine = np.repeat(self.rows.values[own], self.columns.sizes(neighbours))
        common = np.bincount(
            self.columns.members[at],
            weights=np.minimum(mine, self.columns.values[at]),
            minlength=len(self.largest) - self.queries,
        )
        return 1 - common / (2 - common)


def rerank(
    distances: Distances,
    queries: int,
    total: int,
    *,
    k1: int = 20,
    k2: int = 6,
    weight: float = 0.3,
    block: int = 256,
) -> Reranking:
    """Encodes every row by its k-reciprocal neighbours, ready to re-rank.

    A result is ``(1 - weight) * J + weight * A``: A is the squared distance divided by the largest
    of its row, J the Jaccard distance of two encodings. Rows at equal distance are ordered by
    index, each row being its own first neighbour. Neighbourhoods larger than `total` hold all.

    Time grows with ``total ** 2``, memory with ``block * total`` and with `total` times the length
    of an encoding: some `k1`, and more the larger `k2` is.

    Args:
        distances: Rows → (r, total) plain, not squared, distances from these rows to everything,
            queries first, then the gallery. Called twice for every row by this function, and by
            `Reranking.block` again, with slices whose step is 1. Must be finite.
        queries: How many of the rows are queries, at least 1.
        total: Queries and gallery together.
        k1: Neighbours that can be reciprocal, at least 1.
        k2: Neighbours whose encodings are averaged, at least 1; 1 leaves them as they are.
        weight: Of the plain distance in the result, 0 to 1; the paper's lambda.
        block: Rows that are worked on at a time. Does not change the result.

    Raises:
        UsageError: An argument out of its range, or distances of another shape or not finite.

    Example:
        >>> points = np.array([0.0, 1.0, 1.5, 2.0, 9.0])
        >>> plain = lambda rows: abs(points[rows, None] - points)
        >>> ranked = rerank(plain, queries=1, total=5, k1=2, k2=1)
        >>> print(ranked.block(slice(0, 1)).round(3))
        [[0.354 0.569 0.715 1.   ]]
    """
    _require(queries, total, k1, k2, weight, block)
    width = min(total, max(k1 + 1, k2))
    neighbours, largest = _neighbours(distances, total, width, block)
    wide = _reciprocal(neighbours[:, : k1 + 1])
    narrow = _reciprocal(neighbours[:, : round(k1 / 2) + 1])  # round() takes halves to even
    expanded = _expanded(wide, narrow, total, block)
    encoded = _encoded(distances, expanded, largest, block)
    smooth = encoded if k2 == 1 else _averaged(encoded, neighbours[:, :k2], total)
    rows, columns = _split(smooth, queries, total)
    return Reranking(distances, queries, weight, neighbours, rows, columns, largest)


def _require(queries: int, total: int, k1: int, k2: int, weight: float, block: int) -> None:
    for name, number in (("queries", queries), ("k1", k1), ("k2", k2), ("block", block)):
        if number < 1:
            raise UsageError(f"{name} is at least 1", where=f"{name}={number}")
    if queries > total:
        raise UsageError(
            "there are more queries than rows",
            where=f"queries={queries}, total={total}",
            cure="count the queries in total",
        )
    if not 0 <= weight <= 1:
        raise UsageError("the weight is from 0 to 1", where=f"weight={weight}")


def _checked(plain: NDArray[Any], rows: slice, total: int) -> NDArray[np.float64]:
    if plain.shape != (rows.stop - rows.start, total):
        raise UsageError(
            f"distances are ({rows.stop - rows.start}, {total}), not {plain.shape}",
            where=f"rows {rows.start} to {rows.stop - 1}",
        )
    if not np.isfinite(plain).all():
        raise UsageError("distances must be finite", where=f"rows {rows.start} to {rows.stop - 1}")
    return plain.astype(np.float64, copy=False)


def _normal(plain: Floats, largest: Floats) -> NDArray[np.float64]:
    """Squares over the row's largest square; dividing first, neither over- nor underflows."""
    shares: NDArray[np.float64] = plain / largest
    return np.square(shares, out=shares)


def _slices(total: int, step: int) -> Iterator[slice]:
    for start in range(0, total, step):
        yield slice(start, min(start + step, total))


def _spans(starts: Ints, sizes: Ints) -> NDArray[np.int64]:
    """``starts[n], starts[n] + 1, ...``, `sizes` of them, one span after another."""
    ends = np.cumsum(sizes)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + sizes, sizes)


def _starts(owners: Ints, count: int) -> NDArray[np.int64]:
    """Where each of `count` lists starts if members are in order of their owners."""
    return np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=count))])


def _joined(parts: list[Lists]) -> Lists:
    sizes = np.concatenate([np.diff(part.starts) for part in parts])
    return Lists(
        np.concatenate([[0], np.cumsum(sizes)]),
        np.concatenate([part.members for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def _neighbours(
    distances: Distances, total: int, width: int, block: int
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """(total, width) nearest rows of every row, and (total,) its largest distance."""
    neighbours = np.empty((total, width), np.int32)
    largest = np.empty(total)
    for rows in _slices(total, block):
        plain = _checked(distances(rows), rows, total)
        # negative where a squared distance was computed as a difference
        most = np.maximum(plain.max(axis=1), -plain.min(axis=1))
        largest[rows] = np.where(most > 0, most, 1)
        order = _normal(plain, largest[rows, None])
        # before all that is equal to it
        order[np.arange(len(order)), np.arange(rows.start, rows.stop)] = -1
        neighbours[rows] = _smallest(order, width)
    return neighbours, largest


def _smallest(values: Floats, width: int) -> NDArray[np.int64]:
    """(r, width) columns of the smallest values in rising order, equal ones by column."""
    limit = np.partition(values, width - 1, axis=1)[:, width - 1, None]
    owners, columns = np.nonzero(values <= limit)
    order = np.lexsort((values[owners, columns], owners))  # stable, so by column within
    first = np.searchsorted(owners, np.arange(len(values)))
    return columns[order[first[:, None] + np.arange(width)]]


def _reciprocal(neighbours: NDArray[np.int32]) -> Lists:
    """Of every row, those of its neighbours that have it as a neighbour."""
    total, width = neighbours.shape
    owners = np.repeat(np.arange(total), width)
    members = neighbours.ravel().astype(np.int64)  # total ** 2 exceeds 32 bits
    both = np.intersect1d(owners * total + members, members * total + owners, assume_unique=True)
    owners, members = np.divmod(both, total)
    return Lists(_starts(owners, total), members.astype(np.int32), np.empty(0))


def _expanded(wide: Lists, narrow: Lists, total: int, block: int) -> Lists:
    """Adds to each list the narrow lists of its members that lie mostly within it."""
    most = np.diff(wide.starts).max() * np.diff(narrow.starts).max()
    step = int(max(1, min(block, MOST_AT_ONCE // most)))
    return _joined([_expanded_rows(wide, narrow, rows, total) for rows in _slices(total, step)])


def _expanded_rows(wide: Lists, narrow: Lists, rows: slice, total: int) -> Lists:
    count = rows.stop - rows.start
    sizes = wide.sizes(np.arange(rows.start, rows.stop))
    owners = np.repeat(np.arange(count), sizes)
    members = wide.members[wide.starts[rows.start] : wide.starts[rows.stop]]
    holds = np.zeros((count, total), bool)
    holds[owners, members] = True

    lengths = narrow.sizes(members)
    candidates = narrow.members[narrow.positions(members)]
    source = np.repeat(np.arange(len(members)), lengths)
    within = holds[owners[source], candidates]
    shared = np.bincount(source, weights=within, minlength=len(members))
    joins = (3 * shared > 2 * lengths)[source]
    holds[owners[source[joins]], candidates[joins]] = True
    holders, held = np.nonzero(holds)
    return Lists(_starts(holders, count), held.astype(np.int32), np.empty(0))


def _encoded(distances: Distances, lists: Lists, largest: Floats, block: int) -> Lists:
    """Gives each member its share, which falls with its distance; shares of a list sum to 1."""
    values = np.empty(len(lists.members))
    for rows in _slices(len(largest), block):
        span = slice(lists.starts[rows.start], lists.starts[rows.stop])
        sizes = lists.sizes(np.arange(rows.start, rows.stop))
        owners = np.repeat(np.arange(len(sizes)), sizes)
        plain = _checked(distances(rows), rows, len(largest))[owners, lists.members[span]]
        shares = np.exp(-_normal(plain, largest[rows][owners]))
        values[span] = shares / np.bincount(owners, weights=shares)[owners]
    return Lists(lists.starts, lists.members, values)


def _averaged(lists: Lists, neighbours: NDArray[np.int32], total: int) -> Lists:
    """The mean of the encodings of each row's neighbours."""
    most = np.diff(lists.starts).max() * neighbours.shape[1]
    step = int(max(1, MOST_AT_ONCE // most))
    return _joined(
        [_averaged_rows(lists, neighbours[rows], total) for rows in _slices(total, step)]
    )


def _averaged_rows(lists: Lists, neighbours: NDArray[np.int32], total: int) -> Lists:
    near = neighbours.ravel()
    owners = np.repeat(np.arange(len(near)) // neighbours.shape[1], lists.sizes(near))
    at = lists.positions(near)
    keys, which = np.unique(owners * total + lists.members[at], return_inverse=True)
    sums = np.bincount(which, weights=lists.values[at])
    rows, members = np.divmod(keys, total)
    return Lists(
        _starts(rows, len(neighbours)),
        members.astype(np.int32),
        (sums / neighbours.shape[1]).astype(np.float32),
    )


def _split(lists: Lists, queries: int, total: int) -> tuple[Lists, Lists]:
    """Encodings of the queries by row, and those of the gallery by column."""
    cut = lists.starts[queries]
    values = lists.values.astype(np.float32, copy=False)
    rows = Lists(lists.starts[: queries + 1], lists.members[:cut], values[:cut])
    owners = np.repeat(np.arange(total - queries, dtype=np.int32), np.diff(lists.starts[queries:]))
    order = np.argsort(lists.members[cut:], kind="stable")
    columns = Lists(_starts(lists.members[cut:], total), owners[order], values[cut:][order])
    return rows, columns
