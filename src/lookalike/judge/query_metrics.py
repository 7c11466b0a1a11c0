"""Metrics over queries, as pure functions of the ranks at which each query's matches come.

A rank is 1 for the entry that is closest. Scores are not seen here, so their sign, shift and scale
do not matter. Ranks of all queries lie behind each other in one array; ``ends`` says where each
query's end. A query without matches (an empty query) gets NaN and is left out of means.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ranks: TypeAlias = "NDArray[np.int64]"
"""(K,) ranks, rising within each query."""
Ends: TypeAlias = "NDArray[np.intp]"
"""(Q,) one past the last rank of each query."""
Floats: TypeAlias = "NDArray[np.float64]"

SHOTS = 10
"""How often a gallery of single shots is drawn for each query."""


def first_ranks(ranks: Ranks, ends: Ends) -> Floats:
    """(Q,) rank of each query's first match; NaN for an empty query.

    Example:
        >>> first_ranks(np.array([2, 3, 1]), np.array([2, 2, 3])).tolist()
        [2.0, nan, 1.0]
    """
    found = np.full(len(ends), np.nan)
    some = _counts(ends) > 0
    found[some] = ranks[_starts(ends)[some]]
    return found


def recall_at(ranks: Ranks, ends: Ends, k: int) -> Floats:
    """(Q,) 1 if a match is among the first `k`, else 0: recall@k, and rank k of the CMC.

    Example:
        >>> recall_at(np.array([2, 3, 1]), np.array([2, 2, 3]), 1).tolist()
        [0.0, nan, 1.0]
    """
    first = first_ranks(ranks, ends)
    return np.where(np.isnan(first), np.nan, first <= k)


def precision_at(ranks: Ranks, ends: Ends, k: int) -> Floats:
    """(Q,) share of the first `k` that are matches. Denominator: `k`, however few matches exist.

    Example:
        >>> precision_at(np.array([2, 3, 1]), np.array([2, 3]), 4).tolist()
        [0.5, 0.25]
    """
    return _mean_over(_per_query((ranks <= k).astype(np.float64), ends), ends, k)


def average_precision(ranks: Ranks, ends: Ends) -> Floats:
    """(Q,) mean over a query's matches of (matches so far / rank), without interpolation.

    Denominator: the query's matches. Its mean over queries is mAP.

    Example:
        >>> average_precision(np.array([2, 4]), np.array([2])).tolist()
        [0.5]
    """
    return _mean_over(_per_query(_so_far(ends) / ranks, ends), ends)


def average_precision_at_r(ranks: Ranks, ends: Ends) -> Floats:
    """(Q,) as `average_precision`, over the first R entries only; R is the number of matches.

    Denominator: R. Its mean is mAP@R (Musgrave et al., "A Metric Learning Reality Check", 2020).

    Example:
        >>> average_precision_at_r(np.array([2, 4]), np.array([2])).tolist()
        [0.25]
    """
    within = ranks <= np.repeat(_counts(ends), _counts(ends))
    return _mean_over(_per_query(np.where(within, _so_far(ends) / ranks, 0), ends), ends)


def reciprocal_rank(ranks: Ranks, ends: Ends) -> Floats:
    """(Q,) 1 / rank of the first match. Its mean is MRR.

    Example:
        >>> reciprocal_rank(np.array([2, 4]), np.array([2])).tolist()
        [0.5]
    """
    return 1 / first_ranks(ranks, ends)


def ndcg(ranks: Ranks, ends: Ends, gains: Floats | None = None, k: int | None = None) -> Floats:
    """(Q,) discounted cumulative gain over that of the best possible order.

    A match at rank r counts gain / log2(r + 1) (Järvelin and Kekäläinen, 2002).

    Args:
        ranks: See above.
        ends: See above.
        gains: (K,) above 0; ones if omitted.
        k: Only the first k entries, of the actual and of the best order; all if None.

    Example:
        >>> ndcg(np.array([1, 2]), np.array([2]), np.array([1.0, 3.0])).round(4).tolist()
        [0.7967]
    """
    worth = np.ones(len(ranks)) if gains is None else gains
    last = np.inf if k is None else k
    found = _per_query(np.where(ranks <= last, worth / np.log2(ranks + 1.0), 0), ends)
    query = np.repeat(np.arange(len(ends)), _counts(ends))
    best = worth[np.lexsort((-worth, query))]
    place = _so_far(ends)
    ideal = _per_query(np.where(place <= last, best / np.log2(place + 1.0), 0), ends)
    return np.divide(found, ideal, out=np.full(len(ends), np.nan), where=ideal > 0)


def cmc(first: Floats, length: int) -> Floats:
    """(length,) share of queries whose first match is among the first 1, 2, ... entries.

    Args:
        first: (Q,) first ranks; NaN for empty queries, which do not count.
        length: How many ranks.

    Example:
        >>> cmc(np.array([2.0, np.nan, 1.0]), 3).tolist()
        [0.5, 1.0, 1.0]
    """
    found = first[~np.isnan(first)].astype(np.int64)
    if len(found) == 0:
        return np.full(length, np.nan)
    counts = np.bincount(np.minimum(found, length + 1), minlength=length + 2)
    return np.cumsum(counts[1 : length + 1]) / len(found)


def single_shot_cmc(
    identities: NDArray[Any], own: Any, *, seed: int = 0, repeats: int = SHOTS
) -> Floats:
    """(K,) mean CMC of one query when its gallery holds one picture of each identity.

    One entry of each identity is picked at random, the order is kept, and the CMC of the picked
    list is taken: 0 before the match, 1 from it on. That is done `repeats` times, for the classic
    split of CUHK03 (Li et al., CVPR 2014). Average precision stays that of the full list.

    Args:
        identities: (n,) whose picture each entry shows, in order of distance, closest first,
            without the entries that do not count for this query. Whoever belongs to nobody needs
            an identity of their own.
        own: The query's identity.
        seed: Of the picks.
        repeats: How many picked lists the mean is over.

    Returns:
        As many numbers as there are identities, rising from a multiple of 1 / `repeats` to 1; NaN
        if no entry is of the query's identity.

    Example:
        >>> single_shot_cmc(np.array([2, 1, 3]), 1).tolist()
        [0.0, 1.0, 1.0]
        >>> single_shot_cmc(np.array([1, 2, 3, 1]), 1).tolist()
        [0.6, 0.6, 1.0]
    """
    known, counts = np.unique(identities, return_counts=True)
    mine = np.flatnonzero(identities == own)
    if len(mine) == 0:
        return np.full(len(known), np.nan)
    others = known != own
    starts = (np.cumsum(counts) - counts)[others]
    places = np.argsort(identities, kind="stable")
    rng = np.random.default_rng(seed)
    ranks = single_shot_ranks(places, starts, counts[others], mine, rng, repeats)
    return cmc(ranks.astype(np.float64), len(known))


def single_shot_ranks(
    keys: NDArray[np.int64],
    starts: Ends,
    counts: Ends,
    mine: NDArray[np.int64],
    rng: np.random.Generator,
    repeats: int = SHOTS,
) -> NDArray[np.int64]:
    """(repeats,) rank of one query's match among entries picked at random, one per identity.

    Args:
        keys: (n,) numbers that rise as entries come later, all distinct, with the entries of each
            identity behind each other.
        starts: (I,) where each other identity begins.
        counts: (I,) how many entries it has.
        mine: (M,) the keys of the query's matches, of which there is at least one.
        rng: Draws the picks.
        repeats: How often.

    Example:
        >>> starts, counts = np.array([0, 2]), np.array([2, 1])
        >>> keys, rng = np.array([1, 2, 4]), np.random.default_rng(0)
        >>> single_shot_ranks(keys, starts, counts, np.array([3]), rng, 3).tolist()
        [2, 2, 2]
    """
    match = mine[rng.integers(0, len(mine), repeats)]
    others = keys[starts + rng.integers(0, counts, (repeats, len(counts)))]
    return 1 + (others < match[:, None]).sum(axis=1)


def _starts(ends: Ends) -> Ends:
    return np.concatenate([[0], ends[:-1]]).astype(np.intp)[: len(ends)]


def _counts(ends: Ends) -> Ends:
    return ends - _starts(ends)


def _so_far(ends: Ends) -> Floats:
    """(K,) how many of its query's matches have come up to each rank, itself included."""
    counts = _counts(ends)
    return np.arange(1, counts.sum() + 1) - np.repeat(_starts(ends), counts).astype(np.float64)


def _per_query(values: Floats, ends: Ends) -> Floats:
    """(Q,) sums of the values of each query."""
    counts = _counts(ends)
    sums = np.bincount(np.repeat(np.arange(len(ends)), counts), values, minlength=len(ends))
    return sums.astype(np.float64)


def _mean_over(sums: Floats, ends: Ends, denominator: int | None = None) -> Floats:
    counts = _counts(ends)
    below = np.where(counts > 0, counts if denominator is None else denominator, 1)
    return np.where(counts > 0, sums / below, np.nan)
