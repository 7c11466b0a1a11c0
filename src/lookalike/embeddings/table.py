"""The table form of embeddings: the columns and metadata that a store's shards have.

`docs/embeddings/store.md` describes it for readers without lookalike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.embeddings.card import Card
from lookalike.embeddings.origin import Origin
from lookalike.embeddings.row import Row
from lookalike.embeddings.stored_name import restored_name, stored_name
from lookalike.errors import (
    CardError,
    LostRowsError,
    StoreError,
    UnknownNameError,
    UsageError,
    VectorError,
)
from lookalike.images import Reason

if TYPE_CHECKING:
    import pyarrow as pa

Array: TypeAlias = "NDArray[Any]"

FORMAT = "1"
"""Version of the format; a reader refuses a newer one."""

VECTOR = "vector"
"""Column of the vectors; with several layers there is ``vector:LAYER`` for each."""

KEYS = tuple(
    f"lookalike.{name}" for name in ("format", "layers", "origin", "shard_inputs", "views")
)
"""What the metadata hold, beside a digest of it."""

ROW_COLUMNS = {
    "id": "string",
    "path": "string",
    "view": "string",
    "outcome": "string",
    "reason": "string",
    "detail": "string",
    "width": "int32",
    "height": "int32",
    "digest": "string",
    "file_bytes": "int64",
    "file_mtime_ns": "int64",
}
"""Columns before the vectors → their Arrow types."""


@dataclass(frozen=True)
class Heading:
    """What the metadata of a table say: a card for each column of vectors, and their origin.

    Attributes:
        cards: Column → card.
        origin: What made the vectors.
        shard_inputs: Inputs per full shard of the store; 0 for a table that is no shard.
        views: Names of the views that each input has a row for, the whole picture first.
    """

    cards: Mapping[str, Card]
    origin: Origin
    shard_inputs: int = 0
    views: tuple[str, ...] = ("",)

    def to_metadata(self) -> dict[str, str]:
        """The schema's metadata."""
        layers = [{"column": column, "card": card.to_dict()} for column, card in self.cards.items()]
        told = {
            "lookalike.format": FORMAT,
            "lookalike.layers": json.dumps(layers),
            "lookalike.origin": json.dumps(self.origin.to_dict()),
            "lookalike.shard_inputs": str(self.shard_inputs),
            "lookalike.views": json.dumps(list(self.views)),
        }
        return told | {"lookalike.digest": _digest(told)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[bytes, bytes] | None, *, where: str) -> Heading:
        """The inverse of `to_metadata`.

        Raises:
            CardError: No card, or one whose fingerprint does not hold.
            StoreError: A newer format.
        """
        found = {
            key.decode(): value.decode(errors="replace")
            for key, value in (metadata or {}).items()
            if key.startswith(b"lookalike.") and key.isascii()
        }
        version = found.get("lookalike.format")
        if version is None:
            raise CardError("no card of lookalike is in the table's metadata", where=where)
        if version != FORMAT:
            raise StoreError(
                f"the table has format {version}, this version reads {FORMAT}",
                where=where,
                cure="use the version of lookalike that wrote it, or a newer one",
            )
        try:
            layers = json.loads(found["lookalike.layers"])
            plain = {one["column"]: dict(one["card"]) for one in layers}
            origin = Origin.from_dict(json.loads(found["lookalike.origin"]))
            views = tuple(json.loads(found["lookalike.views"]))
            shard_inputs = int(found["lookalike.shard_inputs"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CardError(f"the metadata are damaged: {error!r}", where=where) from error
        if not plain:
            raise CardError("the metadata hold no card", where=where)
        cards = {column: _card(one, where) for column, one in plain.items()}
        if found.get("lookalike.digest", _digest(found)) != _digest(found):
            raise CardError("the metadata are damaged: their digest is another one", where=where)
        return cls(cards, origin, shard_inputs, views)

    def column(self, layer: str | None = None) -> str:
        """The column of a layer, which may be left out if there is only one.

        Raises:
            UsageError: Several layers, and none was named.
            UnknownNameError: No such layer.
        """
        by_layer = {card.layer: column for column, card in self.cards.items()}
        if layer is None:
            if len(by_layer) > 1:
                raise UsageError(
                    f"there are {len(by_layer)} layers", cure="name one: " + ", ".join(by_layer)
                )
            return next(iter(self.cards))
        if layer not in by_layer:
            raise UnknownNameError("layer", layer, by_layer)
        return by_layer[layer]

    def schema(self) -> pa.Schema:
        """The columns and their types, with the metadata."""
        import pyarrow as pa

        fields = [pa.field(name, pa.type_for_alias(kind)) for name, kind in ROW_COLUMNS.items()]
        fields += [
            pa.field(column, pa.list_(pa.from_numpy_dtype(card.no_vectors().dtype), card.dim))
            for column, card in self.cards.items()
        ]
        return pa.schema(fields, self.to_metadata())


def _digest(told: Mapping[str, str]) -> str:
    """SHA-256 over what the metadata say, but for itself."""
    lines = [f"{key}={told[key]}" for key in sorted(told) if key in KEYS]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "backslashreplace")).hexdigest()


def _card(plain: dict[str, Any], where: str) -> Card:
    key = json.dumps(plain, sort_keys=True)
    if key not in _cards:
        if len(_cards) > 64:
            _cards.clear()
        _cards[key] = Card.from_dict(plain, where=where)
    return _cards[key]


_cards: dict[str, Card] = {}
"""Cards that were checked already: the many shards of a store all carry the same one."""


def column_of(card: Card, several: bool) -> str:
    """The column that holds a card's vectors.

    Example:
        >>> import lookalike
        >>> column_of(lookalike.load_encoder("pixels").card, several=True)
        'vector:statistics'
    """
    return f"{VECTOR}:{card.layer}" if several else VECTOR


def to_table(heading: Heading, rows: Sequence[Row], vectors: Mapping[str, Array]) -> pa.Table:
    """A table with one row for each of ``rows``.

    Args:
        heading: Its columns of vectors.
        rows: In order.
        vectors: Column → (M, D), one per row that is ok, in the order of the rows.

    Raises:
        LostRowsError: More or fewer vectors than rows that are ok, or of another length.
    """
    import pyarrow as pa

    cells: dict[str, list[Any]] = {
        "id": [stored_name(row.id) for row in rows],
        "path": [None if row.path is None else stored_name(row.path) for row in rows],
        "view": [row.view for row in rows],
        "outcome": ["embedded" if row.ok else "failed" for row in rows],
        "reason": [None if row.reason is None else row.reason.value for row in rows],
        "detail": [row.detail.encode("utf-8", "replace").decode() for row in rows],
        "width": [row.width for row in rows],
        "height": [row.height for row in rows],
        "digest": [row.digest or None for row in rows],
        "file_bytes": [row.file_bytes for row in rows],
        "file_mtime_ns": [row.file_mtime_ns for row in rows],
    }
    schema = heading.schema()
    ok = np.fromiter((row.ok for row in rows), bool, len(rows))
    for column, card in heading.cards.items():
        wanted, found = (int(ok.sum()), card.dim), np.shape(vectors.get(column, ()))
        if found != wanted:
            raise LostRowsError(
                f"{wanted[0]} rows with a vector of length {wanted[1]} can't hold vectors of shape "
                f"{found}",
                where=column,
            )
    columns = [pa.array(cells[name], schema.field(name).type) for name in ROW_COLUMNS]
    columns += [
        _fixed_lists(vectors[column], ok, schema.field(column).type) for column in heading.cards
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _fixed_lists(vectors: Array, ok: NDArray[np.bool_], kind: Any) -> Any:
    """(M, D) as fixed-size lists with a null where there is no vector."""
    import pyarrow as pa

    full = vectors
    if not ok.all():
        full = np.zeros((len(ok), vectors.shape[1]), vectors.dtype)
        full[ok] = vectors
    flat = pa.array(np.ascontiguousarray(full).ravel(), kind.value_type)
    mask = None if ok.all() else pa.array(~ok)
    return pa.FixedSizeListArray.from_arrays(flat, type=kind, mask=mask)


def read_table(table: pa.Table, column: str, card: Card) -> tuple[tuple[Row, ...], Array]:
    """The rows of a table, and (M, D) of those that have a vector.

    Raises:
        StoreError: As `rows_of` and `vectors_of`; and a row with both a reason and a vector, or
            with neither.
        VectorError: As `vectors_of`.
    """
    rows, vectors = rows_of(table), vectors_of(table, column, card)
    ok = np.fromiter((row.ok for row in rows), bool, len(rows))
    wrong = np.flatnonzero(table[column].is_valid().to_numpy() != ok)
    if len(wrong):
        what = "neither a vector nor a reason" if ok[wrong[0]] else "a vector and a reason"
        raise StoreError(f"row {wrong[0]} has {what}: {rows[wrong[0]].id}")
    return rows, vectors


def vectors_of(table: pa.Table, column: str, card: Card) -> Array:
    """(M, D) of the rows that have a vector.

    Raises:
        StoreError: No such column, or vectors of another length or type.
        VectorError: Numbers that are not finite, or bits that are neither zero nor one.
    """
    import pyarrow as pa

    if column not in table.column_names:
        raise StoreError(f"the table has no column {column!r}", cure="its card says that it should")
    dtype = card.no_vectors().dtype
    try:
        lists = table[column].cast(pa.list_(pa.from_numpy_dtype(dtype), card.dim))
    except (pa.ArrowException, ValueError) as error:
        problem = f"column {column!r} holds no vectors of length {card.dim}: {error}"
        raise StoreError(problem) from error
    parts = [chunk.drop_null().flatten() for chunk in lists.chunks]
    flat = [part.to_numpy(zero_copy_only=False) for part in parts]
    vectors = np.concatenate([np.zeros(0, dtype), *flat]).reshape(-1, card.dim)
    sound = vectors <= 1 if card.kind == "bits" else np.isfinite(vectors)
    if not sound.all():
        wanted = "zeros and ones" if card.kind == "bits" else "finite numbers"
        place = int(np.flatnonzero(~sound.all(axis=1))[0])
        raise VectorError(
            f"vector {place} of {len(vectors)} holds other values than {wanted}",
            cure="they were damaged, or made elsewhere; make them anew",
        )
    return vectors


def rows_of(table: pa.Table) -> tuple[Row, ...]:
    """The rows of a table; columns that it lacks are empty.

    Raises:
        StoreError: A reason that no version knows, or no column of ids.
    """
    if "id" not in table.column_names:
        raise StoreError(f"the table has no column 'id', only {', '.join(table.column_names)}")
    known = [name for name in ROW_COLUMNS if name in table.column_names and name != "outcome"]
    try:
        return tuple(_row(one) for one in table.select(known).to_pylist())
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreError(f"the table holds a row that makes no sense: {error}") from error


def _row(cells: dict[str, Any]) -> Row:
    path, reason = cells.get("path"), cells.get("reason")
    return Row(
        id=restored_name(cells["id"]),
        path=None if path is None else restored_name(path),
        reason=None if reason is None else Reason(reason),
        detail=cells.get("detail") or "",
        width=cells.get("width") or 0,
        height=cells.get("height") or 0,
        view=cells.get("view") or "",
        digest=cells.get("digest") or "",
        file_bytes=cells.get("file_bytes"),
        file_mtime_ns=cells.get("file_mtime_ns"),
    )
