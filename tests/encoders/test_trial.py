import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import lookalike
from lookalike.encoders import Encoder, Runtime
from lookalike.encoders.engines.onnxruntime import OnnxRuntimeEngine
from lookalike.encoders.families.onnx import file_digest
from lookalike.encoders.probe import check_engine
from lookalike.errors import DeviceMemoryError, LookalikeError, UsageError, WeightsError
from lookalike.testing import noise_picture

SIZE = 8
KINDS = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "float64": TensorProto.DOUBLE,
    "uint8": TensorProto.UINT8,
    "int8": TensorProto.INT8,
    "int32": TensorProto.INT32,
}
Nodes = Sequence[onnx.NodeProto]


def node(op: str, inputs: str, output: str, **more: Any) -> onnx.NodeProto:
    """A node with one output; inputs are separated by blanks."""
    return helper.make_node(op, inputs.split(), [output], **more)


def means(tail: Nodes = (), source: str = "x", result: str = "f") -> list[onnx.NodeProto]:
    """Six features of a picture (N, 6) as ``q``, and nodes that follow."""
    last = result if not tail else "q"
    return [
        node("Conv", f"{source} w", "map"),
        node("ReduceMean", "map", last, axes=[2, 3], keepdims=0),
        *tail,
    ]


def write(
    path: Path,
    nodes: Nodes,
    *,
    kind: str = "float32",
    shape: Sequence[Any] = ("N", 3, SIZE, SIZE),
    outputs: dict[str, Sequence[Any]] | None = None,
    given: int = TensorProto.FLOAT,
    constants: dict[str, Any] | None = None,
    external: str | None = None,
) -> Path:
    """An ONNX file with the input ``x``."""
    weight = np.random.default_rng(0).normal(size=(6, 3, 3, 3)).astype(np.float32)
    held = {"w": weight, **(constants or {})}
    graph = helper.make_graph(
        list(nodes),
        "net",
        [helper.make_tensor_value_info("x", KINDS[kind], shape)],
        [
            helper.make_tensor_value_info(name, given, size)
            for name, size in (outputs or {"f": ["N", 6]}).items()
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in held.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(
        model, path, save_as_external_data=external is not None, location=external, size_threshold=0
    )
    return path


def typed(path: Path, kind: str) -> Path:
    """A network with an input of a type, which it takes as float32 inside."""
    return write(
        path, [node("Cast", "x", "y", to=TensorProto.FLOAT), *means(source="y")], kind=kind
    )


def truth(path: Path, pictures: NDArray[Any], output: str = "f") -> NDArray[np.float64]:
    """(N, ...) by plain ONNX Runtime, each picture alone; pictures as the network takes them."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rows = [session.run([output], {"x": one[None]})[0].reshape(-1) for one in pictures]
    return np.stack(rows).astype(np.float64)


ENGINES = pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
PICTURES = [noise_picture(seed, SIZE, SIZE) // (1 + seed) for seed in range(3)]
PLANES = np.stack(PICTURES).transpose(0, 3, 1, 2)
OPTIONS = f"preprocess=zero-to-one&resize={SIZE}x{SIZE}&crop=none"


def load(path: Path, engine: str = "openvino", more: str = "", **options: Any) -> Encoder:
    return lookalike.load_encoder(f"onnx:{path}?{OPTIONS}{more}", engine=engine, **options)


def check_same_in_any_company(encoder: Encoder, expected: np.ndarray) -> None:
    for order in ([0], [1, 0], [2, 1, 0, 0]):
        found = encoder.encode([PICTURES[place] for place in order]).vectors
        np.testing.assert_allclose(found, expected[order], rtol=1e-4, atol=1e-4)


@ENGINES
@pytest.mark.parametrize(
    ("kind", "more", "scale"),
    [
        ("uint8", "&scale=1", 1),
        ("int8", "&scale=1&mean=128", 1),
        ("int32", "&scale=1", 1),
        ("float16", "", 1 / 255),
        ("float64", "", 1 / 255),
    ],
)
def test_the_type_that_a_file_declares_is_what_it_is_fed(
    tmp_path: Path, engine: str, kind: str, more: str, scale: float
) -> None:
    path = typed(tmp_path / "net.onnx", kind)
    encoder = load(path, engine, more)
    levels = PLANES.astype(np.float64) * scale - 128 * (kind == "int8")
    expected = truth(path, levels.astype(kind))
    tolerance = (1e-2 if kind == "float16" else 1e-5) * np.abs(expected).max()
    np.testing.assert_allclose(encoder.encode(PICTURES).vectors, expected, atol=tolerance)
    check = check_engine(encoder)
    assert check is not None
    assert check.ok


@ENGINES
def test_whole_numbers_are_never_cut_off_in_silence(tmp_path: Path, engine: str) -> None:
    path = typed(tmp_path / "net.onnx", "uint8")
    with pytest.raises(UsageError, match="scale=1") as caught:
        load(path, engine)
    load(path, engine, "&" + caught.value.cure.split()[1])


STATISTICS = means(
    [
        node("ReduceMean", "q", "m", axes=[0], keepdims=1),
        node("Mul", "m half", "h"),
        node("Sub", "q h", "f"),
    ]
)
RANGE = means(
    [
        node("Abs", "q", "a"),
        node("ReduceMax", "a", "top", keepdims=0),
        node("Div", "q top", "f"),
    ]
)


@ENGINES
@pytest.mark.parametrize("batch", [None, 8])
@pytest.mark.parametrize("nodes", [STATISTICS, RANGE])
def test_vectors_that_depend_on_the_batch_are_made_one_by_one(
    tmp_path: Path, engine: str, batch: int | None, nodes: Any
) -> None:
    path = write(tmp_path / "net.onnx", nodes, constants={"half": np.float32(0.5)})
    encoder = load(path, engine, runtime=Runtime(engine=engine, batch=batch))
    assert "depends on what else is in the batch" in encoder.notes[0]
    check_same_in_any_company(encoder, truth(path, (PLANES / 255).astype(np.float32)))
    again = encoder.reference and encoder.reference()
    assert again
    check_same_in_any_company(again, truth(path, (PLANES / 255).astype(np.float32)))


def by_number(path: Path, share: float) -> Path:
    """A network whose vectors grow by a share with each picture that runs beside."""
    nodes = means(
        [
            node("Shape", "q", "s"),
            node("Gather", "s first", "n"),
            node("Cast", "n", "many", to=TensorProto.FLOAT),
            node("Mul", "many share", "more"),
            node("Mul", "q more", "r"),
            node("Add", "q r", "f"),
        ]
    )
    return write(path, nodes, constants={"first": np.array(0), "share": np.float32(share)})


@ENGINES
@pytest.mark.parametrize("batch", [None, 8])
def test_rounding_by_the_number_of_pictures_is_said_and_runs_them_together(
    tmp_path: Path, engine: str, batch: int | None
) -> None:
    path = by_number(tmp_path / "net.onnx", 1e-3)
    encoder = load(path, engine, runtime=Runtime(engine=engine, batch=batch))
    assert encoder.wiring
    assert not encoder.wiring.singly
    assert [note for note in encoder.notes if "up to 0.002 of their length" in note]


@ENGINES
def test_what_the_number_of_pictures_changes_much_runs_one_by_one(
    tmp_path: Path, engine: str
) -> None:
    path = by_number(tmp_path / "net.onnx", 0.1)
    encoder = load(path, engine)
    assert "3 pictures at once than for each alone" in encoder.notes[0]
    check_same_in_any_company(encoder, truth(path, (PLANES / 255).astype(np.float32)))


def test_a_reference_that_memory_does_not_hold_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: Any) -> None:
        raise DeviceMemoryError("there is no memory left")

    path = write(tmp_path / "net.onnx", means())
    monkeypatch.setattr(OnnxRuntimeEngine, "run", full)
    expected = truth(path, (PLANES / 255).astype(np.float32))
    np.testing.assert_allclose(load(path).encode(PICTURES).vectors, expected, atol=1e-5)


@ENGINES
def test_a_fixed_batch_that_matters_is_filled_with_copies(tmp_path: Path, engine: str) -> None:
    path = write(
        tmp_path / "net.onnx",
        STATISTICS,
        shape=(4, 3, SIZE, SIZE),
        outputs={"f": [4, 6]},
        constants={"half": np.float32(0.5)},
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    copies = np.repeat((PLANES[:1] / 255).astype(np.float32), 4, axis=0)
    expected = session.run(["f"], {"x": copies})[0][:1]
    encoder = load(path, engine)
    for company in (1, 2, 3):
        found = encoder.encode(PICTURES[:company]).vectors[:1]
        np.testing.assert_allclose(found, expected, atol=1e-5)


@ENGINES
@pytest.mark.parametrize("shape", [[1, 6], [6], [1, -1]])
def test_a_graph_made_for_one_picture_runs_on_one(
    tmp_path: Path, engine: str, shape: list[int]
) -> None:
    path = write(
        tmp_path / "net.onnx",
        means([node("Reshape", "q s", "f")]),
        constants={"s": np.array(shape)},
    )
    encoder = load(path, engine)
    assert "one picture at a time" in encoder.notes[0]
    check_same_in_any_company(encoder, truth(path, (PLANES / 255).astype(np.float32)))


@ENGINES
def test_axes_of_one_that_are_left_out_come_back(tmp_path: Path, engine: str) -> None:
    path = write(tmp_path / "net.onnx", means([node("Squeeze", "q", "f")]))
    check_same_in_any_company(load(path, engine), truth(path, (PLANES / 255).astype(np.float32)))


@ENGINES
@pytest.mark.parametrize(
    ("nodes", "constants", "told"),
    [
        (means([node("Reshape", "q s", "f")]), {"s": np.array([-1, 3])}, "f has the shape 2 x 3"),
        (means([node("Reshape", "q s", "f")]), {"s": np.array([-1, 12])}, "f from 1 picture"),
        (means([node("Transpose", "q", "f", perm=[1, 0])]), {}, "f has the shape 6 x 1"),
        (
            means([node("Unsqueeze", "q a", "u"), node("Tile", "u t", "f")]),
            {"a": np.array([0]), "t": np.array([5, 1, 1])},
            "f has the shape 5 x 1 x 6",
        ),
        (
            means([node("Slice", "q z z o", "f")]),
            {"z": np.array([0]), "o": np.array([1])},
            "f is empty",
        ),
        (
            means([node("RandomNormalLike", "q", "r"), node("Add", "q r", "f")]),
            {},
            "another one each time",
        ),
    ],
    ids=["split", "merged", "batch last", "batch second", "empty", "by chance"],
)
def test_no_row_per_picture_is_an_error_that_names_the_output(
    tmp_path: Path, engine: str, nodes: Any, constants: dict[str, Any], told: str
) -> None:
    path = write(tmp_path / "net.onnx", nodes, outputs={"f": ["A", "B"]}, constants=constants)
    with pytest.raises(WeightsError, match=told) as caught:
        load(path, engine)
    assert caught.value.cure


@ENGINES
def test_a_map_with_channels_last_is_pooled_over_its_places(tmp_path: Path, engine: str) -> None:
    nodes = [
        node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
        node("Conv", "t w", "map"),
        node("Transpose", "map", "f", perm=[0, 2, 3, 1]),
    ]
    path = write(
        tmp_path / "net.onnx",
        nodes,
        shape=("N", SIZE, SIZE, 3),
        outputs={"f": ["N", SIZE - 2, SIZE - 2, 6]},
    )
    encoder = load(path, engine, "&layout=nhwc")
    assert (encoder.card.pooling, encoder.card.dim) == ("avg-nhwc", 6)
    pixels = (np.stack(PICTURES) / 255).astype(np.float32)
    maps = truth(path, pixels).reshape(3, SIZE - 2, SIZE - 2, 6)
    np.testing.assert_allclose(encoder.encode(PICTURES).vectors, maps.mean((1, 2)), atol=1e-5)
    top = load(path, engine, "&layout=nhwc&pooling=max").encode(PICTURES).vectors
    np.testing.assert_allclose(top, maps.max((1, 2)), atol=1e-5)


def test_unlike_pictures_with_one_vector_are_noticed(tmp_path: Path) -> None:
    path = write(
        tmp_path / "net.onnx",
        means([node("Mul", "q z", "m"), node("Add", "m o", "f")]),
        constants={"z": np.float32(0), "o": np.float32(1)},
    )
    assert "same vector for unlike pictures" in load(path).notes[0]


def test_engines_that_do_not_run_the_same_network_are_found(tmp_path: Path) -> None:
    # more than an integer of 32 bits holds, which is what OpenVINO has
    path = write(
        tmp_path / "net.onnx",
        means([node("Mul", "q k", "m"), node("Cast", "m", "f", to=TensorProto.INT64)]),
        given=TensorProto.INT64,
        constants={"k": np.float32(1e12)},
    )
    with pytest.raises(WeightsError, match="another engine") as caught:
        load(path)
    assert "engine=onnxruntime" in caught.value.cure
    expected = truth(path, (PLANES / 255).astype(np.float32))
    np.testing.assert_allclose(load(path, "onnxruntime").encode(PICTURES).vectors, expected, 1e-5)


@ENGINES
def test_an_output_is_called_as_the_file_calls_it(tmp_path: Path, engine: str) -> None:
    nodes = means([node("Identity", "q", "z"), node("Identity", "q", "a")])
    path = write(tmp_path / "net.onnx", nodes, outputs={"z": ["N", 6], "a": ["N", 6]})
    expected = truth(path, (PLANES / 255).astype(np.float32), "z")
    for name in ("z", "a"):
        encoder = load(path, engine, f"&output={name}")
        assert encoder.card.layer == name
        np.testing.assert_allclose(encoder.encode(PICTURES).vectors, expected, atol=1e-5)


@ENGINES
@pytest.mark.parametrize("length", [1, 127, 128, 250])
def test_external_data_counts_whatever_its_name(tmp_path: Path, engine: str, length: int) -> None:
    name = "w" * length
    path = write(tmp_path / "net.onnx", means(), external=name)
    load(path, engine)
    before = file_digest(path)
    data = bytearray((tmp_path / name).read_bytes())
    data[0] ^= 1
    (tmp_path / name).write_bytes(data)
    assert file_digest(path) != before


@ENGINES
@pytest.mark.parametrize("linked", [("net.onnx", "w.data"), ("w.data",)])
def test_a_hubs_cache_of_links_is_read(
    tmp_path: Path, engine: str, linked: tuple[str, ...]
) -> None:
    write(tmp_path / "net.onnx", means(), external="w.data")
    snapshot, blobs = tmp_path / "snapshots" / "main", tmp_path / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for name in ("net.onnx", "w.data"):
        if name in linked:
            shutil.copy(tmp_path / name, blobs / f"of-{name}")
            os.symlink(Path("..", "..", "blobs", f"of-{name}"), snapshot / name)
        else:
            shutil.copy(tmp_path / name, snapshot / name)
    encoder = load(snapshot / "net.onnx", engine)
    expected = truth(tmp_path / "net.onnx", (PLANES / 255).astype(np.float32))
    np.testing.assert_allclose(encoder.encode(PICTURES).vectors, expected, atol=1e-5)
    assert sorted(one.name for one in blobs.iterdir()) == sorted(f"of-{one}" for one in linked)


@pytest.mark.parametrize(
    "shape",
    [
        ("N", 16, 12, 3),
        ("N", 3, 16, 12),
        ("N", 3, 16, "W"),
        ("N", "C", "H", 3),
    ],
)
def test_the_cure_for_a_wrong_size_or_layout_cures(tmp_path: Path, shape: tuple[Any, ...]) -> None:
    turned = [node("Transpose", "x", "t", perm=[0, 3, 1, 2])] if shape[3] == 3 else []
    path = write(
        tmp_path / "net.onnx", [*turned, *means(source="t" if turned else "x")], shape=shape
    )
    options = {"preprocess": "zero-to-one", "size": "24"}
    for _ in range(2):
        name = f"onnx:{path}?" + "&".join(f"{key}={value}" for key, value in options.items())
        try:
            assert lookalike.load_encoder(name).encode(PICTURES).vectors.shape == (3, 6)
            return
        except LookalikeError as error:
            told = error.cure.split()[1]
            options |= dict(part.split("=") for part in told.split("&"))
    pytest.fail(f"the cure does not cure: {options}")
