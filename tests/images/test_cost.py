import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.images import Limits
from lookalike.images.cost import LOOKED_AT, Largest, cost_of
from lookalike.images.depth import narrowed

MEASURED = """
import sys
from PIL import Image
from lookalike.images import Picture, Preprocess, decode
from lookalike.images.place import file_place

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

Image.init()
recipe = Preprocess(resize=256, crop=(224, 224))
recipe.pixels(Picture("small", Image.new("RGB", (300, 300))))
for path in sys.argv[1:]:
    before = peak()
    recipe.pixels(decode(file_place(path)))
    print(peak() - before)
"""


def written(path: Path, mode: str, side: int) -> Path:
    grey = np.add.outer(np.arange(side), np.arange(side))
    if mode == "I;16":
        Image.fromarray((grey % 65536).astype(np.uint16)).save(path, compress_level=1)
    else:
        bands = len(Image.new(mode, (1, 1)).getbands())
        pixels = np.repeat((grey % 256).astype(np.uint8)[..., None], bands, axis=2)
        Image.fromarray(pixels.squeeze(), mode).save(path, compress_level=1)
    return path


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's own peak")
def test_no_picture_takes_more_than_is_announced(tmp_path: Path) -> None:
    kinds = {"RGB": 2000, "I;16": 3000, "RGBA": 4000}  # each more than those before it
    paths = [written(tmp_path / f"{side}.png", mode, side) for mode, side in kinds.items()]
    told = subprocess.run(
        [sys.executable, "-c", MEASURED, *paths], capture_output=True, text=True, check=True
    )
    for path, taken in zip(paths, map(int, told.stdout.split()), strict=True):
        announced = cost_of(str(path), path.stat().st_size, Limits())
        assert announced / 5 < taken < announced + 16_000_000  # of the allocator and the first run


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_deep_grey_is_narrowed_in_few_bytes_a_pixel(mode: str) -> None:
    side = 2000
    image = Image.new(mode, (side, side), 1)
    tracemalloc.start()
    try:
        narrowed(image)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * side * side


def test_what_the_limits_refuse_costs_no_pixels(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png", "RGB", 100)
    size = path.stat().st_size
    assert cost_of(str(path), size, Limits(max_bytes=size - 1)) == 0
    assert cost_of(str(path), size, Limits(max_pixels=9_999)) == 2 * size
    assert cost_of(str(path), size, Limits(max_pixels=10_000)) == 2 * size + 80_000


def test_the_most_costly_are_found_among_many_files(tmp_path: Path) -> None:
    largest = Largest()
    for n in range(3 * LOOKED_AT):
        largest.add(str(tmp_path / f"{n}.jpg"), n)
    flat = tmp_path / "flat.png"
    Image.new("1", (500, 400)).save(flat)
    largest.add(str(flat), 10**6)
    top = [2 * 10**6 + 500 * 400 * 12, *(2 * n for n in range(3 * LOOKED_AT - 1, 0, -1))]
    assert largest.cost(1, Limits()) == top[0]
    assert largest.cost(3, Limits()) == sum(top[:3])
