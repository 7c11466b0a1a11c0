import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from lookalike.encoders.families.torchvision import torchvision
from lookalike.errors import UsageError
from lookalike.images import PRESETS, Picture, Preprocess, Reason
from lookalike.images.place import ReadError
from lookalike.images.preprocess import centre_crop, shorter_side_size
from lookalike.images.resample import KERNELS

torchvision()
from torchvision.transforms import functional as transforms  # noqa: E402
from torchvision.transforms._presets import ImageClassification  # noqa: E402

RANDOM = np.random.default_rng(0)


def noise(*shape: int) -> NDArray[np.uint8]:
    return RANDOM.integers(0, 256, shape, dtype=np.uint8)


def photo(array: NDArray[np.uint8], orientation: int = 1) -> Picture:
    return Picture("noise", Image.fromarray(array), orientation)


# larger and smaller than the targets, of odd sizes, transparent, turned, and plain
TELLING = [
    photo(noise(37, 53, 3)),
    photo(noise(53, 24, 4), 6),
    photo(noise(5, 3, 4), 2),
    photo(noise(3, 5, 3), 3),
    photo(noise(80, 90, 3), 8),
    photo(noise(91, 64, 4)),
    *(photo(np.full((4, 4, 3), level, np.uint8)) for level in range(0, 256, 5)),
]

side = st.sampled_from([7, 9, 10])
size = st.tuples(side, side)
crop = st.tuples(*[st.sampled_from([4, 9, 12])] * 2)
# two that agree with another one at most sizes are left out; they are told apart all the same
kernels = st.sampled_from(sorted(set(KERNELS) - {"pillow-nearest", "opencv-cubic"}))
triple = st.sampled_from([(0.0,) * 3, (0.5,) * 3, (127.5,) * 3, (0.485, 0.456, 0.406)])
deviation = st.sampled_from([(1.0,) * 3, (0.5,) * 3, (127.5,) * 3, (0.229, 0.224, 0.225)])
preprocesses = st.builds(
    Preprocess,
    resize=st.one_of(st.none(), side, size),
    kernel=kernels,
    crop=st.one_of(st.none(), crop),
    scale=st.sampled_from([1 / 255, 1.0, 2 / 255]),
    mean=triple,
    std=deviation,
    order=st.sampled_from(["rgb", "bgr"]),
    layout=st.sampled_from(["nchw", "nhwc"]),
    alpha=st.sampled_from(["drop", (255, 255, 255), (0, 0, 0)]),
    exif=st.booleans(),
)
changes = st.sampled_from([field.name for field in dataclasses.fields(Preprocess)])


def same_numbers(a: Preprocess, b: Preprocess) -> bool:
    return all(
        x.shape == y.shape and x.tobytes() == y.tobytes()
        for x, y in ((a.apply(picture), b.apply(picture)) for picture in TELLING)
    )


def agree(a: Preprocess, b: Preprocess) -> None:
    assert (a == b) is same_numbers(a, b)
    assert (a.digest == b.digest) is (a == b)
    assert (hash(a) == hash(b)) or a != b


@given(preprocesses, preprocesses)
def test_two_are_equal_exactly_when_their_numbers_are(a: Preprocess, b: Preprocess) -> None:
    agree(a, b)


@given(preprocesses, preprocesses, st.sets(changes, max_size=2))
def test_a_setting_tells_apart_exactly_when_it_changes_numbers(
    a: Preprocess, b: Preprocess, names: set[str]
) -> None:
    agree(a, dataclasses.replace(a, **{name: getattr(b, name) for name in names}))


@pytest.mark.parametrize(
    "other",
    [
        Preprocess(resize=(8, 8), mean=(0.5,) * 3, std=(0.5,) * 3, crop=(8, 8)),
        Preprocess(resize=(8, 8), scale=1.0, mean=(127.5,) * 3, std=(127.5,) * 3),
        Preprocess(resize=(8, 8), scale=-1 / 255, mean=(-0.5,) * 3, std=(-0.5,) * 3),
    ],
)
def test_another_spelling_of_the_same_numbers_is_equal(other: Preprocess) -> None:
    plain = Preprocess(resize=(8, 8), mean=(0.5,) * 3, std=(0.5,) * 3)
    assert plain == other
    assert same_numbers(plain, other)


def test_a_negative_zero_is_no_other_number() -> None:
    one = Preprocess(scale=1.0, mean=(5.0,) * 3, std=(-1.0,) * 3)
    agree(one, Preprocess(scale=-1.0, mean=(-5.0,) * 3, std=(1.0,) * 3))
    assert not np.signbit(one.apply(photo(np.full((1, 1, 3), 5, np.uint8)))).any()


CHANGED: dict[str, Any] = {
    "resize": 9,
    "kernel": "pillow-box",
    "crop": (7, 7),
    "scale": 1.0,
    "mean": (0.1, 0.2, 0.3),
    "std": (1.0, 2.0, 1.0),
    "order": "bgr",
    "layout": "nhwc",
    "alpha": (255, 255, 255),
    "exif": False,
}


@pytest.mark.parametrize("field", dataclasses.fields(Preprocess), ids=lambda field: field.name)
def test_every_setting_tells_apart(field: dataclasses.Field[Any]) -> None:
    plain = Preprocess(resize=(9, 10))
    other = dataclasses.replace(plain, **{field.name: CHANGED[field.name]})
    agree(plain, other)
    assert plain != other


def test_a_kernel_that_is_never_used_tells_nothing_apart() -> None:
    assert Preprocess(kernel="pillow-box", crop=(3, 3)) == Preprocess(crop=(3, 3))
    assert Preprocess(kernel="pillow-box", resize=3) != Preprocess(resize=3)


def test_a_preprocess_is_no_other_thing() -> None:
    assert Preprocess() != Preprocess().key


# the numbers of the re-identification models


def check_picture() -> Picture:
    y, x, c = np.indices((300, 200, 3))
    return photo(((7 * y + 13 * x + 50 * c) % 256).astype(np.uint8))


COLOURS = {  # R19
    (0, 0, 0): (-2.117904, -2.035714, -1.804444),
    (255, 255, 255): (2.248908, 2.428571, 2.640000),
    (255, 0, 0): (2.248908, -2.035714, -1.804444),
    (124, 116, 104): (0.005566, -0.004902, 0.008192),
}


@pytest.mark.parametrize("name", ["torchreid", "pinto"])
@pytest.mark.parametrize("colour", COLOURS)
def test_single_colours_after_normalisation(name: str, colour: tuple[int, int, int]) -> None:
    result = PRESETS[name].apply(Picture("c", Image.new("RGB", (60, 40), colour)))
    assert result.shape == (3, 256, 128)
    assert result.dtype == np.float32
    assert np.abs(result - np.array(COLOURS[colour])[:, None, None]).max() < 1e-6


CHECKS: dict[str, tuple[int, dict[tuple[int, int], list[int]], list[float], float]] = {
    "torchreid": (  # R20
        12_532_238,
        {(0, 0): [6, 56, 106], (0, 1): [25, 75, 125], (1, 0): [14, 64, 114],
         (128, 64): [50, 100, 150], (255, 127): [66, 116, 166]},
        [-2.015155, -1.055322, 0.043050],
        22246.478,
    ),
    "pinto": (  # R21
        12_519_953,
        {(0, 0): [4, 54, 104], (0, 1): [24, 74, 125], (1, 0): [12, 62, 112],
         (128, 64): [50, 100, 150], (255, 127): [68, 118, 168]},
        [-2.049405, -1.090336, 0.008192],
        22033.341,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHECKS)
def test_the_check_picture_of_re_identification(name: str) -> None:
    total, pixels, corner, normalised = CHECKS[name]
    resized = PRESETS[name].pixels(check_picture())
    assert resized.shape == (256, 128, 3)
    assert int(resized.sum(dtype=np.int64)) == total
    assert {place: resized[place].tolist() for place in pixels} == pixels
    result = PRESETS[name].apply(check_picture())
    assert np.abs(result[:, 0, 0] - corner).max() < 1e-6
    assert abs(result.sum(dtype=np.float64) - normalised) < 1e-3


# geometry

GEOMETRY = {  # resize → crop of the four pictures a, s, n, n1: width, height (table 2.3, M27)
    (256, 224): ((461, 256), (341, 256), (383, 256), (451, 256)),
    (232, 224): ((418, 232), (309, 232), (347, 232), (409, 232)),
    (230, 224): ((414, 230), (307, 230), (344, 230), (405, 230)),
    (288, 288): ((519, 288), (384, 288), (431, 288), (508, 288)),
    (320, 300): ((576, 320), (427, 320), (479, 320), (564, 320)),
    (456, 456): ((821, 456), (608, 456), (683, 456), (804, 456)),
}
PUBLISHED = ((301, 167), (259, 194), (2022, 1349), (300, 170))


@pytest.mark.parametrize("shorter", [pair[0] for pair in GEOMETRY])
def test_the_shorter_side_decides_the_size(shorter: int) -> None:
    expected = next(sizes for pair, sizes in GEOMETRY.items() if pair[0] == shorter)
    for (width, height), (new_width, new_height) in zip(PUBLISHED, expected, strict=True):
        assert shorter_side_size((height, width), shorter) == (new_height, new_width)
        assert shorter_side_size((width, height), shorter) == (new_width, new_height)


def test_crop_offsets_round_half_to_even() -> None:
    for (width, height), left in zip(GEOMETRY[256, 224], (118, 58, 80, 114), strict=True):
        columns = np.broadcast_to(np.arange(width)[None, :, None], (height, width, 1))
        rows = np.broadcast_to(np.arange(height)[:, None, None], (height, width, 1))
        assert centre_crop(columns, (224, 224))[0, 0, 0] == left  # type: ignore[arg-type]
        assert centre_crop(rows, (224, 224))[0, 0, 0] == 16  # type: ignore[arg-type]


sides = st.integers(1, 40)


@given(st.tuples(sides, sides), st.tuples(sides, sides))
def test_centre_crop_is_torchvisions(source: tuple[int, int], target: tuple[int, int]) -> None:
    pixels = noise(*source, 3)
    planes = torch.from_numpy(pixels).permute(2, 0, 1)
    expected = transforms.center_crop(planes, list(target)).permute(1, 2, 0).numpy()
    assert np.array_equal(centre_crop(pixels, target), expected)


@given(st.tuples(sides, sides), sides)
def test_the_shorter_side_is_torchvisions(source: tuple[int, int], shorter: int) -> None:
    planes = torch.zeros(1, *source, dtype=torch.uint8)
    expected = tuple(transforms.resize(planes, [shorter], antialias=True).shape[1:])
    assert shorter_side_size(source, shorter) == expected


def test_a_strip_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(ReadError, match="would become 76800000 x 256") as error:
        Preprocess(resize=256).pixels(Picture("strip", Image.new("L", (300_000, 1))))
    assert error.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "photograph", ["n01440764_tench", "n02500267_indri", "n02099712_Labrador_retriever"]
)
def test_imagenet_is_torchvisions_preprocessing(shared: Path, photograph: str) -> None:
    with Image.open(shared / "images" / "photos" / f"{photograph}.JPEG") as image:
        image.load()
    expected = ImageClassification(crop_size=224, resize_size=256)(image.convert("RGB")).numpy()
    assert np.abs(PRESETS["imagenet"].apply(Picture("p", image)) - expected).max() < 1e-6


# order, layout, scale


def test_order_and_layout_move_numbers_and_change_none() -> None:
    picture = photo(noise(6, 7, 3))
    plain = Preprocess(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    expected = plain.apply(picture)
    bgr = dataclasses.replace(plain, order="bgr").apply(picture)
    rows = dataclasses.replace(plain, layout="nhwc").apply(picture)
    both = dataclasses.replace(plain, order="bgr", layout="nhwc").apply(picture)
    assert expected.shape == (3, 6, 7)
    assert rows.shape == (6, 7, 3)
    assert np.array_equal(bgr, expected[::-1])
    assert np.array_equal(rows, expected.transpose(1, 2, 0))
    assert np.array_equal(both, expected[::-1].transpose(1, 2, 0))
    assert all(result.flags.c_contiguous for result in (expected, bgr, rows, both))


@given(
    st.floats(-2, 2).filter(lambda x: abs(x) > 1e-3),
    st.tuples(*[st.floats(-200, 200)] * 3),
    st.tuples(*[st.floats(0.01, 200)] * 3),
)
def test_numbers_are_exact_but_for_one_rounding(
    scale: float, mean: tuple[float, float, float], std: tuple[float, float, float]
) -> None:
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    result = Preprocess(scale=scale, mean=mean, std=std, layout="nhwc").apply(photo(pixels))
    expected = ((pixels * scale - np.array(mean)) / np.array(std)).astype(np.float32)
    assert np.array_equal(result, expected)


def test_output_size_is_stated_where_it_is_known() -> None:
    assert Preprocess(resize=256, crop=(224, 192)).output_size == (224, 192)
    assert Preprocess(resize=(256, 128)).output_size == (256, 128)
    assert Preprocess(resize=256).output_size is None


@given(preprocesses)
def test_every_result_has_the_stated_size(preprocess: Preprocess) -> None:
    for picture in TELLING[:5]:
        shape = preprocess.apply(picture).shape
        size = shape[1:] if preprocess.layout == "nchw" else shape[:2]
        assert preprocess.output_size in {None, size}


# as plain values


@settings(max_examples=30)
@given(preprocesses)
def test_plain_values_survive_yaml_and_json(preprocess: Preprocess) -> None:
    plain = preprocess.to_dict()
    for copy in (yaml.safe_load(yaml.safe_dump(plain)), json.loads(json.dumps(plain))):
        again = Preprocess.from_dict(copy)
        assert again == preprocess
        assert again.to_dict() == plain


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"resiz": 3}, "unknown key 'resiz'"),
        ({"resize": 0}, "resize=0"),
        ({"crop": [3, -1]}, "crop="),
        ({"resize": [1, 2, 3]}, "resize"),
        ({"resize": "wide"}, "resize"),
        ({"crop": 224}, "crop"),
        ({"kernel": "bilinear"}, "kernel"),
        ({"order": "RGB"}, "order"),
        ({"layout": "chw"}, "layout"),
        ({"std": [1, 0, 1]}, "deviation of zero"),
        ({"mean": [0.5, 0.5]}, "mean"),
        ({"mean": [0, 0, float("nan")]}, "finite"),
        ({"scale": float("inf")}, "finite"),
        ({"scale": 0}, "leave nothing"),
        ({"std": [1e-320, 1, 1]}, "leave nothing"),
        ({"alpha": [0, 0, 256]}, "background"),
        ({"alpha": "white"}, "alpha"),
    ],
)  # fmt: skip
def test_impossible_settings_are_refused_by_name(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words) as error:
        Preprocess.from_dict(settings, where="card.yaml")
    assert error.value.where == "card.yaml"


@pytest.mark.parametrize(
    "settings",
    [
        {"resize": [8, 8]},
        {"crop": 8},
        {"kernel": "bilinear"},
        {"order": "RGB"},
        {"layout": "hwc"},
        {"mean": (1.0,)},
        {"alpha": (1, 2)},
    ],
)
def test_python_settings_are_checked_as_well(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Preprocess(**settings)
