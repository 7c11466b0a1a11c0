"""One shard: a Parquet file that is read whole, held against its own checksums, or refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.embeddings.table import ROW_COLUMNS, Heading
from lookalike.errors import StoreError, VectorError
from lookalike.images.name import SHARD

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = b"lookalike.rows"
"""Key of a shard's metadata: how many rows it has."""

ANEW = "delete it and run lookalike embed again, which makes its rows anew"
"""What is to be done about a damaged shard."""


def number_of(shard: Path) -> int:
    """The number in a shard's name.

    Example:
        >>> number_of(Path("store/shard-000012.parquet"))
        12
    """
    found = SHARD.fullmatch(shard.name)
    assert found is not None
    return int(found[1])


def heading_of(shard: Path) -> Heading:
    """What the metadata of a shard say.

    Raises:
        StoreError: The file is damaged, or is no shard.
        CardError: No card, or one whose fingerprint does not hold.
    """
    import pyarrow as pa
    import pyarrow.parquet as parquet

    _require_file(shard)
    try:
        metadata = parquet.read_schema(shard).metadata
    except (OSError, ValueError, TypeError, MemoryError, pa.ArrowException) as error:
        raise _damaged(shard, error) from error
    return Heading.from_metadata(metadata, where=str(shard))


def read_shard(shard: Path, columns: list[str] | None = None, *, what: str = "shard") -> pa.Table:
    """A shard, or some of its columns, held against the checksums of its pages if it has them.

    Raises:
        StoreError: The file is damaged, or is no shard.
    """
    import pyarrow as pa
    import pyarrow.parquet as parquet

    _require_file(shard, what=what)
    try:
        file = parquet.ParquetFile(shard, page_checksum_verification=True)
        table = _as_written(file.read(columns=columns))
        rows = int((table.schema.metadata or {}).get(ROWS, file.metadata.num_rows))
        if len(table) != rows:
            raise ValueError(f"{len(table)} of its {rows} rows are there")
    except FileNotFoundError as error:
        raise StoreError(
            "the shard was removed while the store was read",
            where=str(shard),
            cure="read it again; another process brought it up to date",
        ) from error
    except (OSError, ValueError, TypeError, MemoryError, pa.ArrowException) as error:
        raise _damaged(shard, error, what=what) from error
    missing = set(columns or ()) - set(table.column_names)
    if missing:
        raise _damaged(shard, f"no column {', '.join(sorted(missing))}", what=what)
    return table


def _as_written(table: pa.Table) -> pa.Table:
    """Columns of rows in the types that they have in a store, whoever wrote it."""
    import pyarrow as pa

    for name, kind in ROW_COLUMNS.items():
        place = table.schema.get_field_index(name)
        wanted = pa.type_for_alias(kind)
        if place >= 0 and table.schema.field(place).type != wanted:
            table = table.set_column(place, pa.field(name, wanted), table[name].cast(wanted))
    return table


@contextmanager
def about_shard(shard: Path) -> Iterator[None]:
    """Names the shard, and the cure, in errors about what is in it."""
    try:
        yield
    except (StoreError, VectorError) as error:
        error.where = error.where or str(shard)
        error.cure = ANEW
        raise


def _require_file(shard: Path, *, what: str = "shard") -> None:
    """Refuse a pipe or a device, whose opening can wait for ever."""
    if os.path.exists(shard) and not os.path.isfile(shard):
        raise _damaged(shard, "it is no regular file", what=what)


def _damaged(shard: Path, error: object, *, what: str = "shard") -> StoreError:
    cure = ANEW if what == "shard" else ""
    return StoreError(f"the {what} can't be read: {error}", where=str(shard), cure=cure)
