"""Rows held against their inputs: whatever happens to a list of rows, it is noticed."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lookalike.embeddings import Row
from lookalike.embeddings.row import require_rows
from lookalike.errors import LostRowsError
from lookalike.images import Reason

VIEWS = ("", "flip", "centre")
ids = st.lists(st.sampled_from("abcdefgh"), max_size=9)  # an id may be given several times


def rows_of(names: list[str], failed: set[int], views: tuple[str, ...]) -> list[Row]:
    """One per view; an input that failed has one alone."""
    found: list[Row] = []
    for n, name in enumerate(names):
        if n in failed:
            found.append(Row(name, reason=Reason.MISSING))
        else:
            found += [Row(name, view=view) for view in views]
    return found


failures = st.sets(st.integers(0, 8))
views = st.integers(1, 3).map(lambda many: VIEWS[:many])


@given(ids, failures, views)
def test_one_row_for_every_input_and_view_passes(
    names: list[str], failed: set[int], views: tuple[str, ...]
) -> None:
    require_rows(names, rows_of(names, failed, views), views=views)


@given(st.integers(0, 8), failures, views, st.data())
def test_any_other_list_of_rows_is_refused(
    inputs: int, failed: set[int], views: tuple[str, ...], data: st.DataObject
) -> None:
    names = list("abcdefgh"[:inputs])
    right = rows_of(names, failed, views)
    change = data.draw(st.sampled_from(["drop", "double", "strange", "move"]))
    place = data.draw(st.integers(0, max(0, len(right) - 1)))
    wrong = list(right)
    if change == "drop":
        del wrong[place : place + 1]
    elif change == "double":
        wrong[place:place] = right[place : place + 1]
    elif change == "strange":
        wrong.insert(place, Row("z", view=data.draw(st.sampled_from(VIEWS))))
    elif wrong:
        wrong.insert(data.draw(st.integers(0, len(right))), wrong.pop(place))
    assume(wrong != right)
    with pytest.raises(LostRowsError):
        require_rows(names, wrong, views=views)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ("", "9 of 9 inputs have no row: a, b, c, d, e and 4 more"),
        ("abcdefgh", "1 of 9 inputs has no row: i"),
        ("abcdefghij", "1 row is of none of them: j"),
        ("abcdefghii", "1 row is of none of them: i"),
        ("abcdefgjh", "1 of 9 inputs has no row: i; 1 row is of none of them: j"),
        ("abdcefghi", "the rows are not in the order of the inputs: d came where c should"),
    ],
)
def test_what_is_missing_is_named(found: str, told: str) -> None:
    with pytest.raises(LostRowsError) as error:
        require_rows("abcdefghi", [Row(id) for id in found])
    assert error.value.what == told
    assert "report it" in error.value.cure


def test_a_view_that_is_missing_is_named() -> None:
    rows = [Row("a"), Row("a", view="flip"), Row("b")]
    with pytest.raises(
        LostRowsError, match=r"b has not one row for each of its views, but b \[whole\]"
    ):
        require_rows(["a", "b"], rows, views=("", "flip"))
