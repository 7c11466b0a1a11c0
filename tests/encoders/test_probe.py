from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lookalike
from lookalike.encoders import Encoder
from lookalike.encoders.pipeline import Array
from lookalike.encoders.probe import check_engine, probe_places
from lookalike.images import Picture, decode

PIXELS = lookalike.load_encoder("pixels")


def beside(run: object) -> Encoder:
    """`pixels` that is held against itself, run in another way."""
    return replace(PIXELS, run=run, engine="mine", reference=lambda: PIXELS)  # type: ignore[arg-type]


def test_there_are_eight_probe_pictures_that_differ() -> None:
    pictures = [decode(place) for place in probe_places()]
    assert len(pictures) == 8
    assert all(isinstance(picture, Picture) for picture in pictures)
    assert len({picture.digest for picture in pictures}) == 8


def test_an_encoder_with_one_way_to_run_is_its_own_reference() -> None:
    assert check_engine(PIXELS) is None


def test_the_same_numbers_agree() -> None:
    check = check_engine(beside(PIXELS.run))
    assert check is not None
    assert (check.engine, check.reference, check.pictures) == ("mine", PIXELS.engine, 8)
    assert check.agreement == pytest.approx(1)
    assert check.ok


def test_one_picture_that_disagrees_is_enough() -> None:
    def one_off(batch: Array) -> list[Array]:
        (vectors,) = PIXELS.run(batch)
        vectors[3] = vectors[3] + np.float32(0.01) * np.sign(vectors[3] - 0.01)
        return [vectors]

    check = check_engine(beside(one_off))
    assert check is not None
    assert check.agreement < 0.999
    assert not check.ok
    assert "NOT WITHIN" in check.sentence


def test_a_vector_that_is_not_finite_on_one_side_disagrees() -> None:
    def infinite(batch: Array) -> list[Array]:
        (vectors,) = PIXELS.run(batch)
        vectors[0, 0] = np.inf
        return [vectors]

    check = check_engine(beside(infinite))
    assert check is not None
    assert check.agreement == -1


def test_networks_are_held_against_another_engine_in_f32(shared: Path) -> None:
    name = f"onnx:{shared}/weights/mobilenet_v1_075_224.onnx"
    encoder = lookalike.load_encoder(f"{name}?preprocess=minus-one-to-one&output=features")
    check = check_engine(encoder)
    assert check is not None
    assert check.reference == "onnxruntime f32 on CPU"
    assert check.agreement > 0.99999
    torch_net = lookalike.load_encoder("torchvision:shufflenet_v2_x0_5?weights=random")
    check = check_engine(torch_net)
    assert check is not None
    assert check.reference == "torch f32 on CPU"
    assert check.agreement > 0.99999
    torch_itself = lookalike.load_encoder(
        "torchvision:shufflenet_v2_x0_5?weights=random", engine="torch", device="cpu"
    )
    assert check_engine(torch_itself) is None
