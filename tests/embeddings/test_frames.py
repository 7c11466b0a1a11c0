import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike import extras
from lookalike.embeddings import Card, Embeddings, EngineCheck, Origin, Row
from lookalike.embeddings.frames import ATTRIBUTE
from lookalike.embeddings.table import ROW_COLUMNS
from lookalike.errors import CardError, LookalikeError, MissingExtraError
from lookalike.images import Preprocess, Reason

pandas: Any = pytest.importorskip("pandas")
polars: Any = pytest.importorskip("polars")

CARD = Card("onnx", "sha256:00", "features", "none", Preprocess(), 3, "onnx:a.onnx")
BITS = replace(CARD, kind="bits")
ROWS = (
    Row("a.jpg", "pictures/a.jpg", width=640, height=480, digest="ab", file_bytes=2**60 + 1),
    Row("b.jpg", "pictures/b.jpg", Reason.TRUNCATED, "the picture breaks off"),
    Row("array[0]", None, width=8, height=8, file_mtime_ns=1_700_000_000_123_456_789),
)
VECTORS: NDArray[np.float32] = np.array([[1, 2, 3], [-4, 5.5, 1e-30]], np.float32)
CHECK = EngineCheck("openvino bf16 on CPU", "torch f32 on CPU", 8, 0.99)
THREE = Embeddings(CARD, ROWS, VECTORS, Origin("openvino bf16 on CPU", "reduced", CHECK))

names = st.one_of(st.text(max_size=8), st.binary(max_size=8).map(os.fsdecode))
failed = st.builds(Row, names, st.none() | names, st.sampled_from(Reason), st.text(max_size=8))
embedded = st.builds(
    Row,
    names,
    st.none() | names,
    width=st.integers(0, 2**31 - 1),
    view=st.text(max_size=4),
    digest=st.text("0123456789abcdef", max_size=8),
    file_bytes=st.none() | st.integers(0, 2**62),
    file_mtime_ns=st.none() | st.integers(0, 2**62),
)


@st.composite
def stores(draw: st.DrawFn) -> Embeddings:
    rows = tuple(draw(st.lists(failed | embedded, max_size=4)))
    card = draw(st.sampled_from([CARD, BITS]))
    shape = (sum(row.ok for row in rows), 3)
    vectors = np.random.default_rng(draw(st.integers(0, 9))).integers(0, 2, shape)
    return Embeddings(card, rows, vectors.astype(card.no_vectors().dtype))


def same(a: Embeddings, b: Embeddings) -> None:
    assert (a.card, a.rows) == (b.card, b.rows)
    assert a.vectors.dtype == b.vectors.dtype
    assert np.array_equal(a.vectors, b.vectors)


# pandas


@settings(max_examples=20)
@given(stores())
def test_a_frame_of_pandas_keeps_everything(found: Embeddings) -> None:
    same(Embeddings.from_pandas(found.to_pandas()), found)
    same(Embeddings.from_pandas(found.to_pandas(), card=found.card), found)


def test_a_frame_of_pandas_keeps_where_the_vectors_come_from() -> None:
    assert Embeddings.from_pandas(THREE.to_pandas()).origin == THREE.origin


def test_a_frame_of_pandas_has_a_row_for_every_input_and_an_array_for_every_vector() -> None:
    frame = THREE.to_pandas()
    assert list(frame.columns) == [*ROW_COLUMNS, "vector"]
    assert list(frame["id"]) == ["a.jpg", "b.jpg", "array[0]"]
    assert list(frame["outcome"]) == ["embedded", "failed", "embedded"]
    assert frame["vector"][0].tolist() == [1, 2, 3]
    assert frame["vector"][1] is None
    assert frame["vector"][2].dtype == np.float32


def test_integers_that_can_be_missing_stay_exact_integers_in_pandas() -> None:
    frame = THREE.to_pandas()
    assert frame["file_bytes"][0] == 2**60 + 1
    assert frame["file_mtime_ns"][2] == 1_700_000_000_123_456_789
    assert pandas.isna(frame["file_bytes"][1])


def test_rows_chosen_and_sorted_in_pandas_are_read_back_without_giving_a_card() -> None:
    frame = THREE.to_pandas()
    chosen = frame[frame["outcome"] == "embedded"].sort_values("id", ascending=False)
    found = Embeddings.from_pandas(chosen)
    same(found, Embeddings(CARD, (ROWS[2], ROWS[0]), VECTORS[::-1]))
    assert found.origin == THREE.origin


def test_further_columns_and_another_order_of_columns_do_not_matter() -> None:
    frame = THREE.to_pandas()
    frame["label"] = ["cat", "dog", "cat"]
    shuffled = frame[list(frame.columns)[::-1]]
    shuffled.attrs = frame.attrs
    same(Embeddings.from_pandas(shuffled), THREE)


def test_ids_and_vectors_are_enough_for_a_frame_of_pandas() -> None:
    frame = pandas.DataFrame({"id": ["a", "b"], "vector": [[1.0, 2, 3], np.array([4.0, 5, 6])]})
    found = Embeddings.from_pandas(frame, card=CARD)
    assert found.ids == ("a", "b")
    assert found.vectors.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_a_frame_of_pandas_without_a_card_is_refused_with_a_cure() -> None:
    frame = THREE.to_pandas()
    frame.attrs = {}
    with pytest.raises(CardError, match="no card") as error:
        Embeddings.from_pandas(frame)
    assert "card=" in error.value.cure
    same(Embeddings.from_pandas(frame, card=CARD), THREE)


def test_a_frame_of_pandas_with_an_edited_card_is_refused() -> None:
    frame = THREE.to_pandas()
    metadata = frame.attrs[ATTRIBUTE]
    edited = metadata["lookalike.layers"].replace("features", "logits")
    frame.attrs[ATTRIBUTE] = metadata | {"lookalike.layers": edited}
    with pytest.raises(CardError, match="fingerprint"):
        Embeddings.from_pandas(frame)


# polars


@settings(max_examples=20)
@given(stores())
def test_a_frame_of_polars_keeps_everything_but_the_card(found: Embeddings) -> None:
    same(Embeddings.from_polars(found.to_polars(), card=found.card), found)


def test_a_frame_of_polars_has_a_row_for_every_input_and_a_null_without_a_vector() -> None:
    frame = THREE.to_polars()
    assert frame.columns == [*ROW_COLUMNS, "vector"]
    assert frame.schema["vector"] == polars.Array(polars.Float32, 3)
    assert frame.schema["file_bytes"] == polars.Int64
    assert frame["vector"].is_null().to_list() == [False, True, False]
    assert frame["reason"].to_list() == [None, "truncated", None]


def test_rows_chosen_and_sorted_in_polars_are_read_back() -> None:
    frame = THREE.to_polars()
    chosen = frame.filter(polars.col("outcome") == "embedded").sort("id", descending=True)
    found = Embeddings.from_polars(chosen, card=CARD)
    same(found, Embeddings(CARD, (ROWS[2], ROWS[0]), VECTORS[::-1]))


def test_frames_of_polars_one_below_the_other_are_read_back() -> None:
    frame = polars.concat([THREE.to_polars()] * 2, rechunk=False)
    same(Embeddings.from_polars(frame, card=CARD), THREE.joined(THREE))


# frames that fit no card


def test_vectors_of_another_length_than_the_cards_are_refused() -> None:
    longer = replace(CARD, dim=4)
    with pytest.raises(LookalikeError):
        Embeddings.from_polars(THREE.to_polars(), card=longer)


def test_vectors_of_another_length_than_the_cards_are_refused_from_pandas_too() -> None:
    with pytest.raises(LookalikeError):
        Embeddings.from_pandas(THREE.to_pandas(), card=replace(CARD, dim=4))


def test_vectors_of_unequal_length_are_not_cut_anew() -> None:
    frame = polars.DataFrame({"id": ["a", "b"], "vector": [[1.0, 2.0], [3.0, 4.0, 5.0, 6.0]]})
    with pytest.raises(LookalikeError):
        Embeddings.from_polars(frame, card=CARD)


@pytest.mark.parametrize("column", ["id", "vector"])
def test_a_frame_without_ids_or_vectors_is_refused(column: str) -> None:
    with pytest.raises(LookalikeError):
        Embeddings.from_polars(THREE.to_polars().drop(column), card=CARD)


@pytest.mark.parametrize("column", ["id", "vector"])
def test_a_frame_of_pandas_without_ids_or_vectors_is_refused(column: str) -> None:
    with pytest.raises(LookalikeError):
        Embeddings.from_pandas(THREE.to_pandas().drop(columns=column))


def test_a_reason_that_no_version_knows_is_refused() -> None:
    frame = THREE.to_polars().with_columns(reason=polars.Series([None, "tired", None]))
    with pytest.raises(LookalikeError, match="tired"):
        Embeddings.from_polars(frame, card=CARD)


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_a_frame_without_its_package_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setattr(extras, "installed", lambda _: False)
    with pytest.raises(MissingExtraError) as error:
        getattr(THREE, f"to_{package}")()
    assert package in str(error.value)
    assert error.value.cure
