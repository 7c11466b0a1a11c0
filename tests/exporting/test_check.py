"""What the check of a finished file catches: every fault that is planted in one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import lookalike
from lookalike.encoders.engines.file import open_file
from lookalike.encoders.pipeline import Array
from lookalike.encoders.probe import probe_places
from lookalike.errors import WeightsError
from lookalike.exporting import FORMS, Exported
from lookalike.exporting.check import SHAPES, checked
from lookalike.exporting.composition import composed
from lookalike.exporting.graph import FEATURES, vector_graph
from lookalike.exporting.prepared import prepared

Fault = Callable[[onnx.ModelProto], None]


@dataclass(frozen=True)
class Subject:
    """The builtin encoder's graph, and what it should give."""

    graph: onnx.ModelProto
    pictures: Array
    expected: Array
    folder: Path

    def finished(self, form: str, metric: str = "cosine", fault: Fault | None = None) -> Path:
        """The graph in a form, with a fault among its last nodes or among its weights."""
        made = composed(copy.deepcopy(self.graph), FORMS[form], metric, (3, 112, 112), 416)
        if fault is not None:
            fault(made)
        path = self.folder / "finished.onnx"
        onnx.save(made, path)
        return path

    def check(
        self,
        form: str,
        fault: Fault | None = None,
        *,
        vectors: Fault | None = None,
        metric: str = "cosine",
        precision: str = "f32",
        expected: Array | None = None,
    ) -> Any:
        """The check of a file with a fault; and with another one in the vectors beside it."""
        embed = self.finished("embed", fault=vectors).rename(self.folder / "vectors.onnx")
        return checked(
            self.finished(form, metric, fault),
            embed,
            FORMS[form],
            metric,
            precision,
            self.pictures,
            self.expected if expected is None else expected,
        )


@pytest.fixture(scope="module")
def graph() -> onnx.ModelProto:
    wiring = lookalike.load_encoder("builtin").wiring
    assert wiring is not None
    return vector_graph(wiring, None)


@pytest.fixture
def subject(graph: onnx.ModelProto, tmp_path: Path) -> Subject:
    encoder = lookalike.load_encoder("builtin")
    pixels = prepared(encoder, probe_places()).pixels
    return Subject(
        graph, encoder.card.preprocess.normalise(pixels), encoder.run(pixels)[0], tmp_path
    )


def between(op: str, name: str, *more: tuple[str, Any], **attributes: Any) -> Fault:
    """A fault: a node more, before the value ``name`` goes on to where it is used."""

    def plant(model: onnx.ModelProto) -> None:
        for extra, value in more:
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), extra))
        sources = [f"{name}.before", *(extra for extra, _ in more)]
        place = 0
        for number, node in enumerate(model.graph.node):
            for position, output in enumerate(node.output):
                if output == name:
                    node.output[position], place = f"{name}.before", number + 1
        model.graph.node.insert(place, helper.make_node(op, sources, [name], **attributes))

    return plant


def scaled(name: str) -> Fault:
    return between("Mul", name, ("two", np.float32(2)))


not_a_number = between("Add", FEATURES, ("nan", np.array([0] * 415 + [np.nan], np.float32)))


def other_weights(model: onnx.ModelProto) -> None:
    rng = np.random.default_rng(0)
    for weight in model.graph.initializer:
        if weight.data_type == TensorProto.FLOAT16:
            values = numpy_helper.to_array(weight)
            values = values + 0.3 * values.std() * rng.normal(size=values.shape)
            weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), weight.name))


def first_picture_alone(model: onnx.ModelProto) -> None:
    """All base pictures but the last one are left out."""
    part = next(node for node in model.graph.node if "base_part" in node.output)
    part.input[1] = "one"
    model.graph.initializer.append(numpy_helper.from_array(np.array([1]), "one"))


def fixed(name: str) -> Fault:
    """Runs at a batch of one alone."""
    return between("Reshape", name, ("fixed", np.array([1, 416])))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("metric", ["cosine", "reciprocal-euclidean"])
def test_a_file_without_a_fault_passes_at_the_numbers_of_pictures_that_it_takes(
    subject: Subject, form: str, metric: str
) -> None:
    found = subject.check(form, metric=metric)
    assert min(one.cosine for one in found) > 0.999999
    if FORMS[form].compares:
        assert max(one.deviation for one in found) < 1e-5
    else:
        assert {one.deviation for one in found} == {None}
    numbers: dict[str, set[tuple[int, int]]] = {
        "embed": {(1, 0), (2, 0), (7, 0), (3, 0)},
        "embed-1": {(1, 0)},
        "1:1": {(1, 1)},
        "1:N": {(1, 1), (1, 3), (1, 4), (1, 5)},
        "N:M": set(SHAPES),
    }
    assert {(one.engine, one.base, one.target) for one in found} == {
        (engine, *pair)
        for engine in ("onnxruntime", "openvino")
        for pair in numbers[form.removeprefix("features-")]
    }


@pytest.mark.parametrize("fault", [first_picture_alone, between("Transpose", "similarities")])
def test_similarities_of_another_shape_are_caught(subject: Subject, fault: Fault) -> None:
    with pytest.raises(WeightsError, match="similarities has the shape"):
        subject.check("N:M", fault)


@pytest.mark.parametrize("form", ["1:1", "1:N", "N:M", "features-1:1", "features-N:M"])
@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_similarities_that_are_not_the_metric_are_caught(
    subject: Subject, form: str, precision: str
) -> None:
    fault = scaled(FORMS[form].outputs[-1].name)
    with pytest.raises(WeightsError, match=r"stray by .* from the cosine of the vectors"):
        subject.check(form, fault, precision=precision)


def test_base_and_target_that_are_exchanged_are_caught(subject: Subject) -> None:
    def exchanged(model: onnx.ModelProto) -> None:
        joint = model.graph.node[0]
        assert joint.op_type == "Concat"
        joint.input[:] = reversed(joint.input)

    with pytest.raises(WeightsError, match="stray by"):
        subject.check("N:M", exchanged)


def test_features_of_another_length_are_caught(subject: Subject) -> None:
    """No cosine tells that, and yet vectors of both may not stand together."""
    with pytest.raises(WeightsError, match="other lengths than the encoder's"):
        subject.check("embed", scaled("features"))
    with pytest.raises(WeightsError, match="other lengths than the encoder's"):
        subject.check("embed", vectors=scaled(FEATURES))
    with pytest.raises(WeightsError, match="other lengths than the encoder's"):
        subject.check("features-N:M", scaled("base_features"))


def test_features_that_go_into_the_metric_at_another_length_are_caught(subject: Subject) -> None:
    """The cosine does not tell them apart, and is right; the other metric does."""
    assert subject.check("N:M", scaled("base_part"))
    with pytest.raises(WeightsError, match="stray by"):
        subject.check("N:M", scaled("base_part"), metric="reciprocal-euclidean")


@pytest.mark.parametrize("precision", ["f32", "int8"])
@pytest.mark.parametrize("form", ["embed", "embed-1", "1:1", "N:M", "features-N:M"])
def test_values_that_are_no_numbers_are_caught(subject: Subject, form: str, precision: str) -> None:
    with pytest.raises(WeightsError, match=r"stray by nan|not finite"):
        subject.check(form, not_a_number, precision=precision)
    with pytest.raises(WeightsError, match="not finite"):
        subject.check(form, vectors=not_a_number, precision=precision)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_a_fault_of_one_engine_and_one_number_of_pictures_is_caught(
    subject: Subject, monkeypatch: pytest.MonkeyPatch, engine: str, precision: str
) -> None:
    def opened(path: Path, name: str) -> Any:
        run = open_file(path, name)

        def broken(inputs: dict[str, Array]) -> dict[str, Array]:
            outputs = run(inputs)
            if name == engine and len(inputs["base_images"]) == 7 and path.stem == "finished":
                outputs["features"][3] = np.nan
            return outputs

        return broken

    monkeypatch.setattr("lookalike.exporting.check.open_file", opened)
    with pytest.raises(WeightsError, match=f"on {engine}, vectors are not finite"):
        subject.check("embed", precision=precision)


@pytest.mark.parametrize("form", ["embed", "embed-1"])
def test_a_file_of_other_weights_is_caught(subject: Subject, form: str) -> None:
    with pytest.raises(WeightsError, match="does not give the encoder's vectors") as caught:
        subject.check(form, other_weights)
    assert caught.value.cure


@pytest.mark.parametrize("form", ["1:1", "N:M", "features-1:N"])
def test_a_comparison_with_other_weights_is_caught(subject: Subject, form: str) -> None:
    with pytest.raises(WeightsError, match="stray by"):
        subject.check(form, other_weights)
    with pytest.raises(WeightsError, match="smallest cosine"):
        subject.check(form, other_weights, vectors=other_weights)


def test_vectors_of_other_pictures_are_caught(subject: Subject) -> None:
    with pytest.raises(WeightsError, match="does not give the encoder's vectors"):
        subject.check("embed", expected=subject.expected[::-1])


def test_vectors_of_another_number_of_entries_are_caught(subject: Subject) -> None:
    with pytest.raises(WeightsError, match=r"shape \(1, 416\) instead of \(1, 400\)"):
        subject.check("embed", expected=subject.expected[:, :400])


def test_a_file_that_runs_at_a_batch_of_one_alone_is_caught(subject: Subject) -> None:
    with pytest.raises(WeightsError, match="can't run the export with 2 and 0 pictures") as caught:
        subject.check("embed", fixed("features"))
    assert "\n" not in str(caught.value)
    assert subject.check("embed-1", fixed("feature"))  # which is all that this form needs


def test_a_file_that_no_engine_reads_is_refused_without_naming_the_draft(subject: Subject) -> None:
    def unknown(model: onnx.ModelProto) -> None:
        model.graph.node.append(helper.make_node("NoSuchOperator", ["features"], ["more"]))

    with pytest.raises(WeightsError, match="can't read the file") as caught:
        subject.check("embed", unknown)
    assert caught.value.where == ""
    assert "--opset" in caught.value.cure


def test_int8_may_differ_from_the_encoder_and_floats_may_not(subject: Subject) -> None:
    found = subject.check("embed", other_weights, vectors=other_weights, precision="int8")
    assert min(one.cosine for one in found) < 0.999
    with pytest.raises(WeightsError, match="smallest cosine"):
        subject.check("embed", other_weights, vectors=other_weights, precision="f16")


def test_every_export_says_how_it_was_checked(exports: dict[str, Exported]) -> None:
    for form, found in exports.items():
        assert found.agreement == min(one.cosine for one in found.checks) > 0.9999, form
