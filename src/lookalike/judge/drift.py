"""The verb: do a store's scores still look like those that a threshold was calibrated on?"""

from __future__ import annotations

import os

import numpy as np

from lookalike.embeddings import Embeddings
from lookalike.errors import UsageError
from lookalike.judge.case import Judged, opened
from lookalike.judge.reference import Drift
from lookalike.judge.threshold_card import ThresholdCard
from lookalike.metrics import scorer_of

FEWEST = 8
"""Pictures below which every answer would be chance."""

PICTURES = 2000
"""Pictures whose pairs are looked at; more would not change the answer."""


def drift(
    store: Judged,
    card: ThresholdCard | str | os.PathLike[str],
    *,
    pictures: int = PICTURES,
    seed: int = 0,
) -> Drift:
    """Do scores among these pictures look like those of a calibration?

    A threshold holds for pictures like those it was fitted on. This compares the distribution of
    the scores of all pairs among random pictures with that of the calibration. No truth is
    needed.

    Args:
        store: `Embeddings`, or a path that `Embeddings.open` takes, of the card's encoder.
        card: The threshold card, or its file.
        pictures: At most so many, drawn at random.
        seed: Of the draw.

    Raises:
        FingerprintError: Vectors of another encoder.
        UsageError: Fewer than `FEWEST` vectors.
        CardError: The card can't be read.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> from lookalike.embeddings import Embeddings
        >>> from lookalike.judge import calibrate
        >>> def some(count):
        ...     things = rng.normal(size=(count, 16)).repeat(5, axis=0)
        ...     vectors = things + 0.3 * rng.normal(size=things.shape)
        ...     return Embeddings.from_numpy(vectors, encoder="mine")
        >>> card = calibrate(some(40), truth=np.arange(40).repeat(5).tolist()).card
        >>> drift(some(40), card).drifted
        False
    """
    held = card if isinstance(card, ThresholdCard) else ThresholdCard.load(card)
    found: Embeddings = opened(store, held.encoder.name)
    held.require(found.card)
    count = len(found.vectors)
    if min(count, pictures) < FEWEST:
        raise UsageError(
            f"{min(count, pictures)} pictures can't tell",
            cure=f"give {FEWEST} or more, of as many things as there are",
        )
    chosen = np.sort(np.random.default_rng(seed).permutation(count)[:pictures])
    scorer = scorer_of(held.metric, found.vectors[chosen], device="cpu")
    whole = slice(0, len(chosen))
    levels = scorer.levels(whole, whole)[np.triu_indices(len(chosen), 1)]
    return held.drift(scorer.scale.values(levels))
