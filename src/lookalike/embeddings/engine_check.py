"""How well the engine that made some vectors agreed with its reference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

TOLERANCE = 0.999
"""Cosine (for bits: share of equal bits) that every probe picture has to reach."""


@dataclass(frozen=True)
class EngineCheck:
    """An engine held against its reference on the probe pictures that come with the package.

    Attributes:
        engine: What was checked, e.g. ``openvino bf16 on CPU``.
        reference: What it was held against, e.g. ``torch f32 on CPU``.
        pictures: How many probe pictures.
        agreement: The smallest cosine between both vectors of one picture; for bits the smallest
            share of equal bits.
        tolerance: What the agreement has to reach.

    Example:
        >>> EngineCheck("openvino bf16 on CPU", "torch f32 on CPU", 8, 0.9998).ok
        True
    """

    engine: str
    reference: str
    pictures: int
    agreement: float
    tolerance: float = TOLERANCE

    @property
    def ok(self) -> bool:
        """Whether the engine may stand for its reference."""
        return self.agreement >= self.tolerance

    @property
    def sentence(self) -> str:
        """The finding in words."""
        verdict = "within" if self.ok else "NOT WITHIN"
        return (
            f"{self.engine} is {verdict} tolerance of {self.reference}: smallest agreement "
            f"{_rounded_down(self.agreement)} on {self.pictures} probe pictures, "
            f"{self.tolerance} is needed"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as stores hold them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> EngineCheck:
        """The inverse of `to_dict`."""
        return cls(**plain)


def _rounded_down(agreement: float) -> str:
    """Six decimals that never say more than there is."""
    return f"{math.floor(agreement * 1e6) / 1e6:.6f}"
