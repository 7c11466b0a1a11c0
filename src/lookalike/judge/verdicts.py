"""Verdicts that are remembered: a file of who said what about which two pictures, and when."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from lookalike.errors import UsageError
from lookalike.images.table import table_rows

MACHINE = "card:"
"""How the column ``by`` begins where a threshold gave the verdict, and no person."""

WORDS = ("same", "different", "unsure")


@dataclass(frozen=True)
class Verdict:
    """What somebody, or a threshold, said about two pictures.

    Attributes:
        digest_a, digest_b: SHA-256 of the pictures' files; their order does not matter.
        verdict: ``same``, ``different`` or ``unsure``.
        by: Who said it; begins with ``card:`` if a threshold did.
        when: ISO 8601, in UTC.
    """

    digest_a: str
    digest_b: str
    verdict: str
    by: str
    when: str

    @property
    def key(self) -> tuple[str, str]:
        """The pair without an order."""
        return min(self.digest_a, self.digest_b), max(self.digest_a, self.digest_b)

    @property
    def machine(self) -> bool:
        """Whether a threshold said it."""
        return self.by.startswith(MACHINE)


COLUMNS = tuple(field.name for field in fields(Verdict))


def now() -> str:
    """This moment, as verdicts hold it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def remember(path: str | os.PathLike[str], verdicts: Iterable[Verdict]) -> None:
    """Append verdicts to a CSV or Parquet file, which is made if it is not there.

    A CSV file grows by a line each; a Parquet file is written anew and replaced whole. One process
    at a time writes.

    Raises:
        UsageError: A file of another kind, or of other columns.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     remember(f"{folder}/labels.csv", [Verdict("a", "b", "same", "me", now())])
        ...     [one.verdict for one in read_verdicts(f"{folder}/labels.csv")]
        ['same']
    """
    from filelock import FileLock

    place = Path(path)
    if place.suffix not in (".csv", ".parquet"):
        raise UsageError(
            "verdicts are kept as .csv or .parquet", where=str(place), cure="name such a file"
        )
    if not place.parent.is_dir():
        raise UsageError("there is no such folder", where=str(place.parent), cure="make it first")
    verdicts = list(verdicts)
    for one in verdicts:
        if one.verdict not in WORDS or not one.by.isprintable():
            raise UsageError(
                f"verdict={one.verdict!r} by {one.by!r} can't be kept",
                cure=f"one of {', '.join(WORDS)}, by a name without special characters",
            )
    try:
        with FileLock(place.with_name(f".{place.name}.lock")):
            old = list(read_verdicts(place)) if place.exists() and place.stat().st_size else []
            if place.suffix == ".csv":
                _append_csv(place, verdicts)
            else:
                _write_parquet(place, [*old, *verdicts])
    except OSError as error:
        raise UsageError(f"verdicts can't be written: {error}", where=str(place)) from error


def _append_csv(place: Path, verdicts: Iterable[Verdict]) -> None:
    """In the order of the file's own columns; others stay empty."""
    text = place.read_bytes() if place.exists() else b""
    columns = list(COLUMNS)
    if text:
        with open(place, encoding="utf-8-sig", newline="") as stream:
            columns = next(csv.reader(stream))
    with open(place, "a", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        if not text:
            writer.writerow(columns)
        elif not text.endswith(b"\n"):
            stream.write("\n")
        for one in verdicts:
            writer.writerow([getattr(one, name, "") for name in columns])


def _write_parquet(place: Path, verdicts: list[Verdict]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    columns = {name: [getattr(one, name) for one in verdicts] for name in COLUMNS}
    draft = place.with_name(f".{place.name[:50]}.{os.getpid()}")
    parquet.write_table(
        pa.table(columns, schema=pa.schema([(name, pa.string()) for name in COLUMNS])), draft
    )
    os.replace(draft, place)


def read_verdicts(path: str | os.PathLike[str]) -> Iterator[Verdict]:
    """All verdicts of a file, in the order in which they were given.

    Raises:
        UsageError: It can't be read, lacks a column, or holds a word that is no verdict.
    """
    named = os.fspath(path)
    rows = _parquet_rows(named) if named.endswith(".parquet") else table_rows(named, COLUMNS)
    for number, row in rows:
        if row["verdict"] not in WORDS:
            raise UsageError(
                f"verdict={row['verdict']!r} is none of {', '.join(WORDS)}",
                where=f"{named}, row {number}",
            )
        yield Verdict(**{name: row[name] for name in COLUMNS})


def _parquet_rows(path: str) -> Iterator[tuple[int, dict[str, str]]]:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    try:
        table = parquet.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise UsageError(f"the table can't be read: {error}", where=path) from error
    missing = set(COLUMNS) - set(table.column_names)
    if missing:
        raise UsageError(f"the table has no column {sorted(missing)[0]!r}", where=path)
    yield from enumerate(table.select(list(COLUMNS)).to_pylist(), 1)


def latest_verdicts(path: str | os.PathLike[str]) -> tuple[list[Verdict], int]:
    """The last verdict of a person on each pair, and how many a threshold gave.

    Of two verdicts on a pair the later line holds, whatever the clock said.
    """
    people: dict[tuple[str, str], Verdict] = {}
    machine = 0
    for one in read_verdicts(path):
        if one.machine:
            machine += 1
        else:
            people[one.key] = one
    return list(people.values()), machine
