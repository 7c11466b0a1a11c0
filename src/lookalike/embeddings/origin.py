"""How vectors came about, beside the card that says what they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lookalike.embeddings.engine_check import EngineCheck

Decoding = Literal["full", "reduced"]


@dataclass(frozen=True)
class Origin:
    """What made vectors: recorded with them, and not part of their fingerprint.

    Attributes:
        engine: What ran the encoder, e.g. ``openvino f32 on CPU``.
        decoding: ``full``, or ``reduced`` where large JPEGs were decoded at a smaller size.
        check: How the engine agreed with its reference; None if that was not looked at.
    """

    engine: str = ""
    decoding: Decoding = "full"
    check: EngineCheck | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What must be said whenever the vectors are used."""
        if self.check is None or self.check.ok:
            return ()
        return (self.check.sentence,)

    def with_older(self, older: Origin) -> Origin:
        """What to record for vectors of two origins: the one of which more must be said.

        An engine that did not agree comes first, then reduced decoding, then the older one.

        Example:
            >>> Origin("torch f32 on CPU").with_older(Origin("openvino f32 on CPU")).engine
            'openvino f32 on CPU'
        """
        return max(older, self, key=lambda one: (bool(one.warnings), one.decoding == "reduced"))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as stores hold them."""
        check = None if self.check is None else self.check.to_dict()
        return {"engine": self.engine, "decoding": self.decoding, "check": check}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Origin:
        """The inverse of `to_dict`.

        Example:
            >>> Origin.from_dict(Origin("torch f32 on CPU").to_dict()).engine
            'torch f32 on CPU'
        """
        check = plain.get("check")
        return cls(
            plain.get("engine", ""),
            plain.get("decoding", "full"),
            None if check is None else EngineCheck.from_dict(check),
        )
