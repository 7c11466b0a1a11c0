"""The verb: a threshold for an operating point, fitted on pictures whose truth is known."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import NotEnoughDataError, UsageError
from lookalike.judge import pair_metrics
from lookalike.judge.case import Case, Judged, aligned, names_of, opened
from lookalike.judge.count import Counted, count_trial
from lookalike.judge.likelihood import likelihood_of
from lookalike.judge.listed import ListedPairs
from lookalike.judge.measures import FALSE_MATCHES, pairs_needed, pictures_needed
from lookalike.judge.pair_counts import PairCounts
from lookalike.judge.reference import HANDFUL, HANDFULS, Reference, reference_of
from lookalike.judge.resampling import (
    Drawing,
    Interval,
    Resampling,
    interval,
    share_interval,
)
from lookalike.judge.tables import truth_of
from lookalike.judge.threshold_card import Calibration, Rate, ThresholdCard
from lookalike.judge.trial import Trial, trial_of_groups
from lookalike.judge.truth import Truth
from lookalike.judge.verdicts import now
from lookalike.metrics import metric_named, scorer_of
from lookalike.report import amount
from lookalike.version import __version__

Floats: TypeAlias = "NDArray[np.float64]"

RATES = ("fpr", "tpr", "precision")
MOST_LISTED = 4000
"""Pictures of listed pairs whose scores with each other are looked at."""

BEST = ("f1", "accuracy", "eer")


@dataclass(frozen=True)
class Target:
    """An operating point.

    Attributes:
        name: ``fpr``, ``tpr``, ``precision``, ``f1``, ``accuracy`` or ``eer``.
        rate: For the first three: the rate.
    """

    name: str
    rate: float | None = None

    @classmethod
    def parse(cls, text: str) -> Target:
        """A target as users spell it.

        Raises:
            UsageError: None of these, or a rate that is not between 0 and 1.

        Example:
            >>> Target.parse("fpr=0.01")
            Target(name='fpr', rate=0.01)
        """
        name, equals, rate = text.strip().lower().partition("=")
        try:
            value = float(rate) if equals else None
        except ValueError:
            value = float("nan")
        right = name in RATES and value is not None and 0 < value < 1
        if not right and not (name in BEST and value is None):
            raise UsageError(
                f"target {text!r} is no operating point",
                cure="fpr=0.01, tpr=0.9, precision=0.95 (rates between 0 and 1), f1, accuracy "
                "or eer",
            )
        return cls(name, value)

    def __str__(self) -> str:
        return self.name if self.rate is None else f"{self.name}={self.rate:g}"


def calibrate(
    store: Judged,
    *,
    truth: Truth | str | os.PathLike[str] | Sequence[Hashable | None] = "folders",
    label: str | None = None,
    target: str = "fpr=0.01",
    metric: str | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    device: str = "auto",
    progress: Callable[[int], None] | None = None,
    on_total: Callable[[int], None] | None = None,
) -> Calibration:
    """A threshold for an operating point, from all pairs of pictures whose truth is known.

    Args:
        store: `Embeddings`, a path that `Embeddings.open` takes, or (N, D) vectors.
        truth: See `truth_of`.
        label: For a table: which column holds the labels.
        target: ``fpr=RATE``, the loosest threshold with at most that false positive rate;
            ``tpr=RATE``, the strictest with at least that true positive rate;
            ``precision=RATE``, the loosest with at least that precision, in data mixed like these;
            ``f1``, ``accuracy``, the best; ``eer``, where both errors are equal.
        metric: A metric's name; the encoder's own if None.
        resamples: Replicates of the bootstrap over identities.
        level: Confidence of the intervals.
        seed: Of the bootstrap.
        device: As for `evaluate`.
        progress: Told how many rows are done.
        on_total: Told how many there will be.

    Returns:
        A `Calibration`, whose `card` can be saved.

    Raises:
        NotEnoughDataError: The pairs can't tell that rate; says how many would do.
        UsageError: Another target, or a truth that nothing can be judged by.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> things = np.arange(200) % 40
        >>> vectors = rng.normal(size=(40, 16))[things] + 0.3 * rng.normal(size=(200, 16))
        >>> card = calibrate(vectors, truth=things.tolist(), target="fpr=0.01").card
        >>> card.rates["fpr"].value <= 0.01 < card.rates["tpr"].value
        True
    """
    point, drawing = Target.parse(target), Drawing(resamples, level, seed)
    if metric is not None:
        metric_named(metric)
    found = truth_of(truth, label=label)
    names = names_of([store])
    (side,), _, notes = aligned([opened(store, names[0])], names)
    setting = found.setting(tuple(row for row in side.rows if row.ok))
    case = Case(side, setting, metric or side.card.metric, device)
    if on_total:
        on_total(len(setting.trial.rows))
    resampling = drawing.of(setting.trial.units)
    counted = case.counted(case.scorer(), resampling, seed=seed, progress=progress)
    listed = isinstance(setting.trial, ListedPairs)
    accepted = accepted_for(point, counted.counts, more_pictures=not listed)
    threshold = counted.counts.threshold(accepted)
    between = _Between(counted, resampling, level)
    card = ThresholdCard(
        encoder=side.card,
        metric=case.metric,
        target=str(point),
        threshold=threshold,
        interval=between.threshold(point, threshold),
        rates=between.rates(threshold, accepted),
        same=counted.counts.pairs[0],
        different=counted.counts.pairs[1],
        units=setting.trial.units,
        unit=setting.trial.unit,
        likelihood=likelihood_of(counted.counts),
        reference=_reference(case, counted, resampling, seed),
        truth=setting.about,
        data=case.data_digest(),
        engine=side.engine,
        made=now(),
        version=__version__,
    )
    told = drawing.notes(setting.trial, resampling)
    return Calibration(
        card, (*notes, *setting.notes, *told, *side.origin.warnings, *counted.warnings)
    )


def _reference(case: Case, counted: Counted, resampling: Resampling, seed: int) -> Reference:
    """How scores among random pictures lie; listed pairs and those across sides do not say."""
    trial = case.setting.trial
    rng = np.random.default_rng(seed)
    if isinstance(trial, ListedPairs) or not trial.symmetric:
        trial = _everybody(trial, rng)
        counted = count_trial(trial, case.scorer(trial), resampling, seed=seed)
    vectors = case.side.vectors
    handfuls = []
    for _ in range(HANDFULS):
        some = rng.permutation(trial.rows)[:HANDFUL]
        scorer = scorer_of(case.metric, vectors[some], device="cpu")
        whole = slice(0, len(some))
        found = scorer.levels(whole, whole)[np.triu_indices(len(some), 1)]
        handfuls.append(scorer.scale.values(found))
    return reference_of(counted, resampling, handfuls)


def _everybody(pairs: ListedPairs | Trial, rng: np.random.Generator) -> Trial:
    """All pairs of the pictures on both sides, or of so many as show their distribution."""
    units = dict(zip(pairs.rows.tolist(), pairs.row_units.tolist(), strict=True))
    if pairs.column_units is not None:
        units |= dict(zip(pairs.columns.tolist(), pairs.column_units.tolist(), strict=True))
    chosen = rng.permutation(np.array(list(units), np.intp))[:MOST_LISTED]
    groups = np.full(max(units) + 1, -1)
    groups[chosen] = [units[one] for one in chosen.tolist()]
    names = [str(n) for n in range(len(groups))]
    return trial_of_groups(groups, names, queries=chosen, gallery=chosen)


def accepted_for(target: Target, counts: PairCounts, *, more_pictures: bool) -> int:
    """How many distinct values the target accepts; refuses what can't be known."""
    same, different = counts.pairs
    if not same or not different:
        kind = "the same" if not same else "different"
        raise NotEnoughDataError(f"no pair is {kind}", cure="a truth with both kinds of pairs")
    if target.name == "fpr":
        _require_known(target, different, "different", float(target.rate or 0), more_pictures)
    if target.name == "tpr":
        _require_known(target, same, "same", 1 - float(target.rate or 0), False)
    accepted = int(_positions(target, counts.same, counts.different))
    if target.name == "precision":
        _require_precision(target, counts, accepted)
    if accepted == 0 and target.name != "fpr":
        raise NotEnoughDataError(
            f"{target} is best where nothing is accepted, which is no threshold",
            cure="fpr=RATE or tpr=RATE do not depend on how few pairs are the same",
        )
    return accepted


def _require_known(target: Target, pairs: int, kind: str, rate: float, more_pictures: bool) -> None:
    needed = pairs_needed(rate)
    if pairs >= needed:
        return
    pictures = f" (as {pictures_needed(rate):,} pictures of different things have)"
    raise NotEnoughDataError(
        f"{target} can't be known from {amount(pairs, f'{kind} pair')}: {pairs * rate:.2g} errors "
        f"are expected among them, and {FALSE_MATCHES} are needed to tell a rate from half or twice"
        " it",
        cure=f"{needed:,} {kind} pairs would do" + pictures * more_pictures,
    )


def _require_precision(target: Target, counts: PairCounts, accepted: int) -> None:
    reached = pair_metrics.precisions(counts.same, counts.different)
    pairs = int((counts.same + counts.different)[:accepted].sum())
    if accepted == 0:
        raise NotEnoughDataError(
            f"no threshold reaches {target}: the highest precision is {np.nanmax(reached):.4f}",
            cure="ask for less, or use an encoder that separates better",
        )
    needed = pairs_needed(1 - float(target.rate or 0))
    if pairs < needed:
        raise NotEnoughDataError(
            f"{target} can't be known: only {pairs:,} pairs are accepted at that precision, and "
            f"{needed:,} would be needed to expect {FALSE_MATCHES} errors among them",
            cure="more pictures, or a lower precision",
        )


def _positions(target: Target, same: Any, different: Any) -> NDArray[np.intp]:
    """How many values are accepted, for counts with leading axes."""
    if target.name == "fpr":
        return pair_metrics.accepted_at_fpr(different, float(target.rate or 0))
    if target.name == "tpr":
        _, tpr = pair_metrics.roc_curve(same, different)
        return np.argmax(tpr >= float(target.rate or 0) * (1 - 1e-12), axis=-1)
    if target.name == "precision":
        good = pair_metrics.precisions(same, different) >= float(target.rate or 0)
        last = good.shape[-1] - 1 - np.argmax(good[..., ::-1], axis=-1)
        return np.where(good.any(axis=-1), last, 0)
    if target.name == "eer":
        return pair_metrics.accepted_at_eer(same, different)
    scored = pair_metrics.f1_scores if target.name == "f1" else pair_metrics.accuracies
    return pair_metrics.best_accepted(scored(same, different))


@dataclass(frozen=True, eq=False)
class _Between:
    """Intervals of a threshold and of the rates at it, from replicates by bin."""

    counted: Counted
    resampling: Resampling
    level: float

    @property
    def limits(self) -> Floats:
        """(1 + B,) values that accept 0, 1, 2, ... bins."""
        values = self.counted.counts.values
        return np.append(values[:1], self.counted.limits)

    def threshold(self, target: Target, threshold: float) -> Interval | None:
        """Where other pictures of the same kind would have put it."""
        same, different = self.counted.same, self.counted.different
        if target.name in ("fpr", "tpr"):
            which = 0 if target.name == "fpr" else 1
            curves = pair_metrics.roc_curve(same, different)[which]
            found = [np.interp(float(target.rate or 0), curve, self.limits) for curve in curves]
        else:
            found = list(self.limits[_positions(target, same, different)])
        return interval(threshold, np.array(found), self.resampling.groups, level=self.level)

    def rates(self, threshold: float, accepted: int) -> dict[str, Rate]:
        """False and true positive rate and precision at the threshold."""
        counts = self.counted.counts
        exact = [one[accepted] for one in pair_metrics.roc_curve(counts.same, counts.different)]
        exact.append(pair_metrics.precisions(counts.same, counts.different)[accepted])
        place = self._place(threshold)
        same, different = (
            pair_metrics.from_none(one) for one in (self.counted.same, self.counted.different)
        )
        right, wrong = (_at(one, place) for one in (same, different))
        replicates = (
            wrong / np.maximum(different[:, -1], 1e-300),
            right / np.maximum(same[:, -1], 1e-300),
            right / np.maximum(right + wrong, 1e-300),
        )
        return {
            name: Rate(
                float(value),
                share_interval(float(value), found, self.resampling.groups, level=self.level),
            )
            for name, value, found in zip(RATES, exact, replicates, strict=True)
        }

    def _place(self, threshold: float) -> float:
        """How many bins a threshold accepts, with a fraction."""
        limits, places = self.limits, np.arange(len(self.limits))
        if self.counted.counts.higher_is_closer:
            return float(np.interp(threshold, limits[::-1], places[::-1]))
        return float(np.interp(threshold, limits, places))


def _at(so_far: Floats, place: float) -> Floats:
    below = min(int(place), so_far.shape[1] - 1)
    above = min(below + 1, so_far.shape[1] - 1)
    found: Floats = so_far[:, below] + (place - below) * (so_far[:, above] - so_far[:, below])
    return found
