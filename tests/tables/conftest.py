"""Small pictures and a table of pairs for the tests of tables."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance

from lookalike.testing import scene_picture


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve scenes with two views each, ``3-a.png`` and ``3-b.png``, and ``pairs.csv``."""
    folder = tmp_path_factory.mktemp("scenes")
    for scene in range(12):
        whole = Image.fromarray(scene_picture(scene))
        whole.save(folder / f"{scene}-a.png")
        part = whole.crop((10, 5, whole.width - 20, whole.height - 15))
        ImageEnhance.Brightness(part).enhance(0.8).save(folder / f"{scene}-b.png")
    rows = [(f"{n}-a.png", f"{n}-b.png", 1) for n in range(12)]
    rows += [(f"{n}-a.png", f"{(n + 5) % 12}-b.png", 0) for n in range(12)]
    with (folder / "pairs.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("a", "b", "same"), *rows])
    return folder
