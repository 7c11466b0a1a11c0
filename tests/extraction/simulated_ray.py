"""A Ray cluster in one process: nodes die and join, answers come in any order, all by a seed.

Its workers are objects whose methods really run, so rows and vectors really come back. It never
waits: time passes where `wait` or `get` is called, one random event after the other.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


class RayError(Exception):
    """What Ray raises for a worker that is gone."""


class RayTaskError(RayError):
    """What Ray raises for an error on a node."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause

    def as_instanceof_cause(self) -> BaseException:
        return self.cause


@dataclass(eq=False)
class Task:
    """A call of a worker; also what Ray would call its reference."""

    actor: Actor
    call: Callable[[], Any]
    settled: bool = False
    answer: Any = None
    error: RayError | None = None

    def settle(self, error: RayError | None = None) -> None:
        self.settled = True
        try:
            self.error = error
            if error is None:
                self.answer = self.call()
        except Exception as raised:
            self.error = RayTaskError(raised)


@dataclass(eq=False)
class Actor:
    """A worker on a node: it does what it is asked one after the other, as long as it lives."""

    ray: SimulatedRay
    node: Node
    own: Any
    tasks: list[Task] = field(default_factory=list)
    alive: bool = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return SimpleNamespace(remote=lambda *given: self.asked(name, given))

    def asked(self, name: str, given: tuple[Any, ...]) -> Task:
        task = Task(self, lambda: getattr(self.own, name)(*given))
        if self.alive:
            self.tasks.append(task)
            self.ray.most_held = max(self.ray.most_held, len(self.tasks))
        else:
            task.settle(RayError("the actor died"))
        return task

    def die(self) -> None:
        self.ray.deaths += self.alive
        self.alive = False
        for task in self.tasks:
            task.settle(RayError("the actor died"))
        self.tasks = []


@dataclass(eq=False)
class Node:
    """A machine; a dead one is listed as alive until the cluster has found out."""

    id: str
    gpus: int
    alive: bool = True
    listed: bool = True
    actors: list[Actor] = field(default_factory=list)

    @property
    def places(self) -> int:
        return max(1, self.gpus)


@dataclass(frozen=True)
class Luck:
    """How likely an event is, each time that something happens.

    Attributes:
        loss: A worker's process dies.
        node_loss: A node dies.
        join: A node joins.
        interrupt: Ctrl-C for the second time.
        most_losses: Losses of both kinds after which there are no more.
    """

    loss: float = 0.0
    node_loss: float = 0.0
    join: float = 0.0
    interrupt: float = 0.0
    most_losses: int = 0


class SimulatedRay:
    """Stands for the module ``ray``.

    Args:
        rng: Decides everything.
        gpus: For each node that is there from the beginning, its GPUs.
        luck: How likely events are.
    """

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)
    util = SimpleNamespace(
        scheduling_strategies=SimpleNamespace(
            NodeAffinitySchedulingStrategy=lambda id, soft: SimpleNamespace(id=id, soft=soft)
        )
    )

    def __init__(self, rng: random.Random, gpus: Sequence[int], luck: Luck) -> None:
        self.rng, self.luck = rng, luck
        self.all_nodes = [Node(f"node {n}", count) for n, count in enumerate(gpus)]
        self.losses = self.deaths = self.joined = self.most_held = 0

    # what the product calls

    def is_initialized(self) -> bool:
        return True

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {
                "NodeID": node.id,
                "Alive": node.listed,
                "Resources": {"CPU": 2.0, "GPU": float(node.gpus)} if node.gpus else {"CPU": 2.0},
            }
            for node in self.all_nodes
        ]

    def remote(self, kind: Any) -> Any:
        def options(*, scheduling_strategy: Any, max_restarts: int, **share: float) -> Any:
            assert max_restarts == 0
            assert not scheduling_strategy.soft
            return SimpleNamespace(
                remote=lambda *given: self._started(scheduling_strategy.id, share, kind, given)
            )

        return SimpleNamespace(options=options)

    def wait(
        self, references: Sequence[Task], num_returns: int = 1
    ) -> tuple[list[Task], list[Task]]:
        assert num_returns == 1
        assert references, "Ray refuses to wait for nothing"
        self._something_happens()
        while not any(task.settled for task in references):
            self._something_happens()
        first = self.rng.choice([task for task in references if task.settled])
        return [first], [task for task in references if task is not first]

    def get(self, reference: Task) -> Any:
        while not reference.settled:
            self._something_happens()
        if reference.error is not None:
            raise reference.error
        if not reference.actor.alive and self.rng.random() < 0.5:
            raise RayError("the object was lost with its node")
        return reference.answer

    def kill(self, actor: Actor) -> None:
        actor.die()

    def shutdown(self) -> None:
        raise AssertionError("nobody but who began it may end it")

    # what happens

    @property
    def working(self) -> list[Actor]:
        return [one for node in self.all_nodes for one in node.actors if one.alive]

    def _started(
        self, id: str, share: dict[str, float], kind: Any, given: tuple[Any, ...]
    ) -> Actor:
        node = next(one for one in self.all_nodes if one.id == id)
        assert share == ({"num_gpus": 1} if node.gpus else {"num_cpus": 2.0})
        actor = Actor(self, node, kind(*given), alive=node.alive)
        if node.alive:
            held = sum(one.alive for one in node.actors)
            assert held < node.places, "Ray would wait for ever: the node's share is taken"
            node.actors.append(actor)
        else:
            node.listed = False  # which is how it is found out
        return actor

    def _something_happens(self) -> None:
        chance, luck = self.rng.random, self.luck
        if chance() < luck.interrupt:
            raise KeyboardInterrupt
        if chance() < luck.join:
            self.joined += 1
            self.all_nodes.append(Node(f"late {self.joined}", self.rng.choice([0, 0, 2])))
        if self.losses < luck.most_losses and self.working:
            if chance() < luck.loss:
                self.losses += 1
                self.rng.choice(self.working).die()
            elif chance() < luck.node_loss:
                self.losses += 1
                self._node_dies(self.rng.choice([one.node for one in self.working]))
        busy = [one for one in self.working if one.tasks]
        if busy:
            self.rng.choice(busy).tasks.pop(0).settle()

    def _node_dies(self, node: Node) -> None:
        node.alive, node.listed = False, self.rng.random() < 0.5
        for actor in node.actors:
            actor.die()
