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

Bytes: TypeAlias = "NDArray[np.uint8]"
Whole: TypeAlias = "NDArray[np.int64]"
Narrow: TypeAlias = "NDArray[np.int32]"
Doubles: TypeAlias = "NDArray[np.float64]"

SIDE = 64
GRID = 8
CELL = SIDE // GRID
BINS = 16
ORIENTATIONS = 8
PREPROCESS = Preprocess(resize=(SIDE, SIDE), layout="nhwc", alpha=(255, 255, 255))
DIM = 3 * BINS + GRID * GRID * 3 + GRID * GRID * ORIENTATIONS

LEVELS = 3060
"""The highest level of brightness and of both opponent colours; all of them are whole numbers."""

DIRECTIONS = np.array([(1024, 0), (946, 392), (724, 724), (392, 946)], np.int32)
"""1024 times the cosine and sine of 0, 22.5, 45 and 67.5 degrees; the other four lie across."""

ALONG, ACROSS = 5, 12
"""Their quotient is the tangent of 22.5 degrees: a gradient counts for its two neighbours alone."""

STEEPEST = 2 * 3 * 255 * 1024 * ALONG * CELL * CELL
"""What `_strengths` gives where brightness changes by all of its range at every pixel of a cell."""

ROOT = 1 << 20
"""Square roots are rounded to whole numbers of this part of 1, so that their sums are exact."""

OFFSET = 512
"""Roots are taken of shares plus 1/512: the root of zero itself would magnify any change."""

FAINT = 0.04
"""Square of the length below which a group stays short, instead of being noise of full length."""

WEIGHTS = (1.0, 0.75, 1.0)
"""Lengths of the three groups. The grid, which edits disturb most, counts less."""


def describe(batch: Bytes) -> NDArray[np.float32]:
    """Three groups of statistics, each centred and of nearly equal length, side by side.

    1. histograms of brightness and two opponent colours (16 bins each, square roots);
    2. mean brightness and opponent colours on an 8 x 8 grid;
    3. gradient orientations (8, unsigned) on an 8 x 8 grid, weighted by magnitude, square roots.

    Every CPU gives the same bytes. All that depends on an order, and all that decides, is done on
    whole numbers; what follows are additions, divisions and square roots one by one, which IEEE 754
    rounds in one way. Nothing is decided hard: a value between two bins, and a gradient between
    two directions, counts for both in proportion, so that small changes stay small.

    Centring each group moves unrelated pictures away from cosine 1. A group without any variation
    (the gradients of a picture of one colour) is zero, and one with hardly any is short.

    Args:
        batch: (N, 64, 64, 3) uint8 RGB.

    Returns:
        (N, 752) float32, of unit length.

    Example:
        >>> describe(np.zeros((1, 64, 64, 3), np.uint8)).shape
        (1, 752)
    """
    opponent = _opponent(batch)
    groups = (
        _shortened(_roots(_histograms(opponent), SIDE * SIDE * LEVELS), ROOT),
        _shortened(_grid(opponent), CELL * CELL * LEVELS),
        _shortened(_roots(_strengths(*_slopes(batch)), STEEPEST), ROOT),
    )
    joined = np.concatenate(
        [group * weight for (group, _), weight in zip(groups, WEIGHTS, strict=True)], axis=1
    )
    squares = [
        square * (weight * weight) for (_, square), weight in zip(groups, WEIGHTS, strict=True)
    ]
    length = np.sqrt(squares[0] + squares[1] + squares[2])
    found = np.divide(joined, length, out=np.zeros_like(joined), where=length > 0)
    return found.astype(np.float32)


def _opponent(batch: Bytes) -> Whole:
    """(N, 64, 64, 3) levels 0 to 3060 of brightness, red against green, both against blue."""
    red, green, blue = (batch[..., channel].astype(np.int64) for channel in range(3))
    levels = (
        4 * (red + green + blue),
        6 * (red - green + 255),
        3 * (red + green - 2 * blue + 510),
    )
    return np.stack(levels, axis=3)


def _histograms(opponent: Whole) -> Whole:
    """(N, 48) masses, 64 * 64 * 3060 in each histogram: a pixel's 3060 go to the two nearest bins.

    The centre of bin b lies at (b + 1/2) / 16 of the range; beyond the outermost centres all goes
    to one bin.
    """
    position = np.clip(opponent * BINS - LEVELS // 2, 0, (BINS - 1) * LEVELS)
    lower = np.minimum(position // LEVELS, BINS - 2)
    to_upper = position - lower * LEVELS
    count = len(opponent) * 3
    first = BINS * np.arange(count).reshape(-1, 1, 1, 3)
    place = (lower + first).astype(np.intp, copy=False).ravel()
    # doubles hold whole numbers up to 2**53 exactly, and their sums in any order
    masses = np.bincount(place, (LEVELS - to_upper).ravel(), count * BINS)
    masses += np.bincount(place + 1, to_upper.ravel(), count * BINS)
    return masses.astype(np.int64).reshape(len(opponent), -1)


def _grid(opponent: Whole) -> Whole:
    """(N, 192) sums of levels over each cell, up to 64 * 3060."""
    return _cells(opponent).reshape(len(opponent), -1)


def _slopes(batch: Bytes) -> tuple[Narrow, Narrow]:
    """(N, 64, 64) each: how brightness changes downwards and to the right, -1530 to 1530."""
    brightness = 2 * batch.sum(axis=3, dtype=np.float64)  # so that halves of it are whole
    down, right = np.gradient(brightness, axis=(1, 2))
    return down.astype(np.int32), right.astype(np.int32)


def _strengths(down: Narrow, right: Narrow) -> Whole:
    """(N, 512) strength of 8 directions in each cell, without sign; see `STEEPEST`.

    A gradient g counts for direction u by ``max(0, 5 |g . u| - 12 |g x u|)``: all of its length
    where it lies along u, falling to nothing at the next direction to either side.
    """
    strengths = np.empty((*down.shape, ORIENTATIONS), down.dtype)
    for place, (cosine, sine) in enumerate(DIRECTIONS):
        along = np.abs(right * cosine + down * sine)
        across = np.abs(down * cosine - right * sine)
        np.maximum(ALONG * along - ACROSS * across, 0, out=strengths[..., place])
        np.maximum(ALONG * across - ACROSS * along, 0, out=strengths[..., place + 4])
    return _cells(strengths).reshape(len(down), -1)


def _cells(maps: Whole | Narrow) -> Whole:
    """(N, 64, 64, C) → (N, 8, 8, C): sums over cells."""
    rows = maps.reshape(len(maps), GRID, CELL, SIDE, -1).sum(axis=2)
    return rows.reshape(len(maps), GRID, GRID, CELL, -1).sum(axis=3)


def _roots(shares: Whole, whole: int) -> Whole:
    """Square roots of shares of a whole, in parts of `ROOT`."""
    return np.rint(np.sqrt((shares + whole // OFFSET) / whole) * ROOT).astype(np.int64)


def _shortened(group: Whole, unit: int) -> tuple[Doubles, Doubles]:
    """Centred and of length 1, or less where it is faint; and the square of that length.

    Args:
        group: (N, D) whole numbers.
        unit: How many of them are 1.

    Returns:
        (N, D) and (N, 1).
    """
    size = group.shape[1]
    total = group.sum(axis=1, keepdims=True)
    scatter = size * (group * group).sum(axis=1, keepdims=True) - total * total
    square = scatter / (size * unit * unit)
    vectors = (size * group - total) / (size * unit * np.sqrt(square + FAINT))
    return vectors, square / (square + FAINT)


class Pixels:
    """The family of one."""

    def load(self, name: EncoderName, runtime: Runtime) -> Encoder:
        """The descriptor; it has no options and ignores the runtime."""
        name.allow(())
        card = Card(
            algorithm="pixels/2",
            weights="none",
            layer="statistics",
            pooling="none",
            preprocess=PREPROCESS,
            dim=DIM,
            name=name.text,
            licence="Apache-2.0",
            params=0,
        )
        return Encoder((card,), PREPROCESS.pixels, _run, "numpy f32 on CPU", files=())

    def entries(self) -> Iterable[Entry]:
        """The one descriptor."""
        size = f"{SIDE}x{SIDE}"
        return [Entry("pixels", dim=DIM, params=0, input=size, licence="Apache-2.0")]


def _run(batch: Array) -> list[Array]:
    return [describe(batch)]


FAMILY = Pixels()
