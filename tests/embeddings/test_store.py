import errno
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.embeddings import Card, Embeddings, EngineCheck, Origin, Row, Store
from lookalike.embeddings import store as store_module
from lookalike.embeddings.card import IDENTITY
from lookalike.embeddings.shard import number_of
from lookalike.embeddings.store import save_store
from lookalike.embeddings.table import FORMAT, ROW_COLUMNS, Heading, to_table
from lookalike.errors import (
    CardError,
    EngineWarning,
    FingerprintError,
    OverwriteError,
    StoreError,
    UnknownNameError,
    UsageError,
    VectorError,
)
from lookalike.images import Preprocess, Reason

CARD = Card(
    algorithm="onnx",
    weights="sha256:00",
    layer="features",
    pooling="none",
    preprocess=Preprocess(resize=(64, 32), mean=(0.1, 0.2, 0.3), alpha=(255, 255, 255)),
    dim=3,
    name="onnx:a.onnx",
    settings=(("size", "16"),),
    heads=("sha256:aa", "sha256:bb"),
)
BITS = replace(CARD, kind="bits")
SHARD = 4
"""Inputs per shard in these tests."""


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "SHARD_INPUTS", SHARD)


def row(number: int) -> Row:
    if number % 3 == 1:
        return Row(f"{number}.jpg", f"pictures/{number}.jpg", Reason.TRUNCATED, "it breaks off")
    return Row(
        f"{number}.jpg",
        f"pictures/{number}.jpg",
        width=640,
        height=480,
        digest=f"{number:064x}",
        file_bytes=2**40 + number,
        file_mtime_ns=1_700_000_000_123_456_789,
    )


def embeddings(count: int, card: Card = CARD, origin: Origin | None = None) -> Embeddings:
    """Of every three inputs the second has no vector."""
    rows = tuple(row(number) for number in range(count))
    random = np.random.default_rng(count)
    shape = (sum(one.ok for one in rows), card.dim)
    vectors = random.integers(0, 2, shape) if card.kind == "bits" else random.normal(size=shape)
    kind = card.no_vectors().dtype
    return Embeddings(card, rows, vectors.astype(kind), origin or Origin("torch f32 on CPU"))


def same(a: Embeddings, b: Embeddings) -> None:
    assert (a.card, a.rows, a.origin) == (b.card, b.rows, b.origin)
    assert a.vectors.dtype == b.vectors.dtype
    assert np.array_equal(a.vectors, b.vectors)


def contents(folder: Path) -> dict[str, bytes]:
    """Name → bytes of everything in a folder but the lock."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


# what others read


@pytest.mark.parametrize(("card", "kind"), [(CARD, pa.float32()), (BITS, pa.uint8())])
def test_pyarrow_alone_reads_the_columns_and_types_that_are_documented(
    tmp_path: Path, card: Card, kind: pa.DataType
) -> None:
    found = embeddings(SHARD, card)
    found.save(tmp_path)
    table = pq.read_table(tmp_path / "shard-000000.parquet")
    types = {field.name: field.type for field in table.schema}
    assert types == {name: pa.type_for_alias(kind) for name, kind in ROW_COLUMNS.items()} | {
        "vector": pa.list_(kind, 3)
    }
    assert table["id"].to_pylist() == [f"{number}.jpg" for number in range(SHARD)]
    assert table["outcome"].to_pylist() == ["embedded", "failed", "embedded", "embedded"]
    assert table["reason"].to_pylist() == [None, "truncated", None, None]
    assert [cell for cell in table["vector"].to_pylist() if cell] == found.vectors.tolist()


def test_the_metadata_hold_format_card_and_origin_as_text(tmp_path: Path) -> None:
    embeddings(1).save(tmp_path)
    metadata = pq.read_schema(tmp_path / "shard-000000.parquet").metadata
    assert metadata[b"lookalike.format"].decode() == FORMAT
    assert CARD.fingerprint.encode() in metadata[b"lookalike.layers"]
    assert b"torch f32 on CPU" in metadata[b"lookalike.origin"]


def test_all_shards_together_are_one_dataset(tmp_path: Path) -> None:
    embeddings(3 * SHARD).save(tmp_path)
    table = pq.read_table([str(shard) for shard in Store(tmp_path).shards()])
    assert table["id"].to_pylist() == [f"{number}.jpg" for number in range(3 * SHARD)]


# there and back


@settings(max_examples=20)
@given(count=st.integers(0, 3 * SHARD + 1), bits=st.booleans())
def test_a_store_of_any_number_of_shards_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, count: int, bits: bool
) -> None:
    folder = tmp_path_factory.mktemp("store")
    found = embeddings(count, BITS if bits else CARD)
    found.save(folder)
    assert len(Store(folder).shards()) == max(1, -(-count // SHARD))
    same(Embeddings.open(folder), found)


def test_a_folder_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    embeddings(2).save(tmp_path / "a" / "b")
    same(Embeddings.open(str(tmp_path / "a" / "b")), embeddings(2))


def test_a_store_without_a_single_vector_is_read_back(tmp_path: Path) -> None:
    failures = embeddings(3 * SHARD).failures
    found = Embeddings(CARD, failures, np.zeros((0, 3), np.float32))
    found.save(tmp_path)
    same(Embeddings.open(tmp_path), found)


def test_shards_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (1_000_000, 999_999, 2):
        Store(tmp_path).write(number, embeddings(1).to_arrow())
    (tmp_path / "shard-1.parquet").touch()
    (tmp_path / "shard-000003.parquet.bak").touch()
    assert [number_of(shard) for shard in Store(tmp_path).shards()] == [2, 999_999, 1_000_000]


def test_the_same_embeddings_are_written_as_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        embeddings(2 * SHARD).save(tmp_path / name)
    first = contents(tmp_path / "a")
    assert sorted(first) == ["shard-000000.parquet", "shard-000001.parquet"]
    assert contents(tmp_path / "b") == first


def test_blocks_are_what_is_read_a_shard_at_a_time(tmp_path: Path) -> None:
    found = embeddings(2 * SHARD + 1)
    found.save(tmp_path)
    first, *others = Store(tmp_path).blocks()
    assert [len(block) for block in (first, *others)] == [SHARD, SHARD, 1]
    same(first.joined(*others), Store(tmp_path).read())


def test_a_removed_shard_takes_its_rows_with_it_and_no_others(tmp_path: Path) -> None:
    embeddings(3 * SHARD).save(tmp_path)
    Store(tmp_path).remove(1)
    Store(tmp_path).remove(1)
    left = [*range(SHARD), *range(2 * SHARD, 3 * SHARD)]
    assert [one.id for one in Embeddings.open(tmp_path).rows] == [f"{n}.jpg" for n in left]


# different encoders


def changed(**changes: Any) -> Card:
    return replace(CARD, **changes)


def prepared(**changes: Any) -> Card:
    return replace(CARD, preprocess=replace(CARD.preprocess, **changes))


DIFFERENT = [
    ("algorithm", CARD, changed(algorithm="torchvision/resnet50")),
    ("weights", CARD, changed(weights="sha256:01")),
    ("weights", CARD, changed(weights="none")),
    ("layer", CARD, changed(layer="logits")),
    ("pooling", CARD, changed(pooling="avg")),
    ("pooling", changed(pooling="avg"), changed(pooling="max")),
    ("settings", CARD, changed(settings=(("size", "17"),))),
    ("settings", CARD, changed(settings=())),
    ("heads", CARD, changed(heads=("sha256:bb", "sha256:aa"))),
    ("heads", CARD, changed(heads=("sha256:aa",))),
    ("kind", CARD, BITS),
    ("preprocess.resize", CARD, prepared(resize=(32, 64))),
    ("preprocess.resize", CARD, prepared(resize=64)),
    ("preprocess.resize", CARD, prepared(resize=None)),
    ("preprocess.kernel", CARD, prepared(kernel="pillow-bicubic")),
    ("preprocess.kernel", CARD, prepared(kernel="opencv-bilinear")),
    ("preprocess.kernel", CARD, prepared(kernel="torch-bilinear")),
    (
        "preprocess.kernel",
        prepared(kernel="torch-bilinear"),
        prepared(kernel="torch-bilinear-antialias"),
    ),
    (
        "preprocess.kernel",
        prepared(kernel="opencv-bilinear"),
        prepared(kernel="opencv-area"),
    ),
    ("preprocess.crop", CARD, prepared(crop=(32, 32))),
    ("preprocess.scale", CARD, prepared(scale=1.0)),
    ("preprocess.mean", CARD, prepared(mean=(0.3, 0.2, 0.1))),
    ("preprocess.std", CARD, prepared(std=(1.0, 1.0, 1.001))),
    ("preprocess.order", CARD, prepared(order="bgr")),
    ("preprocess.layout", CARD, prepared(layout="nhwc")),
    ("preprocess.alpha", CARD, prepared(alpha="drop")),
    ("preprocess.alpha", CARD, prepared(alpha=(0, 0, 0))),
    ("preprocess.exif", CARD, prepared(exif=False)),
]
different = pytest.mark.parametrize(
    ("name", "one", "other"),
    DIFFERENT,
    ids=[f"{n}-{name}" for n, (name, *_) in enumerate(DIFFERENT)],
)


def values(name: str, card: Card) -> str:
    owner: Any = card.preprocess if "." in name else card
    return str(getattr(owner, name.rpartition(".")[2]))


def of_two(folder: Path, one: Embeddings, other: Embeddings) -> None:
    """A folder with a shard of each, which no function of lookalike would write."""
    Store(folder).write(0, one.to_arrow())
    Store(folder).write(1, other.to_arrow())


def test_every_way_in_which_cards_can_differ_is_tried() -> None:
    names = {f"preprocess.{field.name}" for field in fields(Preprocess)} | set(IDENTITY)
    assert {name for name, *_ in DIFFERENT} == names


@different
def test_a_folder_with_shards_of_different_encoders_is_refused_by_field(
    tmp_path: Path, name: str, one: Card, other: Card
) -> None:
    of_two(tmp_path, embeddings(2, one), embeddings(2, other))
    with pytest.raises(FingerprintError) as error:
        Embeddings.open(tmp_path)
    assert f"{name}: {values(name, one)} / {values(name, other)}" in error.value.what
    assert "shard-000000" in error.value.what
    assert "shard-000001" in error.value.what
    assert error.value.cure
    with pytest.raises(FingerprintError):
        list(Store(tmp_path).blocks())


@different
def test_embeddings_of_different_encoders_are_not_joined_and_the_field_is_named(
    name: str, one: Card, other: Card
) -> None:
    first, second = embeddings(2, one), embeddings(2, other)
    with pytest.raises(FingerprintError) as error:
        first.joined(first, second)
    assert f"{name}: {values(name, one)} / {values(name, other)}" in error.value.what
    assert error.value.cure


@pytest.mark.parametrize("engine", ["torch f32 on CPU", "openvino bf16 on CPU", "onnxruntime", ""])
def test_shards_of_one_encoder_are_accepted_whatever_engine_ran_it(
    tmp_path: Path, engine: str
) -> None:
    one, other = embeddings(2), embeddings(3, origin=Origin(engine, "reduced"))
    of_two(tmp_path, one, other)
    found = Embeddings.open(tmp_path)
    same(found, one.joined(other))
    assert found.rows == one.rows + other.rows
    assert np.array_equal(found.vectors, np.concatenate([one.vectors, other.vectors]))


def test_shards_whose_cards_differ_in_description_only_are_accepted(tmp_path: Path) -> None:
    other = changed(name="onnx:b.onnx", licence="MIT", params=3, weights_tag="V2")
    of_two(tmp_path, embeddings(2), embeddings(3, other))
    assert len(Embeddings.open(tmp_path)) == 5


def test_shards_with_other_layers_are_refused_by_column(tmp_path: Path) -> None:
    Store(tmp_path).write(0, embeddings(2).to_arrow())
    Store(tmp_path).write(1, two_layers(2))
    with pytest.raises(FingerprintError, match="vector:features, vector:logits"):
        Embeddings.open(tmp_path)


# damaged, absent, newer


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all" * 20, None])
def test_a_damaged_shard_is_named_with_a_cure(tmp_path: Path, content: bytes | None) -> None:
    embeddings(3 * SHARD).save(tmp_path)
    shard = Store(tmp_path).path_of(1)
    shard.write_bytes(shard.read_bytes()[:-100] if content is None else content)
    for read in (Embeddings.open, lambda folder: Store(folder).ledger()):
        with pytest.raises(StoreError, match="can't be read") as error:
            read(tmp_path)
        assert error.value.where == str(shard)
        assert error.value.cure


def test_no_bit_of_a_page_can_rot_without_a_word(tmp_path: Path) -> None:
    whole = replace(embeddings(3), origin=Origin("torch", check=EngineCheck("a", "b", 8, 0.9998)))
    whole.save(tmp_path / "s")
    shard = Store(tmp_path / "s").shards()[0]
    good = shard.read_bytes()
    silent = []
    pages = len(good) - 8 - int.from_bytes(good[-8:-4], "little")
    for place in range(4, pages, 9):
        rotten = bytearray(good)
        rotten[place] ^= 1 << (place % 8)
        shard.write_bytes(bytes(rotten))
        try:
            found = Embeddings.open(tmp_path / "s")
        except (StoreError, CardError, FingerprintError) as error:
            assert str(shard) in str(error)  # noqa: PT017
            continue
        told = (found.rows, found.card, found.origin) == (whole.rows, whole.card, whole.origin)
        if not (told and np.array_equal(found.vectors, whole.vectors)):
            silent.append(place)
    assert silent == []


def older(folder: Path, table: pa.Table) -> Path:
    """A store as it was before there were checksums."""
    folder.mkdir()
    metadata = dict(table.schema.metadata)
    metadata.pop(b"lookalike.digest", None)
    pq.write_table(table.replace_schema_metadata(metadata), folder / "shard-000000.parquet")
    return folder


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused_and_its_shard_named(
    tmp_path: Path, value: float
) -> None:
    whole = embeddings(4)
    table = whole.to_arrow()
    assert Embeddings.open(older(tmp_path / "good", table)).rows == whole.rows
    vectors = whole.vectors.copy()
    vectors[-1, 1] = value
    bad = older(tmp_path / "bad", replace(whole, vectors=vectors).to_arrow())
    for look in (Store(bad).read, lambda: list(Store(bad).blocks()), lambda: Embeddings.open(bad)):
        with pytest.raises(VectorError, match="finite") as error:
            look()
        assert error.value.where == str(bad / "shard-000000.parquet")
        assert "run lookalike embed again" in error.value.cure


def test_bits_that_are_none_are_refused(tmp_path: Path) -> None:
    whole = embeddings(4, BITS)
    vectors = whole.vectors.copy()
    vectors[0, 0] = 2
    bad = older(tmp_path / "bad", replace(whole, vectors=vectors).to_arrow())
    with pytest.raises(VectorError, match="zeros and ones"):
        Store(bad).read()


@pytest.mark.parametrize(
    ("reason", "what"), [("empty", "a vector and a reason"), (None, "neither")]
)
def test_a_row_with_both_or_neither_is_refused(
    tmp_path: Path, reason: str | None, what: str
) -> None:
    table = embeddings(3).to_arrow()
    cells = [reason if n == (0 if reason else 1) else old for n, old in enumerate(
        table["reason"].to_pylist())]  # fmt: skip
    place = table.column_names.index("reason")
    wrong = table.set_column(place, "reason", pa.array(cells, pa.string()))
    with pytest.raises(StoreError, match=what) as error:
        Store(older(tmp_path / "s", wrong)).read()
    assert "shard-000000" in error.value.where


def test_a_shard_that_is_damaged_within_is_named_with_a_cure(tmp_path: Path) -> None:
    embeddings(SHARD).save(tmp_path)
    shard = Store(tmp_path).path_of(0)
    whole = shard.read_bytes()
    shard.write_bytes(whole[:4] + bytes(600) + whole[604:])
    with pytest.raises(StoreError) as error:
        Embeddings.open(tmp_path)
    assert error.value.where == str(shard)
    assert error.value.cure


def test_a_shard_without_its_vectors_is_a_store_error(tmp_path: Path) -> None:
    Store(tmp_path).write(0, embeddings(2).to_arrow().drop_columns("vector"))
    with pytest.raises(StoreError):
        Embeddings.open(tmp_path)


def test_a_folder_without_shards_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    for read in (Embeddings.open, lambda folder: Store(folder).ledger()):
        with pytest.raises(StoreError, match="no store in this folder") as error:
            read(tmp_path)
        assert error.value.where == str(tmp_path)
        assert error.value.cure


def test_a_folder_that_is_not_there_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such store"):
        Embeddings.open(tmp_path / "none")
    with pytest.raises(StoreError, match="no store in this folder"):
        Store(tmp_path / "none").read()


def test_a_file_is_no_folder_of_shards(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="no folder of shards"):
        Store(tmp_path / "file").read()
    with pytest.raises(StoreError, match="in the way"):
        embeddings(1).save(tmp_path / "file")


def test_a_newer_format_is_refused_with_a_cure(tmp_path: Path) -> None:
    embeddings(2).save(tmp_path)
    table = embeddings(2).to_arrow()
    newer = str(int(FORMAT) + 1)
    metadata = table.schema.metadata | {b"lookalike.format": newer.encode()}
    Store(tmp_path).write(1, table.replace_schema_metadata(metadata))
    with pytest.raises(
        StoreError, match=f"has format {newer}, this version reads {FORMAT}"
    ) as error:
        Embeddings.open(tmp_path)
    assert error.value.where == str(Store(tmp_path).path_of(1))
    assert "newer" in error.value.cure


def test_a_parquet_file_of_another_tool_is_no_shard(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), Store(tmp_path).path_of(0))
    with pytest.raises(CardError, match="no card"):
        Embeddings.open(tmp_path)


# one writer, whole shards


def test_what_an_ended_writer_left_behind_is_swept_and_nothing_else(tmp_path: Path) -> None:
    embeddings(2).save(tmp_path)
    (tmp_path / ".shard-000001.parquet.4711").write_bytes(b"half")
    (tmp_path / "notes.txt").touch()
    same(Embeddings.open(tmp_path), embeddings(2))
    with Store(tmp_path).locked():
        assert set(contents(tmp_path)) == {"shard-000000.parquet", "notes.txt"}


def test_two_writers_at_once_are_refused_and_one_after_the_other_is_not(tmp_path: Path) -> None:
    with Store(tmp_path).locked():
        with pytest.raises(StoreError, match="another process is writing") as error:
            embeddings(1).save(tmp_path)
        with pytest.raises(StoreError), Store(tmp_path).locked():
            pass
    assert error.value.where == str(tmp_path)
    assert error.value.cure
    embeddings(1).save(tmp_path)


def test_a_refused_writer_leaves_the_others_draft_alone(tmp_path: Path) -> None:
    with Store(tmp_path).locked():
        draft = tmp_path / ".shard-000000.parquet.1"
        draft.touch()
        with pytest.raises(StoreError), Store(tmp_path).locked():
            pass
        assert draft.exists()


def test_an_error_within_lets_go_of_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Store(tmp_path).locked():
        _ = 1 // 0
    with Store(tmp_path).locked():
        pass


def test_reading_needs_no_lock(tmp_path: Path) -> None:
    embeddings(2).save(tmp_path)
    with Store(tmp_path).locked():
        same(Embeddings.open(tmp_path), embeddings(2))


def failing_sync(monkeypatch: pytest.MonkeyPatch, code: int, *, after: int = 0) -> None:
    """From now on the disk is full, once it has taken ``after`` more shards."""
    sync, taken = os.fsync, iter(range(2 * after))  # each shard syncs its file and the folder

    def fsync(handle: int) -> None:
        if next(taken, None) is None:
            raise OSError(code, os.strerror(code))
        sync(handle)

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_store_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    embeddings(2 * SHARD).save(tmp_path)
    before = contents(tmp_path)
    failing_sync(monkeypatch, code)
    for number in (0, 2):
        with pytest.raises(StoreError, match="disk is full") as error:
            Store(tmp_path).write(number, embeddings(3).to_arrow())
        assert error.value.where == str(tmp_path)
        assert error.value.cure
    assert contents(tmp_path) == before
    same(Embeddings.open(tmp_path), embeddings(2 * SHARD))


def test_another_failure_of_the_disk_is_not_called_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_sync(monkeypatch, errno.EIO)
    with pytest.raises(StoreError, match=r"can't be written: .*error") as error:
        embeddings(2).save(tmp_path)
    assert "full" not in str(error.value)
    assert contents(tmp_path) == {}


def test_a_shard_is_synced_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(sorted(contents(tmp_path))))
    Store(tmp_path).write(0, embeddings(2).to_arrow())
    assert seen[0] == [f".shard-000000.parquet.{os.getpid()}"]
    assert seen[1] == ["shard-000000.parquet"]


@pytest.mark.skipif(os.name != "posix", reason="open files can't be replaced elsewhere")
def test_who_reads_a_shard_while_it_is_replaced_reads_the_old_one(tmp_path: Path) -> None:
    embeddings(SHARD).save(tmp_path)
    shard = Store(tmp_path).path_of(0)
    before = shard.read_bytes()
    with open(shard, "rb") as stream:
        embeddings(2).save(tmp_path, force=True)
        assert stream.read() == before
    assert shard.read_bytes() != before


def test_a_replacement_that_fails_half_way_is_never_read_as_a_mixture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = embeddings(3 * SHARD), embeddings(3 * SHARD - 1)
    before.save(tmp_path)
    failing_sync(monkeypatch, errno.ENOSPC, after=1)
    with pytest.raises(StoreError, match="disk is full"):
        after.save(tmp_path, force=True)
    same(Embeddings.open(tmp_path), before)


@pytest.mark.skipif(os.name != "posix", reason="rights of folders")
def test_a_folder_that_may_not_be_written_is_a_store_error(tmp_path: Path, as_nobody: Any) -> None:
    tmp_path.chmod(0o555)
    with as_nobody(), pytest.raises(StoreError, match="can't be written"):
        embeddings(1).save(tmp_path / "new")


# replacing


def test_a_store_is_not_replaced_unasked(tmp_path: Path) -> None:
    embeddings(2).save(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(OverwriteError, match="there is a store already") as error:
        embeddings(3).save(tmp_path)
    assert error.value.where == str(tmp_path)
    assert "force" in error.value.cure
    assert contents(tmp_path) == before


@pytest.mark.parametrize(("before", "after"), [(5, 2), (1, 3), (3, 0), (2, 2)])
def test_force_replaces_a_store_whole(tmp_path: Path, before: int, after: int) -> None:
    embeddings(before * SHARD).save(tmp_path)
    bits = embeddings(after * SHARD, BITS)
    bits.save(tmp_path, force=True)
    same(Embeddings.open(tmp_path), bits)
    assert len(Store(tmp_path).shards()) == max(1, after)


def test_other_files_of_the_folder_survive_force(tmp_path: Path) -> None:
    embeddings(2 * SHARD).save(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    embeddings(1).save(tmp_path, force=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


# layers and views


LOGITS = replace(CARD, layer="logits", dim=2)
LAYERS = Heading({"vector:features": CARD, "vector:logits": LOGITS}, Origin("torch"), SHARD)


def layers_of(count: int) -> dict[str, Embeddings]:
    return {card.layer: embeddings(count, card, LAYERS.origin) for card in LAYERS.cards.values()}


def two_layers(count: int) -> pa.Table:
    found = layers_of(count)
    vectors = {column: found[card.layer].vectors for column, card in LAYERS.cards.items()}
    return to_table(LAYERS, found["logits"].rows, vectors)


def test_each_of_two_layers_is_opened_by_its_name(tmp_path: Path) -> None:
    save_store(tmp_path, LAYERS, two_layers(3 * SHARD))
    for layer, expected in layers_of(3 * SHARD).items():
        same(Embeddings.open(tmp_path, layer=layer), expected)
        first, *others = Store(tmp_path).blocks(layer=layer)
        same(first.joined(*others), expected)


def test_two_layers_are_not_opened_without_saying_which(tmp_path: Path) -> None:
    Store(tmp_path).write(0, two_layers(3))
    with pytest.raises(UsageError, match="there are 2 layers") as error:
        Embeddings.open(tmp_path)
    assert "features, logits" in error.value.cure


def test_a_layer_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    Store(tmp_path).write(0, two_layers(3))
    with pytest.raises(UnknownNameError, match="'logit'") as error:
        Embeddings.open(tmp_path, layer="logit")
    assert "logits" in error.value.cure


def test_the_only_layer_may_be_named_or_not(tmp_path: Path) -> None:
    embeddings(2).save(tmp_path)
    same(Embeddings.open(tmp_path, layer="features"), Embeddings.open(tmp_path))
    with pytest.raises(UnknownNameError):
        Embeddings.open(tmp_path, layer="logits")


VIEWS = Heading({"vector": CARD}, Origin("torch"), SHARD, ("", "flip"))
VIEWED = (
    Row("a.jpg", width=4, height=4),
    Row("a.jpg", width=4, height=4, view="flip"),
    Row("b.jpg", None, Reason.MISSING, "no such file"),
    Row("c.jpg", width=4, height=4),
    Row("c.jpg", None, Reason.NOT_FINITE, "NaN", view="flip"),
)
VIEWED_VECTORS = np.arange(9, dtype=np.float32).reshape(3, 3)


def write_views(folder: Path) -> None:
    save_store(folder, VIEWS, to_table(VIEWS, VIEWED, {"vector": VIEWED_VECTORS}))


@pytest.mark.parametrize(
    ("view", "rows", "vectors"),
    [("", [0, 2, 3], [0, 2]), ("flip", [1, 2, 4], [1]), (None, range(5), range(3))],
)
def test_rows_of_a_view_are_selected_and_an_input_that_failed_stays(
    tmp_path: Path, view: str | None, rows: list[int], vectors: list[int]
) -> None:
    write_views(tmp_path)
    expected = Embeddings(
        CARD, tuple(VIEWED[n] for n in rows), VIEWED_VECTORS[list(vectors)], VIEWS.origin
    )
    same(Embeddings.open(tmp_path, view=view), expected)
    first, *others = Store(tmp_path).blocks(view=view)
    same(first.joined(*others), expected)


def test_whole_pictures_are_what_is_opened_if_nothing_is_said(tmp_path: Path) -> None:
    write_views(tmp_path)
    same(Embeddings.open(tmp_path), Embeddings.open(tmp_path, view=""))


def test_a_view_that_the_store_does_not_have_is_refused(tmp_path: Path) -> None:
    write_views(tmp_path)
    with pytest.raises(UnknownNameError, match="view 'flop'") as error:
        Embeddings.open(tmp_path, view="flop")
    assert "flip" in error.value.cure


def test_views_that_were_opened_and_saved_again_are_all_there(tmp_path: Path) -> None:
    write_views(tmp_path / "one")
    found = Embeddings.open(tmp_path / "one", view=None)
    found.save(tmp_path / "two")
    same(
        Embeddings.open(tmp_path / "two", view="flip"),
        Embeddings.open(tmp_path / "one", view="flip"),
    )


def test_no_vector_vanishes_when_a_single_view_is_saved(tmp_path: Path) -> None:
    write_views(tmp_path / "one")
    found = Embeddings.open(tmp_path / "one", view="flip")
    found.save(tmp_path / "two")
    try:
        again = Embeddings.open(tmp_path / "two")
    except UnknownNameError:
        again = Embeddings.open(tmp_path / "two", view="flip")
    same(again, found)


# engines


GOOD = EngineCheck("openvino f32 on CPU", "torch f32 on CPU", 8, 0.99999)
BAD = EngineCheck("openvino bf16 on CPU", "torch f32 on CPU", 8, 0.9)


def test_opening_vectors_of_an_engine_that_was_off_says_so(tmp_path: Path) -> None:
    embeddings(2, origin=Origin(BAD.engine, check=BAD)).save(tmp_path)
    with pytest.warns(EngineWarning) as caught:
        Embeddings.open(tmp_path)
    (warning,) = caught
    assert str(warning.message) == BAD.sentence
    assert warning.filename == __file__, "it points at the line that opened them"


@pytest.mark.parametrize("check", [None, GOOD])
def test_opening_vectors_of_an_engine_that_agreed_says_nothing(
    tmp_path: Path, check: EngineCheck | None
) -> None:
    embeddings(2, origin=Origin("openvino", check=check)).save(tmp_path)
    assert Embeddings.open(tmp_path).origin.check == check


def test_a_single_shard_of_an_engine_that_was_off_is_enough_to_warn(tmp_path: Path) -> None:
    good, bad = Origin(GOOD.engine, check=GOOD), Origin(BAD.engine, check=BAD)
    of_two(tmp_path, embeddings(2, origin=good), embeddings(2, origin=bad))
    with pytest.warns(EngineWarning, match="NOT WITHIN"):
        found = Embeddings.open(tmp_path)
    assert found.origin == bad
    assert embeddings(2, origin=good).joined(embeddings(2, origin=bad)).origin == bad
