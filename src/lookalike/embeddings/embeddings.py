"""Embeddings: vectors of one encoder, with exactly one row for every input."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.embeddings.card import Card, foreign_card
from lookalike.embeddings.origin import Origin
from lookalike.embeddings.row import Row
from lookalike.embeddings.table import VECTOR, Heading, read_table, to_table
from lookalike.errors import FingerprintError, UsageError, VectorError
from lookalike.report import html_fragment

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Vectors with the card that explains them, and one row for every input.

    Attributes:
        card: The encoder's card.
        rows: One per input, in the order of the source, failures included.
        vectors: (M, D), float32, or uint8 zeros and ones for hashes: one per row that is ok, in
            the order of the rows. `ids` names them.
        origin: What made them; recorded, not compared.

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
    origin: Origin = field(default_factory=Origin)

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
    def engine(self) -> str:
        """What ran the encoder, e.g. ``openvino f32 on CPU``."""
        return self.origin.engine

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
        if not isinstance(id, str):
            raise TypeError(f"vectors are found by the id of their row, not by {id!r}; see vectors")
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

    def joined(self, *others: Embeddings) -> Embeddings:
        """These rows and vectors, followed by those of others of the same encoder.

        Raises:
            FingerprintError: The encoders differ; names how.

        Example:
            >>> import lookalike
            >>> one = lookalike.load_encoder("pixels").encode([np.zeros((8, 8, 3), np.uint8)])
            >>> len(one.joined(one, one))
            3
        """
        for other in others:
            self.require_comparable(other)
        parts = (self, *others)
        origin = next((one.origin for one in parts if one.origin.warnings), self.origin)
        return Embeddings(
            self.card,
            tuple(row for part in parts for row in part.rows),
            np.concatenate([part.vectors for part in parts]),
            origin,
        )

    @classmethod
    def open(
        cls, path: str | PathLike[str], *, layer: str | None = None, view: str | None = ""
    ) -> Embeddings:
        """Embeddings from a store, a Parquet file, a TSV, or a ``.npy`` of vectors.

        Says as a `EngineWarning` if the engine that made them did not agree with its reference.

        Args:
            path: A store's folder; a file ``.parquet``, ``.tsv`` or ``.npy``.
            layer: Which layer, if there are several.
            view: Of a store: rows of that view (empty for the whole pictures); None for all.

        Raises:
            StoreError: Nothing there, or damaged.
            VectorError: Numbers that are not finite.
            FingerprintError: A store of different encoders, with the differences named.
        """
        from lookalike.embeddings.files import open_embeddings

        return open_embeddings(path, layer=layer, view=view)

    def save(self, path: str | PathLike[str], *, force: bool = False) -> None:
        """Write a store (a folder), a ``.parquet``, a ``.tsv``, or a ``.npy`` of the vectors.

        Args:
            path: Where to. The ending decides; a path without one of these endings is a folder.
            force: Whether something that is there may be replaced.

        Raises:
            OverwriteError: Something is there, and ``force`` is not given.
            StoreError: It can't be written.
        """
        from lookalike.embeddings.files import save_embeddings

        save_embeddings(self, path, force=force)

    def to_arrow(self) -> pa.Table:
        """A table with a row per input, and the card in the schema's metadata.

        Its columns and metadata are those of a store's shards, see `Store`.
        """
        heading = Heading({VECTOR: self.card}, self.origin)
        return to_table(heading, self.rows, {VECTOR: self.vectors})

    @classmethod
    def from_arrow(
        cls, table: pa.Table, *, card: Card | None = None, layer: str | None = None
    ) -> Embeddings:
        """The inverse of `to_arrow`.

        Args:
            table: With columns ``id`` and ``vector`` at least.
            card: For a table whose metadata have none, such as one that was in polars.
            layer: Which layer, if there are several.

        Raises:
            CardError: No card at all, or one whose fingerprint does not hold.
            StoreError: A column is missing, or holds vectors of another length.
            VectorError: Vectors with numbers that are not finite.
            UsageError: Several layers, and none was named.
            UnknownNameError: No such layer.

        Example:
            >>> import lookalike, numpy as np
            >>> found = lookalike.load_encoder("pixels").encode([np.zeros((8, 8, 3), np.uint8)])
            >>> Embeddings.from_arrow(found.to_arrow()).fingerprint == found.fingerprint
            True
        """
        if card is not None:
            heading = Heading({VECTOR: card}, Origin())
        else:
            heading = Heading.from_metadata(table.schema.metadata, where="schema metadata")
        column = heading.column(layer)
        rows, vectors = read_table(table, column, heading.cards[column])
        return cls(heading.cards[column], rows, vectors, heading.origin)

    def to_pandas(self) -> pandas.DataFrame:
        """A data frame with a row per input; the card is in its ``attrs``.

        Raises:
            MissingExtraError: Without pandas.
        """
        from lookalike.embeddings.frames import to_pandas

        return to_pandas(self.to_arrow())

    @classmethod
    def from_pandas(cls, frame: pandas.DataFrame, *, card: Card | None = None) -> Embeddings:
        """The inverse of `to_pandas`; ``card`` if the frame's ``attrs`` were lost on the way."""
        from lookalike.embeddings.frames import from_pandas

        return cls.from_arrow(from_pandas(frame, card), card=card)

    def to_polars(self) -> polars.DataFrame:
        """A data frame with a row per input; polars has no place for the card, keep it beside.

        Raises:
            MissingExtraError: Without polars.
        """
        from lookalike.embeddings.frames import to_polars

        return to_polars(self.to_arrow())

    @classmethod
    def from_polars(cls, frame: polars.DataFrame, *, card: Card) -> Embeddings:
        """The inverse of `to_polars`."""
        return cls.from_arrow(frame.to_arrow(), card=card)

    @classmethod
    def from_numpy(
        cls, vectors: ArrayLike, ids: list[str] | None = None, *, encoder: str | Card = "unknown"
    ) -> Embeddings:
        """Vectors that were made elsewhere.

        Args:
            vectors: (N, D), real numbers that are finite as float32, D at least 1, in each row
                at least one that float32 holds in full unless all are 0; zeros and ones for a
                card of bits.
            ids: One per row; ``row[0]``, ``row[1]``, ... if omitted.
            encoder: The card of what made them, or a name for it. Vectors under one name are
                taken to be comparable, so give different encoders different names.

        Raises:
            VectorError: Another shape, or other values.
            UsageError: Not as many ids as vectors.

        Example:
            >>> Embeddings.from_numpy([[3.0, 4.0]], ["a.jpg"], encoder="clip_rn50x4")
            Embeddings(1 inputs, 1 vectors of length 2, 0 failures, clip_rn50x4)
        """
        found = np.asarray(vectors)
        if found.ndim != 2 or found.shape[1] == 0 or found.dtype.kind not in "iuf":
            raise VectorError(f"vectors are (N, D) numbers, not {found.dtype} of {found.shape}")
        names = [f"row[{n}]" for n in range(len(found))] if ids is None else ids
        if len(names) != len(found):
            raise UsageError(f"{len(names)} ids for {len(found)} vectors")
        card = encoder if isinstance(encoder, Card) else foreign_card(encoder, found.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):
            kept = found.astype(card.no_vectors().dtype)
        if not np.isfinite(kept).all():
            raise VectorError("the vectors hold values that are not finite in float32")
        if found.dtype.kind == "f" and _too_short(found).any():
            raise VectorError(
                "the vectors hold rows that are too short for float32, which would make them zeros",
                cure="multiply all of them by one number",
            )
        if card.kind == "bits" and not np.isin(found, (0, 1)).all():
            raise VectorError("vectors of bits hold zeros and ones only")
        return cls(card, tuple(Row(name) for name in names), kept)

    def __repr__(self) -> str:
        return (
            f"Embeddings({len(self)} inputs, {len(self.vectors)} vectors of length "
            f"{self.card.dim}, {len(self.failures)} failures, {self.card.name})"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: pictures (the first `MOST_SHOWN`) and what became of them."""
        from lookalike.embeddings.view import embeddings_view

        return html_fragment(embeddings_view(self))


def _too_short(vectors: NDArray[Any]) -> NDArray[np.bool_]:
    """(N,) whether float32 loses digits of all that is not 0 in a row."""
    largest = np.abs(vectors).max(axis=1)
    short: NDArray[np.bool_] = (largest > 0) & (largest < np.finfo(np.float32).tiny)
    return short & (vectors.dtype.itemsize > np.dtype(np.float32).itemsize)
