"""From a trained student to the one file that is shipped."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from training.builtin.network import Block, Student


class Shipped(nn.Module):
    """The student with normalisation folded in, and two views of a picture in one unit vector.

    The first part is the embedding, the second the square roots of the probabilities of the
    classes trained on. The cosine of two vectors is then the weighted mean of the embeddings'
    cosine and of the Bhattacharyya coefficient between the probabilities.

    Args:
        student: In evaluation mode.
        classes: (C, dim) directions of the classes.
        sharpness: Factor on cosines before the softmax.
        share: Weight of the second part, from 0 to 1.
    """

    def __init__(self, student: Student, classes: Tensor, sharpness: float, share: float) -> None:
        super().__init__()
        self.body = _folded(copy.deepcopy(student.body))
        self.embedding = fuse_linear_bn_eval(student.embedding, student.normalisation)
        self.classes = nn.Parameter(functional.normalize(classes) * sharpness)
        self.parts = ((1 - share) ** 0.5, share**0.5)

    def forward(self, picture: Tensor) -> Tensor:
        """(N, 3, H, W) in -1 to 1 → (N, dim + C), of unit length."""
        embedding = functional.normalize(self.embedding(self.body(picture).mean((2, 3))))
        roots = (embedding @ self.classes.T).softmax(1).sqrt()
        return torch.cat([embedding * self.parts[0], roots * self.parts[1]], 1)


def _folded(body: nn.Sequential) -> nn.Sequential:
    return nn.Sequential(*(_folded_layer(layer) for layer in body))


def _folded_layer(layer: nn.Module) -> nn.Module:
    if isinstance(layer, Block):
        for name in ("first", "second", "shortcut"):
            setattr(layer, name, _folded_layer(getattr(layer, name)))
        return layer
    if not isinstance(layer, nn.Sequential):
        return layer
    convolution, normalisation = layer
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(normalisation, nn.BatchNorm2d)
    return fuse_conv_bn_eval(convolution, normalisation)


def export(network: Shipped, side: int, path: Path) -> None:
    """Writes the network as ONNX with weights in float16, which it computes with in float32.

    Args:
        network: What is written.
        side: Height and width of its input.
        path: The file.
    """
    example = torch.zeros(2, 3, side, side)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's exporter warns of its own parts
        program = torch.onnx.export(
            network.eval(),
            (example,),
            input_names=["picture"],
            output_names=["embedding"],
            dynamic_shapes={"picture": {0: torch.export.Dim("N")}},
            opset_version=18,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _halve(model)
    _undress(model)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _halve(model: onnx.ModelProto) -> None:
    """Keeps large weights in float16, each with a cast to float32 behind it."""
    casts = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or values.size < 1024:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + ".half"))
        casts.append(helper.make_node("Cast", [name + ".half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _undress(model: onnx.ModelProto) -> None:
    """Takes out what tells of the machine that exported: traces, paths, shapes on the way."""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    del model.graph.value_info[:]
    del model.graph.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output):
        del value.metadata_props[:]
