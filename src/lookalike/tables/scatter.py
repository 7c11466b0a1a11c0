"""Quality over cost as a plot, with the line of the models that no other one beats."""

from __future__ import annotations

from lookalike.report import Plot, Series
from lookalike.tables.model_row import CHANCE, ModelRow
from lookalike.tables.model_table import ModelTable

PARETO = "Pareto set: none is both quicker and better"

MOST_LABELLED = 12
"""Models up to which a plot has all names; of more, those of the Pareto set."""


def scatter(result: ModelTable) -> tuple[Plot, ...]:
    """The plot; none where no model has both figures."""
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
    ends = [one.interval for row in rows if (one := row.roc_auc)]
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
