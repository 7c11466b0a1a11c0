"""How far a value moves under edits that leave a picture the same to a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from lookalike.embeddings import Card, Embeddings
from lookalike.images import Limits, Picture, Place, Reason, decode
from lookalike.images.place import ReadError
from lookalike.metrics import similarity

Edit = Callable[[Image.Image], Image.Image]


def _jpeg(picture: Image.Image) -> Image.Image:
    stream = BytesIO()
    picture.save(stream, "JPEG", quality=85)
    return Image.open(stream).convert("RGB")


def _smaller(picture: Image.Image) -> Image.Image:
    size = (max(1, round(picture.width * 0.9)), max(1, round(picture.height * 0.9)))
    return picture.resize(size, Image.Resampling.BILINEAR)


def _cropped(picture: Image.Image) -> Image.Image:
    dx, dy = round(picture.width * 0.02), round(picture.height * 0.02)
    return picture.crop((dx, dy, picture.width - dx, picture.height - dy))


HARMLESS: dict[str, Edit] = {
    "JPEG quality 85": _jpeg,
    "resized to 90 %": _smaller,
    "cropped by 2 % on each side": _cropped,
    "4 % brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.04),
    "4 % darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.96),
}
"""Edits under which no person would call a picture another one."""

COPIES = 1 + len(HARMLESS)
"""Inputs per picture once its edited copies stand behind it."""


def with_copies(places: tuple[Place, ...], card: Card) -> tuple[Place, ...]:
    """Each place followed by its edited copies, as the encoder of that card would see them."""
    return tuple(
        one
        for place in places
        for one in (place, *(_edited(place, edit, card) for edit in HARMLESS.values()))
    )


def _edited(place: Place, edit: Edit, card: Card) -> Place:
    def read(limits: Limits) -> Image.Image:
        outcome = decode(place, limits)
        if not isinstance(outcome, Picture):
            raise ReadError(outcome.reason, outcome.detail)
        rgb = outcome.rgb(alpha=card.preprocess.alpha, exif=card.preprocess.exif)
        try:
            return edit(rgb)
        except (OSError, ValueError) as error:  # a side too long for JPEG, or of one pixel
            raise ReadError(Reason.UNSUPPORTED, f"can't be edited: {error}") from error

    return Place(place.id, place.path, read)


def originals(embeddings: Embeddings) -> Embeddings:
    """Only the pictures themselves, of embeddings made of `with_copies`."""
    kept = [position for position in embeddings.positions[::COPIES] if position >= 0]
    rows, vectors = embeddings.rows[::COPIES], embeddings.vectors[kept]
    return Embeddings(embeddings.card, rows, vectors, embeddings.origin)


def value_ranges(
    embeddings: Embeddings, pairs: Iterable[tuple[int, int]], metric: str
) -> list[tuple[float, float]]:
    """Smallest and largest value between two pictures and their copies, each with each.

    Args:
        embeddings: Made of `with_copies`.
        pairs: Positions of pictures among the originals; each has a vector.
        metric: Name of the metric.
    """
    positions = embeddings.positions

    def vectors(picture: int) -> NDArray[Any]:
        copies = positions[picture * COPIES : (picture + 1) * COPIES]
        found: NDArray[Any] = embeddings.vectors[[one for one in copies if one >= 0]]
        return found

    ranges = []
    for a, b in pairs:
        values = np.asarray(similarity(vectors(a), vectors(b), metric=metric))
        ranges.append((float(values.min()), float(values.max())))
    return ranges
