"""Pairs whose values are at hand, from several models: measures, and which model is better."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lookalike.errors import UsageError
from lookalike.judge.count import count_values
from lookalike.judge.differences import difference_of
from lookalike.judge.judgement import Difference, Measure
from lookalike.judge.listed import listed_pairs
from lookalike.judge.measures import pair_measures
from lookalike.judge.resampling import Drawing

AUC = "roc_auc"


@dataclass(frozen=True)
class Scores:
    """The values that one model gave pairs.

    Attributes:
        values: (P,) finite numbers, in the order of the pairs.
        higher_is_closer: False for distances.
    """

    values: Sequence[float]
    higher_is_closer: bool = True


@dataclass(frozen=True)
class ScoredPairs:
    """Several models judged on the same pairs.

    Attributes:
        measures: Model → its measures.
        groups: Groups of pictures that were drawn.
        level: Of the intervals.
        notes: How intervals were made.
    """

    measures: Mapping[str, tuple[Measure, ...]]
    groups: int
    level: float
    notes: tuple[str, ...]

    @property
    def best(self) -> str:
        """The model of the highest ROC AUC, the first of several; empty without models."""
        return max(self.measures, key=lambda name: self.auc(name).value or 0.0, default="")

    def auc(self, model: str) -> Measure:
        """The ROC AUC of a model."""
        return next(one for one in self.measures[model] if one.name == AUC)

    def lead(self, model: str, other: str) -> Difference:
        """A model's ROC AUC less that of another.

        The interval has the level that comparing one model with all others needs (Bonferroni).
        """
        each = 1 - (1 - self.level) / max(1, len(self.measures) - 1)
        names = model, other
        return difference_of(self.auc(model), self.auc(other), names, self.groups, each, self.level)


def judge_scores(
    scores: Mapping[str, Scores],
    pairs: Sequence[tuple[int, int, bool]],
    drawing: Drawing,
    *,
    groups: Sequence[Hashable | None] | None = None,
) -> ScoredPairs:
    """How well each model's values tell same pairs from different ones.

    Intervals come from drawing groups of pictures that are known to be the same anew, as those of
    `evaluate`, with the same draws for all models.

    Args:
        scores: Model → its values of the pairs.
        pairs: Positions of both pictures, and whether they are the same. Both kinds occur.
        drawing: How intervals are made.
        groups: For each position what its picture shows, if that is known beyond the pairs.

    Raises:
        UsageError: Unequal lengths, or pairs of one kind only.

    Example:
        >>> pairs = [(0, 1, True), (2, 3, True), (0, 2, False), (1, 3, False)]
        >>> found = judge_scores(
        ...     {"good": Scores([0.9, 0.8, 0.1, 0.2]), "bad": Scores([0.9, 0.1, 0.2, 0.3])},
        ...     pairs, Drawing(100, 0.95, 0))
        >>> found.best, found.measures["bad"][0].value
        ('good', 0.5)
        >>> found.lead("good", "bad").value
        0.5
    """
    if {same for *_, same in pairs} != {True, False}:
        raise UsageError("there have to be pairs that are the same and pairs that are different")
    a, b, same = (np.array(column) for column in zip(*pairs, strict=True))
    listed = listed_pairs(a, b, same, groups)
    resampling = drawing.of(listed.units)
    measures: dict[str, tuple[Measure, ...]] = {}
    for name, one in scores.items():
        values = np.asarray(one.values, np.float64)
        if values.shape != (len(pairs),) or not np.isfinite(values).all():
            raise UsageError(f"{len(pairs)} pairs need as many finite values", where=name)
        counted = count_values(listed, values, one.higher_is_closer, resampling)
        measures[name] = pair_measures(
            counted, resampling, fprs=(), level=drawing.level, more_pictures=False
        )
    return ScoredPairs(
        measures, resampling.groups, drawing.level, drawing.notes(listed, resampling)
    )
