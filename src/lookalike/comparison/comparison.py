"""The result of comparing pictures: a value per pair and model, or the reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.comparison.view import comparison_view
from lookalike.embeddings import Card, PairVerdict, Row, VerdictMap
from lookalike.metrics import metric_named
from lookalike.report import View, html_fragment

Values: TypeAlias = "NDArray[np.float64]"


@dataclass(frozen=True)
class PairResult:
    """One pair under one model.

    Attributes:
        a: Id of the first picture.
        b: Id of the second picture.
        model: The encoder's name.
        fingerprint: The encoder's fingerprint.
        metric: Name of the metric.
        value: The similarity or distance; None if a side could not be read.
        error: Why there is no value; None if there is one.
        same: Whether the two are known to be alike; None if nobody said.
        low: Smallest value under harmless edits of both pictures; None unless asked for.
        high: Largest value under harmless edits; None unless asked for.
        verdict: What the value says of the two; None under an encoder without a calibration.
    """

    a: str
    b: str
    model: str
    fingerprint: str
    metric: str
    value: float | None
    error: str | None = None
    same: bool | None = None
    low: float | None = None
    high: float | None = None
    verdict: PairVerdict | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape: the first six keys always, the others where they have a value."""
        always = ("a", "b", "model", "fingerprint", "metric", "value")
        optional = ("error", "same", "low", "high")
        said = {key: getattr(self, key) for key in optional if getattr(self, key) is not None}
        if self.verdict is not None:
            said["verdict"] = self.verdict.to_dict()
        return {key: getattr(self, key) for key in always} | said


@dataclass(frozen=True)
class ModelUse:
    """One encoder as it was used.

    Attributes:
        card: Its card.
        engine: What ran it.
        metric: Name of the metric its vectors were compared with.
        label: What results call it: its name, with the layer where there are several.
        notes: What must be said beside its numbers.
    """

    card: Card
    engine: str
    metric: str
    label: str
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> VerdictMap | None:
        """The calibration that came with the encoder, if it is for this metric."""
        verdict = self.card.verdict
        return verdict if verdict is not None and verdict.metric == self.metric else None

    @property
    def reading(self) -> str:
        """How to read its values: range and direction."""
        metric = metric_named(self.metric)
        high = "no upper bound" if np.isinf(metric.high) else f"{metric.high:g}"
        low = "no lower bound" if np.isinf(metric.low) else f"{metric.low:g}"
        return f"{self.metric}, {low} to {high}, {metric.direction}"


@dataclass(frozen=True)
class Comparison:
    """Pictures compared under one or more models.

    Attributes:
        results: Every pair under every model, model by model, in the order of the pairs.
        models: The encoders in the order asked for.
        failures: The inputs that could not be read under any one of the models, with reasons.
        thumbnails: Input id → a small JPEG; empty if none were kept.
        remarks: What has to be said of some of the pictures, such as that their shape is in their
            transparency alone.
    """

    results: tuple[PairResult, ...]
    models: tuple[ModelUse, ...]
    failures: tuple[Row, ...] = ()
    thumbnails: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    remarks: tuple[str, ...] = ()

    @property
    def verdicts(self) -> tuple[str, ...]:
        """What may be concluded beyond the numbers: for which pairs verdicts hold, or that none.

        Example:
            >>> import lookalike
            >>> black, white = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
            >>> lookalike.compare(black, white, models="pixels").verdicts[0][:33]
            'no verdict: pixels came without a'
        """
        told = []
        silent = []
        for use in self.models:
            name = use.card.name.partition("?")[0]
            if use.verdict is not None:
                told.append(f"{use.label}: {use.verdict.reading}")
            elif use.card.verdict is not None:
                silent.append(f"{name} came with a calibration for {use.card.verdict.metric} only")
            else:
                silent.append(f"{name} came without a calibration")
        if silent:
            told.append(
                f"no verdict: {', '.join(dict.fromkeys(silent))}, and no threshold is invented. "
                "A value says which pairs are closer under the same model, not whether two "
                "pictures match."
            )
        return tuple(told)

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said beside the numbers: of the models, and of some of the pictures."""
        said = (note for use in self.models for note in use.notes)
        return tuple(dict.fromkeys((*said, *self.remarks)))

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of all pictures, in order of appearance."""
        return tuple(dict.fromkeys(end for one in self.results for end in (one.a, one.b)))

    def of(self, model: int) -> tuple[PairResult, ...]:
        """The results of one of the models, by its position in `models`."""
        pairs = len(self.results) // len(self.models)
        return self.results[model * pairs : (model + 1) * pairs]

    def matrix(self, model: int = 0) -> Values:
        """(N, N) values between `ids` under one model, by its position in `models`.

        Symmetric; NaN where a pair has no value. The diagonal holds what the metric gives equal
        vectors; it is NaN for a picture without a vector and for the unbounded inner product.
        """
        ids = self.ids
        position = {id: index for index, id in enumerate(ids)}
        metric = metric_named(self.models[model].metric)
        closest = metric.high if metric.higher_is_closer else metric.low
        failed = {row.id for row in self.failures}
        values = np.full((len(ids), len(ids)), np.nan)
        for id, index in position.items():
            if id not in failed and np.isfinite(closest):
                values[index, index] = closest
        for one in self.of(model):
            if one.value is not None:
                a, b = position[one.a], position[one.b]
                values[a, b] = values[b, a] = one.value
        return values

    @property
    def all_pairs(self) -> bool:
        """Whether every picture was compared with every other one."""
        pictures = len(self.ids)
        pairs = {(one.a, one.b) for one in self.results}
        return pictures > 2 and len(pairs) == pictures * (pictures - 1) // 2

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints, besides command and version."""
        return {
            "results": [one.to_dict() for one in self.results],
            "models": [
                use.card.to_dict() | {"engine": use.engine, "reading": use.reading}
                for use in self.models
            ],
            "failures": [
                {"id": row.id, "reason": row.reason and row.reason.value, "detail": row.detail}
                for row in self.failures
            ],
            "notes": [*self.verdicts, *self.notes],
        }

    def view(self) -> View:
        """The comparison as people see it."""
        return comparison_view(self)

    def _repr_html_(self) -> str:
        """Pictures beside numbers, for notebooks."""
        return html_fragment(self.view())
