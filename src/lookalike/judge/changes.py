"""What is decided differently: the result of `decision_changes`, and how people see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lookalike.embeddings import Card
from lookalike.judge.judgement import Difference
from lookalike.judge.resampling import Interval
from lookalike.metrics import metric_named
from lookalike.report import Column, Table, View, html_fragment

VECTORS, NEIGHBOURS, DECISIONS, QUALITY = "vectors", "neighbours", "decisions", "quality"
"""The parts of a `DecisionChanges`."""

OWN_THRESHOLD = "own threshold"
"""What `DecisionChanges.missing` calls the threshold that the other encoder would get."""


@dataclass(frozen=True)
class Change:
    """One number about what another encoder changes.

    Attributes:
        part: ``vectors``, ``neighbours`` or ``decisions``.
        name: Key, such as ``nearest_changed``.
        title: For people.
        value: A cosine, or a share from 0 to 1; None where there is nothing to take a share of.
        interval: Where it would lie for other pictures of the same kind; None if there are too
            few, or for a number that has none, such as a minimum.
        count: How many changed, for shares of things that are counted.
        of: Out of how many; for a mean, over how many.
        id: The picture that the number is about, if it is about one.
    """

    part: str
    name: str
    title: str
    value: float | None
    interval: Interval | None = None
    count: int | None = None
    of: int | None = None
    id: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return {
            "part": self.part,
            "measure": self.name,
            "value": self.value,
            "low": self.interval and self.interval.low,
            "high": self.interval and self.interval.high,
            "count": self.count,
            "of": self.of,
            "id": self.id,
        }


@dataclass(frozen=True)
class Thresholds:
    """The thresholds that pairs were decided by.

    Attributes:
        target: The operating point: ``f1``, ``fpr=0.01``, or ``given``.
        metric: What the reference is compared by.
        reference: A value of that metric, chosen on the reference's scores, or given.
        other_metric: What the other is compared by.
        own: What the other would get for the same operating point; for ``given``, the loosest
            that accepts no more pairs than the reference does. None if there is none.

    Example:
        >>> Thresholds("f1", "cosine", 0.8, "cosine", 0.75).words
        'match if cosine >= 0.8 (f1); the other would get 0.75'
    """

    target: str
    metric: str
    reference: float
    other_metric: str
    own: float | None = None

    @property
    def words(self) -> str:
        """The operating point as a sentence."""
        closer = ">=" if metric_named(self.metric).higher_is_closer else "<="
        unit = f" of {self.other_metric}" if self.other_metric != self.metric else ""
        own = f"; the other would get {self.own:.6g}{unit}" if self.own is not None else ""
        return f"match if {self.metric} {closer} {self.reference:.6g} ({self.target}){own}"

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return {
            "target": self.target,
            "metric": self.metric,
            "reference": self.reference,
            "other_metric": self.other_metric,
            "own": self.own,
        }


@dataclass(frozen=True)
class QualityChange:
    """One measure of quality of both encoders, and the difference.

    Attributes:
        reference: The reference's value, from 0 to 1.
        other: The other's.
        difference: The other minus the reference, on the same replicates.
    """

    reference: float
    other: float
    difference: Difference

    @property
    def points(self) -> tuple[float, float | None, float | None]:
        """The difference and the ends of its interval in percentage points."""
        between = self.difference.interval
        low, high = (100 * between.low, 100 * between.high) if between else (None, None)
        return 100 * self.difference.value, low, high

    @property
    def words(self) -> str:
        """The difference as a phrase."""
        value, low, high = self.points
        ends = "" if low is None or high is None else f" ({low:+.2f} to {high:+.2f})"
        return f"{self.difference.title.partition(' (')[0]} {value:+.2f} points{ends}"

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        points, low, high = self.points
        return {
            "measure": self.difference.measure,
            "reference": self.reference,
            "other": self.other,
            "points": points,
            "low": low,
            "high": high,
            "p": self.difference.p,
            "distinguishable": self.difference.distinguishable,
        }


@dataclass(frozen=True, eq=False)
class DecisionChanges:
    """What another encoder decides differently about the same pictures.

    ``found["nearest_changed"]`` is one number by its name. In a notebook it shows tables.

    Attributes:
        names: What the reference and the other are called.
        cards: Their cards.
        engines: What made their vectors; empty where that is not known.
        pictures: How many pictures both have a vector of.
        alone: How many vectors each has of pictures that the other has none of.
        changes: Numbers about vectors, neighbours and decisions, in reading order.
        quality: How well both tell things apart; empty without a truth.
        thresholds: By which pairs were decided; None if they were not.
        missing: Part that is missing (or ``own threshold``) → why.
        truth: What was judged, in words; empty without a truth.
        notes: What was left out, how intervals were made.
        warnings: What must not be overlooked.
        settings: Seed, replicates and the like.

    Example:
        >>> from lookalike.judge.decisions import decision_changes
        >>> vectors = np.eye(6)[np.arange(12) % 6] + 0.1
        >>> found = decision_changes(vectors, vectors, truth=[n % 6 for n in range(12)])
        >>> found["pairs_changed"].count, found["pairs_changed"].of
        (0, 66)
    """

    names: tuple[str, str]
    cards: tuple[Card, Card]
    engines: tuple[str, str]
    pictures: int
    alone: tuple[int, int]
    changes: tuple[Change, ...]
    quality: tuple[QualityChange, ...] = ()
    thresholds: Thresholds | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    truth: str = ""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Change:
        """The number of that name; KeyError lists those there are."""
        found = {one.name: one for one in self.changes}
        if name not in found:
            raise KeyError(f"{name!r} is none of {', '.join(found)}")
        return found[name]

    @property
    def answer(self) -> str:
        """The finding as a sentence: pairs, nearest neighbours, ROC AUC, as far as there are."""
        numbers = {one.name: one for one in self.changes}
        told: list[str] = []
        for name, more in (
            ("pairs_changed", ""),
            ("pairs_changed_own", ", each with a threshold of its own"),
        ):
            pairs = numbers.get(name)
            if not told and pairs and pairs.value is not None:
                told.append(f"decides {_percent(pairs)} of pairs differently{more}")
        nearest = numbers.get("nearest_changed")
        if nearest and nearest.count is not None:
            verb = "changes" if nearest.count == 1 else "change"
            told.append(f"{nearest.count:,} of {nearest.of:,} nearest neighbours {verb}")
        told += [one.words for one in self.quality[:1]]
        start = " " if told and told[0].startswith("decides") else ": "
        return f"{self.names[1]}{start}{', '.join(told) or 'nothing can be told'}"

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints, besides command and version."""
        models = zip(self.names, self.cards, self.engines, strict=True)
        return {
            "results": [one.to_dict() for one in self.changes],
            "quality": [one.to_dict() for one in self.quality],
            "models": [
                {"store": name, **card.to_dict(), "engine": engine} for name, card, engine in models
            ],
            "pictures": {
                "both": self.pictures,
                "reference_only": self.alone[0],
                "other_only": self.alone[1],
            },
            "thresholds": self.thresholds and self.thresholds.to_dict(),
            "missing": dict(self.missing),
            "answer": self.answer,
            "truth": self.truth,
            "settings": dict(self.settings),
            "notes": [*self.notes, *self.warnings],
        }

    def view(self) -> View:
        """The changes as people see them: the answer, quality if there is a truth, all numbers."""
        reference, other = self.names
        models = dict.fromkeys(
            f"{name}: {f'{card.name}, ' * (card.name != name)}fingerprint {card.fingerprint[:12]}"
            + f", {engine}" * bool(engine)
            for name, card, engine in zip(self.names, self.cards, self.engines, strict=True)
        )
        told = (
            *((self.truth,) if self.truth else ()),
            *models,
            *((self.thresholds.words,) if self.thresholds else ()),
            *(f"no {part}: {why}" for part, why in self.missing.items()),
        )
        return View(
            title=f"What does {other} decide differently from {reference}?",
            tables=(*((_quality(self),) if self.quality else ()), _changes(self)),
            notes=(*told, *self.notes),
            warnings=self.warnings,
            answer=(self.answer,),
        )

    def _repr_html_(self) -> str:
        """Tables, for notebooks."""
        return html_fragment(self.view())


def _percent(change: Change) -> str:
    ends = ""
    if change.interval:
        low, high = (_hundredths(end) for end in (change.interval.low, change.interval.high))
        ends = f" ({low}-{high} %)"
    return f"{_hundredths(change.value or 0.0)} %{ends}"


def _hundredths(share: float) -> str:
    """A share in percent, with digits that say something.

    Example:
        >>> _hundredths(0.0042), _hundredths(0.1266), _hundredths(3e-8), _hundredths(0.9996)
        ('0.42', '12.7', '0.000003', '99.96')
    """
    digits = 2 if share < 0.1 else 3 if share < 0.99 else 4
    return np.format_float_positional(100 * share, digits, fractional=False, trim="-")


def _level(result: DecisionChanges) -> str:
    return f"{result.settings.get('level', 0.95) * 100:.4g}% from"


def _quality(result: DecisionChanges) -> Table:
    columns = (
        Column("measure", "measure", aside=True),
        Column("title", "measure"),
        Column("reference", result.names[0], "number"),
        Column("other", result.names[1], "number"),
        Column("points", "difference in points", "number", digits=2),
        Column("low", _level(result), "number", digits=2),
        Column("high", "to", "number", digits=2),
        Column("verdict", "in words"),
    )
    rows = [
        {**one.to_dict(), "title": one.difference.title, "verdict": one.difference.verdict}
        for one in result.quality
    ]
    return Table(columns, rows, "How well both tell the same things from different ones")


def _changes(result: DecisionChanges) -> Table:
    columns = [
        Column("part", "about"),
        Column("measure", "measure", aside=True),
        Column("title", "what"),
        Column("value", "value", "number", digits=6),
        Column("low", _level(result), "number", digits=6),
        Column("high", "to", "number", digits=6),
        Column("count", "changed", "whole"),
        Column("of", "of", "whole"),
    ]
    if any(one.id for one in result.changes):
        columns.append(Column("id", "picture"))
    rows = [{**one.to_dict(), "title": one.title, "id": one.id or None} for one in result.changes]
    return Table(tuple(columns), rows, "What changes")
