"""Tables of embeddings as data frames of pandas and polars."""

from __future__ import annotations

from typing import Any

from lookalike.embeddings.card import Card
from lookalike.embeddings.origin import Origin
from lookalike.embeddings.table import VECTOR, Heading
from lookalike.errors import CardError, StoreError
from lookalike.extras import require

ATTRIBUTE = "lookalike"
"""Key under which a pandas frame's ``attrs`` keep the metadata."""


def to_pandas(table: Any) -> Any:
    """A table as a pandas frame; vectors as arrays, integers that can be missing stay integers."""
    pandas: Any = require("pandas", purpose="data frames of pandas")
    frame = table.to_pandas(integer_object_nulls=True)
    metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    frame.attrs[ATTRIBUTE] = metadata
    assert isinstance(frame, pandas.DataFrame)
    return frame


def from_pandas(frame: Any, card: Card | None) -> Any:
    """A pandas frame as a table with the types and metadata of a store.

    Raises:
        CardError: The frame's ``attrs`` hold no card, and none is given.
    """
    import pyarrow as pa

    if card is not None:
        heading = Heading({VECTOR: card}, Origin())
    else:
        found = frame.attrs.get(ATTRIBUTE)
        if found is None:
            raise CardError("the frame's attrs hold no card", cure="give card=")
        metadata = {key.encode(): value.encode() for key, value in found.items()}
        heading = Heading.from_metadata(metadata, where="attrs of the frame")
    schema = heading.schema()
    kept = [field for field in schema if field.name in frame.columns]
    try:
        table = pa.Table.from_pandas(frame, pa.schema(kept, schema.metadata), preserve_index=False)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise StoreError(f"the frame's columns are not those of embeddings: {error}") from error
    return table.replace_schema_metadata(schema.metadata)


def to_polars(table: Any) -> Any:
    """A table as a polars frame."""
    return require("polars", purpose="data frames of polars").from_arrow(table)
