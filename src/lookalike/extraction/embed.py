"""The verb embed: pictures into a store, one true row for every file."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import cached_property
from itertools import chain
from os import PathLike
from pathlib import Path

from lookalike.embeddings import Card, Origin, Remarks, Store
from lookalike.embeddings.row import difference
from lookalike.embeddings.store import SHARD_INPUTS, is_own, require_same_cards
from lookalike.embeddings.table import Heading, column_of
from lookalike.encoders import DEFAULT_ENCODER, Encoder, Runtime
from lookalike.encoders.encoder import Progress
from lookalike.encoders.pipeline import Settings
from lookalike.encoders.views import views_named
from lookalike.errors import LostRowsError, UsageError
from lookalike.extraction.asked import (
    refuse_contradictions,
    require_apart,
    require_there,
    source_of,
)
from lookalike.extraction.cluster import Cluster
from lookalike.extraction.delivery import AGAIN, deliveries
from lookalike.extraction.extraction import Extraction
from lookalike.extraction.interrupt import asked_to_stop
from lookalike.extraction.job import Done, Job, table_of
from lookalike.extraction.plan import Plan
from lookalike.extraction.remembered import remember, still_stands_for
from lookalike.extraction.resources import (
    Needs,
    estimated_needs,
    folder_bytes,
    free_bytes,
    peak_memory,
    spoken_bytes,
)
from lookalike.extraction.workers import Local, Workers
from lookalike.images import ImageSource, Limits, Pictures, Place
from lookalike.images.cost import Largest

Say = Callable[[str], None]


def embed(
    *pictures: Pictures | ImageSource,
    store: str | PathLike[str],
    model: str | Encoder | None = None,
    runtime: Runtime | None = None,
    include: str | Sequence[str] = "*",
    limits: Limits | None = None,
    views: Sequence[str] = (),
    exact: bool = False,
    reduced: bool = False,
    batch_size: int | None = None,
    workers: int | None = None,
    shard_inputs: int | None = None,
    retry_failed: bool = False,
    prune: bool = False,
    verify: bool = False,
    ray: str | None = None,
    progress: Progress | None = None,
    on_total: Callable[[int], None] | None = None,
    say: Say | None = None,
) -> Extraction:
    """Vectors of all pictures into a store, with a row for every input; goes on where it stopped.

    A store that is there already is brought up to date: inputs it does not have are added, those
    whose content is another one are encoded again, rows whose files are gone are dropped, and all
    others stay as they are. A file is taken as unchanged if its size and date are; a new date alone
    costs a look at its bytes, and no run of the network.

    Args:
        pictures: Anything an `ImageSource` takes.
        store: The store's folder; made if it is not there.
        model: Encoder, by name or as an object; by name it may have several layers. If omitted,
            the one that the store was made with, or the default for a new one.
        runtime: Engine, precision and device. With the precision ``auto``, a processor that
            multiplies bf16 itself runs OpenVINO in bf16, if the probe pictures agree with f32.
        include: Only files in folders and archives whose own name matches this pattern, or one of
            these.
        limits: What a single picture may cost.
        views: ``flip`` (the mirror image), ``crops`` (four corners and the centre, three quarters
            of each side): further rows for each picture, under its id.
        exact: f32, and every picture decoded in full: the reference's numbers, more slowly.
        reduced: Decode large JPEGs at a half, a quarter or an eighth of their size, as long as
            both sides stay twice as long as the network needs.
        batch_size: Pictures per run of the network; chosen for the engine if None.
        workers: Threads that read, decode and preprocess; one per core if None.
        shard_inputs: Inputs per shard; that of the store if there is one, else 1,024.
        retry_failed: Try inputs again that failed before.
        prune: Drop the rows of all inputs that are not among ``pictures``. Without, rows whose
            files are still there stay, and so do all if more than half would go at once.
        verify: Read every file, to find changes that left its size and date alone.
        ray: Address of a Ray cluster (``auto``, ``host:port``; ``local`` starts one here) that
            does the work. Files must be readable under the same paths on its nodes.
        progress: Told how many inputs are done.
        on_total: Told how many inputs there are, before the work begins.
        say: Told sentences on the way: what will be needed, what Ctrl-C does.

    Returns:
        What was done; the vectors are in the store, `Embeddings.open` reads them.

    Raises:
        UsageError: Views or options that the store was not made with, or a wrong source.
        FingerprintError: The store holds vectors of another encoder; names the differences.
        StoreError: The store is damaged, in use, or can't be written, a full disk included. What
            was written before stays whole.
        LostRowsError: The run was not stopped, and the store has not a row for each input; names
            what is missing. What was written before stays whole.
        MissingExtraError: ``ray`` without the extra ``ray``, before the first file.

    Example:
        >>> import tempfile, lookalike, numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     done = embed([np.zeros((8, 8, 3), np.uint8), "no/such/file.jpg"], store=folder)
        ...     len(lookalike.Embeddings.open(folder)), dict(done.reasons)
        (2, {'missing': 1})
    """
    start = time.perf_counter()
    refuse_contradictions(model, runtime, exact, shard_inputs)
    source = source_of(pictures, include, limits)
    place = Store(Path(store))
    if prune:
        require_there(source)
    require_apart(place, source)
    if model is None:
        known = list(place.heading().cards.values()) if place.shards() else []
        model = known[0].name if known else DEFAULT_ENCODER
    settings = Settings(
        batch_size, workers, source.limits, reduced=reduced and not exact, views=views_named(views)
    )
    team: Workers
    if ray is not None:
        team = Cluster(ray, model, runtime or Runtime(), settings, exact=exact)
    else:
        team = Local(model, runtime or Runtime(), settings, exact=exact)
    said = say or (lambda sentence: None)
    with place.locked(), asked_to_stop(said) as asked:
        run = _Run(place, source, settings, team, said)
        run.prepare(shard_inputs)
        plan = Plan(
            place,
            shard_inputs=run.shard_inputs,
            retry_failed=retry_failed,
            prune=prune,
            verify=verify,
            limits=source.limits,
            workers=settings.threads,
            progress=progress,
            stop=asked,
        )
        plan.begin(source)
        with team:
            run.work(plan, progress, on_total)
        return run.result(plan, time.perf_counter() - start)


class _Run:
    """One run of the verb: from the plan to the store."""

    def __init__(
        self, store: Store, source: ImageSource, settings: Settings, team: Workers, say: Say
    ) -> None:
        self.store, self.source, self.settings = store, source, settings
        self.team, self.say = team, say
        self.before: Heading | None = None
        self.shard_inputs = SHARD_INPUTS
        self.clock = team.clock
        self.added = 0
        self.encoded = 0
        self.working = 0.0
        self.remarks = Remarks()
        self.expected: Needs | None = None
        self.stopped = False

    def prepare(self, shard_inputs: int | None) -> None:
        """Look at what is there, and refuse what does not fit it, before any work."""
        self.before = self.store.heading() if self.store.shards() else None
        names = tuple(view.name for view in self.settings.views)
        if self.before is None:
            self.shard_inputs = shard_inputs or SHARD_INPUTS
            return
        if names != self.before.views:
            spoken = [
                ", ".join(view or "whole" for view in one) for one in (self.before.views, names)
            ]
            raise UsageError(
                f"the store has rows for the views {spoken[0]}, and {spoken[1]} were asked for",
                where=str(self.store.folder),
                cure="ask for the same views, or use another folder",
            )
        self.shard_inputs = shard_inputs or self.before.shard_inputs or SHARD_INPUTS

    def work(
        self, plan: Plan, progress: Progress | None, on_total: Callable[[int], None] | None
    ) -> None:
        """Do all that the plan finds."""
        if on_total is not None:
            on_total(self._listed[0])
        jobs = plan.jobs(self._places(), self.source)
        first = next(jobs, None)
        self.stopped = plan.cut_short
        if first is None and (self.stopped or self._nothing_to_do()):
            return
        heading = self._heading()
        if first is None:
            return
        if first.added:
            self._announce(heading)
        start = time.perf_counter()
        self._write_all(heading, chain([first], jobs), progress)
        self.working = time.perf_counter() - start
        self.stopped = plan.cut_short

    def result(self, plan: Plan, seconds: float) -> Extraction:
        """What came of it."""
        tally = self.store.tally()
        if not self.stopped and tally.inputs != plan.inputs:
            self._raise_missing(tally.inputs, plan.inputs)
        cards: tuple[Card, ...] = ()
        origin, notes = self.team.origin or Origin(), [*self.team.notes, *self.remarks.notes]
        if self.store.shards():
            heading = self.store.heading()
            cards = tuple(heading.cards.values())
            origin = self.team.origin or heading.origin
            notes += [*origin.warnings, *heading.origin.warnings]
            notes += [warning for card in cards for warning in card.warnings]
            made_by = [f"{one.engine}, {one.decoding} decoding" for one in self.store.origins()]
            if len(made_by) > 1:
                notes.append(f"the store's vectors were made in several ways: {'; '.join(made_by)}")
        counts = plan.counts
        if self.stopped:  # what was only looked at is for the next run to count
            counts.added = self.added
        if counts.vanished:
            notes.append(
                f"the files of {counts.vanished:,} of the store's inputs are gone, more than half; "
                "their rows were kept in case a disk is missing, prune drops them"
            )
        if counts.added and counts.kept > counts.vanished:
            notes.append(
                f"{counts.kept - counts.vanished:,} rows of other inputs stay beside the "
                f"{counts.added:,} new ones; a folder spelt in another way counts as another one, "
                "and prune drops what was not given this time"
            )
        if self.stopped:
            notes.append("stopped by Ctrl-C; the same command goes on from here")
        return Extraction(
            store=str(self.store.folder),
            cards=cards,
            origin=origin,
            inputs=tally.inputs,
            embedded=tally.embedded,
            reasons=tally.reasons,
            counts=counts,
            encoded=self.encoded,
            seconds=seconds,
            working=self.working,
            steps=dict(self.clock.seconds),
            expected=self.expected,
            used=Needs(tally.inputs, peak_memory(), folder_bytes(self.store.folder)),
            stopped=self.stopped,
            notes=tuple(dict.fromkeys(notes)),
        )

    def _raise_missing(self, found: int, planned: int) -> None:
        """Say that the store does not hold what it should, and what is missing."""
        asked = Counter(place.id for place in self._places())
        lacking = asked - Counter(row.id for row in self.store.ledger().rows() if row.view == "")
        missing = f": {difference(list(lacking.elements()), [])}" if lacking else ""
        raise LostRowsError(
            f"the store has rows for {found:,} inputs, and should have {planned:,}{missing}",
            where=str(self.store.folder),
            cure=AGAIN,
        )

    def _nothing_to_do(self) -> bool:
        """Whether the encoder need not even be loaded to be held against the store.

        Raises:
            UsageError: There is no store, and nothing to make one of.
        """
        if self.before is None:
            raise UsageError(
                "there are no pictures to embed",
                cure="give files, or folders with files whose names --include lets through",
            )
        cards = list(self.before.cards.values())
        return self.team.name is not None and still_stands_for(
            self.store.folder, self.team.name, cards
        )

    def _heading(self) -> Heading:
        """The heading of new shards; loads the encoder, and holds it against the store."""
        cards, origin = self.team.start()
        several = len(cards) > 1
        heading = Heading(
            {column_of(card, several): card for card in cards},
            origin,
            self.shard_inputs,
            tuple(view.name for view in self.settings.views),
        )
        if self.before is not None:
            own = next(iter(self.before.cards.values())).name
            require_same_cards(
                self.before,
                heading,
                f"{self.store.folder} (of {own})",
                cards[0].name,
                cure="leave the model out to take the store's own, or use another folder",
            )
        if self.team.name is not None and self.team.files is not None:
            remember(self.store.folder, self.team.name, cards, self.team.files)
        return heading

    def _announce(self, heading: Heading) -> None:
        """Say what the run will need, before it begins."""
        inputs, name_bytes, largest = self._listed
        self.expected = estimated_needs(
            list(heading.cards.values()),
            inputs,
            name_bytes,
            settings=self.settings,
            batch_size=self.team.batch_size,
            shard_inputs=self.shard_inputs,
            disk_bytes=folder_bytes(self.store.folder),
            largest_bytes=largest.cost(self.settings.threads, self.settings.limits),
        )
        self.say(self.expected.sentence)
        free = free_bytes(self.store.folder)
        if free < self.expected.disk_bytes:
            self.say(
                f"! only {spoken_bytes(free)} of disk are free; the run will stop when it is full"
            )

    @cached_property
    def _listed(self) -> tuple[int, float, Largest]:
        """How many inputs there are, how long their ids are on average, and the largest files."""
        count, letters, largest = 0, 0, Largest()
        for place in self._places():
            count += 1
            letters += len(place.id)
            stamp = place.stamp() if place.listed is None else None
            if stamp is not None and place.path is not None:
                largest.add(place.path, stamp.bytes)
        return count, letters / max(1, count), largest

    def _places(self) -> Iterator[Place]:
        """The inputs, without the store's own files where it lies among the pictures."""
        own = os.path.realpath(self.store.folder)
        for place in self.source.places():
            parent, name = os.path.split(place.path or "")
            if not (is_own(name) and os.path.realpath(parent) == own):
                yield place

    def _write_all(
        self,
        heading: Heading,
        jobs: Iterable[Job],
        progress: Progress | None,
    ) -> None:
        """Work and write at the same time; one shard is written while the next is made."""
        with (
            closing(deliveries(self.team, jobs, progress, heading.views)) as results,
            ThreadPoolExecutor(1, thread_name_prefix="lookalike-write") as writer,
        ):
            writing: Future[None] | None = None
            for job, done in results:
                self.encoded += sum(row.ok for row in done.rows)
                self.remarks.add(done.rows)
                self.added += job.added
                if writing is not None:
                    writing.result()
                writing = writer.submit(self._write, job, heading, done)
            if writing is not None:
                writing.result()

    def _write(self, job: Job, heading: Heading, done: Done) -> None:
        start = time.perf_counter()
        table = table_of(job, done, heading)
        if table is None:
            self.store.remove(job.number)
        else:
            self.store.write(job.number, table, date_ns=self._date_of(job))
        self.clock.add("write", time.perf_counter() - start)

    def _date_of(self, job: Job) -> int:
        """The shard's date: before any of its files was read, those of rows that stay included."""
        if job.before is None:
            return job.begun_ns
        return min(job.begun_ns, job.before.stat().st_mtime_ns)
