"""Measures over queries, for whatever kind of trial there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.judge.case import Case
from lookalike.judge.judgement import Measure
from lookalike.judge.measures import mean_measures
from lookalike.judge.partners import partner_values
from lookalike.judge.rank import Levels, Ranked, rank_trial
from lookalike.judge.reranked import reranked_levels
from lookalike.judge.resampling import Drawing, Resampling
from lookalike.judge.trial import Trial
from lookalike.metrics import Scorer

Rerank: TypeAlias = Literal["plain", "squared"]


@dataclass(frozen=True)
class Options:
    """How a judgement is made; see `evaluate`."""

    fprs: tuple[float, ...]
    ks: tuple[int, ...]
    drawing: Drawing
    sample_pairs: int | None
    rerank: Rerank | None
    single_shot: bool
    device: str
    progress: Callable[[int], None] | None

    def __post_init__(self) -> None:
        for name, good in (
            ("fprs", all(0 < one < 1 for one in self.fprs)),
            ("ks", all(one >= 1 for one in self.ks) and len(self.ks) > 0),
            ("sample_pairs", self.sample_pairs is None or self.sample_pairs >= 1),
            ("rerank", self.rerank in (None, "plain", "squared")),
        ):
            if not good:
                raise UsageError(
                    f"{name} is out of range",
                    cure="rates between 0 and 1, k >= 1, sample_pairs >= 1, rerank plain or "
                    "squared",
                )


def _levels(scorer: Scorer) -> Levels:
    columns = slice(0, len(scorer.columns))
    return lambda rows: scorer.levels(rows, columns)


def query_measures(
    case: Case, trial: Trial, scorer: Scorer, resampling: Resampling, options: Options
) -> tuple[tuple[Measure, ...], NDArray[np.float64]]:
    """Measures over queries, and the rank of each query's first match.

    With single shots, there is a rank for each of a query's galleries.

    Raises:
        UsageError: No query has a match.
    """

    def ranked(trial: Trial, levels: Levels, most: int) -> Ranked:
        return rank_trial(
            trial,
            levels,
            ks=options.ks,
            most_levels=most,
            single_shot=options.drawing.seed if options.single_shot else None,
            progress=options.progress,
        )

    found = ranked(trial, _levels(scorer), scorer.scale.levels)
    if np.isnan(found.first).all():
        raise UsageError(
            "no query has a match in the gallery, so nothing can be judged",
            cure="pictures of the same thing are needed on both sides",
        )
    over = "{} queries that have a match"
    if trial.pessimistic:
        reverse = trial.reversed()
        back = case.scorer(reverse)
        other = ranked(reverse, _levels(back), back.scale.levels)
        values = partner_values(found.first, other.first, options.ks)
        over = "{} pairs of partners"
    else:
        values = found.values
    shot = ", single gallery shot" if options.single_shot else ""
    titles = {f"recall@{k}": f"recall@{k} (CMC rank {k}{shot})" for k in options.ks}
    measures = mean_measures(
        values, trial.row_units, resampling, over=over, level=options.drawing.level, titles=titles
    )
    if options.rerank:
        levels, most = reranked_levels(scorer, options.rerank, device=options.device)
        again = {
            f"{name}, re-ranked": numbers
            for name, numbers in ranked(trial, levels, most).values.items()
        }
        measures += mean_measures(
            again, trial.row_units, resampling, over=over, level=options.drawing.level
        )
    return measures, found.first if found.shots is None else found.shots.ravel()
