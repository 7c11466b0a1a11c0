"""Small networks and finished exports that several files test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
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
