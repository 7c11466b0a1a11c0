"""Resampling of whole identities, and the intervals that come of it."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError

Floats: TypeAlias = "NDArray[np.float64]"

MOST_GROUPS = 384
"""Units are resampled in at most so many groups; more would cost time and change no interval."""

FEW_UNITS = 20
"""With fewer units, an interval is a rough guide, which is said beside it."""


@dataclass(frozen=True)
class Interval:
    """Where the value would lie for other pictures drawn in the same way.

    Attributes:
        low: Lower end.
        high: Upper end.
        level: Confidence, e.g. 0.95.
    """

    low: float
    high: float
    level: float = 0.95

    def to_dict(self) -> dict[str, float]:
        """The ends and the level."""
        return {"low": self.low, "high": self.high, "level": self.level}


@dataclass(frozen=True, eq=False)
class Resampling:
    """Replicates of a set of units: how often each occurs in each of them.

    Attributes:
        weights: (R, U) float32, whole numbers; each row sums to U.
        group: (units,) the column of `weights` for each unit.

    Example:
        >>> some = Resampling.of(5, replicates=100, seed=0)
        >>> some.weights.shape, float(some.weights.sum(axis=1).max())
        ((100, 5), 5.0)
    """

    weights: NDArray[np.float32]
    group: NDArray[np.intp]

    @classmethod
    def of(cls, units: int, *, replicates: int, seed: int) -> Resampling:
        """Draws with replacement, reproducibly.

        Args:
            units: How many there are. More than `MOST_GROUPS` are put together, neighbours with
                neighbours, into groups that are drawn as one; a trial numbers its units at random.
            replicates: How many sets are drawn.
            seed: Of the generator.
        """
        rng = np.random.default_rng(seed)
        groups = min(units, MOST_GROUPS)
        group = np.arange(units) * groups // max(units, 1)
        chances = np.full(groups, 1 / max(groups, 1))
        drawn = (
            rng.multinomial(groups, chances, size=replicates)
            if groups
            else np.zeros((replicates, 0))
        )
        return cls(drawn.astype(np.float32), group)

    @property
    def groups(self) -> int:
        """How many groups are drawn from."""
        return self.weights.shape[1]

    def means(self, values: Floats, units: NDArray[np.intp]) -> Floats:
        """(R,) means of values in each replicate; NaN values do not count.

        Args:
            values: (N,) one per query.
            units: (N,) the unit of each.
        """
        counted = ~np.isnan(values)
        groups = self.group[units[counted]]
        sums = np.bincount(groups, values[counted], minlength=self.groups)
        counts = np.bincount(groups, minlength=self.groups)
        above, below = self.weights @ sums, self.weights @ counts
        return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)


@dataclass(frozen=True)
class Drawing:
    """How intervals are made: how many replicates, at which confidence, from which seed.

    Raises:
        UsageError: Fewer than 100 replicates, or a confidence outside 0.5 to 1.
    """

    resamples: int
    level: float
    seed: int

    def __post_init__(self) -> None:
        for name, good in (
            ("resamples", self.resamples >= 100),
            ("level", 0.5 <= self.level < 1),
        ):
            if not good:
                raise UsageError(
                    f"{name} is out of range", cure="resamples >= 100, level from 0.5 to below 1"
                )

    def of(self, units: int) -> Resampling:
        """Replicates of so many units."""
        return Resampling.of(units, replicates=self.resamples, seed=self.seed)

    def notes(self, trial: Units, resampling: Resampling) -> tuple[str, ...]:
        """How the intervals were made, and whether there are enough units for them."""
        units, groups = trial.units, resampling.groups
        drawn = f", drawn in {groups} groups" if groups < units else ""
        made = (
            f"intervals: {self.level * 100:.4g}%, bootstrap over {units:,} {trial.unit}"
            f"{drawn}, {self.resamples:,} replicates, seed {self.seed}"
        )
        few = f"{units} {trial.unit} are few: take the intervals as a rough guide"
        return (made, few) if units < FEW_UNITS else (made,)


class Units(Protocol):
    """What has units to draw from, such as a trial."""

    @property
    def units(self) -> int:
        """How many there are."""
        ...

    @property
    def unit(self) -> str:
        """What they are called, in the plural."""
        ...


def interval(
    value: float,
    replicates: Floats,
    groups: int,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Interval | None:
    """A percentile interval from replicates, widened for few groups.

    Percentiles of a bootstrap are too narrow by about (n - 1)/n and by the difference between
    normal and t quantiles; the percentiles are moved outwards to make up for both (Hesterberg,
    "What Teachers Should Know About the Bootstrap", 2015).

    Args:
        value: The value itself, computed exactly.
        replicates: (1 + R,) the same number without resampling, then in each replicate. It may
            be computed more coarsely than the value: only its changes count.
        groups: How many units were drawn from.
        level: Confidence.
        bounds: Between which the value can lie.

    Returns:
        None if there are fewer than two groups or no finite replicates.
    """
    found = replicates[1:] + (value - replicates[0])
    found = found[np.isfinite(found)]
    if groups < 2 or len(found) < 20 or not np.isfinite(value):
        return None
    tail = NormalDist().cdf(
        np.sqrt(groups / (groups - 1)) * student_quantile((1 - level) / 2, groups - 1)
    )
    low, high = np.quantile(found, [tail, 1 - tail])
    low, high = (float(np.clip(end, *bounds)) for end in (low, high))
    return Interval(min(low, value), max(high, value), level)


def student_quantile(share: float, freedom: int) -> float:
    """A quantile of Student's t for a whole number of degrees of freedom.

    Found by halving on the distribution function, which has a finite sum for each of them
    (Abramowitz and Stegun, 26.7.3 and 26.7.4).

    Example:
        >>> round(student_quantile(0.025, 9), 3), round(student_quantile(0.025, 1), 2)
        (-2.262, -12.71)
    """
    low, high = -np.pi / 2, np.pi / 2  # the angle whose tangent is t over the root of freedom
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _student_share(middle, freedom) < share else (low, middle)
    return float(np.tan((low + high) / 2) * np.sqrt(freedom))


def _student_share(angle: float, freedom: int) -> float:
    sine, cosine = float(np.sin(angle)), float(np.cos(angle))
    odd = freedom % 2 == 1
    term, total = (cosine if odd else 1.0), 0.0
    for step in range(2 if odd else 1, freedom, 2):
        total += term
        term *= cosine * cosine * step / (step + 1)
    within = 2 / np.pi * (angle + sine * total) if odd else sine * total
    return float((1 + within) / 2)
