"""Which pictures are compared with which: all with all, by name across folders, or a table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Literal

import numpy as np

from lookalike.embeddings import Embeddings
from lookalike.errors import UsageError
from lookalike.images import ImageSource, Pictures, Place, Reason
from lookalike.images.name import composed, spelled
from lookalike.images.place import failed_place, file_place
from lookalike.images.table import same_or_different, table_rows
from lookalike.metrics import similarity

Pairing = Literal["auto", "all", "first", "name"]

MOST_PAIRS = 1_000_000
"""A list of pairs longer than this is refused: it could neither be read nor kept in memory."""

BLOCK = 4096
"""Pairs per block, so that memory does not grow with their number."""


@dataclass(frozen=True)
class Pair:
    """Two inputs by their positions in a plan, and whether they are known to be alike."""

    a: int
    b: int
    same: bool | None = None


@dataclass(frozen=True)
class Plan:
    """The inputs in order, each once, and the pairs between them."""

    places: tuple[Place, ...]
    pairs: tuple[Pair, ...]


def plan_pictures(
    pictures: Sequence[Pictures], *, pairing: Pairing = "auto", include: str | Sequence[str] = "*"
) -> Plan:
    """Pairs among pictures and folders.

    With ``auto``: two folders are paired by name, however it is spelled (NFC or NFD) and then
    without its ending, where there is no choice; a picture and a folder, the picture with each
    one in the folder; anything else, all pairs. ``first`` compares what was given first with each
    of the others. An input without a partner by name gets a pair
    with a place that holds nothing, so that it is not lost.

    Raises:
        UsageError: Fewer than two inputs, no name in common, or more than `MOST_PAIRS` pairs.

    Example:
        >>> plan_pictures(["a.jpg", "b.jpg", "c.jpg"]).pairs[-1]
        Pair(a=1, b=2, same=None)
    """
    sides = [list(group) for group in ImageSource(*pictures, include=include).groups()]
    folders = [isinstance(one, (str, os.PathLike)) and os.path.isdir(one) for one in pictures]
    if pairing == "name" or (pairing == "auto" and len(sides) == 2 and all(folders)):
        if len(sides) != 2 or not all(folders):
            raise UsageError("pairing by name needs exactly two folders")
        roots = [os.fsdecode(one) for one in pictures]  # type: ignore[arg-type]  # checked above
        return _by_name(roots[0], sides[0], roots[1], sides[1])
    places = tuple(place for side in sides for place in side)
    if pairing == "first" or (pairing == "auto" and len(sides) == 2 and any(folders)):
        first = len(sides[0]) if sides else 0
        pairs: Iterable[tuple[int, int]] = product(range(first), range(first, len(places)))
        count = first * (len(places) - first)
    else:
        pairs = combinations(range(len(places)), 2)
        count = len(places) * (len(places) - 1) // 2
    if count == 0:
        raise UsageError(
            "one picture makes no pair" if len(places) == 1 else "there are no pictures to pair",
            cure="give two or more pictures or folders",
        )
    if count > MOST_PAIRS:
        raise UsageError(
            f"{len(places):,} pictures make {count:,} pairs, more than {MOST_PAIRS:,}",
            cure="name the pairs in a table (--pairs FILE), or compare fewer",
        )
    return Plan(places, tuple(Pair(a, b) for a, b in pairs))


def _by_name(root_a: str, side_a: list[Place], root_b: str, side_b: list[Place]) -> Plan:
    names_a = {_name(place, root_a): place for place in side_a}
    names_b = {_name(place, root_b): place for place in side_b}
    partners = {name: name for name in names_a if name in names_b}
    for key in (composed, lambda name: os.path.splitext(composed(name))[0]):
        left, right = set(names_a) - set(partners), set(names_b) - set(partners.values())
        partners |= _by_key(left, right, key)
    if not partners:
        raise UsageError(
            "the folders have no file name in common",
            where=f"{root_a}, {root_b}",
            cure="pair all with all (--pairing all), or name the pairs in a table (--pairs FILE)",
        )
    places: list[Place] = []
    for name, place in names_a.items():
        partner = partners.get(name)
        other = names_b[partner] if partner else _nobody(root_b, name)
        places += [place, other]
    taken = set(partners.values())
    for name, place in names_b.items():
        if name not in taken:
            places += [_nobody(root_a, name), place]
    return Plan(tuple(places), tuple(Pair(n, n + 1) for n in range(0, len(places), 2)))


def _name(place: Place, root: str) -> str:
    return os.path.relpath(place.path or place.id, root)


def _by_key(left: set[str], right: set[str], key: Callable[[str], str]) -> dict[str, str]:
    """Partners whose names have one key, where there is no choice."""
    keys: dict[str, tuple[list[str], list[str]]] = {}
    for side, names in enumerate((left, right)):
        for name in names:
            keys.setdefault(key(name), ([], []))[side].append(name)
    return {a[0]: b[0] for a, b in keys.values() if len(a) == len(b) == 1}


def _nobody(root: str, name: str) -> Place:
    path = os.path.join(root, name)
    return failed_place(path, Reason.NO_PARTNER, "no file of this name")


def plan_table(path: str) -> Plan:
    """Pairs from a CSV file with the columns ``a``, ``b`` and, optionally, ``same``.

    Paths are relative to the table's folder; one that is not there is looked for in the current
    folder. ``same`` is 1, true, yes or same, their opposites, or empty.

    Raises:
        UsageError: No such file or column, a value of ``same`` that is none of these (names the
            row), or no rows.
    """
    places: dict[str, Place] = {}
    pairs = []
    for number, row in table_rows(path, ("a", "b")):
        ends = []
        for column in ("a", "b"):
            cell = row[column].strip()
            key = cell or f"{path}:{number}:{column}"
            places.setdefault(key, _cell_place(path, key, cell, column))
            ends.append(key)
        pairs.append((ends[0], ends[1], same_or_different(path, number, row.get("same"))))
    if not pairs:
        raise UsageError("the table has no rows", where=path)
    position = {key: index for index, key in enumerate(places)}
    return Plan(
        tuple(places.values()),
        tuple(Pair(position[a], position[b], same) for a, b, same in pairs),
    )


def _cell_place(table: str, id: str, cell: str, column: str) -> Place:
    if not cell:
        return failed_place(id, Reason.MISSING, f"column {column!r} is empty", path=table)
    beside, here = spelled(os.path.join(os.path.dirname(table), cell)), spelled(cell)
    path = here if os.path.lexists(here) and not os.path.lexists(beside) else beside
    return file_place(path, id=cell)


def pair_values(pairs: Sequence[Pair], embeddings: Embeddings, metric: str) -> list[float | None]:
    """The metric's value of each pair; None where a side has no vector.

    Args:
        pairs: By position among the rows of `embeddings`.
        embeddings: Vectors of the pictures.
        metric: Its name.
    """
    rows = embeddings.rows
    vector_of = np.array(embeddings.positions, np.intp)
    values: list[float | None] = [None] * len(pairs)
    good = [n for n, pair in enumerate(pairs) if rows[pair.a].ok and rows[pair.b].ok]
    for start in range(0, len(good), BLOCK):
        block = good[start : start + BLOCK]
        left = embeddings.vectors[vector_of[[pairs[n].a for n in block]]]
        right = embeddings.vectors[vector_of[[pairs[n].b for n in block]]]
        found = similarity(left, right, metric=metric, paired=True)
        for n, value in zip(block, np.asarray(found).tolist(), strict=True):
            values[n] = value
    return values
