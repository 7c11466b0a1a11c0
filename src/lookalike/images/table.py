"""Reading a CSV table of paths, with errors that name the table and its columns."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from lookalike.errors import UsageError

SAME = {
    "1": True,
    "true": True,
    "yes": True,
    "same": True,
    "0": False,
    "false": False,
    "no": False,
    "different": False,
}


def same_or_different(path: str, number: int, text: str | None) -> bool | None:
    """What a cell says about two pictures; None if it is empty.

    Raises:
        UsageError: Neither yes nor no; names the table and the row.

    Example:
        >>> same_or_different("pairs.csv", 2, "Different")
        False
    """
    word = (text or "").strip().lower()
    if word and word not in SAME:
        raise UsageError(
            f"same={text!r} is neither yes nor no", where=f"{path}, row {number}", cure="use 1 or 0"
        )
    return SAME.get(word)


def table_rows(path: str, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file with a header, each with its line's number (the header is 1).

    UTF-8, with or without a byte-order mark; other bytes survive in Python's surrogate form.
    Missing cells are empty.

    Raises:
        UsageError: The file can't be read, or lacks a needed column; lists those it has.
    """
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            reader = csv.DictReader(stream, restval="")
            columns = reader.fieldnames or ()
            for column in needed:
                if column not in columns:
                    raise UsageError(
                        f"the table has no column {column!r}",
                        where=path,
                        cure="its first line has to name its columns, with commas between; "
                        f"it names {', '.join(columns) or 'none'}",
                    )
            for row in reader:
                yield reader.line_num, row
    except (OSError, csv.Error) as error:
        raise UsageError(f"the table can't be read: {error}", where=path) from error
