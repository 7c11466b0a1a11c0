"""Views as CSV and Markdown, results as JSON: the formats that are plain text."""

from __future__ import annotations

import csv
import html
import io
import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from lookalike.report.view import Table, View, Viewable, cell_text, shown, text_columns
from lookalike.version import __version__

MARKS = re.compile(r"[\\`*_~\[\]|$#]")
"""What Markdown reads as its own, wherever it stands."""

LINE_MARKS = re.compile(r"^(\d+(?=[.)](?: |$))|(?=[-+=%:]))")
"""What Markdown reads as its own where a paragraph begins: lists, rules, headings, definitions."""


def csv_text(view: View) -> str:
    """The view's last table as CSV with a header; numbers unrounded, nothing as an empty cell.

    Names with non-UTF-8 bytes keep Python's surrogates; write with ``errors="surrogateescape"``
    and the file holds the original bytes.
    """
    table = view.tables[-1]
    columns = [column for column in table.columns if column.kind != "picture"]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([column.key for column in columns])
    for row in table.rows:
        cells = [row.get(column.key) for column in columns]
        writer.writerow(["" if cell is None else cell for cell in cells])
    return stream.getvalue()


def json_text(command: str, result: Viewable) -> str:
    """One JSON object with ``command``, ``version`` and what the result holds.

    Pure ASCII; infinite numbers and NaN become null, which JSON lacks otherwise.
    """
    plain = {"command": command, "version": __version__, **result.to_dict()}
    return json.dumps(_finite(plain), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return value


def markdown_text(view: View) -> str:
    r"""The whole view as Markdown, with tables as GitHub and most others read them.

    Numbers are rounded; pictures, plots and columns set aside are left out. Whatever came from
    outside stays text: it can't end a cell, become HTML, or style what it says. Equal views give
    equal text, which ends with one newline.

    Example:
        >>> from lookalike.report import Column, Table
        >>> columns = (Column("name", "name"), Column("value", "value", "number", digits=2))
        >>> table = Table(columns, [{"name": "a|<b>", "value": 0.5}])
        >>> print(markdown_text(View("Values", (table,), notes=("higher is closer",))), end="")
        # Values
        <BLANKLINE>
        | name | value |
        | --- | --: |
        | a\|&lt;b&gt; | 0.50 |
        <BLANKLINE>
        higher is closer
    """
    return "\n\n".join(_blocks(view)) + "\n"


def _blocks(view: View) -> Iterator[str]:
    """The parts of a page, which an empty line keeps apart."""
    if view.title:
        yield f"# {_escaped(view.title)}"
    if view.warnings:
        yield "\n".join(f"- **{_escaped(warning)}**" for warning in view.warnings)
    for sentence in view.answer:
        yield LINE_MARKS.sub(r"\1\\", _escaped(sentence))
    for table in (*view.tables, *view.after):
        if table.title:
            yield f"## {_escaped(table.title)}"
        if text_columns(table):
            yield _pipe_table(table)
    for note in view.notes:
        yield LINE_MARKS.sub(r"\1\\", _escaped(note))


def _pipe_table(table: Table) -> str:
    columns = text_columns(table)
    lines = [
        _pipe_row(_escaped(column.title) for column in columns),
        _pipe_row("--:" if column.is_numeric else "---" for column in columns),
    ]
    for row in table.rows:
        cells = (cell_text(row.get(column.key), column) for column in columns)
        lines.append(_pipe_row(_escaped(cell) for cell in cells))
    return "\n".join(lines)


def _pipe_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    safe = html.escape(shown(text).strip(), quote=False)
    return MARKS.sub(lambda mark: f"\\{mark[0]}", safe)
