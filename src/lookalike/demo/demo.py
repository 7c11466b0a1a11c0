"""The main job with nothing at hand: a picture, edited copies of it, and strangers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from io import BytesIO

from PIL import Image, ImageEnhance, ImageOps

from lookalike.comparison import Comparison, compare
from lookalike.encoders import DEFAULT_ENCODER, Encoder, Runtime
from lookalike.images import Place

ORIGINAL = "cat.jpg"
STRANGERS = ("coffee.jpg", "rocket.jpg")


def demo(
    *, models: Sequence[str | Encoder] = (DEFAULT_ENCODER,), runtime: Runtime | None = None
) -> Comparison:
    """Compares a photograph with edited copies of itself and with two other photographs.

    Args:
        models: Encoders, as `compare` takes them.
        runtime: Engine, precision and device.

    Returns:
        The photograph against each of the others, with thumbnails.

    Example:
        >>> values = {one.b: one.value for one in demo().results}
        >>> values["cat, JPEG quality 20"] > values["coffee.jpg"]
        True
    """
    original = _photograph(ORIGINAL)
    others = {f"cat, {name}": edit(original) for name, edit in EDITS.items()}
    others |= {name: _photograph(name) for name in STRANGERS}
    first = _place(ORIGINAL, original)
    rest = [_place(name, picture) for name, picture in others.items()]
    return compare(first, rest, models=models, pairing="first", runtime=runtime)


def _photograph(name: str) -> Image.Image:
    data = (files(__package__) / "pictures" / name).read_bytes()
    picture: Image.Image = Image.open(BytesIO(data)).convert("RGB")
    return picture


def _place(id: str, picture: Image.Image) -> Place:
    return Place(id, None, lambda limits: picture)


def _jpeg(picture: Image.Image) -> Image.Image:
    stream = BytesIO()
    picture.save(stream, "JPEG", quality=20)
    return Image.open(stream).convert("RGB")


def _crop(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    return picture.crop((width // 10, height // 10, width * 9 // 10, height * 9 // 10))


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG quality 20": _jpeg,
    "a quarter of the size": lambda one: one.resize((one.width // 4, one.height // 4)),
    "brighter": lambda one: ImageEnhance.Brightness(one).enhance(1.4),
    "cropped to 80 %": _crop,
    "greyscale": lambda one: ImageOps.grayscale(one).convert("RGB"),
    "mirrored": ImageOps.mirror,
    "turned by 10 degrees": lambda one: one.rotate(10, Image.Resampling.BICUBIC),
}
"""What is done to the original, by name."""
