"""What every metric must hold."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from lookalike.metrics import Metric


class MetricContract(ABC):
    """Promises of a metric, as tests; subclass and provide `make_metric`."""

    @abstractmethod
    def make_metric(self) -> Metric:
        """The metric under test."""

    def make_vectors(self, count: int, seed: int) -> NDArray[np.float64]:
        """(count, 12) vectors that the metric takes; override for bits and the like."""
        return np.random.default_rng(seed).normal(size=(count, 12))

    def test_rows_are_the_diagonal_of_the_matrix(self) -> None:
        """The fast way for pairs and the matrix agree."""
        metric = self.make_metric()
        a, b = self.make_vectors(6, 1), self.make_vectors(6, 2)
        np.testing.assert_allclose(metric.rows(a, b), metric.matrix(a, b).diagonal(), atol=1e-12)

    def test_it_is_symmetric(self) -> None:
        """The order of the two sides does not matter."""
        metric = self.make_metric()
        a, b = self.make_vectors(5, 3), self.make_vectors(7, 4)
        np.testing.assert_allclose(metric.matrix(a, b), metric.matrix(b, a).T, atol=1e-12)

    def test_values_stay_within_the_stated_range(self) -> None:
        """Zeros and equal vectors included."""
        metric = self.make_metric()
        a = np.concatenate([self.make_vectors(9, 5), np.zeros((1, 12))])
        values = metric.matrix(a, a)
        assert not np.isnan(values).any()
        assert values.min() >= metric.low
        assert values.max() <= metric.high

    def test_nothing_is_closer_than_equal_vectors(self) -> None:
        """The stated direction holds for vectors of one length (norm 1)."""
        metric = self.make_metric()
        a = self.make_vectors(20, 6)
        if not np.isin(a, (0.0, 1.0)).all():
            a = a / np.linalg.norm(a, axis=1, keepdims=True)
        values = metric.matrix(a, a)
        own = values.diagonal()[:, None]
        closer = values > own + 1e-9 if metric.higher_is_closer else values < own - 1e-9
        assert not closer.any()

    def test_no_vectors_give_no_values(self) -> None:
        """Empty sides are answered, not refused."""
        metric = self.make_metric()
        assert metric.matrix(np.zeros((0, 12)), self.make_vectors(3, 7)).shape == (0, 3)
