import numpy as np
import pytest
from PIL import Image

from lookalike.encoders.views import VIEWS, WHOLE, views_named
from lookalike.errors import UnknownNameError
from lookalike.images import Picture
from lookalike.testing import noise_picture

STORED = Image.fromarray(noise_picture(1, 40, 60))


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(picture.rgb())


def test_the_whole_picture_is_itself() -> None:
    picture = Picture("p", STORED)
    assert WHOLE.of(picture) is picture


def test_flip_mirrors_what_people_see_and_not_what_is_stored() -> None:
    turned = Picture("p", STORED, orientation=6)
    (flip,) = VIEWS["flip"]
    np.testing.assert_array_equal(pixels(flip.of(turned)), pixels(turned)[:, ::-1])


def test_a_view_follows_an_encoder_that_ignores_orientation() -> None:
    turned = Picture("p", STORED, orientation=6)
    (flip,) = VIEWS["flip"]
    seen = np.asarray(flip.of(turned, exif=False).rgb(exif=False))
    np.testing.assert_array_equal(seen, np.asarray(STORED)[:, ::-1])


def test_crops_are_the_corners_and_the_centre() -> None:
    picture = Picture("p", STORED)
    corners = {view.name: pixels(view.of(picture)) for view in VIEWS["crops"]}
    whole = pixels(picture)
    np.testing.assert_array_equal(corners["crop-top-left"], whole[:30, :45])
    np.testing.assert_array_equal(corners["crop-bottom-right"], whole[10:, 15:])
    np.testing.assert_array_equal(corners["crop-centre"], whole[5:35, 8:53])
    assert len(corners) == 5


def test_a_picture_of_one_pixel_has_views() -> None:
    dot = Picture("p", Image.new("RGB", (1, 1), "red"))
    for view in views_named(["flip", "crops"]):
        assert pixels(view.of(dot)).shape == (1, 1, 3)


def test_names_are_known_once_each_and_others_are_refused() -> None:
    names = [view.name for view in views_named(["flip", "crops", "flip"])]
    assert len(names) == len(set(names)) == 7
    with pytest.raises(UnknownNameError, match="did you mean flip"):
        views_named(["flop"])
