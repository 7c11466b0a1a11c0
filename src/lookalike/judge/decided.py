"""Pairs decided by two encoders: which threshold each gets, and where the decisions differ."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import NotEnoughDataError
from lookalike.judge import pair_metrics
from lookalike.judge.calibrate import Target, accepted_for
from lookalike.judge.case import Case
from lookalike.judge.changes import DECISIONS, OWN_THRESHOLD, Change, Thresholds
from lookalike.judge.count import Bins, Counted, count_trial, count_values, counting_scale
from lookalike.judge.listed import ListedPairs
from lookalike.judge.pair_counts import PairCounts
from lookalike.judge.resampling import Resampling, share_interval
from lookalike.judge.trial import Trial
from lookalike.metrics import Even, Scale, Scorer

Progress = Callable[[int], None]

BY_REFERENCE, BY_OTHER, BY_OTHER_OWN = 4, 2, 1
"""Bits of a pair's code: who accepts it, at the reference's threshold and at its own."""

CODES = Even(0.0, 1.0, 8, lambda codes: codes)


@dataclass(frozen=True)
class Decided:
    """Where decisions about pairs differ.

    Attributes:
        thresholds: What was decided by.
        changes: Shares of pairs that are decided differently.
        missing: What could not be told → why.
    """

    thresholds: Thresholds
    changes: tuple[Change, ...]
    missing: dict[str, str] = field(default_factory=dict)


def decide(
    cases: Sequence[Case],
    counts: Sequence[PairCounts],
    point: Target | float,
    resampling: Resampling,
    *,
    level: float,
    truth: bool,
    progress: Progress | None = None,
) -> Decided:
    """Every pair decided by a reference and by another encoder, in blocks.

    Args:
        cases: Of the reference and of the other, under one setting.
        counts: Their pairs by score, as these cases count them; of one pair or more.
        point: The operating point that both have to meet, or the reference's threshold.
        resampling: Of the setting's units.
        level: Of the intervals.
        truth: Whether pairs are known to be the same or different.
        progress: Told how many rows are done.

    Raises:
        NotEnoughDataError: The reference's pairs can't tell that operating point.

    Example:
        >>> from lookalike.embeddings import Embeddings
        >>> from lookalike.judge.truth import Setting
        >>> from lookalike.judge.trial import trial_of_groups
        >>> setting = Setting(trial_of_groups(np.arange(3), ["a", "b", "c"]), "")
        >>> sides = [[[0.0], [1], [3]], [[0.0], [2], [3]]]
        >>> cases = [Case(Embeddings.from_numpy(one), setting, "euclidean") for one in sides]
        >>> counts = [case.counted(case.scorer(), None).counts for case in cases]
        >>> draws = Resampling.of(3, replicates=100, seed=0)
        >>> found = decide(cases, counts, 1.0, draws, level=0.95, truth=False)
        >>> {one.name: one.count for one in found.changes[:3]}
        {'pairs_changed': 2, 'pairs_rejected': 1, 'pairs_accepted': 1}
    """
    trial, missing = cases[0].setting.trial, {}
    one, two = (
        _Side(case.scorer(), trial, found) for case, found in zip(cases, counts, strict=True)
    )
    exact = isinstance(point, Target)
    chosen = one.threshold(point) if isinstance(point, Target) else point
    limits: list[int | None] = [one.limit(chosen, exact=exact), None, None]
    if cases[0].metric == cases[1].metric:
        limits[1] = two.limit(chosen, exact=exact)
    else:
        metrics = " and ".join(case.metric for case in cases)
        missing[DECISIONS] = f"one threshold does not serve {metrics}; give both one metric"
    own = None
    try:
        own = two.threshold(point if isinstance(point, Target) else one.accepts(chosen))
        limits[2] = two.limit(own, exact=True)
    except NotEnoughDataError as error:
        missing[OWN_THRESHOLD] = error.what
    told = Thresholds(
        str(point) if isinstance(point, Target) else "given",
        cases[0].metric,
        chosen,
        cases[1].metric,
        own,
    )
    counted = _count((one, two), limits, resampling, progress)
    return Decided(told, _Shares(counted, resampling, level).changes(limits, truth=truth), missing)


@dataclass(frozen=True)
class _Side:
    """One encoder's scores, on the levels that its pairs were counted on."""

    scorer: Scorer
    trial: Trial | ListedPairs
    counts: PairCounts

    @cached_property
    def scale(self) -> Scale:
        if isinstance(self.trial, ListedPairs):
            return self.scorer.scale
        return counting_scale(self.trial, self.scorer)

    def threshold(self, point: Target | int) -> float:
        """What meets an operating point, or the loosest that accepts so many pairs at most."""
        if isinstance(point, Target):
            more = isinstance(self.trial, Trial)
            accepted = accepted_for(point, self.counts, more_pictures=more)
        else:
            pairs = pair_metrics.from_none(self.counts.same + self.counts.different)
            accepted = int(np.searchsorted(pairs, point, "right")) - 1
        return self.counts.threshold(accepted)

    def limit(self, threshold: float, *, exact: bool) -> int:
        """The lowest level that a threshold accepts; one too high if none.

        Scores are rounded to levels, those of hamming alone lie on them. So a given threshold
        accepts the level that a score of its value would be rounded to; one that was chosen lies
        between levels and is taken as it is (`exact`).
        """
        sign = 1 if self.scorer.metric.higher_is_closer else -1

        def closeness(level: int) -> float:
            return sign * float(self.scale.values(np.array([level]))[0])

        wanted = sign * threshold
        found = bisect_left(range(self.scale.levels), wanted, key=closeness)
        if exact or found == 0:
            return found
        below, above = closeness(found - 1), closeness(found)
        slack = 1e-6 if self.scorer.metric.name == "hamming" else 0.499
        return found - 1 if wanted - below < slack * (above - below) else found

    def accepts(self, threshold: float) -> int:
        """How many pairs a given threshold accepts."""
        limit = self.limit(threshold, exact=False)
        if limit == self.scale.levels:
            return 0
        accepted = self.counts.accepted(float(self.scale.values(np.array([limit]))[0]))
        return int((self.counts.same + self.counts.different)[:accepted].sum())


def _count(
    sides: tuple[_Side, _Side],
    limits: Sequence[int | None],
    resampling: Resampling,
    progress: Progress | None,
) -> Counted:
    """Pairs by their codes, counted like scores."""
    one, two = sides
    trial, (limit, same, own) = one.trial, limits

    def codes(here: NDArray[np.int64], there: NDArray[np.int64]) -> NDArray[np.float64]:
        found = np.zeros(here.shape)
        for bit, levels, least in (
            (BY_REFERENCE, here, limit),
            (BY_OTHER, there, same),
            (BY_OTHER_OWN, there, own),
        ):
            if least is not None:
                found += bit * (levels >= least)
        return found

    if isinstance(trial, ListedPairs):
        here, there = (side.scorer.paired(trial.rows, trial.columns) for side in sides)
        if progress:
            progress(len(trial.rows))
        return count_values(trial, codes(here, there), True, resampling)

    def block(rows: slice, columns: slice) -> NDArray[np.float64]:
        return codes(*(one.scorer.levels(rows, columns, scale=one.scale) for one in (one, two)))

    scorer = Scorer(one.scorer.metric, CODES, one.scorer.rows, one.scorer.columns, block)
    bins = Bins(np.arange(1, CODES.levels), None, CODES.levels)
    return count_trial(trial, scorer, resampling, bins=bins, progress=progress)


@dataclass(frozen=True, eq=False)
class _Shares:
    """Shares of pairs by their codes, with intervals from the replicates."""

    counted: Counted
    resampling: Resampling
    level: float

    def changes(self, limits: Sequence[int | None], *, truth: bool) -> tuple[Change, ...]:
        """What is decided differently at the reference's threshold, and at the other's own."""
        found: list[Change] = []
        if limits[1] is not None:
            mask = BY_REFERENCE | BY_OTHER
            anew, lost = BY_OTHER, BY_REFERENCE
            title = "pairs decided differently"
            found.append(self._of("pairs_changed", title, mask, (anew, lost)))
            for kind in ("same", "different") if truth else ("all",):
                name = "pairs" if kind == "all" else kind
                for code, words in ((lost, "rejected"), (anew, "accepted")):
                    title = f"{kind} pairs now {words}" if truth else f"pairs now {words}"
                    found.append(self._of(f"{name}_{words}", title, mask, (code,), kind))
        if limits[2] is not None:
            mask = BY_REFERENCE | BY_OTHER_OWN
            title = "pairs decided differently if each has its own threshold"
            codes = BY_OTHER_OWN, BY_REFERENCE
            found.append(self._of("pairs_changed_own", title, mask, codes))
        return tuple(found)

    def _of(
        self, name: str, title: str, mask: int, codes: Sequence[int], kind: str = "all"
    ) -> Change:
        """Of pairs of a kind those whose code under the mask is one of these."""
        counts = self.counted.counts
        pairs = {"same": counts.same, "different": counts.different}
        tables = {"same": self.counted.same, "different": self.counted.different}
        total = pairs.get(kind, counts.same + counts.different)
        table = tables.get(kind, self.counted.same + self.counted.different)

        def meant(values: NDArray[np.float64]) -> NDArray[np.bool_]:
            return np.isin(values.astype(np.int64) & mask, list(codes))

        count, of = int(total[meant(counts.values)].sum()), int(total.sum())
        if of == 0:
            return Change(DECISIONS, name, title, None, None, count, of)
        totals = table.sum(axis=1)
        some = table[:, meant(self.counted.limits)].sum(axis=1)
        replicates = np.divide(some, totals, out=np.full(len(some), np.nan), where=totals > 0)
        between = share_interval(
            count / of,
            replicates,
            self.resampling.groups,
            level=self.level,
            contributing=self.resampling.with_part(totals) if kind == "same" else None,
        )
        return Change(DECISIONS, name, title, count / of, between, count, of)
