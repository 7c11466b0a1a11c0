"""The picture of ``docs/builtin.md``: pairs that the encoder misjudges, and what it says of them.

python -m training.builtin.failures docs/builtin-failures.png
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

import lookalike
from lookalike.testing import scene_picture

WIDTH, HEIGHT, LINE = 220, 150, 18


@dataclass(frozen=True)
class Pair:
    """Two pictures, and what a person says of them."""

    a: Image.Image
    b: Image.Image
    truth: str


def pairs() -> list[Pair]:
    """Made of the photographs of the package, drawn scenes, and written pages."""
    cat, rocket, coffee = (
        _photograph("demo/pictures", name) for name in ("cat", "rocket", "coffee")
    )
    part = cat.crop((0, 0, cat.width // 3, cat.height // 2))
    return [
        Pair(cat, _collage([rocket, coffee, cat, rocket]), "one picture is a quarter of the other"),
        Pair(cat, part, "the same picture, a sixth of it"),
        Pair(coffee, ImageOps.invert(coffee), "the same picture, as a negative"),
        Pair(rocket, rocket.rotate(45, expand=True), "the same picture, turned by 45°"),
        Pair(_page("To the tenant:"), _page("Dear Professor,"), "two letters"),
        Pair(_scene(3), _mended(3), "two drawings, one with a further square"),
    ]


def _photograph(folder: str, name: str) -> Image.Image:
    content = (files("lookalike") / folder / f"{name}.jpg").read_bytes()
    return Image.open(BytesIO(content)).convert("RGB")


def _scene(seed: int) -> Image.Image:
    return Image.fromarray(scene_picture(seed))


def _mended(seed: int) -> Image.Image:
    picture = _scene(seed)
    side = picture.width // 8
    ImageDraw.Draw(picture).rectangle((side, side, 2 * side, 2 * side), fill="white")
    return picture


def _collage(pictures: Sequence[Image.Image]) -> Image.Image:
    """Four pictures in two rows."""
    sheet = Image.new("RGB", (360, 240))
    for n, picture in enumerate(pictures):
        sheet.paste(picture.resize((180, 120)), (n % 2 * 180, n // 2 * 120))
    return sheet


def _page(greeting: str) -> Image.Image:
    page = Image.new("RGB", (420, 300), "white")
    draw = ImageDraw.Draw(page)
    random = np.random.default_rng(len(greeting))
    draw.text((30, 20), greeting, fill="black", font_size=18)
    for line in range(8):
        words = [
            "".join(random.choice(list("abdeghilmnorstu"), size=n)) for n in (4, 7, 3, 6, 5, 8)
        ]
        draw.text((30, 60 + 26 * line), " ".join(words), fill="black", font_size=16)
    return page


def draw(found: Sequence[Pair], path: Path) -> None:
    """Both pictures of each pair, the truth, and the encoder's word, two pairs a row."""
    tile = (2 * WIDTH + 30, HEIGHT + 3 * LINE)
    rows = -(-len(found) // 2)
    sheet = Image.new("RGB", (2 * tile[0], rows * tile[1]), "white")
    pen = ImageDraw.Draw(sheet)
    for n, pair in enumerate(found):
        left, top = n % 2 * tile[0], n // 2 * tile[1]
        for m, picture in enumerate((pair.a, pair.b)):
            fitted = ImageOps.contain(picture, (WIDTH, HEIGHT))
            fitted = ImageOps.expand(fitted, 1, "silver")
            sheet.paste(fitted, (left + 5 + m * (WIDTH + 10), top + 5))
        (result,) = lookalike.compare(pair.a, pair.b).results
        assert result.verdict is not None
        said = f"builtin, {result.value:.2f}: {result.verdict.words}"
        pen.text((left + 5, top + HEIGHT + 10), pair.truth, fill="black", font_size=13)
        pen.text((left + 5, top + HEIGHT + 10 + LINE), said, fill=(170, 40, 30), font_size=13)
        print(f"{pair.truth} | {said}")
    sheet.save(path, optimize=True)


if __name__ == "__main__":
    draw(pairs(), Path(sys.argv[1]))
