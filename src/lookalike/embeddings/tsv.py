"""Embeddings as TSV: an id, a tab, and the numbers; readable by anything, exact for float32."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike.errors import StoreError

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
        path: The file; tabs between cells. Its first line may be a heading that begins with
            ``id``. Without one, ids are taken to be there if the first cell is no number.
        encoder: A name for what made the vectors; the file's name if omitted.

    Raises:
        StoreError: A line that is not like the first; names it.
    """
    from lookalike.embeddings.embeddings import Embeddings

    ids: list[str] = []
    vectors: list[Any] = []
    named = False
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="\n") as stream:
            for number, line in enumerate(stream, 1):
                cells = line.rstrip("\r\n").split("\t")
                if number == 1:
                    named = not _is_number(cells[0])
                    if cells[0] == "id":
                        continue
                vectors.append(_numbers(cells[named:], number, vectors, path))
                ids.append(cells[0] if named else f"row[{number - 1}]")
    except OSError as error:
        raise StoreError(f"the file can't be read: {error.strerror}", where=str(path)) from error
    if not vectors:
        raise StoreError("the file has no vectors", where=str(path))
    return Embeddings.from_numpy(np.stack(vectors), ids, encoder=encoder or path.stem)


def _numbers(cells: list[str], number: int, before: list[Any], path: Path) -> Any:
    """The numbers of a line, as many as in those before."""
    try:
        values = np.array(cells, np.float32)
    except ValueError as error:
        raise StoreError(f"line {number}: {error}", where=str(path)) from error
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
