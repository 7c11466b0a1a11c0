"""Levels of re-ranked queries, made from a scorer of queries and gallery."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.judge.rank import Levels
from lookalike.judge.reranking import rerank
from lookalike.metrics import Scorer, scorer_of

STEPS = 2**30
"""Levels of final distances between 0 and 1, which are float32."""


def reranked_levels(
    scorer: Scorer, kind: Literal["plain", "squared"], *, device: str = "auto"
) -> tuple[Levels, int]:
    """Levels of final distances after k-reciprocal re-ranking, and a number above all of them.

    Distances between unit vectors are Euclidean under cosine; otherwise those of the metric.

    Args:
        scorer: Queries as rows, the gallery as columns.
        kind: Whether distances enter as they are, or squared, as torchreid does.
        device: As for `scorer_of`.

    Raises:
        UsageError: The metric gives no distance.
    """
    name = scorer.metric.name
    if name == "inner-product":
        raise UsageError("re-ranking needs a distance, which the inner product is not")
    everything = np.concatenate([scorer.rows, scorer.columns])
    # distances of unit vectors from their cosines would lose half the digits of the small ones
    whole = scorer_of("euclidean" if name == "cosine" else name, everything, device=device)

    def distances(rows: slice) -> NDArray[Any]:
        scores = whole.block(rows, slice(0, len(everything)))
        found = 1 - scores if name == "hamming" else -scores
        return found * found if kind == "squared" else found

    ranking = rerank(distances, queries=len(scorer.rows), total=len(everything))

    def levels(rows: slice) -> NDArray[np.int64]:
        closeness = np.rint((1 - ranking.block(rows).astype(np.float64)) * STEPS)
        return np.clip(closeness, 0, STEPS).astype(np.int64)

    return levels, STEPS + 1
