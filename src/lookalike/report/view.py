"""What results hand to the reports: tables, plots, notes and pictures, without any layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from lookalike.report.plot import Plot


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        key: Key of its cells in the rows, and its name in CSV.
        title: Its heading for people, with the unit.
        kind: ``text``, ``number`` (aligned right, `digits` decimals), ``whole`` (thousands
            separated), ``picture`` (the cell is a picture's id; shown where pictures can be).
        digits: Decimals of a number.
        shade: Range over which numbers are coloured; None for no colour.
        aside: Whether only the formats for programs hold it, since it is long and rarely read.
    """

    key: str
    title: str
    kind: Literal["text", "number", "whole", "picture"] = "text"
    digits: int = 4
    shade: tuple[float, float] | None = None
    aside: bool = False

    @property
    def is_numeric(self) -> bool:
        """Whether its cells are numbers, which stand on the right."""
        return self.kind in ("number", "whole")


@dataclass(frozen=True)
class Table:
    """Rows under columns; cells are text, numbers, or None for nothing.

    Attributes:
        columns: In order.
        rows: Cells by column key.
        title: Heading; may be empty.
        aside: Whether it is left out on a terminal, since another table says the same there.
        narrow: Tables that a terminal shows in its place, since it is too wide there.
        by_weight: Whether its columns come in the order of their weight, so that a terminal may
            leave out the last ones where it has no room; else text is folded until all fit.
        mark: Key of a boolean cell, whose rows stand out on pages; empty for none.
    """

    columns: tuple[Column, ...]
    rows: Sequence[Mapping[str, Any]]
    title: str = ""
    aside: bool = False
    narrow: tuple[Table, ...] = ()
    mark: str = ""
    by_weight: bool = False


@dataclass(frozen=True)
class View:
    """A result as people see it, in whatever format.

    Attributes:
        title: What it is.
        tables: In reading order. CSV holds the last one only, which has a row per result.
        after: Tables that are read after it.
        answer: Sentences that answer the question: first on pages, and below the tables on a
            terminal, where the end is seen first.
        notes: Sentences below the tables.
        warnings: Sentences that must not be overlooked, above them.
        pictures: Id → small JPEG, for formats that show pictures.
        plots: For formats that show pictures, above the last table. Their numbers are in the
            result's `to_dict`, too.
    """

    title: str
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    plots: tuple[Plot, ...] = field(default=(), repr=False)
    after: tuple[Table, ...] = ()
    answer: tuple[str, ...] = ()


class Viewable(Protocol):
    """A result of a verb, as reports take it."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values with the key ``results``; what ``--json`` prints."""
        ...

    def view(self) -> View:
        """The result as people see it."""
        ...


def amount(count: int, singular: str, plural: str = "") -> str:
    """A number with its noun; the plural ends in s unless it is given.

    Example:
        >>> amount(1, "picture"), amount(1200, "person", "people")
        ('1 picture', '1,200 people')
    """
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def shown(text: str) -> str:
    r"""Text that is safe to show: control characters and non-UTF-8 bytes as escapes.

    Example:
        >>> print(shown("two\nlines \udce9"))
        two\nlines \xe9
    """
    return "".join(one if one.isprintable() else _escaped(one) for one in text)


def _escaped(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode()


def text_columns(table: Table) -> tuple[Column, ...]:
    """A table's columns for people, where no picture can be shown.

    Example:
        >>> columns = (Column("id", "", "picture"), Column("id", "name"))
        >>> [column.title for column in text_columns(Table(columns, []))]
        ['name']
    """
    return tuple(
        column for column in table.columns if column.kind != "picture" and not column.aside
    )


def is_nothing(value: Any) -> bool:
    """Whether a cell has no value: None, NaN, or text without a letter.

    Example:
        >>> is_nothing(None), is_nothing(float("nan")), is_nothing(""), is_nothing(0)
        (True, True, True, False)
    """
    return value is None or value != value or value == ""


def cell_text(value: Any, column: Column) -> str:
    """A cell for people: rounded, with a dash for nothing.

    Example:
        >>> column = Column("value", "similarity", "number")
        >>> cell_text(0.33777, column), cell_text(None, column)
        ('0.3378', '-')
    """
    if value is None or value != value:  # None or NaN
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column.kind == "number":
        return f"{value:.{column.digits}f}"
    if column.kind == "whole":
        return f"{value:,}"
    return shown(str(value))
