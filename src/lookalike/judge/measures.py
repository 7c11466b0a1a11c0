"""Measures with their intervals, from counted pairs and ranked queries."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.judge import pair_metrics
from lookalike.judge.count import Counted
from lookalike.judge.judgement import Measure
from lookalike.judge.resampling import OF_QUERIES, Resampling, share_interval
from lookalike.report import amount

Floats: TypeAlias = "NDArray[np.float64]"
OnCounts: TypeAlias = Callable[[Any, Any], Floats]

FALSE_MATCHES = 10
"""False matches to expect at a rate before it can be told from half or twice that rate."""


def pairs_needed(fpr: float) -> int:
    """How many different pairs make a false positive rate knowable.

    Example:
        >>> pairs_needed(1e-4)
        100000
    """
    return math.ceil(round(FALSE_MATCHES / fpr, 6))


def pictures_needed(fpr: float) -> int:
    """How many pictures of different things have so many pairs.

    Example:
        >>> pictures_needed(1e-4)
        448
    """
    return math.ceil((1 + math.sqrt(1 + 8 * pairs_needed(fpr))) / 2)


def pair_measures(
    counted: Counted,
    resampling: Resampling,
    *,
    fprs: tuple[float, ...],
    level: float,
    more_pictures: bool = True,
) -> tuple[Measure, ...]:
    """ROC AUC, average precision, EER, TPR at FPRs, best accuracy and best F1.

    Args:
        counted: The pairs.
        resampling: Of their units.
        fprs: False positive rates.
        level: Of the intervals.
        more_pictures: Whether more pictures would mean more pairs, as they do unless pairs are
            listed.
    """
    counts = counted.counts
    same, different = counts.pairs
    contributing = resampling.with_part(counted.same.sum(axis=1))
    over = f"{same:,} same and {amount(different, 'different pair')}"

    def measure(
        name: str,
        title: str,
        compute: OnCounts,
        *,
        coarse: OnCounts | None = None,
        accepted: int | None = None,
        higher_is_better: bool = True,
    ) -> Measure:
        value = float(compute(counts.same, counts.different))
        replicates = (coarse or compute)(counted.same, counted.different)
        known = math.isfinite(value)
        return Measure(
            name,
            title,
            value if known else None,
            share_interval(
                value, replicates, resampling.groups, level=level, contributing=contributing
            ),
            None if accepted is None or not known else counts.threshold(accepted),
            over,
            "" if known else "needs pairs that are the same and pairs that are different",
            higher_is_better,
            replicates + (value - replicates[0]),
        )

    accuracy = pair_metrics.accuracies(counts.same, counts.different)
    f1 = pair_metrics.f1_scores(counts.same, counts.different)
    return (
        measure("roc_auc", "ROC AUC", pair_metrics.roc_auc),
        measure("average_precision", "average precision", pair_metrics.average_precision),
        measure(
            "eer",
            "equal error rate",
            pair_metrics.equal_error_rate,
            accepted=int(pair_metrics.accepted_at_eer(counts.same, counts.different)),
            higher_is_better=False,
        ),
        *(
            measure(
                f"tpr@fpr={fpr:g}",
                f"TPR at FPR {fpr:g} (TAR at FAR)",
                partial(pair_metrics.tpr_at_fpr, fpr=fpr),
                coarse=partial(pair_metrics.tpr_between, fpr=fpr),
                accepted=int(pair_metrics.accepted_at_fpr(counts.different, fpr)),
            )
            if different >= pairs_needed(fpr)
            else _unknowable(fpr, different, over, more_pictures)
            for fpr in fprs
        ),
        measure(
            "best_accuracy",
            "best accuracy",
            pair_metrics.best_accuracy,
            accepted=int(pair_metrics.best_accepted(accuracy)),
        ),
        measure(
            "best_f1", "best F1", pair_metrics.best_f1, accepted=int(pair_metrics.best_accepted(f1))
        ),
    )


def _unknowable(fpr: float, different: int, over: str, more_pictures: bool) -> Measure:
    pictures = f", which {pictures_needed(fpr):,} pictures of different things have"
    return Measure(
        f"tpr@fpr={fpr:g}",
        f"TPR at FPR {fpr:g} (TAR at FAR)",
        None,
        over=over,
        note=f"can't be known from {amount(different, 'different pair')}: {pairs_needed(fpr):,} "
        "would do" + pictures * more_pictures,
    )


def mean_measures(
    values: Mapping[str, Floats],
    units: NDArray[np.intp],
    resampling: Resampling,
    *,
    over: str,
    level: float,
    titles: Mapping[str, str] | None = None,
) -> tuple[Measure, ...]:
    """Means over queries (or partners), with intervals over their units.

    Args:
        values: Measure → (Q,) numbers from 0 to 1; NaN where there is none.
        units: (Q,) the unit of each.
        resampling: Of the units.
        over: What the means are over; ``{}`` stands for how many count.
        level: Of the intervals.
        titles: Measure → its title, where that differs from its name.
    """
    found = []
    for name, numbers in values.items():
        counted = ~np.isnan(numbers)
        value = float(numbers[counted].mean()) if counted.any() else None
        replicates = resampling.means(numbers, units)
        contributing = len(np.unique(resampling.group[units[counted]]))
        found.append(
            Measure(
                name,
                (titles or {}).get(name, name),
                value,
                None
                if value is None
                else share_interval(
                    value,
                    replicates,
                    resampling.groups,
                    level=level,
                    contributing=contributing,
                    reach=OF_QUERIES,
                ),
                over=over.format(f"{counted.sum():,}"),
                note="" if counted.any() else "no query has a match",
                replicates=replicates,
            )
        )
    return tuple(found)
