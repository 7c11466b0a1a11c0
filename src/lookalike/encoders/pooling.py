"""From whatever a layer gives to one vector per picture."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError

Pooling = Literal["auto", "avg", "max", "avg-nhwc", "max-nhwc", "flatten", "cls", "none"]
POOLINGS: tuple[str, ...] = get_args(Pooling)
Array: TypeAlias = "NDArray[Any]"


NHWC = "-nhwc"
"""Behind ``avg`` and ``max`` of a map whose channels come last."""


def resolve_pooling(
    pooling: str,
    shape: tuple[int, ...],
    *,
    has_class_token: bool = False,
    size: tuple[int, int] | None = None,
    layout: str = "nchw",
) -> str:
    """What ``auto`` means for a layer's output, and whether a choice fits it at all.

    Args:
        pooling: One of `POOLINGS`.
        shape: Of the output with the batch axis, unknown sizes as -1.
        has_class_token: Whether the first of a token sequence is a class token.
        size: (height, width) of the network's input, to tell the places of a map from its
            channels; see `channels_last`. None where channels come first.
        layout: Of the input.

    Returns:
        ``none`` for (N, D); for a map (N, C, H, W) ``auto`` is ``avg``; for tokens (N, T, C) it
        is ``cls`` where there is a class token, else ``avg``. ``avg`` and ``max`` of a map
        (N, H, W, C) are ``avg-nhwc`` and ``max-nhwc``.

    Raises:
        UsageError: A pooling that this shape does not have.

    Example:
        >>> resolve_pooling("auto", (-1, 512, 7, 7)), resolve_pooling("auto", (-1, 512))
        ('avg', 'none')
        >>> resolve_pooling("auto", (-1, 7, 7, 512), size=(224, 224))
        'avg-nhwc'
    """
    rank = len(shape)
    if rank == 2:
        return "none"  # there is nothing left to pool
    if rank == 4 and (1, 1) in (shape[1:3], shape[2:]) and pooling in {"auto", "none"}:
        return "flatten"
    default = {3: "cls" if has_class_token else "avg", 4: "avg"}.get(rank, "flatten")
    chosen = default if pooling == "auto" else pooling
    fits = {
        "cls": rank == 3,
        "avg": rank in (3, 4),
        "max": rank in (3, 4),
        "avg-nhwc": rank == 4,
        "max-nhwc": rank == 4,
        "flatten": True,
    }
    if not fits.get(chosen, False):
        raise UsageError(
            f"pooling {chosen!r} does not fit an output of shape {shape}",
            cure="one of " + ", ".join(name for name, fit in fits.items() if fit),
        )
    last = rank == 4 and size is not None and channels_last(shape, size, layout)
    return chosen + NHWC * (last and chosen in {"avg", "max"})


def channels_last(shape: tuple[int, ...], size: tuple[int, int], layout: str) -> bool:
    """Whether a map is (N, H, W, C): its places then have the proportions of the input.

    Args:
        shape: Of the map, four sizes.
        size: (height, width) of the input.
        layout: Of the input; it decides where both would fit alike.

    Example:
        >>> channels_last((-1, 8, 4, 512), (256, 128), "nchw")
        True
        >>> channels_last((-1, 512, 8, 4), (256, 128), "nhwc")
        False
    """
    height, width = size

    def strayed(rows: int, columns: int) -> float:
        return abs(columns - rows * width / height)

    first, last = strayed(*shape[2:]), strayed(*shape[1:3])
    return last < first or (last == first and layout == "nhwc")


def pool(output: Array, pooling: str) -> Array:
    """One vector per picture.

    Args:
        output: (N, D), a map (N, C, H, W) or (N, H, W, C), or tokens (N, T, C).
        pooling: As `resolve_pooling` returned it.

    Returns:
        (N, D) float32.

    Example:
        >>> pool(np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2), "avg").tolist()
        [[1.5, 5.5]]
    """
    if pooling == "flatten":
        output = output.reshape(len(output), -1)
    elif pooling == "cls":
        output = output[:, 0]
    elif pooling != "none":
        axes = pooled_axes(pooling, output.ndim)
        output = output.mean(axis=axes) if pooling.startswith("avg") else output.max(axis=axes)
    return np.ascontiguousarray(output, dtype=np.float32)


def pooled_axes(pooling: str, rank: int) -> tuple[int, ...]:
    """The axes that ``avg`` and ``max``, with or without ``-nhwc``, go over.

    Example:
        >>> pooled_axes("avg", 4), pooled_axes("max-nhwc", 4), pooled_axes("avg", 3)
        ((2, 3), (1, 2), (1,))
    """
    if rank == 3:
        return (1,)
    return (1, 2) if pooling.endswith(NHWC) else (2, 3)


def pooled_length(shape: tuple[int, ...], pooling: str) -> int:
    """Length of the vector that `pool` makes from an output of this shape.

    Example:
        >>> pooled_length((-1, 512, 7, 7), "avg"), pooled_length((-1, 512, 7, 7), "flatten")
        (512, 25088)
    """
    if pooling == "flatten":
        return int(np.prod(shape[1:]))
    if len(shape) == 4 and pooling.endswith(NHWC):
        return shape[3]
    return shape[1] if len(shape) in (2, 4) else shape[2]
