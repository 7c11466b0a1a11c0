"""The ranks at which each query's matches come, block by block."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.judge import query_metrics
from lookalike.judge.trial import Relations, Trial

CELLS = 2**22
"""Scores per block, as in counting pairs."""

Progress = Callable[[int], None]
Levels = Callable[[slice], NDArray[np.int64]]
"""Row slice → (r, G) levels of those queries with the gallery, the higher the closer, from 0."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """What became of each query of a trial, in the trial's order.

    Attributes:
        values: Metric → (Q,) float64; NaN for a query without matches.
        first: (Q,) rank of the first match; NaN likewise.
        listed: (Q,) how many entries each query was ranked against.
        shots: (Q, S) rank of the match in each gallery of single shots, NaN likewise; None if
            none were drawn.
    """

    values: dict[str, NDArray[np.float64]]
    first: NDArray[np.float64]
    listed: NDArray[np.int64]
    shots: NDArray[np.float64] | None = None


def rank_trial(
    trial: Trial,
    levels: Levels,
    *,
    ks: tuple[int, ...] = (1, 5, 10),
    most_levels: int,
    single_shot: int | None = None,
    progress: Progress | None = None,
) -> Ranked:
    """Ranks the gallery for every query, and keeps what the metrics need.

    Equal levels follow the trial's order (by id); in a pessimistic trial a match comes behind all
    entries of its level.

    Args:
        trial: The queries and the gallery.
        levels: Their scores as levels.
        ks: For recall@k, precision@k and nDCG@k; the latter two not for k = 1, where they say
            what recall@1 says.
        most_levels: Above every level.
        single_shot: A seed makes recall@k that of `query_metrics.single_shot_cmc`: for each query,
            of each unit of the gallery one entry at random. What is drawn for a query depends on
            the seed and its place in the trial alone. The gallery has to have units.
        progress: Told how many queries are done.
    """
    parts: list[dict[str, NDArray[np.float64]]] = []
    first, listed, shots = [], [], []
    draw = None if single_shot is None else _Shots.of(trial, single_shot)
    for rows in row_blocks(len(trial.rows), len(trial.columns)):
        relations = trial.relations(rows)
        ranks, ends, gains, count, shot = _ranks(
            trial, relations, rows, levels(rows), most_levels, draw
        )
        parts.append(_values(ranks, ends, gains if trial.gains is not None else None, ks))
        first.append(query_metrics.first_ranks(ranks, ends))
        listed.append(count)
        shots.append(shot)
        if progress:
            progress(rows.stop - rows.start)
    names = parts[0] if parts else _values(np.zeros(0, np.int64), np.zeros(0, np.intp), None, ks)
    values = {
        name: np.concatenate([np.zeros(0), *(part[name] for part in parts)]) for name in names
    }
    drawn = None
    if draw:
        drawn = np.concatenate([np.zeros((0, query_metrics.SHOTS)), *shots])
        for k in ks:
            found = (drawn <= k).mean(axis=1)
            values[f"recall@{k}"] = np.where(np.isnan(drawn[:, 0]), np.nan, found)
    return Ranked(
        values,
        np.concatenate([np.zeros(0), *first]),
        np.concatenate([np.zeros(0, np.int64), *listed]),
        drawn,
    )


@dataclass(frozen=True, eq=False)
class _Shots:
    """Draws galleries that hold one entry of each unit.

    Attributes:
        seed: Of the picks.
        units: (I,) the units of the gallery, rising.
        starts: (I,) where each begins among the columns.
        counts: (I,) how many columns it has.
    """

    seed: int
    units: NDArray[np.intp]
    starts: NDArray[np.intp]
    counts: NDArray[np.intp]

    @classmethod
    def of(cls, trial: Trial, seed: int) -> _Shots:
        assert trial.column_units is not None
        found = np.unique(trial.column_units, return_index=True, return_counts=True)
        return cls(seed, *found)

    def ranks(
        self,
        trial: Trial,
        rows: slice,
        keys: NDArray[np.int64],
        row: NDArray[np.intp],
        mine: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """(r, S) ranks of the queries of a block, from keys by column and the keys of matches."""
        found = np.full((len(keys), query_metrics.SHOTS), np.nan)
        ends = np.searchsorted(row, np.arange(len(keys) + 1))
        for n, (start, end) in enumerate(itertools.pairwise(ends)):
            if start < end:
                query = rows.start + n
                others = self.units != trial.row_units[query]
                found[n] = query_metrics.single_shot_ranks(
                    keys[n],
                    self.starts[others],
                    self.counts[others],
                    mine[start:end],
                    np.random.default_rng([self.seed, query + 1]),
                )
        return found


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices that cover all rows, each with at most `CELLS` scores, or one row."""
    height = max(1, CELLS // max(1, columns))
    for start in range(0, rows, height):
        yield slice(start, min(rows, start + height))


def _ranks(
    trial: Trial,
    relations: Relations,
    rows: slice,
    levels: NDArray[np.int64],
    most_levels: int,
    draw: _Shots | None,
) -> tuple[
    NDArray[np.int64],
    NDArray[np.intp],
    NDArray[np.float64],
    NDArray[np.int64],
    NDArray[np.float64],
]:
    """Ranks behind each other, where each query's end, their gains, entries per query, shots."""
    height, width = levels.shape
    kept = ~relations.ignored
    row, column, gains = relations.rows[kept], relations.columns[kept], relations.gains[kept]
    keys = ordering_keys(levels, trial.order, most_levels)
    mine = keys[row, column]
    last = np.iinfo(np.int64).max
    dropped = relations.rows[relations.ignored], relations.columns[relations.ignored]
    keys[dropped] = last
    own = np.flatnonzero(trial.own[rows] >= 0)
    keys[own, trial.own[rows][own]] = last
    listed = width - (keys == last).sum(axis=1)
    shots = draw.ranks(trial, rows, keys, row, mine) if draw else np.zeros((height, 0))
    keys.sort(axis=1)
    if trial.pessimistic:
        mine |= _mask(width)
    ranks = _places(keys, row, mine, "right" if trial.pessimistic else "left")
    ranks += 0 if trial.pessimistic else 1
    order = np.lexsort((ranks, row))
    ends = np.cumsum(np.bincount(row, minlength=height))
    return ranks[order], ends, gains[order], listed, shots


def ordering_keys(
    levels: NDArray[np.int64], order: NDArray[np.intp], most_levels: int
) -> NDArray[np.int64]:
    """Numbers that rise as entries come later: by level, then by the order; all distinct."""
    keys = np.subtract(most_levels, levels, out=levels)
    keys *= _mask(len(order)) + 1
    keys += order
    return keys


def _mask(width: int) -> int:
    """Ones in as many bits as positions need."""
    return int(2 ** int(width).bit_length()) - 1


def _places(
    keys: NDArray[np.int64], rows: NDArray[np.intp], wanted: NDArray[np.int64], side: str
) -> NDArray[np.int64]:
    """Where each wanted key stands in its sorted row."""
    found = np.empty(len(wanted), np.int64)
    starts = np.searchsorted(rows, np.arange(len(keys) + 1))
    for row, (start, end) in enumerate(itertools.pairwise(starts)):
        found[start:end] = np.searchsorted(keys[row], wanted[start:end], side)  # type: ignore[call-overload]
    return found


def _values(
    ranks: NDArray[np.int64],
    ends: NDArray[np.intp],
    gains: NDArray[np.float64] | None,
    ks: tuple[int, ...],
) -> dict[str, NDArray[np.float64]]:
    found = {f"recall@{k}": query_metrics.recall_at(ranks, ends, k) for k in ks}
    found |= {f"precision@{k}": query_metrics.precision_at(ranks, ends, k) for k in ks if k > 1}
    found["mAP"] = query_metrics.average_precision(ranks, ends)
    found["mAP@R"] = query_metrics.average_precision_at_r(ranks, ends)
    found["MRR"] = query_metrics.reciprocal_rank(ranks, ends)
    found["nDCG"] = query_metrics.ndcg(ranks, ends, gains)
    found |= {f"nDCG@{k}": query_metrics.ndcg(ranks, ends, gains, k) for k in ks if k > 1}
    return found
