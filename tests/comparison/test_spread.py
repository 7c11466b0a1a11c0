from typing import Any

import numpy as np
import pytest
from PIL import Image

import lookalike
from lookalike.comparison.spread import COPIES, HARMLESS
from lookalike.testing import scene_picture

PICTURES: list[Any] = [scene_picture(1), scene_picture(2), "gone.jpg", scene_picture(3)]


@pytest.mark.parametrize("model", ["pixels", "hash:phash"])
def test_the_range_is_that_of_all_copies_of_both_sides(model: str) -> None:
    """Against encoding every edited copy by hand."""
    (result,) = lookalike.compare(*PICTURES[:2], models=model, spread=True).results
    encoder = lookalike.load_encoder(model)
    sides = []
    for array in PICTURES[:2]:
        picture = Image.fromarray(np.asarray(array))
        copies = [picture, *(edit(picture) for edit in HARMLESS.values())]
        assert len(copies) == COPIES
        sides.append(encoder.encode(copies).vectors)
    values = np.asarray(lookalike.similarity(sides[0], sides[1], metric=encoder.card.metric))
    assert (result.low, result.high) == pytest.approx((values.min(), values.max()))
    assert result.value == pytest.approx(values[0, 0])


def test_a_side_too_long_for_jpeg_leaves_the_other_copies() -> None:
    strip = np.zeros((1, 66_000, 3), np.uint8)
    (result,) = lookalike.compare(strip, PICTURES[0], spread=True).results
    assert result.error is None
    assert result.low is not None


def test_values_and_failures_are_the_same_with_and_without() -> None:
    plain, wide = (lookalike.compare(PICTURES, spread=spread) for spread in (False, True))
    assert [one.value for one in plain.results] == [one.value for one in wide.results]
    assert [row.id for row in wide.failures] == ["gone.jpg"]
    for one in wide.results:
        assert (one.low is None) == (one.value is None)
        if one.value is not None and one.low is not None and one.high is not None:
            assert one.low <= one.value <= one.high
    assert "low" not in plain.results[0].to_dict()
    assert "lowest" in wide._repr_html_()
