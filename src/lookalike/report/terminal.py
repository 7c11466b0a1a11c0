"""Views on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from lookalike.report.view import Table, View, cell_text, shown, text_columns

MOST_ROWS = 200
"""Rows shown of a table on a terminal; files and pipes get all."""


def print_view(view: View, console: Console, *, most_rows: int = MOST_ROWS) -> None:
    """Print a view: warnings, tables, notes. Pictures and plots are left to the HTML page."""
    for warning in view.warnings:
        console.print(Text(f"! {shown(warning)}", style="bold red"))
    for table in _told((*view.tables, *view.after)):
        _print_table(table, console, most_rows if console.is_terminal else len(table.rows))
    for sentence in view.answer:
        console.print(Text(shown(sentence), style="bold"), soft_wrap=not console.is_terminal)
    for note in view.notes:
        style = "dim" if console.is_terminal else ""
        console.print(Text(shown(note), style=style), soft_wrap=not console.is_terminal)


def _told(tables: Sequence[Table]) -> Iterator[Table]:
    """Tables without those set aside, wide ones as the narrow ones in their place."""
    for table in tables:
        if table.aside:
            continue
        if table.narrow:
            yield from _told(table.narrow)
        else:
            yield table


def _print_table(table: Table, console: Console, most_rows: int) -> None:
    columns = text_columns(table)
    grid = RichTable(title=table.title or None, title_justify="left", title_style="bold")
    for column in columns:
        grid.add_column(
            Text(column.title),
            justify="right" if column.is_numeric else "left",
            overflow="fold",
            no_wrap=column.is_numeric,
        )
    for row in table.rows[:most_rows]:
        grid.add_row(*(Text(cell_text(row.get(column.key), column)) for column in columns))
    console.print(grid)
    if len(table.rows) > most_rows:
        console.print(
            Text(f"and {len(table.rows) - most_rows:,} rows more (--csv, --json, --markdown: all)")
        )
