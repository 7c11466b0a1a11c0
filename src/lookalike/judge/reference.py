"""The scores of a calibration, kept so that new ones can be held against them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.errors import VectorError
from lookalike.judge.count import Counted
from lookalike.judge.resampling import Resampling
from lookalike.report import Column, Table, View

Floats: TypeAlias = "NDArray[np.float64]"

POINTS = 400
"""Quantiles that are kept of the scores of a calibration."""

HANDFUL, HANDFULS = 24, 400
"""Pictures in a handful, and how many handfuls show how far a few pictures stray."""

CHANCE = 0.001
"""How often a check would fire on new scores of the same kind, roughly."""


@dataclass(frozen=True)
class Reference:
    """The scores of a calibration, as quantiles, and how far other pictures' may lie from them.

    Attributes:
        quantiles: Rising values of the metric at evenly spaced shares from 0 to 1.
        spread: How far the distribution moves, in the sense of Kolmogorov and Smirnov, when its
            identities are drawn anew.
        jitter: How far that of the pairs of m random pictures lies from it, times the root of m.
    """

    quantiles: tuple[float, ...]
    spread: float
    jitter: float

    def shares(self, values: NDArray[np.float64], side: Literal["left", "right"]) -> Floats:
        """Share of the calibration's scores below each value (``left``), or up to it (``right``).

        Between two quantiles it is a straight line; at a value that many pairs share it jumps.
        """
        quantiles, steps = np.array(self.quantiles), len(self.quantiles) - 1
        below = np.searchsorted(quantiles, values, "left")
        upto = np.searchsorted(quantiles, values, "right")
        low, high = quantiles[np.maximum(below - 1, 0)], quantiles[np.minimum(below, steps)]
        part = np.divide(values - low, high - low, out=np.zeros(len(values)), where=high > low)
        between = np.clip(below - 1 + part, 0, steps)
        between = np.where(below > steps, steps, between)
        at = below if side == "left" else upto - 1
        return np.where(upto > below, at, between) / steps

    def drift(self, values: ArrayLike) -> Drift:
        """Hold new scores against these.

        Args:
            values: Scores among random pictures that are like those in use: of all their pairs,
                or of random ones. Pairs that were picked for being close would look like a drift.

        Raises:
            VectorError: No scores, or some that are not finite.
        """
        found = np.asarray(values, np.float64).ravel()
        if len(found) == 0 or not np.isfinite(found).all():
            raise VectorError("a drift check needs scores, and all of them finite")
        pictures = (1 + math.sqrt(1 + 8 * len(found))) / 2
        limit = math.sqrt(2 * self.spread**2 + self.jitter**2 / pictures)
        return Drift(self.distance(found), min(limit, 1.0), len(found))

    def distance(self, values: NDArray[np.float64]) -> float:
        """Largest difference between the cumulative distribution of values and this one."""
        found = np.sort(values)
        return float(
            max(
                np.abs(
                    self.shares(found, side) - np.searchsorted(found, found, side) / len(found)
                ).max()
                for side in ("left", "right")
            )
        )

    def beyond(self, value: float) -> str:
        """``above`` or ``below`` if a value lies outside all that were seen, else nothing."""
        low, high = self.quantiles[0], self.quantiles[-1]
        return "above" if value > high else "below" if value < low else ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "quantiles": list(self.quantiles),
            "spread": self.spread,
            "jitter": self.jitter,
        }


@dataclass(frozen=True)
class Drift:
    """Whether new scores look like those of a calibration.

    Attributes:
        distance: Largest difference between the two cumulative distributions, 0 to 1
            (Kolmogorov and Smirnov).
        limit: Beyond which other pictures of the same kind would hardly lie.
        scores: How many new scores there were.

    Example:
        >>> Drift(0.4, 0.1, 1000).drifted
        True
    """

    distance: float
    limit: float
    scores: int

    @property
    def drifted(self) -> bool:
        """Whether the distance exceeds the limit: the threshold should not be trusted there."""
        return self.distance > self.limit

    @property
    def words(self) -> str:
        """The finding as a sentence."""
        figures = f"distance {self.distance:.3f}, limit {self.limit:.3f}, {self.scores:,} scores"
        if self.drifted:
            return (
                f"DRIFT: the scores are not like those of the calibration ({figures}). "
                "The threshold does not hold for these pictures; calibrate anew"
            )
        return f"no drift: the scores are like those of the calibration ({figures})"

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints, besides command and version."""
        plain = {"distance": self.distance, "limit": self.limit, "scores": self.scores}
        row = {**plain, "drifted": self.drifted, "words": self.words}
        return {"results": [row], "notes": []}

    def view(self) -> View:
        """The finding as people see it."""
        columns = (
            Column("distance", "distance", "number"),
            Column("limit", "limit", "number"),
            Column("scores", "scores", "whole"),
            Column("drifted", "drifted"),
        )
        return View(
            "Do new scores look like those of the calibration?",
            (Table(columns, self.to_dict()["results"]),),
            notes=() if self.drifted else (self.words,),
            warnings=(self.words,) if self.drifted else (),
        )


def reference_of(
    counted: Counted, resampling: Resampling, handfuls: Sequence[NDArray[np.float64]]
) -> Reference:
    """The reference that a calibration keeps.

    Args:
        counted: Pairs of random pictures, with replicates over their identities.
        resampling: Which made these.
        handfuls: The scores among `HANDFUL` pictures each, drawn at random.
    """
    counts = counted.counts
    order = slice(None, None, -1 if counts.higher_is_closer else 1)
    values, pairs = counts.values[order], (counts.same + counts.different)[order]
    upto = np.cumsum(pairs) / pairs.sum()
    places = np.searchsorted(upto, np.linspace(0, 1, POINTS + 1) - 1e-12)
    quantiles = values[np.minimum(places, len(values) - 1)]
    total = np.cumsum(counted.same + counted.different, axis=1)
    shares = total / np.maximum(total[:, -1:], 1)
    moved = np.abs(shares[resampling.drawn] - shares[0]).max(axis=1)
    spread = float(np.quantile(moved, 1 - CHANCE)) if len(moved) else 1.0
    found = Reference(tuple(quantiles.tolist()), spread, 0.0)
    distances = [found.distance(one) for one in handfuls]
    jitter = max(distances, default=1.0) * math.sqrt(HANDFUL)
    return replace(found, jitter=jitter)
