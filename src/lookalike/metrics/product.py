"""Products of many vectors with many, on the CPU or on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import MissingDeviceError
from lookalike.extras import installed, require

Product: TypeAlias = Callable[[slice, slice], NDArray[Any]]
"""Row slice, column slice → (r, c) inner products, a new array that may be overwritten."""

WORTH_A_GPU = 10**12
"""Multiplications from which ``auto`` looks for a GPU; below it, loading torch takes longer."""


def product_of(left: NDArray[Any], right: NDArray[Any], device: str = "auto") -> Product:
    """Blocks of ``left @ right.T``.

    Args:
        left: (N, D) float32 or float64.
        right: (M, D) of the same type.
        device: ``cpu`` (NumPy), a torch device, or ``auto``.

    Raises:
        MissingExtraError: A torch device without torch.
        MissingDeviceError: torch does not find the device.

    Example:
        >>> product_of(np.eye(2), np.array([[3.0, 4.0]]))(slice(0, 2), slice(0, 1)).tolist()
        [[3.0], [4.0]]
    """
    chosen = _chosen(device, len(left) * len(right) * left.shape[1])
    if chosen == "cpu":
        return lambda rows, columns: left[rows] @ right[columns].T
    return _torch_product(left, right, chosen)


def _chosen(device: str, multiplications: int) -> str:
    if device != "auto":
        return device
    if multiplications < WORTH_A_GPU or not installed("torch"):
        return "cpu"
    torch = require("torch", purpose="a GPU")
    return "cuda" if torch.cuda.is_available() else "cpu"


def _torch_product(left: NDArray[Any], right: NDArray[Any], device: str) -> Product:
    torch = require("torch", purpose=f"device {device}")
    try:
        resident = torch.from_numpy(np.ascontiguousarray(right)).to(device)
        resident[:1].cpu()  # some devices take numbers and never give them back
    except (RuntimeError, AssertionError) as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise MissingDeviceError(
            f"torch can't use the device: {told}", where=f"device={device}", cure="device='cpu'"
        ) from error

    def product(rows: slice, columns: slice) -> NDArray[Any]:
        some = torch.from_numpy(np.ascontiguousarray(left[rows])).to(device)
        found: NDArray[Any] = (some @ resident[columns].T).cpu().numpy()
        return found

    return product
