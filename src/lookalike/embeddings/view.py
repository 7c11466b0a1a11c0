"""Embeddings as people see them: the encoder, and what became of each input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lookalike.embeddings.remarks import Remarks
from lookalike.images import Picture, decode
from lookalike.images.place import ReadError, file_place
from lookalike.report import Column, Table, View

if TYPE_CHECKING:
    from lookalike.embeddings.embeddings import Embeddings
    from lookalike.embeddings.row import Row

MOST_SHOWN = 48


def embeddings_view(embeddings: Embeddings) -> View:
    """A row per input, the first `MOST_SHOWN`, with its picture where its file is at hand."""
    rows = embeddings.rows[:MOST_SHOWN]
    norms = iter(np.linalg.norm(embeddings.vectors[:MOST_SHOWN].astype(np.float64), axis=1))
    cells = [
        {
            "picture": row.id,
            "id": row.id,
            "size": f"{row.width} x {row.height}" if row.width else None,
            "norm": float(next(norms)) if row.ok else None,
            "reason": None if row.ok else f"{row.reason}: {row.detail}",
        }
        for row in rows
    ]
    columns = (
        Column("picture", "", "picture"),
        Column("id", "picture"),
        Column("size", "pixels"),
        Column("norm", "norm of the vector", "number", digits=3),
        Column("reason", "why there is no vector"),
    )
    card = embeddings.card
    more = len(embeddings) - len(rows)
    return View(
        title=repr(embeddings),
        tables=(Table(columns, cells, card.name),),
        notes=(
            *([f"and {more:,} more inputs"] if more else []),
            f"length {card.dim}, layer {card.layer}, {embeddings.engine}, "
            f"fingerprint {card.fingerprint[:12]}",
        ),
        warnings=(*card.warnings, *embeddings.origin.warnings, *Remarks(embeddings.rows).notes),
        pictures={row.id: found for row in rows if (found := _thumbnail(row))},
    )


def _thumbnail(row: Row) -> bytes | None:
    if not row.ok or row.path is None or row.path != row.id:
        return None
    picture = decode(file_place(row.path))
    try:
        return picture.thumbnail() if isinstance(picture, Picture) else None
    except ReadError:
        return None
