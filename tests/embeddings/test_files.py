import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from lookalike.embeddings import Card, Embeddings, EngineCheck, Origin, Row
from lookalike.embeddings import files as files_module
from lookalike.embeddings.table import Heading, to_table
from lookalike.errors import (
    CardError,
    EngineWarning,
    LookalikeError,
    OverwriteError,
    StoreError,
    UnknownNameError,
    UsageError,
)
from lookalike.images import Preprocess, Reason

CARD = Card("onnx", "sha256:00", "features", "none", Preprocess(), 3, "onnx:a.onnx")
ROWS = (
    Row("a.jpg", "a.jpg", width=640, height=480),
    Row("b.jpg", "b.jpg", Reason.TRUNCATED, "the picture breaks off"),
    Row("c.jpg", "c.jpg", width=8, height=8),
)
VECTORS: NDArray[np.float32] = np.array([[1, 2, 3], [-4, 5.5, 1e-30]], np.float32)
THREE = Embeddings(CARD, ROWS, VECTORS, Origin("openvino f32 on CPU"))
TWO = Embeddings(CARD, ROWS[:2], VECTORS[:1])
PLACES = ["store", "store.d", "a.parquet", "a.tsv", "a.npy"]
FILES = ["a.parquet", "a.tsv", "a.npy"]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# the ending says the form


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("of", [str, Path])
def test_vectors_are_read_back_from_every_form(
    tmp_path: Path, place: str, of: Callable[[Path], str | Path]
) -> None:
    THREE.save(of(tmp_path / place))
    found = Embeddings.open(of(tmp_path / place))
    assert found.vectors.dtype == np.float32
    assert np.array_equal(found.vectors, VECTORS)
    assert names(tmp_path) == {place}


@pytest.mark.parametrize("place", ["store", "a.parquet"])
def test_stores_and_parquet_keep_rows_card_and_origin(tmp_path: Path, place: str) -> None:
    THREE.save(tmp_path / place)
    found = Embeddings.open(tmp_path / place)
    assert (found.card, found.rows, found.origin) == (THREE.card, THREE.rows, THREE.origin)


def test_tsv_keeps_the_ids_and_npy_the_vectors_alone(tmp_path: Path) -> None:
    for place, ids in (("a.tsv", ("a.jpg", "c.jpg")), ("a.npy", ("row[0]", "row[1]"))):
        THREE.save(tmp_path / place)
        found = Embeddings.open(tmp_path / place)
        assert found.ids == ids
        assert found.card.name == "a"


@pytest.mark.parametrize("place", ["a.PARQUET", "a.Tsv", "a.NPY"])
def test_endings_in_capitals_are_endings(tmp_path: Path, place: str) -> None:
    THREE.save(tmp_path / place)
    assert (tmp_path / place).is_file()
    assert np.array_equal(Embeddings.open(tmp_path / place).vectors, VECTORS)


def test_what_is_written_is_what_others_read(tmp_path: Path) -> None:
    for place in FILES:
        THREE.save(tmp_path / place)
    assert np.array_equal(np.load(tmp_path / "a.npy", allow_pickle=False), VECTORS)
    table = pq.read_table(tmp_path / "a.parquet")
    assert table["vector"].to_pylist() == [VECTORS[0].tolist(), None, VECTORS[1].tolist()]
    loaded = np.loadtxt(
        tmp_path / "a.tsv", np.float32, delimiter="\t", skiprows=1, usecols=(1, 2, 3)
    )
    assert np.array_equal(loaded, VECTORS)


def test_a_path_without_a_known_ending_is_a_folder(tmp_path: Path) -> None:
    THREE.save(tmp_path / "v1.2")
    assert (tmp_path / "v1.2").is_dir()
    assert Embeddings.open(tmp_path / "v1.2").rows == ROWS


def test_a_folder_with_the_ending_of_a_file_is_opened_as_a_store(tmp_path: Path) -> None:
    THREE.save(tmp_path / "store")
    (tmp_path / "store").rename(tmp_path / "store.npy")
    assert Embeddings.open(tmp_path / "store.npy").rows == ROWS


@pytest.mark.parametrize(("place", "ending"), [("a.csv", r"\.csv"), ("a", "nothing")])
def test_a_file_with_an_unknown_ending_is_refused_with_those_known(
    tmp_path: Path, place: str, ending: str
) -> None:
    (tmp_path / place).write_bytes(b"a,1,2")
    with pytest.raises(StoreError, match=f"ending in {ending}") as error:
        Embeddings.open(tmp_path / place)
    assert error.value.where == str(tmp_path / place)
    for known in (".parquet", ".tsv", ".npy"):
        assert known in error.value.cure


@pytest.mark.parametrize("place", PLACES)
def test_what_is_not_there_is_refused_by_name(tmp_path: Path, place: str) -> None:
    with pytest.raises(StoreError, match="no such store or file") as error:
        Embeddings.open(tmp_path / place)
    assert error.value.where == str(tmp_path / place)


@pytest.mark.parametrize("place", FILES)
def test_a_file_with_another_content_than_its_ending_says_is_refused(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / place).write_bytes(b"words, and no vectors")
    with pytest.raises(StoreError) as error:
        Embeddings.open(tmp_path / place)
    assert error.value.where == str(tmp_path / place)


# Parquet


def test_a_parquet_file_of_another_tool_holds_no_card(tmp_path: Path) -> None:
    plain = pa.table({"id": ["a"], "vector": [[1.0, 2.0, 3.0]]})
    pq.write_table(plain, tmp_path / "a.parquet")
    with pytest.raises(CardError, match="no card"):
        Embeddings.open(tmp_path / "a.parquet")


def test_metadata_that_are_no_text_are_no_card() -> None:
    table = THREE.to_arrow().replace_schema_metadata({b"\xff": b"\xfe"})
    with pytest.raises(CardError):
        Embeddings.from_arrow(table)


def test_metadata_that_are_no_text_beside_a_card_do_not_matter() -> None:
    table = THREE.to_arrow()
    metadata = table.schema.metadata | {b"other": b"\xff"}
    assert Embeddings.from_arrow(table.replace_schema_metadata(metadata)).card == CARD


def test_a_shard_alone_is_a_parquet_file(tmp_path: Path) -> None:
    THREE.save(tmp_path / "store")
    assert Embeddings.open(tmp_path / "store" / "shard-000000.parquet").rows == ROWS


LOGITS = replace(CARD, layer="logits")


def two_layers(path: Path) -> None:
    heading = Heading({"vector:features": CARD, "vector:logits": LOGITS}, Origin())
    vectors = {"vector:features": VECTORS, "vector:logits": VECTORS + 1}
    pq.write_table(to_table(heading, ROWS, vectors), path)


def test_a_parquet_file_of_two_layers_is_opened_by_layer(tmp_path: Path) -> None:
    two_layers(tmp_path / "a.parquet")
    found = Embeddings.open(tmp_path / "a.parquet", layer="logits")
    assert found.card.layer == "logits"
    assert np.array_equal(found.vectors, VECTORS + 1)


def test_a_parquet_file_of_two_layers_is_not_opened_without_saying_which(tmp_path: Path) -> None:
    two_layers(tmp_path / "a.parquet")
    with pytest.raises(UsageError):
        Embeddings.open(tmp_path / "a.parquet")


@pytest.mark.parametrize("place", ["store", "a.parquet"])
def test_a_layer_that_is_not_there_is_refused_in_every_form(tmp_path: Path, place: str) -> None:
    THREE.save(tmp_path / place)
    with pytest.raises(UnknownNameError):
        Embeddings.open(tmp_path / place, layer="logits")


@pytest.mark.parametrize("place", ["store", "a.parquet"])
def test_an_engine_that_was_off_is_reported_where_the_file_is_opened(
    tmp_path: Path, place: str
) -> None:
    check = EngineCheck("openvino bf16 on CPU", "torch f32 on CPU", 8, 0.9)
    replace(THREE, origin=Origin(check.engine, check=check)).save(tmp_path / place)
    with pytest.warns(EngineWarning, match="NOT WITHIN") as caught:
        Embeddings.open(tmp_path / place)
    assert [warning.filename for warning in caught] == [__file__]


# what is there is not replaced unasked


@pytest.mark.parametrize("place", PLACES)
def test_what_is_there_is_replaced_by_force_only(tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    TWO.save(path)
    with pytest.raises(OverwriteError) as error:
        THREE.save(path)
    assert error.value.where == str(path)
    assert "force=True" in error.value.cure
    assert len(Embeddings.open(path).vectors) == 1
    THREE.save(path, force=True)
    assert np.array_equal(Embeddings.open(path).vectors, VECTORS)
    assert names(tmp_path) == {place}


@pytest.mark.parametrize("place", FILES)
def test_the_same_embeddings_are_written_as_the_same_bytes(tmp_path: Path, place: str) -> None:
    THREE.save(tmp_path / place)
    first = (tmp_path / place).read_bytes()
    THREE.save(tmp_path / place, force=True)
    assert (tmp_path / place).read_bytes() == first


@pytest.mark.parametrize("place", FILES)
def test_a_folder_is_not_replaced_by_a_file(tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir()
    with pytest.raises(OverwriteError):
        THREE.save(tmp_path / place)
    with pytest.raises(StoreError, match="can't be written"):
        THREE.save(tmp_path / place, force=True)
    assert names(tmp_path) == {place}


# no half files, no drafts


@pytest.mark.parametrize("place", FILES)
def test_a_folder_that_is_not_there_is_a_store_error(tmp_path: Path, place: str) -> None:
    with pytest.raises(StoreError, match="can't be written"):
        THREE.save(tmp_path / "none" / place)
    assert names(tmp_path) == set()


def half(error: BaseException) -> Callable[[Any, Path, str], None]:
    """A writer that stops in the middle of the draft."""

    def write(_: Embeddings, draft: Path, __: str) -> None:
        draft.write_bytes(b"half")
        raise error

    return write


@pytest.mark.parametrize("place", FILES)
def test_a_full_disk_leaves_what_was_there_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    TWO.save(tmp_path / place)
    before = (tmp_path / place).read_bytes()
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(files_module, "_write", half(full))
    with pytest.raises(StoreError, match="disk is full") as error:
        THREE.save(tmp_path / place, force=True)
    assert error.value.where == str(tmp_path / place)
    assert (tmp_path / place).read_bytes() == before
    assert names(tmp_path) == {place}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), pa.ArrowInvalid("no")])
def test_whatever_ends_a_write_leaves_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(files_module, "_write", half(error))
    with pytest.raises((type(error), LookalikeError)):
        THREE.save(tmp_path / "a.npy")
    assert names(tmp_path) == set()


@pytest.mark.parametrize("place", FILES)
def test_the_name_is_given_to_whole_files_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    seen: list[set[str]] = []
    write = files_module._write

    def watched(found: Embeddings, draft: Path, ending: str) -> None:
        write(found, draft, ending)
        seen.append(names(tmp_path))

    monkeypatch.setattr(files_module, "_write", watched)
    THREE.save(tmp_path / place)
    assert seen == [{f".{place}.{os.getpid()}"}]
