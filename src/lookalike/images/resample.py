"""Resampling kernels under names that say whose numbers they give.

The same word, "bilinear", names four different results in four libraries; a kernel's name here
starts with the library whose bytes it reproduces.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.extras import require

Kernel = Literal[
    "pillow-nearest",
    "pillow-box",
    "pillow-bilinear",
    "pillow-hamming",
    "pillow-bicubic",
    "pillow-lanczos",
    "opencv-bilinear",
    "opencv-area",
    "opencv-cubic",
    "torch-nearest",
    "torch-nearest-exact",
    "torch-bilinear",
    "torch-bilinear-antialias",
    "torch-bicubic",
    "torch-bicubic-antialias",
]
"""``pillow-*`` widen their support when shrinking (antialiased; except nearest). ``opencv-*`` are
``cv2.resize`` on bytes. ``torch-*`` are torchvision's functional resize of a uint8 tensor (of its
first transforms; the second ones differ): interpolated in float32, rounded back to bytes,
antialiased only where the name says so."""

KERNELS: tuple[str, ...] = get_args(Kernel)
Bytes: TypeAlias = "NDArray[np.uint8]"


def resize(image: Image.Image, size: tuple[int, int], kernel: Kernel) -> Bytes:
    """An RGB picture resampled to an exact size.

    Args:
        image: Pillow image of mode RGB.
        size: (height, width) in pixels, both at least 1.
        kernel: One of `KERNELS`.

    Returns:
        (height, width, 3) uint8. Equal sizes still pass through the kernel, which is then the
        identity.

    Raises:
        MissingExtraError: ``opencv-area``/``-cubic`` without the extra ``opencv``, ``torch-*``
            without the extra ``torch``. ``opencv-bilinear`` needs neither.

    Example:
        >>> resize(Image.new("RGB", (4, 2), (9, 9, 9)), (3, 5), "opencv-bilinear").shape
        (3, 5, 3)
    """
    library, _, method = kernel.partition("-")
    if library == "pillow":
        height, width = size
        resampling = Image.Resampling[method.upper()]
        return np.asarray(image.resize((width, height), resampling))
    pixels = np.asarray(image)
    if kernel == "opencv-bilinear":
        return opencv_bilinear(pixels, size)
    if library == "opencv":
        return _opencv(pixels, size, method)
    return _torch(pixels, size, method)


SUPPORT = {"box": 0.5, "bilinear": 1.0, "hamming": 1.0, "bicubic": 2.0, "lanczos": 3.0}
"""Pillow's method → how far its kernel reaches, in pixels of the smaller picture."""


def resize_crop(
    image: Image.Image, size: tuple[int, int], crop: tuple[int, int, int, int], kernel: Kernel
) -> Bytes:
    """A part of a resampled picture, byte for byte as if all of it had been resampled.

    Pillow resamples one axis after the other. What the first pass would give outside the rows that
    the second one reads, and what the second would give outside the crop's columns, is left out.

    Args:
        image: Pillow image of mode RGB.
        size: (height, width) of the whole, in pixels.
        crop: (top, left, height, width) within it.
        kernel: One of `KERNELS`.

    Returns:
        (crop's height, crop's width, 3) uint8.

    Raises:
        MissingExtraError: As `resize`.

    Example:
        >>> photo = Image.linear_gradient("L").convert("RGB")
        >>> part = resize_crop(photo, (64, 80), (8, 16, 48, 48), "pillow-bilinear")
        >>> bool((part == resize(photo, (64, 80), "pillow-bilinear")[8:56, 16:64]).all())
        True
    """
    top, left, height, width = crop
    library, _, method = kernel.partition("-")
    if library != "pillow" or method not in SUPPORT or not _passes_are_known():
        return resize(image, size, kernel)[top : top + height, left : left + width]
    return np.asarray(_pillow_part(image, size, crop, method))


def _pillow_part(
    image: Image.Image, size: tuple[int, int], crop: tuple[int, int, int, int], method: str
) -> Image.Image:
    """See `resize_crop`; both passes in Pillow's order, each on no more than it needs."""
    (rows, columns), (top, left, height, width) = size, crop
    resampling = Image.Resampling[method.upper()]
    if _rows_first(image.size, size):
        start, stop = _taken(image.width, columns, left, width, SUPPORT[method])
        part = image.crop((start, 0, stop, image.height)).resize((stop - start, rows), resampling)
        frame = Image.new("RGB", (image.width, height))
        frame.paste(part.crop((0, top, stop - start, top + height)), (start, 0))
        return frame.resize((columns, height), resampling).crop((left, 0, left + width, height))
    start, stop = _taken(image.height, rows, top, height, SUPPORT[method])
    part = image.crop((0, start, image.width, stop)).resize((columns, stop - start), resampling)
    frame = Image.new("RGB", (width, image.height))
    frame.paste(part.crop((left, 0, left + width, stop - start)), (0, start))
    return frame.resize((width, rows), resampling).crop((0, top, width, top + height))


def _rows_first(source: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether Pillow shortens the columns of pixels before the rows: where that saves much more."""
    (width, height), (rows, columns) = source, size
    return rows < height and height - rows > 2 * (width - columns)


def _taken(source: int, target: int, first: int, count: int, support: float) -> tuple[int, int]:
    """Which pixels along one axis some of the resampled ones are made from, and one more."""
    scale = source / target
    reach = support * max(1.0, scale)
    start = math.floor((first + 0.5) * scale - reach) - 1
    stop = math.ceil((first + count - 0.5) * scale + reach) + 1
    return max(0, start), min(source, stop)


@lru_cache(maxsize=1)
def _passes_are_known() -> bool:
    """Whether this Pillow orders its passes as `_rows_first` says; tried out, once."""
    random = np.random.default_rng(0)
    for width, height, columns, rows in ((90, 60, 40, 31), (60, 90, 40, 31), (50, 40, 47, 20)):
        noise = Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))
        crop = (3, 5, rows - 6, columns - 9)
        whole = resize(noise, (rows, columns), "pillow-bilinear")
        part = np.asarray(_pillow_part(noise, (rows, columns), crop, "bilinear"))
        if not np.array_equal(part, whole[3 : rows - 3, 5 : columns - 4]):
            return False
    return True


def opencv_bilinear(pixels: Bytes, size: tuple[int, int]) -> Bytes:
    """OpenCV's 8-bit bilinear resize, bit for bit, without OpenCV.

    Two taps per axis at half-pixel centres, 11-bit weights and the rounding of its integer
    path. Source: the fixed-point arithmetic of ``cv2.resize(..., INTER_LINEAR)`` on uint8,
    checked against the library for many sizes.

    Args:
        pixels: (H, W, C) uint8.
        size: (height, width) of the result.

    Example:
        >>> opencv_bilinear(np.array([[[0], [100]]], np.uint8), (1, 4)).ravel().tolist()
        [0, 25, 75, 100]
    """
    height, width = size
    left, right, w_left, w_right = _taps(pixels.shape[1], width, clamp_weight=True)
    top, bottom, w_top, w_bottom = _taps(pixels.shape[0], height, clamp_weight=False)
    rows, inverse = np.unique(np.concatenate([top, bottom]), return_inverse=True)
    source = pixels[rows].astype(np.int32)
    passed = source[:, left] * w_left[:, None] + source[:, right] * w_right[:, None]
    passed >>= 4
    upper, lower = passed[inverse[:height]], passed[inverse[height:]]
    upper *= w_top[:, None, None]
    lower *= w_bottom[:, None, None]
    upper >>= 16
    lower >>= 16
    return ((upper + lower + 2) >> 2).astype(np.uint8)


@lru_cache(maxsize=256)
def _taps(source: int, target: int, *, clamp_weight: bool) -> tuple[NDArray[np.int32], ...]:
    """Both neighbours and their 11-bit weights for every target position along one axis."""
    centre = (np.arange(target, dtype=np.float64) + 0.5) * source / target - 0.5
    position = centre.astype(np.float32)
    first = np.floor(position).astype(np.int32)
    fraction = position - first.astype(np.float32)
    if clamp_weight:
        fraction = np.where((first < 0) | (first >= source - 1), np.float32(0), fraction)
        near = np.clip(first, 0, source - 1)
        far = np.minimum(near + 1, source - 1)
    else:
        near = np.clip(first, 0, source - 1)
        far = np.clip(first + 1, 0, source - 1)
    w_near = np.rint((np.float32(1) - fraction) * np.float32(2048)).astype(np.int32)
    w_far = np.rint(fraction * np.float32(2048)).astype(np.int32)
    return near.astype(np.int32), far.astype(np.int32), w_near, w_far


def _opencv(pixels: Bytes, size: tuple[int, int], method: str) -> Bytes:
    cv2 = require("cv2", purpose=f"the kernel opencv-{method}")
    flags = {"area": cv2.INTER_AREA, "cubic": cv2.INTER_CUBIC}
    resized: Bytes = cv2.resize(pixels, (size[1], size[0]), interpolation=flags[method])
    return resized


def _torch(pixels: Bytes, size: tuple[int, int], method: str) -> Bytes:
    torch: Any = require("torch", purpose=f"the kernel torch-{method}")
    mode, antialias = method.removesuffix("-antialias"), method.endswith("-antialias")
    options: dict[str, Any] = {} if mode.startswith("nearest") else {"antialias": antialias}
    with torch.inference_mode():
        planes = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float()
        moved = torch.nn.functional.interpolate(planes, size=size, mode=mode, **options)
        moved = moved.clamp_(0, 255).round_().to(torch.uint8)[0].permute(1, 2, 0)
        result: Bytes = moved.contiguous().numpy()
    return result
