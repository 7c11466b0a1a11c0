"""Metrics between vectors: each states its range, its direction and its answer for zeros."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UnknownNameError

Floats: TypeAlias = "NDArray[np.float64]"

RECIPROCAL_LIMIT = 1e6
"""Where the reciprocal Euclidean similarity is cut off: equal vectors have this value."""


@dataclass(frozen=True)
class Metric:
    """A number for two vectors, and how to read it.

    Attributes:
        name: As options and results spell it.
        low: Smallest possible value.
        high: Largest possible value; may be infinite.
        higher_is_closer: Whether equal vectors have the highest value (a similarity) or the
            lowest (a distance).
        zero: What a vector of zeros gets.
        matrix: (N, D), (M, D) float64 → (N, M) float64.
        rows: (N, D), (N, D) float64 → (N,) float64, equal to the matrix's diagonal.
    """

    name: str
    low: float
    high: float
    higher_is_closer: bool
    zero: str
    matrix: Callable[[Floats, Floats], Floats]
    rows: Callable[[Floats, Floats], Floats]

    @property
    def direction(self) -> str:
        """``higher is closer`` or ``lower is closer``."""
        return "higher is closer" if self.higher_is_closer else "lower is closer"


def unit(vectors: Floats) -> Floats:
    """(N, D) vectors at length 1, whatever their scale; zeros stay zeros."""
    with np.errstate(over="ignore"):
        norms = np.sqrt(np.einsum("...d,...d->...", vectors, vectors))[..., None]
    if ((norms > 1e-100) & (norms < 1e100)).all():
        return vectors / norms
    # scaling by the largest entry first keeps norms of tiny and huge vectors from vanishing
    largest = np.abs(vectors).max(axis=-1, keepdims=True, initial=0.0)
    scaled = np.divide(vectors, largest, out=np.zeros_like(vectors), where=largest > 0)
    norms = np.linalg.norm(scaled, axis=-1, keepdims=True)
    return np.divide(scaled, norms, out=np.zeros_like(scaled), where=norms > 0)


def _cosine(a: Floats, b: Floats) -> Floats:
    return np.clip(unit(a) @ unit(b).T, -1.0, 1.0)


def _cosine_rows(a: Floats, b: Floats) -> Floats:
    return np.clip(np.einsum("nd,nd->n", unit(a), unit(b)), -1.0, 1.0)


def _euclidean(a: Floats, b: Floats) -> Floats:
    # differences instead of |a|^2 + |b|^2 - 2ab, whose cancellation hides small distances
    return (
        np.stack([_euclidean_rows(np.broadcast_to(one, b.shape), b) for one in a])
        if len(a)
        else np.zeros((0, len(b)))
    )


def _euclidean_rows(a: Floats, b: Floats) -> Floats:
    with np.errstate(over="ignore"):
        differences = a - b
        distances: Floats = np.linalg.norm(differences, axis=1)
        extreme = ~((distances > 1e-150) & (distances < 1e150))  # squares may have vanished
        if extreme.any():
            scaled, exponents = _scaled(differences[extreme])
            distances[extreme] = np.ldexp(np.linalg.norm(scaled, axis=1), exponents)
    return distances


def _scaled(vectors: Floats) -> tuple[Floats, NDArray[np.int32]]:
    """Rows divided by a power of two, so that no entry exceeds 1, and its exponents."""
    exponents = np.frexp(np.abs(vectors).max(axis=1, initial=0.0))[1]
    return np.ldexp(vectors, -exponents[:, None]), exponents


def _inner(a: Floats, b: Floats) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        products = a @ b.T
        if np.isfinite(products).all():
            return products
        (small_a, power_a), (small_b, power_b) = _scaled(a), _scaled(b)
        rescued = np.ldexp(small_a @ small_b.T, power_a[:, None] + power_b)
    return np.where(np.isfinite(products), products, rescued)


def _inner_rows(a: Floats, b: Floats) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        products: Floats = np.einsum("nd,nd->n", a, b)
        if np.isfinite(products).all():
            return products
        (small_a, power_a), (small_b, power_b) = _scaled(a), _scaled(b)
        rescued = np.ldexp(np.einsum("nd,nd->n", small_a, small_b), power_a + power_b)
    return np.where(np.isfinite(products), products, rescued)


def _reciprocal(distances: Floats) -> Floats:
    return 1.0 / np.maximum(distances, 1.0 / RECIPROCAL_LIMIT)


def _hamming_rows(a: Floats, b: Floats) -> Floats:
    share: Floats = (a == b).mean(axis=1)
    return share


def _hamming(a: Floats, b: Floats) -> Floats:
    ones = a @ b.T
    zeros = (1 - a) @ (1 - b).T
    return (ones + zeros) / a.shape[1]


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("cosine", -1, 1, True, "0 with every vector", _cosine, _cosine_rows),
        Metric("euclidean", 0, np.inf, False, "its distance", _euclidean, _euclidean_rows),
        Metric(
            "negative-euclidean",
            -np.inf,
            0,
            True,
            "minus its distance",
            lambda a, b: 0.0 - _euclidean(a, b),
            lambda a, b: 0.0 - _euclidean_rows(a, b),
        ),
        Metric(
            "reciprocal-euclidean",
            0,
            RECIPROCAL_LIMIT,
            True,
            "1 / its distance; 1e6 with another zero",
            lambda a, b: _reciprocal(_euclidean(a, b)),
            lambda a, b: _reciprocal(_euclidean_rows(a, b)),
        ),
        Metric(
            "inner-product",
            -np.inf,
            np.inf,
            True,
            "0 with every vector",
            _inner,
            _inner_rows,
        ),
        Metric("hamming", 0, 1, True, "the share of zeros in the other", _hamming, _hamming_rows),
    )
}
"""Every metric by name. ``hamming`` is the share of equal bits, 1 minus the normalised Hamming
distance; it takes vectors of zeros and ones only."""


def metric_named(name: str) -> Metric:
    """A metric by name.

    Raises:
        UnknownNameError: Lists the names.

    Example:
        >>> metric_named("euclidean").direction
        'lower is closer'
    """
    try:
        return METRICS[name]
    except KeyError:
        raise UnknownNameError("metric", name, METRICS) from None
