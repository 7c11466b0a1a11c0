"""Reads tables in the published Markdown layout, ours or the original's."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from itertools import zip_longest

from lookalike.errors import UsageError
from lookalike.measuring.subject import POSITIVE
from lookalike.tables.figures import Figures, PairFigures
from lookalike.tables.grouping import Group
from lookalike.tables.layout import HEAD, MISSING, tidy_label

_SUMMARY = re.compile(r"<summary>\s*(.*?)\s*</summary>", re.IGNORECASE)
_NUMBERED = re.compile(r"(?:(\S+?)\.?\s+)?GFLOPS? Range \((.*)\)", re.IGNORECASE)
_NEGATIVE = re.compile(r"\**Negative Similarity\s*\((.+)\)[^()]*", re.IGNORECASE)
_UNITS = re.compile(r"[\s*]|\([^)]*\)")
_DELIMITER = re.compile(r":?-+:?")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
_CELL = re.compile(r"((?:\\.?|[^|\\])*)(?:\||$)")
_OF_PAIRS = {
    "embeddinginferencetime": "embed_ms",
    "similarityinferencetime": "similarity_ms",
    "anchor&positivesimilarity": "similarity",
    "anchor&negativesimilarity": "similarity",
}
_OF_MODELS = {
    "embeddedvectorsdimension": "dim",
    "gflops": "gflops",
    "acc1": "acc1",
    "acc5": "acc5",
}
_NO_FIGURE = {"", "-", MISSING}
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def read_layout(text: str) -> tuple[Group, ...]:
    r"""The tables of a README in the published layout, ours or the original's, with their figures.

    Rows of pairs repeat their labels, so each belongs to the heading row above it. Cells beyond the
    last model are ignored, missing ones have no figure, and the last pipe may be missing. Other
    tables and all prose are passed over.

    Args:
        text: Markdown.

    Returns:
        Groups as `grouped` gives them, as far as printed: no figure has more decimals than that,
        none is a parameter count, and a role without any figure is not there.

    Raises:
        UsageError: No such table, a row that nothing is known about or that is there twice, or a
            cell that is no figure.

    Example:
        >>> lines = [
        ...     "<summary>2. GFLOPS Range (1-3)</summary>",
        ...     "|**NN Architecture**|resnet18|resnet34 (V1)|",
        ...     "|:---:|:---:|:---:|",
        ...     "|**Positive Similarity**|-|-|-|",
        ...     "|**Anchor & Positive Similarity**| 89.5|85.1",
        ... ]
        >>> [group] = read_layout("\n".join(lines))
        >>> for one in group.columns:
        ...     print(group.range, one.label, one.pairs["positive"].similarity)
        1-3 resnet18 89.5
        1-3 resnet34 (v1) 85.1
    """
    tables: list[_Table] = []
    summary, reading = "", False
    for number, line in enumerate(map(str.strip, text.split("\n")), 1):
        if found := _SUMMARY.search(line):
            summary = html.unescape(found[1])
        if not line.startswith("|"):
            reading = False
            continue
        first, *cells = _cells(line)
        if _bare(first).casefold() == HEAD.casefold():
            reading = True
            tables.append(_Table(summary, [tidy_label(_bare(cell)) for cell in cells]))
        elif reading and not _DELIMITER.fullmatch(first):
            tables[-1].take(_bare(first), cells, f"line {number}")
    if not tables:
        raise UsageError("there is no table in the published layout", cure=f"begin it with {HEAD}")
    return tuple(table.group() for table in tables)


class _Table:
    """One table, as far as it is read."""

    def __init__(self, summary: str, labels: Sequence[str]) -> None:
        found = _NUMBERED.fullmatch(summary)
        self._number, self._range = (found[1] or "", found[2]) if found else ("", summary)
        self._labels = list(labels)
        while self._labels and not self._labels[-1]:
            self._labels.pop()
        self._role = ""
        self._rows: dict[tuple[str, str], list[float | None]] = {}

    def take(self, name: str, cells: Sequence[str], where: str) -> None:
        """Read the row of this name."""
        if found := _NEGATIVE.fullmatch(name):
            self._role = found[1]
            return
        short = _UNITS.sub("", name).casefold()
        if short == "positivesimilarity":
            self._role = POSITIVE
            return
        if short not in _OF_PAIRS | _OF_MODELS:
            raise UsageError(f"nothing is known about the row {name!r}", where=where)
        role = self._role if short in _OF_PAIRS else ""
        key = role, (_OF_PAIRS | _OF_MODELS)[short]
        if short in _OF_PAIRS and not role:
            raise UsageError(f"the row {name!r} stands above the heading of its pair", where=where)
        if key in self._rows:
            raise UsageError(f"the row {name!r} is there twice", where=where)
        self._rows[key] = [
            _figure(_bare(cell), f"{where}, {label}", whole=key[1] == "dim")
            for label, cell in zip_longest(self._labels, cells[: len(self._labels)], fillvalue="")
        ]

    def group(self) -> Group:
        """All that was read."""
        return Group(self._number, self._range, tuple(map(self._column, range(len(self._labels)))))

    def _column(self, at: int) -> Figures:
        figures = {key: row[at] for key, row in self._rows.items()}
        pairs = {
            role: PairFigures(**{name: figures.get((role, name)) for name in _OF_PAIRS.values()})
            for role in dict.fromkeys(role for role, _ in figures if role)
        }
        dim = figures.get(("", "dim"))
        return Figures(
            self._labels[at],
            {role: pair for role, pair in pairs.items() if not pair.empty},
            dim=None if dim is None else int(dim),
            gflops=figures.get(("", "gflops")),
            acc1=figures.get(("", "acc1")),
            acc5=figures.get(("", "acc5")),
        )


def _cells(line: str) -> list[str]:
    # the expression finds an empty cell behind the last one, whether or not a pipe ends it
    return [cell.strip() for cell in _CELL.findall(line[1:])][:-1]


def _bare(cell: str) -> str:
    bold = cell.startswith("**") and cell.endswith("**")
    return _ESCAPED.sub(r"\1", cell[2:-2].strip() if bold else cell)


def _figure(cell: str, where: str, *, whole: bool) -> float | None:
    if cell in _NO_FIGURE:
        return None
    if not _NUMBER.fullmatch(cell) or (whole and not float(cell).is_integer()):
        raise UsageError(f"{cell!r} is no figure", where=where)
    return float(cell)
