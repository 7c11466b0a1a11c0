"""A Ray cluster of two nodes on this machine, one of which is lost halfway."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lookalike
from lookalike import embed
from lookalike.errors import MissingDeviceError, MissingExtraError
from lookalike.extraction import cluster

from .conftest import PIXELS, content, scenes

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = scenes(tmp_path / "pictures", 240)
    (folder / "100-broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def two_nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_DISABLE_MEMORY_MONITOR", "1")
    import ray
    from ray.cluster_utils import Cluster

    nodes = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "object_store_memory": 100 * 2**20},
    )
    nodes.second = nodes.add_node(num_cpus=1, object_store_memory=100 * 2**20)
    nodes.wait_for_nodes()
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def test_a_lost_node_costs_its_shards_in_hand_and_nothing_else(
    pictures: Path, tmp_path: Path, two_nodes: Any
) -> None:
    embed(pictures, store=tmp_path / "local", model="pixels", shard_inputs=20)
    lost: list[int] = []

    def lose_a_node(done: int) -> None:
        lost.append(done)
        if len(lost) == 4:
            two_nodes.remove_node(two_nodes.second, allow_graceful=False)

    done = embed(
        pictures,
        store=tmp_path / "cluster",
        model="pixels",
        shard_inputs=20,
        ray=two_nodes.address,
        progress=lose_a_node,
    )
    assert sum(lost) == done.inputs == 241
    assert content(tmp_path / "cluster") == content(tmp_path / "local")
    assert len(lookalike.Embeddings.open(tmp_path / "cluster").failures) == 1


def test_a_cluster_that_does_not_answer_is_said(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingDeviceError, match=r"no Ray cluster at '127\.0\.0\.1:9'"):
        embed(pictures, store=tmp_path / "s", model="pixels", ray="127.0.0.1:9")


def test_ray_that_is_not_installed_is_said_before_the_first_file(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(module: str, *, purpose: str) -> None:
        raise MissingExtraError(f"{purpose} needs the package {module!r}", cure="install it")

    monkeypatch.setattr(cluster, "require", absent)
    listed: list[int] = []
    with pytest.raises(MissingExtraError, match="ray"):
        embed(pictures, store=tmp_path / "s", model=PIXELS, ray="local", progress=listed.append)
    assert listed == []
    assert not (tmp_path / "s").exists()
