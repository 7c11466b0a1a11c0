"""An engine held against its reference, on eight pictures that come with the package."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from lookalike.embeddings import EngineCheck
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.pipeline import Array
from lookalike.images import Limits, Place


def probe_places() -> list[Place]:
    """The eight probe pictures, in a fixed order.

    Example:
        >>> len(probe_places())
        8
    """
    folder = files("lookalike.encoders") / "probes"
    names = sorted(one.name for one in folder.iterdir() if one.name.endswith(".jpg"))
    return [_place(name, (folder / name).read_bytes()) for name in names]


def _place(name: str, data: bytes) -> Place:
    def read(limits: Limits) -> bytes:
        return data

    return Place(name, None, read)


def check_engine(encoder: Encoder) -> EngineCheck | None:
    """How an encoder's vectors of the probe pictures agree with those of its reference.

    Args:
        encoder: With any number of layers; the worst one counts.

    Returns:
        None for an encoder that is its own reference, such as ``pixels``, or torch in f32.

    Example:
        >>> import lookalike
        >>> check_engine(lookalike.load_encoder("pixels")) is None
        True
    """
    reference = encoder.reference() if encoder.reference is not None else None
    if reference is None:
        return None
    places = probe_places()
    mine, theirs = encoder.encode_layers(places), reference.encode_layers(places)
    worst = 1.0
    for card in encoder.cards:
        a, b = mine[card.layer], theirs[card.layer]
        if a.ids != b.ids:  # a vector that is not finite on one side only
            worst = -1.0
            continue
        worst = min(worst, float(_agreement(a.vectors, b.vectors).min(initial=1.0)))
    return EngineCheck(encoder.engine, reference.engine, len(places), worst)


def _agreement(a: Array, b: Array) -> NDArray[np.float64]:
    """(N,) cosine of each pair of rows, for bits the share of equal ones; 1 for two zeros."""
    if a.dtype == np.uint8:
        return np.asarray((a == b).mean(axis=1))
    left, right = a.astype(np.float64), b.astype(np.float64)
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    same = (left == right).all(axis=1)
    cosine = np.divide((left * right).sum(axis=1), norms, out=np.zeros(len(a)), where=norms > 0)
    return np.where(same, 1.0, cosine)
