"""Times of repeated calls: medians with their spread, and whether they can be trusted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from lookalike.errors import UsageError

NOISY_SPREAD = 0.15
"""Distance of the quartiles, as a share of the median, from which a time is called noisy."""

NOISY_ROUNDS = 0.10
"""Difference of the rounds' medians, as a share of the smaller, from which it is called so too."""

ROUNDS = 2

MOST_REPEATS = 5000
"""Repeats of a round after which more would say nothing."""


@dataclass(frozen=True)
class Effort:
    """How long a time is measured.

    Attributes:
        repeats: Calls that are measured at least, over all rounds.
        seconds: Seconds that they take together at least.
        most_seconds: Seconds after which a call is repeated no more, however few they were.
        warm_up: Calls before, which are not counted; a slow call is called at least once.

    Raises:
        UsageError: Numbers that allow no measurement.
    """

    repeats: int = 30
    seconds: float = 2.0
    most_seconds: float = 10.0
    warm_up: int = 10

    def __post_init__(self) -> None:
        if self.repeats < ROUNDS or self.seconds < 0 or self.most_seconds <= 0 or self.warm_up < 1:
            raise UsageError(
                "times can't be measured so",
                cure=f"repeats >= {ROUNDS}, warm_up >= 1, seconds >= 0, most_seconds > 0",
            )


@dataclass(frozen=True)
class Timing:
    """A time in milliseconds, measured again and again on the monotonic clock.

    Attributes:
        median: Of all repeats.
        q1: First quartile, by linear interpolation.
        q3: Third quartile.
        p95: 95th percentile.
        minimum: Shortest.
        repeats: How many were measured.
        rounds: The median of each round; between rounds other things were done, and the last ones
            may be those of another process. The other figures are of the first process.

    Example:
        >>> timing = Timing.of([[10, 12, 11], [50, 11]])
        >>> timing.median, timing.q1, timing.q3, round(timing.p95, 1)
        (11.0, 11.0, 12.0, 42.4)
    """

    median: float
    q1: float
    q3: float
    p95: float
    minimum: float
    repeats: int
    rounds: tuple[float, ...]

    @classmethod
    def of(cls, rounds: Sequence[Sequence[float]]) -> Timing:
        """From the milliseconds of each round; rounds without any are left out."""
        kept = [np.asarray(one, np.float64) for one in rounds if len(one)]
        every = np.concatenate(kept)
        q1, median, q3, p95 = np.percentile(every, [25, 50, 75, 95]).tolist()
        return cls(
            median,
            q1,
            q3,
            p95,
            float(every.min()),
            len(every),
            tuple(float(np.median(one)) for one in kept),
        )

    def beside(self, other: Timing) -> Timing:
        """This time, with the rounds of another process behind its own.

        Threads may lie well or badly for as long as a process lives, which no spread within it
        shows.

        Example:
            >>> one, other = Timing.of([[1.0, 1.0]]), Timing.of([[1.8, 1.8]])
            >>> one.noisy, one.beside(other).noisy, round(one.beside(other).drift, 3)
            (False, True, 0.8)
        """
        return replace(self, rounds=(*self.rounds, *other.rounds))

    @property
    def spread(self) -> float:
        """Distance of the quartiles, as a share of the median."""
        return (self.q3 - self.q1) / self.median if self.median else 0.0

    @property
    def drift(self) -> float:
        """How much the slowest round took longer than the quickest, as a share of the latter."""
        low = min(self.rounds)
        return max(self.rounds) / low - 1 if low else 0.0

    @property
    def noisy(self) -> bool:
        """Whether another measurement may well differ: see `NOISY_SPREAD` and `NOISY_ROUNDS`."""
        return self.spread > NOISY_SPREAD or self.drift > NOISY_ROUNDS

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return asdict(self) | {"spread": self.spread, "drift": self.drift, "noisy": self.noisy}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Timing:
        """From `to_dict`."""
        names = ("median", "q1", "q3", "p95", "minimum", "repeats")
        return cls(**{name: plain[name] for name in names}, rounds=tuple(plain["rounds"]))


def milliseconds(call: Callable[[], object]) -> float:
    """How long one call takes.

    Example:
        >>> milliseconds(lambda: None) >= 0
        True
    """
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def warmed_up(call: Callable[[], object], effort: Effort) -> None:
    """Calls until caches, clocks and lazily made things are as they will be; see `Effort`."""
    start = time.perf_counter()
    for _ in range(effort.warm_up):
        call()
        if time.perf_counter() - start > effort.most_seconds / 4:
            break


def one_round(call: Callable[[], object], effort: Effort) -> list[float]:
    """Milliseconds of each call of one of the `ROUNDS` rounds; at least one call."""
    found: list[float] = []
    start = time.perf_counter()
    while True:
        found.append(milliseconds(call))
        passed = (time.perf_counter() - start) * ROUNDS
        enough = len(found) * ROUNDS >= effort.repeats and passed >= effort.seconds
        if enough or passed >= effort.most_seconds or len(found) == MOST_REPEATS:
            return found
