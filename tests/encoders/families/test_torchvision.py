import gc
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import lookalike
from lookalike.encoders import Encoder
from lookalike.encoders.catalogue import published, published_row
from lookalike.encoders.families.torchvision import embedding_layer, torchvision
from lookalike.encoders.tap import Tap
from lookalike.errors import MissingWeightsError, UnknownNameError, WeightsError
from lookalike.testing import EncoderContract, noise_picture, scene_picture

torchvision()
models: Any = __import__("torchvision.models", fromlist=["models"])

NAMES = models.list_models(module=models)

HUGE = {"regnet_y_128gf", "vit_h_14"}
"""Over 600 million parameters each: gigabytes and half a minute apiece."""

HEADS_ON_MAPS = ("alexnet", "vgg", "squeezenet")


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
    assert {row.name for row in published("torchvision")} == set(NAMES)


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.slow) if one in HUGE else one for one in NAMES]
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
    "name", ["resnet18", "mobilenet_v2", "mobilenet_v3_small", "densenet121", "convnext_tiny",
             "swin_t", "vit_b_32", "shufflenet_v2_x0_5", "mnasnet0_5", "googlenet", "maxvit_t",
             "regnet_y_400mf", "efficientnet_b0"]
)  # fmt: skip
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
