"""Counts all pairs of a trial, block by block, with what a bootstrap over units needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.judge.listed import ListedPairs
from lookalike.judge.pair_counts import PairCounts
from lookalike.judge.resampling import Resampling
from lookalike.judge.trial import Trial
from lookalike.metrics import Scale, Scorer, condensed

CELLS = 2**22
"""Scores per block: what is held beside the vectors is about 20 times as many bytes."""

COUNTED = 2**21
"""Cells in which many pairs are counted, narrow where pairs are many; see `TOO_COARSE`."""

SORTED = 2**22
"""Pairs up to which levels are sorted instead, on a finer scale."""

TOO_COARSE = 5e-7
"""Error of an AUC by rounding from which it is told."""

SAMPLE = 2**16
"""Pairs that are looked at to place the bins of the bootstrap."""

MOST_BINS = 1024
"""Bins of the bootstrap of listed pairs."""

SEED = 0
"""Of the sample that places cells, so that two counts of the same pairs agree."""

Progress = Callable[[int], None]
Pairs: TypeAlias = "tuple[NDArray[np.intp], NDArray[np.intp]]"


@dataclass(frozen=True, eq=False)
class Counted:
    """All pairs of a trial.

    Attributes:
        counts: Pairs by score, exact.
        same: (1 + R + U, B) same pairs by bin of scores, closest first, weighted as in each
            replicate of a resampling. Empty without one.
        different: Likewise.
        limits: (B,) the metric's value down to which each bin reaches (up to, for distances).
        blur: About how far the ROC AUC may be off since scores were rounded to levels: half the
            share of a same and a different pair that lie on one level and differ, as estimated
            from a sample of both. 0 if that has none.
    """

    counts: PairCounts
    same: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    different: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    limits: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    blur: float = 0.0

    @property
    def warnings(self) -> tuple[str, ...]:
        """Says so where scores are too nearly alike for measures over pairs."""
        if self.blur <= TOO_COARSE:
            return ()
        return (
            f"many scores are too nearly alike to be told apart: rounding may change the ROC AUC "
            f"by about {self.blur:.1g}, and measures over pairs likewise; vectors that differ so "
            "little may need their mean taken off, or another encoder",
        )


def count_trial(
    trial: Trial,
    scorer: Scorer,
    resampling: Resampling | None = None,
    *,
    seed: int = 0,
    bins: Bins | None = None,
    progress: Progress | None = None,
) -> Counted:
    """Scores all pairs of a trial and counts them.

    Memory beyond the vectors is about 250 MB, whatever their number; never an N x N array.

    Args:
        trial: Which pairs; `scorer` has its rows and columns, in its order.
        scorer: Their scores.
        resampling: Of its units; None for no replicates.
        seed: For the pairs that place the bins.
        bins: Of the replicates; placed by the scores if None.
        progress: Told how many rows are done.
    """
    scale = counting_scale(trial, scorer)
    tally = _Sorted(scale) if _few(trial) else _Histogram(scale)
    blur = 0.0
    if resampling and bins is None:
        some, same = (_Sample.of(scorer, scale, pairs) for pairs in _samples(trial, seed))
        bins, blur = _bins(scale, some.levels, same.levels), _blur(scorer, some, same)
    table = _Replicates(trial, resampling, bins) if resampling and bins else None
    for rows, columns, found, related in _blocks(trial, scorer, scale):
        tally.add(found, related)
        if table:
            table.add(rows, columns, found, related)
        if progress:
            progress(rows.stop - rows.start)
    counts = tally.counts(scorer.metric.higher_is_closer)
    return (
        Counted(counts, *table.finished(), table.limits(scale), blur) if table else Counted(counts)
    )


def counting_scale(trial: Trial, scorer: Scorer) -> Scale:
    """The scale that the pairs of a trial are counted on; always the same for the same vectors."""
    if _few(trial) or scorer.scale.levels <= COUNTED + 1:
        return scorer.scale
    some, same = (scorer.paired(*one) for one in _samples(trial, SEED))
    # the closest of all decide rare false matches
    closest = some[some > np.quantile(some, 0.99)] if len(some) else some
    return condensed(scorer.scale, [some, same, closest], COUNTED)


def _few(trial: Trial) -> bool:
    return len(trial.rows) * len(trial.columns) <= SORTED


def _samples(trial: Trial, seed: int) -> tuple[Pairs, Pairs]:
    """Random pairs, and some of those that are the same: rows and columns of each."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, max(1, len(trial.rows)), SAMPLE if len(trial.rows) else 0)
    columns = rng.integers(0, len(trial.columns), len(rows))
    return (rows, columns), _sample_of_same(trial, rng)


@dataclass(frozen=True, eq=False)
class _Sample:
    """Pairs that are looked at beforehand: rows, columns and levels."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    levels: NDArray[np.int64]

    @classmethod
    def of(cls, scorer: Scorer, scale: Scale, pairs: Pairs) -> _Sample:
        return cls(*pairs, scorer.paired(*pairs, scale=scale))


def _blur(scorer: Scorer, some: _Sample, same: _Sample) -> float:
    """See `Counted.blur`; of random pairs nearly all are different."""
    shared = np.intersect1d(some.levels, same.levels)
    if not len(shared) or scorer.metric.name == "hamming":
        return 0.0
    tied, alike = [], []
    for sample in (some, same):
        on = np.isin(sample.levels, shared)
        tied.append(sample.levels[on])
        alike.append(scorer.told_apart(sample.rows[on], sample.columns[on]))
    found = max(0.0, _meetings(*tied) - _meetings(*alike))
    return found / 2 / (len(some.levels) * len(same.levels))


def _meetings(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """How often a number of the one array equals one of the other."""
    (a, times), (b, other_times) = (np.unique(side, return_counts=True) for side in (one, other))
    _, here, there = np.intersect1d(a, b, assume_unique=True, return_indices=True)
    return float(times[here].astype(np.float64) @ other_times[there])


class _Histogram:
    """Pairs by level where there are many: a count for every level there is."""

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        self.total = np.zeros(scale.levels + 1, np.int64)
        self.same = np.zeros(scale.levels + 1, np.int64)

    def add(self, levels: NDArray[np.int64], related: tuple[Any, Any]) -> None:
        """The pairs of one block."""
        self.total += np.bincount(levels.reshape(-1), minlength=len(self.total))
        np.add.at(self.same, levels[related], 1)

    def counts(self, higher_is_closer: bool) -> PairCounts:
        """Counts by value, closest first."""
        occupied = np.flatnonzero(self.total[:-1])[::-1]
        same = self.same[occupied]
        values = self.scale.values(occupied)
        return PairCounts(values, same, self.total[occupied] - same, higher_is_closer)


class _Sorted:
    """Pairs by level where there are few: the levels themselves, on a finer scale."""

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        self.levels: list[NDArray[np.int64]] = []
        self.same: list[NDArray[np.int64]] = []

    def add(self, levels: NDArray[np.int64], related: tuple[Any, Any]) -> None:
        """The pairs of one block."""
        self.levels.append(levels[levels < self.scale.levels])
        self.same.append(levels[related])

    def counts(self, higher_is_closer: bool) -> PairCounts:
        """Counts by value, closest first."""
        nothing = np.zeros(0, np.int64)
        levels = np.concatenate([nothing, *self.levels])
        occupied, total = np.unique(levels, return_counts=True)
        places = np.searchsorted(occupied, np.concatenate([nothing, *self.same]))
        same = np.bincount(places, minlength=len(occupied))
        values = self.scale.values(occupied[::-1])
        return PairCounts(values, same[::-1], (total - same)[::-1], higher_is_closer)


def count_listed(
    pairs: ListedPairs, scorer: Scorer, resampling: Resampling | None = None
) -> Counted:
    """Scores and counts listed pairs, as `count_trial` does all pairs."""
    levels = scorer.paired(pairs.rows, pairs.columns)
    values = scorer.scale.values(levels)
    found = count_values(pairs, values, scorer.metric.higher_is_closer, resampling)
    sides = [
        _Sample(pairs.rows[which], pairs.columns[which], levels[which])
        for which in (~pairs.same, pairs.same)
    ]
    return replace(found, blur=_blur(scorer, *sides))


def count_values(
    pairs: ListedPairs,
    values: NDArray[np.float64],
    higher_is_closer: bool,
    resampling: Resampling | None = None,
) -> Counted:
    """Counts listed pairs whose values, (P,), are at hand."""
    distinct, bins = np.unique(-values if higher_is_closer else values, return_inverse=True)
    same, different = (
        np.bincount(bins[which], minlength=len(distinct)) for which in (pairs.same, ~pairs.same)
    )
    closest_first = -distinct if higher_is_closer else distinct
    counts = PairCounts(closest_first, same, different, higher_is_closer)
    if resampling is None:
        return Counted(counts)
    put = _coarse(len(distinct))
    ends = np.searchsorted(put, np.unique(put), "right")
    return Counted(
        counts, *_listed_replicates(pairs, put[bins], resampling), limits=closest_first[ends - 1]
    )


def _coarse(count: int) -> NDArray[np.intp]:
    """(count,) for each of so many values, closest first, one of at most `MOST_BINS` bins."""
    return np.arange(count) * min(MOST_BINS, count) // max(1, count)


def _listed_replicates(
    pairs: ListedPairs, bins: NDArray[np.intp], resampling: Resampling
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Same and different pairs by bin in every replicate, (1 + R + U, B) each."""
    weights = resampling.weights
    rows, columns = (resampling.group[one] for one in (pairs.row_units, pairs.column_units))
    width = int(bins.max(initial=0)) + 1
    found = [np.zeros((len(weights), width)) for _ in range(2)]
    order = np.argsort(bins, kind="stable")
    for start in range(0, len(order), SAMPLE // 16):
        part = order[start : start + SAMPLE // 16]
        weight = weights[:, rows[part]]
        apart = rows[part] != columns[part]
        weight[:, apart] *= weights[:, columns[part][apart]] * resampling.balance[:, None]
        for kind, table in ((pairs.same[part], found[0]), (~pairs.same[part], found[1])):
            if kind.any():
                here, first = np.unique(bins[part][kind], return_index=True)
                table[:, here] += np.add.reduceat(weight[:, kind], first, axis=1)
    return found[0], found[1]


def _blocks(
    trial: Trial, scorer: Scorer, scale: Scale
) -> Iterator[tuple[slice, slice, NDArray[np.int64], tuple[Any, Any]]]:
    """Rows, columns, their levels (one too high for ignored pairs), and where the same ones are."""
    ignored_level = scale.levels
    start, count, width = 0, len(trial.rows), len(trial.columns)
    while start < count:
        first = start if trial.symmetric else 0
        rows = slice(start, min(count, start + max(1, CELLS // max(1, width - first))))
        columns = slice(first, width)
        found = scorer.levels(rows, columns, scale=scale)
        relations = trial.relations(rows)
        kept = relations.columns >= first
        at = relations.rows[kept], relations.columns[kept] - first
        ignored = relations.ignored[kept]
        if trial.symmetric:  # a pair counts once, above the diagonal
            ignored |= at[1] <= at[0]
            height = rows.stop - rows.start
            found[:, :height][np.tri(height, dtype=bool)] = ignored_level
        elif (trial.own[rows] >= 0).any():
            own = trial.own[rows]
            twice = (own[:, None] > np.arange(width)) & trial.both
            found[twice] = ignored_level
            ignored |= twice[at]
            queries = np.flatnonzero(own >= 0)
            found[queries, own[queries]] = ignored_level
        found[at[0][ignored], at[1][ignored]] = ignored_level
        yield rows, columns, found, (at[0][~ignored], at[1][~ignored])
        start = rows.stop


@dataclass(frozen=True, eq=False)
class Bins:
    """Bins of levels, closest first; ignored pairs have the last one.

    Attributes:
        edges: Rising levels at which bins begin; the loosest bin reaches down to level 0.
        table: (levels + 1,) the bin of each level, where they are few enough for that.
        ignored: The level of ignored pairs.
    """

    edges: NDArray[np.int64]
    table: NDArray[np.uint16] | None
    ignored: int

    @property
    def width(self) -> int:
        """How many there are, that of ignored pairs included."""
        return len(self.edges) + 2

    def of(self, levels: NDArray[np.int64]) -> NDArray[Any]:
        """The bin of each level."""
        if self.table is not None:
            return self.table[levels]
        bins = len(self.edges) - np.searchsorted(self.edges, levels, "right")
        return np.where(levels == self.ignored, self.width - 1, bins)


def _bins(scale: Scale, some: NDArray[np.int64], same: NDArray[np.int64]) -> Bins:
    """Bins that are narrow where false positive rates are small, and where same pairs are many."""
    tail = 1 - np.concatenate([np.geomspace(1e-4, 0.01, 40), np.linspace(0.012, 0.99, 72)])
    found = [
        np.quantile(levels, shares, method="higher").astype(np.int64)
        for levels, shares in ((some, tail), (same, np.linspace(0.01, 1, 80)))
        if len(levels)
    ]
    edges = np.unique(np.concatenate([np.zeros(0, np.int64), *found]))
    bins = Bins(edges, None, scale.levels)
    if scale.levels > COUNTED + 1:
        return bins
    return replace(bins, table=bins.of(np.arange(scale.levels + 1)).astype(np.uint16))


def _sample_of_same(
    trial: Trial, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of some of the pairs that are the same."""
    some = np.sort(rng.permutation(len(trial.rows))[:2000])
    found: list[NDArray[np.intp]] = [np.zeros((2, 0), np.intp)]
    for row in some:
        relations = trial.relations(slice(row, row + 1))
        columns = relations.columns[~relations.ignored]
        if len(columns) > 64:
            columns = rng.choice(columns, 64, replace=False)
        found.append(np.stack([np.full(len(columns), row), columns]))
    rows, columns = np.concatenate(found, axis=1)
    return rows, columns


class _Replicates:
    """Pairs by bin in every replicate, gathered unit by unit.

    A pair of different units weighs the product of how often they occur in the replicate; a pair
    within one unit, how often that unit occurs. (Copies of a unit are not paired with each other:
    they would be the same pictures.) See `Resampling.balance`.
    """

    def __init__(self, trial: Trial, resampling: Resampling, bins: Bins) -> None:
        self.bins = bins
        self.width = bins.width
        self.groups = resampling.groups
        self.weights = resampling.weights
        self.row_groups = resampling.group[trial.row_units]
        self.column_groups = (
            None if trial.column_units is None else resampling.group[trial.column_units]
        )
        self.balance = resampling.balance
        shape = (len(self.weights), self.width)
        self.total = np.zeros(shape)
        self.same = np.zeros((self.groups, self.width), np.int64)

    def add(
        self, rows: slice, columns: slice, levels: NDArray[np.int64], related: tuple[Any, Any]
    ) -> None:
        """The pairs of one block; `levels` is overwritten."""
        groups = self.row_groups[rows]
        np.add.at(self.same, (groups[related[0]], self.bins.of(levels[related])), 1)
        levels[...] = self.bins.of(levels)
        if self.column_groups is not None:
            levels += self.column_groups[columns] * self.width
        for group in np.unique(groups):
            mine = groups == group
            some = levels[mine] if not mine.all() else levels
            if self.column_groups is None:
                table = np.bincount(some.reshape(-1), minlength=self.width)
                self.total += self.weights[:, group, None] * table
            else:
                self._add_group(group, some.reshape(-1))

    def _add_group(self, group: int, keys: NDArray[np.int64]) -> None:
        size = self.groups * self.width
        table = np.bincount(keys, minlength=size).reshape(self.groups, self.width)
        table = table.astype(np.float32)
        own = self.weights[:, group, None]
        within = own * table[group]
        between = own * (self.weights @ table) - own * within
        self.total += within + self.balance[:, None] * between

    def finished(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Same and different pairs, (1 + R + U, B)."""
        same = self.weights.astype(np.float64) @ self.same
        return same[:, :-1], np.maximum(self.total - same, 0)[:, :-1]

    def limits(self, scale: Scale) -> NDArray[np.float64]:
        """The metric's value down to which each bin reaches."""
        return scale.values(np.append(self.bins.edges[::-1], 0))
