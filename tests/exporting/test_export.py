"""An encoder leaves in one file, checked, and is the same encoder when it comes back."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import lookalike
from lookalike.encoders import load_encoder
from lookalike.encoders.engines.file import file_engines, open_file
from lookalike.encoders.families.onnx import encoder_of
from lookalike.encoders.onnx_metadata import metadata
from lookalike.encoders.reid.architectures import build
from lookalike.errors import (
    CardError,
    OverwriteError,
    UnknownNameError,
    UsageError,
    WeightsError,
)
from lookalike.exporting import FORMS, Exported, export
from lookalike.metrics import METRICS
from lookalike.testing import noise_picture, scene_picture

Array = NDArray[Any]
ENGINES = ("onnxruntime", "openvino")
PICTURES = [*(noise_picture(n) for n in range(4)), *(scene_picture(n) for n in range(12))]
SMALL = "reid:osnet_x0_25?weights=random&size=64x32"


def noise(count: int, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    plain = rng.normal(size=(count, 3, 112, 112)) + 2 * rng.normal(size=(count, 3, 1, 1))
    return plain.astype(np.float32)


def test_every_engine_here_is_asked() -> None:
    assert set(file_engines()) == set(ENGINES)


# Forms


def test_every_form_says_what_goes_in_and_comes_out(exports: dict[str, Exported]) -> None:
    for name, found in exports.items():
        form = FORMS[name]
        assert list(found.inputs) == [port.name for port in form.inputs]
        assert list(found.outputs) == [port.name for port in form.outputs]
        graph = onnx.load(found.path).graph
        assert found.nodes == len(graph.node)
        assert found.bytes == Path(found.path).stat().st_size
        assert (found.form, found.metric) == (name, "cosine" if form.compares else "")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("count", [1, 3, 7])
@pytest.mark.parametrize("targets", [1, 4, 64])
def test_any_number_of_pictures_is_compared(
    exports: dict[str, Exported], count: int, targets: int, engine: str
) -> None:
    base, target = noise(count), noise(targets, 1)
    run = open_file(Path(exports["N:M"].path), engine)
    got = run({"base_images": base, "target_images": target})["similarities"]
    embed = open_file(Path(exports["embed"].path), engine)
    # as in the file one batch, since engines add up otherwise in batches of another size
    vectors = embed({"base_images": np.concatenate([base, target])})["features"].astype(np.float64)
    expected = METRICS["cosine"].matrix(vectors[:count], vectors[count:])
    assert got.shape == (count, targets)
    np.testing.assert_allclose(got, expected, rtol=0, atol=strayed(vectors.shape[1]))


def strayed(entries: int) -> float:
    """By how much a cosine in float32 may stray at worst.

    A sum of D products strays by at most D u of the sum of their absolute values, with u = 2^-24.
    There are three of them: the product of both vectors, and each length, which counts half.
    """
    return 2 * (entries + 2) * 2.0**-24


@pytest.mark.parametrize("engine", ENGINES)
def test_the_other_metric_is_in_the_graph_if_asked_for(
    exports: dict[str, Exported], tmp_path: Path, engine: str
) -> None:
    found = export("builtin", tmp_path / "r.onnx", form="1:N", metric="reciprocal-euclidean")
    pictures = noise(4)
    embed = open_file(Path(exports["embed"].path), engine)
    vectors = embed({"base_images": pictures})["features"].astype(np.float64)
    expected = METRICS["reciprocal-euclidean"].matrix(vectors[:1], vectors[1:])
    run = open_file(Path(found.path), engine)
    got = run({"base_image": pictures[:1], "target_images": pictures[1:]})["similarities"]
    np.testing.assert_allclose(got, expected, rtol=1e-4)
    assert found.metric == "reciprocal-euclidean"


def test_weights_stand_once_where_two_sides_are_pictures(exports: dict[str, Exported]) -> None:
    for name, found in exports.items():
        assert found.bytes <= 1.05 * exports["embed"].bytes, name


# The encoder comes back


def test_the_card_is_in_the_file(exports: dict[str, Exported]) -> None:
    own = lookalike.load_encoder("builtin").card
    for name, found in exports.items():
        assert found.card == own
        said = metadata(Path(found.path).read_bytes())
        assert json.loads(said["lookalike.card"]) == own.to_dict()
        assert said["lookalike.form"] == name
        assert said["lookalike.metric"] == found.metric
        model = onnx.load(found.path)
        assert {one.key: one.value for one in model.metadata_props} == said
        assert (model.producer_name, model.producer_version) == ("lookalike", lookalike.__version__)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("batch", [1, 2, 14])
@pytest.mark.parametrize("form", ["embed", "embed-1"])
def test_a_file_is_the_same_encoder(
    exports: dict[str, Exported], form: str, batch: int, engine: str
) -> None:
    own = lookalike.load_encoder("builtin")
    loaded = lookalike.load_encoder(f"onnx:{exports[form].path}", engine=engine)
    assert loaded.card.fingerprint == own.card.fingerprint
    assert loaded.card.verdict == own.card.verdict
    mine, theirs = own.encode(PICTURES), loaded.encode(PICTURES, batch_size=batch)
    assert theirs.ids == mine.ids
    assert np.min(lookalike.similarity(mine, theirs, paired=True)) > 0.9999
    np.testing.assert_allclose(theirs.vectors, mine.vectors, atol=1e-4)


def test_a_torch_network_comes_back_as_the_same_encoder(tmp_path: Path) -> None:
    own = lookalike.load_encoder(f"{SMALL}&layer=conv2&pooling=max")
    found = export(f"{SMALL}&layer=conv2&pooling=max", tmp_path / "o.onnx", opset=17)
    loaded = lookalike.load_encoder(f"onnx:{found.path}")
    assert loaded.card.fingerprint == own.card.fingerprint
    assert (loaded.card.layer, loaded.card.pooling, loaded.card.dim) == ("conv2", "max", 64)
    assert loaded.card.random  # and it says so
    assert loaded.notes == (f"onnx:{found.path} has RANDOM WEIGHTS: its numbers mean nothing",)
    mine, theirs = own.encode(PICTURES), loaded.encode(PICTURES)
    assert np.min(lookalike.similarity(mine, theirs, paired=True)) > 0.9999
    assert found.notes == (f"{SMALL}&layer=conv2&pooling=max has RANDOM WEIGHTS: its numbers mean "
                           "nothing",)  # fmt: skip


def test_an_export_of_an_export_is_still_the_same_encoder(
    exports: dict[str, Exported], tmp_path: Path
) -> None:
    again = export(f"onnx:{exports['embed'].path}", tmp_path / "again.onnx", form="N:M")
    assert again.card.fingerprint == exports["embed"].card.fingerprint
    assert again.opset == exports["embed"].opset
    pictures = noise(3)
    inputs = {"base_images": pictures[:1], "target_images": pictures[1:]}
    one, two = (
        open_file(Path(found.path), "onnxruntime")(inputs)["similarities"]
        for found in (again, exports["N:M"])
    )
    np.testing.assert_allclose(one, two, rtol=0, atol=strayed(416))


def test_another_preprocessing_is_another_encoder(exports: dict[str, Exported]) -> None:
    name = f"onnx:{exports['embed'].path}"
    own = lookalike.load_encoder(name).card
    other = lookalike.load_encoder(f"{name}?kernel=pillow-bicubic").card
    assert [line.partition(":")[0] for line in other.differences(own)] == ["preprocess.kernel"]
    for option in ("pooling=max", "output=features", "layer=body"):
        with pytest.raises(UnknownNameError):
            lookalike.load_encoder(f"{name}?{option}")


def test_a_file_whose_weights_were_changed_is_refused(
    exports: dict[str, Exported], tmp_path: Path
) -> None:
    model = onnx.load(exports["embed"].path)
    weight = max(model.graph.initializer, key=lambda one: len(one.raw_data))
    changed = numpy_helper.to_array(weight).copy()
    changed.reshape(-1)[0] += 1
    weight.CopyFrom(numpy_helper.from_array(changed, weight.name))
    onnx.save(model, tmp_path / "changed.onnx")
    with pytest.raises(CardError, match="changed since it was exported"):
        lookalike.load_encoder(f"onnx:{tmp_path}/changed.onnx")


@pytest.mark.parametrize("form", [name for name, form in FORMS.items() if form.compares])
def test_a_file_that_compares_is_no_encoder(exports: dict[str, Exported], form: str) -> None:
    with pytest.raises(UsageError, match=f"compares pictures \\(form {form}\\)") as caught:
        lookalike.load_encoder(f"onnx:{exports[form].path}")
    assert "--form embed" in caught.value.cure


@pytest.mark.parametrize("engine", ENGINES)
def test_a_foreign_file_that_compares_is_no_encoder(
    exports: dict[str, Exported], tmp_path: Path, engine: str
) -> None:
    model = onnx.load(exports["N:M"].path)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    name = f"onnx:{tmp_path}/foreign.onnx?preprocess=imagenet&size=112"
    with pytest.raises(WeightsError, match=r"2 inputs.*seems to compare"):
        lookalike.load_encoder(name, engine=engine)


def test_a_foreign_file_gets_the_name_that_it_was_loaded_by(
    write_map: Callable[[Path], Path], tmp_path: Path
) -> None:
    name = f"onnx:{write_map(tmp_path / 'net.onnx')}?preprocess=imagenet&size=16"
    found = export(name, tmp_path / "out.onnx")
    assert found.opset == 13
    assert found.card == lookalike.load_encoder(name).card
    assert lookalike.load_encoder(f"onnx:{found.path}").card.fingerprint == found.card.fingerprint


@pytest.fixture
def write_map() -> Callable[[Path], Path]:
    """Writes a network that has one convolution: (N, 3, 16, 16) -> (N, 6, 16, 16)."""

    def write(path: Path) -> Path:
        weight = np.random.default_rng(0).normal(size=(6, 3, 3, 3)).astype(np.float32)
        ports = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", channels, 16, 16])
            for name, channels in (("input", 3), ("map", 6))
        ]
        node = helper.make_node("Conv", ["input", "w"], ["map"], pads=[1, 1, 1, 1])
        held = [numpy_helper.from_array(weight, "w")]
        graph = helper.make_graph([node], "net", ports[:1], ports[1:], held)
        opset = [helper.make_opsetid("", 13)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
        return path

    return write


@pytest.mark.parametrize("engine", ENGINES)
def test_a_network_that_takes_colours_last_leaves_as_it_is(tmp_path: Path, engine: str) -> None:
    ports = [
        helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 16, 16, 3]),
        helper.make_tensor_value_info("mean", TensorProto.FLOAT, ["batch", 3]),
    ]
    node = helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1, 2], keepdims=0)
    graph = helper.make_graph([node], "net", ports[:1], ports[1:])
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "net.onnx")
    name = f"onnx:{tmp_path}/net.onnx?preprocess=imagenet&size=16&layout=nhwc"
    found = export(name, tmp_path / "out.onnx", form="N:M")
    assert found.inputs == {
        "base_images": ("N", 16, 16, 3),
        "target_images": ("M", 16, 16, 3),
    }
    back = export(name, tmp_path / "embed.onnx")
    loaded = lookalike.load_encoder(f"onnx:{back.path}", engine=engine)
    own = lookalike.load_encoder(name)
    assert loaded.card.fingerprint == own.card.fingerprint
    mine, theirs = own.encode(PICTURES), loaded.encode(PICTURES)
    np.testing.assert_allclose(theirs.vectors, mine.vectors, atol=1e-5)


# Names


def test_a_folder_gets_a_file_of_the_name_that_was_published(tmp_path: Path) -> None:
    long = (
        "osnet_x0_25_market1501_256x128_amsgrad_ep180_stp80_lr0.003_b128_fb10_softmax_labelsmooth"
        "_flip.pth"
    )
    torch.save(build("osnet_x0_25", classes=751).state_dict(), tmp_path / long)
    found = export(f"reid:osnet_x0_25?weights={tmp_path / long}", tmp_path, form="N:M", opset=11)
    stem = "osnet_x0_25_market1501_256x128_amsgrad_ep180_stp80_lr0"
    assert Path(found.path) == tmp_path / f"{stem}_NMx3x256x128.onnx"
    assert Path(found.path).exists()
    model = onnx.load(found.path)
    assert found.opset == 11
    assert [one.version for one in model.opset_import if not one.domain] == [11]


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("embed", "tiny_Nx3x16x16.onnx"),
        ("embed-1", "tiny_1x3x16x16.onnx"),
        ("1:N", "tiny_1Nx3x16x16.onnx"),
        ("features-N:M", "tiny_NM_feature_onlyx3x16x16.onnx"),
    ],
)
def test_forms_have_names_in_a_folder(tiny: str, form: str, name: str, tmp_path: Path) -> None:
    found = export(tiny, tmp_path, form=form)
    assert [one.name for one in tmp_path.iterdir()] == [name]
    assert found.path == str(tmp_path / name)
    with pytest.raises(OverwriteError):
        export(tiny, tmp_path, form=form)


def test_a_name_without_signs_that_a_file_name_can_not_have(
    small: Any, exports: dict[str, Exported], tmp_path: Path
) -> None:
    assert Path(small.exported.path).name == "osnet_x0_25_Nx3x64x32.onnx"
    encoder = lookalike.load_encoder(f"onnx:{exports['embed'].path}")
    assert Path(export(encoder, tmp_path).path).name == "0_Nx3x112x112.onnx"


# Nothing is written over, and nothing is left


def planted(monkeypatch: pytest.MonkeyPatch, fault: Callable[[onnx.ModelProto], None]) -> None:
    """Every graph that is composed from now on has a fault."""
    module = sys.modules["lookalike.exporting.export"]
    plain = module.composed

    def composed(*arguments: Any) -> onnx.ModelProto:
        made: onnx.ModelProto = plain(*arguments)
        fault(made)
        return made

    monkeypatch.setattr(module, "composed", composed)


def other_sign(model: onnx.ModelProto) -> None:
    """The last node of the graph gives the opposite of what it should."""
    name = model.graph.output[-1].name
    last = next(node for node in model.graph.node if name in node.output)
    last.output[0] = "before"
    model.graph.node.append(helper.make_node("Neg", ["before"], [name]))


def unreadable(model: onnx.ModelProto) -> None:
    """The last node is of a kind that no engine knows."""
    name = model.graph.output[-1].name
    last = next(node for node in model.graph.node if name in node.output)
    last.output[0] = "before"
    model.graph.node.append(helper.make_node("NoSuchOperator", ["before"], [name]))


@pytest.mark.parametrize("fault", [other_sign, unreadable])
@pytest.mark.parametrize("form", ["embed", "1:1", "features-N:M"])
def test_an_export_that_fails_its_check_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
    tiny: str,
    tmp_path: Path,
    form: str,
    fault: Callable[[onnx.ModelProto], None],
) -> None:
    planted(monkeypatch, fault)
    with pytest.raises(WeightsError):
        export(tiny, tmp_path / "out.onnx", form=form)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_exists_stays_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tiny: str, tmp_path: Path
) -> None:
    path = tmp_path / "out.onnx"
    path.write_bytes(b"precious")
    with pytest.raises(OverwriteError, match="exists"):
        export(tiny, path)
    assert path.read_bytes() == b"precious"
    with monkeypatch.context() as patch:
        planted(patch, other_sign)
        with pytest.raises(WeightsError):
            export(tiny, path, force=True)
    assert path.read_bytes() == b"precious"
    assert export(tiny, path, force=True).bytes == path.stat().st_size
    assert list(tmp_path.iterdir()) == [path]


def test_a_report_that_can_not_be_made_leaves_nothing(tiny: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(lookalike.LookalikeError):
        export(tiny, folder / "o.onnx", judge=PICTURES, truth=str(tmp_path / "none.csv"))
    assert list(folder.iterdir()) == []


def test_the_folder_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        export("builtin", tmp_path / "no" / "out.onnx")
    assert list(tmp_path.iterdir()) == []


# What is no network, or not one


@pytest.mark.parametrize("name", ["pixels", "hash:phash"])
def test_an_encoder_without_a_network_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no network") as caught:
        export(name, tmp_path / "out.onnx")
    assert caught.value.where == name
    assert "torchvision, timm, open_clip, reid" in caught.value.cure
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_with_two_layers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="2 layers") as caught:
        export("torchvision:resnet18?weights=random&layer=layer3,layer4", tmp_path / "out.onnx")
    assert "one layer" in caught.value.cure


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"form": "NM"}, "form"),
        ({"metric": "euclidean"}, "metric of a graph"),
        ({"precision": "bf16"}, "precision of an export"),
    ],
)
def test_an_unknown_option_is_refused(options: dict[str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=said):
        export("builtin", tmp_path / "out.onnx", **options)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_operator_sets_reach_the_file(small: Any, tmp_path: Path) -> None:
    assert small.exported.opset == 17
    model = onnx.load(small.exported.path)
    assert [one.version for one in model.opset_import if not one.domain] == [17]
    for opset, said in ((10, "older than 11"), (99, "99")):
        with pytest.raises(UsageError, match=said):
            export("builtin", tmp_path / "no.onnx", opset=opset)
    assert not (tmp_path / "no.onnx").exists()


# The result


def test_a_network_that_is_given_is_not_changed(small: Any) -> None:
    assert np.abs(small.before).max() > 0
    np.testing.assert_array_equal(small.after, small.before)


def test_the_same_export_gives_the_same_bytes(tiny: str, tmp_path: Path) -> None:
    first, second = (export(tiny, tmp_path / f"{n}.onnx", form="N:M").path for n in "ab")
    assert Path(first).read_bytes() == Path(second).read_bytes()


def test_it_is_told_what_is_being_done(tmp_path: Path) -> None:
    said: list[str] = []
    export("builtin", tmp_path / "out.onnx", say=said.append)
    assert said == [
        "loading builtin",
        "exporting builtin",
        "checking the file on openvino and onnxruntime",
    ]


def test_what_must_be_said_beside_the_numbers_is_said(small: Any) -> None:
    said = f"{small.encoder.card.name} has RANDOM WEIGHTS: its numbers mean nothing"
    assert small.exported.view().warnings == (said,)
    assert small.exported.to_dict()["notes"] == [said]


def test_the_result_as_plain_values(exports: dict[str, Exported]) -> None:
    found = exports["N:M"]
    plain = found.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["inputs"] == {
        "base_images": ["N", 3, 112, 112],
        "target_images": ["M", 3, 112, 112],
    }
    assert plain["outputs"] == {"similarities": ["N", "M"]}
    assert [set(row) for row in plain["results"]] == [
        {"engine", "base", "target", "cosine", "deviation"}
    ] * 10
    assert (plain["form"], plain["metric"], plain["precision"]) == ("N:M", "cosine", "f32")
    assert (plain["decisions"], plain["calibrated"]) == (None, 0)
    assert plain["card"]["fingerprint"] == found.card.fingerprint
    assert exports["embed"].to_dict()["metric"] is None


def test_the_result_as_people_see_it(exports: dict[str, Exported]) -> None:
    found = exports["features-N:M"]
    view = found.view()
    ports, runs = view.tables
    assert [(row["port"], row["name"], row["shape"]) for row in ports.rows] == [
        ("input", "base_images", "N x 3 x 112 x 112"),
        ("input", "target_features", "M x 416"),
        ("output", "base_features", "N x 416"),
        ("output", "similarities", "N x M"),
    ]
    assert [row["engine"] for row in runs.rows] == [one.engine for one in found.checks]
    assert view.answer == ()
    assert f"form features-N:M, cosine inside, f32, operator set {found.opset}" in view.notes[0]
    assert found.card.fingerprint[:12] in view.notes[1]
    assert "features-N:M" in found._repr_html_()


def test_a_result_with_a_decision_report_shows_it(tiny: str, photos: Path, tmp_path: Path) -> None:
    found = export(
        tiny,
        tmp_path / "out.onnx",
        precision="int8",
        calibrate=str(photos),
        samples=6,
        resamples=100,
    )
    assert found.decisions is not None
    view, report = found.view(), found.decisions.view()
    assert view.answer == report.answer
    assert view.answer[0].startswith("int8 ")
    assert view.after == (*report.tables, *report.after)
    assert "ranges of int8 from 6 pictures" in view.notes
    assert {note for note in report.notes if note not in view.notes} == set()
    plain = found.to_dict()
    assert plain["decisions"] == found.decisions.to_dict()
    assert plain["decisions"]["pictures"]["both"] == 18
    assert (plain["calibrated"], plain["precision"]) == (6, "int8")


def test_another_preprocessing_has_no_verdict(exports: dict[str, Exported]) -> None:
    path = exports["embed"].path
    assert load_encoder(f"onnx:{path}").card.verdict is not None
    assert load_encoder(f"onnx:{path}?kernel=pillow-bicubic").card.verdict is None


@pytest.mark.parametrize("folder", ["with space", "a?b", "p%20c&d", "ü"])
def test_any_signs_may_stand_in_a_path(tiny: str, folder: str, tmp_path: Path) -> None:
    (tmp_path / folder).mkdir()
    pictures = [scene_picture(seed) for seed in range(8)]
    found = export(
        tiny,
        tmp_path / folder / "net.onnx",
        precision="int8",
        calibrate=pictures,
        truth=None,
        resamples=100,
    )
    assert found.decisions is not None
    again = encoder_of(Path(found.path)).encode(pictures).vectors
    assert again.shape == (8, 32)


def test_what_is_quantised_is_not_quantised_again(
    tiny_int8: Exported, photos: Path, tmp_path: Path
) -> None:
    first = tiny_int8.path
    for precision, more in (("int8", {"calibrate": str(photos)}), ("f16", {})):
        with pytest.raises(UsageError, match="quantised already"):
            export(f"onnx:{first}", tmp_path / "x.onnx", precision=precision, **more)  # type: ignore[arg-type]
    form = export(f"onnx:{first}", tmp_path / "pair.onnx", form="1:1")
    assert form.card.fingerprint == load_encoder(f"onnx:{first}").card.fingerprint
    assert form.notes == ()  # its integers are safe, and that was seen


def test_only_a_file_is_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(UsageError, match="no file"):
        export("builtin", tmp_path / "pipe.onnx", force=True)
    with pytest.raises(UsageError, match="no such folder"):
        export("builtin", f"{tmp_path}/absent/")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["pipe.onnx"]


def test_wishes_for_the_report_are_checked_before_any_work(tmp_path: Path) -> None:
    said: list[str] = []
    for wish, told in (
        ({"fpr": 7.0}, "between 0 and 1"),
        ({"fpr": 0.1, "threshold": 0.5}, "both given"),
        ({"judge": str(tmp_path / "absent")}, "no such pictures"),
        ({"opset": 9}, "older than 11"),
    ):
        with pytest.raises(UsageError, match=told):
            export("builtin", tmp_path / "x.onnx", say=said.append, **wish)
    assert said == []


def test_a_report_that_nothing_is_left_for_is_told(tiny: str, tmp_path: Path) -> None:
    pictures = [scene_picture(seed) for seed in range(2)]
    found = export(tiny, tmp_path / "x.onnx", precision="int8", calibrate=pictures)
    assert found.decisions is None
    assert any("no decision report" in note for note in found.notes)
    assert any("too few" in note for note in found.notes)


def test_what_made_the_vectors_of_a_report_is_told(tiny: str, photos: Path, tmp_path: Path) -> None:
    found = export(tiny, tmp_path / "x.onnx", judge=str(photos), truth=None, resamples=100)
    assert found.decisions is not None
    assert all(
        "openvino" in engine or "onnxruntime" in engine for engine in found.decisions.engines
    )
    assert found.decisions.engines[1] in "\n".join(found.view().notes)


def test_how_pictures_have_to_come_is_told(exports: dict[str, Exported]) -> None:
    told = next(note for note in exports["1:N"].view().notes if "prepared" in note)
    assert "112 x 112" in told
    assert "pillow-bilinear" in told


def test_what_an_encoder_must_say_is_said_of_its_export(tmp_path: Path) -> None:
    state = build("osnet_x0_25").state_dict()
    torch.save({**state, "more.weight": torch.zeros(2)}, tmp_path / "more.pth")
    name = f"reid:osnet_x0_25?weights={tmp_path}/more.pth&surplus=ignore&size=64x32"
    found = export(name, tmp_path / "x.onnx", opset=17)
    assert any("more.weight" in note for note in found.notes)
