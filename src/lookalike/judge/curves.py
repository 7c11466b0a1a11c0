"""Curves of a judgement, thinned to what a plot can show, and the plots themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.judge import pair_metrics, query_metrics
from lookalike.judge.judgement import Curves, Judgement, Line
from lookalike.judge.pair_counts import PairCounts
from lookalike.report import Plot, Series

Floats: TypeAlias = "NDArray[np.float64]"

POINTS = 300
"""Points that a curve is thinned to."""

RANKS = 50
"""Ranks of a recall curve, as re-identification reports them."""


def curves_of(counts: PairCounts, first_ranks: Floats | None) -> Curves:
    """The curves of counted pairs and, if there are any, of queries.

    Args:
        counts: The pairs.
        first_ranks: (Q,) rank of each query's first match, NaN for none; None without queries.
    """
    nothing: Line = ((), ())
    known = all(counts.pairs)
    ranks = np.zeros(0) if first_ranks is None else first_ranks[~np.isnan(first_ranks)]
    return Curves(
        _roc(counts) if known else nothing,
        _precision_recall(counts) if known else nothing,
        _scores(counts),
        _recall(ranks) if len(ranks) else nothing,
    )


def _roc(counts: PairCounts) -> Line:
    fpr, tpr = pair_metrics.roc_curve(counts.same, counts.different)
    return _thinned(fpr, tpr, fpr + tpr)


def _precision_recall(counts: PairCounts) -> Line:
    _, recall = pair_metrics.roc_curve(counts.same, counts.different)
    precision = pair_metrics.precisions(counts.same, counts.different)
    return _thinned(recall[1:], precision[1:], recall[1:])


def _recall(ranks: Floats) -> Line:
    longest = int(min(RANKS, ranks.max()))
    curve = query_metrics.cmc(ranks, longest)
    return tuple(float(one) for one in range(1, longest + 1)), tuple(curve.tolist())


def _scores(
    counts: PairCounts,
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    edges, *kinds = counts.histogram()
    shares = [tuple((one / max(1, one.sum())).tolist()) for one in kinds]
    return tuple(edges.tolist()), shares[0], shares[1]


def _thinned(x: Floats, y: Floats, along: Floats) -> Line:
    """Points evenly spaced along a rising number, both ends included."""
    wanted = np.linspace(along[0], along[-1], POINTS)
    places = np.unique(np.clip(np.searchsorted(along, wanted), 0, len(along) - 1))
    places = np.unique(np.concatenate([[0], places, [len(along) - 1]]))
    return tuple(x[places].tolist()), tuple(y[places].tolist())


def curve_plots(judgements: Sequence[Judgement]) -> tuple[Plot, ...]:
    """ROC, precision-recall and recall of all stores together, and the scores of each."""
    shared = (
        _shared(
            "roc",
            "ROC",
            "false positive rate",
            "true positive rate",
            judgements,
            lambda curves: curves.roc,
            (Series("", (0, 1), (0, 1), dashed=True),),
        ),
        _shared(
            "precision-recall",
            "Precision and recall",
            "recall",
            "precision",
            judgements,
            lambda curves: curves.precision_recall,
        ),
        _shared(
            "recall",
            "Recall at k (CMC)",
            "k",
            "queries with a match among the first k",
            judgements,
            lambda curves: curves.recall,
        ),
    )
    return tuple(
        plot for plot in (*shared, *map(_score_plot, judgements, range(len(judgements)))) if plot
    )


def _shared(
    name: str,
    title: str,
    x_title: str,
    y_title: str,
    judgements: Sequence[Judgement],
    line: Callable[[Curves], Line],
    beside: tuple[Series, ...] = (),
) -> Plot | None:
    drawn = tuple(Series(one.store, *line(one.curves)) for one in judgements if line(one.curves)[0])
    # a share of 1 lies just within the frame
    return (
        Plot(name, title, x_title, y_title, (*drawn, *beside), y_range=(0, 1.02)) if drawn else None
    )


def _score_plot(judgement: Judgement, number: int) -> Plot | None:
    edges, same, different = judgement.curves.scores
    if not any(same) and not any(different):
        return None
    return Plot(
        f"scores-{number + 1}",
        f"Scores of {judgement.store}",
        judgement.metric,
        "share of pairs of each kind",
        (
            Series("different", edges, different, "bars"),
            Series("same", edges, same, "bars"),
        ),
    )
