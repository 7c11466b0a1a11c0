"""A table of models as people see it: pictures, quality, cost, a scatter, and what stands out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

from lookalike.measuring.subject import DIFFERENT, SAME
from lookalike.report import Column, Plot, Series, Table, View
from lookalike.tables.model_row import CHANCE, ModelRow
from lookalike.tables.model_table import ModelTable
from lookalike.tables.published import DEVICE, TITLE

GFLOPS = "GFLOPs are multiply-accumulates for one picture."
TIMES = (
    "file ms: from file to vector, one picture at a time, files in the system's cache; model ms: "
    "from the prepared picture to the vector in host memory; medians, with the distance of the "
    "quartiles behind. Memory: the most that loading and embedding single pictures took."
)
ACCURACY = "acc@1 and acc@5 are those published for ImageNet."

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
PARETO = "Pareto set: none is both quicker and better"

MOST_ROLES = 5
"""Pairs of an anchor up to which each has a column; of more, the hardest of each kind."""

MOST_LABELLED = 12
"""Models up to which a plot has all names; of more, those of the Pareto set."""

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


def table_view(result: ModelTable) -> View:
    """The answer, the scatter, the models; then what they were tried on and what was published."""
    after = [_failures(result)] if result.failed else []
    if result.beside_published:
        after.append(_beside_published(result))
    if result.thumbnails:
        after.append(_hardest(result) if result.hardest else _pictures(result))
    return View(
        title="Which model should judge these pictures?",
        tables=(_models(result),),
        after=tuple(after),
        answer=_answer(result),
        notes=(
            f"Tried on {result.subject.about}.",
            *result.notes,
            *result.analysis,
            *(() if result.subject.anchored else result.judge_notes),
            _noise(result),
            TIMES,
            f"{GFLOPS} {ACCURACY}",
        ),
        warnings=result.warnings,
        pictures=result.thumbnails,
        plots=_plots(result),
    )


def _answer(result: ModelTable) -> tuple[str, ...]:
    """Which model to take, why, and what the constraints left out."""
    found, row = result.recommendation, result.recommended
    return (
        f"Recommended: {'none' if row is None else _in_short(row)}. {found.reason}",
        *(one.words for one in found.excluded),
        *(result.judge_notes if result.subject.anchored else ()),
    )


def _in_short(row: ModelRow) -> str:
    """A model with its quality and its cost."""
    told = []
    auc = row.roc_auc
    if auc is not None and auc.value is not None:
        ends = auc.interval and f", {auc.interval.low:.3f} to {auc.interval.high:.3f}"
        told.append(f"ROC AUC {auc.value:.3f}{ends or ''}")
    if row.file_ms is not None:
        told.append(f"{row.file_ms:.2f} ms from file to vector")
    return f"{row.label} ({'; '.join(told)})"


def _failures(result: ModelTable) -> Table:
    rows = [
        {"label": row.label, "model": row.name, "reason": row.measurement.reason}
        for row in result.failed
    ]
    columns = (*IDENTITY, Column("reason", "why it could not be tried"))
    return Table(columns, rows, "Not tried")


def _noise(result: ModelTable) -> str:
    settings = result.settings
    return (
        f"Times on {settings['processor']}, {settings['made']}; those that differ by less than "
        f"{result.noise * 100:.0f} % are no difference."
    )


def _models(result: ModelTable) -> Table:
    """Quality beside cost; on a terminal one above the other, each in its own order."""
    quality, more = _quality_columns(result)
    rows = [_cells(row, result) for row in sorted(result.rows, key=_by_quality)]
    quickest = [_cells(row, result) for row in sorted(result.measured, key=_by_time)]

    def told(columns: Iterable[Column]) -> tuple[Column, ...]:
        """Without columns that are empty in every row."""
        filled = {key for row in rows for key, cell in row.items() if cell not in (None, "")}
        return tuple(one for one in columns if one.key in filled)

    cost, known = told(COST), told(KNOWN)
    narrow = [Table((*IDENTITY, *quality, *more, *known[:1]), rows, "Quality")]
    if quickest:
        narrow.append(Table((*IDENTITY, *cost), quickest, "Cost"))
    return Table(
        (*IDENTITY, *quality, *cost, *more, *known, *told(LAST), *ASIDE),
        rows,
        "Models",
        mark="recommended",
        narrow=tuple(narrow),
    )


def _by_quality(row: ModelRow) -> tuple[bool, bool, float]:
    """The best first, models without a quality after them, failures last."""
    return not row.ok, row.quality is None, -(row.quality or 0.0)


def _by_time(row: ModelRow) -> float:
    return math.inf if row.file_ms is None else row.file_ms


def _quality_columns(result: ModelTable) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
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


def _cells(row: ModelRow, result: ModelTable) -> dict[str, Any]:
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


def _pictures(result: ModelTable) -> Table:
    places, pairs = result.subject.places, result.subject.pairs
    rows = [{"picture": places[0].id, "id": places[0].id, "role": "anchor"}]
    rows += [
        {"picture": places[pair.b].id, "id": places[pair.b].id, "role": role}
        for pair, role in zip(pairs, result.subject.roles, strict=True)
    ]
    columns = (Column("picture", "", "picture"), Column("role", "role"), Column("id", "picture"))
    return Table(columns, rows, "Pictures", aside=True)


def _hardest(result: ModelTable) -> Table:
    """The hardest pairs under the best model, with the values of all models."""
    best, places = result.best, result.subject.places
    rows: list[dict[str, Any]] = []
    for n in result.hardest:
        pair = result.subject.pairs[n]
        cells: dict[str, Any] = {"a": places[pair.a].id, "b": places[pair.b].id}
        cells["truth"] = SAME if pair.same else DIFFERENT
        cells["names"] = " | ".join(map(_end, (places[pair.a].id, places[pair.b].id)))
        for number, row in enumerate(result.measured):
            values = row.measurement.values
            cells[f"model{number}"] = values[n] if values else None
        rows.append(cells)
    columns = (
        Column("a", "", "picture"),
        Column("b", "", "picture"),
        Column("names", "pictures"),
        Column("truth", "truth"),
        *(
            Column(f"model{number}", row.label, NUMBER, digits=3)
            for number, row in enumerate(result.measured)
        ),
    )
    name = best.label if best else ""
    return Table(columns, rows, f"The hardest pairs for {name}", aside=True)


def _end(id: str) -> str:
    """The last two parts of a path, which hold the folder of a thing and a file."""
    return "/".join(id.replace("\\", "/").split("/")[-2:])


def _beside_published(result: ModelTable) -> Table:
    """Published figures beside those of this run; what was misprinted is said."""
    rows = []
    for row in result.rows:
        if row.published is None:
            continue
        told, there = row.figure_of, row.published.figures
        positive = there.pair("positive")
        wrong = [
            f"{one.field} {one.printed:g} is a misprint for {one.actual:g}: {one.why}"
            for one in row.published.corrections
        ]
        notes = filter(None, (*wrong, row.published.note))
        rows.append(
            {
                "label": row.label,
                "column": row.published.label,
                "dim": told["dim"],
                "dim_there": there.dim,
                "gflops": told["gflops"],
                "gflops_there": there.gflops,
                "acc1": told["acc1"],
                "acc1_there": there.acc1,
                "acc5": told["acc5"],
                "acc5_there": there.acc5,
                "ms": row.file_ms,
                "ms_there": positive.embed_ms,
                "similarity_ms": row.measurement.times and row.measurement.times.similarity.median,
                "similarity_ms_there": positive.similarity_ms,
                "note": "; ".join(notes) or None,
            }
        )
    columns = [*IDENTITY, Column("column", "published as")]
    for key, title, digits in (
        ("dim", "dim", -1),
        ("gflops", "GFLOPs", 2),
        ("acc1", "acc@1 %", 3),
        ("acc5", "acc@5 %", 3),
        ("ms", "embedding ms", 2),
        ("similarity_ms", "similarity ms", 3),
    ):
        kind: Any = WHOLE if digits < 0 else NUMBER
        columns.append(Column(key, title, kind, digits=digits))
        columns.append(Column(f"{key}_there", "published", kind, digits=digits))
    columns.append(Column("note", "note"))
    return Table(tuple(columns), rows, f"Beside {TITLE!r}, {DEVICE}")


def _plots(result: ModelTable) -> tuple[Plot, ...]:
    """Quality against cost, with the line of those that no other model beats."""
    known = [row for row in result.rows if row.pareto is not None]
    if not known:
        return ()
    front = sorted((row for row in known if row.pareto), key=lambda row: row.file_ms or 0.0)
    rest = [row for row in known if not row.pareto and row is not result.recommended]
    quality = "ROC AUC" if result.judged else "gap: positive minus hardest negative, %"
    series = [_line(front)] if len(front) > 1 else []
    few = len(known) <= MOST_LABELLED
    chosen = [row for row in known if row is result.recommended]
    front = [row for row in front if row not in chosen]
    series += [_points("other models", rest, labelled=few)] if rest else []
    series += [_points(PARETO, front, labelled=True)] if front else []
    series += [_points("recommended", chosen, labelled=True)] if chosen else []
    if result.judged:
        times = [row.file_ms or 0.0 for row in known]
        ends = (min(times) / 1.5, max(times) * 1.5)
        series.insert(0, Series("", ends, (CHANCE, CHANCE), dashed=True))
    return (
        Plot(
            "quality-and-cost",
            "Quality and cost",
            "file to vector, ms",
            quality,
            tuple(series),
            x_log=True,
        ),
    )


def _line(rows: list[ModelRow]) -> Series:
    return Series("", _times_of(rows), _qualities(rows), kind="steps")


def _points(label: str, rows: list[ModelRow], *, labelled: bool) -> Series:
    ends = [one.interval for row in rows if (one := row.measure("roc_auc"))]
    known = len(ends) == len(rows) and all(ends)
    return Series(
        label,
        _times_of(rows),
        _qualities(rows),
        kind="points",
        low=tuple(one.low for one in ends if one) if known else None,
        high=tuple(one.high for one in ends if one) if known else None,
        labels=tuple(map(_short, rows)) if labelled else None,
    )


def _short(row: ModelRow) -> str:
    """The label without family, as short as a plot needs it."""
    return row.label.partition(":")[2] or row.label


def _times_of(rows: list[ModelRow]) -> tuple[float, ...]:
    return tuple(row.file_ms or 0.0 for row in rows)


def _qualities(rows: list[ModelRow]) -> tuple[float, ...]:
    return tuple(row.quality or 0.0 for row in rows)
