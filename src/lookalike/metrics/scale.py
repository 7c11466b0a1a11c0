"""Scales of levels: whole numbers that scores are rounded to, so that they can be counted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.metrics.metric import Floats

DIGITS = 34
"""Binary digits of a level: steps are about this many halvings of the score that is rounded."""

ROOM = 62
"""Binary digits that a level and a position among the columns have together, as ranks use them."""

SEGMENTS = 2**12
"""Equal parts of a scale, each of which is cut into as many cells as its pairs are worth."""


class Scale(ABC):
    """Levels that scores are rounded to, so that equal scores stay equal.

    The last digits of a product depend on how it is blocked. Rounding to levels much coarser than
    that, and much finer than any difference that matters, gives each pair one score. Levels are
    whole numbers from 0, the higher the closer, so scores can be counted.
    """

    @property
    @abstractmethod
    def levels(self) -> int:
        """How many there are."""

    @abstractmethod
    def level(self, scores: NDArray[Any], out: NDArray[np.int64]) -> NDArray[np.int64]:
        """The level of each score; overwrites the scores, and fills and returns `out`."""

    @abstractmethod
    def values(self, levels: NDArray[np.int64]) -> Floats:
        """The metric's values at levels."""


@dataclass(frozen=True)
class Even(Scale):
    """Evenly spaced levels.

    Attributes:
        low: Score of level 0.
        step: From one level to the next.
        count: How many there are.
        value: Scores (higher is closer) → values of the metric.

    Example:
        >>> scale = Even(-1.0, 0.5, 5, lambda scores: scores)
        >>> scale.level(np.array([-1.0, 0.1, 1.0]), np.empty(3, np.int64)).tolist()
        [0, 2, 4]
    """

    low: float
    step: float
    count: int
    value: Callable[[Floats], Floats]

    @property
    def levels(self) -> int:
        """How many there are."""
        return self.count

    def level(self, scores: NDArray[Any], out: NDArray[np.int64]) -> NDArray[np.int64]:
        """The nearest level of each score."""
        np.multiply(scores, 1 / self.step, out=scores)
        np.add(scores, 0.5 - self.low / self.step, out=scores)
        np.copyto(out, scores, casting="unsafe")  # rounds down, since nothing is below 0
        return out

    def values(self, levels: NDArray[np.int64]) -> Floats:
        """The metric's values at levels."""
        return self.value((self.low + levels * self.step).astype(np.float64))


@dataclass(frozen=True)
class Octaves(Scale):
    """Levels as floats have them: even up to a floor, then as many to every doubling.

    So a few scores that are a million times larger than the others take no level away from those.
    A score has a magnitude from 0 up: its distance from the closest score there can be, or, where
    scores have both signs, from 0.

    Attributes:
        floor: A power of two: magnitudes below it are rounded to even steps.
        most: The largest magnitude there can be.
        digits: There are 2 to this power levels to a doubling.
        magnitude: Scores → magnitudes, in place; signs do not matter where `signed`.
        value: Magnitudes, with signs where `signed` → values of the metric.
        signed: Whether scores lie on both sides of 0, the higher the closer.

    Example:
        >>> def distances(scores):
        ...     return np.abs(scores, out=scores)
        >>> scale = Octaves(1.0, 1e6, 20, distances, lambda distances: distances)
        >>> far = scale.level(-np.array([0.0, 1e-3, 5e5]), np.empty(3, np.int64))
        >>> far.argsort().tolist(), scale.values(far).round(4).tolist()
        ([2, 1, 0], [0.0, 0.001, 500000.0])
    """

    floor: float
    most: float
    digits: int
    magnitude: Callable[[NDArray[Any]], NDArray[Any]]
    value: Callable[[Floats], Floats]
    signed: bool = False

    @property
    def levels(self) -> int:
        """How many there are."""
        return self._reach * (2 if self.signed else 1) + 1

    @property
    def _reach(self) -> int:
        """Levels from magnitude 0 to the largest, in whole doublings."""
        return octaves(self.floor, self.most) << self.digits

    @property
    def _shift(self) -> int:
        return 52 - self.digits

    @property
    def _base(self) -> int:
        return int(np.float64(self.floor).view(np.int64)) >> self._shift

    def level(self, scores: NDArray[Any], out: NDArray[np.int64]) -> NDArray[np.int64]:
        """The nearest level of each score."""
        positive = scores > 0 if self.signed else None
        found = self.magnitude(scores)
        found += np.maximum(found, self.floor)  # twice a magnitude above the floor, so without loss
        np.add(found.view(np.int64), 1 << (self._shift - 1), out=out)
        np.right_shift(out, self._shift, out=out)  # the bits of a positive float rise with it
        if positive is not None:
            out -= self._base
            np.negative(out, out=out, where=~positive)
            out += self._reach
            return out
        return np.subtract(self._reach + self._base, out, out=out)

    def values(self, levels: NDArray[np.int64]) -> Floats:
        """The metric's values at levels."""
        steps = np.asarray(levels, np.int64) - self._reach
        bits = (np.abs(steps) + self._base) << self._shift
        found = bits.view(np.float64)
        magnitudes = np.where(found < 2 * self.floor, found - self.floor, found / 2)
        return self.value(np.copysign(magnitudes, steps) if self.signed else magnitudes)


def octaves(floor: float, most: float) -> int:
    """Doublings that lead from a floor beyond a largest magnitude; everything below it is one.

    Example:
        >>> octaves(1.0, 0.0), octaves(1.0, 3.0), octaves(0.5, 3.0)
        (1, 3, 4)
    """
    return int(np.frexp(most + max(most, floor))[1] - np.frexp(floor)[1]) + 1


@dataclass(frozen=True, eq=False)
class Cells(Scale):
    """A scale with fewer levels, narrow where pairs are many: for counting on an array.

    Attributes:
        fine: The scale whose levels are gathered.
        width: Each segment holds 2 to this power of its levels.
        starts: (S,) the first cell of each segment.
        shifts: (S,) each of its cells holds 2 to this power of levels.
    """

    fine: Scale
    width: int
    starts: NDArray[np.int64]
    shifts: NDArray[np.int64]

    @property
    def levels(self) -> int:
        """How many there are."""
        return int(self.of(np.array([self.fine.levels - 1]))[0]) + 1

    def level(self, scores: NDArray[Any], out: NDArray[np.int64]) -> NDArray[np.int64]:
        """The cell of each score."""
        return self.of(self.fine.level(scores, out))

    def of(self, levels: NDArray[np.int64]) -> NDArray[np.int64]:
        """The cell of each fine level; overwrites them."""
        segments = levels >> self.width
        levels &= (1 << self.width) - 1
        levels >>= self.shifts[segments]
        levels += self.starts[segments]
        return levels

    def values(self, levels: NDArray[np.int64]) -> Floats:
        """The metric's values down to which each cell reaches (up to, for distances)."""
        cells = np.asarray(levels, np.int64)
        segments = np.searchsorted(self.starts, cells, "right") - 1
        within = (cells - self.starts[segments]) << self.shifts[segments]
        return self.fine.values((segments << self.width) + within)


def condensed(scale: Scale, samples: list[NDArray[np.int64]], most: int) -> Scale:
    """A scale with at most so many levels; the same one if it has no more.

    Args:
        scale: Any.
        samples: Levels of pairs that are to be told apart; each array has an equal say.
        most: At least 4.

    Example:
        >>> scale = Even(0.0, 1.0, 2**20, lambda scores: scores)
        >>> cells = condensed(scale, [np.arange(1000)], 2**10)
        >>> few = cells.level(np.array([10.0, 20.0, 500000.0]), np.empty(3, np.int64))
        >>> few.argsort().tolist(), cells.levels <= 2**10
        ([0, 1, 2], True)
    """
    if scale.levels <= most + 1:
        return scale
    parts = min(SEGMENTS, 2 ** (most.bit_length() - 2))
    width = max(0, int(scale.levels - 1).bit_length() - (parts.bit_length() - 1))
    count = ((scale.levels - 1) >> width) + 1
    shares = [np.bincount(one >> width, minlength=count) / len(one) for one in samples if len(one)]
    share = sum(shares) / max(1, len(shares)) if shares else np.zeros(count)
    # a part is for whatever is in none of the samples
    worth = 0.875 * share + 0.125 / count
    digits = np.floor(np.log2(np.maximum(worth * (most - count), 1))).astype(np.int64)
    shifts = np.maximum(width - digits, 0)
    sizes = np.left_shift(1, width - shifts)
    return Cells(scale, width, np.cumsum(sizes) - sizes, shifts)
