"""Recommendations: the published figures under constraints, the order of choice, and empty sets."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.encoders.catalogue import published_row
from lookalike.errors import UsageError
from lookalike.tables.published import PublishedColumn, published_columns
from lookalike.tables.recommendation import Candidate, Constraints, Relaxation, recommend


def candidate(column: PublishedColumn) -> Candidate:
    figures, row = column.corrected, published_row("torchvision", column.model, column.weights)
    assert row is not None
    return Candidate(
        figures.label,
        figures.margin("n1"),
        ms=figures.pair("positive").embed_ms,
        dim=figures.dim,
        params=row.params,
        gflops=figures.gflops,
        acc1=figures.acc1,
        licence=row.licence,
    )


PUBLISHED = [candidate(one) for one in published_columns()]


# ------------------------------------------------------------------------------- published


@pytest.mark.parametrize(
    ("constraints", "name", "margin", "feasible"),
    [
        (Constraints(most_ms=60), "mobilenet_v3_small", 48.5799, 13),
        (Constraints(most_ms=60, least_acc1=80), "convnext_tiny", 45.1987, 1),
        (Constraints(most_ms=100, most_dim=1024), "swin_t", 72.5762, 14),
        (Constraints(most_ms=100, most_params=10_000_000), "efficientnet_b0", 58.0391, 20),
        (Constraints(), "efficientnet_b3", 83.4697, 49),
        (Constraints(licences=("bsd-3-clause",)), "efficientnet_b3", 83.4697, 49),
    ],
)
def test_the_published_columns_under_constraints(
    constraints: Constraints, name: str, margin: float, feasible: int
) -> None:
    # M38, M39
    found = recommend(PUBLISHED, constraints, quality_name="margin")
    assert (found.name, len(found.feasible)) == (name, feasible)
    assert found.alike == (name,)
    among = " of those that meet the constraints" if feasible < 49 else ""
    assert found.reason == f"{name} has the best margin{among}, {margin:.4f}."
    assert found.relaxation is None


def test_no_published_column_takes_20_ms_and_alexnet_is_nearest() -> None:
    # M38
    found = recommend(PUBLISHED, Constraints(most_ms=20), quality_name="margin")
    assert (found.name, found.feasible, found.alike) == (None, (), ())
    assert found.relaxation is not None
    assert found.relaxation.frees == "alexnet"
    assert found.relaxation.changes == (("most_ms", 22.9452),)
    assert found.reason == (
        "No row meets the constraints; a time of at most 22.9452 ms would let in alexnet."
    )
    assert [one.words for one in found.excluded] == ["A time of at most 20 ms excludes 49 of 49."]


def test_each_constraint_says_what_it_left_out() -> None:
    found = recommend(PUBLISHED, Constraints(most_ms=60, least_acc1=80.5), quality_name="margin")
    assert [(one.constraint, len(one.failing)) for one in found.excluded] == [
        ("most_ms", 36),
        ("least_acc1", sum((one.acc1 or 0) < 80.5 for one in PUBLISHED)),
    ]
    assert found.excluded[1].words.startswith("An accuracy of at least 80.5 % excludes ")
    left_out = {name for one in found.excluded for name in one.failing}
    assert left_out | set(found.feasible) == {one.name for one in PUBLISHED}
    assert not left_out & set(found.feasible)


# ---------------------------------------------------------------------------- order of choice


BEST = Candidate("best", 0.99, ms=50, memory_mib=50, dim=50)


@pytest.mark.parametrize(
    ("other", "chosen", "criteria"),
    [
        (Candidate("z", 0.9, ms=40, memory_mib=99, dim=99), "z", "time"),
        (Candidate("z", 0.9, ms=50, memory_mib=40, dim=99), "z", "time, then memory"),
        (
            Candidate("z", 0.9, ms=50, memory_mib=50, dim=40),
            "z",
            "time, then memory, then length of the vector",
        ),
        (
            Candidate("a", 0.9, ms=50, memory_mib=50, dim=50),
            "a",
            "time, then memory, then length of the vector, then name",
        ),
        (Candidate("a", 0.9, ms=60, memory_mib=1, dim=1), "best", "time"),
        (Candidate("a", 0.9, memory_mib=1, dim=1), "best", "time"),
        (Candidate("a", 0.9, ms=50, dim=1), "best", "time, then memory"),
    ],
)
def test_among_those_alike_the_cheapest_is_taken(
    other: Candidate, chosen: str, criteria: str
) -> None:
    for rows in ([BEST, other], [other, BEST]):
        found = recommend(rows, alike=lambda best, name: (best, name) == ("best", other.name))
        assert found.name == chosen
        assert set(found.alike) == {"best", other.name}
        assert found.reason == (
            "best has the best ROC AUC, 0.9900; 1 more is not distinguishable from it; "
            f"{chosen} is chosen by {criteria}."
        )


def test_a_worse_row_that_is_told_from_the_best_is_never_taken() -> None:
    found = recommend([BEST, Candidate("quick", 0.98, ms=1)], alike=lambda best, other: False)
    assert (found.name, found.alike) == ("best", ("best",))


def test_rows_of_equal_quality_are_alike_without_asking() -> None:
    quick = replace(BEST, name="quick", ms=1)
    assert recommend([BEST, quick]).alike == ("quick", "best")


def test_the_best_is_the_best_of_the_feasible_rows() -> None:
    rows = [Candidate("slow", 0.99, ms=200), Candidate("a", 0.8, ms=50), Candidate("b", 0.7, ms=1)]
    asked = []

    def alike(best: str, other: str) -> bool:
        asked.append((best, other))
        return True

    found = recommend(rows, Constraints(most_ms=100), alike=alike)
    assert (found.name, found.alike) == ("b", ("b", "a"))
    assert asked == [("a", "b")]


# ------------------------------------------------------------------------------ unknown figures


def test_a_row_with_an_unknown_figure_is_left_out_and_that_is_said() -> None:
    rows = [Candidate("a", 0.9), Candidate("b", 0.8, ms=5), Candidate("c", 0.7, ms=50)]
    found = recommend(rows, Constraints(most_ms=10))
    assert found.feasible == ("b",)
    [one] = found.excluded
    assert (one.failing, one.unknown) == (("c",), ("a",))
    assert one.words == (
        "A time of at most 10 ms excludes 2 of 3, 1 of them because it is not known."
    )
    # without the constraint nobody asks
    assert recommend(rows).name == "a"


def test_a_row_without_quality_is_left_out_and_that_is_said() -> None:
    found = recommend([Candidate("a", None), Candidate("b", -0.5)], quality_name="margin")
    assert found.name == "b"
    [one] = found.excluded
    assert (one.constraint, one.unknown) == ("quality", ("a",))
    assert one.words == "A known margin excludes 1 of 2."


def test_licences_are_compared_without_capitals_and_unknown_ones_are_left_out() -> None:
    rows = [
        Candidate("free", 0.8, licence="MIT"),
        Candidate("bound", 0.9, licence="CC-BY-NC-4.0"),
        Candidate("silent", 0.95),
    ]
    found = recommend(rows, Constraints(licences=("mit", "Apache-2.0")))
    assert found.feasible == ("free",)
    [one] = found.excluded
    assert (one.failing, one.unknown) == (("bound",), ("silent",))
    assert one.words == (
        "A licence out of mit, Apache-2.0 excludes 2 of 3, 1 of them because it is not known."
    )


# ----------------------------------------------------------------------------------- empty sets


def relaxation(rows: list[Candidate], constraints: Constraints) -> Relaxation | None:
    found = recommend(rows, constraints)
    assert found.name is None
    return found.relaxation


def test_a_row_that_fails_one_constraint_is_freed_before_one_that_fails_two() -> None:
    rows = [Candidate("far", 0.9, ms=30, dim=10), Candidate("near", 0.9, ms=11, dim=11)]
    found = relaxation(rows, Constraints(most_ms=10, most_dim=10))
    assert found == Relaxation("far", (("most_ms", 30),), "a time of at most 30 ms")


def test_excess_is_a_share_of_the_bound() -> None:
    rows = [Candidate("a", 0.9, ms=12, acc1=90), Candidate("b", 0.9, ms=9, acc1=71)]
    found = relaxation(rows, Constraints(most_ms=10, least_acc1=80))
    # 2 of 10 against 9 of 80
    assert found == Relaxation("b", (("least_acc1", 71),), "an accuracy of at least 71 %")


def test_where_every_row_fails_several_all_its_changes_are_named() -> None:
    rows = [Candidate("a", 0.9, ms=11, dim=30), Candidate("b", 0.9, ms=15, dim=16)]
    found = recommend(rows, Constraints(most_ms=10, most_dim=10))
    assert found.relaxation is not None
    assert found.relaxation.frees == "b"
    assert found.relaxation.changes == (("most_ms", 15), ("most_dim", 16))
    assert found.reason == (
        "No row meets the constraints; a time of at most 15 ms and a vector of at most 16 numbers "
        "together would let in b."
    )


def test_a_licence_is_relaxed_only_where_no_number_frees_a_row() -> None:
    bound = Candidate("bound", 0.9, ms=1, licence="CC-BY-NC-4.0")
    slow = Candidate("slow", 0.9, ms=1000, licence="MIT")
    constraints = Constraints(most_ms=10, licences=("MIT",))
    found = relaxation([bound, slow], constraints)
    assert found is not None
    assert found.frees == "slow"
    found = relaxation([bound], constraints)
    assert found == Relaxation("bound", (("licences", "CC-BY-NC-4.0"),), "the licence CC-BY-NC-4.0")


def test_no_relaxation_frees_a_row_whose_figure_is_not_known() -> None:
    found = recommend([Candidate("a", 0.9), Candidate("b", None, ms=1)], Constraints(most_ms=10))
    assert (found.name, found.relaxation) == (None, None)
    assert "lacks a figure" in found.reason
    assert recommend([]).reason == "There is no row."


def test_a_bound_of_zero_can_be_relaxed() -> None:
    found = relaxation(
        [Candidate("b", 0.9, ms=2), Candidate("a", 0.9, ms=1)], Constraints(most_ms=0)
    )
    assert found == Relaxation("a", (("most_ms", 1),), "a time of at most 1 ms")


@pytest.mark.parametrize(
    ("row", "constraints", "words"),
    [
        (Candidate("a", 1, ms=22.94520001), Constraints(most_ms=1), "at most 22.9453 ms"),
        (Candidate("a", 1, acc1=79.99999999), Constraints(least_acc1=80), "at least 79.9999 %"),
        (Candidate("a", 1, params=12345678), Constraints(most_params=1), "at most 12345678 par"),
        (Candidate("a", 1, ms=4000000.0), Constraints(most_ms=1), "at most 4000000 ms"),
    ],
)
def test_a_relaxed_bound_in_words_still_lets_the_row_in(
    row: Candidate, constraints: Constraints, words: str
) -> None:
    assert words in recommend([row], constraints).reason


NUMBER = st.none() | st.integers(0, 5)
ROWS = st.lists(
    st.builds(
        Candidate, name=st.text(max_size=2), quality=NUMBER, ms=NUMBER, memory_mib=NUMBER,
        dim=NUMBER, params=NUMBER, gflops=NUMBER, acc1=NUMBER,
        licence=st.sampled_from(["", "MIT", "other"]),
    ),
    max_size=6, unique_by=lambda one: one.name,
)  # fmt: skip
CONSTRAINTS = st.builds(
    Constraints, most_ms=NUMBER, most_memory_mib=NUMBER, most_dim=NUMBER, most_params=NUMBER,
    most_gflops=NUMBER, least_acc1=NUMBER, licences=st.sampled_from([(), ("mit",)]),
)  # fmt: skip


def meets(row: Candidate, constraints: Constraints) -> bool:
    """The definition, written out."""
    for bound, value in (
        (constraints.most_ms, row.ms),
        (constraints.most_memory_mib, row.memory_mib),
        (constraints.most_dim, row.dim),
        (constraints.most_params, row.params),
        (constraints.most_gflops, row.gflops),
    ):
        if bound is not None and (value is None or value > bound):
            return False
    if constraints.least_acc1 is not None and (
        row.acc1 is None or row.acc1 < constraints.least_acc1
    ):
        return False
    permitted = not constraints.licences or row.licence.lower() in constraints.licences
    return permitted and row.quality is not None


@given(ROWS, CONSTRAINTS, st.integers(0, 5))
def test_what_is_recommended_meets_the_constraints_and_no_row_is_lost(
    rows: list[Candidate], constraints: Constraints, near: int
) -> None:
    quality = {one.name: one.quality or 0 for one in rows}
    found = recommend(
        rows, constraints, alike=lambda best, other: quality[best] - quality[other] <= near
    )
    feasible = [one for one in rows if meets(one, constraints)]
    assert found.feasible == tuple(one.name for one in feasible)
    out = {name for one in found.excluded for name in (*one.failing, *one.unknown)}
    assert out == {one.name for one in rows} - set(found.feasible)
    assert (found.name is None) == (not feasible)
    if feasible:
        most = max(one.quality or 0 for one in feasible)
        kept = [one for one in feasible if most - (one.quality or 0) <= near]
        assert set(found.alike) == {one.name for one in kept}
        known = [one.ms for one in kept if one.ms is not None]
        chosen = next(one for one in kept if one.name == found.name)
        assert chosen.ms == (min(known) if known else None)


def relaxed(constraints: Constraints, name: str, value: float | str) -> Constraints:
    if name == "licences":
        return replace(constraints, licences=(*constraints.licences, str(value).lower()))
    changes: dict[str, Any] = {name: value}
    return replace(constraints, **changes)


def share(constraints: Constraints, name: str, value: float | str) -> float:
    bound = None if isinstance(value, str) else getattr(constraints, name)
    return abs(float(value) - bound) / bound if bound else math.inf


def single_steps(rows: list[Candidate], constraints: Constraints) -> list[float]:
    """The share of each change of one constraint, to a row's own figure, that lets a row in."""
    figures = [
        ("most_ms", "ms"), ("most_memory_mib", "memory_mib"), ("most_dim", "dim"),
        ("most_params", "params"), ("most_gflops", "gflops"), ("least_acc1", "acc1"),
    ]  # fmt: skip
    if constraints.licences:
        figures.append(("licences", "licence"))
    return [
        share(constraints, name, value)
        for name, figure in figures
        if getattr(constraints, name) is not None
        for value in {getattr(row, figure) for row in rows} - {None, ""}
        if any(meets(row, relaxed(constraints, name, value)) for row in rows)
    ]


@given(ROWS, CONSTRAINTS)
def test_a_relaxation_lets_its_row_in_and_no_smaller_one_does(
    rows: list[Candidate], constraints: Constraints
) -> None:
    found = recommend(rows, constraints)
    if found.feasible:
        assert found.relaxation is None
        return
    steps = single_steps(rows, constraints)
    if found.relaxation is None:
        assert not steps
        return
    changes = found.relaxation.changes
    [row] = [one for one in rows if one.name == found.relaxation.frees]
    for left_out in (None, *changes):
        partly = constraints
        for change in changes:
            partly = partly if change == left_out else relaxed(partly, *change)
        assert meets(row, partly) == (left_out is None)
    assert (len(changes) == 1) == bool(steps)
    if steps:
        assert share(constraints, *changes[0]) == pytest.approx(min(steps))


# --------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("bound", [-1, math.nan, math.inf])
def test_a_bound_that_is_none_is_refused(bound: float) -> None:
    with pytest.raises(UsageError, match="most_ms"):
        Constraints(most_ms=bound)
    with pytest.raises(UsageError, match="least_acc1"):
        Constraints(least_acc1=bound)


def test_rows_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(UsageError, match="one name"):
        recommend([BEST, BEST])
    with pytest.raises(UsageError, match="not a number"):
        recommend([Candidate("a", math.nan)])
