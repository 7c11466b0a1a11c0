"""What one model's column or row holds, whether it was published or measured here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from lookalike.errors import UsageError
from lookalike.measuring.subject import POSITIVE


@dataclass(frozen=True)
class PairFigures:
    """One pair of pictures under one model; None is a figure that is not there.

    Attributes:
        embed_ms: Time of embedding, in milliseconds.
        similarity_ms: Time of comparing two vectors, in milliseconds.
        similarity: 100 x cosine, called per cent, from -100 to 100.

    Raises:
        UsageError: A figure that is not finite.
    """

    embed_ms: float | None = None
    similarity_ms: float | None = None
    similarity: float | None = None

    def __post_init__(self) -> None:
        _require_finite(embed_ms=self.embed_ms, similarity_ms=self.similarity_ms)
        _require_finite(similarity=self.similarity)

    @property
    def empty(self) -> bool:
        """Whether it has no figure at all."""
        return self.embed_ms is None and self.similarity_ms is None and self.similarity is None


@dataclass(frozen=True)
class Figures:
    """All figures of one model; None is a figure that is not there.

    Attributes:
        label: As a table prints it, e.g. ``resnet50(v2)``.
        pairs: Role to figures: ``positive``, and the negatives under names of their own.
        dim: Length of the vector.
        gflops: Multiply-accumulates for one picture, in 10^9.
        acc1: Published ImageNet top-1 accuracy, in per cent.
        acc5: Published ImageNet top-5 accuracy, in per cent.
        params: Number of parameters.

    Raises:
        UsageError: A figure that is not finite.

    Example:
        >>> pairs = {"positive": PairFigures(similarity=62.6513), "n": PairFigures(similarity=-3.1)}
        >>> Figures("efficientnet_b1(v2)", pairs).margin("n")
        65.7513
    """

    label: str
    pairs: Mapping[str, PairFigures]
    dim: int | None = None
    gflops: float | None = None
    acc1: float | None = None
    acc5: float | None = None
    params: int | None = None

    def __post_init__(self) -> None:
        _require_finite(gflops=self.gflops, acc1=self.acc1, acc5=self.acc5)

    def pair(self, role: str) -> PairFigures:
        """The figures of a role, all None if it has none."""
        return self.pairs.get(role, PairFigures())

    def margin(self, negative: str) -> float | None:
        """Similarity of the positive less that of a negative; None if one of them is not there."""
        return difference(self.pair(POSITIVE).similarity, self.pair(negative).similarity)


def difference(one: float | None, other: float | None) -> float | None:
    """`one` less `other` as the decimals they print as, so that equal differences are equal.

    Example:
        >>> difference(0.3, 0.1), 0.3 - 0.1
        (0.2, 0.19999999999999998)
    """
    if one is None or other is None:
        return None
    return float(Decimal(str(one)) - Decimal(str(other)))


def roles_of(figures: Iterable[Figures]) -> tuple[str, ...]:
    """The roles that have a figure somewhere, the positive first.

    Columns with more roles have their order, so that a column without ``n`` does not put ``n1``
    in front of it.

    Example:
        >>> one = PairFigures(similarity=1.0)
        >>> few, more = {"positive": one, "n1": one}, {"positive": one, "n": one, "n1": one}
        >>> roles_of([Figures("a", few), Figures("b", more)])
        ('positive', 'n', 'n1')
    """
    held = [[role for role, pair in one.pairs.items() if not pair.empty] for one in figures]
    found = dict.fromkeys(role for roles in sorted(held, key=len, reverse=True) for role in roles)
    first = (POSITIVE,) if POSITIVE in found else ()
    return (*first, *(role for role in found if role != POSITIVE))


def _require_finite(**figures: float | None) -> None:
    for name, value in figures.items():
        if value is not None and not math.isfinite(value):
            raise UsageError(f"{name}={value} is no figure", cure="leave it out (None)")
