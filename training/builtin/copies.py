"""Twelve edits that people make of pictures, each a copy to be found again."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from lookalike.demo.demo import EDITS as SHOWN

Edit = Callable[[Image.Image], Image.Image]


def _blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(max(1.0, max(picture.size) / 200)))


def _captioned(picture: Image.Image) -> Image.Image:
    """A white bar of 15 % of the height under the picture, with a line of writing."""
    bar = max(8, round(picture.height * 0.15))
    canvas = Image.new("RGB", (picture.width, picture.height + bar), "white")
    canvas.paste(picture)
    draw = ImageDraw.Draw(canvas)
    where = (picture.width // 20, picture.height + bar // 4)
    draw.text(where, "when you see it", fill="black", font_size=bar / 2)
    return canvas


def _screenshot(picture: Image.Image) -> Image.Image:
    """A light page around the picture, 10 % wide, and a dark bar above with signs in it."""
    edge, bar = round(max(picture.size) * 0.1), round(max(picture.size) * 0.08)
    size = (picture.width + 2 * edge, picture.height + 2 * edge + bar)
    canvas = Image.new("RGB", size, (244, 244, 246))
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, 0, size[0], bar), fill=(32, 33, 36))
    draw.text((bar // 2, bar // 4), "12:41", fill="white", font_size=max(1, bar / 2))
    canvas.paste(picture, (edge, edge + bar))
    return canvas


EDITS: dict[str, Edit] = {
    "crop to 80 %": SHOWN["cropped to 80 %"],
    "rotation by 5°": lambda picture: picture.rotate(5, Image.Resampling.BICUBIC),
    "mirrored": SHOWN["mirrored"],
    "JPEG quality 20": SHOWN["JPEG quality 20"],
    "blur": _blurred,
    "40 % brighter": SHOWN["brighter"],
    "contrast halved": lambda picture: ImageEnhance.Contrast(picture).enhance(0.5),
    "greyscale": SHOWN["greyscale"],
    "caption bar": _captioned,
    "resized to 25 %": SHOWN["a quarter of the size"],
    "a quarter narrower": lambda one: one.resize((one.width * 3 // 4, one.height)),
    "screenshot": _screenshot,
}
"""By name; each takes an RGB picture of any size."""
