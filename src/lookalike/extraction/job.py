"""The unit of work: one shard, from its places to its table."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.embeddings import Row
from lookalike.embeddings.shard import about_shard, read_shard
from lookalike.embeddings.table import Heading, column_of, read_table, to_table
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.pipeline import Array, Part
from lookalike.images import Place
from lookalike.images.place import Stamp

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Job:
    """One shard to be made, or made anew.

    Attributes:
        number: The shard's number.
        places: Inputs to be embedded, in order.
        at: For a shard made anew: the position, among the shard's inputs, of each place; behind
            its last one for an input that is added.
        before: The shard as it is; None for a new one.
        had: How many inputs it has now.
        dropped: Positions of the shard's inputs whose rows go.
        restamped: Positions of inputs whose file was touched and not changed → its new stamp.
        begun_ns: When the job was made, before any of its files was read. The shard gets it as
            its date, so that a later run knows which files were written about then.
    """

    number: int
    places: Sequence[Place]
    at: Sequence[int] = ()
    before: Path | None = None
    had: int = 0
    dropped: frozenset[int] = frozenset()
    restamped: Mapping[int, Stamp] = field(default_factory=dict)
    begun_ns: int = field(default_factory=time.time_ns)

    @property
    def added(self) -> int:
        """How many of its places the store did not have."""
        return len(self.places) if self.before is None else sum(n >= self.had for n in self.at)


@dataclass(frozen=True)
class Done:
    """What became of a job's places.

    Attributes:
        rows: In order; several for an input with several views.
        vectors: Column → (M, D), one per row that is ok.
    """

    rows: tuple[Row, ...]
    vectors: dict[str, Array]


def gathered(encoder: Encoder, parts: Sequence[Part]) -> Done:
    """The parts of one group put together, with one row for each input and view.

    Where a layer failed on a picture, the row is a failure in all layers: a row has a vector, in
    every column, or a reason.
    """
    by_card: list[list[Row]] = [
        [row for part in parts for row in part.rows[n]] for n in range(len(encoder.cards))
    ]
    rows = [
        next((one for one in same if not one.ok), same[0]) for same in zip(*by_card, strict=True)
    ]
    columns = {}
    for n, card in enumerate(encoder.cards):
        vectors = np.concatenate([card.no_vectors(), *(part.vectors[n] for part in parts)])
        kept = [row.ok for row, own in zip(rows, by_card[n], strict=True) if own.ok]
        columns[column_of(card, len(encoder.cards) > 1)] = vectors[np.array(kept, bool)]
    return Done(tuple(rows), columns)


def table_of(job: Job, done: Done, heading: Heading) -> pa.Table | None:
    """The job's shard; None if no row is left in it."""
    if job.before is None:
        return to_table(heading, done.rows, done.vectors) if done.rows else None
    table = read_shard(job.before)
    older = Heading.from_metadata(table.schema.metadata, where=str(job.before))
    with about_shard(job.before):
        read = {column: read_table(table, column, card) for column, card in heading.cards.items()}
    before = next(iter(read.values()))[0]
    rows, order, kept = _kept(job, before)
    vectors = {column: found[kept[_ok(before)]] for column, (_, found) in read.items()}
    new_order = [job.at[number] for number in _numbers(done.rows)]
    sequence = np.argsort(np.array(order + new_order, np.int64), kind="stable")
    both = [*rows, *done.rows]
    if rows:
        heading = replace(heading, origin=heading.origin.with_older(older.origin))
    joined = {
        column: np.concatenate([vectors[column], done.vectors[column]]) for column in heading.cards
    }
    return _ordered(heading, both, joined, sequence) if both else None


def _kept(job: Job, rows: Sequence[Row]) -> tuple[list[Row], list[int], NDArray[np.bool_]]:
    """Rows that stay (with new stamps), their inputs' positions, and which rows those are."""
    gone = job.dropped | set(job.at)
    kept, order, mask = [], [], np.zeros(len(rows), bool)
    for place, (row, number) in enumerate(zip(rows, _numbers(rows), strict=True)):
        if number in gone:
            continue
        stamp = job.restamped.get(number)
        if stamp is not None:
            row = replace(row, file_bytes=stamp.bytes, file_mtime_ns=stamp.mtime_ns)
        kept.append(row)
        order.append(number)
        mask[place] = True
    return kept, order, mask


def _numbers(rows: Sequence[Row]) -> list[int]:
    """For each row the position of its input: further views stand behind the whole picture."""
    numbers: list[int] = []
    for row in rows:
        before = numbers[-1] if numbers else -1
        numbers.append(before + (row.view == ""))
    return numbers


def _ok(rows: Sequence[Row]) -> NDArray[np.bool_]:
    return np.fromiter((row.ok for row in rows), bool, len(rows))


def _ordered(
    heading: Heading, rows: Sequence[Row], vectors: Mapping[str, Any], sequence: NDArray[np.int64]
) -> pa.Table:
    """A table of the rows in another order."""
    ok = _ok(rows)
    position = np.cumsum(ok) - 1
    taken = [position[n] for n in sequence if ok[n]]
    return to_table(
        heading,
        [rows[n] for n in sequence],
        {column: values[np.array(taken, np.int64)] for column, values in vectors.items()},
    )
