"""The plan: what a store already holds, against what is asked for now."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path

from lookalike.embeddings import Store
from lookalike.embeddings.shard import number_of, read_shard
from lookalike.embeddings.stored_name import restored_name
from lookalike.extraction.beginnings import Beginnings, Kept, is_below
from lookalike.extraction.job import Job
from lookalike.images import ImageSource, Limits, Place, Reason
from lookalike.images.place import ReadError, Stamp, read_place

RACE_NS = 2_000_000_000
"""A file written less than this before its shard was begun may have been written again since, and
the clock of its disk may be too coarse to show it."""

MOST_DROPPED = 0.5
"""Share of a store's inputs that may disappear in one run: an unmounted disk looks the same."""

LEDGER_COLUMNS = [
    "id", "view", "path", "file_bytes", "file_mtime_ns", "reason", "digest",
]  # fmt: skip

FEW = 10
"""Inputs that may disappear in any case."""


@dataclass
class Counts:
    """What a run finds, and does.

    Attributes:
        added: Inputs that the store did not have.
        changed: Inputs whose content is another one.
        retried: Inputs that had failed, and are tried again.
        unchanged: Inputs whose rows stay.
        touched: Of the unchanged: files with a new date and the old content.
        removed: Rows dropped since their files are gone.
        kept: Rows of inputs that were not asked for this time, and stay.
        vanished: Of the kept: rows whose files are gone, too many to drop them unasked.
    """

    added: int = 0
    changed: int = 0
    retried: int = 0
    unchanged: int = 0
    touched: int = 0
    removed: int = 0
    kept: int = 0
    vanished: int = 0


@dataclass(slots=True)
class _Known:
    """A row of a whole picture in the store."""

    id: str
    shard: int
    position: int
    path: str | None
    bytes: int | None
    mtime_ns: int | None
    reason: str | None
    digest: str | None


@dataclass
class _Changes:
    """What has to be done in one shard that exists."""

    again: list[tuple[int, Place]] = field(default_factory=list)
    suspects: list[tuple[int, Place, _Known]] = field(default_factory=list)
    dropped: set[int] = field(default_factory=set)


class Plan:
    """Goes through the inputs once, and says what there is to do.

    New inputs come first, as shards of their own, while the inputs are still being listed. Shards
    in which something changed come after that, each made anew once.

    Args:
        store: The store, which may be empty.
        shard_inputs: Inputs per new shard.
        retry_failed: Whether inputs that failed before are tried again.
        prune: Whether rows of inputs that are not asked for go, whatever became of their files.
        verify: Whether every file is read, to find changes that left size and date alone.
        limits: What a file may cost to read.
        workers: Threads that read files whose date is another one.
        progress: Told of inputs for which nothing is to be done.
        stop: Asked now and then whether to go on.
    """

    def __init__(
        self,
        store: Store,
        *,
        shard_inputs: int,
        retry_failed: bool = False,
        prune: bool = False,
        verify: bool = False,
        limits: Limits | None = None,
        workers: int = 2,
        progress: Callable[[int], None] | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.counts = Counts()
        self.listed = 0
        self.cut_short = False
        self._progress, self._stop = progress or (lambda inputs: None), stop
        self._store, self._shard_inputs = store, shard_inputs
        self._retry, self._prune, self._verify = retry_failed, prune, verify
        self._limits, self._workers = limits or Limits(), workers
        self._shards = store.shards()
        self._total = 0
        self._inputs_in: dict[int, int] = {}
        self._known = self._read()
        self._beginnings = Beginnings(store.folder)
        self._changes: dict[int, _Changes] = {}
        self._from_memory = False

    def begin(self, source: ImageSource) -> None:
        """Hold relative paths against those of the store, and note where they begin.

        Raises:
            UsageError: The store's rows of these paths are of other pictures, and may not go.
        """
        roots = list(dict.fromkeys(source.roots()))
        if not self._prune:
            rows = [
                Kept(one.path, one.digest if one.id == one.path else None, one.bytes)
                for one in self._rows()
                if one.path is not None
                and not os.path.isabs(one.path)
                and (one.digest or one.id != one.path)  # of others there is no picture to lose
            ]
            self._beginnings.require_same(roots, rows)
        self._beginnings.note(roots, alone=self._prune)

    def _rows(self) -> Iterator[_Known]:
        for found in self._known.values():
            yield from found if isinstance(found, deque) else (found,)

    def jobs(self, places: Iterable[Place], source: ImageSource) -> Iterator[Job]:
        """All the work, in order; what is left when it is to stop is left for the next run.

        Args:
            places: The inputs.
            source: Where they come from.
        """
        for job in self._all_jobs(places, source):
            if self._stop():
                self.cut_short = True
                return
            yield job

    @property
    def inputs(self) -> int:
        """How many inputs the store has a row for once all jobs are done."""
        return self.listed + self.counts.kept

    def _all_jobs(self, places: Iterable[Place], source: ImageSource) -> Iterator[Job]:
        taken = {number_of(shard) for shard in self._shards}
        free = (number for number in count() if number not in taken)
        new = self._new(places)
        yield from self._filled_up(new)
        while chunk := list(islice(new, self._shard_inputs)):
            yield Job(next(free), chunk)
        if self.cut_short:
            return
        self._leftovers(source)
        yield from self._rewrites()

    def _filled_up(self, new: Iterator[Place]) -> Iterator[Job]:
        """The last shard with new inputs in it, if it is not full; so that none stays small."""
        had = self._inputs_in.get(len(self._shards) - 1, self._shard_inputs)
        chunk = list(islice(new, max(0, self._shard_inputs - had)))
        if chunk:
            last = self._shards[-1]
            yield Job(number_of(last), chunk, range(had, had + len(chunk)), last, had)

    def _read(self) -> dict[str, _Known | deque[_Known]]:
        """Id → its row; rows in order where one id was given several times."""
        known: dict[str, _Known | deque[_Known]] = {}
        if not self._shards:
            return known
        self._begun_ns = [os.stat(path).st_mtime_ns for path in self._shards]
        for number, shard in enumerate(self._shards):
            columns = read_shard(shard, LEDGER_COLUMNS).select(LEDGER_COLUMNS).to_pydict()
            found: _Known | None = None
            position = -1
            for id, view, path, *rest in zip(*columns.values(), strict=True):
                if view != "":  # a further view that failed is tried again with its picture
                    if found is not None:
                        found.reason = found.reason or rest[2]
                    continue
                position += 1
                self._inputs_in[number] = position + 1
                where = None if path is None else restored_name(path)
                found = _Known(restored_name(id), number, position, where, *rest)
                before = known.setdefault(found.id, found)
                if isinstance(before, deque):
                    before.append(found)
                elif before is not found:
                    known[found.id] = deque([before, found])
                self._total += 1
        return known

    def _new(self, places: Iterable[Place]) -> Iterator[Place]:
        """The inputs that the store does not have; the others are looked at on the way."""
        for place in places:
            if self._stop():
                self.cut_short = True
                return
            self.listed += 1
            self._from_memory |= place.path is None
            known = self._take(place.id)
            if known is None:
                self.counts.added += 1
                yield place
            else:
                self._compare(place, known)

    def _take(self, id: str) -> _Known | None:
        """The store's row for an id, once for each time that it is asked for."""
        found = self._known.get(id)
        if isinstance(found, deque):
            first = found.popleft()
            if not found:
                del self._known[id]
            return first
        if found is not None:
            del self._known[id]
        return found

    def _compare(self, place: Place, known: _Known) -> None:
        changes = self._changes.setdefault(known.shard, _Changes())
        if known.reason is not None and self._retry:
            self.counts.retried += 1
            changes.again.append((known.position, place))
            return
        stamp = place.stamp()
        if place.path is None or place.path != known.path:  # no date to go by, or another file
            self.counts.changed += 1
            changes.again.append((known.position, place))
        elif self._verify or _stamped(stamp) != _stamped(known) or self._racy(known):
            changes.suspects.append((known.position, place, known))
        else:
            self._leave()

    def _leave(self) -> None:
        self.counts.unchanged += 1
        self._progress(1)

    def _racy(self, known: _Known) -> bool:
        if known.mtime_ns is None:
            return False
        return known.mtime_ns > self._begun_ns[known.shard] - RACE_NS

    def _leftovers(self, source: ImageSource) -> None:
        """Rows that nobody asked for: dropped if their files are gone."""
        roots = self._beginnings.absolute_roots(source.roots())
        finished = source.finished()

        def is_gone(known: _Known) -> bool:
            if known.path is None:
                return self._from_memory
            if known.id != known.path and known.path in finished:
                return True
            # what lies elsewhere was not looked for, and its disk may just not be there
            paths = self._beginnings.absolute(known.path)
            return all(is_below(path, roots) and _is_gone(path) for path in paths)

        left = list(self._rows())
        gone = [known for known in left if self._prune or is_gone(known)]
        files = sum(known.path is not None for known in gone)
        if files > max(FEW, self._total * MOST_DROPPED) and not self._prune:
            self.counts.vanished = files
            gone = [known for known in gone if known.path is None]
        self.counts.kept = len(left) - len(gone)
        self.counts.removed = len(gone)
        for known in gone:
            self._changes.setdefault(known.shard, _Changes()).dropped.add(known.position)

    def _rewrites(self) -> Iterator[Job]:
        for shard, changes in sorted(self._changes.items()):
            if self._stop():
                self.cut_short = True
                return
            now = time.time_ns()
            job = self._rewrite(self._shards[shard], changes)
            if job.places or job.dropped or job.restamped:
                yield job
            elif any(self._racy(known) for _, _, known in changes.suspects):
                os.utime(self._shards[shard], ns=(now, now))  # they were looked at again just now

    def _rewrite(self, path: Path, changes: _Changes) -> Job:
        again = list(changes.again)
        restamped: dict[int, Stamp] = {}
        with ThreadPoolExecutor(max(1, self._workers)) as pool:
            digests = pool.map(self._digest, [place for _, place, _ in changes.suspects])
            for (position, place, known), (digest, reason, stamp) in zip(
                changes.suspects, digests, strict=True
            ):
                if digest == known.digest and (digest or reason == known.reason):
                    self._leave()
                    if stamp is not None and _stamped(stamp) != _stamped(known):
                        self.counts.touched += 1
                        restamped[position] = stamp
                else:
                    self.counts.changed += 1
                    again.append((position, place))
        again.sort(key=lambda one: one[0])
        return Job(
            number_of(path),
            [place for _, place in again],
            [position for position, _ in again],
            path,
            sys.maxsize,
            frozenset(changes.dropped),
            restamped,
        )

    def _digest(self, place: Place) -> tuple[str | None, str | None, Stamp | None]:
        """SHA-256 of a file's bytes, or why they can't be read; and its stamp before that."""
        stamp = place.stamp()
        try:
            data = read_place(place, self._limits)
        except ReadError as error:
            return None, error.reason.value, stamp
        except MemoryError:
            return None, Reason.OUT_OF_MEMORY.value, stamp
        digest = hashlib.sha256(data).hexdigest() if isinstance(data, bytes) else None
        return digest, None, stamp


def _is_gone(path: str) -> bool:
    """Whether there surely is no such file, or a folder now; one that can't be looked at may be."""
    if os.path.isdir(path):
        return True
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return True
    except OSError:
        return False
    return False


def _stamped(found: Stamp | _Known | None) -> tuple[int | None, int | None]:
    return (None, None) if found is None else (found.bytes, found.mtime_ns)
