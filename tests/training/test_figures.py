import numpy as np
import pytest
from PIL import Image
from training.builtin.copies import EDITS
from training.builtin.figures import Figure, copies_found, in_words
from training.builtin.pictures import Labelled

import lookalike
from lookalike.testing import scene_picture

OTHERS = Labelled(
    np.stack([np.asarray(Image.fromarray(scene_picture(n)).resize((64, 64))) for n in range(9)]),
    np.zeros(9, np.int64),
    ("a",),
)


@pytest.mark.parametrize("name", ["pixels", "hash:phash"])
def test_copies_are_found_where_the_original_is_closest(name: str) -> None:
    originals = [Image.fromarray(scene_picture(n)) for n in range(20, 26)]
    encoder = lookalike.load_encoder(name)
    found = {one.what: one for one in copies_found([encoder], originals, OTHERS, seed=0)}
    assert set(found) == {*EDITS, "all edits"}
    gallery = [*originals, *map(Image.fromarray, OTHERS.pixels)]
    for edit in ("JPEG quality 20", "greyscale", "mirrored"):
        hits = []
        for n, original in enumerate(originals):
            results = lookalike.compare(
                EDITS[edit](original), gallery, models=name, pairing="first"
            ).results
            values = [one.value or 0.0 for one in results]
            best = max(values)  # both metrics are higher where pictures are closer
            hits.append((values[n] == best) / values.count(best))
        assert found[edit].value == pytest.approx(np.mean(hits))
        assert found[edit].low <= found[edit].value <= found[edit].high


def test_equally_close_pictures_share_the_hit() -> None:
    originals = [Image.fromarray(scene_picture(1))] * 4
    (figure,) = (
        one
        for one in copies_found([lookalike.load_encoder("pixels")], originals, OTHERS, seed=0)
        if one.what == "JPEG quality 20"
    )
    assert figure.value == pytest.approx(1 / 4)


def test_figures_become_a_table() -> None:
    figures = [Figure("a", "x", 0.5, 0.4, 0.6), Figure("b", "x", 0.25, 0.2, 0.3)]
    assert in_words(figures).splitlines() == [
        "| | `a` | `b` |",
        "|---|---|---|",
        "| x | 0.500 (0.400 to 0.600) | 0.250 (0.200 to 0.300) |",
    ]
