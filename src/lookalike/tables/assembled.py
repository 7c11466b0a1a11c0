"""From measurements to a table: rows judged, held against each other, and one recommended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from lookalike.encoders import Entry
from lookalike.judge import Drawing, ScoredPairs, Scores, judge_scores
from lookalike.measuring.device import processor, versions
from lookalike.measuring.measurement import Measurement, Task
from lookalike.measuring.subject import Subject
from lookalike.report import amount
from lookalike.tables.findings import MOST_NAMED
from lookalike.tables.model_row import ALIKE, BEST, UNKNOWN, WORSE, ModelRow, labels_of
from lookalike.tables.model_table import CLASSIFIERS, REID, ModelTable, noise_of
from lookalike.tables.pareto import pareto
from lookalike.tables.pictures import hardest_pairs, pictures_shown, thumbnails_of
from lookalike.tables.published import PublishedColumn, published_column
from lookalike.tables.recommendation import (
    Candidate,
    Constraints,
    Exclusion,
    Recommendation,
    recommend,
)
from lookalike.tables.reid_pictures import by_column
from lookalike.tables.reid_published import Nearness, nearest_rows
from lookalike.tables.selection import catalogue_entry

MOST_COVERED = 0.9
"""Share of the fullest model's values below which a model stands aside."""

ONE_PAIR = "one anchor can't rank models: other pictures may order them otherwise, so no interval"


def assembled(
    measurements: Sequence[Measurement],
    task: Task,
    drawing: Drawing,
    constraints: Constraints,
    *,
    bounds: tuple[float, ...],
    beside: str,
    selection_notes: tuple[str, ...],
    thumbnails: bool,
) -> ModelTable:
    """A table from the measurements of its models; see `table` for the arguments."""
    subject = task.subject
    labels = labels_of([one.model for one in measurements])
    rows = [
        ModelRow(
            one.model,
            label,
            one,
            subject,
            (entry := catalogue_entry(one.model)),
            _column(entry) if beside == CLASSIFIERS else None,
            _resembled(one) if beside == REID else (),
        )
        for one, label in zip(measurements, labels, strict=True)
    ]
    rows, left_out = _common(rows)
    judged, notes = _scored(rows, subject, drawing)
    if judged:
        rows = [_with_measures(row, judged) for row in rows]
    rows = _with_pareto(rows)
    result = ModelTable(
        tuple(rows),
        subject,
        _recommendation(rows, constraints, judged, round(noise_of(rows), 2)),
        bounds,
        beside,
        selection_notes,
        (*left_out, *notes),
        _settings(task, drawing),
    )
    hardest = hardest_pairs(result.best) if judged and result.best else ()
    shown = pictures_shown(subject, hardest) if thumbnails else ()
    return replace(result, hardest=hardest, thumbnails=thumbnails_of(shown, task.limits))


def _column(entry: Entry | None) -> PublishedColumn | None:
    if entry is None or not entry.name.startswith("torchvision:"):
        return None
    return published_column(entry.architecture, entry.weights)


def _resembled(one: Measurement) -> tuple[Nearness, ...]:
    """The published rows that cosines of the six pairs are nearest to."""
    if one.metric != "cosine" or None in one.values or not one.values:
        return ()
    return nearest_rows(by_column(one.values))


def _common(rows: Sequence[ModelRow]) -> tuple[list[ModelRow], tuple[str, ...]]:
    """Rows with the pairs that models are held against each other by, and what that leaves out.

    A model that fails on many pictures would take their pairs from all the others, so one that has
    far fewer values than the fullest one stands aside.
    """
    held = {row.label: len(row.common_values) for row in rows}
    meant = [row for row in rows if not row.random] or rows
    most = max(held[row.label] for row in meant)
    full = [row for row in meant if held[row.label] >= MOST_COVERED * most and most]
    common = frozenset.intersection(*(frozenset(row.common_values) for row in full or rows))
    notes = [
        f"stands aside: {row.label}, with values for {held[row.label]:,} of {most:,} pairs"
        for row in meant
        if row.ok and most and row not in full
    ]
    lost = most - len(common)
    if lost:
        by = [row.label for row in full if held[row.label] < most]
        notes.append(
            f"left out for all models: {amount(lost, 'pair')} without a value under "
            + (", ".join(by) or "one of them")
        )
    names = {row.label for row in full}
    return [
        replace(row, common=common if row.label in names else frozenset()) for row in rows
    ], tuple(notes)


def _scored(
    rows: Sequence[ModelRow], subject: Subject, drawing: Drawing
) -> tuple[ScoredPairs | None, tuple[str, ...]]:
    """All models judged on the pairs that they have in common."""
    if subject.anchored:
        return None, (ONE_PAIR,)
    tried = [row for row in rows if row.common_values]
    known = (
        [n for n in sorted(tried[0].common_values) if subject.pairs[n].same is not None]
        if tried
        else []
    )
    pairs = [(subject.pairs[n].a, subject.pairs[n].b, bool(subject.pairs[n].same)) for n in known]
    if {same for *_, same in pairs} != {True, False}:
        return None, ("nothing is judged: that takes same and different pairs with values",)
    scores = {row.label: _scores(row, known) for row in tried}
    found = judge_scores(scores, pairs, drawing, groups=subject.groups or None)
    unknown = len(subject.pairs) - sum(pair.same is not None for pair in subject.pairs)
    notes = [f"not judged: {amount(unknown, 'pair')} without a truth"] if unknown else []
    return found, (*notes, *found.notes)


def _scores(row: ModelRow, known: Sequence[int]) -> Scores:
    values = row.common_values
    return Scores([values[n] for n in known], row.measurement.higher_is_closer)


def _with_measures(row: ModelRow, judged: ScoredPairs) -> ModelRow:
    if row.label not in judged.measures:
        return row
    measures = judged.measures[row.label]
    if row.label == judged.best:
        return replace(row, measures=measures, beside_best=BEST)
    lead = judged.lead(judged.best, row.label)
    told = UNKNOWN if lead.interval is None else WORSE if lead.distinguishable else ALIKE
    return replace(row, measures=measures, lead=lead, beside_best=told)


def _with_pareto(rows: Sequence[ModelRow]) -> list[ModelRow]:
    kept = pareto(
        [([row.file_ms for row in rows], "less"), ([row.quality for row in rows], "more")]
    )
    return [replace(row, pareto=one) for row, one in zip(rows, kept, strict=True)]


def _refused(rows: Sequence[ModelRow], judged: bool) -> dict[str, list[ModelRow]]:
    """Rows that can't be recommended, by the reason why."""
    chance = "not shown to be above chance: its ROC AUC has no interval, or one that reaches to 0.5"
    if not judged:
        chance = "not above chance: the positive is no closer than the hardest negative"
    found: dict[str, list[ModelRow]] = {}
    for row in rows:
        if row.random:
            found.setdefault("random weights, whose similarities mean nothing", []).append(row)
        elif row.quality is None:
            found.setdefault("without a quality that can be ranked", []).append(row)
        elif not row.above_chance:
            found.setdefault(chance, []).append(row)
    return found


def _recommendation(
    rows: Sequence[ModelRow], constraints: Constraints, judged: ScoredPairs | None, noise: float
) -> Recommendation:
    """One of the rows that mean something and do better than chance, if there are any."""
    measured = [row for row in rows if row.ok]
    refused = _refused(measured, judged is not None)
    out = {row.label for some in refused.values() for row in some}

    def alike(best: str, other: str) -> bool:
        return judged is not None and not judged.lead(best, other).distinguishable

    quality = "ROC AUC" if judged else "gap in per cent"
    found = recommend(
        [_candidate(row) for row in measured if row.label not in out],
        constraints,
        alike=alike,
        quality_name=f"{quality} of those that can be recommended" if out else quality,
        noise=noise,
    )
    exclusions = [
        Exclusion("refused", tuple(row.label for row in some), (), _words(why, some))
        for why, some in refused.items()
    ]
    if not measured:
        found = replace(found, reason="No model could be tried.")
    elif len(out) == len(measured):
        found = replace(found, reason="No model has shown that it tells same from different here.")
    return replace(found, excluded=(*exclusions, *found.excluded))


def _words(why: str, some: Sequence[ModelRow]) -> str:
    named = ", ".join(row.label for row in some[:MOST_NAMED])
    return f"Not recommended, {why}: {named}{_more(some)}."


def _more(some: Sequence[ModelRow]) -> str:
    return f" and {len(some) - MOST_NAMED} more" if len(some) > MOST_NAMED else ""


def _candidate(row: ModelRow) -> Candidate:
    told = row.figure_of
    return Candidate(
        row.label,
        row.quality,
        ms=row.file_ms,
        memory_mib=row.measurement.memory_mib,
        dim=told["dim"],
        params=told["params"],
        gflops=told["gflops"],
        acc1=told["acc1"],
        licence=told["licence"] or "",
    )


def _settings(task: Task, drawing: Drawing) -> dict[str, Any]:
    return {
        "processor": processor(),
        "versions": versions(),
        "runtime": asdict(task.runtime),
        "effort": asdict(task.effort),
        "metric": task.metric,
        "pictures": len(task.subject.places),
        "pairs": len(task.subject.pairs),
        **asdict(drawing),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }
