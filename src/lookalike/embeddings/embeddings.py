"""Embeddings: vectors of one encoder, with exactly one row for every input."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

from numpy.typing import NDArray

from lookalike.embeddings.card import Card
from lookalike.errors import CardError, FingerprintError, UsageError
from lookalike.images import Reason
from lookalike.report import html_fragment

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Row:
    """What became of one input.

    Attributes:
        id: The input's id.
        path: Its file; None for pictures from memory.
        reason: None if it has a vector, else why not.
        detail: A sentence about the failure; empty if it has a vector.
        width: Width in pixels, upright; 0 if unknown.
        height: Height in pixels, upright; 0 if unknown.
    """

    id: str
    path: str | None = None
    reason: Reason | None = None
    detail: str = ""
    width: int = 0
    height: int = 0

    @property
    def ok(self) -> bool:
        """Whether the input has a vector."""
        return self.reason is None


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Vectors with the card that explains them, and one row for every input.

    Attributes:
        card: The encoder's card.
        rows: One per input, in the order of the source, failures included.
        vectors: (M, D), float32, or uint8 zeros and ones for hashes: one per row that is ok, in
            the order of the rows. `ids` names them.
        engine: What ran the encoder, e.g. ``openvino f32 on CPU``; recorded, not compared.

    Example:
        >>> import lookalike, numpy as np
        >>> found = lookalike.load_encoder("pixels").encode(
        ...     [np.zeros((8, 8, 3), np.uint8), "no/such/file.jpg"])
        >>> len(found), found.vectors.shape[0], found.failures[0].reason.value
        (2, 1, 'missing')
    """

    card: Card
    rows: tuple[Row, ...]
    vectors: NDArray[Any]
    engine: str = ""

    def __post_init__(self) -> None:
        embedded = sum(row.ok for row in self.rows)
        if self.vectors.shape != (embedded, self.card.dim):
            raise UsageError(
                f"{embedded} rows with a vector of length {self.card.dim} can't hold vectors of "
                f"shape {self.vectors.shape}"
            )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def fingerprint(self) -> str:
        """The card's fingerprint."""
        return self.card.fingerprint

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the rows that have a vector: ``ids[n]`` names ``vectors[n]``."""
        return tuple(row.id for row in self.rows if row.ok)

    @property
    def positions(self) -> tuple[int, ...]:
        """Row → position of its vector in `vectors`; -1 for a row without one."""
        count = iter(range(len(self.vectors)))
        return tuple(next(count) if row.ok else -1 for row in self.rows)

    @property
    def failures(self) -> tuple[Row, ...]:
        """The rows without a vector, each with its reason."""
        return tuple(row for row in self.rows if not row.ok)

    def __getitem__(self, id: str) -> NDArray[Any]:
        """The (D,) vector of an id; KeyError with the reason if it has none."""
        for position, known in enumerate(self.ids):
            if known == id:
                vector: NDArray[Any] = self.vectors[position]
                return vector
        failed = next((row for row in self.failures if row.id == id), None)
        raise KeyError(f"{id}: {failed.reason}, {failed.detail}" if failed else id)

    def require_comparable(self, other: Embeddings) -> None:
        """Raise `FingerprintError` with the cards' differences unless fingerprints agree."""
        differences = self.card.differences(other.card)
        if differences:
            raise FingerprintError(
                f"vectors of {self.card.name} and {other.card.name} can't be compared: "
                + "; ".join(differences),
                cure="encode both sides with the same encoder",
            )

    def to_arrow(self) -> pa.Table:
        """A table with a row per input, and the card as JSON in the schema's metadata.

        Columns: id, path, reason, detail, width, height, vector (fixed-size list, null where
        there is a reason).
        """
        import pyarrow as pa

        rows = {
            "id": [stored_name(row.id) for row in self.rows],
            "path": [None if row.path is None else stored_name(row.path) for row in self.rows],
            "reason": [None if row.reason is None else row.reason.value for row in self.rows],
            "detail": [row.detail.encode("utf-8", "replace").decode() for row in self.rows],
            "width": [row.width for row in self.rows],
            "height": [row.height for row in self.rows],
        }
        kind = pa.list_(pa.from_numpy_dtype(self.vectors.dtype), self.card.dim)
        present = iter(self.vectors)
        vectors = pa.array([next(present) if row.ok else None for row in self.rows], kind)
        metadata = {
            "lookalike.card": json.dumps(self.card.to_dict()),
            "lookalike.engine": self.engine,
        }
        text, number = pa.string(), pa.int32()
        types = {name: number if name in {"width", "height"} else text for name in rows}
        table = pa.table(rows, schema=pa.schema(types))
        return table.append_column("vector", vectors).replace_schema_metadata(metadata)

    @classmethod
    def from_arrow(cls, table: pa.Table) -> Embeddings:
        """The inverse of `to_arrow`.

        Raises:
            CardError: No card in the metadata, or one whose fingerprint does not hold.

        Example:
            >>> import lookalike, numpy as np
            >>> found = lookalike.load_encoder("pixels").encode([np.zeros((8, 8, 3), np.uint8)])
            >>> Embeddings.from_arrow(found.to_arrow()).fingerprint == found.fingerprint
            True
        """
        metadata = table.schema.metadata or {}
        try:
            plain = json.loads(metadata.get(b"lookalike.card", b"{}"))
        except ValueError as error:
            raise CardError(f"the card is no JSON: {error}", where="schema metadata") from error
        card = Card.from_dict(plain, where="schema metadata")
        rows = tuple(
            Row(
                id=restored_name(one["id"]),
                path=None if one["path"] is None else restored_name(one["path"]),
                reason=None if one["reason"] is None else Reason(one["reason"]),
                detail=one["detail"],
                width=one["width"],
                height=one["height"],
            )
            for one in table.drop_columns(["vector"]).to_pylist()
        )
        column = table["vector"].combine_chunks().drop_null()
        vectors = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, card.dim)
        return cls(card, rows, vectors, metadata.get(b"lookalike.engine", b"").decode())

    def __repr__(self) -> str:
        return (
            f"Embeddings({len(self)} inputs, {len(self.vectors)} vectors of length "
            f"{self.card.dim}, {len(self.failures)} failures, {self.card.name})"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: pictures (the first `MOST_SHOWN`) and what became of them."""
        from lookalike.embeddings.view import embeddings_view

        return html_fragment(embeddings_view(self))


MARK = "percent:"
"""Begins a stored name that is percent-encoded, because its bytes are not UTF-8."""


def stored_name(name: str) -> str:
    r"""A file name as valid text, without loss: names with non-UTF-8 bytes are percent-encoded.

    Example:
        >>> stored_name("caf\udce9.jpg"), restored_name("percent:caf%E9.jpg") == "caf\udce9.jpg"
        ('percent:caf%E9.jpg', True)
    """
    valid = name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)
    if valid and not name.startswith(MARK):
        return name
    return MARK + quote(name.encode("utf-8", "surrogateescape"))


def restored_name(stored: str) -> str:
    """The inverse of `stored_name`."""
    if not stored.startswith(MARK):
        return stored
    return unquote_to_bytes(stored[len(MARK) :]).decode("utf-8", "surrogateescape")
