"""Pictures as a network takes them, and a choice of them by chance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from lookalike.embeddings import Row
from lookalike.encoders import Encoder
from lookalike.encoders.pipeline import Array
from lookalike.errors import LostRowsError
from lookalike.images import ImageSource, Pictures, Place


@dataclass(frozen=True)
class Prepared:
    """Pictures that went as far as the network.

    Attributes:
        pixels: (P, H, W, 3) uint8, resized and cropped.
        failed: Rows of those that could not be read.
    """

    pixels: Array
    failed: tuple[Row, ...]


def prepared(encoder: Encoder, places: Iterable[Place]) -> Prepared:
    """Decoded and resized as for an encoder's network, in order."""
    parts: list[Array] = []

    def keep(batch: Array) -> list[Array]:
        parts.append(batch)
        return [np.zeros((len(batch), encoder.card.dim), np.float32)]

    rows = replace(encoder, run=keep, streams=1).encode(list(places))
    pixels = np.concatenate(parts) if parts else np.zeros(0, np.uint8)
    if len(pixels) != len(rows.ids):
        raise LostRowsError(f"{len(rows.ids)} pictures were prepared, and {len(pixels)} came")
    return Prepared(pixels, rows.failures)


def parted(
    pictures: Pictures | ImageSource, samples: int, seed: int
) -> tuple[list[Place], list[Place]]:
    """Pictures chosen by chance, and the others, both in their order.

    Never more than half are chosen, so that the others can tell what came of it.

    Example:
        >>> chosen, others = parted([np.zeros((2, 2, 3), np.uint8)] * 6, 200, 0)
        >>> len(chosen), len(others)
        (3, 3)
    """
    source = pictures if isinstance(pictures, ImageSource) else ImageSource(pictures)
    places = list(source.places())
    many = min(samples, (len(places) + 1) // 2)
    chosen = set(np.random.default_rng(seed).choice(len(places), many, replace=False).tolist())
    return (
        [place for number, place in enumerate(places) if number in chosen],
        [place for number, place in enumerate(places) if number not in chosen],
    )
