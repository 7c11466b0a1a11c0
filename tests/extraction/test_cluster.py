"""Workers elsewhere: thousands of simulated clusters that lose nodes, and a real one."""

import os
import random
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lookalike
from lookalike import embed
from lookalike.embeddings import Origin, Row
from lookalike.encoders import Runtime
from lookalike.encoders.pipeline import Array, Settings
from lookalike.errors import LookalikeError, LostRowsError, MissingDeviceError, MissingExtraError
from lookalike.extraction import cluster
from lookalike.extraction.cluster import IN_HAND, MOST_HELD, MOST_LOSSES, Cluster
from lookalike.extraction.delivery import deliveries
from lookalike.extraction.job import Done, Job
from lookalike.images.place import file_place

from .conftest import PIXELS, content, scenes
from .simulated_ray import Luck, SimulatedRay

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own


class TroubleError(LookalikeError):
    """An error of a node."""


class LightShards:
    """Stands for `Shards`: rows of its own for every place, without a picture."""

    trouble = -1  # number of the shard that raises

    def __init__(self, *given: object) -> None:
        self.given = given

    def describe(self) -> tuple[Any, Origin, int, tuple[str, ...]]:
        return PIXELS.cards, Origin("simulated"), 4, ()

    def make(self, job: Job) -> tuple[Done, dict[str, float]]:
        if job.number == self.trouble:
            raise TroubleError("a node can't do it")
        rows = tuple(Row(place.id) for place in job.places)
        values = np.array([[float(row.id)] for row in rows]).reshape(-1, 1)
        return Done(rows, {"vector": values}), {"model": 1.0}


@dataclass
class History:
    """One cluster and one run on it, both by a seed."""

    ray: SimulatedRay
    jobs: list[Job]
    stop_after: int | None = None
    trouble: int = -1
    drawn: int = 0
    came: list[tuple[Job, Done]] = field(default_factory=list)
    inputs_done: int = 0
    furthest: int = 0

    @classmethod
    def of(cls, seed: int) -> "History":
        rng = random.Random(seed)
        jobs, inputs = [], 0
        for number in range(rng.randint(0, 40)):
            many = rng.choice([0, 1, 1, 2, 5])
            places = [file_place(str(n)) for n in range(inputs, inputs + many)]
            jobs.append(Job(number, places))
            inputs += many
        luck = Luck(
            loss=rng.choice([0.0, 0.1, 0.5]),
            node_loss=rng.choice([0.0, 0.1, 0.5]),
            join=rng.choice([0.0, 0.05, 0.3]),
            interrupt=rng.choice([0.0, 0.0, 0.0, 0.03]),
            most_losses=rng.choice([0, 1, 2, 2, 5, 30]),
        )
        gpus = [rng.choice([0, 0, 1, 2]) for _ in range(rng.randint(1, 5))]
        stop = rng.randint(0, 40) if rng.random() < 0.2 else None
        trouble = rng.randint(0, 60) if rng.random() < 0.2 else -1
        return cls(SimulatedRay(rng, gpus, luck), jobs, stop, trouble)

    @property
    def asked(self) -> list[Job]:
        """What there is to do until Ctrl-C is pressed."""
        return self.jobs[: self.stop_after]

    def draw(self) -> Iterator[Job]:
        for job in self.asked:
            self.drawn += 1
            self.furthest = max(self.furthest, self.drawn - len(self.came))
            yield job

    def count(self, inputs: int) -> None:
        self.inputs_done += inputs

    def run(self, monkeypatch: pytest.MonkeyPatch) -> BaseException | None:
        """All of it; gives the error that ended it."""
        monkeypatch.setattr(cluster, "require", lambda module, purpose: self.ray)
        monkeypatch.setattr(cluster, "Shards", LightShards)
        monkeypatch.setattr(LightShards, "trouble", self.trouble)
        self.team = Cluster("auto", "any", Runtime(), Settings(), exact=False)
        try:
            with self.team as team:
                team.start()
                for one in deliveries(team, self.draw(), self.count):
                    self.came.append(one)
        except (LookalikeError, KeyboardInterrupt) as error:
            return error
        return None


def check(history: History, error: BaseException | None) -> None:
    """What must hold of every history: all is there and right, or an error says why not."""
    ray, asked = history.ray, history.asked
    assert [job for job, _ in history.came] == asked[: len(history.came)]  # in order, without gaps
    for job, done in history.came:
        assert [row.id for row in done.rows] == [place.id for place in job.places]
        assert done.vectors["vector"].ravel().tolist() == [float(row.id) for row in done.rows]
    if error is None:
        assert len(history.came) == len(asked)
        assert history.inputs_done == sum(len(job.places) for job in asked)
    elif isinstance(error, KeyboardInterrupt):
        assert ray.luck.interrupt
    elif isinstance(error, MissingDeviceError):
        gone = not any(node.alive for node in ray.all_nodes)
        assert gone or ray.deaths >= MOST_LOSSES  # or all that were started were lost too
    elif isinstance(error, TroubleError):
        assert history.trouble < len(asked)
    else:
        assert type(error) is LookalikeError
        assert f"{MOST_LOSSES} workers died over the same shard" in str(error)
        assert ray.deaths >= MOST_LOSSES
    assert ray.most_held <= IN_HAND
    most_actors = sum(node.places for node in ray.all_nodes)
    assert history.furthest <= MOST_HELD * most_actors + 1
    if not isinstance(error, KeyboardInterrupt):
        assert not ray.working  # all are let go at the end


def simulate(seeds: Iterable[int], monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many histories ended in which way."""
    ends: dict[str, int] = {}
    for seed in seeds:
        history = History.of(seed)
        with monkeypatch.context() as patch:
            error = history.run(patch)
        try:
            check(history, error)
        except AssertionError as wrong:
            raise AssertionError(f"history {seed}") from wrong
        end = type(error).__name__ if error else "whole"
        end += " after losses" if history.ray.losses else ""
        ends[end] = ends.get(end, 0) + 1
    return ends


def test_no_history_of_a_cluster_loses_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = simulate(range(1000), monkeypatch)
    # every way to end has been seen, so that none is promised untried
    assert ends.keys() == {
        f"{end}{when}"
        for end in (
            "whole",
            "KeyboardInterrupt",
            "TroubleError",
            "LookalikeError",
            "MissingDeviceError",
        )
        for when in ("", " after losses")
    } - {"LookalikeError", "MissingDeviceError"}
    assert ends["whole after losses"] > 200


@pytest.mark.slow
def test_no_history_of_ten_thousand_loses_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sum(simulate(range(10_000, 20_000), monkeypatch).values()) == 10_000


def forgetting(work: Any, actor: Any) -> list[Job]:
    lost = lost_with(work, actor)
    work.again.clear()
    return lost


lost_with = cluster._Work.lost_with


@pytest.mark.parametrize(
    ("part", "faulty"),
    [
        ("lost_with", forgetting),
        ("take", lambda work, most: None),
        ("finished", property(lambda work: work._turn > 0)),  # ends before all is done
    ],
)
def test_a_fault_in_the_bookkeeping_is_an_error_and_no_loss(
    monkeypatch: pytest.MonkeyPatch, part: str, faulty: Any
) -> None:
    monkeypatch.setattr(cluster._Work, part, faulty)
    errors = []
    for seed in range(60):
        history = History.of(seed)
        with monkeypatch.context() as patch:
            errors.append(history.run(patch))
        assert errors[-1] or len(history.came) == len(history.asked)
    assert any(isinstance(error, LostRowsError) for error in errors)


def test_runs_that_are_broken_off_at_random_end_as_if_nothing_had_been(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The whole verb on simulated clusters, with the true workers and a store on the disk."""
    pictures = scenes(tmp_path / "pictures", 12)
    (pictures / "05-broken.png").write_bytes(b"no picture")
    options: dict[str, Any] = {"model": PIXELS, "shard_inputs": 2, "workers": 1}
    embed(pictures, store=tmp_path / "local", **options)
    expected = content(tmp_path / "local")
    broken_off = 0
    for seed in range(5):
        rng = random.Random(seed)
        store = tmp_path / str(seed)
        while True:
            luck = Luck(0.1, 0.1, 0.1, 0.05, most_losses=2)
            ray = SimulatedRay(rng, [0, 0, 2], luck)
            monkeypatch.setattr(cluster, "require", lambda module, purpose, ray=ray: ray)
            done: list[int] = []
            try:
                embed(pictures, store=store, ray="auto", progress=done.append, **options)
            except KeyboardInterrupt:
                broken_off += 1
                assert content(store).items() <= expected.items()
                continue
            break
        assert sum(done) == 13
        assert content(store) == expected
    assert broken_off > 1


@pytest.fixture
def quiet_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray without reports of use, quick to notice a dead node and in no hurry to give up on one.

    A dead node refuses the connection, so three checks in a row find it in seconds; one that is
    only slow has three times half a minute.
    """
    pytest.importorskip("ray")
    for name, value in {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DISABLE_MEMORY_MONITOR": "1",
        "RAY_health_check_period_ms": "1000",
        "RAY_health_check_failure_threshold": "3",
        "RAY_health_check_timeout_ms": "30000",
        "RAY_worker_register_timeout_seconds": "600",
        "RAY_worker_niceness": "0",  # else whatever runs beside goes first
    }.items():
        monkeypatch.setenv(name, value)


class Losses:
    """How often a cluster lost a worker."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen = 0
        real = Cluster._lost

        def lost(team: Cluster, actor: Any, work: Any) -> None:
            self.seen += 1
            real(team, actor, work)

        monkeypatch.setattr(Cluster, "_lost", lost)


def test_a_real_cluster_gives_what_this_process_would(
    folder: Path, tmp_path: Path, quiet_ray: None
) -> None:
    options: dict[str, Any] = {"model": PIXELS, "shard_inputs": 4}
    done: list[int] = []
    found = embed(folder, store=tmp_path / "cluster", ray="local", progress=done.append, **options)
    assert sum(done) == found.inputs == 13
    embed(folder, store=tmp_path / "local", **options)
    assert content(tmp_path / "cluster") == content(tmp_path / "local")


def test_what_ray_raises_for_a_loss_is_what_the_simulation_raises() -> None:
    ray = pytest.importorskip("ray")
    found = ray.exceptions
    losses = (found.ActorDiedError, found.ActorUnavailableError, found.ObjectLostError)
    for loss in (*losses, found.NodeDiedError, found.OutOfMemoryError, found.WorkerCrashedError):
        assert issubclass(loss, found.RayError)
        assert not issubclass(loss, found.RayTaskError)
    assert issubclass(found.RayTaskError, found.RayError)
    assert callable(ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy)


@pytest.mark.slow
def test_a_worker_that_dies_on_a_real_cluster_costs_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet_ray: None
) -> None:
    pictures = scenes(tmp_path / "pictures", 20)
    (pictures / "10-broken.png").write_bytes(b"no picture")
    mark = tmp_path / "it has died once"

    def deadly(batch: Array) -> list[Array]:
        if (pictures.parent / "armed").exists() and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return list(PIXELS.run(batch))

    def count(inputs: int) -> None:
        done.append(inputs)
        if len(done) == 3:
            (pictures.parent / "armed").touch()

    done: list[int] = []
    losses = Losses(monkeypatch)
    options: dict[str, Any] = {"model": replace(PIXELS, run=deadly), "shard_inputs": 1}
    found = embed(pictures, store=tmp_path / "cluster", ray="local", progress=count, **options)
    assert mark.exists()
    assert losses.seen == 1
    assert sum(done) == found.inputs == 21
    embed(pictures, store=tmp_path / "local", **options)
    assert content(tmp_path / "cluster") == content(tmp_path / "local")
    assert len(lookalike.Embeddings.open(tmp_path / "cluster").failures) == 1


@pytest.fixture
def two_nodes(quiet_ray: None) -> Iterator[Any]:
    import ray
    from ray.cluster_utils import Cluster as Nodes

    small = {
        "num_cpus": 1,
        "object_store_memory": 100 * 2**20,
        "include_dashboard": False,
        "include_log_monitor": False,
    }
    nodes = Nodes(initialize_head=True, head_node_args=small)
    nodes.second = nodes.add_node(wait=False, **small)
    nodes.wait_for_nodes(timeout=600)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


@pytest.mark.slow
def test_a_lost_node_of_a_real_cluster_costs_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, two_nodes: Any
) -> None:
    pictures = scenes(tmp_path / "pictures", 120)
    (pictures / "100-broken.png").write_bytes(b"no picture")
    embed(pictures, store=tmp_path / "local", model="pixels", shard_inputs=10)
    done: list[int] = []
    losses = Losses(monkeypatch)

    def lose_a_node(inputs: int) -> None:
        done.append(inputs)
        if len(done) == 4:
            two_nodes.remove_node(two_nodes.second, allow_graceful=False)

    found = embed(
        pictures,
        store=tmp_path / "cluster",
        model="pixels",
        shard_inputs=10,
        ray=two_nodes.address,
        progress=lose_a_node,
    )
    assert losses.seen == 1
    assert sum(done) == found.inputs == 121
    assert content(tmp_path / "cluster") == content(tmp_path / "local")
    assert len(lookalike.Embeddings.open(tmp_path / "cluster").failures) == 1


def test_a_cluster_that_does_not_answer_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingDeviceError, match=r"no Ray cluster at '127\.0\.0\.1:9'"):
        embed(folder, store=tmp_path / "s", model="pixels", ray="127.0.0.1:9")


def test_ray_that_is_not_installed_is_said_before_the_first_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(module: str, *, purpose: str) -> None:
        raise MissingExtraError(f"{purpose} needs the package {module!r}", cure="install it")

    monkeypatch.setattr(cluster, "require", absent)
    listed: list[int] = []
    with pytest.raises(MissingExtraError, match="ray"):
        embed(folder, store=tmp_path / "s", model=PIXELS, ray="local", progress=listed.append)
    assert listed == []
    assert not (tmp_path / "s").exists()
