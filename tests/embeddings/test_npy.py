import builtins
import os
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike.embeddings import Card, Embeddings, Row
from lookalike.embeddings.npy import read_npy, read_partners, read_plain_npy, write_partners
from lookalike.errors import FingerprintError, LookalikeError, StoreError, UsageError
from lookalike.images import Preprocess, Reason

CARD = Card("onnx", "sha256:00", "features", "none", Preprocess(), 3, "onnx:a.onnx")
VECTORS: NDArray[np.float32] = np.array([[1, 2, 3], [-4, 5.5, 1e-30]], np.float32)
NAMED = {"a.jpg": VECTORS[0], "b.jpg": VECTORS[1]}
SIDES = {
    "left": VECTORS,
    "right": VECTORS + 1,
    "left_name": ["a.jpg", "b.jpg"],
    "right_name": ["c.jpg", "d.jpg"],
}
PROTOCOLS = [2, 3, 4, 5]


def saved(folder: Path, content: Any) -> Path:
    """As ``np.save`` writes an object: pickled inside an array without dimensions."""
    path = folder / "clip.npy"
    np.save(path, np.array(content, dtype=object), allow_pickle=True)
    return path


def pickled(folder: Path, data: bytes, shape: tuple[int, ...] = ()) -> Path:
    """Any pickle behind the header of an array of objects."""
    path = folder / "clip.npy"
    with open(path, "wb") as stream:
        header = {"descr": "|O", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(data)
    return path


def as_object(content: Any, protocol: int) -> bytes:
    return pickle.dumps(np.array(content, dtype=object), protocol=protocol)


# plain arrays


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4", "i1", "u2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_plain_array_is_read_as_float32_rows(tmp_path: Path, dtype: str, order: Any) -> None:
    numbers = np.arange(6).reshape(2, 3)
    np.save(tmp_path / "clip.npy", numbers.astype(dtype, order=order))
    found = read_npy(tmp_path / "clip.npy")
    assert found.vectors.dtype == np.float32
    assert np.array_equal(found.vectors, numbers)
    assert found.ids == ("row[0]", "row[1]")
    assert found.card.name == "clip"


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_format_is_read(tmp_path: Path, version: tuple[int, int]) -> None:
    for content, name in ((VECTORS, "plain.npy"), (np.array(NAMED, dtype=object), "objects.npy")):
        with open(tmp_path / name, "wb") as stream:
            np.lib.format.write_array(stream, content, version=version, allow_pickle=True)
        assert np.array_equal(read_npy(tmp_path / name).vectors, VECTORS)


def test_who_made_the_vectors_can_be_said(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VECTORS)
    np.save(tmp_path / "b.npy", VECTORS)
    one, other = read_npy(tmp_path / "a.npy"), read_npy(tmp_path / "b.npy")
    with pytest.raises(FingerprintError):
        one.require_comparable(other)
    read_npy(tmp_path / "a.npy", encoder="m").require_comparable(
        read_npy(tmp_path / "b.npy", encoder="m")
    )


@pytest.mark.parametrize(
    "content",
    [
        np.zeros(3),
        np.zeros((2, 3, 4)),
        np.zeros((), np.float32),
        np.zeros(2, [("a", "f4"), ("b", "f4")]),
        np.zeros((2, 3), [("a", "f4")]),
        np.zeros((2, 3), bool),
        np.array([["1", "2"]]),
        np.array([[1, np.nan]]),
        np.array([[1, np.inf]], np.float32),
    ],
    ids=lambda content: f"{content.dtype}{content.shape}",
)
def test_an_array_of_another_shape_or_content_is_refused(tmp_path: Path, content: Any) -> None:
    np.save(tmp_path / "a.npy", content)
    with pytest.raises(LookalikeError):
        read_npy(tmp_path / "a.npy")


@pytest.mark.filterwarnings("ignore:overflow", "ignore:Casting complex")
@pytest.mark.parametrize("content", [np.array([[1.0, 1e300]]), np.array([[1 + 2j, 3]])])
def test_numbers_that_float32_cannot_hold_are_refused(tmp_path: Path, content: Any) -> None:
    np.save(tmp_path / "a.npy", content)
    with pytest.raises(LookalikeError):
        read_npy(tmp_path / "a.npy")


# dictionaries


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8])
def test_a_dictionary_from_name_to_vector_is_read(tmp_path: Path, dtype: Any) -> None:
    content = {name: np.array([n, 2, 3], dtype) for n, name in enumerate(("b", "a"))}
    found = read_npy(saved(tmp_path, content))
    assert found.ids == ("b", "a")
    assert found.vectors.tolist() == [[0, 2, 3], [1, 2, 3]]
    assert found.vectors.dtype == np.float32
    assert found.card.name == "clip"


def test_lists_tuples_and_numpy_scalars_are_vectors_too(tmp_path: Path) -> None:
    content = OrderedDict(a=[1, 2.5], b=(np.float32(3), np.float64(4)), c=np.array([5, 6]))
    found = read_npy(saved(tmp_path, content))
    assert found.vectors.tolist() == [[1, 2.5], [3, 4], [5, 6]]


def test_keys_that_are_numbers_become_their_text(tmp_path: Path) -> None:
    assert read_npy(saved(tmp_path, {7: [1.0], np.int64(8): [2.0]})).ids == ("7", "8")


@pytest.mark.parametrize("protocol", [0, 1, *PROTOCOLS])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_dictionary_pickled_by_any_protocol_is_read(
    tmp_path: Path, protocol: int, dtype: Any
) -> None:
    content = {name: vector.astype(dtype) for name, vector in NAMED.items()}
    found = read_npy(pickled(tmp_path, as_object(content, protocol)))
    assert found.ids == ("a.jpg", "b.jpg")
    assert np.array_equal(found.vectors, VECTORS.astype(dtype).astype(np.float32))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_in_any_order_of_bytes_and_axes_are_read_and_structured_ones_refused(
    tmp_path: Path, protocol: int
) -> None:
    names = np.array(["a", "b"], object)
    content = {"b": VECTORS.T, "c": VECTORS.astype(">f8"), "d": names, "e": np.array(["x", "yz"])}
    found = read_plain_npy(pickled(tmp_path, as_object(content, protocol)))
    for key, array in content.items():
        assert np.array_equal(found[key], array)
    structured = {"a": np.array([(1, 2.5)], [("n", "i4"), ("x", "f8")])}
    with pytest.raises(StoreError, match="structured"):
        read_plain_npy(pickled(tmp_path, as_object(structured, protocol)))


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_dictionary_of_an_older_numpy_is_read(tmp_path: Path, protocol: int) -> None:
    data = as_object(NAMED | {"c": [np.float32(1)] * 3}, protocol)
    old = data.replace(b"numpy._core.", b"numpy.core.")
    assert old != data
    assert np.array_equal(read_npy(pickled(tmp_path, old)).vectors[:2], VECTORS)


def test_an_array_that_an_older_numpy_pickled_by_protocol_5_is_read(tmp_path: Path) -> None:
    new = b"\x8c\x13numpy._core.numeric"
    data = as_object(NAMED, 5)
    assert new in data
    unframed = data[:2] + data[11:]  # a frame says how long it is
    old = unframed.replace(new, b"\x8c\x12numpy.core.numeric")
    assert np.array_equal(read_npy(pickled(tmp_path, old)).vectors, VECTORS)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"a": [1.0], "b": [1.0, 2.0]},
        {"a": None},
        {"a": 1.0},
        {"a": [[1.0]]},
        {"a": ["x"]},
        {"a": [np.nan]},
        [1, 2],
        [{"a": [1.0]}],
        "text",
        None,
        7,
    ],
)
def test_an_object_without_vectors_is_refused_by_file(tmp_path: Path, content: Any) -> None:
    path = saved(tmp_path, content)
    with pytest.raises(StoreError) as error:
        read_npy(path)
    assert error.value.where == str(path)


# partners


@pytest.mark.parametrize("keys", [("left", "right"), ("left_ebds", "right_ebds")])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_partners_are_read_under_either_spelling(
    tmp_path: Path, keys: tuple[str, str], protocol: int
) -> None:
    spelled = dict(zip(("left", "right"), keys, strict=True))
    content = {spelled.get(key, key): value for key, value in SIDES.items()}
    left, right = read_partners(pickled(tmp_path, as_object(content, protocol)))
    assert np.array_equal(left.vectors, VECTORS)
    assert np.array_equal(right.vectors, VECTORS + 1)
    assert (left.ids, right.ids) == (("a.jpg", "b.jpg"), ("c.jpg", "d.jpg"))
    assert left.card.name == right.card.name == "clip"
    left.require_comparable(right)


def test_partners_without_names_are_numbered(tmp_path: Path) -> None:
    content = {key: SIDES[key] for key in ("left", "right")}
    left, right = read_partners(saved(tmp_path, content), encoder="m")
    assert left.ids == right.ids == ("row[0]", "row[1]")
    assert left.card.name == "m"


def test_names_in_an_array_are_read_as_those_in_a_list(tmp_path: Path) -> None:
    left, _ = read_partners(saved(tmp_path, SIDES | {"left_name": np.array(["é", "b"])}))
    assert left.ids == ("é", "b")


@pytest.mark.parametrize("keys", [("left", "right"), ("left_ebds", "right_ebds")])
def test_partners_are_not_taken_for_names_and_vectors(
    tmp_path: Path, keys: tuple[str, str]
) -> None:
    with pytest.raises(StoreError, match="left and right") as error:
        read_npy(saved(tmp_path, {key: [1.0, 2.0] for key in keys}))
    assert "read_partners" in error.value.cure


@pytest.mark.parametrize("count", [1, 3])
def test_sides_of_different_lengths_are_refused(tmp_path: Path, count: int) -> None:
    content = {"left": VECTORS, "right": np.zeros((count, 3))}
    with pytest.raises(StoreError, match=rf"\(2, 3\) left, \({count}, 3\) right") as error:
        read_partners(saved(tmp_path, content))
    assert error.value.where == str(tmp_path / "clip.npy")


@pytest.mark.parametrize(
    ("content", "lacks"),
    [
        (NAMED, "left, right"),
        ({"left": VECTORS}, "it lacks right"),
        ({"right_ebds": VECTORS}, "it lacks left"),
        ([1], "left, right"),
    ],
)
def test_what_a_partners_file_lacks_is_named(tmp_path: Path, content: Any, lacks: str) -> None:
    with pytest.raises(StoreError, match=lacks):
        read_partners(saved(tmp_path, content))
    np.save(tmp_path / "plain.npy", VECTORS)
    with pytest.raises(StoreError, match="left, right"):
        read_partners(tmp_path / "plain.npy")


@pytest.mark.parametrize(
    "change",
    [
        {"left": None},
        {"left": [1.0, 2.0]},
        {"left_name": ["a"]},
        {"left": [[1.0, 2.0, 3.0], [1.0]]},
        {"left_name": None},
    ],
)
def test_sides_that_are_no_vectors_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(LookalikeError):
        read_partners(saved(tmp_path, SIDES | change))


def embeddings(vectors: NDArray[np.float32], *ids: str, card: Card = CARD) -> Embeddings:
    return Embeddings(card, tuple(Row(id) for id in ids), vectors)


def test_partners_are_written_and_read_back(tmp_path: Path) -> None:
    one = embeddings(VECTORS, "a.jpg", "b.jpg")
    other = embeddings(VECTORS + 1, "c.jpg", "d.jpg")
    write_partners(tmp_path / "p.npy", one, other)
    for found, side in zip(read_partners(tmp_path / "p.npy"), (one, other), strict=True):
        assert found.ids == side.ids
        assert np.array_equal(found.vectors, side.vectors)


def test_written_partners_are_what_other_tools_load(tmp_path: Path) -> None:
    write_partners(tmp_path / "p.npy", embeddings(VECTORS, "a", "b"), embeddings(VECTORS, "c", "d"))
    content = np.load(tmp_path / "p.npy", allow_pickle=True).item()
    assert set(content) == {"left", "right", "left_name", "right_name"}
    assert content["left"].dtype == np.float32
    assert content["left_name"] == ["a", "b"]
    assert content["right_name"] == ["c", "d"]


def test_partners_of_different_lengths_or_encoders_are_not_written(tmp_path: Path) -> None:
    one = embeddings(VECTORS, "a", "b")
    failed = Embeddings(CARD, (Row("a"), Row("b", None, Reason.MISSING)), VECTORS[:1])
    with pytest.raises(UsageError, match="2 vectors left, 1 right"):
        write_partners(tmp_path / "p.npy", one, failed)
    other = embeddings(VECTORS, "a", "b", card=replace(CARD, layer="logits"))
    with pytest.raises(FingerprintError, match="layer"):
        write_partners(tmp_path / "p.npy", one, other)
    assert not (tmp_path / "p.npy").exists()


# what could run code


class Call:
    """Pickles as a call of anything with anything."""

    def __init__(self, function: Callable[..., Any], *arguments: Any, state: Any = None) -> None:
        self.reduced = (function, arguments, state) if state else (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.reduced


CALLS: dict[str, Callable[[Path], Call]] = {
    "os.system": lambda trace: Call(os.system, f"touch '{trace}'"),
    "eval": lambda trace: Call(builtins.eval, f"open({str(trace)!r}, 'w').close()"),
    "exec": lambda trace: Call(builtins.exec, f"open({str(trace)!r}, 'w').close()"),
    "open": lambda trace: Call(builtins.open, str(trace), "w"),
    "mkdir": lambda trace: Call(os.mkdir, str(trace)),
    "makedirs": lambda trace: Call(os.makedirs, str(trace)),
    "method": lambda trace: Call(Path.touch, trace),
    "getattr": lambda trace: Call(getattr, "text", "upper"),
    "numpy.save": lambda trace: Call(np.save, str(trace), [1]),
    "numpy.load": lambda trace: Call(np.load, "other.npy", None, True),
}


@pytest.mark.parametrize("protocol", [0, 1, *PROTOCOLS])
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("place", ["alone", "in a dictionary", "beside partners"])
def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(
    tmp_path: Path, name: str, protocol: int, place: str
) -> None:
    trace = tmp_path / "trace"
    call = CALLS[name](trace)
    content = {"alone": call, "in a dictionary": NAMED | {"c": call}}.get(
        place, SIDES | {"x": call}
    )
    path = pickled(tmp_path, as_object(content, protocol))
    for read in (read_npy, read_partners, read_plain_npy, Embeddings.open):
        with pytest.raises(StoreError, match="it names") as error:
            read(path)
        assert error.value.where == str(path)
        assert "run code" in error.value.cure
    assert not trace.exists()


def test_the_pickles_that_are_refused_would_have_run(tmp_path: Path) -> None:
    for name in ("os.system", "eval", "exec", "mkdir", "makedirs", "method", "numpy.save"):
        trace = tmp_path / f"{name}.npy"
        pickle.loads(pickle.dumps(CALLS[name](trace)))
        assert trace.exists()


def test_what_is_refused_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"it names builtins\.eval"):
        read_npy(saved(tmp_path, Call(builtins.eval, "1")))


@pytest.mark.parametrize("name", [b"ndarray.tofile", b"dtype.__class__", b"ndarray.__class__.mro"])
def test_a_dotted_name_behind_an_admitted_one_is_refused(tmp_path: Path, name: bytes) -> None:
    data = b"\x80\x04\x8c\x05numpy\x8c" + bytes([len(name)]) + name + b"\x93."
    with pytest.raises(StoreError, match="it names numpy"):
        read_plain_npy(pickled(tmp_path, data))


def unflagged() -> Call:
    """The dtype of objects without the mark that it holds objects."""
    return Call(np.dtype, "O8", False, True, state=(3, "|", None, None, None, -1, -1, 0))


POINTERS: dict[str, Callable[[], Call]] = {
    "buffer": lambda: Call(np.ndarray, (1,), np.dtype("O"), bytes(8)),
    "buffer of unflagged": lambda: Call(np.ndarray, (1,), unflagged(), bytes(8)),
    "state": lambda: Call(
        np.array([1.0]).__reduce__()[0],  # type: ignore[arg-type]
        np.ndarray,
        (0,),
        b"b",
        state=(1, (1,), unflagged(), False, bytes(8)),
    ),
}


@pytest.mark.parametrize("way", POINTERS)
def test_bytes_of_a_file_are_never_taken_for_pointers_to_objects(tmp_path: Path, way: str) -> None:
    with pytest.raises(StoreError):
        read_plain_npy(saved(tmp_path, {"a": POINTERS[way]()}))


# damaged files


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"no array at all",
        b"PK\x03\x04",
        b"\x93NUMPY\x01\x00\x10\x00{'descr': '|O'} ",
        b"\x93NUMPY\x09\x00\x10\x00{'descr': '|O'} ",
        b"\x93NUMPY\x01\x00\x10\x00" + b"(" * 15 + b"\n",
        b"\x93NUMPY\x01\x00\x10\x00" + b"'''" + b" " * 12 + b"\n",
    ],
)
def test_a_file_that_is_no_npy_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    for read in (read_npy, read_partners, Embeddings.open):
        with pytest.raises(StoreError, match=r"no \.npy file") as error:
            read(path)
        assert error.value.where == str(path)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no\.npy"):
        read_npy(tmp_path / "no.npy")


@pytest.mark.parametrize("content", [VECTORS, NAMED, SIDES], ids=["plain", "named", "sides"])
def test_a_file_that_breaks_off_anywhere_is_refused(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "a.npy"
    dtype = object if isinstance(content, dict) else np.float32
    np.save(path, np.array(content, dtype=dtype), allow_pickle=True)
    whole = path.read_bytes()
    for length in {*range(0, len(whole), 7), len(whole) - 1}:
        path.write_bytes(whole[:length])
        with pytest.raises(StoreError):
            read_plain_npy(path)


@pytest.mark.parametrize("opcode", [b"\x8e", b"\x95"])
@pytest.mark.parametrize("size", [2**62, 2**63])
def test_a_pickle_that_claims_more_bytes_than_any_memory_has_is_refused(
    tmp_path: Path, opcode: bytes, size: int
) -> None:
    data = b"\x80\x05" + opcode + size.to_bytes(8, "little") + b"."
    with pytest.raises(StoreError):
        read_npy(pickled(tmp_path, data))


unlikely = st.binary(max_size=60).filter(
    lambda data: not set(b"r\x8e\x95\x96") & set(data)  # these claim memory, see above
)


@settings(max_examples=100)
@given(unlikely)
def test_any_bytes_where_a_pickle_should_be_are_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = pickled(tmp_path_factory.getbasetemp(), data)
    with pytest.raises(StoreError) as error:
        read_npy(path)
    assert error.value.where == str(path)
