from typing import Any, get_args

import cv2
import numpy as np
import PIL
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from lookalike.encoders.families.torchvision import torchvision
from lookalike.errors import MissingExtraError
from lookalike.images import resample
from lookalike.images.resample import (
    KERNELS,
    Kernel,
    _passes_are_known,
    opencv_bilinear,
    resize,
    resize_crop,
)

torchvision()
from torchvision.transforms import InterpolationMode  # noqa: E402
from torchvision.transforms import functional as transforms  # noqa: E402

Bytes = NDArray[np.uint8]
TORCH: dict[Kernel, tuple[Any, bool]] = {
    "torch-nearest": (InterpolationMode.NEAREST, False),
    "torch-nearest-exact": (InterpolationMode.NEAREST_EXACT, False),
    "torch-bilinear": (InterpolationMode.BILINEAR, False),
    "torch-bilinear-antialias": (InterpolationMode.BILINEAR, True),
    "torch-bicubic": (InterpolationMode.BICUBIC, False),
    "torch-bicubic-antialias": (InterpolationMode.BICUBIC, True),
}
OPENCV: dict[Kernel, int] = {
    "opencv-bilinear": cv2.INTER_LINEAR,
    "opencv-area": cv2.INTER_AREA,
    "opencv-cubic": cv2.INTER_CUBIC,
}
PILLOW: dict[Kernel, Image.Resampling] = {
    "pillow-nearest": Image.Resampling.NEAREST,
    "pillow-box": Image.Resampling.BOX,
    "pillow-bilinear": Image.Resampling.BILINEAR,
    "pillow-hamming": Image.Resampling.HAMMING,
    "pillow-bicubic": Image.Resampling.BICUBIC,
    "pillow-lanczos": Image.Resampling.LANCZOS,
}

sides = st.one_of(st.integers(1, 12), st.integers(13, 150))
sizes = st.tuples(sides, sides)
seeds = st.integers(0, 2**32 - 1)


def noise(size: tuple[int, int], seed: int = 0) -> Bytes:
    """Bytes of both extremes, in between and in runs, so that rounding is met from all sides."""
    random = np.random.default_rng(seed)
    shades = random.choice([2, 4, 256])
    pixels = random.integers(0, shades, (*size, 3)) * (255 // (shades - 1))
    return pixels.astype(np.uint8)


def test_every_kernel_has_a_reference_here() -> None:
    assert set(TORCH) | set(OPENCV) | set(PILLOW) == set(KERNELS)


@given(sizes, sizes, seeds)
def test_opencv_bilinear_is_bit_equal_to_opencv(
    source: tuple[int, int], target: tuple[int, int], seed: int
) -> None:  # R22
    pixels = noise(source, seed)
    expected = cv2.resize(pixels, target[::-1], interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(opencv_bilinear(pixels, target), expected)


@pytest.mark.parametrize(
    ("source", "target"),
    [((700, 1000), (256, 128)), ((1, 1), (5, 7)), ((128, 64), (64, 32)), ((64, 32), (128, 64)),
     ((1, 900), (3, 224)), ((300, 201), (299, 201)), ((997, 3), (100, 300))],
)  # fmt: skip
def test_opencv_bilinear_is_bit_equal_at_the_edges_of_its_range(
    source: tuple[int, int], target: tuple[int, int]
) -> None:
    pixels = noise(source)
    expected = cv2.resize(pixels, target[::-1], interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(opencv_bilinear(pixels, target), expected)


@given(st.sampled_from(sorted(OPENCV)), sizes, sizes, seeds)
def test_opencv_kernels_are_opencvs(
    kernel: Kernel, source: tuple[int, int], target: tuple[int, int], seed: int
) -> None:
    pixels = noise(source, seed)
    expected = cv2.resize(pixels, target[::-1], interpolation=OPENCV[kernel])
    assert np.array_equal(resize(Image.fromarray(pixels), target, kernel), expected)


@given(st.sampled_from(sorted(TORCH)), sizes, sizes, seeds)
def test_torch_kernels_are_torchvisions_on_bytes(
    kernel: Kernel, source: tuple[int, int], target: tuple[int, int], seed: int
) -> None:
    pixels = noise(source, seed)
    mode, antialias = TORCH[kernel]
    planes = torch.from_numpy(pixels).permute(2, 0, 1)
    expected = transforms.resize(planes, list(target), mode, antialias=antialias)
    found = resize(Image.fromarray(pixels), target, kernel)
    assert np.array_equal(found, expected.permute(1, 2, 0).numpy())


@given(st.sampled_from(sorted(PILLOW)), sizes, sizes, seeds)
def test_pillow_kernels_are_pillows(
    kernel: Kernel, source: tuple[int, int], target: tuple[int, int], seed: int
) -> None:
    image = Image.fromarray(noise(source, seed))
    expected = np.asarray(image.resize(target[::-1], PILLOW[kernel]))
    assert np.array_equal(resize(image, target, kernel), expected)


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_equal_size_changes_nothing(kernel: Kernel) -> None:
    pixels = noise((13, 8))
    assert np.array_equal(resize(Image.fromarray(pixels), (13, 8), kernel), pixels)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("target", [(3, 5), (40, 30)])
def test_a_plain_colour_stays_as_it_is(kernel: Kernel, target: tuple[int, int]) -> None:
    for colour in ((0, 0, 0), (255, 255, 255), (1, 128, 254)):
        found = resize(Image.new("RGB", (17, 9), colour), target, kernel)
        assert found.shape == (*target, 3)
        assert found.dtype == np.uint8
        assert (found == colour).all()


def test_no_two_kernels_give_the_same_numbers() -> None:
    random = np.random.default_rng(0)
    pictures = [
        Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8))
        for size in ((80, 90), (24, 16), (37, 53))
    ]
    results = {
        name: b"".join(resize(one, (33, 40), name).tobytes() for one in pictures)
        for name in get_args(Kernel)
    }
    assert len(set(results.values())) == len(KERNELS)


@pytest.mark.parametrize(
    ("kernel", "extra"), [("opencv-area", "opencv"), ("torch-bilinear", "torch")]
)
def test_a_kernel_without_its_library_names_the_extra(
    kernel: Kernel, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=kernel) as error:
        resize(Image.new("RGB", (4, 4)), (2, 2), kernel)
    assert f"lookalike[{extra}]" in error.value.cure


def test_opencv_bilinear_needs_no_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert resize(Image.new("RGB", (4, 4)), (2, 2), "opencv-bilinear").shape == (2, 2, 3)


sides = st.integers(1, 80)


@given(sides, sides, sides, sides, st.data(), st.sampled_from(KERNELS), st.integers(0, 9))
def test_a_part_is_cut_out_of_the_whole_byte_for_byte(
    width: int, height: int, columns: int, rows: int, data: st.DataObject, kernel: Any, seed: int
) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    top, left = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    tall, wide = data.draw(st.integers(1, rows - top)), data.draw(st.integers(1, columns - left))
    whole = resize(image, (rows, columns), kernel)
    part = resize_crop(image, (rows, columns), (top, left, tall, wide), kernel)
    np.testing.assert_array_equal(part, whole[top : top + tall, left : left + wide])


@pytest.mark.skipif(PIL.__version__ < "13", reason="an older Pillow is left to itself")
def test_this_pillow_orders_its_passes_as_we_think() -> None:
    assert _passes_are_known()


def test_a_pillow_that_orders_its_passes_otherwise_is_found_out_and_left_to_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows_first = resample._rows_first
    monkeypatch.setattr(resample, "_rows_first", lambda *sizes: not rows_first(*sizes))
    _passes_are_known.cache_clear()
    assert not _passes_are_known()
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8))
    part = resize_crop(image, (64, 50), (8, 1, 48, 48), "pillow-bilinear")
    np.testing.assert_array_equal(part, resize(image, (64, 50), "pillow-bilinear")[8:56, 1:49])
    _passes_are_known.cache_clear()
