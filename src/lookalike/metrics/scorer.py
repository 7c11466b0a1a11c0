"""Scores of many vectors with many, block by block, on a scale of levels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import VectorError
from lookalike.metrics.metric import RECIPROCAL_LIMIT, Floats, Metric, metric_named, unit
from lookalike.metrics.product import Product, product_of
from lookalike.metrics.scale import DIGITS, ROOM, Even, Octaves, Scale, octaves

PREPARED = 4096
"""Vectors that are made ready at a time."""

DISTANCE_DIGITS = 30
"""The same as `DIGITS` for squared distances, which are differences and so less exact."""

FLOOR_OF_DISTANCES = 2.0**-24
"""Distances are rounded evenly below this part of a vector's length, which float32 knows it by."""

NOISE = 8
"""Binary digits of a float64 that may be the noise of a distance, or of a cosine."""

NOISE_OF_PRODUCTS = 2
"""Likewise of an inner product by `_exact_dot`."""

CANCELLED = 2.0**-12
"""Share of the sum of squared lengths below which a squared distance is made from differences."""

TYPICAL = 1024
"""Vectors that are looked at to find the middle and the usual length of all."""


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
        """(r, c) levels of a block, on this scale or on another one."""
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

    def told_apart(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.int64]:
        """(P,) whole numbers that differ where pairs differ by more than the noise of float64.

        They show what levels do not tell apart. Those of hamming are its levels.
        """
        if not isinstance(self.scale, Octaves):
            return self.paired(rows, columns)
        found = np.empty(len(rows))
        inner = self.metric.name == "inner-product"
        for start in range(0, len(rows), PREPARED):
            part = slice(start, start + PREPARED)
            a, b = self.rows[rows[part]], self.columns[columns[part]]
            found[part] = _exact_dot(a, b) if inner else -_minus_distance(a, b)
        # 1 for vectors of length 1; else what vectors of the usual length have
        usual = {"inner-product": self.scale.floor, "cosine": 1.0}
        found += np.copysign(
            usual.get(self.metric.name, np.sqrt(self.scale.floor) / FLOOR_OF_DISTANCES), found
        )
        return found.view(np.int64) >> (NOISE_OF_PRODUCTS if inner else NOISE)


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
    in float32. What a score loses is the rounding to a level, see `Scale`: about 2^-`DIGITS` of
    the distance, of 1 - cosine, or of the inner product, or of a floor that is lower than what
    vectors of the usual length have. So one vector that is far longer than the others changes
    nothing about those. For hamming there is a level for each bit.

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
        # the median, since the mean follows a vector that is far away from all others
        middle = np.median(_some(right), axis=0) if len(right) else 0.0
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
    return _octaves(2.0**-6, 2.0, right, _one_minus, lambda missing: 1.0 - missing)


def _one_minus(scores: NDArray[Any]) -> NDArray[Any]:
    return np.subtract(1.0, scores, out=scores)


def _octaves(
    floor: float,
    most: float,
    right: NDArray[Any],
    magnitude: Callable[[NDArray[Any]], NDArray[Any]],
    value: Callable[[Floats], Floats],
    *,
    signed: bool = False,
    digits: int = DIGITS,
) -> Octaves:
    """A scale whose levels leave room for positions among the columns."""
    floor, most = max(floor, 2.0**-1000), _power_of_two(most)
    taken = octaves(floor, most).bit_length() + len(right).bit_length() + signed
    return Octaves(floor, most, min(digits, ROOM - taken), magnitude, value, signed)


def _some(vectors: NDArray[Any]) -> NDArray[Any]:
    """At most `TYPICAL` of them, evenly spread."""
    return vectors[:: -(-len(vectors) // TYPICAL) or 1]


def _dot(a: Floats, b: Floats) -> Floats:
    products: Floats = np.einsum("nd,nd->n", a, b)
    return products


def _exact_dot(a: Floats, b: Floats) -> Floats:
    """Products of float32 numbers, whose order changes no digit: what a sum loses is added last.

    By Ogita, Rump and Oishi, "Accurate sum and dot product" (SIAM J. Sci. Comput., 2005). A product
    of two such numbers loses nothing.
    """
    total, lost = np.zeros(len(a)), np.zeros(len(a))
    for product in np.ascontiguousarray((a * b).T):
        found = total + product
        taken = found - total
        lost += (total - (found - taken)) + (product - taken)
        total = found
    exact: Floats = total + lost
    return exact


def _lengths(vectors: NDArray[Any]) -> tuple[float, float]:
    """The largest length, and one that is short among those that are not zero."""
    squares = [
        _dot(part, part)
        for start in range(0, len(vectors), PREPARED)
        for part in (vectors[start : start + PREPARED].astype(np.float64),)
    ]
    lengths = np.sqrt(np.concatenate([np.zeros(0), *squares]))
    positive = lengths[lengths > 0]
    if not len(positive):
        return 0.0, 0.0
    # a tenth may be shorter by far; below that, rounding would follow the noise of the others
    short = max(float(positive.min()), float(np.quantile(positive, 0.1)) / 64)
    return float(positive.max()), short


def _as_float32(vectors: NDArray[Any]) -> NDArray[Any]:
    return vectors.astype(np.float32, copy=False)


def _inner_scale(left: NDArray[Any], right: NDArray[Any]) -> Scale:
    (most, short), (other_most, other_short) = _lengths(left), _lengths(right)
    floor = _power_of_two(short * other_short)
    return _octaves(
        floor,
        most * other_most,
        right,
        lambda scores: np.abs(scores, out=scores),
        lambda scores: scores + 0.0,  # no zero below zero
        signed=True,
    )


def _power_of_two(bound: float) -> float:
    """A power of two that is more, so that zero and simple values are levels; 1 for 0.

    More by a little at least, since vectors of length 1 may be a last digit longer or shorter.
    """
    if not 0 < bound < math.inf:
        return bound or 1.0
    _, exponent = math.frexp(bound * (1 + 2**-10))
    return math.ldexp(1.0, exponent) if exponent < 1024 else math.inf


def _as_float64(vectors: NDArray[Any]) -> NDArray[Any]:
    return vectors.astype(np.float64, copy=False)


def _distance_scale(value: Callable[[Floats], Floats]) -> Callable[..., Scale]:
    def scale(left: NDArray[Any], right: NDArray[Any]) -> Scale:
        (most, short), (other_most, other_short) = _lengths(left), _lengths(right)
        floor = _power_of_two(max(short, other_short) * FLOOR_OF_DISTANCES) ** 2
        return _octaves(
            floor,
            (most + other_most) ** 2,
            right,
            lambda scores: np.multiply(scores, scores, out=scores),
            lambda squares: value(0.0 - np.sqrt(squares)),
            digits=DISTANCE_DIGITS,
        )

    return scale


def _distance_block(
    left: NDArray[Any], right: NDArray[Any], product: Product
) -> Callable[[slice, slice], NDArray[Any]]:
    squares = [_dot(side, side) for side in (left, right)]

    def block(rows: slice, columns: slice) -> NDArray[Any]:
        found = product(rows, columns)
        found *= -2
        both = squares[0][rows, None] + squares[1][columns]
        found += both
        both *= CANCELLED
        close = found < both
        if close.any():
            _from_differences(found, np.nonzero(close), left[rows], right[columns])
        np.maximum(found, 0, out=found)
        np.sqrt(found, out=found)
        return np.subtract(0.0, found, out=found)

    return block


def _from_differences(
    found: NDArray[Any],
    cells: tuple[NDArray[np.intp], ...],
    left: NDArray[Any],
    right: NDArray[Any],
) -> None:
    """Squared distances of vectors so close that most digits of the quick form cancel."""
    for start in range(0, len(cells[0]), PREPARED):
        row, column = (one[start : start + PREPARED] for one in cells)
        apart = left[row] - right[column]
        found[row, column] = _dot(apart, apart)


def _minus_distance(a: Floats, b: Floats) -> Floats:
    return 0.0 - np.linalg.norm(a - b, axis=1)


def _hamming_scale(left: NDArray[Any], right: NDArray[Any]) -> Scale:
    bits = left.shape[1]
    return Even(0.0, 1.0 / bits, bits + 1, lambda scores: scores)


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
