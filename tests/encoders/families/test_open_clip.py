import gc
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch

import lookalike
from lookalike.encoders.catalogue import published_row
from lookalike.errors import MissingWeightsError, UnknownNameError, WeightsError
from lookalike.testing import noise_picture, scene_picture

FAMILIES = ["RN50", "ViT-B-32", "ViT-S-16", "convnext_tiny", "coca_ViT-B-32", "MobileCLIP-S1"]


@pytest.mark.parametrize("name", FAMILIES)
def test_architectures_of_many_families_have_the_length_that_models_lists(name: str) -> None:
    encoder = lookalike.load_encoder(f"open_clip:{name}?weights=random", engine="torch")
    row = published_row("open_clip", name)
    assert row is not None
    assert encoder.encode([scene_picture(1)]).vectors.shape == (1, row.dim)
    del encoder
    gc.collect()


def test_the_image_tower_gives_what_encode_image_gives(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = open_clip.create_model("ViT-S-32").eval()
    torch.save(model.state_dict(), tmp_path / "w.pt")
    encoder = lookalike.load_encoder(f"open_clip:ViT-S-32?weights={tmp_path}/w.pt", engine="torch")
    pictures = np.stack([noise_picture(seed, 224, 224) for seed in range(2)])
    with torch.inference_mode():
        expected = model.encode_image(torch.from_numpy(encoder.card.preprocess.normalise(pictures)))
    torch.testing.assert_close(
        torch.from_numpy(encoder.run(pictures)[0]), expected, rtol=1e-4, atol=1e-5
    )


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save({"visual.conv1.weight": torch.zeros(1)}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="another network"):
        lookalike.load_encoder(f"open_clip:ViT-S-32?weights={tmp_path}/w.pt")


def test_offline_names_the_source_and_the_place() -> None:
    with pytest.raises(MissingWeightsError, match="CLIP-ViT-B-32-laion2B-s34B-b79K"):
        lookalike.load_encoder("open_clip:ViT-B-32/laion2b_s34b_b79k", offline=True)
    with pytest.raises(MissingWeightsError, match="name a tag"):
        lookalike.load_encoder("open_clip:ViT-B-32", offline=True)


def test_unknown_names_and_tags_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="ViT-B-32"):
        lookalike.load_encoder("open_clip:ViT-B-33")
    with pytest.raises(UnknownNameError, match="laion2b_s34b_b79k"):
        lookalike.load_encoder("open_clip:ViT-B-32/laion2b_s34b_b79")
