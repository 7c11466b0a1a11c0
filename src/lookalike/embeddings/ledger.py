"""The ledger: what became of every input of a store, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lookalike.embeddings.row import Row
from lookalike.embeddings.table import rows_of
from lookalike.report import Column, Table, View

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Tally:
    """Rows in numbers; tallies of parts add up.

    Attributes:
        inputs: How many inputs there are; rows of further views do not count.
        embedded: Rows with a vector, further views included.
        reasons: Reason → inputs without a vector, the most frequent first.
    """

    inputs: int = 0
    embedded: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: Tally) -> Tally:
        reasons = Counter(self.reasons) + Counter(other.reasons)
        inputs, embedded = self.inputs + other.inputs, self.embedded + other.embedded
        return Tally(inputs, embedded, dict(reasons.most_common()))


def tally_of(table: pa.Table) -> Tally:
    """The outcomes in the columns ``view`` and ``reason`` of a table."""
    views, reasons = (table[name].to_pylist() for name in ("view", "reason"))
    rows = zip(reasons, views, strict=True)
    counts = Counter(reason for reason, view in rows if reason is not None and view == "")
    return Tally(views.count(""), reasons.count(None), dict(counts.most_common()))


@dataclass(frozen=True, eq=False)
class Ledger:
    """One row for every input (and every further view of it), without the vectors.

    Attributes:
        table: The columns of a store but for its vectors, and the position of each row's shard.
    """

    table: pa.Table

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def _tally(self) -> Tally:
        return tally_of(self.table)

    @property
    def inputs(self) -> int:
        """How many inputs there are; rows of further views do not count."""
        return self._tally.inputs

    @property
    def reasons(self) -> dict[str, int]:
        """Reason → how many inputs have no vector for it, the most frequent first.

        What counts is the whole picture; rows of further views are among the `failures` only.
        """
        return self._tally.reasons

    @property
    def embedded(self) -> int:
        """How many rows have a vector."""
        return self._tally.embedded

    def failures(self) -> tuple[Row, ...]:
        """The rows without a vector, each with its reason."""
        import pyarrow.compute as compute

        return rows_of(self.table.filter(compute.is_valid(self.table["reason"])))

    def rows(self) -> tuple[Row, ...]:
        """All rows."""
        return rows_of(self.table)

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints: counts, and a row per input."""
        return {
            "results": [_plain(row) for row in self.rows()],
            "inputs": self.inputs,
            "embedded": self.embedded,
            "reasons": self.reasons,
        }

    def view(self) -> View:
        """Counts by outcome, and the rows without a vector."""
        counts = [{"outcome": "embedded", "rows": self.embedded}]
        counts += [{"outcome": reason, "rows": count} for reason, count in self.reasons.items()]
        failed = [_plain(row) for row in self.failures()]
        keys = ("id", "view", "reason", "detail", "digest")
        rare = {"digest"} if any(row["view"] for row in failed) else {"digest", "view"}
        columns = [Column(key, key, aside=key in rare) for key in keys]
        tables = [Table((Column("outcome", "outcome"), Column("rows", "rows", "whole")), counts)]
        # CSV holds the last table, which so has the same columns with and without failures
        tables.append(Table(tuple(columns), failed, "Without a vector", aside=not failed))
        return View(f"{self.inputs:,} inputs", tuple(tables))


def _plain(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "path": row.path,
        "view": row.view,
        "outcome": "embedded" if row.ok else "failed",
        "reason": None if row.reason is None else row.reason.value,
        "detail": row.detail,
        "width": row.width,
        "height": row.height,
        "digest": row.digest,
    }
