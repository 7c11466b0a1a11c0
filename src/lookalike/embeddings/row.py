"""What became of one input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from lookalike.errors import LostRowsError
from lookalike.images import Reason

NAMED = 5
"""Inputs that an error names; of the others it tells how many there are."""


@dataclass(frozen=True)
class Row:
    """What became of one input, or of one view of it.

    Attributes:
        id: The input's id.
        path: Its file; None for pictures from memory.
        reason: None if it has a vector, else why not.
        detail: A sentence about the failure; with a vector what has to be said about the picture,
            such as that a RAW file's preview was read, and empty for most.
        width: Width in pixels, upright; 0 if unknown.
        height: Height in pixels, upright; 0 if unknown.
        view: Which view of the picture, such as ``flip``; empty for the whole picture. Rows of
            one picture share its id and stand together, the whole picture first.
        digest: SHA-256 of the encoded bytes, in hexadecimal; empty if none could be read.
        file_bytes: Size of the file; None where there is none.
        file_mtime_ns: When the file was last written, in nanoseconds since 1970; None likewise.
    """

    id: str
    path: str | None = None
    reason: Reason | None = None
    detail: str = ""
    width: int = 0
    height: int = 0
    view: str = ""
    digest: str = ""
    file_bytes: int | None = None
    file_mtime_ns: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the input has a vector."""
        return self.reason is None


def require_rows(
    ids: Sequence[str],
    rows: Sequence[Row],
    *,
    views: Sequence[str] = ("",),
    where: str = "",
    cure: str = "please report it, with the encoder's name and how it was run",
) -> None:
    """Hold rows against the inputs that they are of; whoever turns inputs into rows calls it.

    Args:
        ids: Of the inputs, in order.
        rows: In the order of the inputs: for each one row per view, or one alone that failed.
        views: Names of the views, the whole picture (an empty name) first.
        where: What the error says it is about.
        cure: What the error says is to be done.

    Raises:
        LostRowsError: An input has no row, a row has no input, the order is another one, or views
            are missing; names the first few of them and how many there are.

    Example:
        >>> require_rows(["a.png", "b.png"], [Row("a.png"), Row("b.png")])
        >>> require_rows(["a.png", "b.png"], [Row("a.png")], cure="")
        Traceback (most recent call last):
        lookalike.errors.LostRowsError: 1 of 2 inputs has no row: b.png
    """
    whole = [row.id for row in rows if row.view == ""]
    wrong = difference(ids, whole) if whole != list(ids) else _wrong_views(rows, tuple(views))
    if wrong:
        raise LostRowsError(wrong, where=where, cure=cure)


def difference(ids: Sequence[str], found: Sequence[str]) -> str:
    """What is wrong with the inputs that have a row, as a sentence; empty if nothing is.

    Example:
        >>> difference(["a", "b", "c"], ["c", "d"])
        '2 of 3 inputs have no row: a, b; 1 row is of none of them: d'
        >>> difference(["a", "b"], ["b", "a"])
        'the rows are not in the order of the inputs: b came where a should'
    """
    lacking, strange = Counter(ids) - Counter(found), Counter(found) - Counter(ids)
    said = []
    if lacking:
        have = "has" if lacking.total() == 1 else "have"
        said.append(f"{lacking.total():,} of {len(ids):,} inputs {have} no row: {_few(lacking)}")
    if strange:
        are = "row is" if strange.total() == 1 else "rows are"
        said.append(f"{strange.total():,} {are} of none of them: {_few(strange)}")
    if not said:
        for id, other in zip(ids, found, strict=True):
            if id != other:
                told = f"{other} came where {id} should"
                return f"the rows are not in the order of the inputs: {told}"
    return "; ".join(said)


def _few(ids: Counter[str]) -> str:
    more = ids.total() - NAMED
    named = ", ".join(islice(ids.elements(), NAMED))
    return f"{named} and {more:,} more" if more > 0 else named


def _wrong_views(rows: Sequence[Row], views: tuple[str, ...]) -> str:
    """What is wrong with the views of some input; empty if nothing is."""
    start = 0
    while start < len(rows):
        first, end = rows[start], start + 1
        while end < len(rows) and rows[end].view != "":
            end += 1
        own = rows[start:end]
        found = tuple(row.view for row in own)
        alone = found == ("",) and not first.ok
        if not (alone or found == views) or any(row.id != first.id for row in own):
            told = ", ".join(f"{row.id} [{row.view or 'whole'}]" for row in own[:NAMED])
            return f"{first.id} has not one row for each of its views, but {told}"
        start = end
    return ""
