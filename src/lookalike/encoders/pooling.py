"""From whatever a layer gives to one vector per picture."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError

Pooling = Literal["auto", "avg", "max", "flatten", "cls", "none"]
POOLINGS: tuple[str, ...] = get_args(Pooling)
Array: TypeAlias = "NDArray[Any]"


def resolve_pooling(pooling: str, shape: tuple[int, ...], *, has_class_token: bool = False) -> str:
    """What ``auto`` means for a layer's output, and whether a choice fits it at all.

    Args:
        pooling: One of `POOLINGS`.
        shape: Of the output with the batch axis, unknown sizes as -1.
        has_class_token: Whether the first of a token sequence is a class token.

    Returns:
        ``none`` for (N, D); for a map (N, C, H, W) ``auto`` is ``avg``; for tokens (N, T, C) it
        is ``cls`` where there is a class token, else ``avg``.

    Raises:
        UsageError: A pooling that this shape does not have.

    Example:
        >>> resolve_pooling("auto", (-1, 512, 7, 7)), resolve_pooling("auto", (-1, 512))
        ('avg', 'none')
    """
    rank = len(shape)
    if rank == 4 and shape[2:] == (1, 1) and pooling in {"auto", "none"}:
        return "flatten"
    default = {2: "none", 3: "cls" if has_class_token else "avg", 4: "avg"}.get(rank, "flatten")
    chosen = default if pooling == "auto" else pooling
    fits = {
        "none": rank == 2,
        "cls": rank == 3,
        "avg": rank in (3, 4),
        "max": rank in (3, 4),
        "flatten": rank >= 2,
    }
    if rank == 2:
        return "none"  # there is nothing left to pool
    if not fits[chosen]:
        raise UsageError(
            f"pooling {chosen!r} does not fit an output of shape {shape}",
            cure="one of " + ", ".join(name for name, fit in fits.items() if fit),
        )
    return chosen


def pool(output: Array, pooling: str) -> Array:
    """One vector per picture.

    Args:
        output: (N, D), a map (N, C, H, W), or tokens (N, T, C).
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
    elif pooling in {"avg", "max"}:
        axes = (2, 3) if output.ndim == 4 else (1,)
        output = output.mean(axis=axes) if pooling == "avg" else output.max(axis=axes)
    return np.ascontiguousarray(output, dtype=np.float32)


def pooled_length(shape: tuple[int, ...], pooling: str) -> int:
    """Length of the vector that `pool` makes from an output of this shape.

    Example:
        >>> pooled_length((-1, 512, 7, 7), "avg"), pooled_length((-1, 512, 7, 7), "flatten")
        (512, 25088)
    """
    if pooling == "flatten":
        return int(np.prod(shape[1:]))
    return shape[1] if len(shape) in (2, 4) else shape[2]
