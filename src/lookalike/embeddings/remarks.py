"""What has to be said of inputs that have a vector, gathered into a sentence for each kind."""

from __future__ import annotations

from collections.abc import Iterable

from lookalike.embeddings.row import Row

NAMED = 3
"""Inputs that a sentence names; the others are counted."""


class Remarks:
    """Gathers the details of rows that have a vector.

    Example:
        >>> remarks = Remarks([Row("a.tif", detail="nearly black"), Row("b.tif"), Row("c.jpg")])
        >>> remarks.add([Row("d.tif", detail="nearly black")])
        >>> remarks.notes
        ('nearly black (2 pictures: a.tif, d.tif)',)
    """

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._said: dict[str, tuple[int, list[str]]] = {}
        self.add(rows)

    def add(self, rows: Iterable[Row]) -> None:
        """More rows; further views of a picture are not counted again."""
        for row in rows:
            if not row.ok or not row.detail or row.view:
                continue
            count, names = self._said.get(row.detail, (0, []))
            named = [*names, row.id] if len(names) < NAMED else names
            self._said[row.detail] = (count + 1, named)

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each thing that is said, with the first inputs that it is said of."""
        return tuple(
            f"{said} ({_counted(count)}: {', '.join(names)}{', ...' * (count > len(names))})"
            for said, (count, names) in self._said.items()
        )


def _counted(count: int) -> str:
    return "1 picture" if count == 1 else f"{count:,} pictures"
