import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lookalike
from lookalike.encoders import Encoder
from lookalike.encoders.families import pixels
from lookalike.encoders.families.pixels import DIM, describe
from lookalike.testing import EncoderContract, scene_picture

DIGESTS = {
    "one grey": "c95129f2f648eebf",
    "black": "cd457686490dd4e4",
    "hardly anything": "396971f43be2c681",
    "ramp to the right": "c79a9d863906efc7",
    "ramp downwards": "efae113d10c805e2",
    "ramp at 45 degrees": "d67a8fecc3b3314f",
    "ramp between two directions": "2897209facfc6380",
    "squares": "6191f7c69547c78b",
    "colours": "d5447b81b8ef5fdc",
    "bowl": "9f44b369a97b8ba4",
    "tangle": "c9c48e29c29da166",
}
"""Of the vectors of `whole_number_pictures`."""


def whole_number_pictures() -> dict[str, np.ndarray]:
    """(64, 64, 3) uint8 each, made by whole numbers alone, so that every machine makes the same."""
    down, right, channel = np.mgrid[0:64, 0:64, 0:3]
    tangled = (down * 2654435761 + right * 40503 + channel * 69069 + 12345) % 4294967291
    found = {
        "one grey": np.full((64, 64, 3), 128),
        "black": np.zeros((64, 64, 3), np.int64),
        "hardly anything": 128 + (down + right > 64),
        "ramp to the right": 4 * right,
        "ramp downwards": 255 - 4 * down,
        "ramp at 45 degrees": 2 * (down + right),
        "ramp between two directions": 12 * right + 5 * down - 153 - 255 * channel,
        "squares": 255 * ((down // 8 + right // 8) % 2),
        "colours": (down * (channel + 1) * 3 + right * (7 - channel)) % 256,
        "bowl": ((down - 30) ** 2 + (right - 40 + 9 * channel) ** 2) // 16,
        "tangle": (tangled % 65521) ** 2 % 65521 % 256,
    }
    return {name: picture.clip(0, 255).astype(np.uint8) for name, picture in found.items()}


class TestPixels(EncoderContract):
    tolerance = 0.0

    def make_encoder(self) -> Encoder:
        return lookalike.load_encoder("pixels")


def test_a_brighter_copy_is_closer_than_a_stranger() -> None:
    scene = scene_picture(1)
    brighter = np.clip(scene * 1.3, 0, 255).astype(np.uint8)
    found = lookalike.load_encoder("pixels").encode([scene, brighter, scene_picture(2)])
    copy, stranger = np.asarray(lookalike.similarity(found.vectors[0], found.vectors[1:]))
    assert copy > 0.8 > stranger


def test_a_picture_of_one_colour_has_a_finite_vector_of_unit_length() -> None:
    flat = describe(np.full((1, 64, 64, 3), 127, np.uint8))
    assert flat.shape == (1, DIM)
    assert np.linalg.norm(flat) == pytest.approx(1)


def test_every_machine_gives_the_same_bytes() -> None:
    pictures = whole_number_pictures()
    found = lookalike.load_encoder("pixels").encode(list(pictures.values())).vectors
    digests = {
        name: hashlib.sha256(vector.astype("<f4").tobytes()).hexdigest()[:16]
        for name, vector in zip(pictures, found, strict=True)
    }
    assert digests == DIGESTS


def plainly(picture: np.ndarray) -> list[float]:
    """The description said again, pixel by pixel, in Python's numbers of any size."""
    red, green, blue = (picture[..., n].astype(int).tolist() for n in range(3))
    brightness = [
        [sum(three) for three in zip(*rows, strict=True)]
        for rows in zip(red, green, blue, strict=True)
    ]
    histograms = [[0.0] * 16 for _ in range(3)]
    grid = [[[0.0] * 3 for _ in range(8)] for _ in range(8)]
    strengths = [[[0.0] * 8 for _ in range(8)] for _ in range(8)]
    for y in range(64):
        for x in range(64):
            r, g, b = red[y][x] / 255, green[y][x] / 255, blue[y][x] / 255
            levels = ((r + g + b) / 3, (r - g) / 2 + 0.5, (r + g - 2 * b) / 4 + 0.5)
            for n, level in enumerate(levels):
                grid[y // 8][x // 8][n] += level / 64
                for bin in range(16):
                    place = min(max(level * 16 - 0.5, 0), 15)
                    histograms[n][bin] += max(0.0, 1 - abs(place - bin)) / 4096
            up, below = max(y - 1, 0), min(y + 1, 63)
            left, right = max(x - 1, 0), min(x + 1, 63)
            down = (brightness[below][x] - brightness[up][x]) / 765 / (below - up)
            across = (brightness[y][right] - brightness[y][left]) / 765 / (right - left)
            for n in range(8):
                angle = n * math.pi / 8
                u, v = round(1024 * math.cos(angle)) / 1024, round(1024 * math.sin(angle)) / 1024
                along, off = abs(across * u + down * v), abs(down * u - across * v)
                strengths[y // 8][x // 8][n] += max(0.0, along - off * 12 / 5) / 64
    groups = [
        [math.sqrt(share + 1 / 512) for histogram in histograms for share in histogram],
        [0.75 * level for row in grid for cell in row for level in cell],
        [math.sqrt(share + 1 / 512) for row in strengths for cell in row for share in cell],
    ]
    joined = []
    for group, weight in zip(groups, (1, 0.75, 1), strict=True):
        centre = math.fsum(group) / len(group)
        length = math.sqrt(math.fsum((one - centre) ** 2 for one in group) + 0.04 * weight**2)
        joined += [weight * (one - centre) / length for one in group]
    length = math.sqrt(math.fsum(one**2 for one in joined))
    return [one / length for one in joined]


@pytest.mark.parametrize("name", ["colours", "tangle", "hardly anything"])
def test_values_are_those_of_the_plain_description(name: str) -> None:
    picture = whole_number_pictures()[name]
    np.testing.assert_allclose(describe(picture[None])[0], plainly(picture), rtol=0, atol=1e-5)


STAGES: dict[str, tuple[float, ...]] = {
    "_opponent": (pixels.LEVELS,),
    "_slopes": (1530, 1530),
    "_histograms": (64 * 64 * pixels.LEVELS,),
    "_grid": (64 * pixels.LEVELS,),
    "_strengths": (pixels.STEEPEST,),
    "_roots": (pixels.ROOT,),
    "_shortened": (1, 1),
}
"""Every step of the description → how much of each thing that it gives counts as 1."""


@pytest.mark.parametrize("stage", STAGES)
def test_a_change_of_a_millionth_in_between_stays_small(
    stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = np.stack(list(whole_number_pictures().values()))
    before = describe(batch)
    monkeypatch.setattr(pixels, stage, shaken(getattr(pixels, stage), STAGES[stage]))
    assert 0 < np.abs(describe(batch) - before).max() < 1e-4


def shaken(step: Callable[..., Any], units: tuple[float, ...]) -> Callable[..., Any]:
    """The step, with everything that it gives a millionth too large or too small."""
    random = np.random.default_rng(0)

    def run(*given: Any) -> Any:
        found = step(*given)
        parts = found if isinstance(found, tuple) else (found,)
        off = [
            part + 1e-6 * unit * random.choice([-1, 1], part.shape)
            for part, unit in zip(parts, units, strict=True)
        ]
        return tuple(off) if isinstance(found, tuple) else off[0]

    return run
