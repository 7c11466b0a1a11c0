from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import lookalike
from lookalike.encoders.pipeline import Array, Clock, Part, Settings, stream
from lookalike.encoders.views import views_named
from lookalike.errors import DeviceMemoryError
from lookalike.images import Limits, Place, Reason
from lookalike.images.place import ReadError
from lookalike.testing import scene_picture

PIXELS = lookalike.load_encoder("pixels")


def place(seed: int) -> Place:
    picture = Image.fromarray(scene_picture(seed, 40, 60))
    return Place(f"scene {seed}", None, lambda limits: picture)


def broken(seed: int) -> Place:
    def read(limits: Limits) -> bytes:
        raise ReadError(Reason.READ_ERROR, "gone")

    return Place(f"broken {seed}", None, read)


def groups_of(parts: Iterator[Part]) -> list[list[str]]:
    groups: list[list[str]] = [[]]
    for part in parts:
        groups[-1] += [row.id for row in part.rows[0]]
        if part.last:
            groups.append([])
    assert groups.pop() == []
    return groups


layouts = st.lists(st.lists(st.booleans(), max_size=9), max_size=5)


@given(layouts, st.integers(1, 5), st.integers(1, 3), st.integers(1, 3))
def test_every_group_comes_back_whole_and_in_order(
    layout: list[list[bool]], batch_size: int, workers: int, streams: int
) -> None:
    places = [[place(n) if good else broken(n) for n, good in enumerate(group)] for group in layout]
    batches: list[int] = []

    def run(batch: Array) -> list[Array]:
        batches.append(len(batch))
        return list(PIXELS.run(batch))

    encoder = replace(PIXELS, run=run, streams=streams)
    parts = list(stream(encoder, places, Settings(batch_size, workers), Clock()))
    assert groups_of(iter(parts)) == [[one.id for one in group] for group in places]
    assert sum(part.inputs for part in parts) == sum(map(len, layout))
    for part in parts:
        assert len(part.vectors[0]) == sum(row.ok for row in part.rows[0])
    # a batch never mixes groups, and none is smaller than it has to be
    assert sorted(batches) == sorted(
        size
        for group in layout
        for size in [batch_size] * (sum(group) // batch_size) + [sum(group) % batch_size]
        if size
    )


@pytest.mark.parametrize("fits", [1, 3, 5])
def test_a_device_without_memory_gets_smaller_batches(fits: int) -> None:
    sizes: list[int] = []

    def run(batch: Array) -> list[Array]:
        sizes.append(len(batch))
        if len(batch) > fits:
            raise DeviceMemoryError("no more")
        return list(PIXELS.run(batch))

    pictures = [scene_picture(seed, 40, 60) for seed in range(23)]
    found = replace(PIXELS, run=run).encode(pictures, batch_size=8)
    np.testing.assert_array_equal(found.vectors, PIXELS.encode(pictures).vectors)
    assert sum(size > fits for size in sizes) <= 4  # it does not try the same in vain again


def test_a_picture_too_large_for_the_device_is_a_row_with_a_reason() -> None:
    def run(batch: Array) -> list[Array]:
        if len(batch) > 2 or (batch[:, 0, 0] > 230).any():
            raise DeviceMemoryError("no more")
        return list(PIXELS.run(batch))

    white = np.full((40, 60, 3), 255, np.uint8)
    found = replace(PIXELS, run=run).encode([scene_picture(1), white, scene_picture(2)])
    assert [row.reason for row in found.rows] == [None, Reason.OUT_OF_MEMORY, None]
    good = PIXELS.encode([scene_picture(1), scene_picture(2)])
    np.testing.assert_array_equal(found.vectors, good.vectors)


def test_views_are_rows_under_the_pictures_id_behind_the_whole_one() -> None:
    picture = scene_picture(3)
    settings = Settings(batch_size=4, views=views_named(["flip", "crops"]))
    places = [place(3), broken(1), place(4)]
    parts = list(stream(PIXELS, [places], settings, Clock()))
    rows = [row for part in parts for row in part.rows[0]]
    names = ["", "flip", *(view.name for view in views_named(["crops"])[1:])]
    assert [(row.id, row.view) for row in rows] == [
        *(("scene 3", name) for name in names),
        ("broken 1", ""),
        *(("scene 4", name) for name in names),
    ]
    vectors = np.concatenate([part.vectors[0] for part in parts])
    picture = scene_picture(3, 40, 60)
    by_hand = [picture, picture[:, ::-1], picture[:30, :45], picture[:30, 15:], picture[5:35, 8:53]]
    expected = PIXELS.encode([np.ascontiguousarray(one) for one in by_hand]).vectors
    np.testing.assert_allclose(vectors[:5], expected, atol=1e-6)


def test_large_photographs_are_decoded_smaller_only_if_asked(tmp_path: Path) -> None:
    path = str(tmp_path / "large.jpg")
    Image.fromarray(scene_picture(1, 1200, 1600)).save(path, quality=95)
    seen: list[tuple[int, int]] = []

    def encoded(reduced: bool) -> tuple[Array, tuple[int, int]]:
        from lookalike.images.place import file_place

        settings = Settings(reduced=reduced, on_picture=lambda one: seen.append(one.image.size))
        (part,) = stream(PIXELS, [[file_place(path)]], settings, Clock())
        row = part.rows[0][0]
        return part.vectors[0], (row.width, row.height)

    (full, full_size), (small, small_size) = encoded(False), encoded(True)
    assert seen == [(1600, 1200), (200, 150)]  # 64 pixels are needed, twice as many are enough
    assert full_size == small_size == (1600, 1200)
    assert not np.array_equal(full, small)
    assert float(np.asarray(lookalike.similarity(full[0], small[0]))) > 0.999


def test_the_clock_adds_up_what_each_step_took() -> None:
    clock = Clock()
    list(stream(PIXELS, [[place(n) for n in range(9)]], Settings(batch_size=2), clock))
    assert set(clock.seconds) == set(Clock.STEPS)
    assert all(clock.seconds[step] > 0 for step in ("decode", "preprocess", "model"))
    assert clock.seconds["write"] == 0
