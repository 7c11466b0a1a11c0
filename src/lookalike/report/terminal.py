"""Views on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from lookalike.report.view import Column, Table, View, cell_text, shown, text_columns

NAMES, FOLDED = 30, 16
"""Letters of the first column, which names the rows, and of other text; shorter would be
unreadable."""

BORDER = 3
"""What a column takes beside its text: a line and two blanks."""

MOST_ROWS = 200
"""Rows shown of a table on a terminal; files and pipes get all."""


def print_view(view: View, console: Console, *, most_rows: int = MOST_ROWS) -> None:
    """Print a view: warnings, tables, notes. Pictures and plots are left to the HTML page.

    Letters that the console's encoding lacks are written as escapes.
    """
    write = _Writer(console.encoding)
    for warning in view.warnings:
        console.print(write(f"! {warning}", style="bold red"))
    for table in _told((*view.tables, *view.after)):
        most = most_rows if console.is_terminal else len(table.rows)
        _print_table(table, console, most, write)
    for sentence in view.answer:
        console.print(write(sentence, style="bold"), soft_wrap=not console.is_terminal)
    for note in view.notes:
        style = "dim" if console.is_terminal else ""
        console.print(write(note, style=style), soft_wrap=not console.is_terminal)


class _Writer:
    """Turns text from outside into text that a console can show, and its markup can't read."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding

    def __call__(self, text: str, *, style: str = "") -> Text:
        safe = shown(text).encode(self._encoding, "backslashreplace")
        return Text(safe.decode(self._encoding), style=style)


def _told(tables: Sequence[Table]) -> Iterator[Table]:
    """Tables without those set aside, wide ones as the narrow ones in their place."""
    for table in tables:
        if table.aside:
            continue
        if table.narrow:
            yield from _told(table.narrow)
        else:
            yield table


def _print_table(table: Table, console: Console, most_rows: int, write: _Writer) -> None:
    columns, left_out = _fitting(table, console.width, most_rows)
    title = write(table.title) if table.title else None
    grid = RichTable(title=title, title_justify="left", title_style="bold")
    for column in columns:
        grid.add_column(
            write(column.title),
            justify="right" if column.is_numeric else "left",
            overflow="fold",
            no_wrap=column.is_numeric,
            min_width=_least_width(table, column, most_rows, console.width)
            if table.by_weight
            else None,
        )
    for row in table.rows[:most_rows]:
        grid.add_row(*(write(cell_text(row.get(column.key), column)) for column in columns))
    console.print(grid)
    if len(table.rows) > most_rows:
        console.print(
            Text(f"and {len(table.rows) - most_rows:,} rows more (--csv, --json, --markdown: all)")
        )
    if left_out:
        names = ", ".join(column.title for column in left_out)
        console.print(write(f"no room for: {names} (a wider terminal, --csv, --html: all)"))


def _fitting(
    table: Table, width: int, most_rows: int
) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """The first columns, as far as there is room for them, and those that there is none for."""
    columns = text_columns(table)
    if not table.by_weight:
        return columns, ()
    used, count = 1, 0
    for column in columns:
        used += _least_width(table, column, most_rows, width) + BORDER
        if used > width and count > 1:
            break
        count += 1
    return columns[:count], columns[count:]


def _least_width(table: Table, column: Column, most_rows: int, width: int) -> int:
    """What a column needs: numbers are never cut, text is folded no narrower than can be read."""
    cells = [cell_text(row.get(column.key), column) for row in table.rows[:most_rows]]
    longest = max(map(cell_len, cells), default=0)
    if column.is_numeric:
        return max(longest, max(map(cell_len, shown(column.title).split()), default=0))
    names = max(FOLDED, min(NAMES, width // 3))
    least = names if column is table.columns[0] else FOLDED
    return min(max(longest, cell_len(shown(column.title))), least)
