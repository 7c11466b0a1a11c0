import os
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from lookalike.embeddings import Card, Embeddings, EngineCheck, Origin, Row
from lookalike.embeddings.stored_name import restored_name, stored_name
from lookalike.errors import CardError, FingerprintError, UsageError, VectorError
from lookalike.images import Preprocess, Reason

CARD = Card("onnx", "sha256:00", "features", "none", Preprocess(), 3, "onnx:a.onnx")
ROWS = (
    Row("a.jpg", "a.jpg", width=640, height=480),
    Row("b.jpg", "b.jpg", Reason.TRUNCATED, "the picture breaks off"),
    Row("array[0]", None, width=8, height=8),
)
VECTORS: NDArray[np.float32] = np.array([[1, 2, 3], [-4, 5.5, 1e-30]], np.float32)
THREE = Embeddings(CARD, ROWS, VECTORS, Origin("openvino f32 on CPU"))


def test_vectors_that_float32_would_make_zeros_are_refused() -> None:
    vectors = np.array([[1.0, 2.0], [0.0, 1e-40], [0.0, 0.0]])
    with pytest.raises(VectorError, match="too short for float32"):
        Embeddings.from_numpy(vectors)
    kept = Embeddings.from_numpy(vectors * 1e10).vectors  # a value may be small beside another
    assert kept.tolist() == (vectors * 1e10).astype(np.float32).tolist()
    assert len(Embeddings.from_numpy([[1.0, 1e-300], [0.0, 0.0]]).vectors) == 2


def test_a_row_is_ok_unless_it_has_a_reason() -> None:
    assert [row.ok for row in ROWS] == [True, False, True]


def test_one_row_for_every_input_one_vector_for_every_ok_row() -> None:
    assert len(THREE) == 3
    assert THREE.ids == ("a.jpg", "array[0]")
    assert THREE.failures == (ROWS[1],)
    assert len(THREE.ids) == len(THREE.vectors) == len(THREE) - len(THREE.failures)


@pytest.mark.parametrize("shape", [(3, 3), (1, 3), (2, 4), (6,), (2, 3, 1), (0, 3)])
def test_vectors_of_another_count_or_length_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="2 rows with a vector of length 3"):
        Embeddings(CARD, ROWS, np.zeros(shape, np.float32))


def test_a_vector_is_found_by_its_id() -> None:
    assert np.array_equal(THREE["a.jpg"], VECTORS[0])
    assert np.array_equal(THREE["array[0]"], VECTORS[1])


def test_an_id_without_a_vector_says_why() -> None:
    with pytest.raises(KeyError, match=r"b\.jpg: truncated, the picture breaks off"):
        THREE["b.jpg"]
    with pytest.raises(KeyError, match=r"'c\.jpg'"):
        THREE["c.jpg"]


def test_a_number_is_no_id() -> None:
    with pytest.raises(TypeError, match="by the id"):
        THREE[0]  # type: ignore[index]


def test_the_fingerprint_is_the_cards() -> None:
    assert THREE.fingerprint == CARD.fingerprint


def test_different_encoders_are_not_comparable_and_the_difference_is_named() -> None:
    other = replace(THREE, card=replace(CARD, layer="logits", name="onnx:b.onnx"))
    with pytest.raises(FingerprintError, match="layer: features / logits") as error:
        THREE.require_comparable(other)
    assert "onnx:a.onnx and onnx:b.onnx" in error.value.what
    assert error.value.cure


def test_engines_and_descriptions_do_not_matter_for_comparing() -> None:
    THREE.require_comparable(
        replace(THREE, origin=Origin("torch f16"), card=replace(CARD, licence="MIT"))
    )


# tables


def same(a: Embeddings, b: Embeddings) -> None:
    assert (a.card, a.rows, a.origin) == (b.card, b.rows, b.origin)
    assert a.vectors.dtype == b.vectors.dtype
    assert np.array_equal(a.vectors, b.vectors)


def through_parquet(table: pa.Table) -> pa.Table:
    stream = BytesIO()
    pq.write_table(table, stream)
    return pq.read_table(BytesIO(stream.getvalue()))


text = st.text(max_size=12)
names = st.one_of(
    text,
    st.binary(max_size=12).map(os.fsdecode),  # any file name that can exist
    st.sampled_from(
        [
            "\ud800 half",
            "percent-halves:x",
            "new\nline",
            "percent:caf%E9",
            "",
            "é",
            "\udce9%",
            "50%",
        ]
    ),
)
failed = st.builds(Row, names, st.none() | names, st.sampled_from(Reason), text)
embedded = st.builds(
    Row,
    names,
    st.none() | names,
    width=st.integers(0, 2**31 - 1),
    height=st.integers(0, 99),
    view=text,
    digest=st.text("0123456789abcdef", max_size=64),
    file_bytes=st.none() | st.integers(0, 2**60),
    file_mtime_ns=st.none() | st.integers(0, 2**60),
)
origins = st.builds(
    Origin,
    text,
    st.sampled_from(["full", "reduced"]),
    st.none() | st.builds(EngineCheck, text, text, st.just(8), st.floats(-1, 1)),
)


@st.composite
def stores(draw: st.DrawFn) -> Embeddings:
    rows = draw(st.lists(st.one_of(failed, embedded), max_size=6))
    dim = draw(st.integers(1, 5))
    count = sum(row.ok for row in rows)
    random = np.random.default_rng(draw(st.integers(0, 99)))
    if draw(st.booleans()):
        card = replace(CARD, dim=dim, kind="bits")
        return Embeddings(card, tuple(rows), random.integers(0, 2, (count, dim), dtype=np.uint8))
    vectors = random.standard_normal((count, dim)).astype(np.float32)
    return Embeddings(replace(CARD, dim=dim), tuple(rows), vectors, draw(origins))


@settings(max_examples=40)
@given(stores())
def test_a_table_keeps_everything(store: Embeddings) -> None:
    table = store.to_arrow()
    assert table.num_rows == len(store)
    assert table["vector"].null_count == len(store.failures)
    same(Embeddings.from_arrow(table), store)
    same(Embeddings.from_arrow(through_parquet(table)), store)


@pytest.mark.parametrize("rows", [(), (ROWS[1],), (ROWS[1],) * 3, ROWS])
@pytest.mark.parametrize("kind", [np.float32, np.uint8])
def test_a_table_of_any_share_of_failures_is_read_back(
    rows: tuple[Row, ...], kind: type[np.generic]
) -> None:
    count = sum(row.ok for row in rows)
    card = replace(CARD, kind="bits" if kind is np.uint8 else "float")
    store = Embeddings(card, rows, (np.arange(count * 3).reshape(count, 3) % 2).astype(kind))
    same(Embeddings.from_arrow(through_parquet(store.to_arrow())), store)


def test_a_table_in_several_chunks_is_read_back() -> None:
    table = pa.concat_tables([THREE.to_arrow()] * 3)
    assert table["vector"].num_chunks == 3
    expected = Embeddings(CARD, ROWS * 3, np.concatenate([VECTORS] * 3), THREE.origin)
    same(Embeddings.from_arrow(table), expected)
    same(Embeddings.from_arrow(table.slice(3, 3)), THREE)


def test_a_table_without_a_card_or_with_an_edited_one_is_refused() -> None:
    table = THREE.to_arrow()
    good = table.schema.metadata
    card = good[b"lookalike.layers"]
    for stored in (None, b"no json", card.replace(b"features", b"logits"), b"[]", b"{}", b"[1]"):
        metadata = {} if stored is None else {**good, b"lookalike.layers": stored}
        with pytest.raises(CardError):
            Embeddings.from_arrow(table.replace_schema_metadata(metadata))


@given(names)
def test_a_name_is_stored_as_text_without_loss(name: str) -> None:
    stored = stored_name(name)
    stored.encode()
    assert restored_name(stored) == name


def test_a_name_that_is_text_is_stored_as_it_is() -> None:
    for name in ("a b%20.jpg", "é 絵\n.jpg", "array[3]"):
        assert stored_name(name) == name


def test_details_with_bytes_that_are_no_text_can_be_stored() -> None:
    row = Row("a", None, Reason.MISSING, "a link to 'caf\udce9'")
    store = Embeddings(CARD, (row,), np.zeros((0, 3), np.float32))
    again = Embeddings.from_arrow(through_parquet(store.to_arrow()))
    assert again.rows[0].detail == "a link to 'caf?'"


# as people see them


def test_the_text_form_counts_inputs_vectors_and_failures() -> None:
    assert repr(THREE) == "Embeddings(3 inputs, 2 vectors of length 3, 1 failures, onnx:a.onnx)"


def test_a_notebook_shows_pictures_and_reasons(tmp_path: Path) -> None:
    path = str(tmp_path / "a.png")
    Image.new("RGB", (4, 4), "red").save(path)
    rows = (Row(path, path, width=4, height=4), *ROWS[1:])
    page = replace(THREE, rows=rows)._repr_html_()
    assert page.count("data:image/jpeg;base64,") == 1
    assert "truncated: the picture breaks off" in page
    assert "RANDOM WEIGHTS" not in page
    random = replace(THREE, card=replace(CARD, weights_tag="random(seed=0)"))._repr_html_()
    assert "RANDOM WEIGHTS" in random


def test_a_notebook_shows_the_first_of_many_and_counts_the_rest() -> None:
    rows = tuple(Row(f"array[{n}]") for n in range(100))
    page = Embeddings(CARD, rows, np.ones((100, 3), np.float32))._repr_html_()
    assert "array[47]" in page
    assert "array[48]" not in page
    assert "52 more" in page
