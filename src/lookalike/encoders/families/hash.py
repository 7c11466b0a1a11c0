"""``hash:``: perceptual hashes as vectors of bits, those of the imagehash package.

imagehash asks of each number in ``phash`` and ``whash`` whether it lies above the median. Where
many are equal (pictures of one colour, ramps, symmetric ones), its roundings decide, and machines
round differently. Here equal numbers are equal, and not above; all other bits are imagehash's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from lookalike.embeddings import Card
from lookalike.encoders.catalogue import Entry
from lookalike.encoders.encoder import Encoder
from lookalike.encoders.engines import Runtime
from lookalike.encoders.name import EncoderName
from lookalike.encoders.pipeline import Array
from lookalike.errors import UnknownNameError, UsageError
from lookalike.extras import require
from lookalike.images import Picture, Preprocess
from lookalike.images.presets import from_options

HASHES = {"phash": 8, "dhash": 8, "ahash": 8, "whash": 8, "colorhash": 3}
"""Hash → its default ``size``: bits per side, or bits per bin for ``colorhash``."""

FUNCTIONS = {"ahash": "average_hash"}
DECODING = ("alpha", "exif")

DETAIL = 4
"""Side of the picture that ``phash`` transforms, beside that of its bits."""

ROUNDING = 1e-12
"""Share of the largest coefficient there can be, below which a difference is rounding."""


class Hash:
    """The family; see `load`."""

    def load(self, name: EncoderName, runtime: Runtime) -> Encoder:
        """A perceptual hash; options ``size``, ``alpha`` and ``exif``.

        Raises:
            UnknownNameError: No such hash.
            UsageError: A ``whash`` whose size is not a power of two.
            MissingExtraError: Without the extra ``hash``.
        """
        name.allow({"size", *DECODING})
        if name.rest not in HASHES:
            raise UnknownNameError("hash", name.rest, HASHES)
        size = name.whole("size", HASHES[name.rest], least=2)
        if name.rest == "whash" and size & (size - 1):
            raise UsageError("whash needs a size that is a power of two", where=name.text)
        imagehash = require("imagehash", purpose=name.text)
        function = EVEN.get(name.rest) or _by_imagehash(imagehash, name.rest)
        given = {key: value for key, value in name.options.items() if key in DECODING}
        preprocess = from_options(given, Preprocess())
        assert preprocess is not None
        card = Card(
            algorithm=f"hash/{name.rest}",
            weights="none",
            layer="bits",
            pooling="none",
            preprocess=preprocess,
            dim=_length(name.rest, size),
            name=name.text,
            settings=(("size", str(size)),),
            kind="bits",
            licence="BSD-2-Clause",
            params=0,
        )
        prepare = _hasher(function, size, preprocess)
        return Encoder((card,), prepare, _run, "imagehash on CPU", files=())

    def entries(self) -> Iterable[Entry]:
        """Every hash at its default size."""
        for hash, size in HASHES.items():
            yield Entry(
                f"hash:{hash}",
                dim=_length(hash, size),
                params=0,
                licence="BSD-2-Clause",
                requires=("imagehash",),
            )


def _length(hash: str, size: int) -> int:
    return 14 * size if hash == "colorhash" else size * size


def _by_imagehash(imagehash: Any, hash: str) -> Callable[[Image.Image, int], Array]:
    function = getattr(imagehash, FUNCTIONS.get(hash, hash))
    return lambda picture, size: function(picture, size).hash


def phash(picture: Image.Image, size: int) -> Array:
    """(size, size) bool: which low frequencies of the cosine transform lie above their median.

    Args:
        picture: Mode RGB.
        size: Bits per side.
    """
    side = size * DETAIL
    grey = np.asarray(picture.convert("L").resize((side, side), Image.Resampling.LANCZOS))
    waves = _waves(size, side)
    low = waves @ grey @ waves.T
    above: Array = low > np.median(low) + ROUNDING * 4 * side * side * 255
    return above


@lru_cache(maxsize=8)
def _waves(count: int, side: int) -> Array:
    """(count, side) the lowest waves of the cosine transform (DCT-II), as SciPy scales them."""
    places = np.arange(1, 2 * side, 2)
    waves: Array = 2 * np.cos(np.pi / (2 * side) * np.outer(np.arange(count), places))
    return waves


def whash(picture: Image.Image, size: int) -> Array:
    """(size, size) bool: which blocks of the picture are brighter than their median.

    That is what the Haar wavelets of ``whash`` come to, in whole numbers: the lowest ones are sums
    over blocks, and taking off the mean of the picture changes no comparison.

    Args:
        picture: Mode RGB.
        size: Bits per side, a power of two.

    Example:
        >>> whash(Image.linear_gradient("L").convert("RGB"), 2).tolist()
        [[False, False], [True, True]]
    """
    side = max(1 << (min(picture.size).bit_length() - 1), size)
    grey = np.asarray(picture.convert("L").resize((side, side), Image.Resampling.LANCZOS))
    blocks = grey.reshape(size, side // size, size, side // size).sum(axis=(1, 3), dtype=np.int64)
    above: Array = blocks > np.median(blocks)
    return above


EVEN = {"phash": phash, "whash": whash}
"""The hashes whose equal numbers are kept equal."""


def _hasher(
    function: Callable[[Image.Image, int], Array], size: int, preprocess: Preprocess
) -> Callable[[Picture], Array]:
    def prepare(picture: Picture) -> Array:
        rgb = picture.rgb(alpha=preprocess.alpha, exif=preprocess.exif)
        return np.asarray(function(rgb, size), np.uint8).ravel()

    return prepare


def _run(batch: Array) -> list[Array]:
    return [batch]


FAMILY = Hash()
