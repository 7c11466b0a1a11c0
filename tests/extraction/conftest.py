from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookalike
from lookalike.encoders import Encoder
from lookalike.encoders.pipeline import Array
from lookalike.testing import scene_picture

PIXELS = lookalike.load_encoder("pixels")


@dataclass
class Counting:
    """`pixels`, and how many pictures went through it."""

    pictures: int = 0
    encoder: Encoder = field(init=False)

    def __post_init__(self) -> None:
        self.encoder = replace(PIXELS, run=self._run)

    def _run(self, batch: Array) -> list[Array]:
        self.pictures += len(batch)
        return list(PIXELS.run(batch))

    def taken(self) -> int:
        """How many since the last call."""
        taken, self.pictures = self.pictures, 0
        return taken


@pytest.fixture
def counting() -> Counting:
    return Counting()


def scenes(folder: Path, count: int) -> Path:
    """A new folder of small pictures that differ, named by their number."""
    folder.mkdir()
    for seed in range(count):
        Image.fromarray(scene_picture(seed, 24, 32)).save(folder / f"{seed:02}.png")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve pictures and a broken one, written long ago."""
    made = scenes(tmp_path / "pictures", 12)
    (made / "05-broken.jpg").write_bytes(b"\xff\xd8\xff no more")
    for file in made.iterdir():
        age(file)
    return made


def age(file: Path, seconds: float = 3600) -> None:
    """Make a file as old as that."""
    then = file.stat().st_mtime - seconds
    os.utime(file, (then, then))


def content(store: Path) -> dict[str, bytes]:
    """The shards, byte by byte."""
    return {file.name: file.read_bytes() for file in sorted(store.glob("shard-*"))}


@pytest.fixture
def true_rows() -> Callable[[Path, Path], None]:
    """Checks that a store says of every file of a folder what encoding it alone says."""

    def check(store: Path, pictures: Path) -> None:
        found = lookalike.Embeddings.open(store)
        alone = PIXELS.encode(str(pictures))
        mine = {row.id: (row.reason, row.width, row.digest) for row in found.rows}
        theirs = {row.id: (row.reason, row.width, row.digest) for row in alone.rows}
        assert mine == theirs
        assert len(found.rows) == len(mine)
        for id in alone.ids:
            np.testing.assert_array_equal(found[id], alone[id])

    return check
