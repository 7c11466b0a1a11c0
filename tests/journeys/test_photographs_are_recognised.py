"""An engineer brings an ONNX classifier: its card is right when it recognises photographs."""

from pathlib import Path

import numpy as np
import pytest

import lookalike
from lookalike.embeddings import Embeddings

EVERY = 16
"""The sorted photographs show every 16th class of ImageNet, starting with class 0."""


def encoded(shared: Path, options: str, **runtime: str) -> Embeddings:
    name = f"onnx:{shared}/weights/mobilenet_v1_075_224.onnx?preprocess=minus-one-to-one{options}"
    return lookalike.load_encoder(name, **runtime).encode(str(shared / "images" / "photos"))  # type: ignore[arg-type]


@pytest.mark.parametrize(("options", "least"), [("", 53), ("&squash=1", 52)])
def test_top_1_of_the_logits(shared: Path, options: str, least: int) -> None:
    found = encoded(shared, f"&output=logits{options}")
    assert not found.failures
    right = found.vectors.argmax(axis=1) == np.arange(len(found)) * EVERY
    assert right.sum() >= least


@pytest.mark.parametrize(("precision", "least"), [("f32", 0.999999), ("bf16", 0.99)])
def test_openvino_agrees_with_onnxruntime(shared: Path, precision: str, least: float) -> None:
    fast = encoded(shared, "&output=features", engine="openvino", precision=precision)
    exact = encoded(shared, "&output=features", engine="onnxruntime", precision="f32")
    assert fast.fingerprint == exact.fingerprint
    cosines = np.asarray(lookalike.similarity(fast, exact, paired=True))
    assert cosines.min() >= least


def test_a_precision_that_is_not_there_is_said(shared: Path) -> None:
    name = f"onnx:{shared}/weights/mobilenet_v1_075_224.onnx"
    encoder = lookalike.load_encoder(
        f"{name}?preprocess=minus-one-to-one&output=features", precision="bf16"
    )
    ran = encoder.engine.split()[1]
    assert ran in {"bf16", "f32"}
    assert (ran == "f32") == any("no bf16" in note for note in encoder.notes)
