"""Metrics over queries against loops down ranked lists."""

import itertools
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


# Single gallery shots


def picked_curves(identities: list[int], own: int) -> list[list[bool]]:
    """The CMC of every list that picks one entry of each identity."""
    entries: dict[int, list[int]] = {}
    for place, identity in enumerate(identities):
        entries.setdefault(identity, []).append(place)
    curves = []
    for picks in itertools.product(*entries.values()):
        hits = [identities[place] == own for place in sorted(picks)]
        curves.append([any(hits[:k]) for k in range(1, len(hits) + 1)])
    return curves


@given(st.integers(0, 2**40), st.integers(1, 12))
def test_with_one_picture_of_each_there_is_nothing_to_pick(seed: int, repeats: int) -> None:
    # R43 (a)
    found = query_metrics.single_shot_cmc(np.array([2, 1, 3]), 1, seed=seed, repeats=repeats)
    assert found.tolist() == [0, 1, 1]


@given(st.integers(0, 2**40))
def test_a_single_shot_is_the_near_picture_or_the_far_one(seed: int) -> None:
    # R43 (b)
    first, second, third = query_metrics.single_shot_cmc(np.array([1, 2, 3, 1]), 1, seed=seed)
    assert round(first * 10, 9) in range(11)
    assert first == second
    assert third == 1


def test_both_pictures_are_picked_equally_often() -> None:
    # R43 (b): each of 2000 curves is the mean of ten throws of a coin
    gallery = np.array([1, 2, 3, 1])
    first = [query_metrics.single_shot_cmc(gallery, 1, seed=seed)[0] for seed in range(2000)]
    assert abs(np.mean(first) - 0.5) < 4 * 0.5 / math.sqrt(20_000)
    assert np.var(first) == pytest.approx(0.025, rel=0.15)
    assert query_metrics.average_precision(np.array([1, 4]), np.array([2])).tolist() == [0.75]


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=9), st.integers(0, 2**40))
def test_a_single_shot_is_one_of_the_lists_that_can_be_picked(
    identities: list[int], seed: int
) -> None:
    own = identities[-1]
    curve = query_metrics.single_shot_cmc(np.array(identities), own, seed=seed, repeats=1)
    assert curve.astype(bool).tolist() in picked_curves(identities, own)
    assert set(curve) <= {0.0, 1.0}


@pytest.mark.parametrize("identities", [[3, 1, 3, 2, 1, 1, 2], [1, 1, 4, 1, 2], [5, 5, 5, 5, 1]])
def test_single_shots_are_on_average_the_mean_of_all_lists(identities: list[int]) -> None:
    draws = 20_000
    found = query_metrics.single_shot_cmc(np.array(identities), 1, repeats=draws)
    expected = np.mean(picked_curves(identities, 1), axis=0)
    error = np.sqrt(expected * (1 - expected) / draws)
    assert (abs(found - expected) <= 4 * error + 1e-12).all()


def test_names_are_identities_too_and_who_is_not_there_has_no_curve() -> None:
    gallery = np.array(["Bob", "Ann", "Bob"])
    assert query_metrics.single_shot_cmc(gallery, "Ann")[1] == 1
    assert np.isnan(query_metrics.single_shot_cmc(gallery, "Eve")).tolist() == [True, True]
    assert query_metrics.single_shot_cmc(np.array([7, 7]), 7).tolist() == [1]


def test_no_queries_have_no_values() -> None:
    ranks, ends = np.zeros(0, np.int64), np.zeros(0, np.intp)
    for fast, _ in WITHOUT_K.values():
        assert fast(ranks, ends).shape == (0,)
    for fast_at, _ in WITH_K.values():
        assert fast_at(ranks, ends, 3).shape == (0,)
    assert query_metrics.ndcg(ranks, ends).shape == (0,)
    assert np.isnan(query_metrics.cmc(np.zeros(0), 2)).tolist() == [True, True]
