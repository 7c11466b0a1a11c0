"""The conformance classes find what they are for: each planted fault fails its promise."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import lookalike
from lookalike.encoders import Encoder
from lookalike.encoders.pipeline import Array
from lookalike.metrics import METRICS, Metric
from lookalike.testing import EncoderContract, MetricContract

PIXELS = lookalike.load_encoder("pixels")


def broken(run: Callable[[Array], list[Array]]) -> type[EncoderContract]:
    class Broken(EncoderContract):
        def make_encoder(self) -> Encoder:
            return replace(PIXELS, run=run)

    return Broken


def centred_by_batch(batch: Array) -> list[Array]:
    (vectors,) = PIXELS.run(batch)
    return [vectors - vectors.mean(axis=0) + 0.01]


def in_the_wrong_order(batch: Array) -> list[Array]:
    (vectors,) = PIXELS.run(batch)
    return [vectors[::-1]]


def in_double_precision(batch: Array) -> list[Array]:
    return [np.asarray(one, np.float64) for one in PIXELS.run(batch)]


def with_noise(batch: Array) -> list[Array]:
    (vectors,) = PIXELS.run(batch)
    noise = np.random.default_rng().normal(size=vectors.shape)
    return [(vectors + 0.1 * noise).astype(np.float32)]


@pytest.mark.parametrize(
    ("run", "promise"),
    [
        (centred_by_batch, "test_a_vector_does_not_depend_on_its_batch"),
        (in_the_wrong_order, "test_a_vector_does_not_depend_on_its_batch"),
        (in_double_precision, "test_vectors_are_what_the_card_says"),
        (with_noise, "test_a_second_run_gives_the_same_numbers"),
        (with_noise, "test_a_picture_is_closest_to_itself"),
    ],
)
def test_a_broken_encoder_is_found(run: Callable[[Array], list[Array]], promise: str) -> None:
    with pytest.raises(AssertionError):
        getattr(broken(run)(), promise)()


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        ({"higher_is_closer": False}, "test_nothing_is_closer_than_equal_vectors"),
        ({"high": 0.5}, "test_values_stay_within_the_stated_range"),
        ({"rows": lambda a, b: a[:, 0] + b[:, 0]}, "test_rows_are_the_diagonal_of_the_matrix"),
        ({"matrix": lambda a, b: a @ np.abs(b).T}, "test_it_is_symmetric"),
    ],
)
def test_a_broken_metric_is_found(change: dict[str, object], promise: str) -> None:
    class Broken(MetricContract):
        def make_metric(self) -> Metric:
            return replace(METRICS["cosine"], **change)  # type: ignore[arg-type]

    with pytest.raises(AssertionError):
        getattr(Broken(), promise)()


@pytest.mark.parametrize("name", METRICS)
class TestEveryMetric(MetricContract):
    @pytest.fixture(autouse=True)
    def _name(self, name: str) -> None:
        self.name = name

    def make_metric(self) -> Metric:
        return METRICS[self.name]

    def make_vectors(self, count: int, seed: int) -> np.ndarray:
        if self.name == "hamming":
            return np.random.default_rng(seed).integers(0, 2, (count, 12)).astype(np.float64)
        return super().make_vectors(count, seed)
