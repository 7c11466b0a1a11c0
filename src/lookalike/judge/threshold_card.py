"""The threshold card: a threshold with everything that says where it comes from and holds."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from lookalike.embeddings import Card
from lookalike.errors import CardError, FingerprintError, OverwriteError, UsageError
from lookalike.images.validation import validated
from lookalike.judge.reference import Drift, Reference
from lookalike.judge.resampling import Interval
from lookalike.metrics import Likelihood, metric_named
from lookalike.report import Column, Table, View, html_fragment

RATES = {
    "fpr": "false positive rate (FAR)",
    "tpr": "true positive rate (TAR)",
    "precision": "precision, in data mixed as here",
}
"""Rates at a threshold, and what they are called."""

FORMAT = "lookalike threshold card 1"


@dataclass(frozen=True)
class Rate:
    """A rate at the threshold, on the calibration's pairs.

    Attributes:
        value: From 0 to 1.
        interval: Where it would lie for other pictures of the same kind.
    """

    value: float
    interval: Interval | None = None


@dataclass(frozen=True)
class ThresholdCard:
    """A threshold for one encoder under one metric, fitted on data that it names.

    Attributes:
        encoder: Card of the encoder whose scores it is for, and of no other.
        metric: Name of the metric.
        target: What was asked for, such as ``fpr=0.01``.
        threshold: Pairs at least as close match: value >= threshold, or <= for distances.
        interval: Of the threshold: where other pictures of the same kind would have put it.
        rates: ``fpr``, ``tpr`` and ``precision`` at the threshold.
        same: Same pairs that it was fitted on.
        different: Different pairs that it was fitted on.
        units: How many identities (or pairs, or groups) these come from.
        unit: What they are called.
        likelihood: The map from values to likelihood ratios.
        reference: The scores of the calibration, for drift checks.
        truth: The truth in words.
        data: SHA-256 of which pictures were the same and which were different.
        engine: What computed the vectors.
        made: When, ISO 8601 in UTC.
        version: Of lookalike.
    """

    encoder: Card
    metric: str
    target: str
    threshold: float
    interval: Interval | None
    rates: Mapping[str, Rate]
    same: int
    different: int
    units: int
    unit: str
    likelihood: Likelihood
    reference: Reference
    truth: str
    data: str
    engine: str = ""
    made: str = ""
    version: str = ""

    def __post_init__(self) -> None:
        quantiles = self.reference.quantiles
        numbers = (self.threshold, *quantiles, self.reference.spread, self.reference.jitter)
        for good, what in (
            (all(math.isfinite(one) for one in numbers), "numbers that are not finite"),
            (self.same > 0 and self.different > 0, "no same or no different pairs"),
            (len(quantiles) > 1, "no quantiles of scores"),
            (list(quantiles) == sorted(quantiles), "quantiles that do not rise"),
            (set(self.rates) <= set(RATES), "rates of unknown names"),
        ):
            if not good:
                raise CardError(f"the threshold card has {what}", cure="calibrate anew")

    @property
    def fingerprint(self) -> str:
        """The encoder's fingerprint."""
        return self.encoder.fingerprint

    @property
    def prior(self) -> float:
        """Share of same pairs among those of the calibration."""
        return self.same / (self.same + self.different)

    def matches(self, value: float) -> bool:
        """Whether a pair with this value of the metric is a match."""
        if metric_named(self.metric).higher_is_closer:
            return value >= self.threshold
        return value <= self.threshold

    def probability(self, value: float, *, prior: float | None = None) -> float:
        """Probability that a pair with this value is the same thing.

        Args:
            value: Of the metric.
            prior: Share of same pairs among those asked about; that of the calibration if None.

        Raises:
            UsageError: A prior that is not between 0 and 1.
        """
        share = self.prior if prior is None else prior
        if not 0 < share < 1:
            raise UsageError(f"prior={prior} is not between 0 and 1")
        return self.likelihood.probability(value, prior=share)

    def drift(self, values: ArrayLike) -> Drift:
        """Whether new scores look like those of the calibration; see `Reference.drift`."""
        return self.reference.drift(values)

    def require(self, encoder: Card) -> None:
        """Raise `FingerprintError` with the differences unless it is this encoder's card."""
        differences = self.encoder.differences(encoder)
        if differences:
            raise FingerprintError(
                f"the threshold is for {self.encoder.name}, and does not hold for "
                f"{encoder.name}: " + "; ".join(differences),
                cure="calibrate one for this encoder: lookalike calibrate",
            )

    @property
    def reading(self) -> str:
        """The operating point in words."""
        closer = ">=" if metric_named(self.metric).higher_is_closer else "<="
        return f"match if {self.metric} {closer} {self.threshold:.6g} ({self.target})"

    def to_dict(self) -> dict[str, Any]:
        """Plain values: what the file holds."""
        plain: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        plain["encoder"] = self.encoder.to_dict()
        plain["interval"] = self.interval and self.interval.to_dict()
        plain["rates"] = {
            name: {"value": rate.value, "interval": rate.interval and rate.interval.to_dict()}
            for name, rate in self.rates.items()
        }
        plain["likelihood"] = self.likelihood.to_dict()
        plain["reference"] = self.reference.to_dict()
        return {"format": FORMAT, **plain}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], *, where: str = "threshold card") -> ThresholdCard:
        """A card from plain values, checked.

        Raises:
            CardError: Another format, an unknown key, a wrong type, or an encoder whose
                fingerprint does not hold.
        """
        values = dict(plain)
        if values.pop("format", None) != FORMAT:
            raise CardError(
                f"this is no {FORMAT!r}", where=where, cure="lookalike calibrate writes one"
            )
        encoder = Card.from_dict(_mapping(values, "encoder", where), where=f"{where}, encoder")
        try:
            card = validated(cls, values | {"encoder": encoder}, where=where)
            metric_named(card.metric)
        except UsageError as error:
            raise CardError(error.what, where=error.where or where, cure=error.cure) from error
        return card

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write the card as JSON.

        Raises:
            OverwriteError: A file is there, and ``force`` is not given.
            UsageError: It can't be written.
        """
        place = Path(path)
        if place.exists() and not force:
            raise OverwriteError("the file exists", where=str(place), cure="--force replaces it")
        draft = place.with_name(f".{place.name[:50]}.{os.getpid()}")
        try:
            draft.write_text(json.dumps(self.to_dict(), indent=1), encoding="utf-8")
            os.replace(draft, place)
        except OSError as error:
            raise UsageError(f"the card can't be written: {error}", where=str(place)) from error
        finally:
            draft.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ThresholdCard:
        """Read a card.

        Raises:
            CardError: No such file, or no threshold card.
        """
        try:
            plain = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CardError(
                f"the card can't be read: {error}",
                where=os.fspath(path),
                cure="lookalike calibrate writes one",
            ) from error
        if not isinstance(plain, dict):
            raise CardError("the file holds no card", where=os.fspath(path))
        return cls.from_dict(plain, where=os.fspath(path))

    def _repr_html_(self) -> str:
        return html_fragment(card_view(self))


def _mapping(values: dict[str, Any], key: str, where: str) -> Mapping[str, Any]:
    found = values.pop(key, None)
    if not isinstance(found, Mapping):
        raise CardError(f"the card has no {key!r}", where=where)
    return found


@dataclass(frozen=True)
class Calibration:
    """The result of `calibrate`: a threshold card, with what must be said beside it.

    Attributes:
        card: The threshold card.
        notes: What was left out, how intervals were made.
    """

    card: ThresholdCard
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints, besides command and version."""
        return {"results": [self.card.to_dict()], "notes": list(self.notes)}

    def view(self) -> View:
        """The card as people see it."""
        return card_view(self.card, self.notes)


def card_view(card: ThresholdCard, notes: tuple[str, ...] = ()) -> View:
    """The threshold and its rates, with intervals."""
    columns = (
        Column("name", ""),
        Column("value", "value", "number"),
        Column("low", f"{card.interval.level:.0%} from" if card.interval else "from", "number"),
        Column("high", "to", "number"),
    )
    rows = [_cells(f"threshold on {card.metric}", card.threshold, card.interval)]
    rows += [_cells(RATES[name], rate.value, rate.interval) for name, rate in card.rates.items()]
    return View(
        title="A calibrated threshold",
        tables=(Table(columns, rows, card.reading),),
        notes=(
            f"for {card.encoder.name}, fingerprint {card.fingerprint[:12]}, and no other encoder",
            f"{card.truth}: {card.same:,} same and {card.different:,} different pairs, "
            f"data {card.data[:12]}",
            f"probabilities: 1 in {1 / card.prior:,.4g} pairs is the same there; give the share in "
            "yours as prior",
            *notes,
        ),
        warnings=card.encoder.warnings,
    )


def _cells(name: str, value: float, interval: Interval | None) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "low": interval and interval.low,
        "high": interval and interval.high,
    }
