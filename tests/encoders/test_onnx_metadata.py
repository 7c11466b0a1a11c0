"""Reading what an ONNX file says of itself, held against the onnx package."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from lookalike.encoders.onnx_metadata import (
    CARD,
    CONTENT,
    FORM,
    METRIC,
    carried_card,
    content_digest,
    metadata,
    properties,
)
from lookalike.errors import CardError, WeightsError

TEXT = st.text(st.characters(codec="utf-8"), max_size=200)
PAIRS = st.dictionaries(TEXT, TEXT, max_size=5)
WEIGHTS = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)


def model(pairs: dict[str, str], weights: np.ndarray = WEIGHTS) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        [numpy_helper.from_array(weights, "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(made, pairs)
    return made


def content(pairs: dict[str, str], weights: np.ndarray = WEIGHTS) -> bytes:
    written: bytes = model(pairs, weights).SerializeToString()
    return written


def as_onnx_reads(written: bytes) -> dict[str, str]:
    return {pair.key: pair.value for pair in onnx.load_from_string(written).metadata_props}


@given(PAIRS)
def test_pairs_are_those_that_onnx_reads(pairs: dict[str, str]) -> None:
    assert metadata(content(pairs)) == pairs == as_onnx_reads(content(pairs))


@given(PAIRS, PAIRS)
def test_the_digest_does_not_depend_on_pairs(first: dict[str, str], second: dict[str, str]) -> None:
    assert content_digest(content(first)) == content_digest(content(second))
    assert content_digest(content(first)).startswith("sha256:")


@given(PAIRS)
def test_pairs_may_stand_anywhere_in_a_file(pairs: dict[str, str]) -> None:
    alone = onnx.ModelProto()
    helper.set_model_props(alone, pairs)
    apart, rest = alone.SerializeToString(), content({})
    assert metadata(apart + rest) == metadata(rest + apart) == pairs
    assert content_digest(apart + rest) == content_digest(rest + apart) == content_digest(rest)


@given(PAIRS, st.integers(0, 11), st.integers(0, 31))
def test_the_digest_changes_with_any_bit_of_a_weight(
    pairs: dict[str, str], place: int, bit: int
) -> None:
    bits = WEIGHTS.copy().view(np.uint32)
    bits.flat[place] ^= np.uint32(1 << bit)
    changed = content(pairs, bits.view(np.float32))
    assert content_digest(changed) != content_digest(content(pairs))


def test_the_digest_changes_with_everything_else_in_a_model() -> None:
    digests = {content_digest(content({}))}
    for change in range(5):
        made = model({})
        if change == 0:
            made.graph.node[0].op_type = "Gemm"
        elif change == 1:
            made.graph.input[0].name = "X"
        elif change == 2:
            made.opset_import[0].version = 14
        elif change == 3:
            made.ir_version = 9
        else:
            made.doc_string = "other"
        digests.add(content_digest(made.SerializeToString()))
    assert len(digests) == 6


def test_a_key_that_is_there_twice_has_its_last_value() -> None:
    one, two = (onnx.ModelProto() for _ in range(2))
    helper.set_model_props(one, {"a": "1", "b": "2"})
    helper.set_model_props(two, {"a": "3"})
    written = one.SerializeToString() + two.SerializeToString()
    assert metadata(written) == {"a": "3", "b": "2"} == as_onnx_reads(written)


def test_every_cut_of_a_file_is_read_as_onnx_reads_it_or_refused() -> None:
    whole = content({"key": "value", "größer": "ä" * 100})
    read = refused = 0
    for end in range(len(whole)):
        try:
            found = metadata(whole[:end])
        except WeightsError:
            refused += 1
            with pytest.raises(DecodeError):
                onnx.load_from_string(whole[:end])
            continue
        read += 1
        content_digest(whole[:end])
        assert found == as_onnx_reads(whole[:end])
    assert read >= 3  # between fields a cut can't be seen
    assert refused > 0.9 * len(whole)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(written: bytes) -> None:
    for read in (metadata, content_digest, lambda one: carried_card(one, "f.onnx")):
        with suppress(WeightsError):  # and nothing else
            read(written)


@pytest.mark.parametrize(
    "written", [b"<html></html>", b"\x89PNG\r\n\x1a\n", b"\xff" * 20, b"\x08", b"\x72\x05ab"]
)
def test_what_is_no_onnx_file_is_refused(written: bytes) -> None:
    with pytest.raises(WeightsError, match="no ONNX file"):
        metadata(written)
    with pytest.raises(WeightsError, match="no ONNX file"):
        content_digest(written)


CARDED: dict[str, Any] = {"algorithm": "reid/mlfn", "dim": 1024, "name": "größer", "heads": []}


def exported(card: dict[str, Any] = CARDED, more: dict[str, str] | None = None) -> dict[str, str]:
    return properties(card, "N:M", "cosine", content_digest(content({}))) | (more or {})


def test_an_exported_file_carries_its_card() -> None:
    written = content(exported(more={"author": "somebody"}))
    assert carried_card(written, "f.onnx") == CARDED
    found = metadata(written)
    assert (found[FORM], found[METRIC]) == ("N:M", "cosine")
    assert found[CONTENT] == content_digest(written)
    assert json.loads(found[CARD]) == CARDED


def test_a_file_without_a_card_carries_none() -> None:
    assert carried_card(content({}), "f.onnx") is None
    assert carried_card(content({"author": "somebody"}), "f.onnx") is None


def test_a_card_is_not_believed_of_a_changed_network() -> None:
    other = WEIGHTS.copy()
    other[1, 2] += 1e-3
    with pytest.raises(CardError, match="changed since it was exported") as caught:
        carried_card(content(exported(), other), "f.onnx")
    assert caught.value.where == "f.onnx"
    renamed = model(exported())
    renamed.graph.output[0].name = renamed.graph.node[0].output[0] = "z"
    with pytest.raises(CardError, match="changed since it was exported"):
        carried_card(renamed.SerializeToString(), "f.onnx")


def test_a_card_without_a_digest_is_not_believed() -> None:
    pairs = exported()
    del pairs[CONTENT]
    with pytest.raises(CardError, match="changed since it was exported"):
        carried_card(content(pairs), "f.onnx")


def test_a_card_that_is_no_json_is_refused() -> None:
    with pytest.raises(CardError, match="can't be read"):
        carried_card(content(exported(more={CARD: "{"})), "f.onnx")


@pytest.mark.parametrize("card", ["3", "null", "[1]", "{"])
def test_a_card_that_is_no_card_is_a_card_error(card: str) -> None:
    digest = content_digest(content({}))
    with pytest.raises(CardError):
        carried_card(content({CARD: card, CONTENT: digest}), "net.onnx")
