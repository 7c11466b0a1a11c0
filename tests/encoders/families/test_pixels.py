import numpy as np

import lookalike
from lookalike.encoders import Encoder
from lookalike.encoders.families.pixels import DIM, describe
from lookalike.testing import EncoderContract, scene_picture


class TestPixels(EncoderContract):
    def make_encoder(self) -> Encoder:
        return lookalike.load_encoder("pixels")


def test_a_brighter_copy_is_closer_than_a_stranger() -> None:
    scene = scene_picture(1)
    brighter = np.clip(scene * 1.3, 0, 255).astype(np.uint8)
    found = lookalike.load_encoder("pixels").encode([scene, brighter, scene_picture(2)])
    copy, stranger = np.asarray(lookalike.similarity(found.vectors[0], found.vectors[1:]))
    assert copy > 0.8 > stranger


def test_a_picture_of_one_colour_has_a_finite_vector() -> None:
    flat = describe(np.full((1, 64, 64, 3), 0.5, np.float32))
    assert flat.shape == (1, DIM)
    assert np.isfinite(flat).all()
