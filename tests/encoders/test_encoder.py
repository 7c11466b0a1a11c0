import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import lookalike
from lookalike.encoders.pipeline import Array, Part, stream
from lookalike.errors import LostRowsError
from lookalike.images import ImageSource, Limits, Picture, Place, Reason
from lookalike.testing import noise_picture, scene_picture

PIXELS = lookalike.load_encoder("pixels")


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.sampled_from(["good", "missing", "no pixels"]), max_size=12),
    st.integers(1, 5),
    st.integers(1, 4),
)
def test_rows_and_vectors_stay_together_in_any_batch(
    kinds: list[str], batch_size: int, workers: int
) -> None:
    made = {"missing": "gone.jpg", "no pixels": np.zeros((0, 1, 3), np.uint8)}
    inputs = [made.get(kind, noise_picture(n)) for n, kind in enumerate(kinds)]
    found = PIXELS.encode(inputs, batch_size=batch_size, workers=workers)
    assert [row.ok for row in found.rows] == [kind == "good" for kind in kinds]
    assert len(found.vectors) + len(found.failures) == len(inputs)
    for vector, position in zip(
        found.vectors, [n for n, kind in enumerate(kinds) if kind == "good"], strict=True
    ):
        alone = PIXELS.encode([noise_picture(position)]).vectors[0]
        np.testing.assert_allclose(vector, alone, atol=1e-6)


def test_vectors_that_are_not_finite_become_reasons() -> None:
    def run(batch: Array) -> list[Array]:
        (vectors,) = PIXELS.run(batch)
        vectors[1, 3] = np.nan
        vectors[2, 0] = np.inf
        return [vectors]

    found = replace(PIXELS, run=run).encode([scene_picture(n) for n in range(4)], batch_size=4)
    assert [row.reason for row in found.rows] == [
        None, Reason.NOT_FINITE, Reason.NOT_FINITE, None,
    ]  # fmt: skip
    assert found.ids == ("array[0]", "array[3]")
    assert np.isfinite(found.vectors).all()


def test_the_order_is_that_of_the_source_however_long_each_takes() -> None:
    read_already = [threading.Event() for _ in range(24)]

    def place(n: int) -> Place:
        def read(limits: Limits) -> Image.Image:
            if n % 4 != 3:  # of the four that are read at once the last is through first
                assert read_already[n + 1].wait(timeout=600)
            read_already[n].set()
            return Image.new("RGB", (4, 4), (n * 8, 0, 0))

        return Place(str(n), None, read)

    found = PIXELS.encode([place(n) for n in range(24)], workers=4, batch_size=5)
    assert found.ids == tuple(str(n) for n in range(24))
    for n in (0, 7, 23):
        alone = PIXELS.encode([Image.new("RGB", (4, 4), (n * 8, 0, 0))]).vectors[0]
        np.testing.assert_allclose(found[str(n)], alone, atol=1e-6)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda vectors: [vectors[:-1]], r"shape \(3, 752\) for 4 pictures"),
        (lambda vectors: [vectors[:1]], r"shape \(1, 752\) for 4 pictures"),
        (lambda vectors: [vectors.repeat(2, axis=0)], r"shape \(8, 752\) for 4 pictures"),
        (lambda vectors: [vectors[:, :-1]], r"shape \(4, 751\) for 4 pictures"),
        (lambda vectors: [vectors.ravel()], r"shape \(3008,\) for 4 pictures"),
        (lambda vectors: [], "has 1 layers and gave vectors of 0"),
        (lambda vectors: [vectors, vectors], "has 1 layers and gave vectors of 2"),
    ],
)
def test_an_encoder_that_gives_not_one_vector_for_each_picture_is_refused(
    spoil: Callable[[Array], list[Array]], told: str
) -> None:
    def run(batch: Array) -> list[Array]:
        return spoil(PIXELS.run(batch)[0])

    with pytest.raises(LostRowsError, match=told):
        replace(PIXELS, run=run).encode([scene_picture(n) for n in range(4)], batch_size=4)


def test_a_row_that_is_lost_on_the_way_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def losing(*given: Any) -> Iterator[Part]:
        for part in stream(*given):
            yield replace(part, rows=[part.rows[0][:-1]], vectors=[part.vectors[0][:-1]])

    monkeypatch.setattr("lookalike.encoders.encoder.stream", losing)
    with pytest.raises(LostRowsError, match=r"1 of 3 inputs has no row: array\[2\] .pixels"):
        PIXELS.encode([scene_picture(n) for n in range(3)])


def test_pictures_are_read_only_a_little_ahead() -> None:
    drawn = []

    class Endless(ImageSource):
        def places(self) -> Iterator[Place]:
            for n in range(200):
                drawn.append(n)
                yield Place(str(n), None, lambda limits: Image.new("RGB", (4, 4)))

    ahead = []

    def run(batch: Array) -> list[Array]:
        ahead.append(len(drawn))
        return list(PIXELS.run(batch))

    replace(PIXELS, run=run).encode(Endless(), batch_size=4, workers=2)
    assert len(drawn) == 200
    # one batch runs, one waits, two are prepared, and each thread has two pictures in hand
    assert all(seen <= 4 * (n + 1) + 4 + 2 * 4 + 2 * 2 + 1 for n, seen in enumerate(ahead))


def test_progress_counts_every_input_and_pictures_are_shown() -> None:
    counts: list[int] = []
    seen: list[Picture] = []
    inputs = [scene_picture(1), "gone.jpg", scene_picture(2)]
    PIXELS.encode(inputs, batch_size=2, progress=counts.append, on_picture=seen.append)
    assert sum(counts) == 3
    assert sorted(picture.id for picture in seen) == ["array[0]", "array[1]"]


def test_nothing_gives_no_rows_and_no_vectors() -> None:
    found = PIXELS.encode([])
    assert (len(found), found.vectors.shape) == (0, (0, PIXELS.card.dim))


def test_a_wrong_object_is_an_error_of_the_source() -> None:
    with pytest.raises(lookalike.LookalikeError, match="can't come from int"):
        PIXELS.encode([3])
