"""What a judgement says: measures with intervals, of one store or of several beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.embeddings import Card
from lookalike.judge.pair_counts import PairCounts
from lookalike.judge.resampling import Interval
from lookalike.report import Plot, View, html_fragment


@dataclass(frozen=True)
class Measure:
    """One number about how well an encoder tells things apart.

    Attributes:
        name: Key, such as ``roc_auc`` or ``recall@1``.
        title: For people.
        value: The number; None if it can't be known from this data, see `note`.
        interval: Where it would lie for other pictures of the same kind; None if there are too few.
        threshold: For measures at a threshold: the metric's value that separates.
        over: What it is a share or mean of, with numbers.
        note: Why there is no value.
        higher_is_better: Direction.
        replicates: (1 + R + U,) for comparisons: the number in each replicate.
    """

    name: str
    title: str
    value: float | None
    interval: Interval | None = None
    threshold: float | None = None
    over: str = ""
    note: str = ""
    higher_is_better: bool = True
    replicates: NDArray[np.float64] | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return {
            "measure": self.name,
            "value": self.value,
            "low": self.interval and self.interval.low,
            "high": self.interval and self.interval.high,
            "threshold": self.threshold,
            "over": self.over,
            "note": self.note,
        }


Line: TypeAlias = "tuple[tuple[float, ...], tuple[float, ...]]"


@dataclass(frozen=True)
class Curves:
    """What the plots of a judgement show.

    Attributes:
        roc: False and true positive rates; empty without pairs of both kinds, as the others.
        precision_recall: Recall and precision.
        scores: Edges of bins over the metric's values, and the shares of same and of different
            pairs in each.
        recall: Ranks and the share of queries that have a match by then; empty without queries.
    """

    roc: Line
    precision_recall: Line
    scores: tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]
    recall: Line


@dataclass(frozen=True, eq=False)
class Judgement:
    """One store judged.

    Attributes:
        store: What it is called.
        card: The encoder's card.
        metric: The metric that its vectors were compared with.
        measures: In reading order.
        counts: The pairs by score.
        curves: ROC, precision-recall, scores, recall, thinned to what can be seen.
        notes: What must be said beside its numbers.
    """

    store: str
    card: Card
    metric: str
    measures: tuple[Measure, ...]
    counts: PairCounts = field(repr=False)
    curves: Curves = field(repr=False)
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Measure:
        """The measure of that name; KeyError lists those there are."""
        found = {one.name: one for one in self.measures}
        if name not in found:
            raise KeyError(f"{name!r} is none of {', '.join(found)}")
        return found[name]


@dataclass(frozen=True)
class Difference:
    """Two stores held against each other in one measure, on the same pictures.

    Attributes:
        measure: Its name.
        title: The same for people.
        a: The store judged.
        b: The one it was held against.
        value: a minus b.
        interval: Of the difference, at the level that all comparisons together need.
        p: Two-sided p-value, uncorrected: how often a difference of none would look like this.
        distinguishable: Whether the interval excludes 0.
        verdict: Which one is better, or that they are not distinguishable.
    """

    measure: str
    title: str
    a: str
    b: str
    value: float
    interval: Interval | None
    p: float | None
    distinguishable: bool
    verdict: str

    @property
    def words(self) -> str:
        """The finding as a sentence."""
        ends = self.interval and f" ({self.interval.low:+.4f} to {self.interval.high:+.4f})"
        return f"{self.title}: {self.verdict}, {self.value:+.4f}{ends or ''}"

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return {
            "measure": self.measure,
            "a": self.a,
            "b": self.b,
            "difference": self.value,
            "low": self.interval and self.interval.low,
            "high": self.interval and self.interval.high,
            "level": self.interval and self.interval.level,
            "p": self.p,
            "distinguishable": self.distinguishable,
            "words": self.words,
        }


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One or more stores judged on one truth.

    Attributes:
        judgements: One per store, in the order given.
        differences: The first store against each of the others, measure by measure.
        truth: What was judged, in words.
        notes: What was left out, how intervals were made.
        plots: ROC, precision-recall, scores and recall; those that all stores can share, do.
        settings: Seed, replicates, level and samples, as used.

    Example:
        >>> import lookalike, numpy as np
        >>> vectors = np.random.default_rng(0).normal(size=(60, 8)) + np.eye(8)[np.arange(60) % 6]
        >>> found = lookalike.evaluate(vectors, truth=[n % 6 for n in range(60)])
        >>> auc = found["roc_auc"]
        >>> auc.interval.low < auc.value < auc.interval.high
        True
    """

    judgements: tuple[Judgement, ...]
    differences: tuple[Difference, ...] = ()
    truth: str = ""
    notes: tuple[str, ...] = ()
    plots: tuple[Plot, ...] = field(default=(), repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Measure:
        """A measure of the first store, by name."""
        return self.judgements[0][name]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What must not be overlooked."""
        return tuple(dict.fromkeys(note for one in self.judgements for note in one.notes))

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints, besides command and version."""
        return {
            "results": [
                {"store": one.store, "metric": one.metric, **measure.to_dict()}
                for one in self.judgements
                for measure in one.measures
            ],
            "models": [{"store": one.store, **one.card.to_dict()} for one in self.judgements],
            "differences": [one.to_dict() for one in self.differences],
            "truth": self.truth,
            "settings": dict(self.settings),
            "plots": [plot.to_dict() for plot in self.plots],
            "notes": [*self.notes, *self.warnings],
        }

    def view(self) -> View:
        """The evaluation as people see it."""
        from lookalike.judge.view import evaluation_view

        return evaluation_view(self)

    def _repr_html_(self) -> str:
        """Tables and plots, for notebooks."""
        return html_fragment(self.view())
