import csv
import gc
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import lookalike
from lookalike.encoders import Encoder, catalogue
from lookalike.encoders.catalogue import published_row
from lookalike.encoders.families.torchvision import embedding_layer, torchvision
from lookalike.encoders.tap import Tap
from lookalike.errors import MissingWeightsError, UnknownNameError, UsageError, WeightsError
from lookalike.testing import EncoderContract, noise_picture, scene_picture

torchvision()
models: Any = __import__("torchvision.models", fromlist=["models"])

NAMES = models.list_models(module=models)


def _smallest_of_families() -> set[str]:
    families: dict[str, list[str]] = {}
    for name in NAMES:
        family = re.match(r"[a-z]+(?:_v\d|_[xy](?=_))?", name)
        assert family is not None
        families.setdefault(family[0], []).append(name)
    sizes = {row.name: row.params or 0 for row in catalogue.published("torchvision")}
    return {min(names, key=sizes.__getitem__) for names in families.values()}


LIGHT = _smallest_of_families()
"""The smallest network of each family; the others are the same code at other sizes, and slow."""

HEADS_ON_MAPS = ("alexnet", "vgg", "squeezenet")

PUBLISHED_LENGTHS = {
    400: "regnet_x_400mf/2",
    440: "regnet_y_400mf/2",
    512: "resnet18/1 resnet34/1",
    576: "mobilenet_v3_small/1",
    672: "regnet_x_800mf/2",
    768: "convnext_tiny/1 convnext_small/1 swin_t/1 swin_s/1 swin_v2_t/1 swin_v2_s/1",
    784: "regnet_y_800mf/2",
    912: "regnet_x_1_6gf/2",
    960: "mobilenet_v3_large/2",
    1008: "regnet_x_3_2gf/2",
    1024: "googlenet/1",
    1280: "efficientnet_b0/1 efficientnet_b1/2 efficientnet_v2_s/1",
    1408: "efficientnet_b2/1",
    1536: "efficientnet_b3/1",
    1792: "efficientnet_b4/1",
    2016: "regnet_y_8gf/2",
    2048: "resnet50/1 resnet50/2 resnet101/2 resnext50_32x4d/2 wide_resnet50_2/2"
    " regnet_x_16gf/1 efficientnet_b5/1",
    9216: "alexnet/1",
    25088: "vgg11_bn/1 vgg16/1",
    50176: "shufflenet_v2_x0_5/1 shufflenet_v2_x1_0/1 shufflenet_v2_x1_5/1 densenet121/1",
    62720: "mnasnet0_5/1 mnasnet0_75/1 mnasnet1_0/1 mnasnet1_3/1 mobilenet_v2/2",
    81536: "densenet169/1",
    86528: "squeezenet1_0/1 squeezenet1_1/1",
    94080: "densenet201/1",
    100352: "shufflenet_v2_x2_0/1",
    108192: "densenet161/1",
}
"""Length printed in the published comparison → its columns, model/version of the weights."""

COLUMNS = [
    (column.partition("/")[0], f"IMAGENET1K_V{column[-1]}", length)
    for length, columns in PUBLISHED_LENGTHS.items()
    for column in columns.split()
]

HEADS_APPLIED = [
    "resnet18", "mobilenet_v2", "mobilenet_v3_small", "densenet121", "convnext_tiny",
    "swin_t", "vit_b_32", "shufflenet_v2_x0_5", "mnasnet0_5", "googlenet", "maxvit_t",
    "regnet_y_400mf", "efficientnet_b0",
]  # fmt: skip
"""One of each kind; `test_the_rest_of_the_head_...` takes the rest of the columns when slow."""

HEADS_LEFT = {model for model, _, _ in COLUMNS if not model.startswith(HEADS_ON_MAPS)} - set(
    HEADS_APPLIED
)


class TestResnet18OnTorch(EncoderContract):
    def make_encoder(self) -> Encoder:
        return lookalike.load_encoder("torchvision:resnet18?weights=random", engine="torch")


@pytest.mark.slow
class TestMobilenetOnOpenVino(EncoderContract):
    tolerance = 1e-4

    def make_encoder(self) -> Encoder:
        return lookalike.load_encoder("torchvision:mobilenet_v3_small?weights=random&size=64")


def test_there_are_as_many_classifiers_as_the_catalogue_lists() -> None:
    assert len(NAMES) == 80
    assert {row.name for row in catalogue.published("torchvision")} == set(NAMES)


@pytest.mark.parametrize(
    "name", [one if one in LIGHT else pytest.param(one, marks=pytest.mark.slow) for one in NAMES]
)
def test_every_classifier_builds_and_has_the_length_that_models_lists(name: str) -> None:
    encoder = lookalike.load_encoder(f"torchvision:{name}?weights=random", engine="torch")
    found = encoder.encode([scene_picture(1)])
    row = published_row("torchvision", name)
    assert row is not None
    assert found.vectors.shape == (1, row.dim)
    assert encoder.card.params == row.params or "incept" in name  # without its auxiliary head
    assert any("RANDOM WEIGHTS" in note for note in encoder.notes)
    del encoder
    gc.collect()


@pytest.mark.parametrize(
    "name",
    [*HEADS_APPLIED, *(pytest.param(one, marks=pytest.mark.slow) for one in sorted(HEADS_LEFT))],
)
def test_the_rest_of_the_head_on_the_embedding_gives_the_networks_own_logits(name: str) -> None:
    """The embedding is what enters the class head: apply the head and compare (check M24)."""
    assert not name.startswith(HEADS_ON_MAPS)
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = models.get_model(name, weights=None).eval()
    head = network.get_submodule(embedding_layer(name).removeprefix("input:"))
    rest = head
    if name.startswith(("convnext", "maxvit")):
        parent = network.classifier
        rest = parent[int(embedding_layer(name).rpartition(".")[2]) :]
    with torch.inference_mode():
        batch = torch.rand(2, 3, 224, 224)
        embedding, logits = Tap(network, [embedding_layer(name), ""])(batch)
        torch.testing.assert_close(rest(embedding), logits, rtol=1e-4, atol=1e-5)


def built(name: str) -> torch.nn.Module:
    """A network without auxiliary heads, as a pretrained builder leaves it, its weights random."""
    torch.manual_seed(3)
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    network: torch.nn.Module = models.get_model(name, weights=None, **options)
    return network.eval()


def published(name: str, options: str = "weights=random", engine: str | None = "torch") -> Encoder:
    return lookalike.load_encoder(
        f"torchvision:{name}?embedding=published&{options}", engine=engine
    )


def framed(seed: int) -> np.ndarray:
    return scene_picture(seed, 224, 224)


class TestPublishedEmbeddingOnTorch(EncoderContract):
    def make_encoder(self) -> Encoder:
        return published("shufflenet_v2_x0_5")


def test_the_published_lengths_are_those_of_the_published_table(shared: Path) -> None:
    with (shared / "specs" / "model-tables-published.csv").open(newline="") as file:
        rows = [(row["model"], row["weights"], int(row["dim"])) for row in csv.DictReader(file)]
    assert sorted(rows) == sorted(COLUMNS)
    assert sum(length for _, _, length in COLUMNS) == 1168248


@pytest.mark.parametrize(
    ("model", "weights", "length"),
    [one if one[0] in LIGHT else pytest.param(*one, marks=pytest.mark.slow) for one in COLUMNS],
)
def test_the_published_embedding_has_the_published_length(
    model: str, weights: str, length: int
) -> None:
    encoder = published(f"{model}/{weights}")
    card, row = encoder.card, published_row("torchvision", model, weights)
    assert row is not None
    assert (card.dim, card.layer, card.params) == (length, "children:-1", row.params)
    # the children of a Swin end in a flattening of their own
    assert card.pooling == ("none" if model.startswith("swin") else "flatten")
    # everything else is a flattened map, and far longer than the embedding
    assert length == row.dim or length >= 36 * (row.dim or 0)
    del encoder
    gc.collect()


def test_the_catalogue_has_the_lengths_crops_and_parameters_of_the_published_columns() -> None:
    rows = {(model, tag): published_row("torchvision", model, tag) for model, tag, _ in COLUMNS}
    listed = {key: row for key, row in rows.items() if row is not None}
    assert len(listed) == len(rows) == 49
    assert sum(length != listed[model, tag].dim for model, tag, length in COLUMNS) == 18
    assert sum(row.params or 0 for row in listed.values()) == 1159541198
    params = {model: row.params for (model, _), row in listed.items()}
    assert params | {
        "alexnet": 61100840, "resnet18": 11689512, "resnet50": 25557032, "vgg16": 138357544,
        "mobilenet_v3_small": 2542856, "efficientnet_b0": 5288548, "convnext_tiny": 28589128,
        "swin_t": 28288354, "swin_v2_s": 49737442, "regnet_y_8gf": 39381472,
        "densenet161": 28681000, "shufflenet_v2_x0_5": 1366792,
    } == params  # fmt: skip
    dims = {model: row.dim for (model, _), row in listed.items()}
    assert dims | {
        "alexnet": 256, "vgg16": 512, "squeezenet1_1": 512, "densenet121": 1024,
        "densenet169": 1664, "densenet201": 1920, "densenet161": 2208, "mnasnet0_5": 1280,
        "mobilenet_v2": 1280, "shufflenet_v2_x1_5": 1024, "shufflenet_v2_x2_0": 2048,
        "efficientnet_b2": 1408, "efficientnet_b5": 2048, "mobilenet_v3_large": 960,
        "mobilenet_v3_small": 576, "googlenet": 1024, "convnext_small": 768, "swin_v2_t": 768,
    } == dims  # fmt: skip
    crops = {model: row.input for (model, _), row in listed.items() if row.input != "224x224"}
    assert crops == {
        "efficientnet_b1": "240x240", "efficientnet_b2": "288x288", "efficientnet_b3": "300x300",
        "efficientnet_b4": "380x380", "efficientnet_b5": "456x456", "efficientnet_v2_s": "384x384",
        "swin_v2_t": "256x256", "swin_v2_s": "256x256",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "engine"),
    [*((one, "torch") for one in ("resnet18", "mobilenet_v2", "densenet121", "googlenet",
                                  "convnext_tiny", "squeezenet1_1", "swin_t")),
     ("mobilenet_v2", None), ("squeezenet1_1", None), ("googlenet", None)]
)  # fmt: skip
def test_the_published_embedding_is_what_the_children_without_the_last_give(
    name: str, engine: str | None, tmp_path: Path
) -> None:
    network = built(name)
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    encoder = published(name, f"weights={tmp_path}/w.safetensors", engine)
    pixels = np.stack([framed(seed) for seed in (1, 2, 3)])
    with torch.inference_mode():
        batch = torch.from_numpy(encoder.card.preprocess.normalise(pixels))
        expected = torch.nn.Sequential(*list(network.children())[:-1])(batch).flatten(1).numpy()
    (got,) = encoder.run(pixels)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("name", "equal"), [("resnet18", True), ("convnext_tiny", False), ("googlenet", False)]
)
def test_embeddings_of_one_length_are_told_apart_by_the_fingerprint_not_by_the_weights(
    name: str, equal: bool
) -> None:
    usual = lookalike.load_encoder(f"torchvision:{name}?weights=random", engine="torch")
    other = published(name)
    assert usual.card.dim == other.card.dim
    assert usual.card.weights == other.card.weights
    assert usual.card.fingerprint != other.card.fingerprint
    batch = framed(1)[None]
    (mine,), (theirs,) = usual.run(batch), other.run(batch)
    assert np.allclose(mine, theirs, rtol=1e-3, atol=1e-3 * np.abs(mine).max()) == equal


def test_the_published_way_leaves_out_the_last_relu_of_a_densenet() -> None:
    batch = framed(1)[None]
    (usual,) = lookalike.load_encoder(
        "torchvision:densenet121?weights=random&embedding=auto", engine="torch"
    ).run(batch)
    (other,) = published("densenet121").run(batch)
    assert usual.min() >= 0 > other.min()
    maps = np.maximum(other.reshape(1, 1024, 7, 7), 0)
    np.testing.assert_allclose(maps.mean((2, 3)), usual, rtol=1e-3, atol=1e-4)


def test_published_is_short_for_a_layer_and_a_pooling() -> None:
    name = "torchvision:shufflenet_v2_x0_5?weights=random&layer=children:-1"
    spelled = lookalike.load_encoder(f"{name}&pooling=flatten", engine="torch").card
    assert spelled.fingerprint == published("shufflenet_v2_x0_5").card.fingerprint
    assert lookalike.load_encoder(name, engine="torch").card.dim == 1024


def test_the_published_embedding_needs_no_class_head(tmp_path: Path) -> None:
    state = models.resnet18(weights=None).state_dict()
    torch.save({k: v for k, v in state.items() if not k.startswith("fc.")}, tmp_path / "w.pth")
    prints = {
        published("resnet18", f"weights={tmp_path}/w.pth&seed={seed}").card.fingerprint
        for seed in (0, 1)
    }
    assert len(prints) == 1


@pytest.mark.parametrize("engine", ["torch", None])
@pytest.mark.parametrize(("name", "child"), [("vit_b_32", "encoder"), ("maxvit_t", "blocks")])
def test_a_network_whose_children_do_not_follow_one_another_says_so(
    name: str, child: str, engine: str | None
) -> None:
    with pytest.raises(UsageError, match=f"'{child}'.*embedding=auto"):
        published(name, engine=engine)


@pytest.mark.parametrize("option", ["layer=avgpool", "pooling=avg", "layer=&pooling=flatten"])
def test_published_beside_a_layer_or_a_pooling_is_refused(option: str) -> None:
    with pytest.raises(UsageError, match=option.partition("=")[0]):
        published("resnet18", f"weights=random&{option}")


def test_an_embedding_is_auto_or_published() -> None:
    with pytest.raises(UsageError, match="auto, published"):
        lookalike.load_encoder("torchvision:resnet18?weights=random&embedding=map")


def test_several_layers_come_from_one_pass() -> None:
    name = "torchvision:resnet18?weights=random&size=64&layer=layer2,layer4,avgpool"
    found = lookalike.load_encoder(name, engine="torch").encode_layers([noise_picture(1)])
    assert {layer: one.card.dim for layer, one in found.items()} == {
        "layer2": 128, "layer4": 512, "avgpool": 512,
    }  # fmt: skip
    # the average pooling child and our own pooling of the map before it are the same thing
    np.testing.assert_allclose(found["layer4"].vectors, found["avgpool"].vectors, atol=1e-5)


def test_the_seed_decides_random_weights_and_the_callers_state_stays() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    prints = [
        lookalike.load_encoder(
            f"torchvision:shufflenet_v2_x0_5?weights=random&seed={seed}", engine="torch"
        ).card.fingerprint
        for seed in (0, 0, 1)
    ]
    assert torch.equal(torch.rand(1), expected)
    assert prints[0] == prints[1] != prints[2]


def test_weights_from_a_file_have_one_fingerprint_in_any_container(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = models.shufflenet_v2_x0_5(weights=None, num_classes=7)
    torch.save(network.state_dict(), tmp_path / "w.pth")
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    cards = [
        lookalike.load_encoder(
            f"torchvision:shufflenet_v2_x0_5?weights={file}", engine="torch"
        ).card
        for file in sorted(tmp_path.iterdir())
    ]
    assert cards[0].fingerprint == cards[1].fingerprint
    assert not cards[0].random


def test_weights_without_a_class_head_have_the_same_fingerprint_whatever_the_seed(
    tmp_path: Path,
) -> None:
    state = models.resnet18(weights=None).state_dict()
    torch.save({k: v for k, v in state.items() if not k.startswith("fc.")}, tmp_path / "w.pth")
    name = f"torchvision:resnet18?weights={tmp_path}/w.pth"
    prints = {
        lookalike.load_encoder(f"{name}&seed={seed}", engine="torch").card.fingerprint
        for seed in (0, 1)
    }
    assert len(prints) == 1
    with pytest.raises(WeightsError, match=r"fc\.weight"):
        lookalike.load_encoder(f"{name}&layer=fc", engine="torch")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(models.resnet18(weights=None).state_dict(), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="another network"):
        lookalike.load_encoder(f"torchvision:resnet34?weights={tmp_path}/w.pth")


def test_published_weights_are_read_from_the_hub_folder_strictly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    name = "torchvision:squeezenet1_1/IMAGENET1K_V1"
    with pytest.raises(MissingWeightsError, match="squeezenet1_1-b8a52dc0"):
        lookalike.load_encoder(name, offline=True)
    (tmp_path / "checkpoints").mkdir()
    state = models.squeezenet1_1(weights=None).state_dict()
    torch.save(state, tmp_path / "checkpoints" / "squeezenet1_1-b8a52dc0.pth")
    card = lookalike.load_encoder(name, engine="torch", offline=True).card
    assert (card.weights_tag, card.acc1) == ("IMAGENET1K_V1", 58.178)


def test_unknown_models_and_weights_name_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="resnet50"):
        lookalike.load_encoder("torchvision:resnet5O")
    with pytest.raises(UnknownNameError, match="IMAGENET1K_V2"):
        lookalike.load_encoder("torchvision:resnet50/IMAGENET1K_V3")


def test_torchvision_loads_beside_a_torch_it_was_not_built_for() -> None:
    module = torchvision()
    assert module.__name__ == "torchvision"
    assert torchvision() is module
