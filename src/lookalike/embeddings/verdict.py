"""What a value of an encoder says of two pictures: probabilities, calibrated with the encoder."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lookalike.errors import CardError
from lookalike.metrics import Likelihood, metric_named

SURE, LIKELY = 0.9, 0.6
"""From these probabilities on something is said plainly, or with "likely"; else with "perhaps"."""


@dataclass(frozen=True)
class PairVerdict:
    """What one value says of two pictures.

    Attributes:
        same_picture: Probability that they are one picture, edited or not.
        same_kind: Probability that they show the same kind of thing; one picture does.

    Example:
        >>> PairVerdict(same_picture=0.62, same_kind=0.97).words
        'likely the same picture, edited or not (0.62)'
        >>> PairVerdict(same_picture=0.01, same_kind=0.03).words
        'different kinds of things (0.97)'
    """

    same_picture: float
    same_kind: float

    @property
    def words(self) -> str:
        """The narrowest answer that is more probable than not, with its probability.

        Narrow to wide: the same picture, the same kind of thing; if neither, different kinds.
        Digits are cut, and nothing is said to be certain: a value of 1 gives 0.99.
        """
        if self.same_picture >= 0.5:
            return _told(self.same_picture, "the same picture, edited or not")
        if self.same_kind >= 0.5:
            return _told(self.same_kind, "the same kind of thing")
        return _told(1 - self.same_kind, "different kinds of things")

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape."""
        return {"words": self.words, **asdict(self)}


def _told(probability: float, what: str) -> str:
    shown = min(int(probability * 100) / 100, 0.99)
    hedge = "" if probability >= SURE else "likely " if probability >= LIKELY else "perhaps "
    return f"{hedge}{what} ({shown:.2f})"


@dataclass(frozen=True)
class VerdictMap:
    """Maps from a metric's values to probabilities, fitted on pairs that nobody trained on.

    Attributes:
        metric: Name of the metric.
        same_picture: How much likelier a value is between a picture and an edit of it than
            between two pictures.
        same_kind: How much likelier a value is between pictures of the same kind of thing, a
            picture and its edit among them, than between pictures of different kinds.
        share_same_picture: Share of pairs of one picture that probabilities are told for.
        share_same_kind: Share of pairs of the same kind, those of one picture among them.
        pairs: How many pairs it was fitted on.
        data: What they are, in words.
        error_same_picture: Expected calibration error (Naeini et al., 2015) on other pairs: mean
            distance between probability and share, over 15 bins of equal width.
        error_same_kind: The same for the kind.

    Raises:
        CardError: Shares that are none.
        UnknownNameError: No such metric.
    """

    metric: str
    same_picture: Likelihood
    same_kind: Likelihood
    share_same_picture: float
    share_same_kind: float
    pairs: int
    data: str
    error_same_picture: float
    error_same_kind: float

    def __post_init__(self) -> None:
        metric_named(self.metric)
        if not 0 < self.share_same_picture <= self.share_same_kind < 1:
            raise CardError("the verdict's shares are none", cure="calibrate anew")

    def of(self, value: float) -> PairVerdict:
        """What a value of the metric says of two pictures."""
        picture = self.same_picture.probability(value, prior=self.share_same_picture)
        kind = self.same_kind.probability(value, prior=self.share_same_kind)
        return PairVerdict(picture, max(picture, kind))

    @property
    def reading(self) -> str:
        """For which pairs its probabilities hold, and how well."""
        other = self.share_same_kind - self.share_same_picture
        return (
            f"verdicts hold where {self.share_same_picture:.0%} of pairs are one picture, edited, "
            f"and {other:.0%} two of the same kind of thing; fitted on {self.pairs:,} pairs of "
            f"{self.data}; calibration error on others "
            f"{self.error_same_picture:.3f} and {self.error_same_kind:.3f}"
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        plain = asdict(self)
        plain["same_picture"] = self.same_picture.to_dict()
        plain["same_kind"] = self.same_kind.to_dict()
        return plain
