"""Fewer bits: what is in the file, whose fingerprint it has, and what it changes."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

import lookalike
from lookalike.encoders.cores import instruction_set
from lookalike.encoders.engines import OnnxFile, TorchNetwork, Wiring
from lookalike.encoders.engines.file import open_file
from lookalike.encoders.onnx_metadata import metadata
from lookalike.errors import UnknownNameError, UsageError, WeightsError
from lookalike.exporting import FORMS, Exported, export
from lookalike.exporting.graph import FEATURES, PICTURES, vector_graph
from lookalike.exporting.loss import LEAST_CHECKED
from lookalike.exporting.precision import INT8_OPSET, halved, quantised
from lookalike.judge import decision_changes
from lookalike.testing import noise_picture

EXPORT = sys.modules["lookalike.exporting.export"]  # the verb has the same name


@pytest.fixture(scope="module")
def f16(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Exported]:
    folder = tmp_path_factory.mktemp("f16")
    return {
        form: export(
            "builtin", folder / f"{FORMS[form].published}.onnx", form=form, precision="f16"
        )
        for form in ("embed", "features-N:M")
    }


@pytest.fixture(scope="module")
def builtin() -> Wiring:
    wiring = lookalike.load_encoder("builtin").wiring
    assert wiring is not None
    return wiring


def weights(path: str) -> dict[str, np.ndarray]:
    graph = onnx.load(path).graph
    return {one.name: numpy_helper.to_array(one) for one in graph.initializer}


# f16


def test_f16_computes_in_halves_between_floats(builtin: Wiring) -> None:
    plain = vector_graph(builtin, None)
    before = plain.ByteSize()
    found = halved(plain)
    kinds = {one.data_type for one in found.graph.initializer}
    assert kinds & {TensorProto.FLOAT, TensorProto.FLOAT16} == {TensorProto.FLOAT16}
    ports = (*found.graph.input, *found.graph.output)
    assert {one.type.tensor_type.elem_type for one in ports} == {TensorProto.FLOAT}
    assert [one.name for one in ports] == [PICTURES, FEATURES]
    assert found.ByteSize() < before


def test_f16_halves_a_file_of_floats(tiny: str, tmp_path: Path) -> None:
    def weight(path: str) -> int:
        return sum(one.nbytes for one in weights(path).values() if one.size > 10)

    half, whole = (export(tiny, tmp_path / p, precision=p).path for p in ("f16", "f32"))
    assert weight(half) < 0.51 * weight(whole)


def test_f16_is_the_same_encoder(f16: dict[str, Exported]) -> None:
    own = lookalike.load_encoder("builtin")
    assert {one.card.fingerprint for one in f16.values()} == {own.card.fingerprint}
    assert f16["embed"].card == own.card
    assert f16["embed"].precision == "f16"
    assert "stand together" in f16["embed"].identity
    pictures = [noise_picture(n) for n in range(4)]
    theirs = lookalike.load_encoder(f"onnx:{f16['embed'].path}").encode(pictures)
    cosines = lookalike.similarity(own.encode(pictures), theirs, paired=True)
    assert np.min(cosines) > 0.999
    assert f16["embed"].agreement > 0.999


def test_the_metric_of_an_f16_file_is_computed_in_floats(f16: dict[str, Exported]) -> None:
    """Its limits, 1e-12 and 1,000,000, are no halves."""
    held = {one.name: one for one in onnx.load(f16["features-N:M"].path).graph.initializer}
    assert held["shortest"].data_type == TensorProto.FLOAT
    deviations = [one.deviation for one in f16["features-N:M"].checks]
    assert all(one is not None and one < 1e-5 for one in deviations)


def test_f16_of_a_network_with_tiny_values_is_refused(
    write_convolutions: Callable[..., str], tmp_path: Path
) -> None:
    """They are about 1e-9, which a half can't hold."""
    (tmp_path / "out").mkdir()
    name = write_convolutions(tmp_path / "net.onnx", scale=1e-3)
    with pytest.raises(WeightsError, match=r"smallest cosine.* on onnxruntime") as caught:
        export(name, tmp_path / "out" / "f16.onnx", precision="f16")
    assert "--precision f32" in caught.value.cure
    assert list((tmp_path / "out").iterdir()) == []


# int8


def test_int8_keeps_its_weights_in_bytes(int8: dict[str, Exported]) -> None:
    held = weights(int8["embed"].path)
    large = {name: one.dtype for name, one in held.items() if one.size > 10_000}
    assert len(large) > 5
    assert {name for name, kind in large.items() if kind != np.int8} == set()


def test_int8_has_a_range_for_each_channel_of_the_weights(int8: dict[str, Exported]) -> None:
    graph = onnx.load(int8["embed"].path).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("QuantizeLinear") > 10
    held = weights(int8["embed"].path)
    kernels = {name: one for name, one in held.items() if one.dtype == np.int8 and one.ndim == 4}
    assert len(kernels) > 5
    of = {node.input[0]: node.input[1] for node in graph.node if "Dequantize" in node.op_type}
    assert {name for name, one in kernels.items() if held[of[name]].shape != one.shape[:1]} == set()


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_int8_is_close_to_the_network_and_not_the_same(
    int8: dict[str, Exported], builtin: Wiring, photos: Path, engine: str
) -> None:
    places = lookalike.ImageSource(str(photos))
    plain = lookalike.load_encoder("builtin").encode(places).vectors
    name = f"onnx:{int8['embed'].path}"
    other = lookalike.load_encoder(name, engine=engine).encode(places).vectors
    cosines = lookalike.similarity(plain, other, paired=True)
    assert 0.97 < np.min(cosines) < 0.9999


def test_int8_is_an_encoder_of_its_own(int8: dict[str, Exported]) -> None:
    own = lookalike.load_encoder("builtin")
    card = int8["embed"].card
    assert own.card.verdict is not None
    assert card.verdict is None  # that was fitted on other values
    assert [line.partition(":")[0] for line in card.differences(own.card)] == ["settings"]
    assert dict(card.settings).keys() - dict(own.card.settings).keys() == {"int8"}
    assert "comparable with no other" in int8["embed"].identity
    loaded = lookalike.load_encoder(f"onnx:{int8['embed'].path}")
    assert loaded.card.fingerprint == card.fingerprint
    one, two = own.encode([noise_picture(0)]), loaded.encode([noise_picture(0)])
    with pytest.raises(lookalike.LookalikeError, match="settings"):
        lookalike.similarity(one, two)


def test_the_same_calibration_gives_the_same_fingerprint_in_every_form(
    int8: dict[str, Exported],
) -> None:
    assert int8["1:1"].card.fingerprint == int8["embed"].card.fingerprint


def test_another_calibration_gives_another_fingerprint(
    tiny: str, tiny_int8: Exported, photos: Path, tmp_path: Path
) -> None:
    def made(*, samples: int = 200, seed: int = 0) -> str:
        found = export(
            tiny,
            tmp_path / f"{samples}-{seed}.onnx",
            precision="int8",
            calibrate=str(photos),
            samples=samples,
            seed=seed,
            truth=None,
            resamples=100,
        )
        return found.card.fingerprint

    assert made() == tiny_int8.card.fingerprint
    assert len({tiny_int8.card.fingerprint, made(seed=1), made(samples=2)}) == 3


def test_the_other_half_of_the_pictures_tells_what_int8_changes(
    int8: dict[str, Exported], photos: Path
) -> None:
    found = int8["embed"]
    assert found.calibrated == 12
    assert found.decisions is not None
    assert found.decisions.names == ("the encoder", "int8")
    assert found.decisions.pictures == 12
    assert found.decisions.quality  # its folders are a truth
    assert found.decisions.settings["resamples"] == 100
    assert found.decisions["cosine_min"].value == pytest.approx(
        found.decisions["cosine_mean"].value, abs=0.03
    )


def test_the_decision_report_is_that_of_both_encoders(
    tiny: str, tiny_int8: Exported, photos: Path, tmp_path: Path
) -> None:
    folder = str(photos / "thing0")
    found = export(
        tiny,
        tmp_path / "again.onnx",
        precision="int8",
        calibrate=str(photos),
        judge=folder,
        truth=None,
        threshold=0.6,
        resamples=100,
        level=0.9,
    )
    assert found.card == tiny_int8.card
    loaded = lookalike.load_encoder(f"onnx:{found.path}")
    expected = decision_changes(
        lookalike.load_encoder(tiny).encode(folder),
        loaded.encode(folder),
        None,
        threshold=0.6,
        resamples=100,
        level=0.9,
    )
    assert found.decisions is not None
    assert [one.name for one in found.decisions.changes] == [one.name for one in expected.changes]
    for one, other in zip(found.decisions.changes, expected.changes, strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-5)
        assert one.count == other.count
    assert found.decisions.thresholds is not None
    assert found.decisions.thresholds.reference == 0.6
    assert (found.decisions.pictures, found.calibrated) == (4, 12)
    assert found.decisions["cosine_mean"].interval is not None


def test_the_report_names_the_instruction_set_and_the_fingerprint_does_not(
    tiny: str, tiny_int8: Exported, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tiny_int8.instructions == instruction_set()
    monkeypatch.setattr(EXPORT, "instruction_set", lambda: "AVX-1024")
    other = export(tiny, tmp_path / "o.onnx", precision="int8", calibrate=str(photos), truth=None)
    assert other.to_dict()["instructions"] == "AVX-1024"
    assert "judged on a CPU with AVX-1024" in other.view().notes
    said = metadata(Path(other.path).read_bytes())
    assert said["lookalike.instructions"] == "AVX-1024"
    assert other.card == tiny_int8.card
    loaded = lookalike.load_encoder(f"onnx:{other.path}")  # its digest is of everything else
    assert loaded.card.fingerprint == tiny_int8.card.fingerprint
    assert (
        said["lookalike.content"]
        == (metadata(Path(tiny_int8.path).read_bytes())["lookalike.content"])
    )


def test_an_unknown_instruction_set_is_none(
    tiny: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EXPORT, "instruction_set", lambda: None)
    found = export(tiny, tmp_path / "o.onnx", precision="int8", calibrate=str(photos), truth=None)
    assert found.to_dict()["instructions"] is None
    assert any("the system does not tell" in note for note in found.view().notes)
    assert "lookalike.instructions" not in metadata(Path(found.path).read_bytes())


def test_a_file_that_changes_much_says_so_first(
    tiny: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here by ranges from pictures that the network will never see."""

    def dark(model: onnx.ModelProto, pictures: np.ndarray) -> onnx.ModelProto:
        return quantised(model, 0.02 * pictures)

    monkeypatch.setattr(EXPORT, "quantised", dark)
    found = export(tiny, tmp_path / "o.onnx", precision="int8", calibrate=str(photos))
    assert found.agreement < LEAST_CHECKED
    for told in (found.notes[0], found.view().warnings[0], found.to_dict()["notes"][0]):
        assert told.startswith("INT8 CHANGES MUCH: ")
    assert "smallest cosine" in found.notes[0]


def test_a_good_file_raises_no_alarm(int8: dict[str, Exported]) -> None:
    assert [note for note in int8["embed"].notes if "CHANGES MUCH" in note] == []


def test_integers_of_others_that_may_run_over_are_told(
    tiny: str, tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(weights: np.ndarray, axis: int) -> np.ndarray:
        largest = np.abs(np.moveaxis(weights, axis, 0)).reshape(weights.shape[axis], -1).max(1)
        return (largest / 127).astype(np.float32)

    with monkeypatch.context() as patch:
        patch.setattr("lookalike.exporting.rounding.safe_scales", full)
        patch.setattr("lookalike.exporting.precision.may_saturate", lambda model: ())
        path = tmp_path / "others.onnx"
        export(tiny, path, precision="int8", calibrate=str(photos), truth=None, resamples=100)
    again = export(f"onnx:{path}", tmp_path / "again.onnx")
    [note] = [note for note in again.notes if "CPU without VNNI" in note]
    assert "3 nodes, the first Conv" in note


def test_int8_of_one_picture_has_no_report(tiny: str, tmp_path: Path) -> None:
    found = export(
        tiny,
        tmp_path / "one.onnx",
        precision="int8",
        calibrate=[noise_picture(0)],
    )
    assert (found.calibrated, found.decisions) == (1, None)


def test_f32_with_pictures_to_judge_has_a_report(tiny: str, photos: Path, tmp_path: Path) -> None:
    found = export(tiny, tmp_path / "plain.onnx", judge=str(photos), resamples=100)
    assert found.decisions is not None
    assert found.decisions["nearest_changed"].count == 0
    assert found.decisions["cosine_min"].value == pytest.approx(1, abs=1e-6)


def test_pictures_that_can_not_be_read_are_told(tiny: str, photos: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    readable = sorted(map(str, photos.rglob("*.png")))[:3]
    found = export(
        tiny,
        tmp_path / "some.onnx",
        precision="int8",
        calibrate=[*readable, *[str(broken)] * 6],
        judge=readable,
        truth=None,
        seed=1,
    )
    missing = 5 - found.calibrated
    assert missing > 0
    told = next(note for note in found.notes if "calibrate" in note)
    assert told.startswith("to calibrate with can't be read: ")
    assert told.count("broken.png, not-an-image") == min(3, missing)
    assert any("too few to show them" in note for note in found.notes)
    with pytest.raises(UsageError, match="no picture to calibrate with"):
        export(tiny, tmp_path / "none.onnx", precision="int8", calibrate=[str(broken)] * 3)
    assert not (tmp_path / "none.onnx").exists()


def test_int8_takes_an_operator_set_with_channels(
    write_through: Callable[..., Path], write_convolutions: Callable[..., str], tmp_path: Path
) -> None:
    path = write_through(tmp_path / "old.onnx", opset=12)
    old = vector_graph(Wiring(OnnxFile(path), 0, "none"), None)
    with pytest.raises(UsageError, match=f"{INT8_OPSET} or newer, and this is 12") as caught:
        quantised(old, np.zeros((1, 3, 1, 1), np.float32))
    assert f"--opset {INT8_OPSET}" in caught.value.cure
    name = write_convolutions(tmp_path / "older.onnx", opset=11)
    with pytest.raises(UsageError, match="and this is 11"):
        export(name, tmp_path / "o.onnx", precision="int8", calibrate=[noise_picture(0)] * 2)
    assert not (tmp_path / "o.onnx").exists()


@pytest.mark.slow  # the journey of int8 has a torch network with trained weights
def test_a_torch_network_in_int8_runs_on_both_engines(photos: Path, tmp_path: Path) -> None:
    name = "reid:osnet_x0_25?weights=random&size=64x32&layer=conv2"
    found = export(
        name, tmp_path / "o.onnx", opset=13, precision="int8", calibrate=str(photos), resamples=100
    )
    encoder = lookalike.load_encoder(name)
    assert encoder.wiring is not None
    assert isinstance(encoder.wiring.network, TorchNetwork)
    assert {one.engine for one in found.checks} == {"onnxruntime", "openvino"}
    assert 0.9 < found.agreement < 1
    names = {node.op_type for node in onnx.load(found.path).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= names
    run = open_file(Path(found.path), "onnxruntime")
    assert run({"base_images": np.zeros((2, 3, 64, 32), np.float32)})["features"].shape == (2, 64)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"precision": "int8"}, "int8 needs pictures to calibrate with"),
        ({"calibrate": [noise_picture(0)]}, "only int8 does"),
        ({"precision": "f16", "calibrate": [noise_picture(0)]}, "only int8 does"),
        ({"precision": "int8", "calibrate": [noise_picture(0)], "samples": 0}, "at least one"),
        ({"precision": "int8", "calibrate": [noise_picture(0)], "samples": -3}, "at least one"),
    ],
)
def test_int8_and_calibration_belong_together(
    options: dict[str, object], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said):
        export("builtin", tmp_path / "no.onnx", **options)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_precision_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="int8"):
        export("builtin", tmp_path / "no.onnx", precision="int4")
