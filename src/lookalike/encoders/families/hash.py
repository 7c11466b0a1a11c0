"""``hash:``: perceptual hashes as vectors of bits, by the imagehash package."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

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
        function = getattr(imagehash, FUNCTIONS.get(name.rest, name.rest))
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


def _hasher(
    function: Callable[..., Any], size: int, preprocess: Preprocess
) -> Callable[[Picture], Array]:
    def prepare(picture: Picture) -> Array:
        rgb = picture.rgb(alpha=preprocess.alpha, exif=preprocess.exif)
        bits: Array = np.asarray(function(rgb, size).hash, np.uint8).ravel()
        return bits

    return prepare


def _run(batch: Array) -> list[Array]:
    return [batch]


FAMILY = Hash()
