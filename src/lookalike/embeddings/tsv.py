"""Embeddings as TSV: an id, a tab, and the numbers; readable by anything, exact for float32."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike.errors import StoreError

LONG = 16
"""Numbers from which 0, 1, 2, ... is no vector, whatever the other lines are."""

if TYPE_CHECKING:
    from lookalike.embeddings.embeddings import Embeddings


def write_tsv(found: Embeddings, path: Path) -> None:
    r"""Write a heading, then one line per vector: its id and D numbers with nine digits.

    Cells are separated by tabs. Nine digits give every float32 back exactly. Tabs and line ends
    inside an id become spaces.
    Rows without a vector have no line; a store keeps them.
    """
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
        stream.write("\t".join(["id", *map(str, range(found.card.dim))]) + "\n")
        for id, vector in zip(found.ids, found.vectors, strict=True):
            name = id.replace("\t", " ").replace("\n", " ").replace("\r", " ")
            stream.write("\t".join([name, *(f"{value:.9g}" for value in vector)]) + "\n")


def read_tsv(path: Path, *, encoder: str | None = None) -> Embeddings:
    """Embeddings from lines of an id and D numbers, or of D numbers alone.

    Args:
        path: The file; tabs between cells. Its first line is a heading if it begins with ``id``,
            or if its numbers are 0, 1, 2 and so on, as data frames write them, perhaps behind the
            name of the first column or an empty cell. Ids are taken to be there if the first cell
            of the file is no number.
        encoder: A name for what made the vectors; the file's name if omitted.

    Raises:
        StoreError: A line that is not like the first, which it names; or a first line that may be
            a heading or a vector: one of 0, 1, 2, ... that is shorter than `LONG`, above whole
            numbers only.
    """
    from lookalike.embeddings.embeddings import Embeddings

    ids: list[str] = []
    vectors: list[Any] = []
    named, counted = False, False
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="\n") as stream:
            for number, line in enumerate(stream, 1):
                cells = line.rstrip("\r\n").split("\t")
                if number == 1:
                    named = not _is_number(cells[0])
                    if cells[0] == "id":
                        continue
                    counted = _counts(cells[named:])
                vectors.append(_numbers(cells[named:], number, vectors, path))
                ids.append(cells[0] if named else f"row[{len(ids)}]")
    except OSError as error:
        raise StoreError(f"the file can't be read: {error.strerror}", where=str(path)) from error
    if counted and _is_heading(vectors, path):
        vectors, ids = vectors[1:], ids[1:] if named else ids[:-1]
    if not vectors:
        raise StoreError("the file has no vectors", where=str(path))
    return Embeddings.from_numpy(np.stack(vectors), ids, encoder=encoder or path.stem)


def _counts(cells: list[str]) -> bool:
    """Whether a line numbers the columns, as data frames do."""
    return len(cells) > 0 and cells == [str(n) for n in range(len(cells))]


def _is_heading(vectors: list[Any], path: Path) -> bool:
    """Whether a first line that counts is a heading; refuses what may be a vector as well."""
    others = vectors[1:]
    if len(vectors[0]) >= LONG or any((one != np.rint(one)).any() for one in others):
        return True
    raise StoreError(
        "line 1 may be a heading or a vector: it counts 0, 1, 2, ..., and all other numbers are "
        "whole, too",
        where=str(path),
        cure="take the heading away, or begin the file with a heading whose first cell is id, and "
        "each line with an id",
    )


def _numbers(cells: list[str], number: int, before: list[Any], path: Path) -> Any:
    """The numbers of a line, as many as in those before."""
    try:
        values = np.array(cells, np.float32)
    except ValueError as error:
        cure = (
            "a heading begins with id, or numbers the columns 0, 1, 2, ..." if number == 1 else ""
        )
        raise StoreError(f"line {number}: {error}", where=str(path), cure=cure) from error
    wanted = len(before[0]) if before else max(1, len(values))
    if len(values) != wanted:
        told = f"line {number} has {len(values)} numbers, {wanted} are needed"
        raise StoreError(told, where=str(path), cure="separate the cells by tabs")
    return values


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
