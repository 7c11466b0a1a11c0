import gc
from pathlib import Path

import numpy as np
import pytest
import timm
import torch

import lookalike
from lookalike.encoders.catalogue import published_row
from lookalike.encoders.families import timm as family
from lookalike.encoders.weights import state_digest
from lookalike.errors import MissingWeightsError, UnknownNameError, WeightsError
from lookalike.testing import noise_picture, scene_picture

FAMILIES = [
    "resnet18", "vit_tiny_patch16_224", "deit_tiny_patch16_224", "mobilenetv3_small_050",
    "efficientnet_lite0", "convnext_atto", "swin_tiny_patch4_window7_224", "regnetx_002",
    "densenet121", "mixer_s32_224", "ghostnet_100", "edgenext_xx_small", "mobilevit_xxs",
    "poolformer_s12", "pvt_v2_b0", "repvgg_a0", "hardcorenas_a", "tinynet_e",
    "xcit_nano_12_p16_224", "levit_128s", "vit_small_patch14_dinov2",
]  # fmt: skip


TINY = [
    "test_resnet", "test_vit", "test_convnext", "test_efficientnet", "test_nfnet", "test_byobnet",
]  # fmt: skip
"""Of unlike families, and with heads of unlike names."""

MANY = [
    "resnet18", "vit_tiny_patch16_224", "deit_tiny_patch16_224", "deit_tiny_distilled_patch16_224",
    "mobilenetv3_small_050", "efficientnet_lite0", "tf_efficientnet_lite0", "convnext_atto",
    "convnextv2_atto", "swin_tiny_patch4_window7_224", "swinv2_cr_tiny_ns_224", "regnetx_002",
    "regnety_002", "densenet121", "mixer_s32_224", "ghostnet_050", "edgenext_xx_small",
    "mobilevit_xxs", "mobilevitv2_050", "poolformer_s12", "pvt_v2_b0", "repvgg_a0",
    "hardcorenas_a", "tinynet_e", "xcit_nano_12_p16_224", "levit_128s", "lcnet_035",
    "mnasnet_small", "spnasnet_100", "fbnetc_100", "semnasnet_075", "mixnet_s", "cait_xxs24_224",
    "coat_lite_tiny", "convit_tiny", "crossvit_tiny_240", "cspresnet50", "darknet17", "dla46_c",
    "efficientformer_l1", "efficientvit_b0", "efficientvit_m0", "eva02_tiny_patch14_224",
    "fasternet_t0", "fastvit_t8", "focalnet_tiny_srf", "gcvit_xxtiny", "gmixer_12_224",
    "halonet26t", "hrnet_w18_small", "inception_next_atto", "mambaout_femto",
    "mobilenetv4_conv_small", "mobileone_s0", "nest_tiny", "pit_ti_224", "repvit_m0_9",
    "resmlp_12_224", "rexnet_100", "selecsls42", "shvit_s1", "starnet_s1", "tiny_vit_5m_224",
    "tnt_s_legacy_patch16_224", "twins_svt_small", "vgg11", "visformer_tiny", "volo_d1_224",
]  # fmt: skip
"""Small networks of many families; the tests of files pass over what this timm lacks."""

FRONTS = ["", "module.", "_orig_mod.", "model.", "backbone.", "encoder.", "module.model.backbone."]
NESTS = ["", "state_dict", "model", "model_state_dict", "state_dict_ema"]


def made(name: str, seed: int = 1) -> torch.nn.Module:
    torch.manual_seed(seed)
    network: torch.nn.Module = timm.create_model(name)
    return network.requires_grad_(False)


def check_length(name: str) -> None:
    encoder = lookalike.load_encoder(f"timm:{name}?weights=random", engine="torch")
    row = published_row("timm", name)
    assert row is not None
    assert encoder.encode([scene_picture(1)]).vectors.shape == (1, row.dim)
    del encoder
    gc.collect()


@pytest.mark.parametrize("name", TINY)
def test_architectures_have_the_length_that_models_lists(name: str) -> None:
    check_length(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_architectures_of_many_families_have_the_length_that_models_lists(name: str) -> None:
    check_length(name)


def refuses(name: str, tensors: dict[str, torch.Tensor], path: Path) -> str:
    torch.save(tensors, path)
    with pytest.raises(WeightsError) as caught:
        lookalike.load_encoder(f"timm:{name}?weights={path}", engine="torch")
    return str(caught.value)


def check_files(name: str, other: str, folder: Path, fronts: list[str], nests: list[str]) -> None:
    """Right files are taken whole with every wrapping, wrong ones are refused."""
    network = made(name)
    state = network.state_dict()
    path = folder / "w.pth"
    network.reset_classifier(0)  # type: ignore[operator]
    digest = state_digest(network)
    for front in fronts:
        for nest in nests:
            named = {f"{front}{key}": one for key, one in state.items()}
            torch.save({nest: named} if nest else named, path)
            encoder = lookalike.load_encoder(f"timm:{name}?weights={path}", engine="torch")
            assert encoder.card.weights == digest, (front, nest)
            assert not encoder.card.random
            assert len(encoder.notes) == bool(front) + ("module.model" in front), encoder.notes
    own = [key for key, one in network.state_dict().items() if one.is_floating_point()]
    for lost in (own[0], own[len(own) // 2], own[-1]):
        assert lost in refuses(name, {k: v for k, v in state.items() if k != lost}, path)
    assert "surplus" in refuses(name, {**state, "extra.weight": torch.ones(3)}, path)
    assert "another network" in refuses(name, made(other).state_dict(), path)


@pytest.mark.parametrize(("name", "other"), list(zip(TINY, TINY[1:] + TINY[:1], strict=True)))
def test_right_files_are_taken_whole_and_wrong_ones_refused(
    name: str, other: str, tmp_path: Path
) -> None:
    place = TINY.index(name)
    check_files(name, other, tmp_path, ["", FRONTS[1 + place]], ["", NESTS[1 + place % 4]])


@pytest.mark.slow
@pytest.mark.parametrize("name", MANY)
def test_right_files_of_many_families_are_taken_whole_and_wrong_ones_refused(
    name: str, tmp_path: Path
) -> None:
    if not timm.is_model(name):
        pytest.skip("this timm has no such network")
    check_files(name, "test_vit2", tmp_path, FRONTS, ["state_dict"])


def test_a_head_of_other_classes_or_none_changes_nothing(tmp_path: Path) -> None:
    digests = set()
    for classes in (1000, 7, 0):
        network = made("test_convnext")
        network.reset_classifier(classes)  # type: ignore[operator]
        torch.save(network.state_dict(), tmp_path / "w.pth")
        encoder = lookalike.load_encoder(
            f"timm:test_convnext?weights={tmp_path}/w.pth", engine="torch"
        )
        digests.add(encoder.card.weights)
    assert len(digests) == 1


def test_a_file_gives_what_the_network_gives(tmp_path: Path) -> None:
    network = made("test_resnet")
    torch.save(network.state_dict(), tmp_path / "w.pth")
    encoder = lookalike.load_encoder(f"timm:test_resnet?weights={tmp_path}/w.pth", engine="torch")
    network.eval().reset_classifier(0)  # type: ignore[operator]
    pictures = np.stack([noise_picture(seed, 160, 160) for seed in range(2)])
    with torch.inference_mode():
        expected = network(torch.from_numpy(encoder.card.preprocess.normalise(pictures)))
    torch.testing.assert_close(torch.from_numpy(encoder.run(pictures)[0]), expected)


def test_entries_are_renamed_and_resized_as_timm_does_it_and_that_is_said(tmp_path: Path) -> None:
    large = timm.create_model("test_vit", img_size=224)
    torch.save(large.state_dict(), tmp_path / "w.pth")
    encoder = lookalike.load_encoder(f"timm:test_vit?weights={tmp_path}/w.pth", engine="torch")
    overlay = {"file": str(tmp_path / "w.pth")}
    expected = timm.create_model(
        "test_vit", pretrained=True, num_classes=0, pretrained_cfg_overlay=overlay
    )
    assert encoder.card.weights == state_digest(expected)
    assert any("resized" in note and "pos_embed" in note for note in encoder.notes)


def test_published_weights_are_held_to_the_same_but_for_surplus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "w.pth"
    monkeypatch.setattr(family, "located", lambda *_, **__: path)
    network = made("test_vit")
    torch.save({**network.state_dict(), "extra.weight": torch.ones(3)}, path)
    encoder = lookalike.load_encoder("timm:test_vit", engine="torch")
    network.reset_classifier(0)  # type: ignore[operator]
    assert (encoder.card.weights, encoder.notes) == (state_digest(network), ())
    half = {key: one for key, one in network.state_dict().items() if "blocks.1" not in key}
    torch.save(half, path)
    with pytest.raises(WeightsError, match="missing"):
        lookalike.load_encoder("timm:test_vit", engine="torch")


def test_the_network_that_weights_are_of_is_named(tmp_path: Path) -> None:
    for classes in (1000, 7, 0):
        other = made("test_vit")
        other.reset_classifier(classes)  # type: ignore[operator]
        assert "timm:test_vit?" in refuses("test_resnet", other.state_dict(), tmp_path / "w.pth")


def test_averaged_weights_are_taken_and_the_choice_is_told(tmp_path: Path) -> None:
    plain, average = made("test_resnet", 1), made("test_resnet", 2)
    path = tmp_path / "w.pth"
    torch.save({"state_dict": plain.state_dict(), "state_dict_ema": average.state_dict()}, path)
    for option, expected in (("", average), ("&nest=state_dict", plain)):
        encoder = lookalike.load_encoder(f"timm:test_resnet?weights={path}{option}", engine="torch")
        expected.reset_classifier(0)  # type: ignore[operator]
        assert encoder.card.weights == state_digest(expected)
        assert len(encoder.notes) == (not option)


def test_asking_timm_leaves_its_own_loading_as_it_was(tmp_path: Path) -> None:
    network = made("test_resnet")
    torch.save(network.state_dict(), tmp_path / "w.pth")
    lookalike.load_encoder(f"timm:test_resnet?weights={tmp_path}/w.pth", engine="torch")
    again = timm.create_model(
        "test_resnet", pretrained=True, pretrained_cfg_overlay={"file": str(tmp_path / "w.pth")}
    )
    assert state_digest(again) == state_digest(network)


def test_offline_names_the_repository_and_the_place() -> None:
    with pytest.raises(MissingWeightsError, match=r"timm/resnet18\.a1_in1k") as caught:
        lookalike.load_encoder("timm:resnet18.a1_in1k", offline=True)
    assert "model.safetensors" in caught.value.cure


def test_unknown_names_and_tags_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="resnet18"):
        lookalike.load_encoder("timm:resnet188")
    with pytest.raises(UnknownNameError, match="a1_in1k"):
        lookalike.load_encoder("timm:resnet18.a1_in1kk")
