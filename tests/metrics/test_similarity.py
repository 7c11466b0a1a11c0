from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lookalike.embeddings import Card, Embeddings, Row
from lookalike.errors import FingerprintError, UnknownNameError, VectorError
from lookalike.images import Preprocess, Reason
from lookalike.metrics import METRICS, similarity

A = [3.0, 4.0, 0.0]
THREE = [[0.0, 0.0, 2.0], [6.0, 8.0, 0.0], [3.0, 4.0, 0.0]]
CARD = Card("onnx", "sha256:00", "features", "none", Preprocess(), 3, "onnx:a.onnx")


def embeddings(vectors: list[list[float]], card: Card = CARD) -> Embeddings:
    rows = (Row("bad", reason=Reason.EMPTY), *(Row(str(n)) for n in range(len(vectors))))
    return Embeddings(card, rows, np.array(vectors, np.float32).reshape(-1, 3))


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("cosine", [0, 1, 1]),  # R26
        ("reciprocal-euclidean", [0.185695, 0.2, 1_000_000]),  # R27
        ("euclidean", [29**0.5, 5, 0]),
        ("inner-product", [0, 50, 25]),
    ],
)
def test_worked_examples(metric: str, expected: list[float]) -> None:
    assert similarity(A, THREE, metric=metric) == pytest.approx(expected, abs=1e-6)
    assert similarity(THREE, A, metric=metric) == pytest.approx(expected, abs=1e-6)
    for other, value in zip(THREE, expected, strict=True):
        assert similarity(A, other, metric=metric) == pytest.approx(value, abs=1e-6)


def test_published_cosines_of_the_model_tables() -> None:  # M28
    assert similarity([1, 2, 3], [4, 5, 6]) == pytest.approx(0.974632, abs=5e-7)
    assert similarity([1, 0], [-1, 0]) == -1


def test_hamming_is_the_share_of_equal_bits() -> None:
    assert similarity(
        [1, 0, 1, 1], [[1, 0, 1, 1], [0, 1, 0, 0], [1, 0, 0, 0]], metric="hamming"
    ) == (pytest.approx([1, 0, 0.5]))


@pytest.mark.parametrize("metric", METRICS)
def test_the_shape_follows_from_the_shapes(metric: str) -> None:
    one, two, three = np.ones(4), np.ones((2, 4)), np.ones((3, 4))
    scalar = similarity(one, one, metric=metric)
    assert isinstance(scalar, float)
    shapes = [
        (one, three, False, (3,)),
        (three, one, False, (3,)),
        (two, three, False, (2, 3)),
        (two[:1], three[:1], False, (1, 1)),
        (three, three, True, (3,)),
        (one, one, True, (1,)),
        (two[:0], three, False, (0, 3)),
        (three, two[:0], False, (3, 0)),
        (two[:0], two[:0], True, (0,)),
        (one, two[:0], False, (0,)),
    ]
    for a, b, paired, shape in shapes:
        values = similarity(a, b, metric=metric, paired=paired)
        assert isinstance(values, np.ndarray)
        assert values.shape == shape
        assert values.dtype == np.float64


def test_rows_and_columns_are_not_exchanged() -> None:
    a, b = [[1, 0], [0, 1]], [[1, 0], [1, 1], [-1, 0]]
    root = 0.5**0.5
    assert np.allclose(similarity(a, b), [[1, root, -1], [0, root, 0]])
    assert np.allclose(similarity(a, b[:2], paired=True), [1, root])


def test_numbers_of_any_type_are_compared_in_float64() -> None:
    for kind in (np.float16, np.float32, np.int8, np.uint8, np.int64, bool):
        vectors = np.array([[1, 0, 1]], kind)
        assert np.allclose(similarity(vectors, [[1, 1, 0]]), 0.5)
    close = np.array([[1, 1e-4]], np.float32), np.array([[1, 0]], np.float32)
    assert similarity(*close)[0, 0] < 1  # type: ignore[index]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_with_their_row(metric: str, bad: float) -> None:
    vectors = np.ones((3, 2))
    vectors[1, 1] = bad
    with pytest.raises(VectorError, match=r"a has values that are not finite \(row 1\)"):
        similarity(vectors, [1, 1], metric=metric)
    with pytest.raises(VectorError, match="b has values"):
        similarity([1, 1], vectors, metric=metric)


@pytest.mark.parametrize("vectors", [[[1, 2]], [[0.5, 0]], [[-1, 1]]])
def test_hamming_refuses_what_is_no_bit(vectors: list[list[float]]) -> None:
    with pytest.raises(VectorError, match="other than 0 and 1"):
        similarity([[1, 0]], vectors, metric="hamming")
    with pytest.raises(VectorError, match="other than 0 and 1"):
        similarity(vectors, [[1, 0]], metric="hamming", paired=True)


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ([1, 2, 3], [1, 2], "length 3 and 2"),
        (np.ones((2, 2, 2)), [1, 2], r"a has shape \(2, 2, 2\)"),
        ([1, 2], 5, r"b has shape \(\)"),
        ([[1, 2], [3]], [1, 2], "a is no array of real numbers"),
        ([1, 2], ["x", "y"], "b is no array of real numbers"),
        ([1j, 2], [1, 2], "a is no array of real numbers"),
        ([], [], "without entries"),
        (np.ones((2, 0)), np.ones((2, 0)), "without entries"),
    ],
)
@pytest.mark.parametrize("metric", METRICS)
def test_what_are_no_vectors_of_one_length_is_refused(
    metric: str, a: Any, b: Any, words: str
) -> None:
    with pytest.raises(VectorError, match=words):
        similarity(a, b, metric=metric)


def test_pairs_need_equal_counts() -> None:
    with pytest.raises(VectorError, match="3 and 2"):
        similarity(np.ones((3, 2)), np.ones((2, 2)), paired=True)


def test_an_unknown_metric_lists_the_known() -> None:
    with pytest.raises(UnknownNameError, match="euclidean"):
        similarity(A, A, metric="euclid")


def test_embeddings_are_compared_by_their_vectors() -> None:
    found = similarity(embeddings([A]), embeddings(THREE))
    assert np.allclose(found, [[0, 1, 1]])
    assert np.allclose(similarity(embeddings(THREE), A), [0, 1, 1])


def test_embeddings_of_different_encoders_are_refused_with_every_difference() -> None:
    other = replace(CARD, weights="sha256:11", preprocess=Preprocess(order="bgr"), name="onnx:b")
    for paired in (False, True):
        with pytest.raises(FingerprintError) as error:
            similarity(embeddings(THREE), embeddings(THREE, other), paired=paired)
        assert error.value.exit_code == 4
        for words in (
            "onnx:a.onnx and onnx:b",
            "weights: sha256:00 / sha256:11",
            "preprocess.order: rgb / bgr",
        ):
            assert words in error.value.what


def test_embeddings_whose_cards_only_describe_differently_are_compared() -> None:
    described = replace(CARD, name="elsewhere.onnx", licence="MIT", source="a mirror")
    assert np.allclose(similarity(embeddings([A]), embeddings([A], described)), 1)
