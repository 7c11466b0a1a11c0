"""``.npy`` files of other tools: plain vectors, and dictionaries read without running code."""

from __future__ import annotations

import pickle
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lookalike.embeddings.plain_pickle import load_plain
from lookalike.errors import LookalikeError, StoreError, UsageError

if TYPE_CHECKING:
    from lookalike.embeddings.embeddings import Embeddings

SIDES = (("left", "left_name"), ("right", "right_name"))
OLD_NAMES = {"left_ebds": "left", "right_ebds": "right"}


def read_plain_npy(path: Path) -> Any:
    """The content of a ``.npy`` file: an array, or the plain object pickled inside.

    Raises:
        StoreError: No such file, no ``.npy``, or one that holds objects other than arrays,
            numbers, text and plain containers, whose reading could run code.
    """
    try:
        with open(path, "rb") as stream:
            version = np.lib.format.read_magic(stream)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read(stream)
            if not dtype.hasobject:
                stream.seek(0)
                return np.load(stream, allow_pickle=False)
            content = load_plain(stream.read())
    except pickle.UnpicklingError as error:
        raise StoreError(
            f"the file holds more than arrays and plain containers: {error}",
            where=str(path),
            cure="reading it could run code; save plain arrays instead",
        ) from error
    except (OSError, ValueError, EOFError, TypeError, tokenize.TokenError, MemoryError) as error:
        raise StoreError(f"this is no .npy file: {error}", where=str(path)) from error
    return content.item() if isinstance(content, np.ndarray) and shape == () else content


def read_npy(path: Path, *, encoder: str | None = None) -> Embeddings:
    """Embeddings from a ``.npy`` of vectors, or of a dictionary from name to vector.

    Args:
        path: The file.
        encoder: A name for what made the vectors; the file's name if omitted.

    Raises:
        StoreError: Another content; a left/right dictionary, for which see `read_partners`.
    """
    from lookalike.embeddings.embeddings import Embeddings

    content = read_plain_npy(path)
    name = encoder or path.stem
    if isinstance(content, np.ndarray) and content.ndim == 2:
        return Embeddings.from_numpy(content, encoder=name)
    if isinstance(content, dict) and _renamed(content).keys() >= {"left", "right"}:
        raise StoreError(
            "the file holds partners, left and right",
            where=str(path),
            cure="use lookalike.embeddings.npy.read_partners",
        )
    if isinstance(content, dict) and content:
        ids = [str(key) for key in content]
        try:
            return Embeddings.from_numpy(np.stack(list(content.values())), ids, encoder=name)
        except (ValueError, TypeError) as error:
            raise StoreError(
                f"the dictionary holds no vectors: {error}", where=str(path)
            ) from error
    raise StoreError(f"the file holds a {type(content).__name__}, no vectors", where=str(path))


def read_partners(path: Path, *, encoder: str | None = None) -> tuple[Embeddings, Embeddings]:
    """Both sides of a left/right dictionary, row by row partners of each other.

    Args:
        path: A ``.npy`` file with a pickled dictionary of ``left``, ``right`` (M, D) (older files:
            ``left_ebds``, ``right_ebds``) and ``left_name``, ``right_name`` (M names).
        encoder: A name for what made the vectors; the file's name if omitted.

    Raises:
        StoreError: Another content, or sides of different lengths.
    """
    from lookalike.embeddings.embeddings import Embeddings

    content = read_plain_npy(path)
    found = _renamed(content) if isinstance(content, dict) else {}
    missing = {"left", "right"} - found.keys()
    if missing:
        raise StoreError(
            f"no left/right dictionary: it lacks {', '.join(sorted(missing))}", where=str(path)
        )
    name = encoder or path.stem
    sides = []
    for vectors, names in SIDES:
        try:
            ids = [str(one) for one in found[names]] if names in found else None
            sides.append(Embeddings.from_numpy(np.asarray(found[vectors]), ids, encoder=name))
        except (LookalikeError, ValueError, TypeError) as error:
            raise StoreError(f"{vectors} holds no vectors: {error}", where=str(path)) from error
    left, right = sides
    if left.vectors.shape != right.vectors.shape:
        shapes = f"{left.vectors.shape} left, {right.vectors.shape} right"
        raise StoreError(f"the sides have different shapes: {shapes}", where=str(path))
    return left, right


def write_partners(path: Path, left: Embeddings, right: Embeddings, *, force: bool = False) -> None:
    """Write a left/right dictionary as other tools read it.

    Raises:
        OverwriteError: The file exists, and ``force`` is not given.
        FingerprintError: Both sides are of different encoders.
        UsageError: Sides of different lengths.
    """
    from lookalike.embeddings.files import replaced

    left.require_comparable(right)
    if len(left.vectors) != len(right.vectors):
        raise UsageError(f"{len(left.vectors)} vectors left, {len(right.vectors)} right")
    content = {
        "left": left.vectors,
        "right": right.vectors,
        "left_name": list(left.ids),
        "right_name": list(right.ids),
    }

    def write(draft: Path) -> None:
        with open(draft, "wb") as stream:
            np.save(stream, np.array(content, dtype=object), allow_pickle=True)

    replaced(path, write, force=force)


def _renamed(content: dict[Any, Any]) -> dict[Any, Any]:
    return {OLD_NAMES.get(key, key): value for key, value in content.items()}
