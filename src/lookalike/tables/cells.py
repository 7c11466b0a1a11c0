"""The columns of a table of models, and the cells of a row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from lookalike.measuring.subject import DIFFERENT, SAME
from lookalike.report import Column
from lookalike.tables.model_row import ModelRow
from lookalike.tables.model_table import ModelTable

NUMBER: Literal["number"] = "number"
WHOLE: Literal["whole"] = "whole"

IDENTITY = (Column("label", "model"),)
COST = (
    Column("file_ms", "file ms", NUMBER, digits=2),
    Column("file_noise", "±"),
    Column("memory_mib", "memory MiB", NUMBER, digits=0),
    Column("dim", "dim", WHOLE),
    Column("model_ms", "model ms", NUMBER, digits=2),
    Column("model_noise", "±"),
    Column("pictures_per_second", "pictures/s", NUMBER, digits=1),
    Column("best_batch", "at batch", WHOLE),
    Column("gflops", "GFLOPs", NUMBER, digits=2),
    Column("params_millions", "params M", NUMBER, digits=2),
    Column("similarity_ms", "similarity ms", NUMBER, digits=3),
)
"""What matters most first: a narrow terminal has no room for the last ones."""
KNOWN = (
    Column("acc1", "acc@1 %", NUMBER, digits=3),
    Column("acc5", "acc@5 %", NUMBER, digits=3),
)
LAST = (
    Column("weights", "weights"),
    Column("licence", "licence"),
    Column("engine", "engine"),
)
MOST_ROLES = 5
"""Pairs of an anchor up to which each has a column; of more, the hardest of each kind."""

STEPS = ("file", "decode", "preprocess", "model", "similarity")
PARTS = ("q1", "q3", "p95", "minimum", "repeats", "drift")
ASIDE = (
    Column("model", "name", aside=True),
    Column("reason", "reason", aside=True),
    *(
        Column(f"{step}_{part}", f"{step}, {part}", NUMBER, aside=True)
        for step in STEPS
        for part in PARTS
    ),
    Column("load_ms", "load ms", NUMBER, digits=0, aside=True),
    Column("compared_per_second", "vectors compared/s", NUMBER, digits=0, aside=True),
    Column("batch_memory_mib", "memory with batches MiB", NUMBER, digits=0, aside=True),
    Column("device_memory_mib", "device memory MiB", NUMBER, digits=0, aside=True),
    Column("vector_bytes", "bytes per vector", WHOLE, aside=True),
    Column("fingerprint", "fingerprint", aside=True),
)
PLAIN = (
    *("beside_best", "pareto", "d_prime", "gap", "gap_per_cent", "metric", "weights", "dim"),
    *("gflops", "acc1", "acc5", "licence", "engine", "fingerprint", "reason", "best_batch"),
    *("pictures_per_second", "compared_per_second", "vector_bytes", "memory_mib"),
    *("batch_memory_mib", "device_memory_mib"),
)
"""Cells that are as `ModelRow.to_dict` has them."""


def quality_columns(result: ModelTable) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """What models are chosen by, and what else says how good they are."""
    pareto = Column("pareto", "Pareto")
    gap = Column("gap_per_cent", "gap %", NUMBER, digits=2)
    if result.judged or not result.subject.anchored:
        return (
            Column("roc_auc", "ROC AUC", NUMBER, digits=3),
            Column("roc_auc_low", "from", NUMBER, digits=3),
            Column("roc_auc_high", "to", NUMBER, digits=3),
            Column("beside_best", "beside the best"),
        ), (
            pareto,
            Column("d_prime", "d'", NUMBER, digits=2),
            Column("same_per_cent", "same, mean %", NUMBER, digits=2),
            Column("different_per_cent", "different, mean %", NUMBER, digits=2),
            Column("best_accuracy", "best accuracy", NUMBER, digits=3),
            Column("best_accuracy_low", "best accuracy, from", NUMBER, digits=3, aside=True),
            Column("best_accuracy_high", "best accuracy, to", NUMBER, digits=3, aside=True),
            replace(gap, aside=True),
        )
    roles = result.subject.roles
    few = len(roles) <= MOST_ROLES
    shown = [Column(f"{role}_per_cent", f"{role} %", NUMBER, digits=4) for role in roles]
    if not few:
        shown = [replace(column, aside=True) for column in shown]
        shown += [
            Column("positive_least", "least alike positive %", NUMBER, digits=2),
            Column("negative_most", "hardest negative %", NUMBER, digits=2),
        ]
    return (*shown, gap), (
        pareto,
        Column("metric", "metric"),
        *(Column(role, f"{role}, raw", NUMBER, digits=6, aside=True) for role in roles),
        Column("gap", "gap, raw", NUMBER, digits=6, aside=True),
    )


def cells_of(row: ModelRow, result: ModelTable) -> dict[str, Any]:
    """A row's cells by the keys of the columns."""
    plain = row.to_dict()
    cells = {name: plain[name] for name in PLAIN}
    cells["recommended"] = row is result.recommended
    cells |= {"model": row.name, "label": row.label, "pareto": row.pareto or None}
    params = row.figure_of["params"]
    cells["params_millions"] = params / 1e6 if params else None
    for name in ("roc_auc", "best_accuracy"):
        one = row.measure(name)
        cells[name] = one and one.value
        cells[f"{name}_low"] = one and one.interval and one.interval.low
        cells[f"{name}_high"] = one and one.interval and one.interval.high
    return cells | _pair_cells(row, result) | _time_cells(row)


def _pair_cells(row: ModelRow, result: ModelTable) -> dict[str, Any]:
    if not result.subject.anchored:
        figures = list(row.figures.pairs.values())
        return {
            f"{kind}_per_cent": one.similarity
            for kind, one in zip((SAME, DIFFERENT), figures, strict=True)
        }
    cells: dict[str, Any] = {}
    values = row.measurement.values or (None,) * len(result.subject.roles)
    for role, value in zip(result.subject.roles, values, strict=True):
        cells[role] = value
        cells[f"{role}_per_cent"] = row.measurement.per_cent(value)
    sides = row.closest_calls
    if sides is not None:
        least, most = map(row.measurement.per_cent, sides)
        cells |= {"positive_least": least, "negative_most": most}
    return cells


def _time_cells(row: ModelRow) -> dict[str, Any]:
    times = row.measurement.times
    if times is None:
        return {}
    cells: dict[str, Any] = {"load_ms": times.load_ms}
    for name in STEPS:
        timing = getattr(times, name)
        cells[f"{name}_ms"] = timing.median
        noise = f"{max(timing.spread, timing.drift) * 100:.0f} %"
        cells[f"{name}_noise"] = f"noisy, {noise}" if timing.noisy else noise
        for part in PARTS:
            cells[f"{name}_{part}"] = getattr(timing, part)
    return cells
