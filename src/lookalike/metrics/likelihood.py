"""From a value to a probability: how much likelier it is for the same thing than for others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lookalike.errors import CardError


def _one_way(numbers: tuple[float, ...]) -> bool:
    return list(numbers) in (sorted(numbers), sorted(numbers, reverse=True))


@dataclass(frozen=True)
class Likelihood:
    """A monotone map from values of a metric to the log of the likelihood ratio.

    Between its points the map is a straight line; beyond them it stays as at the last one, since
    nothing was seen there.

    Attributes:
        values: (K,) rising.
        log_ratios: (K,) natural logarithm of how much likelier the value is among same pairs.

    Raises:
        CardError: No points, unequal numbers of them, or values that do not rise.

    Example:
        >>> map = Likelihood((0.2, 0.8), (-2.0, 2.0))
        >>> round(map.probability(0.5, prior=0.5), 2), round(map.probability(9, prior=0.5), 2)
        (0.5, 0.88)
    """

    values: tuple[float, ...]
    log_ratios: tuple[float, ...]

    def __post_init__(self) -> None:
        for good, what in (
            (0 < len(self.values) == len(self.log_ratios), "a likelihood of no points"),
            (all(map(math.isfinite, (*self.values, *self.log_ratios))), "points at no number"),
            (list(self.values) == sorted(self.values), "likelihood values that do not rise"),
            (_one_way(self.log_ratios), "likelihood ratios that both rise and fall"),
        ):
            if not good:
                raise CardError(f"the card has {what}", cure="calibrate anew")

    def probability(self, value: float, *, prior: float) -> float:
        """Probability that a pair with this value is the same.

        Args:
            value: Of the metric.
            prior: Share of same pairs among those that are asked about, between 0 and 1.
        """
        log_ratio = float(np.interp(value, self.values, self.log_ratios))
        return 1 / (1 + math.exp(-(log_ratio + math.log(prior / (1 - prior)))))

    def to_dict(self) -> dict[str, Any]:
        """The points as plain lists."""
        return {"values": list(self.values), "log_ratios": list(self.log_ratios)}
