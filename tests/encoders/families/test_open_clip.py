import gc
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

import lookalike
from lookalike.encoders.catalogue import published, published_row
from lookalike.encoders.families.open_clip import (
    algorithm,
    image_tower,
    tag_preprocess,
    tag_settings,
)
from lookalike.encoders.weights import state_digest
from lookalike.errors import MissingWeightsError, UnknownNameError, WeightsError
from lookalike.images import Picture
from lookalike.testing import noise_picture, scene_picture

CATALOGUE = "3.3.0"

FAMILIES = ["RN50", "ViT-S-32", "coca_ViT-B-32"]

TAGGED = [(row.name, row.weights) for row in published("open_clip") if row.weights]
SMALLEST = [
    "PE-Core-T-16-384/meta", "MobileCLIP2-S0/dfndr2b", "ViTamin-S/datacomp1b", "RN50/yfcc15m",
]  # fmt: skip
HEAVY = 500_000_000
"""Parameters above which a tower is not built with values in a test."""


def own_preprocess(tag: str, size: Any, settings: dict[str, Any]) -> Any:
    """open_clip's own transform for a tag."""
    config = open_clip.transform.merge_preprocess_dict(
        asdict(open_clip.transform.PreprocessCfg()), settings
    )
    config = open_clip.transform.PreprocessCfg(**{**config, "size": size})
    return open_clip.transform.image_transform_v2(config, is_train=False)


def test_the_catalogue_has_the_tags_that_open_clip_has() -> None:
    if open_clip.__version__ != CATALOGUE:
        pytest.skip(f"the catalogue is of open_clip {CATALOGUE}")
    assert len(TAGGED) == 196
    assert set(TAGGED) == set(open_clip.list_pretrained())


def test_pictures_are_prepared_as_open_clip_prepares_them_for_every_tag() -> None:
    picture = Image.fromarray(scene_picture(3)).resize((97, 61))
    seen = set()
    for architecture, tag in open_clip.list_pretrained():
        settings = tag_settings(open_clip, architecture, tag)
        size = open_clip.get_model_config(architecture)["vision_cfg"]["image_size"]
        found = tag_preprocess(open_clip, settings, size)
        row = published_row("open_clip", architecture, tag)
        if row is not None:
            assert row.input == "x".join(map(str, found.output_size or ()))
        if found in seen:
            continue
        seen.add(found)
        expected = own_preprocess(tag, size, dict(settings))(picture).numpy()
        np.testing.assert_allclose(found.apply(Picture("p", picture)), expected, atol=2e-6)
    assert len(seen) > 10


@pytest.mark.parametrize("name", SMALLEST)
def test_tagged_names_build_and_prepare_as_their_tags_say(name: str) -> None:
    encoder = lookalike.load_encoder(f"open_clip:{name}?weights=random", engine="torch")
    architecture, _, tag = name.partition("/")
    settings = tag_settings(open_clip, architecture, tag)
    size = open_clip.get_model_config(architecture)["vision_cfg"]["image_size"]
    assert encoder.card.preprocess == tag_preprocess(open_clip, settings, size)
    row = published_row("open_clip", architecture, tag)
    assert row is not None
    assert (encoder.card.dim, encoder.card.params) == (row.dim, row.params)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:QuickGELU mismatch")  # open_clip leaves it at that
@pytest.mark.parametrize(("architecture", "tag"), TAGGED, ids=map("/".join, TAGGED))
def test_every_tagged_name_has_the_tower_and_the_preprocessing_of_open_clip(
    architecture: str, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tag_settings(open_clip, architecture, tag)
    row = published_row("open_clip", architecture, tag)
    assert row is not None
    with torch.device("meta"):
        tower = image_tower(open_clip, architecture, settings)
    assert sum(one.numel() for one in tower.parameters()) == row.params
    assert ("+quickgelu" in algorithm(architecture, tower)) == (
        not architecture.startswith("RN")
        and bool(settings.get("quick_gelu") or architecture == "roberta-ViT-B-32")
    )
    found = tag_preprocess(open_clip, settings, tower.image_size)
    if "hf_model_name" not in open_clip.get_model_config(architecture)["text_cfg"]:
        # open_clip's own model, without fetching what it would load
        monkeypatch.setattr("open_clip.factory.download_pretrained", lambda *_, **__: "")
        with torch.device("meta"):
            model = open_clip.create_model(architecture, tag, load_weights=False, device="meta")
        config = model.visual.preprocess_cfg
        size = config["size"] if isinstance(config["size"], tuple) else (config["size"],) * 2
        assert found.output_size == size
        assert (found.mean, found.std) == (tuple(config["mean"]), tuple(config["std"]))
        assert found.kernel == f"pillow-{config['interpolation']}"
        assert isinstance(found.resize, tuple) == (config["resize_mode"] == "squash")
        own = {key: one.shape for key, one in model.visual.state_dict().items()}
        assert own == {key: one.shape for key, one in tower.state_dict().items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [f"{a}/{t}" for a, t in TAGGED if (published_row("open_clip", a, t).params or 0) < HEAVY],  # type: ignore[union-attr]
)
def test_every_tagged_name_that_is_not_heavy_loads(name: str) -> None:
    encoder = lookalike.load_encoder(f"open_clip:{name}?weights=random", engine="torch")
    row = published_row("open_clip", *name.split("/"))
    assert row is not None
    assert encoder.card.dim == row.dim
    del encoder
    gc.collect()


def test_one_network_has_one_name_for_its_numbers() -> None:
    names = {
        "open_clip/ViT-B-32+quickgelu": [
            "ViT-B-32/openai", "ViT-B-32-quickgelu/openai", "ViT-B-32-quickgelu",
            "roberta-ViT-B-32/laion2b_s12b_b32k",
        ],
        "open_clip/ViT-B-32": [
            "ViT-B-32", "ViT-B-32/laion2b_s34b_b79k", "xlm-roberta-base-ViT-B-32",
        ],
    }  # fmt: skip
    for expected, same in names.items():
        for name in same:
            architecture, _, tag = name.partition("/")
            with torch.device("meta"):
                settings = tag_settings(open_clip, architecture, tag)
                tower = image_tower(open_clip, architecture, settings)
            assert algorithm(architecture, tower) == expected


@pytest.mark.slow
def test_one_network_has_one_fingerprint_under_all_its_names(tmp_path: Path) -> None:
    tower = image_tower(open_clip, "RN50", {})
    torch.save({f"visual.{key}": one for key, one in tower.state_dict().items()}, tmp_path / "w.pt")
    names = ["RN50", "RN50-quickgelu", "RN50/openai", "RN50-quickgelu/cc12m"]
    prints = {
        lookalike.load_encoder(
            f"open_clip:{name}?weights={tmp_path}/w.pt", engine="torch"
        ).card.fingerprint
        for name in names
    }
    assert len(prints) == 1


def test_an_activation_that_a_tower_has_not_is_no_part_of_its_name() -> None:
    with torch.device("meta"):
        for settings in ({}, {"quick_gelu": True}):
            tower = image_tower(open_clip, "RN50", settings)
            assert algorithm("RN50", tower) == "open_clip/RN50"
            assert algorithm("RN50-quickgelu", tower) == "open_clip/RN50"


@pytest.mark.parametrize("front", ["", "module.model.", "visual."])
def test_files_of_the_tower_alone_or_of_all_are_taken_with_every_wrapping(
    tmp_path: Path, front: str
) -> None:
    torch.manual_seed(1)
    model = open_clip.create_model("ViT-S-32")
    state = model.visual.state_dict() if "visual" in front else model.state_dict()
    torch.save({"state_dict": {f"{front}{k}": one for k, one in state.items()}}, tmp_path / "w.pt")
    encoder = lookalike.load_encoder(f"open_clip:ViT-S-32?weights={tmp_path}/w.pt", engine="torch")
    assert encoder.card.weights == state_digest(model.visual)


def test_a_file_without_part_of_the_tower_is_refused(tmp_path: Path) -> None:
    state = image_tower(open_clip, "ViT-S-32", {}).state_dict()
    kept = {f"visual.{k}": one for k, one in state.items() if "resblocks.11." not in k}
    torch.save({**kept, "text.ln_final.weight": torch.ones(2)}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=r"12 missing: transformer\.resblocks\.11"):
        lookalike.load_encoder(f"open_clip:ViT-S-32?weights={tmp_path}/w.pt", engine="torch")


def test_positions_of_another_size_are_resized_and_that_is_said(tmp_path: Path) -> None:
    model = open_clip.create_model("ViT-S-32", force_image_size=256)
    torch.save(model.state_dict(), tmp_path / "w.pt")
    encoder = lookalike.load_encoder(f"open_clip:ViT-S-32?weights={tmp_path}/w.pt", engine="torch")
    own = open_clip.create_model("ViT-S-32", pretrained=str(tmp_path / "w.pt"))
    assert encoder.card.weights == state_digest(own.visual)
    assert any("positional_embedding resized" in note for note in encoder.notes)


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
