"""Vectors to numbers."""

from lookalike.metrics.metric import METRICS, Metric, metric_named
from lookalike.metrics.similarity import similarity

__all__ = ["METRICS", "Metric", "metric_named", "similarity"]
