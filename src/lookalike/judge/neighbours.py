"""Whether two encoders find the same nearest neighbours, block by block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.judge.rank import ordering_keys, row_blocks
from lookalike.judge.trial import Trial
from lookalike.metrics import Scorer

MOST = 10
"""How many nearest neighbours are compared."""


@dataclass(frozen=True)
class Neighbours:
    """What became of the neighbours of each picture, in the order of a trial.

    Attributes:
        changed: (N,) bool: whether none of the nearest is among the nearest any more.
        tied: (N, 2) bool: whether several are equally near, by the one and by the other; a picture
            of which all others are is unchanged whatever was nearest before.
        overlap: (N,) the share of the `nearest` nearest that are still among these.
        nearest: How many that are: `MOST`, or all others if they are fewer.
    """

    changed: NDArray[np.bool_]
    tied: NDArray[np.bool_]
    overlap: NDArray[np.float64]
    nearest: int


def compare_neighbours(
    trial: Trial,
    reference: Scorer,
    other: Scorer,
    *,
    progress: Callable[[int], None] | None = None,
) -> Neighbours:
    """Each picture's neighbours among all others, by one scorer and by another.

    Of several equally near neighbours all count as the nearest; at the end of the nearest ten, the
    trial's order (by id) decides. Which one is called the reference changes nothing. Memory is
    that of a few blocks, never an N x N array.

    Args:
        trial: Symmetric, of two pictures or more.
        reference: Scores in the order of the trial.
        other: Scores of the other encoder, in the same order.
        progress: Told how many rows are done.

    Example:
        >>> from lookalike.judge.trial import trial_of_groups
        >>> from lookalike.metrics import scorer_of
        >>> trial = trial_of_groups(np.arange(3), ["a", "b", "c"])
        >>> one, two = np.array([[0.0], [1], [3]]), np.array([[0.0], [2], [3]])
        >>> scorers = [scorer_of("euclidean", side[trial.rows]) for side in (one, two)]
        >>> found = compare_neighbours(trial, *scorers)
        >>> dict(zip(trial.rows.tolist(), found.changed.tolist()))[1], found.nearest
        (True, 2)
    """
    count = len(trial.rows)
    nearest = min(MOST, count - 1)
    changed, overlap = np.empty(count, bool), np.empty(count)
    tied = np.empty((count, 2), bool)
    for rows in row_blocks(count, count):
        height = rows.stop - rows.start
        closest = np.ones((height, count), bool)
        among = np.ones((height, count), bool)
        for side, scorer in enumerate((reference, other)):
            levels = scorer.levels(rows, slice(0, count))
            levels[np.arange(height), trial.own[rows]] = -1
            nearest_ones = levels == levels.max(axis=1, keepdims=True)
            tied[rows, side] = nearest_ones.sum(axis=1) > 1
            closest &= nearest_ones
            keys = ordering_keys(levels, trial.order, scorer.scale.levels)
            among &= keys <= np.partition(keys, nearest - 1, axis=1)[:, nearest - 1, None]
        changed[rows] = ~closest.any(axis=1)
        overlap[rows] = among.sum(axis=1) / nearest
        if progress:
            progress(height)
    return Neighbours(changed, tied, overlap, nearest)
