import numpy as np
import pytest
from numpy.typing import NDArray

import lookalike
from lookalike import Embeddings
from lookalike.errors import FingerprintError, UsageError, VectorError

Floats = NDArray[np.float64]


def some(count: int, *, seed: int, noise: float = 0.7, bias: float = 0.0) -> Embeddings:
    """So many things, five pictures each; a bias makes all of them alike."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(count, 12)) + bias
    vectors = centres.repeat(5, axis=0) + noise * rng.normal(size=(5 * count, 12))
    ids = [f"{n // 5}/{n}.png" for n in range(5 * count)]
    return Embeddings.from_numpy(vectors, ids, encoder="mine")


@pytest.fixture(scope="module")
def card() -> lookalike.ThresholdCard:
    return lookalike.calibrate(some(60, seed=0), target="fpr=0.01").card


@pytest.mark.parametrize("seed", range(1, 9))
def test_fresh_things_of_the_same_kind_are_no_drift(
    card: lookalike.ThresholdCard, seed: int
) -> None:
    for count in (20, 100):
        assert not lookalike.drift(some(count, seed=seed), card).drifted


def test_things_that_are_more_alike_are_a_drift(card: lookalike.ThresholdCard) -> None:
    for count in (4, 20, 100):
        found = lookalike.drift(some(count, seed=1, bias=1.5), card)
        assert found.drifted
        assert found.words.startswith("DRIFT")


def test_the_distance_is_that_of_kolmogorov_and_smirnov(card: lookalike.ThresholdCard) -> None:
    values = np.random.default_rng(0).normal(0.2, 0.3, 500).clip(-1, 1)
    quantiles, shares = np.array(card.reference.quantiles), np.linspace(0, 1, 401)
    slow = 0.0
    for at in np.linspace(-1, 1, 4001):
        expected = float(np.interp(at, quantiles, shares, left=0, right=1))
        slow = max(slow, abs(float((values <= at).mean()) - expected))
    assert card.drift(values).distance == pytest.approx(slow, abs=0.004)
    assert card.drift(np.full(100, 2.0)).distance == 1.0
    assert card.drift(np.full(100, -2.0)).distance == 1.0


def test_scores_with_many_ties_are_no_drift_of_themselves() -> None:
    bits = np.random.default_rng(0).integers(0, 2, (80, 8)).repeat(3, axis=0)
    hashes = Embeddings.from_numpy(bits, encoder="hash")
    truth = np.arange(80).repeat(3).tolist()
    card = lookalike.calibrate(hashes, truth=truth, metric="hamming", target="f1").card
    found = lookalike.drift(hashes, card)
    assert found.distance < 0.03
    assert not found.drifted


def test_vectors_of_another_encoder_are_refused(card: lookalike.ThresholdCard) -> None:
    other = Embeddings.from_numpy(np.ones((5, 12)), encoder="another")
    with pytest.raises(FingerprintError, match="mine"):
        lookalike.drift(other, card)


def test_too_few_and_impossible_scores_are_refused(card: lookalike.ThresholdCard) -> None:
    with pytest.raises(UsageError, match="can't tell"):
        lookalike.drift(Embeddings.from_numpy(np.ones((1, 12)), encoder="mine"), card)
    for wrong in ([], [0.1, float("nan")]):
        with pytest.raises(VectorError):
            card.drift(wrong)
