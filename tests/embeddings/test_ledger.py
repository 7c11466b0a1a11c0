import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.embeddings import Card, Ledger, Origin, Row, Store
from lookalike.embeddings.store import save_store
from lookalike.embeddings.table import ROW_COLUMNS, Heading, to_table
from lookalike.errors import StoreError
from lookalike.images import Preprocess, Reason
from lookalike.report import csv_text

CARD = Card("onnx", "sha256:00", "features", "none", Preprocess(), 3, "onnx:a.onnx")
HEADING = Heading({"vector": CARD}, Origin("torch"), 2, ("", "flip"))
ROWS = (
    Row("a.jpg", "a.jpg", width=4, height=3, digest="aa"),
    Row("b.jpg", "b.jpg", Reason.TRUNCATED, "it breaks off", digest="bb"),
    Row("c.jpg", "c.jpg", Reason.MISSING, "no such file"),
    Row("d\udce9.jpg", "d\udce9.jpg", Reason.TRUNCATED, "it breaks off"),
    Row("array[4]", width=8, height=8),
)


def table_of(*rows: Row) -> pa.Table:
    vectors = np.ones((sum(row.ok for row in rows), 3), np.float32)
    return to_table(HEADING, rows, {"vector": vectors})


def ledger(*rows: Row) -> Ledger:
    return Ledger(table_of(*rows))


FIVE = ledger(*ROWS)


def test_inputs_vectors_and_reasons_are_counted() -> None:
    assert len(FIVE) == FIVE.inputs == 5
    assert FIVE.embedded == 2
    assert FIVE.reasons == {"truncated": 2, "missing": 1}


def test_the_most_frequent_reason_stands_first() -> None:
    found = ledger(ROWS[2], ROWS[1], ROWS[3])
    assert list(found.reasons) == ["truncated", "missing"]


failed = st.builds(
    Row, st.text(max_size=3), st.none(), st.sampled_from(Reason), st.text(max_size=3)
)


@given(st.lists(failed | st.builds(Row, st.text(max_size=3)), max_size=8))
def test_every_row_is_embedded_or_has_a_reason(rows: list[Row]) -> None:
    found = ledger(*rows)
    assert found.inputs == len(rows) == found.embedded + sum(found.reasons.values())
    assert found.rows() == tuple(rows)
    assert found.failures() == tuple(row for row in rows if not row.ok)
    assert found.reasons == Counter(row.reason.value for row in rows if row.reason is not None)


def test_further_views_are_rows_and_no_inputs() -> None:
    flipped = Row("a.jpg", "a.jpg", width=4, height=3, view="flip")
    found = ledger(ROWS[0], flipped, ROWS[2])
    assert (len(found), found.inputs, found.embedded) == (3, 2, 2)


def test_an_input_without_a_vector_in_any_view_is_one_input_with_a_reason() -> None:
    whole = Row("a.jpg", None, Reason.NOT_FINITE, "NaN")
    found = ledger(whole, Row("a.jpg", None, Reason.NOT_FINITE, "NaN", view="flip"))
    assert found.inputs == 1
    assert found.reasons == {"not-finite": 1}


def test_a_ledger_of_nothing_counts_nothing() -> None:
    found = ledger()
    assert (len(found), found.inputs, found.embedded, found.reasons) == (0, 0, 0, {})
    assert found.rows() == found.failures() == ()
    assert found.view().title == "0 inputs"


def test_plain_values_have_a_result_for_every_row_and_survive_json() -> None:
    plain = FIVE.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert (plain["inputs"], plain["embedded"]) == (5, 2)
    assert plain["reasons"] == {"truncated": 2, "missing": 1}
    assert [one["id"] for one in plain["results"]] == [row.id for row in ROWS]
    assert plain["results"][0] == {
        "id": "a.jpg",
        "path": "a.jpg",
        "view": "",
        "outcome": "embedded",
        "reason": None,
        "detail": "",
        "width": 4,
        "height": 3,
        "digest": "aa",
    }
    second = plain["results"][1]
    assert [second[key] for key in ("outcome", "reason", "detail", "digest")] == [
        "failed",
        "truncated",
        "it breaks off",
        "bb",
    ]


# as people see it


def test_the_view_counts_outcomes_and_lists_what_has_no_vector() -> None:
    view = FIVE.view()
    assert view.title == "5 inputs"
    outcomes, failures = view.tables
    assert [(row["outcome"], row["rows"]) for row in outcomes.rows] == [
        ("embedded", 2),
        ("truncated", 2),
        ("missing", 1),
    ]
    assert [row["id"] for row in failures.rows] == ["b.jpg", "c.jpg", "d\udce9.jpg"]
    assert [row["reason"] for row in failures.rows] == ["truncated", "missing", "truncated"]


def test_every_column_of_the_view_has_a_cell_in_every_row() -> None:
    for table in FIVE.view().tables:
        for row in table.rows:
            assert {column.key for column in table.columns} <= set(row)


def test_digests_and_empty_views_are_for_programs_only() -> None:
    _, failures = FIVE.view().tables
    assert [column.key for column in failures.columns if column.aside] == ["view", "digest"]
    _, failures = ledger(replace(ROWS[1], view="flip")).view().tables
    assert [column.key for column in failures.columns if column.aside] == ["digest"]


def test_csv_has_a_line_for_every_row_without_a_vector() -> None:
    lines = csv_text(FIVE.view()).splitlines()
    assert lines[0] == "id,view,reason,detail,digest"
    assert lines[1] == "b.jpg,,truncated,it breaks off,bb"
    assert len(lines) == 4


def test_a_view_without_failures_shows_no_table_of_them_and_csv_keeps_its_columns() -> None:
    outcomes, failures = ledger(ROWS[0], ROWS[4]).view().tables
    assert failures.aside
    assert list(failures.rows) == []
    assert failures.columns == ledger(*ROWS).view().tables[-1].columns
    assert [dict(row) for row in outcomes.rows] == [{"outcome": "embedded", "rows": 2}]


def test_many_inputs_are_counted_with_separators() -> None:
    assert ledger(*[ROWS[0]] * 1234).view().title == "1,234 inputs"


# of a store


def test_a_stores_ledger_says_in_which_shard_each_row_lies(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(0, table_of(*ROWS[:2]))
    store.write(3, table_of(*ROWS[2:]))
    found = store.ledger()
    assert found.rows() == ROWS
    assert found.table["shard"].to_pylist() == [0, 0, 1, 1, 1]
    assert found.table.column_names == [*ROW_COLUMNS, "shard"]
    assert found.to_dict() == FIVE.to_dict()


def test_a_ledger_counts_the_rows_of_all_views(tmp_path: Path) -> None:
    flipped = Row("a.jpg", "a.jpg", width=4, height=3, view="flip")
    save_store(tmp_path, HEADING, table_of(ROWS[0], flipped, *ROWS[1:]))
    found = Store(tmp_path).ledger()
    assert (len(found), found.inputs, found.embedded) == (6, 5, 3)


def test_a_folder_without_a_store_has_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store in this folder"):
        Store(tmp_path).ledger()
