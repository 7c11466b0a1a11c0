import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import lookalike
from lookalike.encoders import Encoder, Runtime
from lookalike.encoders.families.builtin import CARD, FOLDER, NETWORK, encoder_in
from lookalike.errors import CardError, UnknownNameError
from lookalike.images import ImageSource, Picture
from lookalike.testing import EncoderContract, noise_picture, scene_picture

ENGINES = ["openvino", "onnxruntime"]
PICTURES = [(scene_picture if n % 2 else noise_picture)(n) for n in range(64)]


@pytest.mark.parametrize("engine", ENGINES)
class TestBuiltin(EncoderContract):
    @pytest.fixture(autouse=True)
    def _engine(self, engine: str) -> None:
        self.engine = engine

    def make_encoder(self) -> Encoder:
        return lookalike.load_encoder("builtin", engine=self.engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_vector_of_a_picture_does_not_depend_on_its_batch(engine: str) -> None:
    encoder = lookalike.load_encoder("builtin", engine=engine)
    pictures = [one for one in ImageSource(PICTURES) if isinstance(one, Picture)]
    batch = np.stack([encoder.prepare(one) for one in pictures])
    (together,) = encoder.run(batch)
    for size in (1, 2, 7):
        parts = [encoder.run(batch[n : n + size])[0] for n in range(0, len(batch), size)]
        assert np.abs(np.concatenate(parts) - together).max() < 1e-5


def test_both_engines_give_the_same_vectors() -> None:
    one, other = (
        lookalike.load_encoder("builtin", engine=engine).encode(PICTURES).vectors
        for engine in ENGINES
    )
    assert np.abs(one - other).max() < 1e-5


def test_vectors_have_unit_length() -> None:
    vectors = lookalike.load_encoder("builtin").encode(PICTURES).vectors
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_file_is_small_and_tells_nothing_of_where_it_was_made() -> None:
    path = FOLDER / NETWORK
    assert path.stat().st_size < 5_000_000
    model = onnx.load(path)
    assert model.ir_version <= 10  # what ONNX Runtime 1.20 reads
    assert not any(node.doc_string or node.metadata_props for node in model.graph.node)
    assert b"/" + b"work" not in path.read_bytes()
    assert b"site-packages" not in path.read_bytes()


def test_the_card_counts_the_parameters_of_the_file() -> None:
    encoder = lookalike.load_encoder("builtin")
    weights = onnx.load(FOLDER / NETWORK).graph.initializer
    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
    counted = sum(int(np.prod(one.dims)) for one in weights if one.data_type in floats)
    assert encoder.card.params is not None
    assert abs(counted - encoder.card.params) < 10  # and a few constants of the graph


def test_it_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket, "socket", refuse)
    encoder = lookalike.load_encoder("builtin", offline=True)
    assert len(encoder.encode(PICTURES[:2]).vectors) == 2


def test_the_catalogue_says_what_the_card_says() -> None:
    card = lookalike.load_encoder("builtin").card
    (entry,) = lookalike.models("builtin").entries
    for field in ("name", "dim", "params", "gflops", "licence", "source"):
        assert getattr(entry, field) == getattr(card, field)
    assert entry.input == "112x112"


def test_it_has_no_options() -> None:
    with pytest.raises(UnknownNameError, match="size"):
        lookalike.load_encoder("builtin?size=128")


def test_a_card_of_other_weights_is_refused(tmp_path: Path) -> None:
    shutil.copy(FOLDER / CARD, tmp_path)
    model = onnx.load(FOLDER / NETWORK)
    model.producer_name = "somebody else"
    onnx.save(model, tmp_path / NETWORK)
    with pytest.raises(CardError, match="other weights"):
        encoder_in(tmp_path, Runtime())
