"""An encoder leaves in one ONNX file, and is the same encoder wherever the file is opened."""

import tarfile
from pathlib import Path

import numpy as np
import onnx
import pytest

import lookalike
from lookalike.encoders import Encoder, load_encoder
from lookalike.encoders.engines.file import open_file
from lookalike.exporting import Exported, export
from lookalike.images import ImageSource
from lookalike.metrics import METRICS

Array = np.ndarray

PAIRS = {
    "30_31": ("00030.jpg", "00031.jpg"),
    "1_2": ("1.png", "2.png"),
    "1_3": ("1.png", "3.png"),
    "1_4": ("1.png", "4.png"),
    "30_1": ("00030.jpg", "1.png"),
    "31_2": ("00031.jpg", "2.png"),
}
PUBLISHED = (0.352, 0.536, 0.728, 0.563, 0.380, 0.332)
ENGINES = ("onnxruntime", "openvino")

ENCODERS = (
    "builtin",
    "reid:osnet_x0_25?weights=random",
    "reid:osnet_ain_x0_25?weights=random",
    "reid:mobilenetv2_x1_0?weights=random",
    "torchvision:mobilenet_v3_small?weights=random",
    "torchvision:resnet18?weights=random",
    "torchvision:shufflenet_v2_x0_5?weights=random",
    "timm:vit_tiny_patch16_224?weights=random",
    "timm:resnet10t?weights=random",
    "timm:efficientnet_lite0?weights=random",
    "open_clip:MobileCLIP2-S0?weights=random",
)
"""Of every family that holds networks; the twelfth is an ONNX file with trained weights."""

QUICK = {"builtin", "timm:resnet10t?weights=random"}
"""Of these the quickest to leave; the others are for the slow run."""


def checkpoint(shared: Path, preprocess: str = "pinto") -> str:
    return (
        f"reid:osnet_x0_25?weights={shared}/weights/osnet_x0_25_msmt17.pth&preprocess={preprocess}"
    )


def mobilenet(shared: Path) -> str:
    weights = shared / "weights" / "mobilenet_v1_075_224.onnx"
    return f"onnx:{weights}?preprocess=minus-one-to-one&output=features&squash=1"


def prepared(encoder: Encoder, paths: list[Path]) -> Array:
    pictures = list(ImageSource([str(path) for path in paths]))
    assert all(isinstance(one, lookalike.Picture) for one in pictures)
    pixels = np.stack([encoder.prepare(one) for one in pictures])  # type: ignore[arg-type]
    return encoder.card.preprocess.normalise(pixels)


@pytest.fixture(scope="module")
def six(shared: Path) -> dict[str, Array]:
    """The six pictures as the network takes them."""
    encoder = load_encoder(checkpoint(shared), engine="torch")
    names = sorted({name for pair in PAIRS.values() for name in pair})
    folder = shared / "images" / "reid"
    rows = prepared(encoder, [folder / name for name in names])
    return dict(zip(names, rows, strict=True))


@pytest.fixture(scope="module")
def vector_file(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint's network by the older of torch's exporters."""
    path = tmp_path_factory.mktemp("vectors") / "net.onnx"
    export(checkpoint(shared), path, opset=17)
    return path


@pytest.mark.parametrize("form", ["embed", "1:1", "1:N", "N:M", "features-1:1"])
def test_a_checkpoint_gives_its_published_row_in_every_form(
    shared: Path, vector_file: Path, six: dict[str, Array], tmp_path: Path, form: str
) -> None:
    # the vectors by the newer exporter, too; all forms are composed around such a file
    source = checkpoint(shared) if form == "embed" else f"onnx:{vector_file}"
    result = export(source, tmp_path / "net.onnx", form=form)
    names = list(six)
    for engine in ENGINES:
        run = open_file(tmp_path / "net.onnx", engine)
        values = []
        for a, b in PAIRS.values():
            base, target = six[a][None], six[b][None]
            if form == "N:M":  # all at once, and the cell that is asked for
                every = np.stack(list(six.values()))
                matrix = run({"base_images": every, "target_images": every})["similarities"]
                values.append(matrix[names.index(a), names.index(b)])
            elif form == "1:N":
                others = np.stack(list(six.values()))
                row = run({"base_image": base, "target_images": others})["similarities"]
                values.append(row[0, names.index(b)])
            elif form == "1:1":
                found = run({"base_image": base, "target_image": target})["similarity"]
                values.append(found[0, 0])
            elif form == "embed":
                vectors = run({"base_images": np.concatenate([base, target])})["features"]
                values.append(lookalike.similarity(*vectors.astype(np.float64)))
            else:
                zeros = np.zeros((1, 512), np.float32)
                one = run({"base_image": target, "target_feature": zeros})["base_feature"]
                again = run({"base_image": base, "target_feature": 7 * one})
                values.append(again["similarity"][0, 0])
        assert values == pytest.approx(PUBLISHED, abs=0.0006), engine
    assert result.agreement > 0.9999


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_a_checkpoint_gives_its_published_row_on_every_engine(shared: Path, engine: str) -> None:
    found = lookalike.identify(
        load_encoder(checkpoint(shared), engine=engine, precision="f32"), shared / "images/reid"
    )
    assert list(found.values.values()) == pytest.approx(PUBLISHED, abs=0.0006)
    assert found.known


def test_an_export_of_a_conversion_gives_the_row_of_its_own_weights(
    shared: Path, tmp_path: Path
) -> None:
    source = shared / "weights" / "osnet_x0_25_msmt17_combineall.onnx"
    export(f"onnx:{source}?preprocess=pinto", tmp_path / "again.onnx")
    export(checkpoint(shared), tmp_path / "other.onnx", opset=11)
    rows = {}
    for path in (source, tmp_path / "again.onnx", tmp_path / "other.onnx"):
        found = lookalike.identify(str(path), shared / "images" / "reid")
        assert found.known
        rows[path.name] = found.nearest[0].row.number
    assert rows == {source.name: 36, "again.onnx": 36, "other.onnx": 35}


@pytest.fixture(scope="module")
def fourteen() -> list[Array]:
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (14, 8, 6, 3), np.uint8)
    return [np.kron(one, np.ones((30, 40, 1), np.uint8)) for one in coarse]


def smallest_cosine(a: Array, b: Array) -> float:
    return float(METRICS["cosine"].rows(a.astype(np.float64), b.astype(np.float64)).min())


def left_and_came_back(name: str, path: Path, pictures: list[Array]) -> None:
    export(name, path)
    torch_family = name.partition(":")[0] not in ("builtin", "onnx")
    before = load_encoder(name, engine="torch" if torch_family else None)
    after = load_encoder(f"onnx:{path}")
    assert after.card.fingerprint == before.card.fingerprint
    expected = before.encode(pictures).vectors
    assert np.ptp(expected, axis=0).max() > 0  # the pictures are told apart at all
    for batch in (1, 2, 14):
        got = after.encode(pictures, batch_size=batch).vectors
        assert smallest_cosine(got, expected) >= 0.9999


@pytest.mark.parametrize(
    "name",
    [one if one in QUICK else pytest.param(one, marks=pytest.mark.slow) for one in ENCODERS],
)
def test_every_encoder_is_itself_again_after_leaving(
    tmp_path: Path, fourteen: list[Array], name: str
) -> None:
    left_and_came_back(name, tmp_path / "net.onnx", fourteen)


def test_a_network_from_a_file_is_itself_again_after_leaving(
    shared: Path, tmp_path: Path, fourteen: list[Array]
) -> None:
    left_and_came_back(mobilenet(shared), tmp_path / "net.onnx", fourteen)


@pytest.fixture(scope="module")
def many_to_many(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    path = tmp_path_factory.mktemp("many") / "net.onnx"
    return export(checkpoint(shared), path, form="N:M", opset=17)


@pytest.mark.parametrize("engine", ENGINES)
def test_many_to_many_runs_for_any_numbers(
    shared: Path, many_to_many: Exported, engine: str
) -> None:
    encoder = load_encoder(checkpoint(shared), engine="torch")
    pixels = np.random.default_rng(0).integers(0, 256, (71, 256, 128, 3), np.uint8)
    vectors = np.asarray(encoder.run(pixels)[0], np.float64)
    pictures = encoder.card.preprocess.normalise(pixels)
    run = open_file(Path(many_to_many.path), engine)
    for bases in (1, 3, 7):
        for targets in (1, 4, 64):
            sides = pictures[:bases], pictures[7 : 7 + targets]
            got = run(dict(zip(("base_images", "target_images"), sides, strict=True)))
            want = METRICS["cosine"].matrix(vectors[:bases], vectors[7 : 7 + targets])
            assert got["similarities"].shape == (bases, targets)
            np.testing.assert_allclose(got["similarities"], want, atol=1e-5)


@pytest.fixture(scope="module")
def twenty_classes(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures of each of 20 classes, in a folder for each class."""
    folder = tmp_path_factory.mktemp("classes")
    counts: dict[str, int] = {}
    with tarfile.open(shared / "data" / "tiny-imagenet" / "val.tar") as archive:
        for member in archive:
            kind = Path(member.name).parent.name
            known = kind in counts or len(counts) < 20
            if member.isfile() and known and counts.get(kind, 0) < 10:
                counts[kind] = counts.get(kind, 0) + 1
                archive.extract(member, folder, filter="data")
    assert set(counts.values()) == {10}
    return folder


@pytest.mark.parametrize("name", ["mobilenet", pytest.param("osnet", marks=pytest.mark.slow)])
def test_fewer_bits_come_with_a_report_of_what_they_decide(
    shared: Path, twenty_classes: Path, tmp_path: Path, name: str
) -> None:
    model = mobilenet(shared) if name == "mobilenet" else checkpoint(shared)
    result = export(
        model,
        tmp_path / "int8.onnx",
        precision="int8",
        opset=17 if name == "osnet" else None,
        calibrate=str(twenty_classes),
        samples=60,
        resamples=200,
    )
    assert result.calibrated == 60
    report = result.decisions
    assert report is not None
    assert report.pictures == 140
    assert report["pairs_changed"].of == 140 * 139 // 2
    parts = ("same_rejected", "same_accepted", "different_rejected", "different_accepted")
    assert report["pairs_changed"].count == sum(report[part].count or 0 for part in parts)
    assert 0 < (report["nearest_changed"].count or 0) < 140
    # rounding to 256 levels leaves vectors near the old ones, and never equal to them
    assert 0.9 < (report["cosine_mean"].value or 0) < 0.99999
    auc = next(one for one in report.quality if one.difference.measure == "roc_auc")
    points, low, high = auc.points
    assert low is not None
    assert high is not None
    assert low <= points <= high
    assert abs(points) < 5
    before, after = load_encoder(model), load_encoder(f"onnx:{tmp_path}/int8.onnx")
    assert after.card.fingerprint != before.card.fingerprint
    held = {one.name: one.data_type for one in onnx.load(tmp_path / "int8.onnx").graph.initializer}
    assert sum(kind == onnx.TensorProto.INT8 for kind in held.values()) > 25
