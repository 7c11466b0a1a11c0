"""The similarity of vectors, checked for shape, values and fingerprint."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.errors import VectorError
from lookalike.metrics.metric import Floats, metric_named


@runtime_checkable
class Comparable(Protocol):
    """Vectors that know which encoder they come from, and refuse those of another."""

    @property
    def vectors(self) -> NDArray[Any]:
        """(N, D) array."""
        ...

    def require_comparable(self, other: Any) -> None:
        """Raise `FingerprintError` unless both have one fingerprint."""
        ...


Vectors: TypeAlias = "ArrayLike | Comparable"


def similarity(
    a: Vectors, b: Vectors, *, metric: str = "cosine", paired: bool = False
) -> float | Floats:
    """How alike vectors are, under one metric.

    Args:
        a: (D,) or (N, D) numbers, or `Embeddings`.
        b: (D,) or (M, D) numbers, or `Embeddings` of the same fingerprint.
        metric: ``cosine`` (-1 to 1), ``reciprocal-euclidean`` (0 to 1e6), ``inner-product`` or
            ``hamming`` (0 to 1, bits only), ``negative-euclidean`` (up to 0), where higher is
            closer; ``euclidean`` (0 up), where lower is closer.
        paired: Row n of `a` with row n of `b` only.

    Returns:
        A float for two vectors (D,); (N,) or (M,) if one of them is a single vector; (N, M)
        float64 otherwise; (N,) if `paired`. A vector of zeros has cosine 0 with everything, and
        reciprocal-euclidean 1e6 with another zero; no finite input gives NaN.

    Raises:
        FingerprintError: Both are Embeddings, of different encoders; shows how they differ.
        VectorError: Unequal lengths, values that are not finite, or anything but 0 and 1 under
            ``hamming``.
        UnknownNameError: No such metric.

    Example:
        >>> similarity([3, 4, 0], [[0, 0, 2], [6, 8, 0], [3, 4, 0]]).tolist()
        [0.0, 1.0, 1.0]
        >>> similarity([3, 4, 0], [3, 4, 0], metric="reciprocal-euclidean")
        1000000.0
    """
    chosen = metric_named(metric)
    if isinstance(a, Comparable) and isinstance(b, Comparable):
        a.require_comparable(b)
    left, single_left = _matrix(a, "a")
    right, single_right = _matrix(b, "b")
    _check(left, right, metric)
    if paired:
        if len(left) != len(right):
            raise VectorError(f"paired rows need equal counts, not {len(left)} and {len(right)}")
        return chosen.rows(left, right)
    values = chosen.matrix(left, right)
    if single_left and single_right:
        return float(values[0, 0])
    if single_left:
        return values[0]
    return values[:, 0] if single_right else values


def _matrix(vectors: Vectors, name: str) -> tuple[Floats, bool]:
    plain = vectors.vectors if isinstance(vectors, Comparable) else vectors
    try:
        array = np.asarray(plain).astype(np.float64, casting="same_kind", copy=False)
    except (TypeError, ValueError) as error:
        raise VectorError(f"{name} is no array of real numbers: {error}") from error
    if array.ndim not in (1, 2):
        raise VectorError(f"{name} has shape {array.shape}", cure="give (D,) or (N, D)")
    return np.atleast_2d(array), array.ndim == 1


def _check(left: Floats, right: Floats, metric: str) -> None:
    if left.shape[1] != right.shape[1]:
        raise VectorError(
            f"vectors of length {left.shape[1]} and {right.shape[1]} can't be compared"
        )
    if left.shape[1] == 0:
        raise VectorError("vectors without entries can't be compared")
    for name, array in (("a", left), ("b", right)):
        finite = np.isfinite(array).all(axis=1)
        if not finite.all():
            raise VectorError(
                f"{name} has values that are not finite", where=f"row {int(np.argmin(finite))}"
            )
        if metric == "hamming" and not np.isin(array, (0.0, 1.0)).all():
            raise VectorError(
                f"{name} has values other than 0 and 1",
                cure="hamming compares bits; use cosine for real numbers",
            )
