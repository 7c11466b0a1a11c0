"""Scores in blocks against the metrics' own matrices: one score for each pair."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike.errors import UnknownNameError, VectorError
from lookalike.metrics import METRICS, Scorer, scorer_of
from lookalike.metrics.scorer import STEPS

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


def as_scores(metric: str, values: Floats) -> Floats:
    """The metric's values turned so that higher is closer; 1 / distance as minus a distance."""
    if metric == "reciprocal-euclidean":
        found: Floats = np.where(values == METRICS[metric].high, 0, -1 / values)
        return found
    return values if METRICS[metric].higher_is_closer else -values


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
    expected = as_scores(metric, METRICS[metric].matrix(a, b))
    found = scale.low + levels * scale.step
    # off by the rounding, and by what float32 (or the root of a difference) loses
    error = scale.step / 2 + 1e-6 * scale.step * STEPS / 2
    if metric == "hamming":
        error = 1e-12
    assert (np.abs(found - expected) <= error).all()


@every_metric
@given(data=st.data())
def test_values_of_levels_are_values_of_the_metric(metric: str, data: st.DataObject) -> None:
    a, b = data.draw(sides(metric))
    scorer = scorer_of(metric, a, b, device="cpu")
    values = scorer.scale.values(everything(scorer))
    low, high = METRICS[metric].low, METRICS[metric].high
    assert ((values >= low) & (values <= high)).all()
    expected = METRICS[metric].matrix(a, b)
    if metric == "reciprocal-euclidean":
        values, expected = 1 / values, 1 / expected
    assert np.allclose(values, expected, rtol=0, atol=2 * scorer.scale.step)


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
    assert np.array_equal(copies.min(axis=(0, 2)), copies.max(axis=(0, 2)))
    assert np.array_equal(whole, whole.T)
    for height, first in ((1, 0), (7, 3), (33, 150)):
        blocks = [
            scorer.levels(slice(n, min(160, n + height)), slice(first, 160))
            for n in range(0, 160, height)
        ]
        assert np.array_equal(np.concatenate(blocks), whole[:, first:])


@every_metric
@pytest.mark.parametrize("length", [3, 301])
def test_a_pair_has_one_score_whether_it_is_listed_or_in_a_block(metric: str, length: int) -> None:
    a, b = random_vectors(metric, 70, length), random_vectors(metric, 90, length, seed=1)
    scorer = scorer_of(metric, a, b, device="cpu")
    rows, columns = (one.ravel() for one in np.mgrid[0:70, 0:90])  # more than PREPARED pairs
    assert np.array_equal(scorer.paired(rows, columns).reshape(70, 90), everything(scorer))


@every_metric
def test_two_sets_give_the_scores_that_their_union_gives(metric: str) -> None:
    vectors = random_vectors(metric, 60, 20)
    vectors[0] *= 3 if metric != "hamming" else 1  # the longest vector is on the one side only
    united = scorer_of(metric, vectors, device="cpu")
    apart = scorer_of(metric, vectors[:25], vectors[25:], device="cpu")
    whole = united.scale.low + everything(united)[:25, 25:] * united.scale.step
    found = apart.scale.low + everything(apart) * apart.scale.step
    assert np.abs(whole - found).max() <= united.scale.step + apart.scale.step


@every_metric
@pytest.mark.parametrize("length", [512, 2048])
def test_scores_are_off_by_at_most_a_millionth_of_their_range(metric: str, length: int) -> None:
    a, b = random_vectors(metric, 60, length), random_vectors(metric, 50, length, seed=1)
    b[:5] = a[:5]
    scorer = scorer_of(metric, a, b, device="cpu")
    found = scorer.block(slice(0, 60), slice(0, 50)).astype(np.float64)
    expected = as_scores(metric, METRICS[metric].matrix(a, b))
    spread = scorer.scale.step * (scorer.scale.levels - 1)
    assert np.abs(found - expected).max() <= 1e-6 * spread
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
    if metric == "inner-product":  # 1 to within the digits of float32, and has no highest value
        assert np.allclose(scorer.scale.values(own), 1, rtol=0, atol=scorer.scale.step)
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


@every_metric
@pytest.mark.parametrize("most", [1, 100, 2**21, 2**60])
def test_a_coarser_scale_spans_the_same_range(metric: str, most: int) -> None:
    vectors = random_vectors(metric, 30, 12)
    scorer = scorer_of(metric, vectors, device="cpu")
    coarse = scorer.scale.coarsened(most)
    assert coarse.levels - 1 <= max(most, 1)
    # no coarser than it has to be, and not at all if it need not
    assert 2 * (coarse.levels - 1) > most or coarse == scorer.scale
    whole = slice(0, 30)
    fine, found = scorer.levels(whole, whole), scorer.levels(whole, whole, scale=coarse)
    assert found.min() >= 0
    assert found.max() < coarse.levels
    exact = scorer.scale.low + fine * scorer.scale.step
    assert np.abs(coarse.low + found * coarse.step - exact).max() <= coarse.step / 2 + 1e-9
    rows, columns = (one.ravel() for one in np.mgrid[0:30, 0:30])
    assert np.array_equal(scorer.paired(rows, columns, scale=coarse), found.ravel())


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
