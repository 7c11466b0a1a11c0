from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import lookalike
from lookalike.encoders import Encoder
from lookalike.encoders.catalogue import published, published_row
from lookalike.encoders.families.reid import FAMILY
from lookalike.encoders.reid.architectures import build
from lookalike.encoders.reid.checkpoint import read_checkpoint
from lookalike.errors import (
    FingerprintError,
    MissingWeightsError,
    UnknownNameError,
    UsageError,
    WeightsError,
)
from lookalike.images import PRESETS
from lookalike.testing import EncoderContract, noise_picture, scene_picture

NETWORKS = {
    "osnet_x0_25": (512, 201864, 0.082),
    "osnet_x0_5": (512, 630034, 0.273),
    "osnet_x0_75": (512, 1285754, 0.572),
    "osnet_x1_0": (512, 2169508, 0.979),
    "osnet_ibn_x1_0": (512, 2170532, 0.979),
    "osnet_ain_x0_25": (512, 201864, 0.082),
    "osnet_ain_x0_5": (512, 630034, 0.273),
    "osnet_ain_x0_75": (512, 1285754, 0.572),
    "osnet_ain_x1_0": (512, 2169508, 0.979),
    "mlfn": (1024, 32473024, 2.771),
    "mobilenetv2_x1_0": (1280, 2224960, 0.204),
    "mobilenetv2_x1_4": (1792, 4291604, 0.382),
    "resnet50": (2048, 23508032, 2.669),
    "resnet50_fc512": (512, 24558144, 4.054),
}
"""Length of the feature, parameters without the classifier, 10^9 multiply-accumulates."""

QUICK = ("osnet_x0_25", "osnet_ibn_x1_0", "osnet_ain_x0_25", "mobilenetv2_x1_0")
"""One of each kind; the rest take as long again."""

SMALL = "reid:osnet_x0_25"


def load(name: str, engine: str | None = "torch") -> Encoder:
    return lookalike.load_encoder(name, engine=engine, offline=True)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the smallest network as its trainer would leave them, for 1041 identities."""
    torch.manual_seed(1)
    network = build("osnet_x0_25", classes=1041)
    network(torch.randn(4, 3, 64, 32))  # so that running statistics are not those of the start
    path = tmp_path_factory.mktemp("weights") / "model-best.pth.tar"
    torch.save({"state_dict": network.state_dict(), "epoch": 60, "rank1": np.float64(0.7)}, path)
    return path


class TestReidOnTorch(EncoderContract):
    def make_encoder(self) -> Encoder:
        return load(f"{SMALL}?weights=random")


@pytest.mark.slow
class TestReidOnOpenVino(EncoderContract):
    def make_encoder(self) -> Encoder:
        return load("reid:osnet_ain_x0_25?weights=random&size=64x32", engine=None)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_the_figures_that_models_lists(name: str) -> None:
    encoder = load(f"reid:{name}?weights=random")
    card = encoder.card
    assert (card.dim, card.params, card.gflops) == NETWORKS[name]
    assert (card.algorithm, card.layer, card.pooling) == (f"reid/{name}", "output", "none")
    found = encoder.encode([scene_picture(1, 256, 128)])
    assert found.vectors.shape == (1, card.dim)
    assert found.vectors.min() >= 0
    del encoder
    gc.collect()


def test_the_family_lists_every_network_with_each_of_its_weights() -> None:
    entries = list(FAMILY.entries())
    assert len(entries) == len({entry.name for entry in entries}) == len(published("reid"))
    assert {entry.architecture for entry in entries} == set(NETWORKS)
    for entry in entries:
        assert entry.name == f"reid:{entry.architecture}/{entry.weights}"
        assert (entry.dim, entry.params, entry.gflops) == NETWORKS[entry.architecture]
        assert (entry.licence, entry.requires) == ("MIT (research data)", ("torch",))
        assert entry.source.startswith("https://")
    assert {entry.name for entry in entries} <= {entry.name for entry in lookalike.models("reid:*")}


def test_random_weights_say_so_and_claim_nothing() -> None:
    card = load(f"{SMALL}?weights=random&seed=7").card
    assert (card.weights_tag, card.random) == ("random(seed=7)", True)
    assert (card.figures, card.licence, card.source) == ("", "", "")
    found = load(f"{SMALL}?weights=random").notes
    assert found == (f"{SMALL}?weights=random has RANDOM WEIGHTS: its numbers mean nothing",)


def test_the_seed_decides_random_weights() -> None:
    prints = [load(f"{SMALL}?weights=random&seed={n}").card.fingerprint for n in (0, 0, 1)]
    assert prints[0] == prints[1] != prints[2]


def test_unknown_networks_and_weights_name_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="osnet_x0_25") as caught:
        load("reid:osnet_x0_26")
    assert caught.value.what == "unknown re-identification network 'osnet_x0_26'"
    with pytest.raises(UnknownNameError, match="osnet_ibn_x1_0"):
        load("reid:osnet_ibn_x0_5?weights=random")
    with pytest.raises(UnknownNameError, match="did you mean market1501") as caught:
        load(f"{SMALL}/market")
    assert caught.value.what == "unknown weights of osnet_x0_25 'market'"
    with pytest.raises(UnknownNameError, match="known: dukemtmcreid, imagenet, market1501, msmt17"):
        load("reid:mobilenetv2_x1_0/zzz")


def test_options_are_checked() -> None:
    with pytest.raises(UnknownNameError, match="embedding"):
        load(f"{SMALL}?weights=random&embedding=published")
    with pytest.raises(UsageError, match="refuse, ignore"):
        load(f"{SMALL}?weights=random&surplus=allow")
    with pytest.raises(UsageError, match="refused, trusted"):
        load(f"{SMALL}?weights=random&pickle=1")
    with pytest.raises(UsageError, match="seed=x"):
        load(f"{SMALL}?weights=random&seed=x")


def test_layers_inside_can_be_taken_and_the_classifier_can_not() -> None:
    card = load(f"{SMALL}?weights=random&layer=conv5").card
    assert (card.layer, card.pooling, card.dim) == ("conv5", "avg", 128)
    with pytest.raises(UsageError, match="'classifier' does not run"):
        load(f"{SMALL}?weights=random&layer=classifier")


def test_a_picture_is_prepared_as_in_training_unless_asked_otherwise() -> None:
    usual, other = load(f"{SMALL}?weights=random"), load(f"{SMALL}?weights=random&preprocess=pinto")
    assert usual.card.preprocess == PRESETS["torchreid"]
    assert other.card.preprocess == PRESETS["pinto"]
    assert (usual.card.preprocess.resize, usual.card.preprocess.kernel) == (
        (256, 128),
        "pillow-bilinear",
    )
    assert usual.card.weights == other.card.weights
    assert usual.card.fingerprint != other.card.fingerprint
    pictures = [scene_picture(1), noise_picture(2)]
    with pytest.raises(FingerprintError, match=r"preprocess\.kernel: pillow-bilinear / opencv"):
        usual.encode(pictures).require_comparable(other.encode(pictures))


def test_other_sizes_have_no_figure_for_their_operations() -> None:
    card = load(f"{SMALL}?weights=random&size=160x64").card
    assert (card.dim, card.params, card.gflops) == (512, 201864, None)
    assert card.preprocess.resize == (160, 64)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in NETWORKS],
)
def test_engines_agree(name: str) -> None:
    pictures = [scene_picture(seed) for seed in range(3)]
    torch_, openvino = (load(f"reid:{name}?weights=random", one) for one in ("torch", "openvino"))
    want, got = torch_.encode(pictures), openvino.encode(pictures)
    assert want.fingerprint == got.fingerprint
    assert want.vectors.max() > 0
    scale = float(np.abs(want.vectors).max())
    np.testing.assert_allclose(got.vectors, want.vectors, rtol=0, atol=1e-4 * scale)


def test_the_encoder_is_the_network_on_prepared_pictures(weights: Path) -> None:
    encoder = load(f"{SMALL}?weights={weights}")
    network = build("osnet_x0_25", classes=1041)
    network.load_state_dict(torch.load(weights, weights_only=False)["state_dict"])
    pixels = np.stack([noise_picture(seed, 256, 128) for seed in range(2)])
    with torch.inference_mode():
        want = network.eval()(torch.from_numpy(encoder.card.preprocess.normalise(pixels)))
    torch.testing.assert_close(torch.from_numpy(encoder.run(pixels)[0]), want)


def test_missing_weights_are_named_with_the_place_where_they_belong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    release = "https://github.com/PINTO0309/deep-person-reid/releases/download/weights"
    file = (
        "osnet_x0_25_msmt17_combineall_256x128_amsgrad_ep150_stp60_lr0.0015_b64_fb10_softmax"
        "_labelsmooth_flip_jitter.pth"
    )
    with pytest.raises(MissingWeightsError) as caught:
        load(SMALL)
    assert f"{release}/{file}" in caught.value.what
    assert str(tmp_path / "checkpoints" / file) in caught.value.cure
    with pytest.raises(MissingWeightsError, match=r"/osnet_ibn_d_m_c\.pth\.tar"):
        load("reid:osnet_ibn_x1_0/d_m_c")


@pytest.mark.parametrize(
    ("name", "tag", "file"),
    [
        ("osnet_ain_x0_25", "", "osnet_ain_x0_25_imagenet.pyth"),
        ("osnet_ain_x0_25", "imagenet", "osnet_ain_x0_25_imagenet.pyth"),
        ("mobilenetv2_x1_0", "imagenet", "mobilenetv2_1.0-0f96a698.pth.tar"),
        ("osnet_x0_25", "imagenet", "osnet_x0_25_imagenet.pth"),
    ],
)
def test_published_weights_are_read_from_the_hub_folder(
    name: str, tag: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    path = tmp_path / "checkpoints" / file
    torch.save({"state_dict": build(name).state_dict()}, path)
    encoder = load(f"reid:{name}/{tag}".rstrip("/"))
    card, row = encoder.card, published_row("reid", name, "imagenet")
    assert row is not None
    assert (card.weights_tag, card.source, card.licence) == ("imagenet", row.url, row.licence)
    assert card.source.endswith(f"/{file}")
    assert encoder.files == (str(path),)
    assert encoder.notes == ()
    direct = load(f"reid:{name}?weights={path}").card
    assert direct.fingerprint == card.fingerprint
    assert (direct.weights_tag, direct.source) == (f"file {path}", str(path))


def test_figures_say_which_preprocessing_they_were_made_with(weights: Path) -> None:
    figures = load(f"{SMALL}?weights={weights}").card.figures
    assert "model zoo: preprocess=torchreid" in figures
    assert "similarity table: preprocess=pinto" in figures


def test_the_same_weights_have_one_fingerprint_in_any_container(
    weights: Path, tmp_path: Path
) -> None:
    state = torch.load(weights, weights_only=False)["state_dict"]
    torch.save(state, tmp_path / "a.pth")
    save_file(state, tmp_path / "b.safetensors")
    bare = {key: one for key, one in state.items() if not key.startswith("classifier.")}
    torch.save({f"module.{key}": one for key, one in bare.items()}, tmp_path / "c.pyth")
    old = {key: one for key, one in bare.items() if not key.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / "d.pth.tar")
    files = [weights, *sorted(tmp_path.iterdir())]
    cards = [load(f"{SMALL}?weights={file}&seed={n}").card for n, file in enumerate(files)]
    assert len(cards) == 5
    assert len({(card.weights, card.fingerprint) for card in cards}) == 1
    assert len({card.weights_tag for card in cards}) == 5
    state["conv5.conv.weight"][0, 0] += 1e-3
    torch.save(state, tmp_path / "a.pth")
    assert load(f"{SMALL}?weights={tmp_path}/a.pth").card.weights != cards[0].weights


def test_surplus_is_ignored_on_request_and_a_note_says_so(tmp_path: Path) -> None:
    torch.save(build("resnet50_fc512").state_dict(), tmp_path / "w.pth")
    name = f"reid:resnet50?weights={tmp_path}/w.pth"
    with pytest.raises(WeightsError, match="weights of resnet50_fc512"):
        load(name)
    encoder = load(f"{name}&surplus=ignore")
    assert encoder.card.dim == 2048
    (note,) = encoder.notes
    assert note == (
        f"7 entries of {tmp_path}/w.pth are ignored: "
        "fc.0.weight, fc.0.bias, fc.1.weight, fc.1.bias ..."
    )


def test_nothing_is_said_of_surplus_where_there_is_none(weights: Path) -> None:
    assert load(f"{SMALL}?weights={weights}&surplus=ignore").notes == ()


class Code:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("code ran",))


def test_a_checkpoint_with_code_needs_trust(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = torch.load(weights, weights_only=False)["state_dict"]
    torch.save({"state_dict": state, "cfg": Code()}, tmp_path / "w.pth.tar")
    for option in ("", "&pickle=refused"):
        with pytest.raises(WeightsError, match=r"could run code.*pickle=trusted"):
            load(f"{SMALL}?weights={tmp_path}/w.pth.tar{option}")
    assert capsys.readouterr().out == ""
    card = load(f"{SMALL}?weights={tmp_path}/w.pth.tar&pickle=trusted").card
    assert capsys.readouterr().out == "code ran\n"
    assert card.fingerprint == load(f"{SMALL}?weights={weights}").card.fingerprint


PAIRS = [
    ("00030.jpg", "00031.jpg"),
    ("1.png", "2.png"),
    ("1.png", "3.png"),
    ("1.png", "4.png"),
    ("00030.jpg", "1.png"),
    ("00031.jpg", "2.png"),
]

PUBLISHED = (0.352, 0.536, 0.728, 0.563, 0.380, 0.332)
FOUR_DIGITS = {
    "pinto": (0.3521, 0.5361, 0.7281, 0.5633, 0.3804, 0.3325),
    "torchreid": (0.3546, 0.5269, 0.7220, 0.5666, 0.3812, 0.3306),
}


@pytest.mark.parametrize("engine", ["torch", "openvino"])
@pytest.mark.parametrize("preprocess", ["pinto", "torchreid"])
def test_trained_weights_give_the_published_similarities(
    shared: Path, preprocess: str, engine: str
) -> None:
    file = shared / "weights" / "osnet_x0_25_msmt17.pth"
    encoder = load(f"{SMALL}?weights={file}&preprocess={preprocess}", engine)
    folder = shared / "images" / "reid"
    names = sorted({name for pair in PAIRS for name in pair})
    found = encoder.encode([folder / name for name in names])
    vectors = dict(zip(names, found.vectors, strict=True))
    values = [
        float(lookalike.similarity(vectors[a], vectors[b], metric="cosine")) for a, b in PAIRS
    ]
    assert values == pytest.approx(FOUR_DIGITS[preprocess], abs=2e-4)
    close = [abs(value - want) < 6e-4 for value, want in zip(values, PUBLISHED, strict=True)]
    # the published table was made with one preprocessing, and not with the other
    assert all(close) == (preprocess == "pinto")


def test_trained_weights_say_what_they_were_trained_on(shared: Path) -> None:
    found = read_checkpoint(shared / "weights" / "osnet_x0_25_msmt17.pth")
    assert (found.architecture, found.classes, len(found.tensors)) == ("osnet_x0_25", 1041, 567)
    assert found.training_set == "MSMT17, training split"


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "osnet_x0_25"])
def test_trained_weights_are_refused_by_every_other_network(shared: Path, name: str) -> None:
    file = shared / "weights" / "osnet_x0_25_msmt17.pth"
    with pytest.raises(WeightsError, match="another network") as caught:
        load(f"reid:{name}?weights={file}")
    assert caught.value.where == str(file)
    assert "use reid:osnet_x0_25?weights=" in caught.value.cure
