"""Labelled pictures from an archive of class folders, as one array."""

from __future__ import annotations

import io
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes: TypeAlias = "NDArray[np.uint8]"
Labels: TypeAlias = "NDArray[np.int64]"

SIDE = 64
"""Height and width of every picture of Tiny ImageNet."""


@dataclass(frozen=True)
class Labelled:
    """Pictures with a class each.

    Attributes:
        pixels: (N, 64, 64, 3) RGB.
        labels: (N,) positions in `classes`.
        classes: Names, sorted.
    """

    pixels: Bytes
    labels: Labels
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def taken(self, positions: NDArray[np.intp]) -> Labelled:
        """Only the pictures at these positions; classes keep their numbers."""
        return Labelled(self.pixels[positions], self.labels[positions], self.classes)


def read_archive(
    path: Path, *, pictures: int | None = None, classes: int | None = None
) -> Labelled:
    """Pictures of an archive ``CLASS/FILE``, in the order of their names.

    Args:
        path: A tar archive, compressed or not.
        pictures: How many are taken, evenly over the names; None for all.
        classes: How many classes are taken, the first by name; None for all.
    """
    contents: dict[str, bytes] = {}
    with tarfile.open(path, "r|*") as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is not None:
                contents[member.name] = stream.read()
    kinds = sorted({_class(name) for name in contents})[:classes]
    names = [name for name in sorted(contents) if _class(name) in set(kinds)]
    if pictures is not None and pictures < len(names):
        names = [names[n * len(names) // pictures] for n in range(pictures)]
    with ThreadPoolExecutor() as threads:
        pixels = list(threads.map(_decoded, (contents[name] for name in names), chunksize=500))
    labels = np.array([kinds.index(_class(name)) for name in names], np.int64)
    return Labelled(np.stack(pixels), labels, tuple(kinds))


def _class(name: str) -> str:
    return name.removeprefix("./").split("/")[0]


def _decoded(content: bytes) -> Bytes:
    with Image.open(io.BytesIO(content)) as picture:
        rgb = picture.convert("RGB")
    return np.asarray(rgb if rgb.size == (SIDE, SIDE) else rgb.resize((SIDE, SIDE)))
