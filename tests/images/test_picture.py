from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from lookalike.images import Picture, Reason
from lookalike.images.picture import UNDONE, UPRIGHT, Alpha, lost_shape, to_rgb
from lookalike.images.place import ReadError

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)


def pixel(image: Image.Image, alpha: Alpha = "drop") -> Colour:
    found = to_rgb(image, alpha)
    assert found.mode == "RGB"
    assert found.size == image.size
    red, green, blue = np.asarray(found)[0, 0].tolist()
    return red, green, blue


# mode → a value, what it becomes when alpha is dropped, and what over white
DEFINED: dict[str, tuple[object, Colour, Colour]] = {
    "1": (255, WHITE, WHITE),
    "L": (77, (77, 77, 77), (77, 77, 77)),
    "P": (2, (10, 20, 30), (10, 20, 30)),
    "PA": ((2, 0), (10, 20, 30), WHITE),
    "LA": ((40, 51), (40, 40, 40), (212, 212, 212)),
    "La": ((8, 51), (40, 40, 40), (212, 212, 212)),  # premultiplied: 40 * 51 / 255
    "RGB": ((1, 2, 3), (1, 2, 3), (1, 2, 3)),
    "RGBA": ((0, 100, 250, 51), (0, 100, 250), (204, 224, 254)),
    "RGBa": ((0, 20, 50, 51), (0, 100, 250), (204, 224, 254)),
    "RGBX": ((1, 2, 3, 0), (1, 2, 3), (1, 2, 3)),
    "CMYK": ((0, 255, 255, 51), (204, 0, 0), (204, 0, 0)),
    "YCbCr": ((77, 128, 128), (77, 77, 77), (77, 77, 77)),
    "HSV": ((85, 255, 255), (0, 255, 0), (0, 255, 0)),
    "LAB": ((136, 128, 128), (127, 127, 127), (127, 127, 127)),
    "I": (257 * 5 + 129, (6, 6, 6), (6, 6, 6)),
    "I;16": (257 * 5 + 128, (5, 5, 5), (5, 5, 5)),
    "I;16L": (257 * 5 + 128, (5, 5, 5), (5, 5, 5)),
    "I;16B": (257 * 5 + 128, (5, 5, 5), (5, 5, 5)),
    "I;16N": (257 * 5 + 128, (5, 5, 5), (5, 5, 5)),
    "F": (0.2, (51, 51, 51), (51, 51, 51)),
}


@pytest.mark.parametrize("mode", Image.MODES)
def test_every_mode_has_a_defined_way_to_rgb(mode: str) -> None:
    value, dropped, over_white = DEFINED[mode]
    image = Image.new(mode, (2, 3))
    if mode in {"P", "PA"}:
        image.putpalette([0, 0, 0, 9, 9, 9, 10, 20, 30])
    image.putpixel((0, 0), value)  # type: ignore[arg-type]
    tolerance = 1 if mode == "LAB" else 0  # its conversion goes through a colour profile
    for alpha, expected in (("drop", dropped), (WHITE, over_white)):
        difference = np.subtract(pixel(image, alpha), expected)  # type: ignore[arg-type]
        assert np.abs(difference).max() <= tolerance, alpha


@pytest.mark.parametrize(
    ("mode", "value"),
    [("I", -1), ("I", 65536), ("F", -0.01), ("F", 1.01), ("F", np.nan), ("F", np.inf)],
)
def test_values_of_unknown_range_are_refused_and_named(mode: str, value: float) -> None:
    image = Image.new(mode, (2, 2))
    image.putpixel((1, 1), value)
    with pytest.raises(ReadError, match=f"mode {mode} with values") as error:
        to_rgb(image, "drop")
    assert error.value.reason is Reason.UNSUPPORTED


def test_rgb_passes_unchanged() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(to_rgb(Image.fromarray(pixels), WHITE)), pixels)


@given(st.tuples(*[st.integers(0, 255)] * 4), st.tuples(*[st.integers(0, 255)] * 3))
def test_a_background_shines_through_in_proportion(
    value: tuple[int, int, int, int], background: Colour
) -> None:
    *front, alpha = value
    expected = (np.array(front) * alpha + np.array(background) * (255 - alpha)) / 255
    found = np.array(pixel(Image.new("RGBA", (1, 1), value), background))
    assert np.abs(found - expected).max() <= 1
    assert pixel(Image.new("RGBA", (1, 1), value), "drop") == tuple(front)


@pytest.mark.parametrize(
    ("mode", "value", "key", "rgb"),
    [
        ("L", 7, 7, (7, 7, 7)),
        ("RGB", (1, 2, 3), (1, 2, 3), (1, 2, 3)),
        ("1", 255, 255, WHITE),
        ("P", 1, 1, (50, 60, 70)),
        ("P", 1, b"\xff\x00", (50, 60, 70)),
    ],
)
def test_a_colour_named_transparent_is(mode: str, value: object, key: object, rgb: Colour) -> None:
    image = Image.new(mode, (1, 1))
    if mode == "P":
        image.putpalette([0, 0, 0, 50, 60, 70])
    image.putpixel((0, 0), value)  # type: ignore[arg-type]
    image.info["transparency"] = key
    assert pixel(image, "drop") == rgb
    assert pixel(image, (9, 8, 200)) == (9, 8, 200)


STORED: NDArray[np.uint8] = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
SEEN = {  # what the standard says of the picture's top row, stored rows top to bottom
    1: STORED,
    2: STORED[:, ::-1],
    3: STORED[::-1, ::-1],
    4: STORED[::-1],
    5: STORED.transpose(1, 0, 2),
    6: STORED[::-1].transpose(1, 0, 2),
    7: STORED[::-1, ::-1].transpose(1, 0, 2),
    8: STORED[:, ::-1].transpose(1, 0, 2),
}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_turns_the_picture_and_its_size(orientation: int) -> None:
    found = Picture("p", Image.fromarray(STORED), orientation)
    assert np.array_equal(np.asarray(found.rgb()), SEEN[orientation])
    assert (found.height, found.width) == SEEN[orientation].shape[:2]
    assert np.array_equal(np.asarray(found.rgb(exif=False)), STORED)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turn_can_be_undone(orientation: int) -> None:
    image = Image.fromarray(STORED)
    back = image.transpose(UPRIGHT[orientation]).transpose(UNDONE[orientation])
    assert np.array_equal(np.asarray(back), STORED)


def shown(picture: Picture, side: int) -> Image.Image:
    image = Image.open(BytesIO(picture.thumbnail(side)))
    assert image.format == "JPEG"
    return image


def test_a_thumbnail_is_upright_and_fits_its_side() -> None:
    wide = Image.new("RGB", (200, 100), "red")
    assert shown(Picture("p", wide), 40).size == (40, 20)
    assert shown(Picture("p", wide, orientation=6), 40).size == (20, 40)
    assert wide.size == (200, 100)


def test_a_thumbnail_lies_on_white_and_is_never_enlarged() -> None:
    image = shown(Picture("p", Image.new("RGBA", (8, 8), (0, 0, 0, 0))), 40)
    assert image.size == (8, 8)
    assert image.getpixel((4, 4)) == WHITE


def icon(colour: int, shape: int, mode: str = "RGBA") -> Image.Image:
    """Its shape is in its transparency alone."""
    opacity = np.zeros((16, 16), np.uint8)
    opacity[4:12, 4 + shape : 12] = 255
    colours = [np.full((16, 16), colour, np.uint8)] * 3
    image = Image.fromarray(np.dstack([*colours, opacity]))
    return image if mode == "RGBA" else image.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("colour", [0, 128, 255])
def test_a_shape_that_a_background_hides_is_told(mode: str, colour: int) -> None:
    drawn = icon(colour, 0, mode)
    assert "MODEL?alpha=" in lost_shape(drawn, "drop")
    assert (
        "255,255,255" in lost_shape(drawn, WHITE) if colour == 255 else not lost_shape(drawn, WHITE)
    )
    assert bool(lost_shape(drawn, (0, 0, 0))) == (colour == 0)


def test_a_palette_with_a_shape_in_its_transparency_is_told() -> None:
    drawn = Image.fromarray(np.eye(16, dtype=np.uint8), "P")
    drawn.putpalette([0, 0, 0, 0, 0, 0])
    drawn.info["transparency"] = b"\x00\xff"
    assert lost_shape(drawn, "drop")
    assert not lost_shape(drawn, WHITE)


def test_pictures_that_keep_their_shape_are_not_remarked_on() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 4), dtype=np.uint8)
    opaque = noise.copy()
    opaque[..., 3] = 255
    plain = np.full((16, 16, 4), 77, np.uint8)
    for pixels in (noise, opaque, plain, noise[..., :3]):
        for alpha in ("drop", WHITE):
            assert lost_shape(Image.fromarray(pixels), alpha) == ""
    for mode in Image.MODES:
        assert lost_shape(Image.new(mode, (3, 3)), "drop") == "", mode


def test_unlike_icons_do_not_compare_as_the_same_in_silence() -> None:
    import lookalike

    for colour in (0, 255):
        done = lookalike.compare(icon(colour, 0), icon(colour, 3), models=["hash:phash", "pixels"])
        for n, model in enumerate(done.models):
            if done.results[n].value in (0.0, 1.0):
                alpha = model.card.preprocess.alpha
                said = "drops" if alpha == "drop" else "background"
                assert any(said in note and "image[0], image[1]" in note for note in done.notes)
    cured = "hash:phash?alpha=255,255,255"
    assert not lookalike.compare(icon(0, 0), icon(0, 3), models=cured).remarks
