import imagehash
import numpy as np
import pytest
from PIL import Image

import lookalike
from lookalike.encoders import Encoder
from lookalike.encoders.families.hash import HASHES
from lookalike.errors import UnknownNameError, UsageError
from lookalike.testing import EncoderContract, scene_picture


class TestPhash(EncoderContract):
    def make_encoder(self) -> Encoder:
        return lookalike.load_encoder("hash:phash")


class TestLargeColorhash(EncoderContract):
    def make_encoder(self) -> Encoder:
        return lookalike.load_encoder("hash:colorhash?size=4")


@pytest.mark.parametrize("hash", HASHES)
def test_hamming_similarity_counts_the_bits_that_imagehash_counts(hash: str) -> None:
    pictures = [scene_picture(1), scene_picture(2)]
    found = lookalike.load_encoder(f"hash:{hash}").encode(pictures)
    function = getattr(imagehash, {"ahash": "average_hash"}.get(hash, hash))
    first, second = (function(Image.fromarray(one)) for one in pictures)
    expected = 1 - (first - second) / first.hash.size
    got = lookalike.similarity(found.vectors[0], found.vectors[1], metric="hamming")
    assert got == pytest.approx(expected)
    assert found.card.dim == first.hash.size


def test_sizes_have_fingerprints_of_their_own() -> None:
    eight, sixteen = (lookalike.load_encoder(f"hash:phash?size={n}").card for n in (8, 16))
    assert (eight.dim, sixteen.dim) == (64, 256)
    assert eight.fingerprint != sixteen.fingerprint


def test_transparency_is_laid_over_the_colour_asked_for() -> None:
    clear = Image.fromarray(np.dstack([scene_picture(1), np.zeros((120, 160), np.uint8)]))
    drop = lookalike.load_encoder("hash:phash").encode([clear]).vectors
    white = lookalike.load_encoder("hash:phash?alpha=255,255,255").encode([clear]).vectors
    assert (drop != white).any()


def test_wrong_names_and_sizes_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="phash"):
        lookalike.load_encoder("hash:pash")
    with pytest.raises(UsageError, match="power of two"):
        lookalike.load_encoder("hash:whash?size=12")
