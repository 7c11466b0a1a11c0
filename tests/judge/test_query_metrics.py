"""Metrics over queries against loops down ranked lists."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike.judge import query_metrics

Floats = NDArray[np.float64]
List = list[float]
"""What a query gets, closest first: the gain of each entry, 0 for one that does not match."""


def slow_first_rank(ranked: List) -> float:
    return next((float(n) for n, gain in enumerate(ranked, 1) if gain), math.nan)


def slow_recall(ranked: List, k: int) -> float:
    return float(any(ranked[:k])) if any(ranked) else math.nan


def slow_precision(ranked: List, k: int) -> float:
    return sum(gain > 0 for gain in ranked[:k]) / k if any(ranked) else math.nan


def slow_average_precision(ranked: List) -> float:
    found = [sum(gain > 0 for gain in ranked[:n]) / n for n, gain in enumerate(ranked, 1) if gain]
    return math.fsum(found) / len(found) if found else math.nan


def slow_average_precision_at_r(ranked: List) -> float:
    r = sum(gain > 0 for gain in ranked)
    found = [
        sum(gain > 0 for gain in ranked[:n]) / n for n, gain in enumerate(ranked[:r], 1) if gain
    ]
    return math.fsum(found) / r if r else math.nan


def slow_reciprocal_rank(ranked: List) -> float:
    return 1 / slow_first_rank(ranked)


def slow_ndcg(ranked: List, k: int | None) -> float:
    def dcg(gains: List) -> float:
        return math.fsum(gain / math.log2(n + 1) for n, gain in enumerate(gains[:k], 1))

    return dcg(ranked) / dcg(sorted(ranked, reverse=True)) if any(ranked) else math.nan


def slow_cmc(queries: list[List], length: int) -> List:
    valid = [ranked for ranked in queries if any(ranked)]
    return [
        sum(any(ranked[:n]) for ranked in valid) / len(valid) if valid else math.nan
        for n in range(1, length + 1)
    ]


# no entries, no matches, only matches; the last entry of a list may be a match or not
gains = st.sampled_from([0.0, 0.0, 1.0, 2.0, 0.25])
lists = st.one_of(
    st.lists(gains, max_size=12),
    st.lists(st.just(1.0), min_size=1, max_size=5),
    st.lists(st.just(0.0), max_size=3),
)
some_queries = st.lists(lists, max_size=6)
ks = st.integers(1, 14)


def ranks_of(queries: list[List]) -> tuple[NDArray[np.int64], NDArray[np.intp], Floats]:
    """Ranks, ends and gains of the matches of every query."""
    matches = [[(n, gain) for n, gain in enumerate(one, 1) if gain] for one in queries]
    flat = [match for one in matches for match in one]
    return (
        np.array([rank for rank, _ in flat], np.int64),
        np.cumsum([len(one) for one in matches], dtype=np.intp),
        np.array([gain for _, gain in flat], np.float64),
    )


def same(found: Any, expected: list[float]) -> bool:
    return len(found) == len(expected) and bool(
        np.allclose(found, expected, rtol=1e-12, atol=0, equal_nan=True)
    )


WITHOUT_K: dict[str, tuple[Callable[..., Floats], Callable[[List], float]]] = {
    "first rank": (query_metrics.first_ranks, slow_first_rank),
    "average precision": (query_metrics.average_precision, slow_average_precision),
    "average precision at R": (query_metrics.average_precision_at_r, slow_average_precision_at_r),
    "reciprocal rank": (query_metrics.reciprocal_rank, slow_reciprocal_rank),
}
WITH_K: dict[str, tuple[Callable[..., Floats], Callable[[List, int], float]]] = {
    "recall": (query_metrics.recall_at, slow_recall),
    "precision": (query_metrics.precision_at, slow_precision),
}


@pytest.mark.parametrize("name", WITHOUT_K)
@given(queries=some_queries)
def test_a_metric_equals_a_walk_down_the_list(name: str, queries: list[List]) -> None:
    fast, slow = WITHOUT_K[name]
    ranks, ends, _ = ranks_of(queries)
    assert same(fast(ranks, ends), [slow(one) for one in queries])


@pytest.mark.parametrize("name", WITH_K)
@given(queries=some_queries, k=ks)
def test_a_metric_at_k_equals_a_walk_down_the_list(name: str, queries: list[List], k: int) -> None:
    fast, slow = WITH_K[name]
    ranks, ends, _ = ranks_of(queries)
    assert same(fast(ranks, ends, k), [slow(one, k) for one in queries])


@given(some_queries, st.one_of(st.none(), ks))
def test_gains_are_discounted_by_the_logarithm_of_the_rank(
    queries: list[List], k: int | None
) -> None:
    ranks, ends, worth = ranks_of(queries)
    found = query_metrics.ndcg(ranks, ends, worth, k)
    assert same(found, [slow_ndcg(one, k) for one in queries])
    plain = [[float(gain > 0) for gain in one] for one in queries]
    assert same(query_metrics.ndcg(ranks, ends, k=k), [slow_ndcg(one, k) for one in plain])


@given(some_queries, st.integers(1, 14))
def test_the_curve_counts_queries_that_have_a_match(queries: list[List], length: int) -> None:
    ranks, ends, _ = ranks_of(queries)
    curve = query_metrics.cmc(query_metrics.first_ranks(ranks, ends), length)
    assert same(curve, slow_cmc(queries, length))


@given(some_queries, st.integers(0, 6), ks)
def test_a_query_without_a_match_disturbs_no_other(queries: list[List], place: int, k: int) -> None:
    place = min(place, len(queries))
    more = [*queries[:place], [0.0, 0.0], *queries[place:]]
    (ranks, ends, worth), (ranks_of_more, ends_of_more, _) = ranks_of(queries), ranks_of(more)
    assert np.array_equal(ranks, ranks_of_more)
    for alone, together in (
        (query_metrics.recall_at(ranks, ends, k), query_metrics.recall_at(ranks, ends_of_more, k)),
        (
            query_metrics.average_precision(ranks, ends),
            query_metrics.average_precision(ranks, ends_of_more),
        ),
        (
            query_metrics.ndcg(ranks, ends, worth, k),
            query_metrics.ndcg(ranks, ends_of_more, worth, k),
        ),
    ):
        assert math.isnan(together[place])
        assert np.array_equal(np.delete(together, place), alone, equal_nan=True)


@given(some_queries)
def test_every_metric_lies_between_0_and_1_and_is_1_where_only_matches_come_first(
    queries: list[List],
) -> None:
    sorted_lists = [sorted(one, reverse=True) for one in queries]
    for lists_, perfect in ((queries, False), (sorted_lists, True)):
        ranks, ends, worth = ranks_of(lists_)
        for values in (
            query_metrics.average_precision(ranks, ends),
            query_metrics.average_precision_at_r(ranks, ends),
            query_metrics.reciprocal_rank(ranks, ends),
            query_metrics.ndcg(ranks, ends, worth),
            query_metrics.ndcg(ranks, ends, worth, 3),
        ):
            some = values[~np.isnan(values)]
            assert ((some > 1 - 1e-12) if perfect else (some >= 0)).all()
            assert (some < 1 + 1e-12).all()


def test_the_worked_numbers_of_a_list() -> None:
    # matches at 2 and 4 of 5
    ranks, ends = np.array([2, 4]), np.array([2])
    assert query_metrics.average_precision(ranks, ends).tolist() == [0.5]
    assert query_metrics.average_precision_at_r(ranks, ends).tolist() == [0.25]
    assert query_metrics.precision_at(ranks, ends, 4).tolist() == [0.5]
    assert query_metrics.recall_at(ranks, ends, 1).tolist() == [0.0]
    assert query_metrics.reciprocal_rank(ranks, ends).tolist() == [0.5]
    # matches at 1, 3 and 5 (R42): (1 + 2/3 + 3/5) / 3
    found = query_metrics.average_precision(np.array([1, 3, 5]), np.array([3]))
    assert found.round(6).tolist() == [0.755556]


def test_no_queries_have_no_values() -> None:
    ranks, ends = np.zeros(0, np.int64), np.zeros(0, np.intp)
    for fast, _ in WITHOUT_K.values():
        assert fast(ranks, ends).shape == (0,)
    for fast_at, _ in WITH_K.values():
        assert fast_at(ranks, ends, 3).shape == (0,)
    assert query_metrics.ndcg(ranks, ends).shape == (0,)
    assert np.isnan(query_metrics.cmc(np.zeros(0), 2)).tolist() == [True, True]
