import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.judge import reranking
from lookalike.judge.reranking import Distances, rerank

Matrix = NDArray[np.float64]
PLANE = np.array([(0, 0), (5, 0), (1, 0), (0, 2.2), (5.1, 1), (7.3, 0), (3.2, 4.1)])


def between(points: NDArray[Any]) -> Matrix:
    distances: Matrix = np.sqrt(np.square(points[:, None] - points).sum(axis=2))
    return distances


def of(matrix: NDArray[Any]) -> Distances:
    return lambda rows: matrix[rows]


def reranked(matrix: NDArray[Any], queries: int, **options: Any) -> NDArray[np.float32]:
    return rerank(of(matrix), queries, len(matrix), **options).block(slice(None))


class Slow:
    """The definition step by step, with Python's sets, dense lists and loops over everything."""

    def __init__(self, matrix: NDArray[Any], k1: int, k2: int) -> None:
        n = self.n = len(matrix)
        squares = [[float(value) ** 2 for value in row] for row in matrix]
        self.a = [[value / (max(row) or 1.0) for value in row] for row in squares]
        self.order = [
            [i, *sorted((j for j in range(n) if j != i), key=lambda j: self.a[i][j])]
            for i in range(n)
        ]
        self.e = [self.enlarged(i, k1) for i in range(n)]
        self.v = [self.encoded(i) for i in range(n)]
        if k2 != 1:
            self.v = [self.mean([self.v[j] for j in self.order[i][:k2]]) for i in range(n)]

    def reciprocal(self, i: int, k: int) -> set[int]:
        return {j for j in self.order[i][: k + 1] if i in self.order[j][: k + 1]}

    def enlarged(self, i: int, k1: int) -> set[int]:
        half = k1 // 2 + (1 if k1 % 4 == 3 else 0)  # halves to even: 1→0, 3→2, 5→2, 7→4
        original = self.reciprocal(i, k1)
        found = set(original)
        for j in original:
            candidates = self.reciprocal(j, half)
            if len(candidates & original) * 3 > len(candidates) * 2:
                found |= candidates
        return found

    def encoded(self, i: int) -> list[float]:
        row = [math.exp(-self.a[i][j]) if j in self.e[i] else 0.0 for j in range(self.n)]
        return [value / sum(row) for value in row]

    def mean(self, rows: Sequence[Sequence[float]]) -> list[float]:
        return [sum(column) / len(rows) for column in zip(*rows, strict=True)]

    def distances(self, queries: int, weight: float) -> Matrix:
        found = np.empty((queries, self.n - queries))
        for i in range(queries):
            for j in range(queries, self.n):
                s = sum(map(min, self.v[i], self.v[j]))
                found[i, j - queries] = (1 - weight) * (1 - s / (2 - s)) + weight * self.a[i][j]
        return found


@st.composite
def matrices(draw: st.DrawFn) -> Matrix:
    """Of points anywhere, points on a grid, few points many times, and no points at all."""
    n = draw(st.integers(2, 60))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    match draw(st.sampled_from(["anywhere", "grid", "copies", "asymmetric"])):
        case "anywhere":
            return between(random.standard_normal((n, draw(st.integers(1, 16)))))
        case "grid":
            return between(random.integers(0, 5, (n, 2)))
        case "copies":
            return between(random.standard_normal((4, 3))[random.integers(0, 4, n)])
        case _:
            # no metric: nobody is nearest to himself, and near is not mutual
            return random.integers(0, 9, (n, n)).astype(float)


COUNTS = st.one_of(st.integers(1, 12), st.sampled_from([20, 59, 60, 100]))
WEIGHTS = st.sampled_from([0.0, 0.3, 0.5, 1.0])


@given(matrices(), COUNTS, COUNTS, WEIGHTS, st.data())
def test_it_equals_the_definition(
    matrix: Matrix, k1: int, k2: int, weight: float, data: st.DataObject
) -> None:
    queries = data.draw(st.integers(1, len(matrix)))
    block = data.draw(st.integers(1, 70))
    found = reranked(matrix, queries, k1=k1, k2=k2, weight=weight, block=block)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, Slow(matrix, k1, k2).distances(queries, weight), atol=1e-6)
    assert ((found >= 0) & (found <= 1)).all()


@given(matrices(), COUNTS, COUNTS, st.integers(1, 70), st.integers(1, 70), st.integers(1, 500))
def test_the_size_of_blocks_does_not_change_a_bit(
    matrix: Matrix, k1: int, k2: int, one: int, other: int, at_once: int
) -> None:
    expected = reranked(matrix, 2, k1=k1, k2=k2, block=one)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reranking, "MOST_AT_ONCE", at_once)
        ranked = rerank(of(matrix), 2, len(matrix), k1=k1, k2=k2, block=other)
    assert np.array_equal(ranked.block(slice(0, 2)), expected)
    assert np.array_equal(ranked.block(slice(0, 1)), expected[:1])
    assert np.array_equal(ranked.block(slice(-1, None)), expected[1:])


@given(matrices(), COUNTS, COUNTS, st.data())
def test_a_pair_has_one_distance_wherever_queries_end_and_the_gallery_begins(
    matrix: Matrix, k1: int, k2: int, data: st.DataObject
) -> None:
    few, many = sorted(data.draw(st.integers(1, len(matrix))) for _ in range(2))
    first = reranked(matrix, few, k1=k1, k2=k2)
    second = reranked(matrix, many, k1=k1, k2=k2)
    assert first.shape == (few, len(matrix) - few)
    assert np.array_equal(first[:, many - few :], second[:few])


@pytest.mark.parametrize(
    ("k1", "k2", "weight", "first", "second"),
    [
        (
            *(2, 2, 0.3),
            [0.005630, 0.061343, 0.852055, 1.000000, 0.852280],
            [0.860858, 1.000000, 0.010154, 0.096162, 0.668242],
        ),
        (
            *(3, 1, 0.3),
            [0.229720, 0.277944, 0.852055, 1.000000, 0.736718],
            [0.705549, 0.933886, 0.235647, 0.259252, 0.785138],
        ),
        (
            *(4, 3, 0.5),
            [0.009383, 0.045412, 0.674615, 0.921190, 0.559650],
            [0.689287, 0.921190, 0.016924, 0.088639, 0.637415],
        ),
        (
            *(20, 6, 0.3),
            [0.005630, 0.027247, 0.218749, 0.366694, 0.152280],
            [0.227552, 0.366694, 0.010154, 0.053184, 0.268269],
        ),
        (2, 2, 0, [0, 0.048709, 1, 1, 1], [1, 1, 0, 0.061398, 0.666667]),
        (
            *(2, 2, 1),  # R46
            [0.018765, 0.090824, 0.506849, 1.000000, 0.507600],
            [0.536193, 1.000000, 0.033847, 0.177279, 0.671917],
        ),
    ],
)
def test_r44_points_in_the_plane(
    k1: int, k2: int, weight: float, first: list[float], second: list[float]
) -> None:
    found = reranked(between(PLANE), 2, k1=k1, k2=k2, weight=weight)
    np.testing.assert_allclose(found, [first, second], atol=1e-6)


def test_r44_encodings_before_and_after_they_are_averaged() -> None:
    matrix = between(PLANE)
    plain = rerank(of(matrix), 2, 7, k1=2, k2=1)
    assert plain.rows.members.tolist() == [0, 2, 3, 1, 4, 5]
    values = [0.345472, 0.339050, 0.315478, 0.356600, 0.344732, 0.298669]
    np.testing.assert_allclose(plain.rows.values, values, atol=1e-6)
    averaged = rerank(of(matrix), 2, 7, k1=2, k2=2)
    row = np.zeros(7)
    own = slice(*averaged.rows.starts[:2])
    row[averaged.rows.members[own]] = averaged.rows.values[own]
    np.testing.assert_allclose(row, [0.344515, 0, 0.345687, 0.309797, 0, 0, 0], atol=1e-6)
    column = np.zeros((7, 5))
    owners = np.repeat(np.arange(7), np.diff(averaged.columns.starts))
    column[owners, averaged.columns.members] = averaged.columns.values
    expected = [0, 0.173844, 0, 0, 0.180360, 0.145795, 0.5]
    np.testing.assert_allclose(column[:, 4], expected, atol=1e-6)


def gaussian() -> Matrix:
    random = np.random.RandomState(0)
    queries = random.standard_normal((5, 16))
    return between(np.concatenate([queries, random.standard_normal((60, 16))]))


def test_r45_gaussian_points() -> None:
    matrix = gaussian()
    assert matrix[:5, 5:].sum() == pytest.approx(1667.0951, abs=1e-3)
    assert matrix[:5, 5:].argmin(axis=1).tolist() == [42, 17, 18, 57, 3]
    found = reranked(matrix, 5)
    assert found[0, :4].tolist() == pytest.approx(
        [0.500381, 0.620499, 0.496340, 0.566190], abs=1e-5
    )
    assert found.sum(dtype=float) == pytest.approx(173.3895, abs=1e-3)
    assert found.argmin(axis=1).tolist() == [45, 17, 27, 32, 17]
    slow = Slow(matrix, 20, 6)
    assert sum(slow.e[i] != slow.reciprocal(i, 20) for i in range(65)) == 41


def test_r45_squared_distances_are_squared_again() -> None:
    found = reranked(gaussian() ** 2, 5)
    assert found[0, :4].tolist() == pytest.approx(
        [0.426808, 0.542338, 0.421398, 0.486991], abs=1e-5
    )
    assert found.sum(dtype=float) == pytest.approx(152.8378, abs=1e-3)
    assert found.argmin(axis=1).tolist() == [45, 17, 27, 32, 17]


@pytest.mark.parametrize("k1", [3, 5, 7, 9, 11, 13])
def test_halves_of_odd_k1_are_rounded_to_even(k1: int) -> None:
    matrix = gaussian()
    found = reranked(matrix, 30, k1=k1, k2=1)
    np.testing.assert_allclose(found, Slow(matrix, k1, 1).distances(30, 0.3), atol=1e-6)


def test_three_points_on_a_line_by_hand() -> None:
    # A = (0, 1/9, 1), (1/4, 0, 1), (1, 4/9, 0); 0 and 1 are reciprocal, 2 is alone
    a, b = math.exp(-1 / 9), math.exp(-1 / 4)
    s = b / (1 + b) + a / (1 + a)
    expected = 0.7 * (1 - s / (2 - s)) + 0.3 / 9
    found = reranked(between(np.array([[0.0], [1.0], [3.0]])), 1, k1=1, k2=1)
    assert found.tolist() == [pytest.approx([expected, 1], abs=1e-6)]


def test_a_row_is_its_own_first_neighbour_among_its_copies() -> None:
    matrix = between(np.array([[0.0]] * 9 + [[1.0]]))
    ranked = rerank(of(matrix), 9, 10, k1=2, k2=1)
    assert ranked.neighbours[:, 0].tolist() == list(range(10))
    assert ranked.neighbours[8].tolist() == [8, 0, 1]
    assert ranked.neighbours[0].tolist() == [0, 1, 2]
    assert ranked.rows.members[ranked.rows.starts[8] :].tolist() == [8]


def test_points_that_are_all_equal_have_distances_all_the_same() -> None:
    assert reranked(np.zeros((5, 5)), 2, k1=9, k2=9).tolist() == [[0, 0, 0]] * 2
    assert reranked(np.zeros((1, 1)), 1).shape == (1, 0)


def test_ties_go_to_the_smaller_index() -> None:
    matrix = np.ones((40, 40)) - np.eye(40)
    ranked = rerank(of(matrix), 1, 40, k1=3, k2=1)
    assert ranked.neighbours[[0, 2, 20]].tolist() == [[0, 1, 2, 3], [2, 0, 1, 3], [20, 0, 1, 2]]


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_squares_of_tiny_and_huge_distances_neither_vanish_nor_overflow(scale: float) -> None:
    found = reranked(between(PLANE) * scale, 2, k1=2, k2=2)
    np.testing.assert_allclose(found, reranked(between(PLANE), 2, k1=2, k2=2), atol=1e-6)


def test_distances_below_zero_by_rounding_count_by_their_squares() -> None:
    matrix = np.array([[0, -2.0, 1], [-2.0, 0, 1], [1, 1, 0]])
    assert np.array_equal(reranked(matrix, 1), reranked(abs(matrix), 1))
    assert reranked(matrix, 1, weight=1).tolist() == [[1, 0.25]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.uint8])
def test_distances_of_any_type_are_taken_and_left_as_they_are(dtype: type[np.generic]) -> None:
    matrix = between(PLANE).round().astype(dtype)
    before = matrix.copy()
    assert np.array_equal(reranked(matrix, 2), reranked(matrix.astype(np.float64), 2))
    assert np.array_equal(matrix, before)


def test_distances_are_asked_for_in_blocks_and_at_most_three_times() -> None:
    matrix = gaussian()
    asked: list[range] = []

    def distances(rows: slice) -> Matrix:
        asked.append(range(rows.start, rows.stop, rows.step or 1))
        return matrix[rows]

    ranked = rerank(distances, 5, 65, block=16)
    assert max(map(len, asked)) == 16
    assert sorted(row for rows in asked for row in rows) == sorted([*range(65)] * 2)
    ranked.block(slice(2, 4))
    assert asked[-1] == range(2, 4)


def test_rows_are_found_reciprocal_where_pairs_outnumber_32_bits() -> None:
    total = 70_000
    ring = (np.arange(total)[:, None] + [0, 1, -1]) % total
    lists = reranking._reciprocal(ring.astype(np.int32))
    assert np.array_equal(lists.members.reshape(total, 3), np.sort(ring, axis=1))


def test_slices_of_queries_are_those_of_python() -> None:
    ranked = rerank(of(between(PLANE)), 2, 7)
    whole = ranked.block(slice(0, 2))
    assert np.array_equal(ranked.block(slice(1, 99)), whole[1:])
    for empty in (slice(0, 0), slice(2, 2), slice(2, 1), slice(5, None)):
        assert ranked.block(empty).shape == (0, 5)
    with pytest.raises(UsageError, match="without gaps"):
        ranked.block(slice(0, 2, 2))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"k1": 0}, "k1 is at least 1"),
        ({"k2": 0}, "k2 is at least 1"),
        ({"block": 0}, "block is at least 1"),
        ({"queries": 0}, "queries is at least 1"),
        ({"queries": 8}, "more queries than rows"),
        ({"weight": -0.1}, "from 0 to 1"),
        ({"weight": 1.1}, "from 0 to 1"),
        ({"weight": math.nan}, "from 0 to 1"),
    ],
)
def test_arguments_out_of_range_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        rerank(of(between(PLANE)), **{"queries": 2, "total": 7, **options})
    name, value = next(iter(options.items()))
    assert f"{name}={value}" in caught.value.where


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_distances_that_are_not_finite_are_refused(value: float) -> None:
    matrix = between(PLANE)
    matrix[4, 2] = value
    with pytest.raises(UsageError, match="finite") as caught:
        rerank(of(matrix), 2, 7, block=2)
    assert caught.value.where == "rows 4 to 5"


def test_distances_of_another_shape_are_refused() -> None:
    with pytest.raises(UsageError, match=r"\(3, 8\), not \(3, 7\)"):
        rerank(of(between(PLANE)), 2, 8, block=3)
