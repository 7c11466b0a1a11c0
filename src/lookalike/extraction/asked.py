"""What is asked of `embed`, held against itself before anything is touched."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from lookalike.embeddings import Store
from lookalike.encoders import Encoder, Runtime
from lookalike.errors import StoreError, UsageError
from lookalike.images import ImageSource, Limits, Pictures


def refuse_contradictions(
    model: str | Encoder | None, runtime: Runtime | None, exact: bool, shard_inputs: int | None
) -> None:
    """Refuse options of `embed` that can't hold together."""
    if exact and runtime is not None and runtime.precision not in {"auto", "f32"}:
        raise UsageError(
            f"exact means f32, and {runtime.precision} was asked for", cure="leave one of them out"
        )
    if isinstance(model, Encoder) and runtime is not None:
        raise UsageError(
            "an encoder that is loaded has its engine and precision already",
            cure="leave runtime out, or give the encoder's name",
        )
    if shard_inputs is not None and shard_inputs < 1:
        raise UsageError("a shard holds at least one input", where=f"shard_inputs={shard_inputs}")


def require_there(source: ImageSource) -> None:
    """Refuse to prune by a folder that is misspelt, or whose disk is missing."""
    for root in source.roots():
        if root and not os.path.lexists(root):
            raise UsageError(
                "there is no such file or folder, and all of its rows would be pruned",
                where=root,
                cure="correct its name, or leave it out",
            )


def require_apart(store: Store, source: ImageSource) -> None:
    """Refuse to write a store among pictures, where its files would be in everybody's way."""
    if store.others() and any(_same_folder(root, store.folder) for root in source.roots()):
        raise StoreError(
            "the store would lie among the pictures",
            where=str(store.folder),
            cure=f"give it a folder of its own, such as {store.folder / 'vectors'}; files "
            "shard-*.parquet that are here already may move there",
        )
    store.require_own_folder()


def _same_folder(one: str, other: Path) -> bool:
    try:
        return os.path.samefile(one or os.curdir, other)
    except (OSError, ValueError):
        return False


def source_of(
    pictures: Sequence[Pictures | ImageSource],
    include: str | Sequence[str],
    limits: Limits | None,
) -> ImageSource:
    """The source of what was given: one of its own, or one made of it.

    Raises:
        UsageError: A pattern or limits for a source that has its own.
    """
    if len(pictures) == 1 and isinstance(pictures[0], ImageSource):
        if include != "*" or limits is not None:
            raise UsageError(
                "an ImageSource has its pattern and limits already", cure="give them to it instead"
            )
        return pictures[0]
    return ImageSource(*pictures, include=include, limits=limits)
