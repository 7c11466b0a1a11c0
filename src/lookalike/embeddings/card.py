"""The card of an encoder: everything that decides a vector's numbers, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lookalike.embeddings.verdict import VerdictMap
from lookalike.errors import CardError, UsageError
from lookalike.images import Preprocess
from lookalike.images.validation import validated

IDENTITY = ("algorithm", "weights", "layer", "pooling", "settings", "heads", "kind")
"""The fields, besides the preprocessing, that decide numbers and so enter the fingerprint."""


@dataclass(frozen=True)
class Card:
    """What an encoder is. Frozen; vectors are comparable exactly when fingerprints agree.

    The first group of attributes decides the numbers and enters the fingerprint; the second
    describes and does not. Engine and precision are recorded beside a fingerprint, not in it.

    Attributes:
        algorithm: What is computed, e.g. ``torchvision/resnet50``, ``onnx``, ``hash/phash``.
        weights: ``sha256:...`` over the weights in use, or ``none``.
        layer: Which output the vector is taken from.
        pooling: How a map or a token sequence becomes one vector: ``none``, ``avg``, ``max``,
            ``cls`` or ``flatten``.
        preprocess: Everything before the network.
        settings: Further (key, value) pairs that change numbers, such as a hash's size.
        heads: Digests of the heads behind the encoder, in order.
        kind: ``float``, or ``bits`` (zeros and ones, compared by hamming).
        dim: Length of the vector.
        name: The encoder's name as users spell it.
        weights_tag: Which published weights, or ``random(seed=0)``.
        licence: SPDX identifier or words; empty if unknown.
        params: Number of parameters.
        gflops: Multiply-accumulates for one picture, in 10^9.
        acc1: Published ImageNet top-1 accuracy, in per cent.
        acc5: Published ImageNet top-5 accuracy, in per cent.
        source: Where the weights come from.
        figures: With which preprocessing published figures of these weights were made; empty if
            nothing is known of it.
        verdict: What its values say of two pictures; None without a calibration.

    Example:
        >>> card = Card(algorithm="onnx", weights="sha256:00", layer="features", pooling="none",
        ...             preprocess=Preprocess(resize=(64, 64)), dim=3, name="onnx:tiny.onnx")
        >>> len(card.fingerprint)
        32
    """

    algorithm: str
    weights: str
    layer: str
    pooling: str
    preprocess: Preprocess
    dim: int
    name: str
    settings: tuple[tuple[str, str], ...] = ()
    heads: tuple[str, ...] = ()
    kind: Literal["float", "bits"] = "float"
    weights_tag: str = ""
    licence: str = ""
    params: int | None = None
    gflops: float | None = None
    acc1: float | None = None
    acc5: float | None = None
    source: str = ""
    figures: str = ""
    verdict: VerdictMap | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", tuple(sorted(self.settings)))

    @cached_property
    def fingerprint(self) -> str:
        """32 hexadecimal digits of SHA-256 over everything that decides the numbers."""
        identity: dict[str, Any] = {field: getattr(self, field) for field in IDENTITY}
        identity["preprocess"] = self.preprocess.key
        text = json.dumps(identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def random(self) -> bool:
        """Whether the weights are random, so that the numbers mean nothing."""
        return self.weights_tag.startswith("random")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What must be said beside every number of its vectors."""
        return (f"{self.name} has RANDOM WEIGHTS: its numbers mean nothing",) * self.random

    @property
    def metric(self) -> str:
        """The metric its vectors are compared with unless another is asked for."""
        return "hamming" if self.kind == "bits" else "cosine"

    def no_vectors(self) -> NDArray[Any]:
        """(0, dim), of the type that its vectors have.

        Example:
            >>> Card("pixels/2", "none", "statistics", "none", Preprocess(), 3, "p").no_vectors()
            array([], shape=(0, 3), dtype=float32)
        """
        return np.zeros((0, self.dim), np.uint8 if self.kind == "bits" else np.float32)

    def differences(self, other: Card) -> list[str]:
        """How two cards' identities differ, a line per field; empty when fingerprints agree.

        Example:
            >>> from dataclasses import replace
            >>> a = Card("onnx", "sha256:00", "features", "none", Preprocess(), 3, "onnx:a")
            >>> b = replace(a, preprocess=Preprocess(order="bgr"), name="onnx:b")
            >>> a.differences(b)
            ['preprocess.order: rgb / bgr']
        """
        pairs = [(name, getattr(self, name), getattr(other, name)) for name in IDENTITY]
        if self.preprocess != other.preprocess:
            pairs += [
                (
                    f"preprocess.{field.name}",
                    getattr(self.preprocess, field.name),
                    getattr(other.preprocess, field.name),
                )
                for field in fields(Preprocess)
            ]
        return [f"{name}: {mine} / {theirs}" for name, mine, theirs in pairs if mine != theirs]

    def to_dict(self) -> dict[str, Any]:
        """The card as plain values, with its fingerprint; what YAML, JSON and stores hold."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        plain["preprocess"] = self.preprocess.to_dict()
        plain["settings"] = dict(self.settings)
        plain["heads"] = list(self.heads)
        plain["verdict"] = self.verdict and self.verdict.to_dict()
        return {"fingerprint": self.fingerprint, **plain}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], *, where: str = "card") -> Card:
        """A card from plain values, checked; its fingerprint, if present, must still hold.

        Raises:
            CardError: An unknown key, a wrong type, or a fingerprint that the rest contradicts.
        """
        values = dict(plain)
        stated = values.pop("fingerprint", None)
        if isinstance(values.get("settings"), Mapping):
            values["settings"] = tuple(values["settings"].items())
        try:
            if isinstance(values.get("preprocess"), Mapping):
                values["preprocess"] = Preprocess.from_dict(
                    values["preprocess"], where=f"{where}, preprocess"
                )
            card = validated(cls, values, where=where)
        except UsageError as error:
            raise CardError(error.what, where=error.where, cure=error.cure) from error
        if stated is not None and stated != card.fingerprint:
            raise CardError(
                f"the card says fingerprint {stated}, its fields give {card.fingerprint}",
                where=where,
                cure="the card was edited or is of another version; make it anew",
            )
        return card


def foreign_card(name: str, dim: int) -> Card:
    """The card of vectors that were made elsewhere, of which only a name is known.

    Two are comparable if name and length agree: whoever names them says so.

    Example:
        >>> foreign_card("a", 3).fingerprint == foreign_card("b", 3).fingerprint
        False
    """
    return Card(
        algorithm=f"foreign/{name}",
        weights="unknown",
        layer="unknown",
        pooling="none",
        preprocess=Preprocess(),
        dim=dim,
        name=name,
        settings=(("dim", str(dim)),),
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping.

    Raises:
        CardError: Not there, not YAML, or not a mapping; names the file and line.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CardError(f"the file can't be read as YAML: {error}", where=str(path)) from error
    if not isinstance(content, dict):
        raise CardError("the file holds no keys and values", where=str(path))
    return content
