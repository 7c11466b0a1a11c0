"""``pixels``: colour and gradient statistics in NumPy: baseline and test double."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.embeddings import Card
from lookalike.encoders.catalogue import Entry
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.engines import Runtime
from lookalike.encoders.name import EncoderName
from lookalike.encoders.pipeline import Array
from lookalike.images import Preprocess

Floats: TypeAlias = "NDArray[np.float32]"

SIDE = 64
GRID = 8
ORIENTATIONS = 8
PREPROCESS = Preprocess(resize=(SIDE, SIDE), layout="nhwc", alpha=(255, 255, 255))
DIM = 3 * 16 + GRID * GRID * 3 + GRID * GRID * ORIENTATIONS


def describe(batch: Floats) -> Floats:
    """Three groups of statistics, each centred and of unit length, side by side.

    1. histograms of brightness and two opponent colours (16 bins each, square roots);
    2. mean brightness and opponent colours on an 8 x 8 grid;
    3. gradient orientations (8, unsigned) on an 8 x 8 grid, weighted by magnitude.

    Centring each group moves unrelated pictures away from cosine 1. A group without any variation
    (the gradients of a picture of one colour) is zero.

    Args:
        batch: (N, 64, 64, 3) float32 RGB in 0 to 1.

    Returns:
        (N, 752) float32, of unit length unless all groups are zero.

    Example:
        >>> describe(np.zeros((1, 64, 64, 3), np.float32)).shape
        (1, 752)
    """
    opponent = np.stack(
        [
            batch.mean(axis=3),
            (batch[..., 0] - batch[..., 1]) / 2 + 0.5,
            (batch[..., 0] + batch[..., 1] - 2 * batch[..., 2]) / 4 + 0.5,
        ],
        axis=3,
    )
    groups = [_histograms(opponent), _grid(opponent), _gradients(opponent[..., 0])]
    joined = np.concatenate([_unit(group - group.mean(1, keepdims=True)) for group in groups], 1)
    return _unit(joined).astype(np.float32)


def _unit(vectors: Floats) -> Floats:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 1e-6)


def _histograms(opponent: Floats) -> Floats:
    bins = np.minimum((opponent * 16).astype(np.int64), 15)
    counts = (bins[..., None] == np.arange(16)).mean(axis=(1, 2), dtype=np.float32)
    return np.sqrt(counts).reshape(len(opponent), -1)


def _grid(opponent: Floats) -> Floats:
    return _cells(opponent).mean(axis=(2, 4)).reshape(len(opponent), -1)


def _cells(maps: Floats) -> Floats:
    """(N, 64, 64, C) → (N, 8, 8, 8, 8, C): grid row, row in cell, grid column, column in cell."""
    cell = SIDE // GRID
    return maps.reshape(len(maps), GRID, cell, GRID, cell, maps.shape[3])


def _gradients(brightness: Floats) -> Floats:
    down, right = np.gradient(brightness, axis=(1, 2))
    magnitude = np.hypot(right, down)
    angle = np.mod(np.arctan2(down, right), np.pi) * (ORIENTATIONS / np.pi)
    bins = np.minimum(angle.astype(np.int64), ORIENTATIONS - 1)
    spread = (bins[..., None] == np.arange(ORIENTATIONS)) * magnitude[..., None]
    strength = _cells(spread.astype(np.float32)).mean(axis=(2, 4))
    return np.sqrt(strength).reshape(len(brightness), -1)


class Pixels:
    """The family of one."""

    def load(self, name: EncoderName, runtime: Runtime) -> Encoder:
        """The descriptor; it has no options and ignores the runtime."""
        name.allow(())
        card = Card(
            algorithm="pixels/1",
            weights="none",
            layer="statistics",
            pooling="none",
            preprocess=PREPROCESS,
            dim=DIM,
            name=name.text,
            licence="Apache-2.0",
            params=0,
        )
        return Encoder((card,), PREPROCESS.apply, _run, "numpy f32 on CPU", files=())

    def entries(self) -> Iterable[Entry]:
        """The one descriptor."""
        size = f"{SIDE}x{SIDE}"
        return [Entry("pixels", dim=DIM, params=0, input=size, licence="Apache-2.0")]


def _run(batch: Array) -> list[Array]:
    return [describe(batch)]


FAMILY = Pixels()
