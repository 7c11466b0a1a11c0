"""Partners that find each other: the worked example, chance, and vectors that are all alike."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike import Embeddings, evaluate
from lookalike.judge.partners import chance_of_either, partner_values

Floats = NDArray[np.float64]

# A16: rows are left pictures, columns right ones; partners are on the diagonal
WORKED = np.array(
    [
        [0.90, 0.20, 0.10, 0.30],
        [0.40, 0.70, 0.15, 0.35],
        [0.30, 0.80, 0.60, 0.25],
        [0.50, 0.45, 0.55, 0.20],
    ]
)
LEFT_RANKS, RIGHT_RANKS = np.array([1.0, 1, 2, 4]), np.array([1.0, 2, 1, 4])
EXPECTED = {
    # k: left to right, right to left, mean, union, both
    1: (0.50, 0.50, 0.50, 0.75, 0.25),
    2: (0.75, 0.75, 0.75, 0.75, 0.75),
    3: (0.75, 0.75, 0.75, 0.75, 0.75),
    4: (1.0, 1.0, 1.0, 1.0, 1.0),
}
NAMES = ("left→right", "right→left", "mean", "aR", "both")


def slow_ranks(similarities: Floats) -> list[int]:
    """Rank of each row's partner: as many as are at least as similar, itself included."""
    return [
        sum(float(other) >= float(row[n]) for other in row) for n, row in enumerate(similarities)
    ]


def embedded(
    similarities: Floats, ids: tuple[str, str] = ("left/{}.png", "right/{}.jpg")
) -> Embeddings:
    """Vectors whose inner products are these similarities."""
    count = len(similarities)
    names = [side.format(n) for side in ids for n in range(count)]
    return Embeddings.from_numpy(np.concatenate([similarities, np.eye(count)]), names, encoder="x")


def test_the_worked_example_has_the_ranks_that_are_printed() -> None:
    assert slow_ranks(WORKED) == LEFT_RANKS.tolist()
    assert slow_ranks(WORKED.T) == RIGHT_RANKS.tolist()


@pytest.mark.parametrize("k", EXPECTED)
def test_the_worked_example_has_the_recalls_that_are_printed(k: int) -> None:
    found = partner_values(LEFT_RANKS, RIGHT_RANKS, (k,))
    assert [found[f"{name}@{k}"].mean() for name in NAMES] == list(EXPECTED[k])
    assert found["left→right MRR"].mean() == found["right→left MRR"].mean() == 0.6875


def test_the_worked_example_comes_out_of_evaluate() -> None:
    found = evaluate(
        embedded(WORKED), truth="partners", metric="inner-product", ks=(1, 2, 3, 4), resamples=100
    )
    for k, expected in EXPECTED.items():
        assert [found[f"{name}@{k}"].value for name in NAMES] == list(expected)
        assert found[f"aR@{k}"].over == "4 pairs of partners"
    assert found["left→right MRR"].value == found["right→left MRR"].value == 0.6875
    # every left picture with every right one, and no left one with a left one
    assert found.judgements[0].counts.pairs == (4, 12)


@given(st.integers(1, 9), st.integers(0, 2**32 - 1), st.integers(1, 10))
def test_recall_counts_those_at_least_as_close_in_both_directions(
    count: int, seed: int, k: int
) -> None:
    similarities = np.random.default_rng(seed).integers(0, 4, (count, count)) / 4
    left, right = slow_ranks(similarities), slow_ranks(similarities.T)
    found = partner_values(np.array(left, float), np.array(right, float), (k,))
    hits = [(one <= k, other <= k) for one, other in zip(left, right, strict=True)]
    assert found[f"left→right@{k}"].tolist() == [float(one) for one, _ in hits]
    assert found[f"right→left@{k}"].tolist() == [float(other) for _, other in hits]
    assert found[f"mean@{k}"].tolist() == [(one + other) / 2 for one, other in hits]
    assert found[f"aR@{k}"].tolist() == [float(one or other) for one, other in hits]
    assert found[f"both@{k}"].tolist() == [float(one and other) for one, other in hits]
    assert found["left→right MRR"].tolist() == [1 / rank for rank in left]
    assert found["right→left MRR"].tolist() == [1 / rank for rank in right]


@pytest.mark.parametrize("seed", range(6))
def test_evaluate_ranks_partners_as_the_loop_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = int(random.integers(2, 12))
    similarities = random.integers(0, 5, (count, count)) / 4
    found = evaluate(
        embedded(similarities), truth="partners", metric="inner-product", ks=(1, 3), resamples=100
    )
    left, right = slow_ranks(similarities), slow_ranks(similarities.T)
    assert found["left→right@3"].value == pytest.approx(np.mean([one <= 3 for one in left]))
    assert found["right→left@3"].value == pytest.approx(np.mean([one <= 3 for one in right]))
    either = [one <= 1 or other <= 1 for one, other in zip(left, right, strict=True)]
    assert found["aR@1"].value == pytest.approx(np.mean(either))
    assert found["left→right MRR"].value == pytest.approx(np.mean([1 / one for one in left]))
    assert found["right→left MRR"].value == pytest.approx(np.mean([1 / one for one in right]))


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "inner-product"])
@pytest.mark.parametrize("count", [2, 7])
def test_vectors_that_are_all_alike_find_nothing(metric: str, count: int) -> None:
    # A17
    vectors = np.tile(np.random.default_rng(0).normal(size=300), (2 * count, 1))
    names = [f"left/{n}.png" for n in range(count)] + [f"right/{n}.jpg" for n in range(count)]
    store = Embeddings.from_numpy(vectors, names, encoder="x")
    found = evaluate(
        store, truth="partners", metric=metric, ks=tuple(range(1, count + 1)), resamples=100
    )
    for name in NAMES:
        for k in range(1, count):
            assert found[f"{name}@{k}"].value == 0
        assert found[f"{name}@{count}"].value == 1
    assert found["left→right MRR"].value == pytest.approx(1 / count)
    assert found["roc_auc"].value == 0.5


def test_random_similarities_find_as_often_as_chance_says() -> None:
    # A18: 10,000 matrices of 10 x 10
    similarities = np.random.default_rng(0).random((10_000, 10, 10))
    own = np.einsum("mii->mi", similarities)
    left = (similarities >= own[:, :, None]).sum(axis=2).ravel().astype(float)
    right = (similarities >= own[:, None, :]).sum(axis=1).ravel().astype(float)
    found = partner_values(left, right, (1,))
    assert found["left→right@1"].mean() == pytest.approx(0.100, abs=0.005)
    assert found["aR@1"].mean() == pytest.approx(0.1474, abs=0.005)
    assert chance_of_either(10) == pytest.approx(0.1474, abs=5e-5)


@pytest.mark.parametrize(
    ("pairs", "chance"), [(1, 1.0), (4, 0.357143), (1049, 0.001430), (1504, 0.000997)]
)
def test_chance_is_what_is_printed(pairs: int, chance: float) -> None:
    assert chance_of_either(pairs) == pytest.approx(chance, abs=5e-7)


def test_chance_is_the_share_over_all_orders() -> None:
    # all orders of the three cells in the row and in the column of a partner, and the fourth
    orders = list(itertools.permutations(range(4)))
    found = [own > beside or own > below for own, beside, below, _ in orders]
    assert sum(found) / len(found) == pytest.approx(chance_of_either(2))


@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_longer_vectors_change_no_recall(scale: float) -> None:
    plain = evaluate(embedded(WORKED), truth="partners", metric="inner-product", resamples=100)
    scaled = evaluate(
        embedded(WORKED * scale), truth="partners", metric="inner-product", resamples=100
    )
    for one, other in zip(plain.judgements[0].measures, scaled.judgements[0].measures, strict=True):
        assert one.value == other.value, one.name
