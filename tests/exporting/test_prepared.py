from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import lookalike
from lookalike.exporting.prepared import parted, prepared
from lookalike.images import ImageSource
from lookalike.testing import noise_picture, scene_picture

DOT = np.zeros((1, 1, 3), np.uint8)


@given(st.integers(1, 60), st.integers(1, 80), st.integers(0, 2**32))
def test_every_picture_is_chosen_or_left_and_at_most_half_are_chosen(
    count: int, samples: int, seed: int
) -> None:
    chosen, others = ([one.id for one in part] for part in parted([DOT] * count, samples, seed))
    everything = [place.id for place in ImageSource([DOT] * count).places()]
    assert len(chosen) == min(samples, (count + 1) // 2)
    assert sorted(chosen + others, key=everything.index) == everything
    assert chosen == [one for one in everything if one in chosen]
    assert others == [one for one in everything if one in others]


def test_a_seed_makes_the_choice() -> None:
    def choice(seed: int) -> list[str]:
        return [place.id for place in parted([DOT] * 40, 10, seed)[0]]

    assert choice(3) == choice(3)
    assert len({tuple(choice(seed)) for seed in range(5)}) == 5


def test_a_choice_is_spread_over_all_pictures() -> None:
    """The first ones of a folder may all be of one kind."""
    everything = [place.id for place in ImageSource([DOT] * 1000).places()]
    chosen = [everything.index(place.id) for place in parted([DOT] * 1000, 100, 0)[0]]
    counts = np.histogram(chosen, bins=5, range=(0, 1000))[0]
    assert counts.min() >= 10


def test_pictures_go_as_far_as_the_network_in_order(tmp_path: Path) -> None:
    encoder = lookalike.load_encoder("builtin")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    pictures = [scene_picture(0), noise_picture(1), scene_picture(2)]
    places = list(ImageSource([pictures[0], broken, *pictures[1:]]).places())
    found = prepared(encoder, places)
    assert found.pixels.dtype == np.uint8
    assert [Path(row.id).name for row in found.failed] == ["broken.png"]
    sources = list(ImageSource(pictures))
    assert all(isinstance(one, lookalike.Picture) for one in sources)
    expected = np.stack([encoder.prepare(one) for one in sources])  # type: ignore[arg-type]
    np.testing.assert_array_equal(found.pixels, expected)
    np.testing.assert_allclose(
        encoder.run(found.pixels)[0], encoder.encode(pictures).vectors, atol=1e-5
    )


def test_nothing_readable_gives_no_pixels(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    found = prepared(lookalike.load_encoder("builtin"), list(ImageSource([broken]).places()))
    assert (len(found.pixels), len(found.failed)) == (0, 1)
