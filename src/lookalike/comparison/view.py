"""A comparison as people see it: a matrix where all pairs were compared, and the pairs."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

from lookalike.comparison.spread import HARMLESS
from lookalike.metrics import metric_named
from lookalike.report import Column, Table, View

if TYPE_CHECKING:
    from lookalike.comparison.comparison import Comparison

SPREAD = (
    "lowest, highest: over copies of both pictures that are the same to a person ("
    + ", ".join(HARMLESS)
    + ")"
)

PROBABILITIES = ("same_picture", "same_kind")
"""Of a verdict, for programs."""

MATRIX_SIDE = 16
"""Pictures up to which a matrix is shown beside the list of pairs."""


def comparison_view(comparison: Comparison) -> View:
    """Matrices, failures, pairs; what may and may not be concluded."""
    matrix = comparison.all_pairs and len(comparison.ids) <= MATRIX_SIDE
    tables = [_matrix(comparison, n) for n in range(len(comparison.models))] if matrix else []
    if comparison.failures:
        tables.append(_failures(comparison))
    spread = any(one.low is not None for one in comparison.results)
    verdicts = any(one.verdict is not None for one in comparison.results)
    tables.append(_pairs(comparison, aside=matrix and not spread and not verdicts))
    readings = dict.fromkeys(use.reading for use in comparison.models)
    engines = dict.fromkeys(
        f"{use.label}: {use.engine}, fingerprint {use.card.fingerprint[:12]}"
        for use in comparison.models
    )
    if spread:
        readings |= {SPREAD: None}
    return View(
        title="How alike are these pictures?",
        tables=tuple(tables),
        notes=(*readings, *engines, *comparison.verdicts),
        warnings=comparison.notes,
        pictures=comparison.thumbnails,
    )


def _pairs(comparison: Comparison, *, aside: bool) -> Table:
    results = comparison.results
    columns = [Column("a", "", "picture")] * bool(comparison.thumbnails)
    columns += [Column("a", "a")]
    columns += [Column("b", "", "picture")] * bool(comparison.thumbnails)
    columns += [Column("b", "b"), Column("model", "model")]
    columns += [Column("fingerprint", "fingerprint", aside=True)]
    columns += [Column("metric", "metric"), _value_column(comparison)]
    if any(one.verdict is not None for one in results):
        columns += [Column("words", "verdict")]
        columns += [Column(key, key, "number", aside=True) for key in PROBABILITIES]
    if any(one.low is not None for one in results):
        columns += [Column("low", "lowest", "number"), Column("high", "highest", "number")]
    if any(one.same is not None for one in results):
        columns.append(Column("same", "same"))
    if any(one.error for one in results):
        columns.append(Column("error", "error"))
    rows = [one.to_dict() | (one.verdict.to_dict() if one.verdict else {}) for one in results]
    return Table(tuple(columns), rows, "Pairs", aside)


def _value_column(comparison: Comparison) -> Column:
    metrics = {use.metric for use in comparison.models}
    shade = _shade(metrics.pop()) if len(metrics) == 1 else None
    return Column("value", "value", "number", shade=shade)


def _shade(metric: str) -> tuple[float, float] | None:
    chosen = metric_named(metric)
    finite = math.isfinite(chosen.high) and chosen.high <= 1
    return (max(chosen.low, 0.0), chosen.high) if finite else None


def _matrix(comparison: Comparison, model: int) -> Table:
    ids, use = comparison.ids, comparison.models[model]
    names = _short_names(ids)
    shade = _shade(use.metric)
    columns = [Column("picture", "", "picture")] * bool(comparison.thumbnails)
    columns += [Column("name", "")]
    columns += [
        Column(f"to{n}", name, "number", digits=3, shade=shade) for n, name in enumerate(names)
    ]
    values = comparison.matrix(model)
    rows: list[dict[str, Any]] = [
        {"picture": id, "name": name}
        | {f"to{n}": float(value) for n, value in enumerate(values[position])}
        for position, (id, name) in enumerate(zip(ids, names, strict=True))
    ]
    return Table(tuple(columns), rows, f"{use.label}: {use.metric}")


def _short_names(ids: tuple[str, ...]) -> list[str]:
    """The last part of each path where that tells all apart."""
    short = [os.path.basename(id) or id for id in ids]
    return short if len(set(short)) == len(short) else list(ids)


def _failures(comparison: Comparison) -> Table:
    columns = (Column("id", "picture"), Column("reason", "reason"), Column("detail", "detail"))
    rows = [
        {"id": row.id, "reason": row.reason, "detail": row.detail} for row in comparison.failures
    ]
    return Table(columns, rows, f"{len(rows)} without a vector")
