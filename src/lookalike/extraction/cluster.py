"""Many machines: a Ray cluster makes the shards, an actor per device; this process writes them."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from lookalike.embeddings import Card, Origin
from lookalike.embeddings.row import NAMED
from lookalike.encoders import Encoder, Runtime
from lookalike.encoders.encoder import Progress
from lookalike.encoders.pipeline import Clock, Settings
from lookalike.errors import LookalikeError, LostRowsError, MissingDeviceError, UsageError
from lookalike.extraction.job import Done, Job
from lookalike.extraction.workers import Local, Results
from lookalike.extras import require

NO_CLUSTER = "start one with ray start --head, or use --ray local"
PATIENCE_S = 10
"""Seconds in which a cluster has to answer."""

MOST_LOSSES = 3
"""Workers that may die over one shard before it is taken to be the reason."""

MOST_HELD = 4
"""Shards per worker that may be in hand, or done and waiting for an earlier one."""

IN_HAND = 2
"""Jobs given to an actor at once, so that it never waits for the next one."""


class Shards:
    """What runs in each actor: the same worker as in a local run.

    Args:
        model: As in `Local`, and the others too.
        folder: The working folder of the process that asks.
    """

    def __init__(
        self, model: str | Encoder, runtime: Runtime, settings: Settings, exact: bool, folder: str
    ) -> None:
        self._folder = folder
        self._local = Local(model, runtime, settings, exact=exact)

    def describe(self) -> tuple[tuple[Card, ...], Origin, int, tuple[str, ...]]:
        """Cards, origin, batch size and notes of its encoder.

        Raises:
            UsageError: The working folder is not there.
        """
        try:
            os.chdir(self._folder)  # so that relative paths mean the same here
        except OSError as error:
            raise UsageError(
                f"a node of the cluster has no folder {self._folder!r}: {error.strerror}",
                cure="run from a folder that all nodes have under the same path",
            ) from error
        cards, origin = self._local.start()
        return cards, origin, self._local.batch_size, self._local.notes

    def make(self, job: Job) -> tuple[Done, dict[str, float]]:
        """One shard's rows and vectors, and the seconds of each step."""
        self._local.clock.seconds = dict.fromkeys(Clock.STEPS, 0.0)
        ((_, done),) = self._local.results([job], None)
        return done, dict(self._local.clock.seconds)


def _require_answer(address: str) -> None:
    """Raise `MissingDeviceError` if nobody listens at ``host:port``; Ray would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=PATIENCE_S).close()
    except OSError as error:
        raise MissingDeviceError(
            f"there is no Ray cluster at {address!r}: {error}", cure=NO_CLUSTER
        ) from error


class Cluster:
    """A Ray cluster makes the shards. A node that is lost costs the shards it had in hand.

    Args:
        address: ``auto``, ``host:port``, ``ray://...``, or ``local`` to start a cluster here.
        model: Encoder, by name or as an object.
        runtime: Engine, precision and device.
        settings: Of the pipeline.
        exact: Whether f32 is wanted.

    Raises:
        MissingExtraError: Ray is not installed.
    """

    files = None

    def __init__(
        self,
        address: str,
        model: str | Encoder,
        runtime: Runtime,
        settings: Settings,
        *,
        exact: bool,
    ) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports its use otherwise
        self._ray: Any = require("ray", purpose="embedding on a cluster")
        self.clock = Clock()
        self.name = model if isinstance(model, str) else None
        self.origin: Origin | None = None
        self.notes: tuple[str, ...] = ()
        self.batch_size = settings.batch_size or 0
        self._cards: tuple[Card, ...] = ()
        self._address = address
        self._given = (model, runtime, settings, exact, os.getcwd())
        self._actors: dict[Any, str] = {}
        self._started_here = False
        self._losses: Counter[int] = Counter()

    def start(self) -> tuple[tuple[Card, ...], Origin]:
        """See `Workers.start`: connect, and ask the actors what their encoder is.

        Raises:
            MissingDeviceError: The cluster can't be reached, or has no node.
            LookalikeError: The actors' encoders differ, or can't be loaded.
        """
        if self.origin is not None:
            return self._cards, self.origin
        self._connect()
        if not self._hired():
            raise MissingDeviceError("no node of the cluster could start the encoder")
        assert self.origin is not None
        return self._cards, self.origin

    def _require_same(self, cards: tuple[Card, ...], origin: Origin) -> None:
        """Every worker's encoder has to be that of the first one."""
        assert self.origin is not None
        if [card.fingerprint for card in cards] != [card.fingerprint for card in self._cards]:
            differences = "; ".join(cards[0].differences(self._cards[0]))
            raise LookalikeError(
                f"the nodes' encoders differ: {differences}",
                cure="put the same weights and versions on all nodes",
            )
        note = f"the nodes differ: {self.origin.engine}, {origin.engine}"
        if origin.engine != self.origin.engine and note not in self.notes:
            self.notes += (note,)

    def results(self, jobs: Iterable[Job], progress: Progress | None) -> Results:
        """See `Workers.results`; it ends when every job has been passed on, and not before.

        Raises:
            LookalikeError: An error of a node, or three workers died over one shard.
            MissingDeviceError: No node is left.
            LostRowsError: There are jobs left, and nobody has one in hand.
        """
        self.start()
        ray = self._ray
        work = _Work(iter(jobs))
        while True:
            yield from work.ready()  # first, since a worker gets less the more is waiting
            self._give(work)
            if work.finished:
                return
            work.require_in_hand()
            finished, _ = ray.wait(list(work.hands), num_returns=1)
            try:
                done, seconds = ray.get(finished[0])
            except ray.exceptions.RayTaskError as error:
                raise _own(error) from error
            except ray.exceptions.RayError:
                self._lost(work.hands[finished[0]][0], work)
                continue
            _, place = work.hands.pop(finished[0])
            for step, spent in seconds.items():
                self.clock.add(step, spent)
            if progress is not None:
                progress(len(work.jobs[place].places))
            work.done[place] = done

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *error: object) -> None:
        for actor in self._actors:
            self._ray.kill(actor)
        self._actors = {}
        if self._started_here:
            self._ray.shutdown()

    def _connect(self) -> None:
        ray = self._ray
        if ray.is_initialized():
            return
        _require_answer(self._address)
        self._started_here = True
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
        if self._address == "local":
            options |= {"include_dashboard": False}
        else:
            options |= {"address": self._address}
        try:
            ray.init(**options)
        except Exception as error:  # Ray has many ways to say that nobody answers
            raise MissingDeviceError(
                f"there is no Ray cluster at {self._address!r}: {str(error).splitlines()[0]}",
                cure=NO_CLUSTER,
            ) from error

    def _hired(self) -> bool:
        """Whether there is a worker, after all that could be found were taken in."""
        for _ in range(MOST_LOSSES):  # one that is just being started may be lost too
            self._hire()
            if self._actors:
                return True
        return False

    def _hire(self) -> None:
        """An actor for each GPU of each node, or one with all cores of a node without."""
        affinity = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        busy = Counter(self._actors.values())
        remote: Any = self._ray.remote(Shards)
        for node in self._ray.nodes():
            if not node["Alive"]:
                continue
            resources = node["Resources"]
            strategy = affinity(node["NodeID"], soft=False)
            gpus = int(resources.get("GPU", 0))
            share = {"num_gpus": 1} if gpus else {"num_cpus": resources.get("CPU", 0)}
            for _ in range(max(1, gpus) - busy[node["NodeID"]]):
                options = {**share, "scheduling_strategy": strategy, "max_restarts": 0}
                self._ask(remote.options(**options).remote(*self._given), node["NodeID"])

    def _ask(self, actor: Any, node: str) -> None:
        """Take a worker in, once its encoder is known to be the same."""
        ray = self._ray
        try:
            cards, origin, batch_size, notes = ray.get(actor.describe.remote())
        except ray.exceptions.RayTaskError as error:
            raise _own(error) from error
        except ray.exceptions.RayError:
            return
        if self.origin is None:
            self._cards, self.origin, self.batch_size, self.notes = cards, origin, batch_size, notes
        self._require_same(cards, origin)
        self._actors[actor] = node

    def _give(self, work: _Work) -> None:
        """Fill every worker's hands, first with what a lost one left."""
        for actor in self._actors:
            while sum(one is actor for one, _ in work.hands.values()) < IN_HAND:
                place = work.take(most=MOST_HELD * len(self._actors))
                if place is None:
                    return
                work.hands[actor.make.remote(work.jobs[place])] = actor, place

    def _lost(self, actor: Any, work: _Work) -> None:
        """A worker's node or process is gone: its jobs go to the others, and to new ones."""
        self._actors.pop(actor, None)
        job = work.lost_with(actor)[0]  # the one that it was at
        self._losses[job.number] += 1
        if self._losses[job.number] >= MOST_LOSSES:
            raise LookalikeError(
                f"{MOST_LOSSES} workers died over the same shard, number {job.number}",
                where=job.places[0].id if job.places else "",
                cure="embed its pictures without a cluster to see why; memory is the usual reason",
            )
        if not self._hired():
            raise MissingDeviceError(
                "all workers of the cluster are gone; the shards written so far are whole",
                cure="run the same command again once there are nodes, it goes on from here",
            )


def _own(error: Any) -> BaseException:
    """The error that was raised on a node, without Ray's wrapping where it is one of ours."""
    cause = getattr(error, "cause", None)
    found: BaseException = (
        cause if isinstance(cause, LookalikeError) else error.as_instanceof_cause()
    )
    return found


class _Work:
    """Where every job is: waiting in `again`, in somebody's `hands`, or `done`.

    `jobs` holds all that were taken from the queue and not passed on yet, by their place in line.
    Each of them is in exactly one of the three, which is what `require_in_hand` checks; so the
    work is finished when the queue is at its end and `jobs` is empty.
    """

    def __init__(self, queue: Iterator[Job]) -> None:
        self._queue, self._next, self._turn = queue, 0, 0
        self._at_end = False
        self.jobs: dict[int, Job] = {}
        self.again: list[int] = []
        self.hands: dict[Any, tuple[Any, int]] = {}
        self.done: dict[int, Done] = {}

    @property
    def finished(self) -> bool:
        """Whether every job of the queue was passed on."""
        return self._at_end and not self.jobs

    def require_in_hand(self) -> None:
        """Raise `LostRowsError` if a job is nowhere or twice, or if nobody works on what is left.

        It would mean a fault of this module, and a run that ends early or never.
        """
        placed = [*self.again, *self.done, *(place for _, place in self.hands.values())]
        if self.hands and sorted(placed) == sorted(self.jobs):
            return
        told = ", ".join(str(job.number) for job in list(self.jobs.values())[:NAMED])
        raise LostRowsError(
            f"the cluster lost track of its work: {len(self.jobs)} shards are not done, "
            f"{len(self.hands)} are being made",
            where=f"shards {told}" if told else "shards that were not begun",
            cure="run the same command again, it goes on from here; please report it",
        )

    def take(self, *, most: int) -> int | None:
        """The place in line of the next job; None if there is none, or too many wait done."""
        if self.again:
            self.again.sort(reverse=True)
            return self.again.pop()
        if self._at_end or self._next - self._turn >= most:
            return None
        job = next(self._queue, None)
        if job is None:
            self._at_end = True
            return None
        self.jobs[self._next] = job
        self._next += 1
        return self._next - 1

    def lost_with(self, actor: Any) -> list[Job]:
        """What a worker had in hand, in the order in which it was given; it waits again."""
        lost = [reference for reference, (whose, _) in self.hands.items() if whose is actor]
        places = [self.hands.pop(reference)[1] for reference in lost]
        self.again += places
        return [self.jobs[place] for place in places]

    def ready(self) -> Iterator[tuple[Job, Done]]:
        """Jobs that are done and whose turn it is."""
        while self._turn in self.done:
            yield self.jobs.pop(self._turn), self.done.pop(self._turn)
            self._turn += 1
