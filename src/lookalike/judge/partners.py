"""Recall among partners: a left picture, a right picture, and whether they find each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def partner_values(
    left_to_right: Floats, right_to_left: Floats, ks: tuple[int, ...]
) -> dict[str, Floats]:
    """For each pair: is the partner among the first k, from the left, from the right, from either?

    The share of pairs found from either side is the asymmetric recall aR@k of "Learning an
    adaptation function to assess image visual similarities" (ICIP 2021). It is never below either
    direction, so it is given beside them.

    Args:
        left_to_right: (P,) rank of each left picture's partner among all right pictures, from 1.
        right_to_left: (P,) rank of each right picture's partner among all left pictures.
        ks: For which k.

    Returns:
        Metric → (P,) float64, whose means are the metrics.

    Example:
        >>> found = partner_values(np.array([1.0, 1, 2, 4]), np.array([1.0, 2, 1, 4]), (1,))
        >>> {name: float(values.mean()) for name, values in found.items() if "@" in name}
        {'left→right@1': 0.5, 'right→left@1': 0.5, 'mean@1': 0.5, 'aR@1': 0.75, 'both@1': 0.25}
    """
    found: dict[str, Floats] = {}
    for k in ks:
        left, right = left_to_right <= k, right_to_left <= k
        found[f"left→right@{k}"] = left.astype(np.float64)
        found[f"right→left@{k}"] = right.astype(np.float64)
        found[f"mean@{k}"] = (left.astype(np.float64) + right) / 2
        found[f"aR@{k}"] = (left | right).astype(np.float64)
        found[f"both@{k}"] = (left & right).astype(np.float64)
    found["left→right MRR"] = 1 / left_to_right
    found["right→left MRR"] = 1 / right_to_left
    return found


def chance_of_either(pairs: int) -> float:
    """aR@1 of independent random similarities among so many pairs.

    Example:
        >>> round(chance_of_either(4), 6)
        0.357143
    """
    return 2 / pairs - 1 / (2 * pairs - 1)
