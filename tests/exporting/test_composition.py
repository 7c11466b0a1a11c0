"""The metric inside the graph, against worked numbers and against the metric in NumPy."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import lookalike
from lookalike.encoders.engines import OnnxFile, Wiring
from lookalike.encoders.engines.file import Run, open_file
from lookalike.errors import UnknownNameError
from lookalike.exporting import FORMS
from lookalike.exporting.composition import GRAPH_METRICS, composed
from lookalike.exporting.graph import simplified, vector_graph
from lookalike.metrics import METRICS

Array = NDArray[Any]
ENGINES = ("onnxruntime", "openvino")
BASE = np.array([[3, 4, 0]], np.float32)
TARGETS = np.array([[0, 0, 2], [6, 8, 0], [3, 4, 0]], np.float32)


def pixels(vectors: Any) -> Array:
    """Pictures of one pixel, which a network that does nothing turns into these vectors."""
    return np.asarray(vectors, np.float32).reshape(-1, 3, 1, 1)


@pytest.fixture(scope="module")
def compare(
    tmp_path_factory: pytest.TempPathFactory, write_through: Callable[..., Path]
) -> Callable[..., Array]:
    """``compare(base, target, metric, engine)``: similarities by a graph of the form N:M."""
    folder = tmp_path_factory.mktemp("through")
    runs: dict[tuple[str, str, int, str], Run] = {}

    def similarities(
        base: Any, target: Any, metric: str, engine: str, *, opset: int = 17, form: str = "N:M"
    ) -> Array:
        key = (metric, engine, opset, form)
        if key not in runs:
            network = write_through(folder / f"{opset}.onnx", opset=opset)
            model = vector_graph(Wiring(OnnxFile(network), 0, "none"), None)
            path = folder / f"{metric}-{opset}-{form.replace(':', '-')}.onnx"
            onnx.save(composed(model, FORMS[form], metric, (3, 1, 1), 3), path)
            runs[key] = open_file(path, engine)
        other = pixels(target) if form == "N:M" else np.asarray(target, np.float32)
        names = [port.name for port in FORMS[form].inputs]
        return runs[key](dict(zip(names, (pixels(base), other), strict=True)))["similarities"]

    return similarities


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", ["N:M", "features-N:M"])
@pytest.mark.parametrize("opset", [11, 17, 18, 20])
@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("cosine", [0, 1, 1]),  # R26
        ("reciprocal-euclidean", [0.185695, 0.2, 1_000_000]),  # R27
    ],
)
def test_worked_examples(
    compare: Callable[..., Array],
    metric: str,
    expected: list[float],
    opset: int,
    form: str,
    engine: str,
) -> None:
    got = compare(BASE, TARGETS, metric, engine, opset=opset, form=form)
    np.testing.assert_allclose(got, [expected], rtol=3e-6, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("metric", GRAPH_METRICS)
def test_rows_are_bases_and_columns_are_targets(
    compare: Callable[..., Array], metric: str, engine: str
) -> None:
    rng = np.random.default_rng(0)
    base, target = rng.normal(size=(4, 3)), rng.normal(size=(9, 3))
    expected = METRICS[metric].matrix(base, target)
    assert expected.shape == (4, 9)
    got = compare(base, target, metric, engine)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", ["N:M", "features-N:M"])
def test_the_length_of_a_vector_is_of_no_account_to_the_cosine(
    compare: Callable[..., Array], form: str, engine: str
) -> None:
    rng = np.random.default_rng(1)
    base, target = rng.normal(size=(3, 3)), rng.normal(size=(5, 3))
    plain = compare(base, target, "cosine", engine, form=form)
    np.testing.assert_allclose(compare(base, 7 * target, "cosine", engine, form=form), plain, 1e-5)
    other = compare(base, 7 * target, "reciprocal-euclidean", engine, form=form)
    assert (
        np.abs(other - compare(base, target, "reciprocal-euclidean", engine, form=form)).max() > 0.5
    )


# R29
@pytest.mark.parametrize("engine", ENGINES)
def test_a_vector_of_zeros_has_the_cosine_0_with_everything(
    compare: Callable[..., Array], engine: str
) -> None:
    zero = np.zeros((1, 3))
    targets = np.concatenate([zero, TARGETS])
    assert compare(zero, targets, "cosine", engine).tolist() == [[0, 0, 0, 0]]
    assert compare(targets, zero, "cosine", engine).tolist() == [[0], [0], [0], [0]]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("metric", GRAPH_METRICS)
def test_no_vector_gives_nan_or_infinity(
    compare: Callable[..., Array], metric: str, engine: str
) -> None:
    scales = np.array([0, 1e-30, 1e-12, 1e-7, 1, 1e7, 1e18, 1e30])[:, None]
    vectors = np.concatenate([scales * BASE, scales * TARGETS[0]])
    got = compare(vectors, vectors, metric, engine)
    assert np.isfinite(got).all()
    assert np.abs(got).max() <= METRICS[metric].high * (1 + 1e-6)
    if metric == "reciprocal-euclidean":
        assert np.diag(got).tolist() == [1_000_000] * len(vectors)


# R28
@pytest.mark.parametrize("engine", ENGINES)
def test_equal_vectors_have_the_limit_and_not_what_another_definition_gives(
    compare: Callable[..., Array], engine: str
) -> None:
    """The snippet in the published files' description adds 1e-6 to every difference of components,
    and its value for equal vectors depends on their length. Here it is the limit, always."""
    one = np.ones(512)
    assert 1 / np.linalg.norm(one - one + 1e-6) == pytest.approx(44_194.18, abs=0.01)
    ours = METRICS["reciprocal-euclidean"].matrix(one[None], one[None])
    assert ours.tolist() == [[1_000_000]]
    got = compare([[1, 1, 1]], [[1, 1, 1]], "reciprocal-euclidean", engine)
    assert got.tolist() == [[1_000_000]]


def test_small_distances_do_not_drown_in_long_vectors(compare: Callable[..., Array]) -> None:
    base = np.array([[1000, 1000, 1000]], np.float32)
    near = base + np.float32(0.0625)
    got = compare(base, near, "reciprocal-euclidean", "onnxruntime")
    assert got[0, 0] == pytest.approx(1 / (0.0625 * np.sqrt(3)), rel=1e-6)


def test_a_metric_that_no_graph_holds_is_refused(write_through: Any, tmp_path: Path) -> None:
    network = write_through(tmp_path / "through.onnx")
    model = vector_graph(Wiring(OnnxFile(network), 0, "none"), None)
    with pytest.raises(UnknownNameError, match="unknown metric of a graph"):
        composed(model, FORMS["N:M"], "euclidean", (3, 1, 1), 3)


# Forms of one network


@pytest.fixture(scope="module")
def osnet() -> onnx.ModelProto:
    encoder = lookalike.load_encoder(
        "reid:osnet_x0_25?weights=random", engine="torch", device="cpu", precision="f32"
    )
    assert encoder.wiring is not None
    return vector_graph(encoder.wiring, 11)


@pytest.fixture(scope="module")
def forms(osnet: onnx.ModelProto, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("osnet")
    found = {}
    for number, (name, form) in enumerate(FORMS.items()):
        model = composed(copy.deepcopy(osnet), form, "cosine", (3, 256, 128), 512)
        found[name] = folder / f"{number}.onnx"
        onnx.save(simplified(model), found[name])
    return found


def shapes(values: Any) -> dict[str, tuple[int | str, ...]]:
    return {
        one.name: tuple(size.dim_param or size.dim_value for size in one.type.tensor_type.shape.dim)
        for one in values
    }


# R24
def test_names_and_shapes_of_a_re_identification_network(forms: dict[str, Path]) -> None:
    """As published, but that an axis of known size has its number: "1" and "512" are symbols in
    some of the published files."""
    size = (3, 256, 128)
    expected: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "embed": ({"base_images": ("N", *size)}, {"features": ("N", 512)}),
        "embed-1": ({"base_image": (1, *size)}, {"feature": (1, 512)}),
        "1:1": ({"base_image": (1, *size), "target_image": (1, *size)}, {"similarity": (1, 1)}),
        "1:N": (
            {"base_image": (1, *size), "target_images": ("N", *size)},
            {"similarities": (1, "N")},
        ),
        "N:M": (
            {"base_images": ("N", *size), "target_images": ("M", *size)},
            {"similarities": ("N", "M")},
        ),
        "features-1:1": (
            {"base_image": (1, *size), "target_feature": (1, 512)},
            {"base_feature": (1, 512), "similarity": (1, 1)},
        ),
        "features-1:N": (
            {"base_image": (1, *size), "target_features": ("N", 512)},
            {"base_feature": (1, 512), "similarities": (1, "N")},
        ),
        "features-N:M": (
            {"base_images": ("N", *size), "target_features": ("M", 512)},
            {"base_features": ("N", 512), "similarities": ("N", "M")},
        ),
    }
    graphs = {name: onnx.load(path).graph for name, path in forms.items()}
    assert {
        name: (shapes(graph.input), shapes(graph.output)) for name, graph in graphs.items()
    } == expected
    for graph in graphs.values():
        ports = (*graph.input, *graph.output)
        assert {one.type.tensor_type.elem_type for one in ports} == {onnx.TensorProto.FLOAT}


# R25
@pytest.mark.parametrize("engine", ENGINES)
def test_all_forms_of_one_network_agree(forms: dict[str, Path], engine: str) -> None:
    rng = np.random.default_rng(5)
    # coloured noise: of plain noise a random network says that it is all the same
    pictures = rng.normal(size=(5, 3, 256, 128)) + 3 * rng.normal(size=(5, 3, 1, 1))
    base, target = pictures[:2].astype(np.float32), pictures[2:].astype(np.float32)
    run = {name: open_file(path, engine) for name, path in forms.items()}
    pairs = [(n, m) for n in range(2) for m in range(3)]

    def same(got: Array, want: Array) -> None:
        """To what three sums of 512 products in float32 may stray by."""
        np.testing.assert_allclose(got, want, rtol=0, atol=2 * 514 * 2.0**-24)

    ours = run["embed"]({"base_images": base})["features"]
    theirs = run["embed"]({"base_images": target})["features"]
    outside = METRICS["cosine"].matrix(ours.astype(np.float64), theirs.astype(np.float64))
    assert np.ptp(outside) > 1e-3  # a mix-up of pictures would show
    many = run["N:M"]({"base_images": base, "target_images": target})["similarities"]
    same(many, outside)
    for n in range(2):
        one = base[n : n + 1]
        same(run["embed-1"]({"base_image": one})["feature"], ours[n : n + 1])
        row = run["1:N"]({"base_image": one, "target_images": target})["similarities"]
        same(row, many[n : n + 1])
        found = run["features-1:N"]({"base_image": one, "target_features": theirs})
        same(found["similarities"], many[n : n + 1])
        same(found["base_feature"], ours[n : n + 1])
    for n, m in pairs:
        one, two = base[n : n + 1], target[m : m + 1]
        cell = run["1:1"]({"base_image": one, "target_image": two})["similarity"]
        same(cell, many[n : n + 1, m : m + 1])
        found = run["features-1:1"]({"base_image": one, "target_feature": theirs[m : m + 1]})
        same(found["similarity"], many[n : n + 1, m : m + 1])
        same(found["base_feature"], ours[n : n + 1])
    found = run["features-N:M"]({"base_images": base, "target_features": theirs})
    same(found["similarities"], many)
    same(found["base_features"], ours)


def test_weights_stand_once_in_every_form(forms: dict[str, Path]) -> None:
    """In the published files two branches of a picture form have a copy each."""
    embed = forms["embed"].stat().st_size
    assert {
        name: round(path.stat().st_size / embed, 2)
        for name, path in forms.items()
        if path.stat().st_size > 1.05 * embed
    } == {}
