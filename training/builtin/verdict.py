"""From held-out pictures to the verdict that the encoder's card carries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.embeddings import VerdictMap
from lookalike.encoders import Encoder
from lookalike.judge.likelihood import likelihood_of
from lookalike.judge.pair_counts import PairCounts
from lookalike.metrics import Likelihood
from training.builtin.copies import EDITS
from training.builtin.pictures import Bytes, Labelled

Floats: TypeAlias = "NDArray[np.float64]"
Positions: TypeAlias = "NDArray[np.intp]"

MIX = (1, 2, 7)
"""Pairs of each picture: with its edit, with others of its class, with others of other classes."""

POINTS = 12
"""Of each map in the card."""

BINS = 15


@dataclass(frozen=True)
class Pairs:
    """Cosines of pairs in the proportions of `MIX`.

    Attributes:
        cosines: (P,).
        kinds: (P,) 0 for one picture and its edit, 1 for the same class, 2 for others.
    """

    cosines: Floats
    kinds: NDArray[np.int64]


def draw_pairs(encoder: Encoder, pictures: Labelled, *, seed: int) -> Pairs:
    """Pairs of every picture: with its edit, with others of its class, with ones of others.

    Args:
        encoder: What the cosines are of.
        pictures: None of which the encoder was trained on; two or more of each class, two classes
            or more.
        seed: Of edits and partners.
    """
    random = np.random.default_rng(seed)
    edits = list(EDITS.values())
    chosen = random.integers(len(edits), size=len(pictures))
    copies = [
        edits[edit](Image.fromarray(picture))
        for edit, picture in zip(chosen, pictures.pixels, strict=True)
    ]
    originals, edited = _encoded(encoder, pictures.pixels), _encoded(encoder, copies)
    kinds = [same for same, count in ((True, MIX[1]), (False, MIX[2])) for _ in range(count)]
    partners = [edited]
    partners += [originals[partners_of(pictures.labels, random, same=same)] for same in kinds]
    cosines = np.concatenate([(originals * one).sum(1) for one in partners])
    return Pairs(cosines, np.repeat(np.arange(3), np.array(MIX) * len(pictures)))


def _encoded(encoder: Encoder, pictures: Bytes | list[Image.Image]) -> Floats:
    found = encoder.encode(list(pictures)).vectors.astype(np.float64)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def partners_of(labels: NDArray[np.int64], random: np.random.Generator, *, same: bool) -> Positions:
    """For each picture another one, of its class or of any other one."""
    found = np.zeros(len(labels), np.intp)
    for position, label in enumerate(labels):
        fits = np.flatnonzero((labels == label) == same)
        found[position] = random.choice(fits[fits != position])
    return found


def fit_verdict(pairs: Pairs, data: str) -> VerdictMap:
    """The maps from cosines to probabilities; their errors are still unknown.

    Args:
        pairs: What they are fitted on.
        data: What the pairs are, in words.
    """
    return VerdictMap(
        metric="cosine",
        same_picture=_map(pairs.cosines, pairs.kinds < 1),
        same_kind=_map(pairs.cosines, pairs.kinds < 2),
        share_same_picture=MIX[0] / sum(MIX),
        share_same_kind=sum(MIX[:2]) / sum(MIX),
        pairs=len(pairs.cosines),
        data=data,
        error_same_picture=0.0,
        error_same_kind=0.0,
    )


def _map(cosines: Floats, same: NDArray[np.bool_]) -> Likelihood:
    """Isotonic regression, thinned to `POINTS` that are evenly spread over the log ratios."""
    full = likelihood_of(PairCounts.of(cosines, same))
    ratios = np.asarray(full.log_ratios)
    wanted = np.linspace(ratios[0], ratios[-1], POINTS)
    at = np.unique([int(np.abs(ratios - one).argmin()) for one in wanted])
    values = np.asarray(full.values)[at].round(4)
    return Likelihood(tuple(values.tolist()), tuple(ratios[at].round(3).tolist()))


def with_errors(verdict: VerdictMap, pairs: Pairs) -> VerdictMap:
    """The verdict with its expected calibration errors on pairs that it was not fitted on."""
    told = [verdict.of(value) for value in pairs.cosines]
    same_picture = np.array([one.same_picture for one in told])
    same_kind = np.array([one.same_kind for one in told])
    return replace(
        verdict,
        error_same_picture=_error(same_picture, pairs.kinds < 1),
        error_same_kind=_error(same_kind, pairs.kinds < 2),
    )


def _error(probabilities: Floats, truth: NDArray[np.bool_]) -> float:
    """Expected calibration error over bins of equal width (Naeini et al., 2015)."""
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    gaps = np.bincount(bins, truth - probabilities, BINS)
    return round(float(np.abs(gaps).sum() / counts.sum()), 4)
