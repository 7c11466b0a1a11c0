import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from lookalike.embeddings import Card, Embeddings, Row
from lookalike.embeddings.tsv import read_tsv, write_tsv
from lookalike.errors import FingerprintError, LookalikeError, StoreError
from lookalike.images import Preprocess, Reason

CARD = Card("onnx", "sha256:00", "features", "none", Preprocess(), 3, "onnx:a.onnx")
VECTORS: NDArray[np.float32] = np.array([[1, 2, 3], [-4, 5.5, 1e-30]], np.float32)
ROWS = (Row("a.jpg"), Row("b.jpg", None, Reason.MISSING), Row("c.jpg"))
THREE = Embeddings(CARD, ROWS, VECTORS)


def embeddings(vectors: NDArray[np.float32], *ids: str) -> Embeddings:
    return Embeddings.from_numpy(vectors, list(ids), encoder="m")


def there_and_back(found: Embeddings, path: Path) -> Embeddings:
    write_tsv(found, path)
    return read_tsv(path)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_a_line_is_an_id_and_its_numbers(tmp_path: Path) -> None:
    write_tsv(THREE, tmp_path / "a.tsv")
    expected = "id\t0\t1\t2\na.jpg\t1\t2\t3\nc.jpg\t-4\t5.5\t1.00000000e-30\n"
    lines = (tmp_path / "a.tsv").read_bytes().decode().splitlines()
    assert lines == [line.replace("1.00000000e-30", "1e-30") for line in expected.splitlines()]


def test_rows_without_a_vector_have_no_line(tmp_path: Path) -> None:
    assert there_and_back(THREE, tmp_path / "a.tsv").ids == ("a.jpg", "c.jpg")


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(max_examples=60)
@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=4), elements=finite))
def test_every_float32_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, vectors: NDArray[np.float32]
) -> None:
    found = embeddings(vectors, *(f"{n}.jpg" for n in range(len(vectors))))
    again = there_and_back(found, tmp_path_factory.getbasetemp() / "a.tsv")
    assert again.vectors.dtype == np.float32
    assert again.vectors.tobytes() == vectors.tobytes()


def test_no_digit_of_any_float32_is_lost(tmp_path: Path) -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 4000, np.uint32)
    numbers = bits.view(np.float32)
    vectors = numbers[np.isfinite(numbers)][:3900].reshape(10, 390)
    found = embeddings(vectors, *(f"{n}.jpg" for n in range(10)))
    assert there_and_back(found, tmp_path / "a.tsv").vectors.tobytes() == vectors.tobytes()


names = st.one_of(st.text(max_size=8), st.binary(max_size=8).map(os.fsdecode)).filter(
    lambda name: not set("\t\r\n\ufeff") & set(name)
)


@settings(max_examples=60)
@given(st.lists(names, min_size=1, max_size=3))
def test_ids_of_any_bytes_come_back(
    tmp_path_factory: pytest.TempPathFactory, ids: list[str]
) -> None:
    ids[0] += ".jpg"  # an id alone that reads as a number: see below
    found = embeddings(np.ones((len(ids), 2), np.float32), *ids)
    assert there_and_back(found, tmp_path_factory.getbasetemp() / "a.tsv").ids == tuple(ids)


@pytest.mark.parametrize("id", ["7", "000123", "1e5", "-3.5", "nan", "inf", "1_000", " 8 "])
def test_ids_that_read_as_numbers_are_ids_all_the_same(tmp_path: Path, id: str) -> None:
    assert is_number(id)
    found = embeddings(VECTORS, id, "12")
    try:
        write_tsv(found, tmp_path / "a.tsv")
    except LookalikeError:
        return  # a file that would be misread may be refused
    again = read_tsv(tmp_path / "a.tsv")
    assert again.ids == (id, "12")
    assert np.array_equal(again.vectors, VECTORS)


def test_tabs_and_line_ends_of_an_id_become_spaces(tmp_path: Path) -> None:
    found = embeddings(VECTORS, "a\tb\nc\rd", "e\r\n")
    again = there_and_back(found, tmp_path / "a.tsv")
    assert again.ids == ("a b c d", "e  ")
    assert np.array_equal(again.vectors, VECTORS)


def test_separators_that_only_some_take_for_line_ends_stay(tmp_path: Path) -> None:
    found = embeddings(VECTORS, "a\x0bb\x0cc", "d\u2028e\x85f")
    assert there_and_back(found, tmp_path / "a.tsv").ids == found.ids


def test_bits_are_written_as_zeros_and_ones(tmp_path: Path) -> None:
    card = Card("hash/a", "none", "hash", "none", Preprocess(), 3, "hash:a", kind="bits")
    bits = np.array([[0, 1, 1]], np.uint8)
    write_tsv(Embeddings(card, (Row("a"),), bits), tmp_path / "a.tsv")
    assert (tmp_path / "a.tsv").read_bytes() == b"id\t0\t1\t2\na\t0\t1\t1\n"


# files of other tools


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "end"])
def test_either_line_end_is_read_and_the_last_may_be_missing(
    tmp_path: Path, end: str, last: str
) -> None:
    text = end.join(["a\t1\t2", "b\t3\t-4e-3"]) + (end if last else "")
    (tmp_path / "a.tsv").write_bytes(text.encode())
    found = read_tsv(tmp_path / "a.tsv")
    assert found.ids == ("a", "b")
    assert np.array_equal(found.vectors, np.array([[1, 2], [3, -4e-3]], np.float32))


def test_lines_of_numbers_alone_are_numbered(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("1\t2\n3\t4\n")
    found = read_tsv(tmp_path / "a.tsv")
    assert found.ids == ("row[0]", "row[1]")
    assert found.vectors.tolist() == [[1, 2], [3, 4]]


def test_only_the_first_line_says_whether_there_are_ids(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("a\t1\n2\t3\n")
    found = read_tsv(tmp_path / "a.tsv")
    assert found.ids == ("a", "2")
    assert found.vectors.tolist() == [[1], [3]]


# headings of data frames

NUMBERS = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


@pytest.mark.parametrize("index", [False, True])
@pytest.mark.parametrize("name", [None, "path", "0"])
def test_what_pandas_writes_has_a_vector_for_each_row(
    tmp_path: Path, index: bool, name: str | None
) -> None:
    pandas = pytest.importorskip("pandas")
    names = pandas.Index([f"c/{n}.jpg" for n in range(5)], name=name)
    frame = pandas.DataFrame(NUMBERS, index=names)
    frame.to_csv(tmp_path / "a.tsv", sep="\t", index=index)
    if index and name == "0":  # an index called 0 makes the heading 0 0 1 2 3
        with pytest.raises(StoreError, match="line 2"):
            read_tsv(tmp_path / "a.tsv")
        return
    found = read_tsv(tmp_path / "a.tsv")
    assert found.ids == (tuple(names) if index else tuple(f"row[{n}]" for n in range(5)))
    assert np.allclose(found.vectors, NUMBERS, rtol=1e-6)


def test_an_index_of_numbers_gives_ids_as_they_stand(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame(NUMBERS).to_csv(tmp_path / "a.tsv", sep="\t")
    assert read_tsv(tmp_path / "a.tsv").ids == ("0", "1", "2", "3", "4")


def counting(length: int, rows: list[str], first: str = "") -> str:
    return "\n".join([first + "\t".join(map(str, range(length))), *rows]) + "\n"


@pytest.mark.parametrize("first", ["", "\t", "a.jpg\t"])
@pytest.mark.parametrize("length", [1, 2, 15])
def test_a_first_line_that_may_be_a_heading_or_a_vector_is_refused(
    tmp_path: Path, first: str, length: int
) -> None:
    row = ("b.jpg\t" if first else "") + "\t".join(["1"] * length)
    (tmp_path / "a.tsv").write_text(counting(length, [row], first))
    with pytest.raises(StoreError, match="line 1 may be a heading or a vector") as error:
        read_tsv(tmp_path / "a.tsv")
    assert "id" in error.value.cure
    # each of the cures cures
    (tmp_path / "a.tsv").write_text(row + "\n")
    assert len(read_tsv(tmp_path / "a.tsv")) == 1
    lines = counting(length, [row], first).splitlines()
    lines = lines if first else [f"{n}.jpg\t{line}" for n, line in enumerate(lines)]
    (tmp_path / "a.tsv").write_text("\n".join(["id", *lines]) + "\n")
    assert read_tsv(tmp_path / "a.tsv").vectors.tolist() == [list(range(length)), [1] * length]


def test_a_long_first_line_of_counts_is_a_heading_above_whole_numbers_too(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(counting(16, ["\t".join(["1"] * 16)]))
    found = read_tsv(tmp_path / "a.tsv")
    assert found.ids == ("row[0]",)
    assert found.vectors.tolist() == [[1] * 16]


@pytest.mark.parametrize("line", ["1\t2\t3", "0\t2\t1", "0\t1\t2.0", "0\t1\t1", "00\t1\t2"])
def test_a_first_line_that_does_not_count_from_0_is_a_vector(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.tsv").write_text(line + "\n0.5\t0\t0\n")
    found = read_tsv(tmp_path / "a.tsv")
    assert found.ids == ("row[0]", "row[1]")
    assert found.vectors[0].tolist() == [float(cell) for cell in line.split("\t")]


def test_a_heading_alone_has_no_vectors(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(counting(20, []))
    with pytest.raises(StoreError, match="no vectors"):
        read_tsv(tmp_path / "a.tsv")


# what else other tools write


def test_a_mark_of_the_byte_order_is_no_part_of_the_first_cell(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(b"\xef\xbb\xbf1\t2\n3\t4\n")
    assert read_tsv(tmp_path / "a.tsv").vectors.tolist() == [[1, 2], [3, 4]]


def test_who_made_the_vectors_is_the_files_name_unless_it_is_said(tmp_path: Path) -> None:
    write_tsv(THREE, tmp_path / "clip.tsv")
    write_tsv(THREE, tmp_path / "other.tsv")
    found = read_tsv(tmp_path / "clip.tsv")
    assert found.card.name == "clip"
    with pytest.raises(FingerprintError):
        found.require_comparable(read_tsv(tmp_path / "other.tsv"))
    found.require_comparable(read_tsv(tmp_path / "other.tsv", encoder="clip"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a\t1\t2\nb\t3\n", "line 2 has 1 numbers, 2 are needed"),
        ("a\t1\nb\t3\t4\n", "line 2 has 2 numbers, 1 are needed"),
        ("1\t2\n3\n", "line 2 has 1 numbers, 2 are needed"),
        ("a\t1\n\nb\t2\n", "line 2 has 0 numbers"),
        ("a\t1\n\n", "line 2 has 0 numbers"),
        ("a\t1\nb\tx\n", "line 2: .*'x'"),
        ("a\t1\nb\t\n", "line 2: "),
        ("name\tone\ttwo\na\t1\t2\n", "line 1: .*'one'"),
        ("a,1,2\nb,3,4\n", "line 1"),
        ("just\nwords\n", "line 1"),
        ("\n", "line 1"),
        ("", "no vectors"),
    ],
)
def test_a_line_that_is_not_like_the_first_is_named(
    tmp_path: Path, content: str, words: str
) -> None:
    (tmp_path / "a.tsv").write_text(content)
    with pytest.raises(StoreError, match=words) as error:
        read_tsv(tmp_path / "a.tsv")
    assert error.value.where == str(tmp_path / "a.tsv")


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e39"])
def test_numbers_that_are_not_finite_are_refused(tmp_path: Path, number: str) -> None:
    (tmp_path / "a.tsv").write_text(f"a\t1\nb\t{number}\n")
    with pytest.raises(LookalikeError, match="finite"):
        read_tsv(tmp_path / "a.tsv")


@pytest.mark.skipif(os.name != "posix", reason="rights of files")
def test_a_file_that_may_not_be_read_is_a_store_error(tmp_path: Path, as_nobody: Any) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("a\t1\n")
    path.chmod(0)
    with as_nobody(), pytest.raises(StoreError):
        read_tsv(path)
