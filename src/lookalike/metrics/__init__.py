"""Vectors to numbers."""

from lookalike.metrics.likelihood import Likelihood
from lookalike.metrics.metric import METRICS, Metric, metric_named
from lookalike.metrics.scorer import Scale, Scorer, scorer_of
from lookalike.metrics.similarity import similarity

__all__ = [
    "METRICS",
    "Likelihood",
    "Metric",
    "Scale",
    "Scorer",
    "metric_named",
    "scorer_of",
    "similarity",
]
