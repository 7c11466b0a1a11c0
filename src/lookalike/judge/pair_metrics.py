"""Metrics over pairs, as pure functions of how many pairs of each kind have each score.

Every function takes two arrays whose last axis holds the distinct scores, closest first: how many
pairs of the same thing, and how many of different things, have that score. Leading axes, as in the
replicates of a bootstrap, are kept. Only the order of the scores counts, so their sign, shift and
scale do not matter. Pairs of equal score are accepted together or not at all.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Counts: TypeAlias = "NDArray[np.int64] | NDArray[np.float64]"
Floats: TypeAlias = "NDArray[np.float64]"


def roc_auc(same: Counts, different: Counts) -> Floats:
    """Share of (same, different) pairs of pairs in which the same one is closer; ties count half.

    Denominator: number of same times number of different pairs; NaN if either is zero.

    Example:
        >>> float(roc_auc(np.array([1, 1, 0]), np.array([0, 1, 1])))
        0.875
    """
    closer = np.cumsum(same, axis=-1, dtype=np.float64) - np.asarray(same) / 2
    won = (closer * different).sum(axis=-1)
    pairs = _total(same) * _total(different)
    return _ratio(won, pairs)


def average_precision(same: Counts, different: Counts) -> Floats:
    """Mean precision at the same pairs, tied pairs accepted together, without interpolation.

    Denominator: number of same pairs; NaN if zero.

    Example:
        >>> round(float(average_precision(np.array([1, 1, 0]), np.array([0, 1, 1]))), 4)
        0.8333
    """
    same_so_far, accepted = _so_far(same), _so_far(same) + _so_far(different)
    precision = _ratio(same_so_far, accepted)
    return _ratio((np.where(accepted > 0, precision, 0) * same).sum(axis=-1), _total(same))


def roc_curve(same: Counts, different: Counts) -> tuple[Floats, Floats]:
    """False and true positive rates after 0, 1, 2, ... scores are accepted; one longer than these.

    Example:
        >>> [one.tolist() for one in roc_curve(np.array([1, 1, 0]), np.array([0, 1, 1]))]
        [[0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0]]
    """
    wrong, right = (
        _ratio(from_none(counts), _total(counts)[..., None]) for counts in (different, same)
    )
    return wrong, right


def equal_error_rate(same: Counts, different: Counts) -> Floats:
    """Where the false positive rate equals the false negative rate, between points of the ROC.

    Points are joined by straight lines, which is what deciding ties at random gives.

    Example:
        >>> float(equal_error_rate(np.array([1, 1, 0]), np.array([0, 1, 1])))
        0.25
    """
    fpr, tpr = roc_curve(same, different)
    gap = fpr + tpr - 1  # rises from -1 to 1
    after = np.argmax(gap >= 0, axis=-1)[..., None]
    before = np.maximum(after - 1, 0)
    low, high = (np.take_along_axis(gap, place, -1)[..., 0] for place in (before, after))
    share = np.where(high > low, -low / np.where(high > low, high - low, 1), 0)
    ends = [np.take_along_axis(fpr, place, -1)[..., 0] for place in (before, after)]
    found: Floats = ends[0] + share * (ends[1] - ends[0])
    return np.where(np.isnan(gap).any(axis=-1), np.nan, found)


def accepted_at_fpr(different: Counts, fpr: float) -> NDArray[np.intp]:
    """How many scores can be accepted, closest first, without exceeding a false positive rate.

    Example:
        >>> int(accepted_at_fpr(np.array([0, 1, 1]), 0.5))
        2
    """
    allowed = fpr * _total(different)
    # a whole number of pairs may come out of the product a little short
    return (_so_far(different) <= allowed[..., None] * (1 + 1e-12)).sum(axis=-1)


def tpr_at_fpr(same: Counts, different: Counts, fpr: float) -> Floats:
    """True positive rate at the loosest threshold whose false positive rate is at most `fpr`.

    In biometrics, TAR at FAR. No interpolation: the threshold exists. NaN without pairs of
    either kind.

    Example:
        >>> float(tpr_at_fpr(np.array([1, 1, 0]), np.array([0, 1, 1]), 0.1))
        0.5
    """
    accepted = accepted_at_fpr(different, fpr)
    _, tpr = roc_curve(same, different)
    found = np.take_along_axis(tpr, np.asarray(accepted)[..., None], -1)[..., 0]
    return np.where(_total(different) > 0, found, np.nan)


def tpr_between(same: Counts, different: Counts, fpr: float) -> Floats:
    """As `tpr_at_fpr`, but on the straight lines between points; for coarse scores."""
    rates = roc_curve(same, different)
    flat = [one.reshape(-1, one.shape[-1]) for one in rates]
    found = [float(np.interp(fpr, x, y)) for x, y in zip(*flat, strict=True)]
    return np.array(found).reshape(rates[0].shape[:-1])


def accepted_at_eer(same: Counts, different: Counts) -> NDArray[np.intp]:
    """How many scores to accept so that the two error rates are closest to each other.

    Of several such numbers the strictest.

    Example:
        >>> int(accepted_at_eer(np.array([1, 1, 0]), np.array([0, 1, 1])))
        1
    """
    fpr, tpr = roc_curve(same, different)
    return best_accepted(-np.abs(fpr - (1 - tpr)))


def best_accepted(values: Floats) -> NDArray[np.intp]:
    """How many scores to accept for the best value; of equal ones the strictest. NaN is worst.

    Example:
        >>> int(best_accepted(np.array([np.nan, 0.5, 0.7, 0.7])))
        2
    """
    return np.argmax(np.where(np.isnan(values), -np.inf, values), axis=-1)


def accuracies(same: Counts, different: Counts) -> Floats:
    """Share of pairs judged rightly if 0, 1, 2, ... scores are accepted.

    Denominator: all pairs.
    """
    right = from_none(same) + _total(different)[..., None] - from_none(different)
    return _ratio(right, (_total(same) + _total(different))[..., None])


def f1_scores(same: Counts, different: Counts) -> Floats:
    """2TP / (2TP + FP + FN) if 0, 1, 2, ... scores are accepted; NaN without same pairs."""
    accepted = from_none(same) + from_none(different)
    found = _ratio(2 * from_none(same), accepted + _total(same)[..., None])
    return np.where(_total(same)[..., None] > 0, found, np.nan)


def precisions(same: Counts, different: Counts) -> Floats:
    """Share of accepted pairs that are the same, if 0, 1, 2, ... scores are accepted.

    NaN where nothing is accepted.
    """
    return _ratio(from_none(same), from_none(same) + from_none(different))


def best_accuracy(same: Counts, different: Counts) -> Floats:
    """The highest of `accuracies`."""
    return accuracies(same, different).max(axis=-1)


def best_f1(same: Counts, different: Counts) -> Floats:
    """The highest of `f1_scores`."""
    return f1_scores(same, different).max(axis=-1)


def _so_far(counts: Counts) -> Floats:
    return np.cumsum(counts, axis=-1, dtype=np.float64)


def from_none(counts: Counts) -> Floats:
    """How many pairs are accepted with 0, 1, 2, ... scores; one longer than the counts."""
    so_far = _so_far(counts)
    return np.concatenate([np.zeros((*so_far.shape[:-1], 1)), so_far], axis=-1)


def _total(counts: Counts) -> Floats:
    return np.asarray(counts).sum(axis=-1, dtype=np.float64)


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(
        above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below != 0
    )
