"""One row of a table: a model with its quality and its cost, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PureWindowsPath
from typing import Any

import numpy as np

from lookalike.encoders import Entry
from lookalike.judge import Difference, Measure
from lookalike.measuring.measurement import Measurement
from lookalike.measuring.subject import NEGATIVE, POSITIVE, Subject
from lookalike.tables.figures import Figures, PairFigures
from lookalike.tables.published import PublishedColumn
from lookalike.tables.reid_published import Nearness

CHANCE = 0.5
"""The ROC AUC of a model that guesses."""

BEST, WORSE, ALIKE, UNKNOWN = "best", "worse", "not distinguishable", "too few to tell"


@dataclass(frozen=True)
class Separation:
    """How far the values of same pairs lie from those of different ones, closeness upwards.

    Attributes:
        gap: The least close same pair less the closest different one: positive minus hardest
            negative. Above 0, a threshold parts them without an error.
        margin: Mean over the same pairs less mean over the different ones.
        d_prime: `margin` in standard deviations, the root of the mean of both variances (n - 1);
            None with fewer than two pairs of a kind or without variance.
    """

    gap: float
    margin: float
    d_prime: float | None

    @classmethod
    def of(cls, same: Sequence[float], different: Sequence[float]) -> Separation | None:
        """From values that are higher the closer; None if one kind is missing.

        Example:
            >>> found = Separation.of([0.9, 0.8, 0.7], [0.3, 0.2, 0.1])
            >>> round(found.gap, 6), round(found.d_prime, 6)
            (0.4, 6.0)
        """
        if not same or not different:
            return None
        margin = float(np.mean(same) - np.mean(different))
        several = min(len(same), len(different)) > 1
        variance = (np.var(same, ddof=1) + np.var(different, ddof=1)) / 2 if several else 0.0
        d_prime = margin / float(np.sqrt(variance)) if variance > 0 else None
        return cls(min(same) - max(different), margin, d_prime)


@dataclass(frozen=True)
class ModelRow:
    """A model of a table.

    Attributes:
        name: The encoder's name.
        label: A short form of it that tells the rows of a table apart.
        measurement: What came of trying it.
        subject: What it was tried on.
        catalogue: What the catalogue says about it; None if it is not in there.
        published: The published column of the same network and weights, if one was asked for.
        resembles: The published re-identification rows that its values are nearest to, the nearest
            first, if they were asked for.
        common: Positions of the pairs that this and all other models are held against each other
            by; empty for a model that stands aside, all pairs if None.
        measures: With a table of pairs: ROC AUC, best accuracy and others, with intervals.
        beside_best: ``best``; ``not distinguishable`` from it; ``worse``; ``too few to tell``;
            empty if not judged.
        lead: The best one's lead over it; None for the best one and where nothing was judged.
        pareto: Whether no other model is both quicker and better; None where a figure is missing.
    """

    name: str
    label: str
    measurement: Measurement
    subject: Subject = field(repr=False)
    catalogue: Entry | None = None
    published: PublishedColumn | None = None
    resembles: tuple[Nearness, ...] = ()
    common: frozenset[int] | None = None
    measures: tuple[Measure, ...] = ()
    beside_best: str = ""
    lead: Difference | None = None
    pareto: bool | None = None

    @property
    def ok(self) -> bool:
        """Whether the model could be tried."""
        return self.measurement.ok

    @property
    def random(self) -> bool:
        """Whether its weights are random, so that only its cost means something."""
        return self.measurement.card is not None and self.measurement.card.random

    def measure(self, name: str) -> Measure | None:
        """A measure by name, such as ``roc_auc``; None if there is none."""
        return next((one for one in self.measures if one.name == name), None)

    @cached_property
    def separation(self) -> Separation | None:
        """In the metric's own units; None where a kind of pairs has no value."""
        same, different = self._closeness(True), self._closeness(False)
        return Separation.of(same, different)

    @property
    def closest_calls(self) -> tuple[float, float] | None:
        """The values of the least close same pair and of the closest different one."""
        same, different = self._closeness(True), self._closeness(False)
        if not same or not different:
            return None
        sign = 1 if self.measurement.higher_is_closer else -1
        return sign * min(same), sign * max(different)

    @property
    def common_values(self) -> dict[int, float]:
        """Position of a pair → its value, of the pairs that all models are compared by."""
        return {
            n: value
            for n, value in enumerate(self.measurement.values)
            if value is not None and (self.common is None or n in self.common)
        }

    def _closeness(self, kind: bool) -> list[float]:
        if not self.measurement.metric:
            return []
        sign = 1 if self.measurement.higher_is_closer else -1
        pairs = self.subject.pairs
        return [sign * value for n, value in self.common_values.items() if pairs[n].same is kind]

    @property
    def quality(self) -> float | None:
        """What models are ranked by: ROC AUC, or the gap in per cent where there is none.

        None with random weights, which mean nothing, and where only a gap is there whose metric
        does not reach to 1, since gaps of different units can't be ranked.
        """
        if self.random:
            return None
        return self.roc_auc.value if self.roc_auc else self.gap_per_cent

    @property
    def roc_auc(self) -> Measure | None:
        """The measure, with ``value`` and ``interval``; None if nothing was judged."""
        return self.measure("roc_auc")

    @property
    def above_chance(self) -> bool:
        """Whether it has shown that it tells same from different: by its interval, or its gap."""
        auc = self.roc_auc
        if auc is None:
            return self.quality is not None and self.quality > 0
        return auc.interval is not None and auc.interval.low > CHANCE

    @property
    def gap_per_cent(self) -> float | None:
        """Positive less hardest negative, times 100; None for metrics that do not reach to 1."""
        found = self.separation
        return self.measurement.per_cent(found.gap) if found else None

    @property
    def file_ms(self) -> float | None:
        """Median from file to vector, in milliseconds."""
        times = self.measurement.times
        return None if times is None else times.file.median

    @cached_property
    def figure_of(self) -> Mapping[str, Any]:
        """Dimension, GFLOPs, parameters, accuracies, weights, licence.

        They are the card's, or the catalogue's where the model could not be loaded.

        With random weights, accuracies are those that the published weights would have.
        """
        card, known = self.measurement.card, self.catalogue
        if card is None:
            names = ("gflops", "params", "acc1", "acc5", "licence")
            told = {name: getattr(known, name, None) for name in names}
            return {"dim": None, "weights": None} | told
        meant = card if known is None or not card.random else known
        return {
            "dim": card.dim,
            "gflops": card.gflops,
            "params": card.params,
            "acc1": meant.acc1,
            "acc5": meant.acc5,
            "weights": card.weights_tag,
            "licence": card.licence,
        }

    @property
    def figures(self) -> Figures:
        """As a column of the published tables; see `published`.

        With an anchor: the least alike positive, and each negative under its role. With a table of
        pairs: means over same and over different pairs.
        """
        pairs = self._anchored() if self.subject.anchored else self._means()
        told = self.figure_of
        return Figures(
            self.label,
            pairs,
            dim=told["dim"],
            gflops=told["gflops"],
            acc1=told["acc1"],
            acc5=told["acc5"],
            params=told["params"],
        )

    def _anchored(self) -> dict[str, PairFigures]:
        found: dict[str, PairFigures] = {}
        values = self.measurement.values or (None,) * len(self.subject.pairs)
        for pair, role, value in zip(self.subject.pairs, self.subject.roles, values, strict=True):
            told = self._pair_figures(value, self.subject.places[pair.b].id)
            name = POSITIVE if pair.same else role
            before = found.get(name, PairFigures())
            if before.similarity is None or (
                told.similarity is not None and told.similarity < before.similarity
            ):
                found[name] = told
        return found

    def _pair_figures(self, value: float | None, id: str | None = None) -> PairFigures:
        """With the time of that picture if it was timed; of all of them without an id."""
        times = self.measurement.times
        if times is None:
            return PairFigures(similarity=self.measurement.per_cent(value))
        embed_ms = times.file.median if id is None else times.of_pictures.get(id)
        return PairFigures(embed_ms, times.similarity.median, self.measurement.per_cent(value))

    def _means(self) -> dict[str, PairFigures]:
        sign = 1 if self.measurement.metric and self.measurement.higher_is_closer else -1
        same, different = (
            sign * float(np.mean(values)) if values else None
            for values in (self._closeness(True), self._closeness(False))
        )
        # times belong to no kind of pair, and are told once
        apart = PairFigures(similarity=self.measurement.per_cent(different))
        return {POSITIVE: self._pair_figures(same), NEGATIVE: apart}

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape: identity, quality, cost."""
        found, separation = self.measurement, self.separation
        best = found.best_throughput
        return {
            "model": self.name,
            "label": self.label,
            "reason": found.reason or None,
            **self.figure_of,
            "engine": found.engine,
            "fingerprint": found.card and found.card.fingerprint,
            "metric": found.metric,
            "pairs": self._pairs(),
            "gap": separation and separation.gap,
            "gap_per_cent": self.gap_per_cent,
            "margin": separation and separation.margin,
            "d_prime": separation and separation.d_prime,
            "measures": [one.to_dict() for one in self.measures],
            "beside_best": self.beside_best,
            "lead": self.lead and self.lead.to_dict(),
            "pareto": self.pareto,
            "times": found.times and found.times.to_dict(),
            "throughput": [
                {"batch": batch, "pictures_per_second": rate} for batch, rate in found.throughput
            ],
            "best_batch": best and best[0],
            "pictures_per_second": best and best[1],
            "compared_per_second": found.scan,
            "vector_bytes": found.vector_bytes,
            "memory_mib": found.memory_mib,
            "batch_memory_mib": found.batch_memory_mib,
            "device_memory_mib": found.device_memory_mib,
            "yardsticks": [list(one) for one in found.yardsticks],
            "card": found.card and found.card.to_dict(),
            "failures": [
                dict(zip(("id", "reason", "detail"), one, strict=True)) for one in found.failures
            ],
            "published": self.published and _published_dict(self.published),
            "resembles": [one.to_dict() for one in self.resembles],
        }

    def _pairs(self) -> list[dict[str, Any]]:
        places, found = self.subject.places, self.measurement
        values = found.values or (None,) * len(self.subject.pairs)
        return [
            {
                "a": places[pair.a].id,
                "b": places[pair.b].id,
                "role": role,
                "same": pair.same,
                "value": value,
                "per_cent": found.per_cent(value),
            }
            for pair, role, value in zip(
                self.subject.pairs, self.subject.roles, values, strict=True
            )
        ]


def _published_dict(column: PublishedColumn) -> dict[str, Any]:
    told = column.figures
    return {
        "column": column.label,
        "table": column.table,
        "dim": told.dim,
        "gflops": told.gflops,
        "acc1": told.acc1,
        "acc5": told.acc5,
        "pairs": {
            role: {
                "embed_ms": pair.embed_ms,
                "similarity_ms": pair.similarity_ms,
                "per_cent": pair.similarity,
            }
            for role, pair in told.pairs.items()
        },
        "corrections": [
            {"field": one.field, "printed": one.printed, "actual": one.actual, "why": one.why}
            for one in column.corrections
        ],
        "note": column.note,
    }


def labels_of(names: Sequence[str]) -> list[str]:
    """Short forms of encoders' names: without options and folders where that tells them apart.

    Example:
        >>> labels_of(["onnx:nets/a.onnx?squash=1", "hash:phash?size=8", "hash:phash?size=16"])
        ['onnx:a.onnx', 'hash:phash?size=8', 'hash:phash?size=16']
        >>> labels_of(["mine", "mine"])
        ['mine (1)', 'mine (2)']
    """
    bare = [name.partition("?")[0] for name in names]
    short = [_without_folder(name) for name in bare]
    labels: list[str] = []
    for n, (name, whole, least) in enumerate(zip(names, bare, short, strict=True), 1):
        apart = least if short.count(least) == 1 else whole if bare.count(whole) == 1 else name
        labels.append(apart if names.count(name) == 1 else f"{apart} ({n})")
    return labels


def _without_folder(name: str) -> str:
    family, _, rest = name.partition(":")
    return f"{family}:{PureWindowsPath(rest).name}" if family == "onnx" else name
