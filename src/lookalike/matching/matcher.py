"""The matcher: two pictures in; a score, a probability and a verdict out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, TypeAlias

import numpy as np

from lookalike.embeddings import Remarks, Row
from lookalike.encoders import Encoder, Runtime, load_encoder
from lookalike.errors import LookalikeError, UsageError
from lookalike.images import ImageSource, Limits, Pictures, Place
from lookalike.judge import ThresholdCard
from lookalike.metrics import metric_named, similarity
from lookalike.report import Column, Table, View, html_fragment

Pair: TypeAlias = "tuple[Pictures, Pictures]"


@dataclass(frozen=True)
class Match:
    """What is known about two pictures.

    Attributes:
        a, b: Their ids.
        metric: The metric of the value.
        value: The score; None if a picture can't be read.
        probability: That they show the same thing; None without a calibration.
        verdict: Whether they match; None without a calibration, or without a value.
        threshold: Where the verdict turns; None without a calibration.
        error: Which pictures can't be read, and why.
        said: A person's own verdict that was remembered: ``same``, ``different``, ``unsure``.
        notes: What must be said beside it.
        digests: SHA-256 of the two files, empty where there is none.
    """

    a: str
    b: str
    metric: str
    value: float | None
    probability: float | None = None
    verdict: bool | None = None
    threshold: float | None = None
    error: str | None = None
    said: str | None = None
    notes: tuple[str, ...] = ()
    digests: tuple[str, str] = field(default=("", ""), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints, besides command and version."""
        keys = ("a", "b", "metric", "value", "probability", "verdict", "threshold", "error", "said")
        return {"results": [{key: getattr(self, key) for key in keys}], "notes": list(self.notes)}

    @property
    def words(self) -> str:
        """The verdict as a word or two."""
        if self.error is not None:
            return "no verdict"
        if self.verdict is None and self.said is not None:
            return self.said
        return {True: "match", False: "no match", None: "no verdict"}[self.verdict]

    def view(self) -> View:
        """The match as people see it."""
        columns = (
            Column("a", "a"),
            Column("b", "b"),
            Column("words", "verdict"),
            *([Column("value", self.metric, "number")] if self.metric else []),
            *([Column("threshold", "threshold", "number")] if self.threshold is not None else []),
            *(
                [Column("probability", "probability", "number", digits=3)]
                if self.probability is not None
                else []
            ),
            *([Column("error", "error")] if self.error else []),
        )
        row = {**self.to_dict()["results"][0], "words": self.words}
        return View("Do these pictures match?", (Table(columns, [row]),), notes=self.notes)

    def _repr_html_(self) -> str:
        return html_fragment(self.view())


class ImageMatcher:
    """Tells whether two pictures show the same thing, by a calibrated threshold.

    Args:
        encoder: An encoder or its name; that of the card if None.
        card: A threshold card or its file; without one there is a value and no verdict.
        metric: A metric's name, without a card; the encoder's own if None.
            ``negative-euclidean`` is the score of matchers trained with triplet loss, -||a - b||.
        prior: Share of same pairs among those asked about; that of the calibration if None.
        limits: What a single picture may cost.
        runtime: Engine, precision and device, for an encoder given by name.

    Raises:
        UsageError: Neither encoder nor card, or a metric beside a card that has another.
        FingerprintError: The card is for another encoder; says how they differ.
        LookalikeError: The encoder can't be loaded.

    Example:
        >>> black, grey = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 128, np.uint8)
        >>> ImageMatcher("pixels", metric="negative-euclidean").match(black, black).value
        0.0
    """

    def __init__(
        self,
        encoder: Encoder | str | None = None,
        card: ThresholdCard | str | os.PathLike[str] | None = None,
        *,
        metric: str | None = None,
        prior: float | None = None,
        limits: Limits | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        self.card = ThresholdCard.load(card) if isinstance(card, (str, os.PathLike)) else card
        if self.card and metric not in (None, self.card.metric):
            raise UsageError(
                f"the card's threshold is on {self.card.metric}, not on {metric}",
                cure="leave the metric out, or calibrate one for it",
            )
        self.encoder = (
            encoder if isinstance(encoder, Encoder) else _loaded(encoder, self.card, runtime)
        )
        if self.card:
            self.card.require(self.encoder.card)
        self.metric = metric or (self.card.metric if self.card else self.encoder.card.metric)
        metric_named(self.metric)
        self.prior = prior
        self.limits = limits

    def match(self, a: Pictures, b: Pictures) -> Match:
        """What is known about two pictures.

        Args:
            a: A path, an array, a Pillow image: one picture of what an `ImageSource` takes.
            b: Another.

        Returns:
            A `Match`; with a reason and no value if a picture can't be read.

        Raises:
            UsageError: One of them is not one picture, such as a folder.
        """
        return self.match_pairs([(a, b)])[0]

    def match_pairs(self, pairs: Sequence[Pair]) -> tuple[Match, ...]:
        """As `match`, for many pairs; each file is read and encoded once.

        Returns:
            One `Match` per pair, in their order.
        """
        places: list[Place] = []
        known: dict[str, int] = {}
        ends: list[int] = []
        for picture in _pictures_of(pairs):
            key = os.fsdecode(picture) if isinstance(picture, (str, os.PathLike)) else None
            if key is None or key not in known:
                places.append(one_place(picture, len(places)))
                if key is not None:
                    known[key] = len(places) - 1
            ends.append(len(places) - 1 if key is None else known[key])
        found = self.encoder.encode(ImageSource(places, limits=self.limits))
        positions = found.positions
        return tuple(
            self._matched(found.rows[a], found.rows[b], found.vectors[[positions[a], positions[b]]])
            if found.rows[a].ok and found.rows[b].ok
            else self._failed(found.rows[a], found.rows[b])
            for a, b in zip(ends[::2], ends[1::2], strict=True)
        )

    def _matched(self, a: Row, b: Row, vectors: np.ndarray[Any, Any]) -> Match:
        paired = similarity(vectors[:1], vectors[1:], metric=self.metric, paired=True)
        value = float(np.asarray(paired)[0])
        digests = a.digest, b.digest
        notes = (*self.encoder.notes, *Remarks((a, b)).notes)
        if self.card is None:
            told = "no verdict: there is no calibration, and no threshold is invented"
            return Match(a.id, b.id, self.metric, value, notes=(*notes, told), digests=digests)
        prior = self.card.prior if self.prior is None else self.prior
        beyond = self.card.reference.beyond(value)
        return Match(
            a.id,
            b.id,
            self.metric,
            value,
            self.card.probability(value, prior=prior),
            self.card.matches(value),
            self.card.threshold,
            notes=(
                *notes,
                self.card.reading,
                f"the probability is for data in which 1 in {1 / prior:,.4g} pairs is the same",
                *([f"the value lies {beyond} all those of the calibration"] if beyond else []),
            ),
            digests=digests,
        )

    def _failed(self, a: Row, b: Row) -> Match:
        sides = (("a", a), ("b", b))
        said = [f"{side}: {row.reason}, {row.detail}" for side, row in sides if not row.ok]
        return Match(
            a.id,
            b.id,
            self.metric,
            None,
            threshold=self.card.threshold if self.card else None,
            error="; ".join(said),
            digests=(a.digest, b.digest),
        )


def _pictures_of(pairs: Sequence[Pair]) -> list[Pictures]:
    """Both pictures of each pair, behind each other."""
    for pair in pairs:
        if isinstance(pair, (str, os.PathLike)) or len(pair) != 2:
            raise UsageError("pairs are given as (a, b)", where=str(pair)[:80])
    return [one for pair in pairs for one in pair]


def one_place(picture: Pictures, number: int = 0) -> Place:
    """The place of what is one picture, numbered if it has no name; a path is never a pattern.

    Raises:
        UsageError: A folder and the like.
    """
    found = (place for group in ImageSource([picture]).groups() for place in group)
    places = list(islice(found, 2))
    name = os.fsdecode(picture) if isinstance(picture, (str, os.PathLike)) else None
    if len(places) != 1:
        raise UsageError(
            f"{'several' if places else 'no'} pictures where one is needed",
            where=name or "",
            cure="lookalike compare takes folders",
        )
    (place,) = places
    return (
        place if name is not None else replace(place, id=f"{place.id.partition('[')[0]}[{number}]")
    )


def _loaded(name: str | None, card: ThresholdCard | None, runtime: Runtime | None) -> Encoder:
    if name is None and card is None:
        raise UsageError("neither an encoder nor a threshold card was given")
    wanted = name if name is not None else card.encoder.name if card else ""
    try:
        return load_encoder(wanted, runtime=runtime or Runtime())
    except LookalikeError as error:
        if name is None and not error.cure:
            error.cure = "name the encoder yourself (-m NAME) if its files lie elsewhere"
        raise
