"""The Pareto set against its definition, and on the published columns."""

import math
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import UsageError
from lookalike.tables.pareto import Objective, pareto
from lookalike.tables.published import published_columns

COLUMNS = published_columns()
TIMES = [one.figures.pair("positive").embed_ms for one in COLUMNS]


def named(kept: tuple[bool | None, ...]) -> set[str]:
    return {one.label for one, keep in zip(COLUMNS, kept, strict=True) if keep}


@st.composite
def tables(draw: st.DrawFn) -> list[Objective]:
    rows = draw(st.integers(0, 8))
    column = st.lists(st.none() | st.integers(-2, 2), min_size=rows, max_size=rows)
    directions: st.SearchStrategy[Literal["less", "more"]] = st.sampled_from(["less", "more"])
    return draw(st.lists(st.tuples(column, directions), min_size=1, max_size=4))


def by_definition(objectives: list[Objective]) -> list[bool | None]:
    """Every row against every other, objective by objective."""
    rows = list(range(len(objectives[0][0])))

    def lacks(row: int) -> bool:
        return any(values[row] is None for values, _ in objectives)

    def gain(one: int, other: int, objective: Objective) -> float:
        values, better = objective
        a, b = values[one], values[other]
        assert a is not None
        assert b is not None
        return b - a if better == "less" else a - b

    def dominates(one: int, other: int) -> bool:
        gains = [gain(one, other, objective) for objective in objectives]
        return min(gains) >= 0 and max(gains) > 0

    whole = [row for row in rows if not lacks(row)]
    return [
        None if lacks(row) else not any(dominates(other, row) for other in whole) for row in rows
    ]


@given(tables())
def test_a_row_is_in_the_set_if_no_row_dominates_it(objectives: list[Objective]) -> None:
    assert list(pareto(objectives)) == by_definition(objectives)


def test_the_published_columns_have_this_set_in_time_and_margin() -> None:
    # M36
    margins = [one.figures.margin("n1") for one in COLUMNS]
    assert named(pareto([(TIMES, "less"), (margins, "more")])) == {
        "alexnet", "resnet34", "convnext_tiny", "mobilenet_v3_small", "efficientnet_b0", "swin_t",
        "efficientnet_b3",
    }  # fmt: skip


def test_the_published_columns_have_this_set_in_time_and_accuracy() -> None:
    # M37
    accuracies = [one.figures.acc1 for one in COLUMNS]
    assert named(pareto([(TIMES, "less"), (accuracies, "more")])) == {
        "alexnet", "vgg11_bn", "vgg16 (v1)", "resnet34", "convnext_tiny", "convnext_small",
        "efficientnet_v2_s",
    }  # fmt: skip


def test_equal_rows_stay_together_and_go_together() -> None:
    assert pareto([([1, 1, 2, 2], "less"), ([5, 5, 5, 5], "more")]) == (True, True, False, False)


def test_a_row_without_a_figure_is_left_out_and_beats_nothing() -> None:
    kept = pareto([([1, 2, None], "less"), ([None, 1, 9], "more")])
    assert kept == (None, True, None)


def test_one_objective_keeps_the_best() -> None:
    assert pareto([([3.0, 1.0, math.inf, 1.0], "less")]) == (False, True, False, True)
    assert pareto([([], "less")]) == ()


def test_objectives_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError, match="no objective"):
        pareto([])
    with pytest.raises(UsageError, match="2, 1"):
        pareto([([1, 2], "less"), ([1], "more")])
    with pytest.raises(UsageError, match="row 1"):
        pareto([([1, math.nan], "less")])
    with pytest.raises(UsageError, match="'fewer'"):
        pareto([([1], "fewer")])  # type: ignore[list-item]
