import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike.errors import UnknownNameError
from lookalike.metrics import METRICS, Metric, metric_named
from lookalike.metrics.metric import RECIPROCAL_LIMIT

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]


def slow_inner(a: list[float], b: list[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def slow_cosine(a: list[float], b: list[float]) -> float:
    norms = math.hypot(*a) * math.hypot(*b)
    return slow_inner(a, b) / norms if norms else 0.0


def slow_euclidean(a: list[float], b: list[float]) -> float:
    return math.hypot(*(x - y for x, y in zip(a, b, strict=True)))


def slow_reciprocal(a: list[float], b: list[float]) -> float:
    distance = slow_euclidean(a, b)
    return min(1 / distance, 1e6) if distance else 1e6


def slow_hamming(a: list[float], b: list[float]) -> float:
    return sum(x == y for x, y in zip(a, b, strict=True)) / len(a)


def slow_negative(a: list[float], b: list[float]) -> float:
    return -slow_euclidean(a, b)


SLOW: dict[str, Callable[[list[float], list[float]], float]] = {
    "cosine": slow_cosine,
    "euclidean": slow_euclidean,
    "negative-euclidean": slow_negative,
    "reciprocal-euclidean": slow_reciprocal,
    "inner-product": slow_inner,
    "hamming": slow_hamming,
}

# negative numbers, ties, zeros, small and large ones; those whose squares vanish come further down
numbers = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, 1e-9]),
    st.floats(1e-30, 1e6),
    st.floats(-1e6, -1e-30),
)
bits = st.sampled_from([0.0, 1.0])


@st.composite
def cases(draw: st.DrawFn) -> tuple[Metric, Floats, Floats]:
    """A metric with two sets of vectors that it takes, some of them shared by both."""
    metric = draw(st.sampled_from(sorted(METRICS)))
    entry = bits if metric == "hamming" else numbers
    vector = st.lists(entry, min_size=(length := draw(st.integers(1, 8))), max_size=length)
    a = draw(st.lists(vector, min_size=1, max_size=4))
    b = draw(st.lists(st.one_of(st.sampled_from(a), vector), min_size=1, max_size=4))
    return METRICS[metric], np.array(a), np.array(b)


every_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)


def test_every_metric_has_a_reference_here() -> None:
    assert set(SLOW) == set(METRICS)
    assert all(metric.name == name for name, metric in METRICS.items())


@given(cases())
def test_fast_equals_slow(case: tuple[Metric, Floats, Floats]) -> None:
    metric, a, b = case
    found = metric.matrix(a, b)
    assert found.shape == (len(a), len(b))
    for i, left in enumerate(a.tolist()):
        for j, right in enumerate(b.tolist()):
            scale = 1 + math.hypot(*left) * math.hypot(*right)  # inner products cancel
            expected = SLOW[metric.name](left, right)
            assert found[i, j] == pytest.approx(expected, rel=1e-12, abs=1e-13 * scale)


@given(cases())
def test_paired_rows_are_the_diagonal(case: tuple[Metric, Floats, Floats]) -> None:
    metric, a, b = case
    count = min(len(a), len(b))
    rows = metric.rows(a[:count], b[:count])
    diagonal = np.diagonal(metric.matrix(a[:count], b[:count]))
    scale = np.linalg.norm(a[:count], axis=1) * np.linalg.norm(b[:count], axis=1)
    assert rows.shape == (count,)
    assert (np.abs(rows - diagonal) <= 1e-13 * (1 + scale)).all()


@given(cases())
def test_the_order_of_two_vectors_does_not_matter(case: tuple[Metric, Floats, Floats]) -> None:
    metric, a, b = case
    error = 1e-13 * (1 + np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)))
    assert (np.abs(metric.matrix(a, b) - metric.matrix(b, a).T) <= error).all()
    assert np.array_equal(metric.rows(a[:1], b[:1]), metric.rows(b[:1], a[:1]))


@given(cases())
def test_values_lie_in_the_stated_range(case: tuple[Metric, Floats, Floats]) -> None:
    metric, a, b = case
    for values in (metric.matrix(a, b), metric.matrix(a, a), metric.rows(a, a)):
        assert ((values >= metric.low) & (values <= metric.high)).all()


@given(cases())
def test_equal_vectors_have_the_closest_value(case: tuple[Metric, Floats, Floats]) -> None:
    metric, a, _ = case
    if metric.name in {"cosine", "inner-product"}:
        a = a[np.abs(a).max(axis=1) > 0]  # a vector of zeros has no direction
    if metric.name == "inner-product":  # has no bound but among vectors of equal length
        a = a / np.linalg.norm(a, axis=1, keepdims=True)
    closest = 1 if metric.name == "inner-product" else metric.low
    if metric.higher_is_closer and math.isfinite(metric.high):
        closest = metric.high
    assert np.allclose(metric.rows(a, a), closest, rtol=1e-12, atol=1e-15)
    others = metric.matrix(a, a)
    assert ((others <= closest + 1e-12) if metric.higher_is_closer else (others >= closest)).all()


@every_metric
def test_the_direction_is_the_one_stated(metric: Metric) -> None:
    vector, near, far = np.array([[1.0, 1, 0, 0]]), np.array([[1.0, 1, 1, 0]]), np.eye(4)[2:3]
    values = [metric.rows(vector, other)[0] for other in (near, far)]
    assert bool(values[0] > values[1]) is metric.higher_is_closer
    assert metric.direction.startswith("higher" if metric.higher_is_closer else "lower")


@every_metric
def test_zeros_get_what_the_metric_says(metric: Metric) -> None:
    zeros, other = np.zeros((1, 4)), np.array([[0.0, 1, 1, 1]])
    answers = {
        "0 with every vector": (0.0, 0.0),
        "its distance": (0.0, math.sqrt(3)),
        "minus its distance": (0.0, -math.sqrt(3)),
        "1 / its distance; 1e6 with another zero": (1e6, 1 / math.sqrt(3)),
        "the share of zeros in the other": (1.0, 0.25),
    }
    found = (metric.matrix(zeros, zeros)[0, 0], metric.matrix(zeros, other)[0, 0])
    assert found == pytest.approx(answers[metric.zero])
    assert metric.rows(zeros, zeros)[0] == found[0]


@every_metric
def test_no_vectors_give_no_values(metric: Metric) -> None:
    none, some = np.zeros((0, 3)), np.ones((2, 3))
    assert metric.matrix(none, some).shape == (0, 2)
    assert metric.matrix(some, none).shape == (2, 0)
    assert metric.matrix(none, none).shape == (0, 0)
    assert metric.rows(none, none).shape == (0,)


finite = st.floats(allow_nan=False, allow_infinity=False)


@every_metric
@given(data=st.data())
def test_finite_numbers_never_give_nan(metric: Metric, data: st.DataObject) -> None:
    entry = bits if metric.name == "hamming" else finite
    a, b = (
        np.array(data.draw(st.lists(st.tuples(entry, entry, entry), min_size=2, max_size=2)))
        for _ in "ab"
    )
    for values in (metric.matrix(a, b), metric.rows(a, b), metric.matrix(a, a)):
        assert not np.isnan(values).any()
        assert ((values >= metric.low) & (values <= metric.high)).all()


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e-160, 1e-9, 1e9, 1e160, 1e300])
def test_cosine_does_not_know_lengths(scale: float) -> None:
    random = np.random.default_rng(0)
    a: Floats = random.integers(-9, 10, (3, 5)).astype(np.float64)
    b: Floats = random.integers(-9, 10, (4, 5)).astype(np.float64)
    expected = METRICS["cosine"].matrix(a, b)
    assert np.abs(expected).max() > 0.3
    assert np.allclose(METRICS["cosine"].matrix(a * scale, b), expected, rtol=1e-9)
    assert np.allclose(METRICS["cosine"].matrix(a * scale, b * scale), expected, rtol=1e-9)
    assert np.allclose(METRICS["cosine"].rows(a, a * scale), 1)


@pytest.mark.parametrize("scale", [2.0**-1000, 2.0**-600, 2.0**600, 2.0**1000])
def test_distances_grow_with_their_vectors_however_small_or_large(scale: float) -> None:
    a, b = np.array([[3.0, 0, -1]]), np.array([[0.0, 4, -1]])
    for compute in (METRICS["euclidean"].matrix, METRICS["euclidean"].rows):
        assert compute(a * scale, b * scale).item() == 5 * scale


def test_small_distances_between_long_vectors_survive() -> None:
    a = np.full((1, 4), 2.0**30)
    b = a.copy()
    b[0, 3] += 2.0**-20
    assert METRICS["euclidean"].matrix(a, b).item() == 2.0**-20


def test_inner_products_that_cancel_beyond_the_range_of_numbers_are_zero() -> None:
    a, b = np.array([[1e200, 1e200]]), np.array([[1e200, -1e200]])
    for compute in (METRICS["inner-product"].matrix, METRICS["inner-product"].rows):
        assert compute(a, b).item() == 0
        assert compute(a, a).item() == np.inf
        assert compute(a, -a).item() == -np.inf


def test_reciprocal_euclidean_is_cut_off_only_at_its_limit() -> None:
    compute = METRICS["reciprocal-euclidean"].rows
    zero = np.zeros((1, 1))
    assert RECIPROCAL_LIMIT == 1e6
    assert compute(zero, np.array([[1e-7]])).item() == 1e6
    assert compute(zero, np.array([[2e-6]])).item() == pytest.approx(5e5)


def test_a_metric_is_found_by_its_name_and_nearly_by_another() -> None:
    assert metric_named("hamming") is METRICS["hamming"]
    with pytest.raises(UnknownNameError, match="did you mean cosine"):
        metric_named("cosin")
