"""Pictures made from a seed, for tests that need no files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def noise_picture(seed: int, height: int = 40, width: int = 56) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 of independent uniform noise.

    Example:
        >>> noise_picture(0).shape
        (40, 56, 3)
    """
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (height, width, 3), dtype=np.uint8)


def scene_picture(seed: int, height: int = 120, width: int = 160) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 of smooth coloured blobs, which small edits hardly change.

    Example:
        >>> bool((scene_picture(1) != scene_picture(2)).any())
        True
    """
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    scene = np.zeros((height, width, 3))
    for _ in range(6):
        centre, size = generator.random(2), 0.05 + 0.25 * generator.random()
        blob = np.exp(-((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2) / (2 * size**2))
        scene += blob[..., None] * generator.random(3)
    return np.clip(scene * 255, 0, 255).astype(np.uint8)
