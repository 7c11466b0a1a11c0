"""Prepared pictures in the type that a network declares for its input."""

from __future__ import annotations

import numpy as np

from lookalike.encoders.engines.network import Array
from lookalike.errors import UsageError, WeightsError
from lookalike.images import Preprocess

FLOATS = ("float16", "float32", "float64")
INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


def check_type(preprocess: Preprocess, kind: str, where: str) -> None:
    """Raise unless prepared pictures can be given to a network as what it takes.

    Args:
        preprocess: How pictures are prepared.
        kind: What the input holds, by NumPy's names.
        where: For the message.

    Raises:
        WeightsError: A network that takes no numbers, or numbers of a kind that can't be fed.
        UsageError: The preprocessing makes other numbers than the whole ones that an input of
            integers holds; they would be cut off in silence.

    Example:
        >>> check_type(Preprocess(scale=1), "uint8", "net.onnx")
    """
    if kind in FLOATS:
        _check_range(preprocess, kind, where)
        return
    if kind not in INTEGERS:
        raise WeightsError(
            f"the network takes {kind}, and pictures are fed as {', '.join((*FLOATS, *INTEGERS))}",
            where=where,
            cure="export it with an input of float32",
        )
    least, most = (int(end) for end in (np.iinfo(kind).min, np.iinfo(kind).max))
    table = preprocess.table
    low, high = float(table.min()), float(table.max())
    whole = bool((table == np.round(table)).all())
    if whole and least <= low and high <= most:
        return
    told = f"numbers from {low:.6g} to {high:.6g}" + ", not all of them whole" * (not whole)
    wanted = {"scale": 1.0, "mean": 128.0 if kind == "int8" else 0.0, "std": 1.0}
    changes = [
        f"{name}={value:.0f}"
        for name, value in wanted.items()
        if np.any(np.asarray(getattr(preprocess, name)) != value)
    ]
    raise UsageError(
        f"the network takes {kind}, whole numbers from {least} to {most}, and the preprocessing "
        f"makes {told}",
        where=where,
        cure=f"give {'&'.join(changes)} in its name",
    )


def _check_range(preprocess: Preprocess, kind: str, where: str) -> None:
    if np.abs(preprocess.table).max() > np.finfo(kind).max:
        raise UsageError(
            f"the preprocessing makes numbers that {kind}, which the network takes, can't hold",
            where=where,
            cure="give scale, mean and std that the network was trained with",
        )


def fed(preprocess: Preprocess, batch: Array, kind: str) -> Array:
    """The network's input for sized pictures, in the type that `check_type` found to fit.

    Args:
        preprocess: How pictures are prepared.
        batch: (N, H, W, 3) uint8 RGB.
        kind: One of `FLOATS` and `INTEGERS`.
    """
    return preprocess.normalise(batch).astype(kind, copy=False)
