"""An evaluation as people see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lookalike.report import Column, Table, View

if TYPE_CHECKING:
    from lookalike.judge.judgement import Evaluation, Measure


def evaluation_view(evaluation: Evaluation) -> View:
    """The differences first, if there are any, then the measures of each store."""
    tables = [_differences(evaluation)] if evaluation.differences else []
    tables.append(_measures(evaluation))
    models = dict.fromkeys(
        f"{one.store}: {one.card.name}, {one.metric}, fingerprint {one.card.fingerprint[:12]}"
        for one in evaluation.judgements
    )
    return View(
        title="How well are the same things told from different ones?",
        tables=tuple(tables),
        notes=(evaluation.truth, *models, *evaluation.notes),
        warnings=evaluation.warnings,
        plots=evaluation.plots,
    )


def _measures(evaluation: Evaluation) -> Table:
    level = f"{evaluation.settings.get('level', 0.95):.0%}"
    several = len(evaluation.judgements) > 1
    columns = [
        Column("store", "store", aside=not several),
        Column("measure", "measure", aside=True),
    ]
    columns += [
        Column("title", "measure"),
        Column("value", "value", "number"),
        Column("low", f"{level} from", "number"),
        Column("high", "to", "number"),
        Column("threshold", "at threshold", "number"),
        Column("over", "over"),
    ]
    if any(one.note for judgement in evaluation.judgements for one in judgement.measures):
        columns.append(Column("note", "why there is no value"))
    rows = [
        {"store": judgement.store, **_cells(measure)}
        for judgement in evaluation.judgements
        for measure in judgement.measures
    ]
    return Table(tuple(columns), rows, "Measures")


def _cells(measure: Measure) -> dict[str, Any]:
    plain = measure.to_dict()
    return {**plain, "title": measure.title, "note": measure.note or None}


def _differences(evaluation: Evaluation) -> Table:
    columns = (
        Column("measure", "measure", aside=True),
        Column("title", "measure"),
        Column("a", "a"),
        Column("b", "b"),
        Column("difference", "a minus b", "number"),
        Column("low", "from", "number"),
        Column("high", "to", "number"),
        Column("verdict", "in words"),
    )
    count = len(evaluation.judgements) - 1
    corrected = f", corrected for {count} comparisons" if count > 1 else ""
    rows = [
        {**one.to_dict(), "title": one.title, "verdict": one.verdict}
        for one in evaluation.differences
    ]
    return Table(columns, rows, f"The first store against the others{corrected}")
