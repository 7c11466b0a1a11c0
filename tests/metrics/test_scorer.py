"""Scores in blocks against the metrics' own matrices: one score for each pair."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike.errors import UnknownNameError, VectorError
from lookalike.metrics import METRICS, Even, Octaves, Scorer, condensed, scorer_of

Floats = NDArray[np.float64]

every_metric = pytest.mark.parametrize("metric", METRICS)

numbers = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 0.5, 3.0]),
    st.floats(-1024, 1024, width=32).filter(lambda x: abs(x) > 1e-4),
    st.floats(2**-16, 2**-10, width=32),
)


@st.composite
def sides(draw: st.DrawFn, metric: str) -> tuple[Floats, Floats]:
    """Two sets of vectors, some of them zeros, some in both sets."""
    length = draw(st.integers(1, 6))
    entry = st.sampled_from([0.0, 1.0]) if metric == "hamming" else numbers
    vector = st.lists(entry, min_size=length, max_size=length)
    a = draw(st.lists(vector, min_size=1, max_size=5))
    b = draw(st.lists(st.one_of(vector, st.sampled_from(a)), min_size=1, max_size=5))
    return np.array(a), np.array(b)


def random_vectors(metric: str, count: int, length: int, seed: int = 0) -> Floats:
    random = np.random.default_rng(seed)
    found: Floats = random.normal(size=(count, length)).astype(np.float32).astype(np.float64)
    return (found > 0).astype(np.float64) if metric == "hamming" else found


def everything(scorer: Scorer) -> NDArray[np.int64]:
    return scorer.levels(slice(0, len(scorer.rows)), slice(0, len(scorer.columns)))


def check_same(found: NDArray[np.int64], expected: NDArray[np.int64]) -> None:
    """Equal, but for one in 500 between two levels, where the last digit of a library decides."""
    off = np.abs(found - expected)
    assert off.max(initial=0) <= 1
    assert np.count_nonzero(off) <= off.size / 500


def as_scores(metric: str, values: Floats) -> Floats:
    """The metric's values turned so that higher is closer; 1 / distance as minus a distance."""
    if metric == "reciprocal-euclidean":
        found: Floats = np.where(values == METRICS[metric].high, 0, -1 / values)
        return found
    return values if METRICS[metric].higher_is_closer else -values


def magnitudes(metric: str, values: Floats) -> Floats:
    """What a scale rounds: 1 - cosine, squared distances, inner products, shares of bits."""
    scores = as_scores(metric, values)
    if metric == "cosine":
        return 1 - scores
    return scores**2 if "euclidean" in metric else scores


def allowed(scorer: Scorer, exact: Floats) -> Floats:
    """By how much rounded magnitudes may be off: half a step, and the noise of float64."""
    scale = scorer.scale
    if not isinstance(scale, Octaves):
        assert isinstance(scale, Even)
        return np.full(exact.shape, 1e-12)
    lengths = [np.linalg.norm(side, axis=1) for side in (scorer.rows, scorer.columns)]
    noise = 2.0**-44 * (lengths[0][:, None] + lengths[1]) ** 2
    return np.maximum(np.abs(exact), scale.floor) * 2.0 ** -(scale.digits + 1) + noise


@every_metric
@given(data=st.data())
def test_levels_are_the_metrics_values_to_the_nearest_step(
    metric: str, data: st.DataObject
) -> None:
    a, b = data.draw(sides(metric))
    scorer = scorer_of(metric, a, b, device="cpu")
    scale, levels = scorer.scale, everything(scorer)
    assert levels.dtype == np.int64
    assert ((levels >= 0) & (levels < scale.levels)).all()
    exact = magnitudes(metric, METRICS[metric].matrix(a, b))
    off = np.abs(magnitudes(metric, scale.values(levels)) - exact)
    assert (off <= allowed(scorer, exact)).all()


@every_metric
@given(data=st.data())
def test_values_of_levels_are_values_of_the_metric(metric: str, data: st.DataObject) -> None:
    a, b = data.draw(sides(metric))
    scorer = scorer_of(metric, a, b, device="cpu")
    values = scorer.scale.values(everything(scorer))
    low, high = METRICS[metric].low, METRICS[metric].high
    assert ((values >= low) & (values <= high)).all()


@every_metric
def test_a_score_is_the_higher_the_closer(metric: str) -> None:
    vectors = np.array([[1.0, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1]])
    levels = everything(scorer_of(metric, vectors, device="cpu"))[0]
    if metric == "inner-product":
        assert levels[0] == levels[1] == levels[2] > levels[3]
    else:
        assert levels[0] == levels[1] > levels[2] > levels[3]


@every_metric
@pytest.mark.parametrize("length", [3, 64, 301])
def test_equal_vectors_have_one_score_with_everything_in_any_block(
    metric: str, length: int
) -> None:
    # every vector is there four times: a pair of vectors makes up to 16 pairs, all of one score
    once = random_vectors(metric, 40, length)
    vectors = np.concatenate([once] * 4)
    scorer = scorer_of(metric, vectors, device="cpu")
    whole = everything(scorer)
    copies = whole.reshape(4, 40, 4, 40)
    check_same(copies.min(axis=(0, 2)), copies.max(axis=(0, 2)))
    check_same(whole, whole.T)
    for height, first in ((1, 0), (7, 3), (33, 150)):
        blocks = [
            scorer.levels(slice(n, min(160, n + height)), slice(first, 160))
            for n in range(0, 160, height)
        ]
        check_same(np.concatenate(blocks), whole[:, first:])


@every_metric
@pytest.mark.parametrize("length", [3, 301])
def test_a_pair_has_one_score_whether_it_is_listed_or_in_a_block(metric: str, length: int) -> None:
    a, b = random_vectors(metric, 70, length), random_vectors(metric, 90, length, seed=1)
    scorer = scorer_of(metric, a, b, device="cpu")
    rows, columns = (one.ravel() for one in np.mgrid[0:70, 0:90])  # more than PREPARED pairs
    check_same(scorer.paired(rows, columns).reshape(70, 90), everything(scorer))


@every_metric
def test_two_sets_give_the_scores_that_their_union_gives(metric: str) -> None:
    vectors = random_vectors(metric, 60, 20)
    vectors[0] *= 3 if metric != "hamming" else 1  # the longest vector is on the one side only
    united = scorer_of(metric, vectors, device="cpu")
    apart = scorer_of(metric, vectors[:25], vectors[25:], device="cpu")
    whole = magnitudes(metric, united.scale.values(everything(united)[:25, 25:]))
    found = magnitudes(metric, apart.scale.values(everything(apart)))
    assert (np.abs(whole - found) <= 2 * allowed(apart, whole) + 2 * np.abs(whole) * 2**-30).all()


@every_metric
@pytest.mark.parametrize("length", [512, 2048])
def test_scores_are_off_by_no_more_than_float64_loses(metric: str, length: int) -> None:
    a, b = random_vectors(metric, 60, length), random_vectors(metric, 50, length, seed=1)
    b[:5] = a[:5]
    scorer = scorer_of(metric, a, b, device="cpu")
    found = scorer.block(slice(0, 60), slice(0, 50)).astype(np.float64)
    expected = as_scores(metric, METRICS[metric].matrix(a, b))
    assert np.abs(found - expected).max() <= 1e-9 * np.abs(expected).max()
    if metric == "hamming":
        exact = (a[:, None] == b[None]).sum(axis=2)
        assert np.array_equal(everything(scorer), exact)


@every_metric
def test_a_vector_and_itself_are_as_close_as_can_be(metric: str) -> None:
    vectors = random_vectors(metric, 50, 700)
    if metric == "inner-product":
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scorer = scorer_of(metric, np.concatenate([vectors, vectors]), device="cpu")
    own = np.diagonal(everything(scorer)[:50, 50:])
    others = everything(scorer)[:50, 50:][~np.eye(50, dtype=bool)]
    assert own.min() > 1.2 * others.max()
    if metric == "inner-product":  # has no highest value
        assert np.allclose(scorer.scale.values(own), 1, rtol=0, atol=1e-9)
    else:
        assert (own == scorer.scale.levels - 1).all()


@every_metric
def test_zeros_have_the_score_that_the_metric_says(metric: str) -> None:
    vectors = np.array([[0.0, 0, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0]])
    scorer = scorer_of(metric, vectors, device="cpu")
    values = scorer.scale.values(everything(scorer))
    expected = METRICS[metric].matrix(vectors, vectors)
    assert np.allclose(values, expected, rtol=2e-6, atol=2e-6)


@every_metric
def test_nothing_but_zeros_is_no_trouble(metric: str) -> None:
    scorer = scorer_of(metric, np.zeros((3, 2)), device="cpu")
    expected = METRICS[metric].matrix(np.zeros((3, 2)), np.zeros((3, 2)))
    assert np.array_equal(scorer.scale.values(everything(scorer)), expected)


@pytest.mark.parametrize("metric", [name for name in METRICS if name != "hamming"])
@pytest.mark.parametrize("power", [-100, -40, -1, 1, 40, 100])
def test_the_length_of_all_vectors_changes_no_level(metric: str, power: int) -> None:
    # what an encoder calls long is no matter of ranks; 2^100 is far within float32
    vectors = random_vectors(metric, 30, 8)
    here = scorer_of(metric, vectors, device="cpu")
    there = scorer_of(metric, math.ldexp(1, power) * vectors, device="cpu")
    assert np.array_equal(everything(here), everything(there))


@pytest.mark.parametrize("metric", [name for name in METRICS if name != "hamming"])
def test_the_last_digit_of_a_length_changes_no_scale(metric: str) -> None:
    vectors = np.concatenate([np.eye(4), -np.eye(4)])
    near = (1.0, math.nextafter(1, 2), math.nextafter(1, 0), 1 + 1e-7, 1 - 1e-7)
    scales = [scorer_of(metric, vectors * one, device="cpu").scale for one in near]
    steps = [one.values(np.arange(0, one.levels, one.levels // 100)) for one in scales]
    assert len({one.levels for one in scales}) == 1
    assert all(np.array_equal(steps[0], one) for one in steps)


@every_metric
@pytest.mark.parametrize("most", [4, 100, 2**16, 2**60])
def test_cells_are_few_and_keep_the_order_of_levels(metric: str, most: int) -> None:
    vectors = random_vectors(metric, 30, 12)
    scorer = scorer_of(metric, vectors, device="cpu")
    fine = everything(scorer)
    cells = condensed(scorer.scale, [fine.ravel()], most)
    assert cells.levels - 1 <= most
    assert (cells is scorer.scale) == (scorer.scale.levels - 1 <= most)
    if cells is scorer.scale:
        return
    whole = slice(0, 30)
    found = scorer.levels(whole, whole, scale=cells)
    assert found.min() >= 0
    assert found.max() < cells.levels
    order = np.argsort(fine.ravel(), kind="stable")
    assert (np.diff(found.ravel()[order]) >= 0).all()
    # a cell's value is the loosest that it takes, and the next one's is stricter than all it takes
    values = as_scores(metric, cells.values(np.arange(cells.levels)))
    exact = as_scores(metric, scorer.scale.values(fine))
    assert (values[found] <= exact).all()
    assert (exact < np.append(values[1:], np.inf)[found]).all()
    rows, columns = (one.ravel() for one in np.mgrid[0:30, 0:30])
    assert np.array_equal(scorer.paired(rows, columns, scale=cells), found.ravel())


def test_cells_are_narrow_where_pairs_are_many() -> None:
    vectors = 1 + 1e-3 * random_vectors("cosine", 60, 16)  # cosines within a millionth of 1
    scorer = scorer_of("cosine", vectors, device="cpu")
    fine = everything(scorer)
    cells = condensed(scorer.scale, [fine.ravel()], 2**21)
    few = condensed(scorer.scale, [np.arange(0, scorer.scale.levels, 2**20)], 2**21)
    counts = [
        len(np.unique(scorer.levels(slice(0, 60), slice(0, 60), scale=one)))
        for one in (scorer.scale, cells, few)
    ]
    assert counts[0] > 1700
    assert counts[1] > 0.9 * counts[0]
    assert counts[2] < 0.5 * counts[0]


# one vector that is unlike the others


@pytest.mark.parametrize("metric", [name for name in METRICS if name not in ("hamming", "cosine")])
@pytest.mark.parametrize("times", [1e3, 1e6, 1e12])
def test_a_long_vector_takes_no_level_from_the_others(metric: str, times: float) -> None:
    vectors = random_vectors(metric, 50, 8)
    vectors[0] *= times
    found = scorer_of(metric, vectors, device="cpu")
    levels = everything(found)[1:, 1:]
    exact = METRICS[metric].matrix(vectors, vectors)[1:, 1:]
    values = found.scale.values(levels)
    upper = np.triu_indices(49, 1)
    assert np.allclose(values[upper], exact[upper], rtol=1e-7, atol=1e-9)
    assert np.array_equal(np.argsort(as_scores(metric, exact)[upper]), np.argsort(levels[upper]))


def test_small_distances_are_exact_far_from_the_middle() -> None:
    # squares of lengths would lose all digits of these distances
    vectors = random_vectors("euclidean", 40, 8)
    vectors[30:] = 1e5 + 1e-3 * vectors[30:]
    scorer = scorer_of("euclidean", vectors, device="cpu")
    exact = METRICS["euclidean"].matrix(vectors, vectors)
    assert np.allclose(scorer.scale.values(everything(scorer)), exact, rtol=1e-7, atol=0)


@every_metric
def test_pairs_that_differ_are_told_apart_and_equal_ones_are_not(metric: str) -> None:
    once = random_vectors(metric, 30, 5)
    vectors = np.concatenate([once, once])
    scorer = scorer_of(metric, vectors, device="cpu")
    rows, columns = np.triu_indices(30, 1)
    numbers = scorer.told_apart(rows, columns)
    assert np.array_equal(numbers, scorer.told_apart(columns + 30, rows))
    if metric != "hamming":
        assert len(np.unique(numbers)) == len(rows)
    near = 1 + 1e-6 * once  # nearer than levels tell apart
    if metric == "cosine":
        scorer = scorer_of(metric, near, device="cpu")
        assert len(np.unique(scorer.paired(rows, columns))) < 20
        assert len(np.unique(scorer.told_apart(rows, columns))) > 400


def told_apart(vectors: Floats) -> NDArray[np.int64]:
    scorer = scorer_of("inner-product", vectors, device="cpu")
    return scorer.told_apart(*np.triu_indices(len(vectors), 1))


def test_inner_products_are_told_apart_by_their_last_digits() -> None:
    whole = 3 * 2**22 + np.random.default_rng(0).integers(0, 4, (60, 6))
    exact = (whole @ whole.T)[np.triu_indices(60, 1)]
    numbers = told_apart(np.ldexp(whole.astype(np.float64), -22))  # neighbours in float32
    for number in np.unique(numbers):
        assert np.ptp(exact[numbers == number]) <= 4  # of 10^15


def test_equal_inner_products_are_one_in_whatever_order_they_are_summed() -> None:
    vectors = random_vectors("inner-product", 60, 301)
    numbers = told_apart(vectors)
    assert np.count_nonzero(numbers != told_apart(vectors[:, ::-1])) <= len(numbers) / 100


@every_metric
def test_the_vectors_given_are_left_as_they_are(metric: str) -> None:
    for kind in (np.float32, np.float64):
        vectors = random_vectors(metric, 9, 5).astype(kind)
        before = vectors.copy()
        scorer = scorer_of(metric, vectors, device="cpu")
        first = everything(scorer)
        assert np.array_equal(first, everything(scorer))
        assert np.array_equal(vectors, before)


@pytest.mark.parametrize("kind", [np.uint8, np.bool_, np.int64, np.float16])
def test_vectors_of_any_kind_of_number_are_taken(kind: type) -> None:
    bits: NDArray[Any] = random_vectors("hamming", 12, 64).astype(kind)
    for metric in METRICS:
        found = everything(scorer_of(metric, bits, device="cpu"))
        assert np.array_equal(
            found, everything(scorer_of(metric, bits.astype(np.float64), device="cpu"))
        )


def test_no_vectors_have_no_scores() -> None:
    for metric in METRICS:
        scorer = scorer_of(metric, np.zeros((0, 3)), np.ones((2, 3)), device="cpu")
        assert everything(scorer).shape == (0, 2)
        assert scorer.paired(np.zeros(0, np.intp), np.zeros(0, np.intp)).shape == (0,)


@pytest.mark.parametrize("shapes", [((2, 3), (2, 4)), ((2, 0), (2, 0)), ((3,), (3,))])
def test_vectors_of_other_shapes_are_refused(shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(VectorError, match=r"\(N, D\)"):
        scorer_of("cosine", np.ones(shapes[0]), np.ones(shapes[1]))


def test_hamming_takes_bits_only_on_either_side() -> None:
    for a, b in ((np.ones((1, 2)), np.full((1, 2), 0.5)), (np.full((1, 2), 2), np.ones((1, 2)))):
        with pytest.raises(VectorError, match="zeros and ones"):
            scorer_of("hamming", a, b)


def test_a_metric_that_is_none_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean cosine"):
        scorer_of("cosin", np.eye(2))
