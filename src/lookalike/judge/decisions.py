"""The verb: what is decided differently once a network was quantised, converted or exchanged?"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from lookalike.embeddings import Embeddings, Row
from lookalike.errors import NotEnoughDataError, UsageError
from lookalike.judge.calibrate import Target
from lookalike.judge.case import Case, Judged, aligned, names_of, opened
from lookalike.judge.changes import (
    DECISIONS,
    NEIGHBOURS,
    QUALITY,
    VECTORS,
    Change,
    DecisionChanges,
    QualityChange,
    Thresholds,
)
from lookalike.judge.decided import decide
from lookalike.judge.differences import difference_of
from lookalike.judge.evaluate import evaluate
from lookalike.judge.judgement import Evaluation
from lookalike.judge.measures import mean_measures
from lookalike.judge.neighbours import Neighbours, compare_neighbours
from lookalike.judge.rank import row_blocks
from lookalike.judge.resampling import Drawing, Interval, Resampling, interval
from lookalike.judge.tables import truth_of
from lookalike.judge.trial import Trial, trial_of_groups
from lookalike.judge.truth import Setting, Truth
from lookalike.metrics import METRICS, metric_named
from lookalike.report import amount

Progress = Callable[[int], None]

COMPARED = ("roc_auc", "recall@1", "aR@1", "mAP")
"""Measures of quality that are told, where the truth has them."""

ALONE = "there is one picture alone"


def decision_changes(
    reference: Judged,
    other: Judged,
    truth: Truth | str | os.PathLike[str] | Sequence[Hashable | None] | None = "folders",
    *,
    label: str | None = None,
    metric: str | None = None,
    fpr: float | None = None,
    threshold: float | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    device: str = "auto",
    progress: Progress | None = None,
) -> DecisionChanges:
    """What an encoder decides differently from another one that should do the same.

    Pictures are paired as by `evaluate`; of several views of one the first counts. Vectors are
    compared with those of their own encoder only, so they may differ in length and fingerprint.
    Neighbours are those of every picture among all others. Pairs are those that the truth judges,
    each once, without a truth all pairs; they are scored in blocks, and none is sampled.

    Args:
        reference: `Embeddings`, a path that `Embeddings.open` takes, or (N, D) vectors.
        other: Likewise, of the same pictures.
        truth: See `truth_of`; None for none. Folders that say nothing are no error: the parts that
            need a truth are missing, and it is said why. Labels are those of the reference's rows.
        label: For a table: which column holds the labels.
        metric: A metric's name; each encoder's own if None.
        fpr: The reference's threshold is the loosest with at most this false positive rate;
            that of the best F1 if None.
        threshold: The reference's threshold itself, a value of the metric that is accepted.
        resamples: Replicates of the bootstrap over identities, without a truth over pictures.
        level: Confidence of the intervals.
        seed: Of the bootstrap.
        device: As for `evaluate`.
        progress: Told how many rows are done, over all passes.

    Returns:
        `DecisionChanges`. A neighbour is unchanged if it is as near as the nearest; which of the
        two encoders is the reference changes no number about vectors and neighbours.

    Raises:
        UsageError: An argument, no picture in common, or a truth that nothing can be judged by.
        StoreError: A store can't be read.
        UnknownNameError: No such metric.

    Example:
        >>> before = np.array([[1.0, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [-1, -1]])
        >>> after = before + [[0, 0], [0, 0], [0, 0], [0, 0], [1, 0.5]]
        >>> found = decision_changes(before, after, truth=["a", "a", "b", "b", "c"])
        >>> found["different_accepted"].count, found["nearest_changed"].count
        (0, 0)
    """
    drawing, point = Drawing(resamples, level, seed), operating_point(fpr, threshold)
    if metric is not None:
        metric_named(metric)
    given = [opened(one, f"vectors {n}") for n, one in enumerate((reference, other), 1)]
    names = names_of(given)
    wholes = [_without_views(one, name) for one, name in zip(given, names, strict=True)]
    (one, two), kept, notes = aligned([side for side, _, _ in wholes], names)
    two = Embeddings(two.card, one.rows, two.vectors, two.origin)  # one name for each picture
    found = None
    if truth is not None:
        found = truth_of(truth, label=label).kept([wholes[0][1][n] for n in kept])
    missing: dict[str, str] = {}
    lenient = isinstance(truth, str) and truth == "folders"
    setting = _setting(found, one.rows, missing, lenient=lenient)
    everyone = _everyone(setting, one.rows)
    judged = Setting(everyone, "") if setting is None else setting
    cases = [Case(side, judged, metric or side.card.metric, device) for side in (one, two)]
    resampling = drawing.of(everyone.units)
    changes = _vector_changes(everyone, one, two, resampling, level, missing)
    changes += _neighbour_changes(everyone, cases, resampling, level, missing, progress)
    evaluation = None
    if found is not None and setting is not None:
        evaluation = evaluate(
            one,
            truth=found,
            against=two,
            metric=metric,
            fprs=(),
            ks=(1,),
            resamples=resamples,
            level=level,
            seed=seed,
            device=device,
            progress=progress,
        )
    resampling = drawing.of(judged.trial.units)
    thresholds, decided = _decided(cases, evaluation, point, resampling, level, missing, progress)
    return DecisionChanges(
        (names[0], names[1]),
        (one.card, two.card),
        (one.engine, two.engine),
        len(one.vectors),
        (len(wholes[0][0].vectors) - len(kept), len(wholes[1][0].vectors) - len(kept)),
        changes + decided,
        _quality(evaluation, names, resampling, level),
        thresholds,
        missing,
        judged.about,
        (
            *(note for *_, note in wholes if note),
            *notes,
            *_notes(drawing, everyone, evaluation, judged, decided=bool(decided)),
        ),
        _warnings(evaluation, one, two),
        {
            "seed": seed,
            "resamples": resamples,
            "level": level,
            "units": judged.trial.units,
            "unit": judged.trial.unit,
        },
    )


def operating_point(fpr: float | None, threshold: float | None) -> Target | float:
    """The operating point that was asked for, best F1 if none was, or the threshold itself.

    Raises:
        UsageError: Both are given, or one that is none.

    Example:
        >>> operating_point(None, 0.5)
        0.5
    """
    if fpr is not None and threshold is not None:
        raise UsageError("fpr and threshold are both given", cure="give one of them")
    if threshold is not None:
        if not math.isfinite(threshold):
            raise UsageError(f"threshold={threshold} is no finite number")
        return float(threshold)
    if fpr is not None and not 0 < fpr < 1:
        raise UsageError(f"fpr={fpr} is not between 0 and 1")
    return Target("f1") if fpr is None else Target("fpr", fpr)


def _without_views(side: Embeddings, name: str) -> tuple[Embeddings, list[int], str]:
    """The first row of each picture, the positions of the vectors kept, and what was left out."""
    seen: set[str] = set()
    rows: list[Row] = []
    positions: list[int] = []
    for row, position in zip(side.rows, side.positions, strict=True):
        if not (row.view and row.id in seen):
            rows.append(row)
            positions += [position] * row.ok
        seen.add(row.id)
    if len(rows) == len(side.rows):
        return side, positions, ""
    dropped = amount(len(side.rows) - len(rows), "row")
    kept = Embeddings(side.card, tuple(rows), side.vectors[positions], side.origin)
    return kept, positions, f"left out: {dropped} of {name} of further views of a picture"


def _setting(
    found: Truth | None, rows: Sequence[Row], missing: dict[str, str], *, lenient: bool
) -> Setting | None:
    """The truth laid against the pictures; None, and why, if there is none."""
    if found is None:
        missing[QUALITY] = "there is no truth"
        return None
    try:
        return found.setting(rows)
    except UsageError as error:
        if not lenient:
            raise
        missing[QUALITY] = f"there is no truth; {error.what}"
        return None


def _everyone(setting: Setting | None, rows: Sequence[Row]) -> Trial:
    """Every picture among all others, by the units of the truth, or each a unit of its own."""
    count, unit = len(rows), "pictures"
    groups = np.full(count, -1)
    if setting is not None:
        trial, unit = setting.trial, setting.trial.unit
        if isinstance(trial, Trial) and trial.symmetric and len(trial.rows) == count:
            return trial
        if trial.column_units is not None:
            groups[trial.columns] = trial.column_units
        groups[trial.rows] = trial.row_units
        unit += " and single pictures" if (groups < 0).any() else ""
    alone = np.flatnonzero(groups < 0)
    groups[alone] = groups.max(initial=-1) + 1 + np.arange(len(alone))
    return trial_of_groups(groups, [row.id for row in rows], unit=unit)


def _vector_changes(
    everyone: Trial,
    one: Embeddings,
    two: Embeddings,
    resampling: Resampling,
    level: float,
    missing: dict[str, str],
) -> tuple[Change, ...]:
    """Cosine of both vectors of each picture."""
    if one.card.dim != two.card.dim:
        missing[VECTORS] = f"they have {one.card.dim} and {two.card.dim} numbers"
        return ()
    count = len(one.vectors)
    cosines = np.concatenate(
        [
            METRICS["cosine"].rows(*(side.vectors[rows].astype(np.float64) for side in (one, two)))
            for rows in row_blocks(count, one.card.dim)
        ]
    )
    mean = float(cosines.mean())
    replicates = resampling.means(cosines[everyone.rows], everyone.row_units)
    between = interval(mean, replicates, resampling.groups, level=level)
    if between:
        between = Interval(max(-1.0, between.low), min(1.0, between.high), level)
    worst = int(cosines.argmin())
    about = "cosine of both vectors of a picture"
    return (
        Change(VECTORS, "cosine_mean", f"{about}, mean", mean, between, of=count),
        Change(
            VECTORS,
            "cosine_p1",
            f"{about}, 1st percentile",
            float(np.quantile(cosines, 0.01)),
            of=count,
        ),
        Change(
            VECTORS,
            "cosine_min",
            f"{about}, smallest",
            float(cosines[worst]),
            of=count,
            id=one.rows[worst].id,
        ),
    )


def _neighbour_changes(
    everyone: Trial,
    cases: Sequence[Case],
    resampling: Resampling,
    level: float,
    missing: dict[str, str],
    progress: Progress | None,
) -> tuple[Change, ...]:
    """How many nearest neighbours are others now, and how many of the nearest ten are left."""
    count = len(everyone.rows)
    if count < 2:
        missing[NEIGHBOURS] = ALONE
        return ()
    one, two = (case.scorer(everyone) for case in cases)
    found: Neighbours = compare_neighbours(everyone, one, two, progress=progress)
    measures = mean_measures(
        {"changed": found.changed.astype(np.float64), "overlap": found.overlap},
        everyone.row_units,
        resampling,
        over="",
        level=level,
    )
    titles = (
        "pictures whose nearest neighbour is another one",
        f"share of the nearest {found.nearest} that are still among them, mean",
    )
    names = "nearest_changed", "neighbours_kept"
    counts = int(found.changed.sum()), None
    changes = tuple(
        Change(NEIGHBOURS, name, title, measure.value, measure.interval, changed, count)
        for name, title, measure, changed in zip(names, titles, measures, counts, strict=True)
    )
    before, now = (int(side.sum()) for side in found.tied.T)
    title = f"pictures with several neighbours equally near, {before:,} before"
    return changes + (Change(NEIGHBOURS, "nearest_tied", title, now / count, None, now, count),) * (
        now > before
    )


def _quality(
    evaluation: Evaluation | None, names: Sequence[str], resampling: Resampling, level: float
) -> tuple[QualityChange, ...]:
    if evaluation is None:
        return ()
    one, two = ({m.name: m for m in found.measures} for found in evaluation.judgements)
    stores = names[1], names[0]
    return tuple(
        QualityChange(
            one[name].value or 0.0,
            two[name].value or 0.0,
            difference_of(two[name], one[name], stores, resampling.groups, level, level),
        )
        for name in COMPARED
        if name in one and one[name].value is not None and two[name].value is not None
    )


def _decided(
    cases: Sequence[Case],
    evaluation: Evaluation | None,
    point: Target | float,
    resampling: Resampling,
    level: float,
    missing: dict[str, str],
    progress: Progress | None,
) -> tuple[Thresholds | None, tuple[Change, ...]]:
    """The thresholds, and how many pairs are decided differently by them."""
    if evaluation is not None:
        counts = [judgement.counts for judgement in evaluation.judgements]
    elif isinstance(point, Target):
        missing[DECISIONS] = f"there is no truth to choose a threshold by ({point}), and none given"
        return None, ()
    elif len(cases[0].side.vectors) < 2:
        missing[DECISIONS] = ALONE
        return None, ()
    else:
        counts = [case.counted(case.scorer(), None, progress=progress).counts for case in cases]
    truth = evaluation is not None
    try:
        found = decide(
            cases, counts, point, resampling, level=level, truth=truth, progress=progress
        )
    except NotEnoughDataError as error:
        missing[DECISIONS] = error.what
        return None, ()
    missing |= found.missing
    return found.thresholds, found.changes


def _notes(
    drawing: Drawing,
    everyone: Trial,
    evaluation: Evaluation | None,
    judged: Setting,
    *,
    decided: bool,
) -> tuple[str, ...]:
    """How the intervals were made."""
    made = drawing.notes(everyone, drawing.of(everyone.units))
    fixed = (
        "nearest neighbours: their intervals take the pictures searched as they are",
        *["decisions: their intervals take the thresholds as they are"] * decided,
    )
    if evaluation is None:
        alike = "where several pictures show one thing, the intervals are too narrow"
        return (*made, alike, *fixed)
    if judged.trial is not everyone:
        evaluated = set(evaluation.notes)
        made = tuple(f"vectors and neighbours: {one}" for one in made if one not in evaluated)
    else:
        made = ()
    return (*evaluation.notes, *made, *fixed)


def _warnings(evaluation: Evaluation | None, one: Embeddings, two: Embeddings) -> tuple[str, ...]:
    if evaluation is not None:
        return evaluation.warnings
    found = [(*side.card.warnings, *side.origin.warnings) for side in (one, two)]
    return tuple(dict.fromkeys(warning for some in found for warning in some))
