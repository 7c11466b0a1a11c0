import imagehash
import numpy as np
import pytest
from PIL import Image

import lookalike
from lookalike.encoders import Encoder
from lookalike.encoders.families import hash as hash_family
from lookalike.encoders.families.hash import HASHES
from lookalike.errors import UnknownNameError, UsageError
from lookalike.testing import EncoderContract, noise_picture, scene_picture


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


def pictures_with_ties() -> dict[str, Image.Image]:
    """Pictures for which many of the numbers behind a hash are equal."""
    ramp = np.add.outer(np.abs(np.arange(-32, 32)), np.abs(np.arange(-32, 32)))
    return {
        "one grey": Image.new("RGB", (64, 64), (120, 120, 120)),
        "ramp": Image.linear_gradient("L").convert("RGB"),
        "symmetric": Image.fromarray(ramp.astype(np.uint8)).convert("RGB"),
        "halves": Image.fromarray(np.repeat([[0, 255]], 64, 0).repeat(32, 1).astype(np.uint8)),
    }


@pytest.mark.parametrize(
    ("hash", "size"), [("phash", 8), ("phash", 16), ("whash", 4), ("whash", 8)]
)
def test_bits_are_those_of_imagehash(hash: str, size: int) -> None:
    pictures = [Image.fromarray(scene_picture(n, 90 + n, 140 - n)) for n in range(12)]
    pictures += [Image.fromarray(noise_picture(n, 30 + n, 41)) for n in range(12)]
    found = lookalike.load_encoder(f"hash:{hash}?size={size}").encode(pictures).vectors
    expected = [getattr(imagehash, hash)(one, size).hash.ravel() for one in pictures]
    np.testing.assert_array_equal(found, np.stack(expected))


@pytest.mark.parametrize("name", pictures_with_ties())
def test_rounding_decides_no_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bits stay where a transform rounds otherwise, as another machine's may."""
    encoder, picture = lookalike.load_encoder("hash:phash"), pictures_with_ties()[name]
    before = encoder.encode([picture]).vectors
    random, waves = np.random.default_rng(0), hash_family._waves

    def rounded_otherwise(count: int, side: int) -> np.ndarray:
        step = 4 * np.finfo(np.float64).eps
        return waves(count, side) + step * random.choice([-1, 0, 1], (count, side))

    monkeypatch.setattr(hash_family, "_waves", rounded_otherwise)
    np.testing.assert_array_equal(encoder.encode([picture]).vectors, before)


@pytest.mark.parametrize("hash", ["phash", "whash"])
def test_a_picture_of_one_colour_has_no_bit_but_its_brightness(hash: str) -> None:
    greys = [Image.new("RGB", (64, 48), (level,) * 3) for level in (7, 120, 201)]
    found = lookalike.load_encoder(f"hash:{hash}").encode(greys).vectors
    assert found.sum(axis=1).tolist() == ([1, 1, 1] if hash == "phash" else [0, 0, 0])


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
