"""Vectors to numbers."""

from lookalike.metrics.likelihood import Likelihood
from lookalike.metrics.metric import METRICS, Metric, metric_named
from lookalike.metrics.scale import Cells, Even, Octaves, Scale, condensed
from lookalike.metrics.scorer import Scorer, scorer_of
from lookalike.metrics.similarity import similarity

__all__ = [
    "METRICS",
    "Cells",
    "Even",
    "Likelihood",
    "Metric",
    "Octaves",
    "Scale",
    "Scorer",
    "condensed",
    "metric_named",
    "scorer_of",
    "similarity",
]
