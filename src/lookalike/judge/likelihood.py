"""Fits the map from scores to likelihood ratios."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.judge.pair_counts import PairCounts
from lookalike.metrics import Likelihood

Floats: TypeAlias = "NDArray[np.float64]"

BINS = 100
"""Bins of equally many same pairs, and of equally many different ones, before they are pooled."""


def likelihood_of(counts: PairCounts) -> Likelihood:
    """Fits the map: shares of same pairs in bins, made monotone by pooling neighbours.

    Pooling adjacent violators is isotonic regression (Ayer et al., 1955). Each pool then gets
    half a pair of either kind, so that no probability is 0 or 1.

    Example:
        >>> found = likelihood_of(PairCounts.of([0.9, 0.8, 0.2, 0.1], [1, 1, 0, 0]))
        >>> found.probability(0.9, prior=0.5) > 0.5 > found.probability(0.1, prior=0.5)
        True
    """
    starts = _bin_starts(counts)
    same = np.add.reduceat(counts.same, starts).astype(np.float64)
    pairs = same + np.add.reduceat(counts.different, starts)
    centres = np.add.reduceat(counts.values * (counts.same + counts.different), starts) / pairs
    sizes = _pooled(-same / pairs, pairs)  # closest first: shares fall
    joined = np.cumsum([0, *sizes[:-1]])
    centre = np.add.reduceat(centres * pairs, joined) / np.add.reduceat(pairs, joined)
    share = (np.add.reduceat(same, joined) + 0.5) / (np.add.reduceat(pairs, joined) + 1)
    share = np.minimum.accumulate(share)  # the half pairs may have turned an order round
    total_same, total_different = counts.pairs
    log_prior = math.log(total_same / total_different)
    log_ratio = np.log(share / (1 - share)) - log_prior
    if counts.higher_is_closer:
        centre, log_ratio = centre[::-1], log_ratio[::-1]
    return Likelihood(tuple(centre.tolist()), tuple(log_ratio.tolist()))


def _bin_starts(counts: PairCounts) -> NDArray[np.intp]:
    """Where bins begin, so that each has about a hundredth of either kind at most."""
    places = []
    for kind in (counts.same, counts.different):
        so_far = np.cumsum(kind)
        places.append(np.searchsorted(so_far, np.linspace(0, so_far[-1], BINS + 1)[1:-1]) + 1)
    starts = np.unique(np.concatenate([[0], *places]))
    return starts[starts < len(counts.values)]


def _pooled(values: Floats, weights: Floats) -> list[int]:
    """How many neighbours have to be put together each time, so that their means rise."""
    means: list[float] = []
    masses: list[float] = []
    sizes: list[int] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        means.append(value)
        masses.append(weight)
        sizes.append(1)
        while len(means) > 1 and means[-2] >= means[-1]:
            mass = masses[-2] + masses[-1]
            mean = (means[-2] * masses[-2] + means[-1] * masses[-1]) / mass
            size = sizes[-2] + sizes[-1]
            means[-2:], masses[-2:], sizes[-2:] = [mean], [mass], [size]
    return sizes
