"""A table of models as people see it: the answer, the models, their pictures, what stands out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from lookalike.images import PRESETS
from lookalike.measuring.subject import DIFFERENT, SAME
from lookalike.report import Column, Table, View
from lookalike.tables.cells import (
    ASIDE,
    COST,
    IDENTITY,
    KNOWN,
    LAST,
    NUMBER,
    WHOLE,
    cells_of,
    quality_columns,
)
from lookalike.tables.model_row import ModelRow
from lookalike.tables.model_table import CLASSIFIERS, REID, ModelTable
from lookalike.tables.published import DEVICE, TITLE
from lookalike.tables.reid_published import COLUMNS, PUBLISHED_PREPROCESS, reid_rows
from lookalike.tables.scatter import scatter

GFLOPS = "GFLOPs are multiply-accumulates for one picture."
TIMES = (
    "file ms: from file to vector, one picture at a time, files in the system's cache; model ms: "
    "from the prepared picture to the vector in host memory; medians. ±: the distance of the "
    "quartiles, or the difference of rounds if that is more. Memory: the most that loading "
    "and embedding single pictures took."
)
ACCURACY = "acc@1 and acc@5 are those published for ImageNet."


def table_view(result: ModelTable) -> View:
    """The answer, the scatter, the models; then what they were tried on and what was published."""
    after = [_failures(result)] if result.failed else []
    if result.beside == CLASSIFIERS:
        after.append(_beside_published(result))
    if result.beside == REID:
        after += [_beside_reid(result), _published_reid()]
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
        plots=scatter(result),
    )


def _answer(result: ModelTable) -> tuple[str, ...]:
    """Which model to take, why, and what the constraints left out; or which weights these are."""
    if result.beside == REID:
        return tuple(
            f"{row.label}: {one.verdict}, nearest to row {one.row.number}, {one.row.stem} "
            f"(largest deviation {one.deviation:.4f})." + _otherwise_prepared(row)
            for row in result.measured
            for one in row.resembles[:1]
        )
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
    quality, more = quality_columns(result)
    cells = {row.label: cells_of(row, result) for row in result.rows}
    rows = [cells[row.label] for row in sorted(result.rows, key=_by_quality)]
    quickest = [cells[row.label] for row in sorted(result.measured, key=_by_time)]

    def told(columns: Iterable[Column]) -> tuple[Column, ...]:
        """Without columns that are empty in every row."""
        filled = {key for row in rows for key, cell in row.items() if cell not in (None, "")}
        return tuple(one for one in columns if one.key in filled)

    cost, known = told(COST), told(KNOWN)
    narrow = [Table((*IDENTITY, *quality, *more, *known[:1]), rows, "Quality", by_weight=True)]
    if quickest:
        narrow.append(Table((*IDENTITY, *cost), quickest, "Cost", by_weight=True))
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


def _otherwise_prepared(row: ModelRow) -> str:
    """A hint for a model that was not run as the published ones were."""
    card = row.measurement.card
    alike = card is None or card.preprocess == PRESETS[PUBLISHED_PREPROCESS]
    return "" if alike else f" It was not run with preprocess={PUBLISHED_PREPROCESS}."


def _beside_reid(result: ModelTable) -> Table:
    """The cosines of each model above those of the published row that they are nearest to."""
    rows: list[dict[str, Any]] = []
    for row in result.measured:
        if not row.resembles:
            continue  # no cosines
        values = dict(zip(COLUMNS, row.measurement.values, strict=False))
        rows.append({"label": row.label, "of": "this run", **values})
        for one in row.resembles[:1]:
            told = {"deviation": one.deviation, "verdict": one.verdict, "note": one.row.note}
            rows.append({"label": one.row.stem, "of": "published", **one.row.values, **told})
    columns = (
        Column("of", ""),
        *(Column(name, name, NUMBER, digits=3) for name in COLUMNS),
        Column("deviation", "largest deviation", NUMBER),
        Column("verdict", "verdict"),
        Column("label", "weights"),
        Column("note", "note"),
    )
    return Table(columns, rows, "Beside the published re-identification table, nearest rows")


def _published_reid() -> Table:
    """The whole published table, for those who look at a page."""
    rows = [
        {"row": one.number, "label": one.stem, "network": one.network, "margin": one.margin}
        | {"note": one.note, **one.values}
        for one in reid_rows()
    ]
    columns = (
        Column("row", "row", WHOLE),
        Column("label", "weights"),
        Column("network", "network"),
        *(Column(name, name, NUMBER, digits=3) for name in COLUMNS),
        Column("margin", "margin", NUMBER, digits=3),
        Column("note", "note"),
    )
    return Table(columns, rows, "The published re-identification table", aside=True)
