"""The list of what can be loaded by name, as a result that reports can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lookalike.encoders.catalogue import Entry
from lookalike.report import Column, Table, View, html_fragment

COLUMNS = (
    Column("name", "model"),
    Column("dim", "dim", "whole"),
    Column("gflops", "GFLOPs", "number", digits=2),
    Column("params", "parameters", "whole"),
    Column("acc1", "acc@1 %", "number", digits=2),
    Column("acc5", "acc@5 %", "number", digits=2, aside=True),
    Column("input", "input"),
    Column("weights", "weights"),
    Column("licence", "licence"),
    Column("available", "available"),
    Column("source", "source", aside=True),
)


@dataclass(frozen=True)
class Listing:
    """Catalogue entries, in order.

    Attributes:
        entries: What matched.
        pattern: What was asked for.
    """

    entries: tuple[Entry, ...]
    pattern: str = "*"

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {"results": [entry.to_dict() for entry in self.entries]}

    def view(self) -> View:
        """A row per entry, and how many each family has."""
        rows = [entry.to_dict() for entry in self.entries]
        title = "1 model" if len(rows) == 1 else f"{len(rows):,} models"
        return View(
            title=title,
            tables=(Table(COLUMNS, rows, title),),
            notes=(_families(self.entries), "GFLOPs are multiply-accumulates for one picture."),
        )

    def _repr_html_(self) -> str:
        return html_fragment(self.view())

    def __iter__(self) -> Any:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


def _families(entries: Sequence[Entry]) -> str:
    counts: dict[str, int] = {}
    for entry in entries:
        family = entry.name.partition(":")[0]
        counts[family] = counts.get(family, 0) + 1
    return "By family: " + ", ".join(f"{name} {count:,}" for name, count in counts.items())
