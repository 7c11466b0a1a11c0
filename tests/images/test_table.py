from pathlib import Path

import pytest

from lookalike.errors import UsageError
from lookalike.images.table import table_rows


def written(folder: Path, text: str) -> str:
    (folder / "t.csv").write_text(text, encoding="utf-8")
    return str(folder / "t.csv")


def test_rows_come_with_the_line_they_stand_on(tmp_path: Path) -> None:
    rows = list(table_rows(written(tmp_path, "a,b\n1,2\n\n3,4\n"), ("a",)))
    assert rows == [(2, {"a": "1", "b": "2"}), (4, {"a": "3", "b": "4"})]


def test_missing_cells_are_empty(tmp_path: Path) -> None:
    ((_, row),) = table_rows(written(tmp_path, "a,b\n1\n"), ("a", "b"))
    assert row == {"a": "1", "b": ""}


def test_a_column_that_is_needed_and_missing_is_named_with_those_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no column 'c'.*a, b"):
        list(table_rows(written(tmp_path, "a,b\n1,2\n"), ("a", "c")))
