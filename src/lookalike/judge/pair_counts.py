"""How many pairs of the same thing and of different things have each score."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.errors import UsageError, VectorError
from lookalike.judge import pair_metrics

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PairCounts:
    """Scores of pairs, counted: everything that metrics over pairs need.

    Attributes:
        values: (L,) float64, the distinct values of the metric, closest first.
        same: (L,) int64, pairs of the same thing with that value.
        different: (L,) int64, pairs of different things with it.
        higher_is_closer: The metric's direction.

    Example:
        >>> counts = PairCounts.of([0.9, 0.8, 0.8, 0.1], [True, False, True, False])
        >>> counts.values.tolist(), counts.same.tolist(), float(counts.roc_auc)
        ([0.9, 0.8, 0.1], [1, 1, 0], 0.875)
    """

    values: Floats
    same: NDArray[np.int64]
    different: NDArray[np.int64]
    higher_is_closer: bool = True

    @classmethod
    def of(cls, values: ArrayLike, same: ArrayLike, *, higher_is_closer: bool = True) -> PairCounts:
        """Counts of pairs whose values are at hand.

        Args:
            values: (P,) finite numbers, of any sign and scale.
            same: (P,) whether each pair is the same thing.
            higher_is_closer: False for distances.

        Raises:
            VectorError: Unequal lengths, or values that are not finite.
        """
        numbers = np.asarray(values, np.float64).ravel()
        truth = np.asarray(same, bool).ravel()
        if numbers.shape != truth.shape:
            raise VectorError(f"{len(numbers)} values for {len(truth)} pairs")
        if not np.isfinite(numbers).all():
            raise VectorError(
                "a value is not finite", where=f"pair {int(np.argmin(np.isfinite(numbers)))}"
            )
        distinct, places = np.unique(numbers, return_inverse=True)
        counts = [np.bincount(places[which], minlength=len(distinct)) for which in (truth, ~truth)]
        order = slice(None, None, -1 if higher_is_closer else 1)
        return cls(distinct[order], counts[0][order], counts[1][order], higher_is_closer)

    @property
    def pairs(self) -> tuple[int, int]:
        """How many pairs are the same, and how many are different."""
        return int(self.same.sum()), int(self.different.sum())

    @property
    def roc_auc(self) -> float:
        """See `pair_metrics.roc_auc`."""
        return float(pair_metrics.roc_auc(self.same, self.different))

    def threshold(self, accepted: int) -> float:
        """The value that accepts so many distinct values, closest first, and no more.

        It lies halfway to the next one, so that new pairs fall on the side they are nearer to. A
        threshold that accepts nothing lies beyond the first, one that accepts all at the last.
        """
        values = self.values
        if not 0 <= accepted <= len(values):
            raise UsageError(f"{accepted} of {len(values)} values can't be accepted")
        if len(values) == 0:
            return float("nan")
        if accepted == len(values):
            return float(values[-1])
        if accepted == 0:
            return self._beyond_all()
        last, following = float(values[accepted - 1]), float(values[accepted])
        middle = last / 2 + following / 2
        return last if middle == following else middle

    def _beyond_all(self) -> float:
        """Half as far before the first value as the second is behind it."""
        first = float(self.values[0])
        outwards = math.inf if self.higher_is_closer else -math.inf
        gap = abs(first / 2 - float(self.values[1]) / 2) if len(self.values) > 1 else 0.0
        found = first + math.copysign(gap, outwards)
        if found == first or not math.isfinite(found):
            found = math.nextafter(first, outwards)
        return found

    def accepted(self, threshold: float) -> int:
        """How many of the distinct values a threshold accepts: those at least as close."""
        if self.higher_is_closer:
            return int((self.values >= threshold).sum())
        return int((self.values <= threshold).sum())

    def rates(self, threshold: float) -> tuple[float, float]:
        """False and true positive rate of a threshold."""
        accepted = self.accepted(threshold)
        fpr, tpr = pair_metrics.roc_curve(self.same, self.different)
        return float(fpr[accepted]), float(tpr[accepted])

    def histogram(self, bins: int = 60) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
        """(bins + 1,) rising edges, and how many same and different pairs lie between them."""
        if len(self.values) == 0:
            empty = np.zeros(bins, np.int64)
            return np.linspace(0, 1, bins + 1), empty, empty
        low, high = float(self.values.min()), float(self.values.max())
        largest = max(abs(low), abs(high))
        if largest < 1e-290:
            low, high = -0.5, 0.5
        elif not high - low > 1e-9 * largest:  # too narrow for edges of their own
            low, high = low - 1e-6 * largest, high + 1e-6 * largest
        edges = np.linspace(low, high, bins + 1)
        counted = [
            np.histogram(self.values, edges, weights=one)[0].astype(np.int64)
            for one in (self.same, self.different)
        ]
        return edges, counted[0], counted[1]
