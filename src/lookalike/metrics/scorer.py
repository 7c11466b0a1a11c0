"""Scores of many vectors with many, block by block, on a fixed scale of levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import VectorError
from lookalike.metrics.metric import RECIPROCAL_LIMIT, Floats, Metric, metric_named, unit
from lookalike.metrics.product import Product, product_of

STEPS = 2**36
"""Steps between the lowest and the highest level of a scale."""

DISTANCE_STEPS = 2**24
"""The same for distances, which are differences of large numbers and so less exact when small."""

PREPARED = 4096
"""Vectors that are made ready at a time."""


@dataclass(frozen=True)
class Scale:
    """Evenly spaced levels that scores are rounded to, so that equal scores stay equal.

    The last digits of a product depend on how it is blocked. Rounding to levels much coarser than
    that, and much finer than any difference that matters, gives each pair one score. Levels are
    whole numbers, so scores can be counted.

    Attributes:
        low: Score of level 0.
        step: From one level to the next.
        levels: How many there are.
        value: Scores (higher is closer) → values of the metric.
    """

    low: float
    step: float
    levels: int
    value: Callable[[Floats], Floats]

    def level(self, scores: NDArray[Any], out: NDArray[np.int64]) -> NDArray[np.int64]:
        """The nearest level of each score; overwrites the scores, and fills and returns `out`."""
        np.multiply(scores, 1 / self.step, out=scores)
        np.add(scores, 0.5 - self.low / self.step, out=scores)
        np.copyto(out, scores, casting="unsafe")  # rounds down, since nothing is below 0
        return out

    def coarsened(self, most: int) -> Scale:
        """A scale over the same range with at most so many steps; this one if it has no more.

        Example:
            >>> Scale(-1.0, 0.125, 17, lambda scores: scores).coarsened(8).step
            0.25
        """
        times = 1
        while (self.levels - 1) > most * times:
            times *= 2
        return Scale(self.low, self.step * times, -(-(self.levels - 1) // times) + 1, self.value)

    def values(self, levels: NDArray[np.int64]) -> Floats:
        """The metric's values at levels."""
        return self.value((self.low + levels * self.step).astype(np.float64))


@dataclass(frozen=True, eq=False)
class Scorer:
    """Two sets of vectors made ready, and the scores between them in blocks.

    A score is the metric's value turned so that higher is closer: for distances, its negative.

    Attributes:
        metric: The metric.
        scale: Its levels for these vectors.
        rows: (N, D) vectors of the one side, made ready.
        columns: (M, D) vectors of the other; the same array if there is one set.
        block: Row slice, column slice → (r, c) scores, a new array.

    Example:
        >>> scorer = scorer_of("euclidean", np.array([[0.0, 0.0], [3.0, 4.0]]))
        >>> scorer.block(slice(0, 1), slice(0, 2)).tolist()
        [[0.0, -5.0]]
    """

    metric: Metric
    scale: Scale
    rows: NDArray[Any]
    columns: NDArray[Any]
    block: Callable[[slice, slice], NDArray[Any]]

    def levels(
        self, rows: slice, columns: slice, *, scale: Scale | None = None
    ) -> NDArray[np.int64]:
        """(r, c) levels of a block, on this scale or on a coarser one."""
        scores = self.block(rows, columns)
        return (scale or self.scale).level(scores, np.empty(scores.shape, np.int64))

    def paired(
        self,
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
        *,
        scale: Scale | None = None,
    ) -> NDArray[np.int64]:
        """(P,) levels of row ``rows[p]`` with column ``columns[p]``."""
        found = np.empty(len(rows), np.int64)
        for start in range(0, len(rows), PREPARED):
            part = slice(start, start + PREPARED)
            a = self.rows[rows[part]].astype(np.float64)
            b = self.columns[columns[part]].astype(np.float64)
            scores = _METHODS[self.metric.name].paired(a, b)
            (scale or self.scale).level(scores, found[part])
        return found


def scorer_of(
    metric: str,
    rows: NDArray[Any],
    columns: NDArray[Any] | None = None,
    *,
    device: str = "auto",
) -> Scorer:
    """Makes vectors ready for a metric.

    Products are float64, of vectors held as float64. Those of float32 would differ in the last
    digits with the shape of a block, and so part pairs of equal vectors; hamming alone is exact
    in float32. What a score loses is the rounding to a level, at most half of one of `STEPS` steps
    (`DISTANCE_STEPS` for distances) over the range; for hamming there is one for each bit.

    Args:
        metric: Its name.
        rows: (N, D) finite numbers.
        columns: (M, D); the rows themselves if omitted.
        device: ``cpu``; a torch device such as ``cuda``; or ``auto``, a GPU for large work if
            torch is installed and finds one.

    Raises:
        UnknownNameError: No such metric.
        VectorError: Unequal lengths, or values that the metric does not take.

    Example:
        >>> scorer = scorer_of("cosine", np.array([[1.0, 0.0], [0.0, -2.0], [3.0, 0.0]]))
        >>> scorer.scale.values(scorer.levels(slice(0, 1), slice(0, 3))).tolist()
        [[1.0, 0.0, 1.0]]
    """
    chosen = metric_named(metric)
    method = _METHODS[metric]
    for side in (rows, rows if columns is None else columns):
        if side.ndim != 2 or side.shape[1] != rows.shape[1] or side.shape[1] == 0:
            raise VectorError(f"vectors are (N, D), not {rows.shape} and {side.shape}")
        if metric == "hamming" and not np.isin(side, (0, 1)).all():
            raise VectorError("hamming compares zeros and ones only")
    left = method.ready(rows)
    right = left if columns is None else method.ready(columns)
    if method.block is _distance_block:  # distances do not change, and lose fewer digits
        middle = right.mean(axis=0) if len(right) else 0.0
        left, same = left - middle, right is left
        right = left if same else right - middle
    product = product_of(left, right, device)
    return Scorer(
        chosen, method.scale(left, right), left, right, method.block(left, right, product)
    )


@dataclass(frozen=True)
class _Method:
    """How one metric is computed in blocks."""

    ready: Callable[[NDArray[Any]], NDArray[Any]]
    scale: Callable[[NDArray[Any], NDArray[Any]], Scale]
    block: Callable[[NDArray[Any], NDArray[Any], Product], Callable[[slice, slice], NDArray[Any]]]
    paired: Callable[[Floats, Floats], Floats]


def _unit_float64(vectors: NDArray[Any]) -> NDArray[Any]:
    ready = np.empty(vectors.shape)
    for start in range(0, len(vectors), PREPARED):
        part = slice(start, start + PREPARED)
        ready[part] = unit(vectors[part].astype(np.float64))
    return ready


def _plain_block(
    left: NDArray[Any], right: NDArray[Any], product: Product
) -> Callable[[slice, slice], NDArray[Any]]:
    return product


def _cosine_scale(left: NDArray[Any], right: NDArray[Any]) -> Scale:
    return Scale(-1.0, 2.0 / STEPS, STEPS + 1, lambda scores: scores)


def _dot(a: Floats, b: Floats) -> Floats:
    products: Floats = np.einsum("nd,nd->n", a, b)
    return products


def _largest_norm(vectors: NDArray[Any]) -> float:
    squares = [
        _dot(part, part).max(initial=0.0)
        for start in range(0, len(vectors), PREPARED)
        for part in (vectors[start : start + PREPARED].astype(np.float64),)
    ]
    return float(np.sqrt(max(squares, default=0.0)))


def _as_float32(vectors: NDArray[Any]) -> NDArray[Any]:
    return vectors.astype(np.float32, copy=False)


def _inner_scale(left: NDArray[Any], right: NDArray[Any]) -> Scale:
    most = _power_of_two(_largest_norm(left) * _largest_norm(right))
    return Scale(-most, 2 * most / STEPS, STEPS + 1, lambda scores: scores)


def _power_of_two(bound: float) -> float:
    """The smallest power of two that is no less, so that zero and simple values are levels."""
    return float(2.0 ** np.ceil(np.log2(bound))) if bound > 0 else 1.0


def _as_float64(vectors: NDArray[Any]) -> NDArray[Any]:
    return vectors.astype(np.float64, copy=False)


def _distance_scale(value: Callable[[Floats], Floats]) -> Callable[..., Scale]:
    def scale(left: NDArray[Any], right: NDArray[Any]) -> Scale:
        most = _power_of_two(_largest_norm(left) + _largest_norm(right))
        return Scale(-most, most / DISTANCE_STEPS, DISTANCE_STEPS + 1, value)

    return scale


def _distance_block(
    left: NDArray[Any], right: NDArray[Any], product: Product
) -> Callable[[slice, slice], NDArray[Any]]:
    squares = [_dot(side, side) for side in (left, right)]

    def block(rows: slice, columns: slice) -> NDArray[Any]:
        found = product(rows, columns)
        found *= -2
        found += squares[0][rows, None]
        found += squares[1][columns]
        np.maximum(found, 0, out=found)
        np.sqrt(found, out=found)
        return np.subtract(0.0, found, out=found)

    return block


def _minus_distance(a: Floats, b: Floats) -> Floats:
    return 0.0 - np.linalg.norm(a - b, axis=1)


def _hamming_scale(left: NDArray[Any], right: NDArray[Any]) -> Scale:
    bits = left.shape[1]
    return Scale(0.0, 1.0 / bits, bits + 1, lambda scores: scores)


def _hamming_block(
    left: NDArray[Any], right: NDArray[Any], product: Product
) -> Callable[[slice, slice], NDArray[Any]]:
    bits = left.shape[1]
    ones = [side.sum(axis=1) for side in (left, right)]

    def block(rows: slice, columns: slice) -> NDArray[Any]:
        found = product(rows, columns)
        found *= 2
        found -= ones[0][rows, None]
        found -= ones[1][columns]
        found += bits
        found /= bits
        return found

    return block


def _equal_share(a: Floats, b: Floats) -> Floats:
    share: Floats = (a == b).mean(axis=1)
    return share


def _distance(value: Callable[[Floats], Floats]) -> _Method:
    return _Method(_as_float64, _distance_scale(value), _distance_block, _minus_distance)


_METHODS = {
    "cosine": _Method(_unit_float64, _cosine_scale, _plain_block, _dot),
    "inner-product": _Method(_as_float64, _inner_scale, _plain_block, _dot),
    "hamming": _Method(_as_float32, _hamming_scale, _hamming_block, _equal_share),
    "euclidean": _distance(lambda scores: 0.0 - scores),
    "negative-euclidean": _distance(lambda scores: scores),
    "reciprocal-euclidean": _distance(
        lambda scores: 1.0 / np.maximum(-scores, 1.0 / RECIPROCAL_LIMIT)
    ),
}
