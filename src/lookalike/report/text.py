"""Views as CSV, results as JSON: the formats for programs."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

from lookalike.report.view import View, Viewable
from lookalike.version import __version__


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
