"""EfficientNet-PyTorch's names, against a table of them written the other way round."""

import re
from pathlib import Path

import pytest
import timm
import torch

import lookalike
from lookalike.encoders.weights import state_digest
from lookalike.errors import WeightsError

THEIRS = {
    ("conv_pw", True): "_expand_conv",
    ("bn1", True): "_bn0",
    ("conv_dw", True): "_depthwise_conv",
    ("bn2", True): "_bn1",
    ("conv_pwl", True): "_project_conv",
    ("bn3", True): "_bn2",
    ("conv_dw", False): "_depthwise_conv",
    ("bn1", False): "_bn1",
    ("conv_pw", False): "_project_conv",
    ("bn2", False): "_bn2",
    ("se.conv_reduce", True): "_se_reduce",
    ("se.conv_expand", True): "_se_expand",
    ("se.conv_reduce", False): "_se_reduce",
    ("se.conv_expand", False): "_se_expand",
}
ENDS = {
    "conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1",
    "classifier": "_fc",
}  # fmt: skip


def their_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """timm's entries as EfficientNet-PyTorch calls them: blocks counted through."""
    blocks = list(
        dict.fromkeys(found[0] for key in state if (found := re.match(r"blocks\.\d+\.\d+", key)))
    )
    named = {}
    for key, one in state.items():
        layer, _, entry = key.rpartition(".")
        if not key.startswith("blocks."):
            named[f"{ENDS[layer]}.{entry}"] = one
            continue
        block = ".".join(key.split(".")[:3])
        widens = f"{block}.conv_pwl.weight" in state
        theirs = THEIRS[layer.removeprefix(f"{block}."), widens]
        named[f"_blocks.{blocks.index(block)}.{theirs}.{entry}"] = one
    return named


def network(name: str) -> torch.nn.Module:
    torch.manual_seed(1)
    made: torch.nn.Module = timm.create_model(name)
    for key, one in made.state_dict().items():  # statistics that differ from layer to layer
        if key.endswith(("running_mean", "running_var", "bias")):
            one += torch.rand_like(one)
    return made


@pytest.mark.parametrize(
    ("name", "front"), [("tf_efficientnet_lite0", ""), ("tf_efficientnet_b0", "module.backbone.")]
)
def test_their_checkpoints_give_timms_network(tmp_path: Path, name: str, front: str) -> None:
    made = network(name)
    named = {f"{front}{key}": one for key, one in their_names(made.state_dict()).items()}
    torch.save({"state_dict": named}, tmp_path / "w.pth")
    encoder = lookalike.load_encoder(f"timm:{name}?weights={tmp_path}/w.pth", engine="torch")
    made.reset_classifier(0)  # type: ignore[operator]
    assert encoder.card.weights == state_digest(made)
    assert any("EfficientNet-PyTorch" in note for note in encoder.notes)


def test_a_network_that_pads_otherwise_is_refused_with_the_one_that_does_not(
    tmp_path: Path,
) -> None:
    torch.save(their_names(network("tf_efficientnet_lite0").state_dict()), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="EfficientNet-PyTorch") as caught:
        lookalike.load_encoder(f"timm:efficientnet_lite0?weights={tmp_path}/w.pth", engine="torch")
    assert "timm:tf_efficientnet_lite0" in caught.value.cure


def test_another_size_of_theirs_is_refused(tmp_path: Path) -> None:
    with torch.device("meta"):
        other = timm.create_model("tf_efficientnet_lite2").state_dict()
    values = {key: torch.ones(one.shape, dtype=one.dtype) for key, one in other.items()}
    torch.save(their_names(values), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="another network") as caught:
        lookalike.load_encoder(
            f"timm:tf_efficientnet_lite0?weights={tmp_path}/w.pth", engine="torch"
        )
    assert "timm:tf_efficientnet_lite2" in caught.value.cure
