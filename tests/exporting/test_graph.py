"""From a network to a graph of vectors: every pooling, operator sets, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import lookalike
from lookalike.encoders import Encoder
from lookalike.encoders.engines import OnnxFile, TorchNetwork, Wiring
from lookalike.encoders.engines.file import open_file
from lookalike.errors import UsageError, WeightsError
from lookalike.exporting.graph import DEFAULT_OPSET, FEATURES, PICTURES, opset_of, vector_graph

Array = NDArray[Any]
RESNET, VIT = "torchvision:resnet18?weights=random", "timm:vit_tiny_patch16_224?weights=random"
SMALL = "torchvision:mobilenet_v3_small?weights=random"


def load(name: str) -> Encoder:
    return lookalike.load_encoder(name, engine="torch", device="cpu", precision="f32")


def wiring_of(encoder: Encoder) -> Wiring:
    assert encoder.wiring is not None
    return encoder.wiring


def run(model: onnx.ModelProto, pictures: Array, folder: Path, engine: str) -> Array:
    onnx.save(model, folder / "graph.onnx")
    return open_file(folder / "graph.onnx", engine)({PICTURES: pictures})[FEATURES]


def agree(got: Array, want: Array) -> None:
    """Vectors are the same but for rounding, however small a random network makes them."""
    assert got.shape == want.shape
    assert np.abs(want).max() > 0
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-4 * np.abs(want).max())


class Small(torch.nn.Module):
    """A network that is exported quickly."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 6, 3, bias=False), torch.nn.BatchNorm2d(6), torch.nn.ReLU()
        )

    def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (self.body(batch).mean(dim=(2, 3)),)


def small_wiring() -> Wiring:
    torch.manual_seed(0)
    return Wiring(TorchNetwork(Small().eval(), (3, 16, 16), None), 0, "none")


def noise(*shape: int) -> Array:
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


# Layers and poolings


@pytest.mark.parametrize(
    "name",
    [
        f"{RESNET}&layer=layer4&pooling=avg",
        f"{RESNET}&layer=layer4&pooling=max",
        f"{RESNET}&layer=layer4&pooling=flatten",
        RESNET,
        f"{VIT}&layer=blocks.2&pooling=cls",
        f"{VIT}&layer=blocks.2&pooling=avg",
        f"{VIT}&layer=blocks.2&pooling=max",
        f"{SMALL}&layer=features",
    ],
)
def test_a_layer_leaves_with_its_pooling(name: str, tmp_path: Path) -> None:
    encoder = load(f"{name}&size=64" if "timm" not in name else name)
    assert encoder.card.preprocess.output_size is not None
    height, width = encoder.card.preprocess.output_size
    pixels = np.random.default_rng(0).integers(0, 256, (3, height, width, 3), np.uint8)
    model = vector_graph(wiring_of(encoder), 17)
    got = run(model, encoder.card.preprocess.normalise(pixels), tmp_path, "onnxruntime")
    agree(got, encoder.run(pixels)[0])


def write_map(path: Path, opset: int, *, shape: bool = True, sources: bool = False) -> Path:
    """A convolution with two outputs: its map (N, 6, 16, 16) and the map's greatest values (N, 6).

    Args:
        path: The file.
        opset: Version of its operators; 18 and newer take the axes of a reduction as an input.
        shape: Whether the file tells the shapes of its outputs.
        sources: Whether the weights stand among the inputs, too, as in files of old exporters.
    """
    weight = np.random.default_rng(0).normal(size=(6, 3, 3, 3)).astype(np.float32)
    held = [numpy_helper.from_array(weight, "w")]
    reduce = helper.make_node("ReduceMax", ["map"], ["top"], axes=[2, 3], keepdims=0)
    if opset >= 18:
        held.append(numpy_helper.from_array(np.array([2, 3]), "axes"))
        more: dict[str, Any] = {"keepdims": 0, "noop_with_empty_axes": 0}  # as exporters write it
        reduce = helper.make_node("ReduceMax", ["map", "axes"], ["top"], **more)
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 16, 16])]
    if sources:
        inputs.insert(0, helper.make_tensor_value_info("w", TensorProto.FLOAT, weight.shape))
    outputs: list[tuple[str, list[str | int]]] = [
        ("top", ["batch", 6]),
        ("map", ["batch", 6, 16, 16]),
    ]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input", "w"], ["map"], pads=[1, 1, 1, 1]), reduce],
        "net",
        inputs,
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, size if shape else None)
            for name, size in outputs
        ],
        held,
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path
    )
    return path


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("options", [{}, {"shape": False}, {"sources": True}])
@pytest.mark.parametrize("pooling", ["avg", "max", "flatten"])
@pytest.mark.parametrize(("opset", "wanted"), [(11, None), (13, 17), (18, None), (13, 20)])
def test_a_map_of_a_file_is_pooled(
    opset: int,
    wanted: int | None,
    pooling: str,
    options: dict[str, bool],
    engine: str,
    tmp_path: Path,
) -> None:
    path = write_map(tmp_path / "net.onnx", opset, **options)
    pictures = noise(3, 3, 16, 16)
    maps = open_file(path, "onnxruntime")({"input": pictures})["map"]
    expected = {
        "avg": maps.mean(axis=(2, 3)),
        "max": maps.max(axis=(2, 3)),
        "flatten": maps.reshape(3, -1),
    }[pooling]
    model = vector_graph(Wiring(OnnxFile(path), 1, pooling), wanted)
    assert opset_of(model) == (wanted or opset)
    np.testing.assert_allclose(run(model, pictures, tmp_path, engine), expected, atol=1e-5)


def test_the_output_that_is_asked_for_is_taken(tmp_path: Path) -> None:
    path = write_map(tmp_path / "net.onnx", 17)
    pictures = noise(2, 3, 16, 16)
    expected = open_file(path, "onnxruntime")({"input": pictures})["top"]
    model = vector_graph(Wiring(OnnxFile(path), 0, "none"), None)
    np.testing.assert_allclose(run(model, pictures, tmp_path, "onnxruntime"), expected, atol=1e-5)
    assert len(model.graph.output) == 1


def test_weights_beside_a_file_come_into_the_export(tmp_path: Path) -> None:
    whole = write_map(tmp_path / "whole.onnx", 17)
    pictures = noise(2, 3, 16, 16)
    expected = open_file(whole, "onnxruntime")({"input": pictures})["top"]
    split = tmp_path / "split.onnx"
    onnx.save(
        onnx.load(whole), split, save_as_external_data=True, location="w.data", size_threshold=0
    )
    assert (tmp_path / "w.data").exists()
    model = vector_graph(Wiring(OnnxFile(split), 0, "none"), None)
    (tmp_path / "w.data").unlink()
    np.testing.assert_allclose(run(model, pictures, tmp_path, "onnxruntime"), expected, atol=1e-5)


# Simplified


def test_normalisation_is_folded_and_exporters_leave_no_words() -> None:
    model = vector_graph(wiring_of(load(SMALL)), 17)
    kinds = [node.op_type for node in model.graph.node]
    assert "Conv" in kinds
    assert "BatchNormalization" not in kinds
    assert "Identity" not in kinds
    assert [node.name for node in model.graph.node if node.doc_string] == []
    assert model.doc_string == ""
    assert [*model.metadata_props, *model.graph.metadata_props] == []


def test_nodes_that_the_vector_does_not_need_are_gone(tmp_path: Path) -> None:
    path = write_map(tmp_path / "net.onnx", 17)
    flat = vector_graph(Wiring(OnnxFile(path), 1, "flatten"), None)
    assert "ReduceMax" not in [node.op_type for node in flat.graph.node]


# The network stays as it was


@pytest.mark.parametrize("opset", [11, 17, 20])
def test_an_export_leaves_the_network_as_it_was(opset: int) -> None:
    wiring = small_wiring() if opset == 20 else wiring_of(load(f"{SMALL}&size=64"))
    assert isinstance(wiring.network, TorchNetwork)
    module: Any = wiring.network.module
    module.to(memory_format=torch.channels_last)
    pictures = torch.from_numpy(noise(2, *wiring.network.input_shape))

    def given() -> Array:
        with torch.no_grad():
            found: Array = module(pictures)[0].numpy()
        return found

    before = given()
    weights = {name: one.clone() for name, one in module.state_dict().items()}
    parts = {name: part.training for name, part in module.named_modules()}
    order = {name: one.stride() for name, one in module.named_parameters()}
    vector_graph(wiring, opset)
    assert {name: part.training for name, part in module.named_modules()} == parts
    assert not any(parts.values())
    assert {name: one.stride() for name, one in module.named_parameters()} == order
    assert all(torch.equal(one, weights[name]) for name, one in module.state_dict().items())
    np.testing.assert_array_equal(given(), before)


def test_a_failed_export_leaves_the_network_as_it_was_too(
    capfd: pytest.CaptureFixture[str],
) -> None:
    encoder = load(VIT)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), np.uint8)
    before = encoder.run(pixels)[0]
    with pytest.raises(WeightsError, match="can't be exported at operator set 11") as caught:
        vector_graph(wiring_of(encoder), 11)
    assert "a newer one" in caught.value.cure
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().out == ""  # and of its graph nothing is printed
    network = wiring_of(encoder).network
    assert isinstance(network, TorchNetwork)
    assert not any(part.training for part in network.module.modules())
    np.testing.assert_array_equal(encoder.run(pixels)[0], before)
    assert torch.backends.mha.get_fastpath_enabled()


# Operator sets


@pytest.mark.parametrize("opset", [11, 17, 18, 20])
def test_a_torch_network_gets_the_operator_set_asked_for(opset: int, tmp_path: Path) -> None:
    wiring = small_wiring()
    model = vector_graph(wiring, opset)
    assert opset_of(model) == opset
    onnx.checker.check_model(model)
    assert isinstance(wiring.network, TorchNetwork)
    with torch.no_grad():
        expected = wiring.network.module(torch.from_numpy(noise(3, 3, 16, 16)))[0].numpy()
    agree(run(model, noise(3, 3, 16, 16), tmp_path, "onnxruntime"), expected)


def test_a_torch_network_gets_operator_set_20_unless_asked_otherwise() -> None:
    assert opset_of(vector_graph(small_wiring(), None)) == DEFAULT_OPSET == 20


@pytest.mark.parametrize("opset", [11, 13, 17, 18, 20])
def test_a_file_keeps_its_operator_set(
    opset: int, write_through: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_through(tmp_path / "net.onnx", opset=opset)
    assert opset_of(vector_graph(Wiring(OnnxFile(path), 0, "none"), None)) == opset


def test_an_old_file_is_lifted_to_the_oldest_operator_set(
    write_through: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_through(tmp_path / "net.onnx", opset=9)
    assert opset_of(vector_graph(Wiring(OnnxFile(path), 0, "none"), None)) == 11


@pytest.mark.parametrize(("opset", "wanted"), [(12, 11), (13, 17), (13, 18), (13, 20)])
def test_a_file_is_converted_if_asked(
    opset: int, wanted: int, write_through: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_through(tmp_path / "net.onnx", opset=opset)
    model = vector_graph(Wiring(OnnxFile(path), 0, "none"), wanted)
    assert opset_of(model) == wanted
    got = run(model, noise(5, 3, 1, 1), tmp_path, "openvino")
    np.testing.assert_array_equal(got, noise(5, 3))


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_reductions_go_back_to_an_operator_set_with_axes_as_attributes(
    engine: str, tmp_path: Path
) -> None:
    path = write_map(tmp_path / "net.onnx", 18)
    pictures = noise(2, 3, 16, 16)
    expected = open_file(path, "onnxruntime")({"input": pictures})["top"]
    model = vector_graph(Wiring(OnnxFile(path), 0, "none"), 17)
    assert opset_of(model) == 17
    np.testing.assert_allclose(run(model, pictures, tmp_path, engine), expected, atol=1e-5)


@pytest.mark.parametrize("opset", [-1, 0, 10])
def test_an_operator_set_that_is_too_old_is_refused(
    opset: int, write_through: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_through(tmp_path / "net.onnx")
    for wiring in (Wiring(OnnxFile(path), 0, "none"), small_wiring()):
        with pytest.raises(UsageError, match="older than 11"):
            vector_graph(wiring, opset)


def test_an_operator_set_that_does_not_exist_is_refused(
    write_through: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_through(tmp_path / "net.onnx")
    with pytest.raises(UsageError, match="converted to 99"):
        vector_graph(Wiring(OnnxFile(path), 0, "none"), 99)
    with pytest.raises(UsageError, match="operator set 99 is newer"):
        vector_graph(small_wiring(), 99)


# Files that are no encoders of any number of pictures


def test_a_file_with_a_fixed_batch_is_refused(
    write_through: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_through(tmp_path / "net.onnx", batch=4)
    with pytest.raises(UsageError, match="batches of 4 alone") as caught:
        vector_graph(Wiring(OnnxFile(path), 0, "none"), None)
    assert "dynamic batch axis" in caught.value.cure


def test_a_file_with_two_inputs_is_refused(tmp_path: Path) -> None:
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 3]) for n in "abc"]
    graph = helper.make_graph(
        [helper.make_node("Add", ["a", "b"], ["c"])], "net", ports[:2], ports[2:]
    )
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    with pytest.raises(UsageError, match="2 inputs"):
        vector_graph(Wiring(OnnxFile(path), 0, "none"), None)


@pytest.mark.parametrize(
    ("kind", "given", "preprocess"),
    [
        (TensorProto.UINT8, TensorProto.FLOAT, "&scale=1"),
        (TensorProto.INT8, TensorProto.FLOAT, "&scale=1&mean=128"),
        (TensorProto.FLOAT16, TensorProto.FLOAT16, ""),
        (TensorProto.DOUBLE, TensorProto.DOUBLE, ""),
    ],
)
def test_a_network_of_other_types_leaves_with_float32(
    tmp_path: Path, kind: int, given: int, preprocess: str
) -> None:
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT),
            helper.make_node("Conv", ["y", "w"], ["map"]),
            helper.make_node("Transpose", ["map"], ["turned"], perm=[0, 2, 3, 1]),
            helper.make_node("Cast", ["turned"], ["f"], to=given),
        ],
        "net",
        [helper.make_tensor_value_info("x", kind, ["N", 3, 8, 8])],
        [helper.make_tensor_value_info("f", given, ["N", 6, 6, 5])],
        [numpy_helper.from_array(noise(5, 3, 3, 3), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "net.onnx")
    name = f"onnx:{tmp_path}/net.onnx?preprocess=zero-to-one&size=8{preprocess}"
    encoder = lookalike.load_encoder(name, engine="onnxruntime")
    assert encoder.card.pooling == "avg-nhwc"
    levels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    left = vector_graph(wiring_of(encoder), None)
    for engine in ("openvino", "onnxruntime"):
        got = run(left, encoder.card.preprocess.normalise(levels), tmp_path, engine)
        want = encoder.run(levels)[0]
        np.testing.assert_allclose(got, want, rtol=0, atol=2e-3 * np.abs(want).max())
