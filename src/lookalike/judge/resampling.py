"""Resampling of whole identities, and the intervals that come of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError

Floats: TypeAlias = "NDArray[np.float64]"

MOST_GROUPS = 384
"""Units are resampled in at most so many groups; more would cost time and change no interval."""

FEW_UNITS = 20
"""With fewer units, an interval is a rough guide, which is said beside it."""


OF_PAIRS, OF_QUERIES = 6.0, 1.5
"""How far one unit may move what is missing from a share: one hard identity spoils pairs with all
others, but only its own queries."""


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
        weights: (1 + R + U, U) float32, whole numbers: the units as they are; R sets drawn with
            replacement, each of which sums to U; and the units without the first, without the
            second, and so on.
        group: (units,) the column of `weights` for each unit.

    Example:
        >>> some = Resampling.of(5, replicates=100, seed=0)
        >>> some.weights.shape, float(some.weights[some.drawn].sum(axis=1).max())
        ((106, 5), 5.0)
        >>> some.weights[-1].tolist()
        [1.0, 1.0, 1.0, 1.0, 0.0]
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
        parts = [np.ones((1, groups)), drawn, 1 - np.eye(groups)]
        return cls(np.concatenate(parts).astype(np.float32), group)

    @property
    def groups(self) -> int:
        """How many groups are drawn from."""
        return self.weights.shape[1]

    @property
    def drawn(self) -> slice:
        """Where in the replicates the sets are that were drawn."""
        return slice(1, len(self.weights) - self.groups)

    def with_part(self, totals: Floats) -> int:
        """How many groups have a part in a total, given (1 + R + U,) totals in the replicates."""
        return int((totals[self.drawn.stop :] < totals[0]).sum())

    @property
    def balance(self) -> Floats:
        """(1 + R + U,) what pairs of different units have to be multiplied by.

        Their weight is a product of two, so sets drawn have a little less of it than of pairs
        within units, and sets without a unit lose twice as much. Measures that depend on the
        share of same pairs would take that for a change.
        """
        factors = np.ones(len(self.weights))
        groups = self.groups
        if groups > 2:
            factors[self.drawn] = groups / (groups - 1)
            factors[self.drawn.stop :] = (groups - 1) / (groups - 2)
        return factors

    def means(self, values: Floats, units: NDArray[np.intp]) -> Floats:
        """(1 + R + U,) means of values in each replicate; NaN values do not count.

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
            ("seed", self.seed >= 0),
        ):
            if not good:
                raise UsageError(
                    f"{name} is out of range",
                    cure="resamples >= 100, level from 0.5 to below 1, seed >= 0",
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


@dataclass(frozen=True)
class Spread:
    """How far a number strays when units are drawn anew.

    A bootstrap alone is too sure of itself: where a sample happens to lack a hard unit, its value
    is high and its replicates are close together. Leaving out each unit once shows how much hangs
    on single ones. The larger of both errors counts, and Student's t with as many degrees of
    freedom as the evenness of these influences leaves (Satterthwaite; three tenths are taken off,
    which simulations of unequal units ask for), but at least three.

    Attributes:
        centre: The number.
        error: Its standard error.
        freedom: Degrees of freedom.
    """

    centre: float
    error: float
    freedom: float

    def ends(self, level: float) -> tuple[float, float]:
        """Between which the number lies with this confidence."""
        reach = -self.error * _between(
            lambda freedom: student_quantile((1 - level) / 2, freedom), self.freedom
        )
        return self.centre - reach, self.centre + reach

    @property
    def p(self) -> float:
        """Two-sided p-value against a number of 0."""
        if self.error == 0:
            return 1.0 if self.centre == 0 else 0.0
        t = -abs(self.centre) / self.error
        return min(1.0, 2 * _between(lambda freedom: student_share(t, freedom), self.freedom))


def spread_of(
    value: float, replicates: Floats, groups: int, *, contributing: int | None = None
) -> Spread | None:
    """The spread of a value, from its replicates.

    Args:
        value: The value itself, computed exactly.
        replicates: (1 + R + groups,) the same number in each replicate of a `Resampling`. It may
            be computed more coarsely than the value: only its changes count.
        groups: How many units were drawn from.
        contributing: How many of them have a part in the value; all if None.

    Returns:
        None if fewer than three units have a part in it, if fewer than 20 of the sets drawn have a
        value, or if the value hangs on a unit altogether, so that without it there is none.
    """
    moved = replicates[1:] - replicates[0]
    drawn, left = moved[: len(moved) - groups], moved[len(moved) - groups :]
    drawn = drawn[np.isfinite(drawn)]
    units = groups if contributing is None else contributing
    if units < 3 or len(drawn) < 20 or not np.isfinite(value) or not np.isfinite(left).all():
        return None
    influence = (groups - 1) * (left.mean() - left)
    second, fourth = float((influence**2).mean()), float((influence**4).mean())
    error = max(np.sqrt(second / (groups - 1)), float(drawn.std()) * np.sqrt(groups / (groups - 1)))
    kurtosis = fourth / second**2 if second**2 > 0 else 3.0
    freedom = 0.7 * 2 * groups / (kurtosis - 1 + 2 / (groups - 1))
    return Spread(value, float(error), float(min(max(freedom, 3), units - 1)))


def share_interval(
    value: float,
    replicates: Floats,
    groups: int,
    *,
    level: float = 0.95,
    contributing: int | None = None,
    reach: float = OF_PAIRS,
) -> Interval | None:
    """An interval for a share, made in its logit, so that it stays between 0 and 1.

    Leaving out the one bad unit may give a share of 1, whose logit is infinite. So no replicate
    counts as further from the value than by a factor `reach` in what is missing to 0 or 1. A
    share of 0 or 1 has no spread; what so many units without an exception leave open is told
    instead: a chance of one per unit of `(1 - level) / 2` to the power of one over their number
    (Clopper and Pearson, 1934).

    Args:
        value: The share.
        replicates: See `spread_of`.
        groups: How many units were drawn from.
        level: Confidence.
        contributing: How many of them have a part in the share; all if None.
        reach: `OF_PAIRS` or `OF_QUERIES`.

    Example:
        >>> share_interval(1.0, np.ones(131), 30).low < 0.9
        True
    """
    units = groups if contributing is None else contributing
    if value in (0.0, 1.0):
        if spread_of(value, replicates, groups, contributing=units) is None:
            return None
        least = ((1 - level) / 2) ** (1 / units)
        return Interval(least, 1.0, level) if value == 1 else Interval(0.0, 1 - least, level)
    missing = np.maximum(1 - replicates - (value - replicates[0]), (1 - value) / reach)
    logits = _logits(np.maximum(1 - missing, value / reach))
    found = spread_of(math.log(value / (1 - value)), logits, groups, contributing=units)
    if found is None:
        return None
    ends = (min(max(end, -700), 700) for end in found.ends(level))
    low, high = (1 / (1 + math.exp(-end)) for end in ends)
    return Interval(min(low, value), max(high, value), level)


def _logits(shares: Floats) -> Floats:
    return np.log(shares / (1 - shares))


def interval(
    value: float, replicates: Floats, groups: int, *, level: float = 0.95
) -> Interval | None:
    """An interval for any number; see `spread_of`. It holds the value."""
    found = spread_of(value, replicates, groups)
    if found is None:
        return None
    low, high = found.ends(level)
    return Interval(min(low, value), max(high, value), level)


def _between(of: Callable[[int], float], freedom: float) -> float:
    """A function of whole degrees of freedom, between them on a line in one over these."""
    low = int(freedom)
    if low == freedom:
        return of(low)
    at = (1 / low - 1 / freedom) / (1 / low - 1 / (low + 1))
    return (1 - at) * of(low) + at * of(low + 1)


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
        low, high = (middle, high) if _share_of_angle(middle, freedom) < share else (low, middle)
    return float(np.tan((low + high) / 2) * np.sqrt(freedom))


def student_share(t: float, freedom: int) -> float:
    """How much of Student's distribution lies below a value.

    Example:
        >>> round(student_share(-2.262, 9), 3)
        0.025
    """
    return _share_of_angle(float(np.arctan(t / np.sqrt(freedom))), freedom)


def _share_of_angle(angle: float, freedom: int) -> float:
    sine, cosine = float(np.sin(angle)), float(np.cos(angle))
    odd = freedom % 2 == 1
    term, total = (cosine if odd else 1.0), 0.0
    for step in range(2 if odd else 1, freedom, 2):
        total += term
        term *= cosine * cosine * step / (step + 1)
    within = 2 / np.pi * (angle + sine * total) if odd else sine * total
    return float((1 + within) / 2)
