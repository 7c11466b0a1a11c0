"""Small networks and finished exports that several files test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from lookalike.encoders import Encoder, load_encoder
from lookalike.exporting import FORMS, Exported, export
from lookalike.testing import scene_picture

SMALL = "reid:osnet_x0_25?weights=random&size=64x32"


@dataclass(frozen=True)
class Small:
    """An encoder that was exported, and its vectors of some pictures before and after that."""

    encoder: Encoder
    exported: Exported
    before: NDArray[Any]
    after: NDArray[Any]


def through_network(path: Path, *, opset: int = 17, batch: str | int = "N") -> Path:
    """A network whose vectors are its pictures of one pixel: (N, 3, 1, 1) -> (N, 3)."""
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["pixels"], ["vectors"], axis=1)],
        "through",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [batch, 3, 1, 1])],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, [batch, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.fixture(scope="session")
def write_through() -> Callable[..., Path]:
    """`through_network`."""
    return through_network


def convolutions(path: Path, *, opset: int = 17, scale: float = 1.0) -> Path:
    """A network with random weights that exports in a moment: (N, 3, 16, 16) -> (N, 32)."""
    rng = np.random.default_rng(7)
    shapes = {"a": (16, 3, 3, 3), "b": (16, 1, 3, 3), "c": (32, 16, 1, 1)}
    held = []
    for depth, (name, shape) in enumerate(shapes.items(), 1):
        weights = scale * rng.normal(size=shape) * (2 / np.prod(shape[1:])) ** 0.5
        held.append(numpy_helper.from_array(weights.astype(np.float32), name))
        bias = scale**depth * 0.1 * rng.normal(size=shape[0])
        held.append(numpy_helper.from_array(bias.astype(np.float32), f"{name}/bias"))

    def conv(value: str, name: str, **more: Any) -> onnx.NodeProto:
        return helper.make_node("Conv", [value, name, f"{name}/bias"], [f"{name}/out"], **more)

    nodes = [
        conv("input", "a"),
        helper.make_node("Relu", ["a/out"], ["a/relu"]),
        conv("a/relu", "b", group=16),
        helper.make_node("Relu", ["b/out"], ["b/relu"]),
        conv("b/relu", "c"),
        helper.make_node("GlobalAveragePool", ["c/out"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["vectors"]),
    ]
    graph = helper.make_graph(
        nodes,
        "convolutions",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 16, 16])],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["N", 32])],
        held,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path)
    return path


def name_of(path: Path) -> str:
    return f"onnx:{path}?preprocess=minus-one-to-one&size=16"


@pytest.fixture(scope="session")
def write_convolutions() -> Callable[..., str]:
    """Writes `convolutions`, and gives the name of the encoder."""
    return lambda path, **more: name_of(convolutions(path, **more))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of an encoder that exports in a moment; its files are called after `tiny`."""
    return name_of(convolutions(tmp_path_factory.mktemp("networks") / "tiny.onnx"))


@pytest.fixture(scope="session")
def int8(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Exported]:
    """The builtin encoder in int8, in two forms."""
    folder = tmp_path_factory.mktemp("int8")
    return {
        form: export(
            "builtin",
            folder / f"{FORMS[form].published}.onnx",
            form=form,
            precision="int8",
            calibrate=str(photos),
            resamples=100,
        )
        for form in ("embed", "1:1")
    }


@pytest.fixture(scope="session")
def tiny_int8(tiny: str, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The tiny encoder in int8."""
    path = tmp_path_factory.mktemp("int8") / "tiny.onnx"
    return export(tiny, path, precision="int8", calibrate=str(photos), resamples=100)


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Exported]:
    """The builtin encoder in every form."""
    folder = tmp_path_factory.mktemp("exports")
    return {
        form: export("builtin", folder / f"{number}.onnx", form=form)
        for number, form in enumerate(FORMS)
    }


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A torch network in a folder, at operator set 17."""
    encoder = load_encoder(SMALL, engine="torch", device="cpu", precision="f32")
    pictures = [scene_picture(number) for number in range(4)]
    before = encoder.encode(pictures).vectors
    exported = export(encoder, tmp_path_factory.mktemp("small"), opset=17)
    return Small(encoder, exported, before, encoder.encode(pictures).vectors)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six folders with four pictures each, of one thing."""
    root = tmp_path_factory.mktemp("photos")
    for thing in range(6):
        folder = root / f"thing{thing}"
        folder.mkdir()
        whole = Image.fromarray(scene_picture(thing))
        for view in range(4):
            box = (3 * view, 2 * view, whole.width - 4 * view, whole.height - 3 * view)
            whole.crop(box).save(folder / f"{view}.png")
    return root
