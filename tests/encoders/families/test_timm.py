import gc
from pathlib import Path

import numpy as np
import pytest
import timm
import torch

import lookalike
from lookalike.encoders.catalogue import published_row
from lookalike.errors import MissingWeightsError, UnknownNameError, WeightsError
from lookalike.testing import noise_picture, scene_picture

FAMILIES = [
    "resnet18", "vit_tiny_patch16_224", "deit_tiny_patch16_224", "mobilenetv3_small_050",
    "efficientnet_lite0", "convnext_atto", "swin_tiny_patch4_window7_224", "regnetx_002",
    "densenet121", "mixer_s32_224", "ghostnet_100", "edgenext_xx_small", "mobilevit_xxs",
    "poolformer_s12", "pvt_v2_b0", "repvgg_a0", "hardcorenas_a", "tinynet_e",
    "xcit_nano_12_p16_224", "levit_128s", "vit_small_patch14_dinov2",
]  # fmt: skip


@pytest.mark.parametrize("name", FAMILIES)
def test_architectures_of_many_families_have_the_length_that_models_lists(name: str) -> None:
    encoder = lookalike.load_encoder(f"timm:{name}?weights=random", engine="torch")
    row = published_row("timm", name)
    assert row is not None
    assert encoder.encode([scene_picture(1)]).vectors.shape == (1, row.dim)
    del encoder
    gc.collect()


def test_weights_from_a_file_are_loaded_by_timm_itself(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = timm.create_model("mobilenetv3_small_050", num_classes=1000)
    torch.save(network.state_dict(), tmp_path / "w.pth")
    encoder = lookalike.load_encoder(
        f"timm:mobilenetv3_small_050?weights={tmp_path}/w.pth", engine="torch"
    )
    assert not encoder.card.random
    network.eval().reset_classifier(0)
    pictures = np.stack([noise_picture(seed, 224, 224) for seed in range(2)])
    with torch.inference_mode():
        expected = network(torch.from_numpy(encoder.card.preprocess.normalise(pictures)))
    torch.testing.assert_close(torch.from_numpy(encoder.run(pictures)[0]), expected)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save(timm.create_model("resnet18").state_dict(), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="another network"):
        lookalike.load_encoder(f"timm:mobilenetv3_small_050?weights={tmp_path}/w.pth")


def test_offline_names_the_repository_and_the_place() -> None:
    with pytest.raises(MissingWeightsError, match=r"timm/resnet18\.a1_in1k") as caught:
        lookalike.load_encoder("timm:resnet18.a1_in1k", offline=True)
    assert "model.safetensors" in caught.value.cure


def test_unknown_names_and_tags_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="resnet18"):
        lookalike.load_encoder("timm:resnet188")
    with pytest.raises(UnknownNameError, match="a1_in1k"):
        lookalike.load_encoder("timm:resnet18.a1_in1kk")
