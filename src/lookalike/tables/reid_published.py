"""The published similarities of 53 re-identification exports, and whose numbers yours resemble.

Six pictures of three people make six pairs. Each figure is the cosine of two feature vectors, made
with OpenCV's preprocessing. Weights that are run as they were there give the same three decimals,
so the table tells whether a file is what its name says.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from statistics import fmean
from typing import Any

from lookalike.encoders.reid.weights_name import parse_weights_name
from lookalike.errors import UnknownNameError, UsageError

COLUMNS: Mapping[str, tuple[str, str, bool]] = {
    "30_31": ("00030.jpg", "00031.jpg", False),
    "1_2": ("1.png", "2.png", True),
    "1_3": ("1.png", "3.png", True),
    "1_4": ("1.png", "4.png", True),
    "30_1": ("00030.jpg", "1.png", False),
    "31_2": ("00031.jpg", "2.png", False),
}
"""Column → its two pictures, and whether they show one person.

Two revisions of the table order the columns differently: go by name, never by position."""


@dataclass(frozen=True)
class ReidPicture:
    """How one of the six pictures is recognised.

    Attributes:
        file: The first 16 hex digits of the SHA-256 of the file.
        pixels: The same of its bytes in RGB, row by row, alpha dropped.

    Example:
        >>> PICTURES["1.png"].file
        'aba398dd5a62f0b2'
    """

    file: str
    pixels: str


PICTURES: Mapping[str, ReidPicture] = {
    "00030.jpg": ReidPicture("a1ba400f87358dc2", "26e53f63a38a8d96"),
    "00031.jpg": ReidPicture("ceb53c10f89765eb", "c8cc7a94b6a4f916"),
    "1.png": ReidPicture("aba398dd5a62f0b2", "1fe6c02de0385c22"),
    "2.png": ReidPicture("6a1fb3f1d53580e6", "5c5dca5cdb87a2f8"),
    "3.png": ReidPicture("47c4ae7abc2f27ac", "6df9a21b6bbc0646"),
    "4.png": ReidPicture("3a411e012ad85032", "1976a6680d7d2ada"),
}
"""The pictures that the columns name; they are not in the package."""

PUBLISHED_PREPROCESS = "pinto"
"""With which the similarities were made."""

TOLERANCE = 0.0015
"""How far a cell may be from the printed one; the two revisions differ by 0.001 in ten cells."""

WRONG = 0.005
"""A cell further away than this was made with other weights or another preprocessing."""

ENOUGH = 3
"""Columns that it takes to tell the rows apart.

In any three, two rows differ by at least 0.005 somewhere, more than the 0.003 up to which both
could be within `TOLERANCE` of the same values. In one or two columns rows agree by chance."""

REVISED: Mapping[tuple[int, str], float] = {
    (7, "1_3"): 0.651,
    (10, "30_31"): 0.425,
    (11, "31_2"): 0.406,
    (14, "1_2"): 0.589,
    (14, "1_4"): 0.670,
    (25, "1_2"): 0.506,
    (30, "1_2"): 0.541,
    (47, "1_2"): 0.605,
    (47, "1_4"): 0.606,
    (48, "31_2"): 0.553,
}
"""Row number and column → the figure in the later revision, where it is another one."""

THESE = "these weights"
"""The verdict on values that are those of a row."""

_RANDOM = 8
_NOTES = {
    _RANDOM: (
        "not reproducible: six nearly equal values are what two networks with different random "
        "weights give; which checkpoint failed to load can't be told"
    ),
    50: "30_31 and 30_1 are equal by coincidence",
    52: (
        "a checkpoint of resnet50_fc512 in a plain resnet50: another stride, and no fc layer; no "
        "row shows the right network"
    ),
}


@dataclass(frozen=True)
class ReidRow:
    """One published row.

    Attributes:
        number: From 1, in the order of the table.
        group: As printed: ``mlfn``, ``mobilenetv2``, ``osnet`` or ``resnet50``.
        model: As printed: the rest of the export's name.
        network: The network that was really used, by torchreid's name.
        checkpoint: The file whose weights were exported; empty if that can't be told.
        values: Column → the cosine as printed, three decimals.

    Example:
        >>> row = reid_row("osnet_x0_5_imagenet")
        >>> row.number, row.network, row.checkpoint, row.margin
        (38, 'osnet_x0_5', 'osnet_x0_5_imagenet.pth', 0.013)
        >>> row.note
        'ImageNet weights, never trained for re-identification'
    """

    number: int
    group: str
    model: str
    network: str
    checkpoint: str
    values: Mapping[str, float] = field(hash=False)

    @property
    def stem(self) -> str:
        """What the export is called, e.g. ``osnet_x0_25_imagenet``."""
        return f"{self.group}{'-' if self.group == 'mlfn' else '_'}{self.model}"

    @property
    def reproducible(self) -> bool:
        """Whether there are weights that give these values; if not, the row is no target."""
        return self.number != _RANDOM

    @property
    def margin(self) -> float:
        """The least alike pair of one person, minus the most alike pair of two."""
        same = [value for column, value in self.values.items() if COLUMNS[column][2]]
        different = [value for column, value in self.values.items() if not COLUMNS[column][2]]
        return round(min(same) - max(different), 3)

    @property
    def note(self) -> str:
        """What else has to be known about the row; may be empty."""
        notes = [_NOTES[self.number]] if self.number in _NOTES else []
        name = parse_weights_name(self.checkpoint)
        if name and name.dataset == "imagenet":
            notes.append("ImageNet weights, never trained for re-identification")
        if self.reproducible and self.margin <= 0:
            how = "is more alike than" if self.margin < 0 else "is as alike as"
            notes.append(f"a pair of two people {how} a pair of one")
        return "; ".join(notes)


@dataclass(frozen=True)
class Nearness:
    """How near values are to a published row.

    Attributes:
        row: The row.
        deviation: The largest absolute one over the columns that were given. In a cell that was
            revised it is that from the nearer of both figures.
        mean: The mean absolute one.
        columns: How many were given.

    Example:
        >>> one = nearest_rows({"30_31": 0.571, "1_2": 0.585, "1_3": 0.7123}, count=1)[0]
        >>> one.row.number, one.deviation, round(one.mean, 6), one.verdict
        (38, 0.001, 0.000433, 'these weights')
    """

    row: ReidRow
    deviation: float
    mean: float
    columns: int

    @property
    def verdict(self) -> str:
        """What may be concluded.

        ``these weights`` if the deviation is at most `TOLERANCE` in at least `ENOUGH` columns, so
        that no other row can be as near; ``perhaps`` in fewer columns, or up to `WRONG`, as with
        lower precision; beyond that, ``other weights or another preprocessing``.
        """
        if self.deviation > WRONG:
            return "other weights or another preprocessing"
        near = self.deviation <= TOLERANCE and self.columns >= ENOUGH
        return THESE if near else "perhaps"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, with the whole row."""
        return {
            "row": self.row.number,
            "stem": self.row.stem,
            "network": self.row.network,
            "deviation": self.deviation,
            "mean": self.mean,
            "verdict": self.verdict,
            "values": dict(self.row.values),
            "note": self.row.note,
        }


@lru_cache(maxsize=1)
def reid_rows() -> tuple[ReidRow, ...]:
    """All published rows, in the order of the table.

    Example:
        >>> rows = reid_rows()
        >>> len(rows), rows[0].stem, rows[0].values["1_2"], rows[0].margin
        (53, 'mlfn-9cb5a267', 0.609, 0.0)
    """
    text = (files(__package__) / "reid_published.csv").read_text(encoding="utf-8")
    return tuple(
        ReidRow(
            number,
            cells["model_group"],
            cells["model"],
            cells["network"],
            cells["checkpoint"],
            {column: float(cells[column]) for column in COLUMNS},
        )
        for number, cells in enumerate(csv.DictReader(text.splitlines()), 1)
    )


def reid_row(stem: str) -> ReidRow:
    """The row of an export, by its name without an ending.

    Args:
        stem: As `lookalike.encoders.reid.weights_name.exported_stem` makes it of a checkpoint.

    Raises:
        UnknownNameError: No row is called so; lists the nearest names.

    Example:
        >>> row = reid_row("resnet50_fc512_msmt_xent")
        >>> row.number, row.network, row.values["1_2"]
        (52, 'resnet50', 0.835)
    """
    rows = {row.stem: row for row in reid_rows()}
    if stem not in rows:
        raise UnknownNameError("row of the published re-identification table", stem, rows)
    return rows[stem]


def nearest_rows(values: Mapping[str, float], count: int = 3) -> tuple[Nearness, ...]:
    """The published rows that values resemble most.

    Any two rows differ by at least 0.029 in some column. Values can be within `TOLERANCE` of two
    rows only if these differ by no more than 0.003 in all, so a match in all six is the only one.
    The row that no weights give is never offered.

    Args:
        values: Column → cosine, of as many columns as there are; their order says nothing.
        count: How many rows, at least 1.

    Returns:
        By rising deviation, then by rising mean deviation, then as in the table.

    Raises:
        UsageError: No column, an unknown one, a value that is not finite, or a count below 1.

    Example:
        >>> best = nearest_rows({"31_2": 0.4049, "1_2": 0.6947, "1_4": 0.8659}, count=1)[0]
        >>> best.row.stem, round(best.deviation, 4), best.verdict
        ('osnet_x0_25_market_256x128_amsgrad_ep180_stp80_lr0', 0.0003, 'these weights')
    """
    _check(values, count)
    found = (_nearness(row, values) for row in reid_rows() if row.reproducible)
    return tuple(sorted(found, key=lambda one: (one.deviation, one.mean))[:count])


def _nearness(row: ReidRow, values: Mapping[str, float]) -> Nearness:
    apart = [_apart(row, column, float(value)) for column, value in values.items()]
    return Nearness(row, max(apart), fmean(apart), len(apart))


def _apart(row: ReidRow, column: str, value: float) -> float:
    printed = row.values[column]
    figures = printed, REVISED.get((row.number, column), printed)
    # decimals, not their binary neighbours: 0.3865 is within 0.0015 of 0.385
    return round(min(abs(value - figure) for figure in figures), 9)


def _check(values: Mapping[str, float], count: int) -> None:
    columns = ", ".join(COLUMNS)
    if not values:
        raise UsageError("there is no value to look for", cure=f"give some of {columns}")
    for column, value in values.items():
        if column not in COLUMNS:
            raise UnknownNameError("column", column, COLUMNS)
        if not math.isfinite(value):
            raise UsageError("a value is not finite", where=f"{column}={value}")
    if count < 1:
        raise UsageError("no row is asked for", where=f"count={count}", cure="ask for 1 or more")
