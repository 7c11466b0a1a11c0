"""Embeddings in files: the ending says the form, and what is there is not replaced unasked."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike.embeddings.npy import read_npy
from lookalike.embeddings.table import VECTOR, Heading
from lookalike.embeddings.tsv import read_tsv, write_tsv
from lookalike.errors import (
    EngineWarning,
    LookalikeError,
    OverwriteError,
    StoreError,
    UsageError,
)

if TYPE_CHECKING:
    from lookalike.embeddings.embeddings import Embeddings


OTHERS = frozenset({".csv", ".txt", ".json", ".npz", ".pkl", ".h5", ".feather", ".arrow", ".md"})
"""Endings of files that somebody expects, who would be surprised to find a folder of that name."""


def open_embeddings(
    path: str | os.PathLike[str], *, layer: str | None, view: str | None
) -> Embeddings:
    """See `Embeddings.open`."""
    from lookalike.embeddings.store import Store

    place = Path(path)
    if not os.path.exists(place):
        raise StoreError(
            "there is no such store or file",
            where=str(place),
            cure="lookalike embed PICTURES --store FOLDER makes a store",
        )
    if view not in (None, "") and not place.is_dir():
        raise UsageError("only a store has views", where=str(place))
    found = Store(place).read(layer=layer, view=view) if place.is_dir() else _read(place, layer)
    for warning in found.origin.warnings:
        warnings.warn(warning, EngineWarning, stacklevel=3)
    return found


def _read(place: Path, layer: str | None) -> Embeddings:
    """What a file holds; errors name the file."""
    from lookalike.embeddings.embeddings import Embeddings
    from lookalike.embeddings.shard import read_shard

    ending = place.suffix.lower()
    try:
        if ending == ".parquet":
            return Embeddings.from_arrow(read_shard(place, what="file"), layer=layer)
        if ending == ".tsv":
            return read_tsv(place)
        if ending == ".npy":
            return read_npy(place)
    except LookalikeError as error:
        error.where = error.where or str(place)
        raise
    raise StoreError(
        f"files ending in {ending or 'nothing'} hold no embeddings",
        where=str(place),
        cure="a store's folder, .parquet, .tsv or .npy",
    )


def save_embeddings(found: Embeddings, path: str | os.PathLike[str], *, force: bool) -> None:
    """See `Embeddings.save`."""
    from lookalike.embeddings.store import SHARD_INPUTS, save_store

    place = Path(path)
    ending = place.suffix.lower()
    if ending in OTHERS:
        raise UsageError(
            f"embeddings are not written as {ending}",
            where=str(place),
            cure="a name without an ending makes a store; or .parquet, .tsv, .npy",
        )
    if ending not in {".parquet", ".tsv", ".npy"}:
        views = tuple(dict.fromkeys(row.view for row in found.rows if row.ok)) or ("",)
        heading = Heading({VECTOR: found.card}, found.origin, SHARD_INPUTS, views)
        table = found.to_arrow().replace_schema_metadata(heading.to_metadata())
        save_store(place, heading, table, force=force)
        return
    replaced(place, lambda draft: _write(found, draft, ending), force=force)


def _write(found: Embeddings, draft: Path, ending: str) -> None:
    import numpy as np
    import pyarrow.parquet as parquet

    if ending == ".parquet":
        parquet.write_table(found.to_arrow(), draft, write_page_checksum=True)
    elif ending == ".tsv":
        write_tsv(found, draft)
    else:
        with open(draft, "wb") as stream:
            np.save(stream, found.vectors, allow_pickle=False)


def replaced(place: Path, write: Callable[[Path], Any], *, force: bool) -> None:
    """Write under another name and rename, so that no half file is ever read.

    Raises:
        OverwriteError: The file exists, and ``force`` is not given.
        StoreError: It can't be written.
    """
    from lookalike.embeddings.store import write_error

    if os.path.exists(place) and not force:
        raise OverwriteError("the file exists", where=str(place), cure="force=True replaces it")
    draft = place.with_name(f".{place.name[:50]}.{os.getpid()}")  # a name may be as long as can be
    try:
        write(draft)
        os.replace(draft, place)
    except OSError as error:
        raise write_error(error, place) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
