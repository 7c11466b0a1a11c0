"""Many machines: a Ray cluster makes the shards, an actor per device; this process writes them."""

from __future__ import annotations

import os
import socket
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any

from lookalike.embeddings import Card, Origin
from lookalike.encoders import Encoder, Runtime
from lookalike.encoders.encoder import Progress
from lookalike.encoders.pipeline import Clock, Settings
from lookalike.errors import LookalikeError, MissingDeviceError
from lookalike.extraction.job import Done, Job
from lookalike.extraction.workers import Local, Results
from lookalike.extras import require

NO_CLUSTER = "start one with ray start --head, or use --ray local"
PATIENCE_S = 10
"""Seconds in which a cluster has to answer."""

MOST_LOSSES = 3
"""Workers that may die over one shard before it is taken to be the reason."""

IN_HAND = 2
"""Jobs given to an actor at once, so that it never waits for the next one."""


class Shards:
    """What runs in each actor: the same worker as in a local run.

    Args:
        model: As in `Local`, and the others too.
    """

    def __init__(
        self, model: str | Encoder, runtime: Runtime, settings: Settings, exact: bool
    ) -> None:
        self._local = Local(model, runtime, settings, exact=exact)

    def describe(self) -> tuple[tuple[Card, ...], Origin, int, tuple[str, ...]]:
        """Cards, origin, batch size and notes of its encoder."""
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
        self._given = (model, runtime, settings, exact)
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
        self._hire()
        found = [self._ask(actor) for actor in list(self._actors)]
        described = [one for one in found if one is not None]
        if not described:
            raise MissingDeviceError("no node of the cluster could start the encoder")
        self._cards, self.origin, self.batch_size, self.notes = described[0]
        for cards, origin, _, _ in described[1:]:
            if [card.fingerprint for card in cards] != [card.fingerprint for card in self._cards]:
                raise LookalikeError(
                    "the nodes' encoders differ: "
                    + "; ".join(cards[0].differences(self._cards[0])),
                    cure="put the same weights and versions on all nodes",
                )
            if origin.engine != self.origin.engine:
                self.notes += (f"the nodes differ: {self.origin.engine}, {origin.engine}",)
        return self._cards, self.origin

    def results(self, jobs: Iterable[Job], progress: Progress | None) -> Results:
        """See `Workers.results`; in the order in which they get done."""
        self.start()
        ray = self._ray
        queue, again = iter(jobs), deque[Job]()
        hands: dict[Any, tuple[Any, Job]] = {}
        while True:
            self._give(queue, again, hands)
            if not hands:
                return
            ready, _ = ray.wait(list(hands), num_returns=1)
            actor, job = hands.pop(ready[0])
            try:
                done, seconds = ray.get(ready[0])
            except ray.exceptions.RayTaskError as error:
                raise error.as_instanceof_cause() from error
            except ray.exceptions.RayError:
                self._lost(actor, job, again, hands)
                continue
            for step, spent in seconds.items():
                self.clock.add(step, spent)
            if progress is not None:
                progress(len(job.places))
            yield job, done

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

    def _hire(self) -> None:
        """An actor for each GPU of each node, or one with all cores of a node without."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        busy = Counter(self._actors.values())
        remote: Any = self._ray.remote(Shards)
        for node in self._ray.nodes():
            if not node["Alive"]:
                continue
            resources = node["Resources"]
            strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            gpus = int(resources.get("GPU", 0))
            share = {"num_gpus": 1} if gpus else {"num_cpus": resources.get("CPU", 0)}
            for _ in range(max(1, gpus) - busy[node["NodeID"]]):
                options = {**share, "scheduling_strategy": strategy, "max_restarts": 0}
                actor = remote.options(**options).remote(*self._given)
                self._actors[actor] = node["NodeID"]

    def _ask(self, actor: Any) -> Any:
        ray = self._ray
        try:
            return ray.get(actor.describe.remote())
        except ray.exceptions.RayTaskError as error:
            raise error.as_instanceof_cause() from error
        except ray.exceptions.RayError:
            self._actors.pop(actor, None)
            return None

    def _give(self, queue: Any, again: deque[Job], hands: dict[Any, tuple[Any, Job]]) -> None:
        """Fill every actor's hands, first with what a lost one left."""
        for actor in self._actors:
            while sum(one is actor for one, _ in hands.values()) < IN_HAND:
                job = again.popleft() if again else next(queue, None)
                if job is None:
                    return
                hands[actor.make.remote(job)] = actor, job

    def _lost(
        self, actor: Any, job: Job, again: deque[Job], hands: dict[Any, tuple[Any, Job]]
    ) -> None:
        """An actor's node or process is gone: its jobs go to the others, and to new ones."""
        self._actors.pop(actor, None)
        self._losses[job.number] += 1
        if self._losses[job.number] >= MOST_LOSSES:
            raise LookalikeError(
                f"{MOST_LOSSES} workers died over the same shard, which begins with "
                f"{job.places[0].id!r}",
                cure="embed its pictures without a cluster to see why; memory is the usual reason",
            )
        again.append(job)
        for reference in [one for one, (whose, _) in hands.items() if whose is actor]:
            again.append(hands.pop(reference)[1])
        self._hire()
        if not self._actors:
            raise MissingDeviceError(
                "all nodes of the cluster are gone; the shards written so far are whole",
                cure="run the same command again once there are nodes, it goes on from here",
            )
