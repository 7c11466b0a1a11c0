from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

import lookalike
from lookalike.encoders import Encoder
from lookalike.encoders.families.onnx import file_digest
from lookalike.encoders.onnx_metadata import external_files
from lookalike.errors import (
    CardError,
    MissingWeightsError,
    UnknownNameError,
    UsageError,
    WeightsError,
)
from lookalike.testing import EncoderContract, noise_picture


def write_network(
    path: Path, *, external: str | None = None, seed: int = 0, batch: str | int = "N"
) -> Path:
    """A convolution with two outputs: its map (N, 6, 16, 16) and the map's mean (N, 6)."""
    weight = np.random.default_rng(seed).normal(size=(6, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["input", "w"], ["map"], pads=[1, 1, 1, 1]),
            helper.make_node("ReduceMean", ["map"], ["feats"], axes=[2, 3], keepdims=0),
        ],
        "net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, 16, 16])],
        [
            helper.make_tensor_value_info("feats", TensorProto.FLOAT, [batch, 6]),
            helper.make_tensor_value_info("map", TensorProto.FLOAT, [batch, 6, 16, 16]),
        ],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(
        model, path, save_as_external_data=external is not None, location=external, size_threshold=0
    )
    return path


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return write_network(tmp_path / "net.onnx")


OPTIONS = "preprocess=imagenet&size=16&output=feats"


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
class TestOnnx(EncoderContract):
    @pytest.fixture(autouse=True)
    def _network(self, network: Path, engine: str) -> None:
        self.network, self.engine = network, engine

    def make_encoder(self) -> Encoder:
        return lookalike.load_encoder(f"onnx:{self.network}?{OPTIONS}", engine=self.engine)


def test_engines_agree_and_share_a_fingerprint(network: Path) -> None:
    pictures = [noise_picture(n) for n in range(5)]
    found = [
        lookalike.load_encoder(f"onnx:{network}?{OPTIONS}", engine=engine).encode(pictures)
        for engine in ("openvino", "onnxruntime")
    ]
    assert found[0].fingerprint == found[1].fingerprint
    np.testing.assert_allclose(found[0].vectors, found[1].vectors, atol=1e-5)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("batch", [1, 4])
def test_a_network_of_one_batch_size_takes_any_number_of_pictures(
    tmp_path: Path, network: Path, engine: str, batch: int
) -> None:
    fixed = write_network(tmp_path / "fixed.onnx", batch=batch)
    pictures = [noise_picture(n) for n in range(7)]
    expected = lookalike.load_encoder(f"onnx:{network}?{OPTIONS}").encode(pictures).vectors
    encoder = lookalike.load_encoder(f"onnx:{fixed}?{OPTIONS}", engine=engine)
    for size in (1, 3, 16):
        got = encoder.encode(pictures, batch_size=size).vectors
        np.testing.assert_allclose(got, expected, atol=1e-5)


def test_several_outputs_come_from_one_pass_each_under_its_card(network: Path) -> None:
    encoder = lookalike.load_encoder(
        f"onnx:{network}?preprocess=imagenet&size=16&output=feats,map&pooling=auto"
    )
    found = encoder.encode_layers([noise_picture(1)])
    assert list(found) == ["feats", "map"]
    # the mean is what the network itself computes from the map
    np.testing.assert_allclose(found["feats"].vectors, found["map"].vectors, atol=1e-5)
    assert found["feats"].fingerprint != found["map"].fingerprint
    with pytest.raises(UsageError, match="2 layers"):
        encoder.encode([noise_picture(1)])


def test_several_outputs_need_a_choice(network: Path) -> None:
    with pytest.raises(UsageError, match="feats, map"):
        lookalike.load_encoder(f"onnx:{network}?preprocess=imagenet&size=16")
    with pytest.raises(UnknownNameError, match="feats"):
        lookalike.load_encoder(f"onnx:{network}?preprocess=imagenet&size=16&output=feat")


def test_preprocessing_is_never_guessed(network: Path) -> None:
    with pytest.raises(UsageError, match="nothing says how pictures are prepared"):
        lookalike.load_encoder(f"onnx:{network}?output=feats")


def test_a_size_that_does_not_fit_is_refused_with_the_right_one(network: Path) -> None:
    with pytest.raises(UsageError, match="size=16x16"):
        lookalike.load_encoder(f"onnx:{network}?preprocess=imagenet&output=feats")


def write_card(network: Path, **content: object) -> None:
    network.with_name("net.onnx.yaml").write_text(yaml.safe_dump(content))


def test_a_card_beside_the_file_says_what_options_leave_open(network: Path) -> None:
    fields = {"resize": [16, 16], "kernel": "opencv-bilinear", "mean": [0.5, 0.5, 0.5]}
    write_card(network, preprocess=fields, output="feats", licence="MIT", acc1=50.5)
    card = lookalike.load_encoder(f"onnx:{network}").card
    assert card.preprocess.kernel == "opencv-bilinear"
    assert (card.layer, card.licence, card.acc1) == ("feats", "MIT", 50.5)
    changed = lookalike.load_encoder(f"onnx:{network}?kernel=pillow-bilinear").card
    assert changed.differences(card) == ["preprocess.kernel: pillow-bilinear / opencv-bilinear"]


def test_a_card_of_other_weights_is_refused(network: Path) -> None:
    write_card(network, preprocess="imagenet", output="feats", weights="sha256:00")
    with pytest.raises(CardError, match="other weights"):
        lookalike.load_encoder(f"onnx:{network}?size=16")


def test_a_card_with_an_unknown_key_is_refused(network: Path) -> None:
    write_card(network, preproces="imagenet")
    with pytest.raises(CardError, match="preproces"):
        lookalike.load_encoder(f"onnx:{network}")


def test_a_card_with_a_wrong_type_is_refused(network: Path) -> None:
    write_card(network, preprocess="imagenet", params="many")
    with pytest.raises(CardError, match="params"):
        lookalike.load_encoder(f"onnx:{network}")


def test_a_card_may_list_several_outputs(network: Path) -> None:
    write_card(network, preprocess="imagenet", output=["feats", "map"])
    encoder = lookalike.load_encoder(f"onnx:{network}?size=16")
    assert [card.layer for card in encoder.cards] == ["feats", "map"]


def test_external_weights_enter_the_digest(tmp_path: Path) -> None:
    path = write_network(tmp_path / "net.onnx", external="weights.bin")
    assert external_files(path.read_bytes()) == {"weights.bin"}
    before = file_digest(path)
    data = bytearray((tmp_path / "weights.bin").read_bytes())
    data[-1] ^= 1
    (tmp_path / "weights.bin").write_bytes(data)
    assert file_digest(path) != before
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(MissingWeightsError, match=r"weights\.bin"):
        file_digest(path)


def test_a_file_that_is_missing_or_no_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingWeightsError):
        lookalike.load_encoder(f"onnx:{tmp_path}/no.onnx?preprocess=imagenet")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a network at all")
    for engine in ("openvino", "onnxruntime"):
        with pytest.raises(WeightsError):
            lookalike.load_encoder(f"onnx:{broken}?preprocess=imagenet", engine=engine)


def test_an_engine_that_can_not_run_it_is_refused(network: Path) -> None:
    with pytest.raises(UsageError, match="torch does not run ONNX"):
        lookalike.load_encoder(f"onnx:{network}?{OPTIONS}", engine="torch")
    with pytest.raises(UnknownNameError, match="onnxruntime"):
        lookalike.load_encoder(f"onnx:{network}?{OPTIONS}", engine="onnxrt")
    with pytest.raises(UsageError, match="precision"):
        lookalike.load_encoder(f"onnx:{network}?{OPTIONS}", precision="f64")
