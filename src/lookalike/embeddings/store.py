"""A store: a folder of Parquet shards that anyone can read, and nobody can read half of."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.embeddings.card import Card
from lookalike.embeddings.embeddings import Embeddings
from lookalike.embeddings.ledger import Ledger, Tally, tally_of
from lookalike.embeddings.origin import Origin
from lookalike.embeddings.row import Row
from lookalike.embeddings.shard import ROWS, about_shard, heading_of, number_of, read_shard
from lookalike.embeddings.table import ROW_COLUMNS, Heading, read_table
from lookalike.errors import FingerprintError, StoreError, UnknownNameError
from lookalike.images.name import SHARD, is_litter

if TYPE_CHECKING:
    import pyarrow as pa


DRAFTS = (".shard-", ".encoder.json.", ".beginnings.json.")
"""How files begin that a run was still writing when it ended."""

REPEATING = ("view", "outcome", "reason", "detail", "width", "height")
"""Columns with few values, which are stored once and counted."""

SHARD_INPUTS = 1024
"""Inputs per shard; a run that ends without warning loses the one or two that it had in hand."""


@dataclass(frozen=True)
class Store:
    """A folder of shards; opened without reading more than the metadata.

    Attributes:
        folder: Where it is.

    Example:
        >>> import tempfile, lookalike, numpy as np
        >>> found = lookalike.load_encoder("pixels").encode([np.zeros((8, 8, 3), np.uint8)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found.save(folder)
        ...     Store(Path(folder)).read().fingerprint == found.fingerprint
        True
    """

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))  # text will do

    def shards(self) -> list[Path]:
        """The shards in order."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(
                f"this is no folder of shards: {error.strerror}",
                where=str(self.folder),
                cure="give the folder that lookalike embed wrote to",
            ) from error
        numbers = sorted(
            (int(found[1]), name) for name in names if (found := SHARD.fullmatch(name))
        )
        return [self.folder / name for _, name in numbers]

    def others(self) -> list[str]:
        """Names in its folder that do not belong to a store; without hidden files and litter."""
        try:
            names = os.listdir(self.folder)
        except OSError:  # there is none, or `locked` will say what is wrong with it
            return []
        return sorted(name for name in names if not (is_own(name) or is_litter(name)))

    def require_own_folder(self) -> None:
        """Refuse a new store in a folder that holds something else already.

        Raises:
            StoreError: It would mix with other files.
        """
        others = self.others()
        if others and not self.shards():
            raise StoreError(
                f"the folder holds other files, such as {others[0]}, and a store needs its own",
                where=str(self.folder),
                cure=f"give a folder that is new or empty, such as {self.folder / 'vectors'}",
            )

    def path_of(self, number: int) -> Path:
        """Where the shard of that number is, or would be."""
        return self.folder / f"shard-{number:06}.parquet"

    def heading(self) -> Heading:
        """The cards and origin of its vectors, from all shards.

        Of several origins (a store that was added to on another machine) it is the first one
        whose engine was not within tolerance, or else the first.

        Raises:
            StoreError: No shards, or one that can't be read.
            FingerprintError: Shards of different encoders, with the differences named.
        """
        shards = self.shards()
        if not shards:
            raise StoreError(
                "there is no store in this folder",
                where=str(self.folder),
                cure="lookalike embed PICTURES --store FOLDER makes one",
            )
        headings = [heading_of(shard) for shard in shards]
        for shard, heading in zip(shards, headings, strict=True):
            require_same_cards(headings[0], heading, str(shards[0]), str(shard))
        return next((one for one in headings if one.origin.warnings), headings[0])

    def read(self, *, layer: str | None = None, view: str | None = "") -> Embeddings:
        """All vectors of one layer, with their rows, in memory.

        Args:
            layer: Which layer; may be left out if there is only one.
            view: Rows of that view (empty for the whole pictures); None for all rows.

        Raises:
            StoreError: No store, or a damaged one; names the shard.
            VectorError: A shard with numbers that are not finite, likewise.
            FingerprintError: Shards of different encoders.
            UnknownNameError: No such layer or view.
        """
        heading = self.heading()
        column = _column(heading, layer, view)
        card = heading.cards[column]
        parts = list(self._parts(column, card, view))
        rows = tuple(row for some, _ in parts for row in some)
        vectors = np.concatenate([card.no_vectors(), *(found for _, found in parts)])
        return Embeddings(card, rows, vectors, heading.origin)

    def blocks(self, *, layer: str | None = None, view: str | None = "") -> Iterator[Embeddings]:
        """As `read`, a shard at a time, for stores that are larger than the memory."""
        heading = self.heading()
        column = _column(heading, layer, view)
        card = heading.cards[column]
        for rows, vectors in self._parts(column, card, view):
            yield Embeddings(card, rows, vectors, heading.origin)

    def _parts(
        self, column: str, card: Card, view: str | None
    ) -> Iterator[tuple[tuple[Row, ...], NDArray[Any]]]:
        """Rows and vectors of one shard after the other."""
        for shard in self.shards():
            table = read_shard(shard, [*ROW_COLUMNS, column])
            if view is not None:
                table = _of_view(table, view)
            with about_shard(shard):
                found = read_table(table, column, card)
            yield found

    def origins(self) -> list[Origin]:
        """What made its vectors: one for each engine and decoding that had a part in it."""
        found = [heading_of(shard).origin for shard in self.shards()]
        return list({(one.engine, one.decoding): one for one in found}.values())

    def tally(self) -> Tally:
        """How many inputs have a vector and how many have none, without loading their rows."""
        return sum(
            (tally_of(read_shard(one, ["view", "reason"])) for one in self.shards()), Tally()
        )

    def ledger(self) -> Ledger:
        """What became of every input, without the vectors."""
        import pyarrow as pa

        tables = []
        for number, shard in enumerate(self.shards()):
            table = read_shard(shard, list(ROW_COLUMNS))
            tables.append(table.append_column("shard", pa.array([number] * len(table), pa.int32())))
        if not tables:
            self.heading()  # says that there is no store
        try:
            return Ledger(pa.concat_tables(tables).combine_chunks())
        except pa.ArrowException as error:
            raise StoreError(
                f"its shards have columns of different kinds: {error}", where=str(self.folder)
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from writing, and sweeps away what an ended one left behind.

        Raises:
            StoreError: Another process is writing, or the folder can't be made.
        """
        from filelock import FileLock, Timeout

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / ".lock", timeout=0)
            lock.acquire()
        except Timeout as error:
            raise StoreError(
                "another process is writing to this store",
                where=str(self.folder),
                cure="wait for it to end, or use another folder",
            ) from error
        except OSError as error:
            raise write_error(error, self.folder) from error
        try:
            for name in os.listdir(self.folder):
                if name.startswith(DRAFTS):
                    with contextlib.suppress(OSError):
                        os.unlink(self.folder / name)
            yield
        finally:
            lock.release()

    def write(self, number: int, table: pa.Table, *, date_ns: int | None = None) -> None:
        """Writes one shard, whole or not at all: under another name, synced, renamed.

        Args:
            number: Its number.
            table: Its rows.
            date_ns: The date that its file gets; now if None.

        Raises:
            StoreError: The disk is full, or refuses; the shard stays as it was.
        """
        draft = self.draft(number, table)
        if date_ns is not None:
            os.utime(draft, ns=(date_ns, date_ns))
        self.publish({number: draft})

    def draft(self, number: int, table: pa.Table) -> Path:
        """Writes a shard under another name, down to the disk; returns where.

        Raises:
            StoreError: The disk is full, or refuses; nothing is left of the draft.
        """
        import pyarrow.parquet as parquet

        draft = self.folder / f".{self.path_of(number).name}.{os.getpid()}"
        floats, bits = _leaves(table)
        counted = {**(table.schema.metadata or {}), ROWS: str(len(table)).encode()}
        try:
            parquet.write_table(
                table.replace_schema_metadata(counted),
                draft,
                # numbers of vectors are as good as random, and would only be read more slowly
                compression=dict.fromkeys([*ROW_COLUMNS, *bits], "zstd")
                | dict.fromkeys(floats, "none"),
                use_dictionary=[*REPEATING, *bits],
                write_statistics=list(ROW_COLUMNS),
                write_page_checksum=True,
            )
            with open(draft, "r+b") as stream:
                os.fsync(stream.fileno())
        except BaseException as error:
            draft.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise write_error(error, self.folder) from error
            raise
        return draft

    def publish(self, drafts: Mapping[int, Path]) -> None:
        """Gives drafts their names, by which they take the place of shards of those numbers."""
        try:
            for number, draft in drafts.items():
                os.replace(draft, self.path_of(number))
            _sync_folder(self.folder)
        except OSError as error:
            raise write_error(error, self.folder) from error

    def remove(self, number: int) -> None:
        """Removes a shard whose rows are all gone."""
        self.path_of(number).unlink(missing_ok=True)
        _sync_folder(self.folder)


def _leaves(table: pa.Table) -> tuple[list[str], list[str]]:
    """What Parquet calls the values of vectors: those of floats, and those of bits."""
    import pyarrow as pa

    vectors = [field for field in table.schema if field.name not in ROW_COLUMNS]
    bits = [field.name for field in vectors if field.type.value_type == pa.uint8()]
    floats = [field.name for field in vectors if field.name not in bits]
    return [f"{name}.list.element" for name in floats], [f"{name}.list.element" for name in bits]


def is_own(name: str) -> bool:
    """Whether a file of that name in a store's folder belongs to the store.

    Example:
        >>> is_own("shard-000000.parquet"), is_own("photo.jpg")
        (True, False)
    """
    return bool(SHARD.fullmatch(name)) or name.startswith((*DRAFTS, ".encoder.json", ".lock"))


def save_store(folder: Path, heading: Heading, table: pa.Table, *, force: bool = False) -> None:
    """Writes a whole table as a new store.

    Raises:
        OverwriteError: There is a store already, and ``force`` is not given.
        StoreError: The folder holds other files, or can't be written.
    """
    from lookalike.errors import OverwriteError

    store = Store(folder)
    store.require_own_folder()
    with store.locked():
        before = store.shards()
        if before and not force:
            raise OverwriteError("there is a store already", where=str(folder), cure="force=True")
        views = len(heading.views)
        step = SHARD_INPUTS * views
        starts = range(0, max(1, len(table)), step)
        drafts: dict[int, Path] = {}
        try:
            for number, start in enumerate(starts):
                drafts[number] = store.draft(number, table.slice(start, step).combine_chunks())
        except StoreError:
            for draft in drafts.values():
                draft.unlink(missing_ok=True)
            raise
        store.publish(drafts)
        for shard in before:
            if number_of(shard) not in drafts:
                store.remove(number_of(shard))


APART = "keep them in stores of their own, or embed both with the same encoder"


def require_same_cards(
    first: Heading, second: Heading, a: str, b: str, *, cure: str = APART
) -> None:
    """Raise `FingerprintError` with the differences unless both hold vectors of one encoder."""
    if list(first.cards) != list(second.cards):
        raise FingerprintError(
            f"{a} holds {', '.join(first.cards)}, {b} holds {', '.join(second.cards)}",
            cure="embed both with the same layers",
        )
    for column, card in first.cards.items():
        differences = card.differences(second.cards[column])
        if differences:
            raise FingerprintError(
                f"vectors of different encoders can't be brought together: {a} and {b} differ in "
                + "; ".join(differences),
                cure=cure,
            )


def write_error(error: OSError, folder: Path) -> StoreError:
    """What a failed write means for the user."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT} or "No space left" in str(error):
        return StoreError(
            "the disk is full; all shards written so far are whole",
            where=str(folder),
            cure="free some space and run the same command again, it goes on where it stopped",
        )
    if error.errno in {errno.EEXIST, errno.ENOTDIR}:
        return StoreError(
            "a file of this name is in the way", where=str(folder), cure="give a folder"
        )
    return StoreError(
        f"it can't be written: {error.strerror or error}",
        where=str(folder),
        cure="give a folder that you may write to",
    )


def _column(heading: Heading, layer: str | None, view: str | None) -> str:
    """The column of a layer; refuses a layer or view that the store does not have."""
    if view is not None and view not in heading.views:
        known = [one or "whole (an empty name)" for one in heading.views]
        raise UnknownNameError("view", view or "whole", known)
    return heading.column(layer)


def _of_view(table: pa.Table, view: str) -> pa.Table:
    """Rows of one view; an input that failed as a whole has only one row, which stays."""
    views: Any = table["view"].to_numpy()
    wanted = views == view
    if view != "":
        whole, ids = views == "", table["id"].to_numpy()
        alone = whole.copy()  # no further view of the same picture stands behind it
        alone[:-1] &= whole[1:] | (ids[1:] != ids[:-1])
        wanted |= alone & (table["outcome"].to_numpy() == "failed")
    return table.filter(wanted)


def _sync_folder(folder: Path) -> None:
    """Makes a rename outlast a power cut, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
