"""Pairs counted by value, and thresholds that accept what they are said to accept."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import UsageError, VectorError
from lookalike.judge import PairCounts

Pair = tuple[float, bool]

neighbours = [1.0, float(np.nextafter(1.0, 2)), float(np.nextafter(1.0, 0)), -0.0, 0.0, 5e-324]
values = st.one_of(
    st.integers(-3, 3).map(float), st.sampled_from(neighbours), st.floats(-1e12, 1e12)
)
some_pairs = st.lists(st.tuples(values, st.booleans()), min_size=1, max_size=20)
directions = st.booleans()


def counted(pairs: list[Pair], higher: bool) -> PairCounts:
    return PairCounts.of(
        [value for value, _ in pairs], [same for _, same in pairs], higher_is_closer=higher
    )


def accepts(value: float, threshold: float, higher: bool) -> bool:
    return value >= threshold if higher else value <= threshold


@given(some_pairs, directions)
def test_every_pair_is_counted_once_closest_first(pairs: list[Pair], higher: bool) -> None:
    counts = counted(pairs, higher)
    tally = Counter(pairs)
    distinct = sorted({value for value, _ in pairs}, reverse=higher)
    assert counts.values.tolist() == distinct
    assert counts.same.tolist() == [tally[value, True] for value in distinct]
    assert counts.different.tolist() == [tally[value, False] for value in distinct]
    assert counts.pairs == (sum(s for _, s in pairs), sum(not s for _, s in pairs))
    assert counts.higher_is_closer is higher


@given(some_pairs, directions)
def test_a_threshold_accepts_as_many_values_as_were_asked_for(
    pairs: list[Pair], higher: bool
) -> None:
    counts = counted(pairs, higher)
    for accepted in range(len(counts.values) + 1):
        threshold = counts.threshold(accepted)
        assert counts.accepted(threshold) == accepted
        taken = [value for value in counts.values if accepts(value, threshold, higher)]
        assert taken == counts.values[:accepted].tolist()


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6, unique=True),
    directions,
)
def test_a_threshold_is_finite_and_right_for_numbers_of_any_size(
    numbers: list[float], higher: bool
) -> None:
    counts = counted([(number, True) for number in numbers], higher)
    for accepted in range(1, len(counts.values) + 1):
        threshold = counts.threshold(accepted)
        assert math.isfinite(threshold)
        assert counts.accepted(threshold) == accepted
    assert counts.accepted(counts.threshold(0)) == 0


@given(some_pairs, directions, st.data())
def test_rates_are_shares_of_the_pairs_a_threshold_accepts(
    pairs: list[Pair], higher: bool, data: st.DataObject
) -> None:
    pairs = [*pairs, (0.5, True), (-0.5, False)]
    counts = counted(pairs, higher)
    threshold = data.draw(st.one_of(values, st.sampled_from([value for value, _ in pairs])))
    same = [accepts(value, threshold, higher) for value, truth in pairs if truth]
    different = [accepts(value, threshold, higher) for value, truth in pairs if not truth]
    expected = (sum(different) / len(different), sum(same) / len(same))
    assert counts.rates(threshold) == pytest.approx(expected, abs=1e-15)


def test_a_threshold_lies_halfway_to_the_next_value() -> None:
    counts = PairCounts.of([0.9, 0.7, 0.1], [True, False, True])
    assert [counts.threshold(n) for n in range(4)] == pytest.approx([1.0, 0.8, 0.4, 0.1])
    distances = PairCounts.of([1.0, 3.0, 9.0], [True, False, True], higher_is_closer=False)
    assert [distances.threshold(n) for n in range(4)] == [0.0, 2.0, 6.0, 9.0]


@pytest.mark.parametrize("accepted", [-1, 4])
def test_more_values_than_there_are_cannot_be_accepted(accepted: int) -> None:
    counts = PairCounts.of([0.9, 0.7, 0.1], [True, False, True])
    with pytest.raises(UsageError, match=f"{accepted} of 3 values"):
        counts.threshold(accepted)


@given(
    some_pairs,
    directions,
    st.integers(1, 70),
    st.sampled_from([1e-6, 1.0, 1e30]),
)
def test_a_histogram_holds_every_pair_in_the_bin_it_lies_in(
    pairs: list[Pair], higher: bool, bins: int, scale: float
) -> None:
    pairs = [(value * scale, same) for value, same in pairs]
    counts = counted(pairs, higher)
    edges, same, different = counts.histogram(bins)
    assert len(edges) == bins + 1
    assert (np.diff(edges) > 0).all()
    assert (same.sum(), different.sum()) == counts.pairs
    for found, truth in ((same, True), (different, False)):
        for n, count in enumerate(found):
            last = n == bins - 1
            inside = [
                value
                for value, kind in pairs
                if kind is truth
                and edges[n] <= value
                and (value < edges[n + 1] or (last and value == edges[-1]))
            ]
            assert count == len(inside)


def test_no_pairs_have_no_values_and_no_rates() -> None:
    counts = PairCounts.of([], [])
    assert counts.pairs == (0, 0)
    assert math.isnan(counts.roc_auc)
    assert math.isnan(counts.threshold(0))
    edges, same, different = counts.histogram(5)
    assert len(edges) == 6
    assert same.tolist() == different.tolist() == [0] * 5
    assert not any(rate > 0 for rate in counts.rates(0.5))


def test_pairs_and_kinds_have_to_be_as_many() -> None:
    with pytest.raises(VectorError, match="2 values for 3 pairs"):
        PairCounts.of([0.1, 0.2], [True, False, True])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_named(bad: float) -> None:
    with pytest.raises(VectorError, match="not finite") as caught:
        PairCounts.of([0.1, 0.2, bad], [True, False, True])
    assert caught.value.where == "pair 2"
