"""The fourteen networks, held against numbers of torchreid's own."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lookalike.encoders.catalogue import published
from lookalike.encoders.reid.architectures import ARCHITECTURES, build
from lookalike.encoders.reid.blocks import AffineInstanceNorm
from lookalike.encoders.reid.mlfn import selected
from lookalike.encoders.reid.network import ReidNetwork
from lookalike.encoders.reid.osnet import ChannelGate
from lookalike.encoders.tap import Tap
from lookalike.errors import UnknownNameError

# R1, R4: parameters without and with a classifier of 1000, trainable entries and buffers,
# length of the feature, multiply-accumulates for one picture of 256 x 128
SIZES = {
    "osnet_x0_25": (201864, 714864, 327, 240, 512, 82316000),
    "osnet_x0_5": (630034, 1143034, 327, 240, 512, 272901064),
    "osnet_x0_75": (1285754, 1798754, 327, 240, 512, 571754536),
    "osnet_x1_0": (2169508, 2682508, 327, 240, 512, 978878352),
    "osnet_ibn_x1_0": (2170532, 2683532, 331, 237, 512, 978878352),
    "osnet_ain_x0_25": (201864, 714864, 327, 225, 512, 82316000),
    "osnet_ain_x0_5": (630034, 1143034, 327, 225, 512, 272901064),
    "osnet_ain_x0_75": (1285754, 1798754, 327, 225, 512, 571754536),
    "osnet_ain_x1_0": (2169508, 2682508, 327, 225, 512, 978878352),
    "mlfn": (32473024, 33498024, 360, 309, 1024, 2771421376),
    "mobilenetv2_x1_0": (2224960, 3505960, 161, 159, 1280, 203976704),
    "mobilenetv2_x1_4": (4291604, 6084604, 161, 159, 1792, 381847424),
    "resnet50": (23508032, 25557032, 161, 159, 2048, 2669150208),
    "resnet50_fc512": (24558144, 25071144, 165, 162, 512, 4054319616),
}

ENTRIES = {
    "osnet_x0_25": 567, "osnet_x0_5": 567, "osnet_x0_75": 567, "osnet_x1_0": 567,
    "osnet_ibn_x1_0": 568, "osnet_ain_x0_25": 552, "osnet_ain_x0_5": 552, "osnet_ain_x0_75": 552,
    "osnet_ain_x1_0": 552, "mlfn": 669, "mobilenetv2_x1_0": 320, "mobilenetv2_x1_4": 320,
    "resnet50": 320, "resnet50_fc512": 327,
}  # fmt: skip

# R2, R3: digests of names and shapes without the classifier, and with one of 1000
FINGERPRINTS = {
    "osnet_x0_25": ("98ea2fe0c54c8ddc", "7a74c74faa82e8c7"),
    "osnet_x0_5": ("65356f024e9e0860", "fa4657eb30b1d945"),
    "osnet_x0_75": ("682d7e0789a3606e", "713193b84cd0698e"),
    "osnet_x1_0": ("0a6c83876a93308b", "7899e60ff4db6639"),
    "osnet_ibn_x1_0": ("0cbf2b4157cf739b", "e27162a3b2d526f1"),
    "osnet_ain_x0_25": ("f43daebbdcd461a3", "4f311f9ebce881b4"),
    "osnet_ain_x0_5": ("26028e285e9baabc", "b72390cd32f22815"),
    "osnet_ain_x0_75": ("3e22fdbe46b58f4b", "5e441040de4fdf5c"),
    "osnet_ain_x1_0": ("a8011e1c767235b0", "750f39ea941002a7"),
    "mlfn": ("2872da64e8f203db", "80d4e87b95dba154"),
    "mobilenetv2_x1_0": ("7502d8d8706c5abf", "e93edb2d135ce236"),
    "mobilenetv2_x1_4": ("321dfeb290e1484b", "83eb9a3ce3dd36c7"),
    "resnet50": ("8443f11d733b295f", "878103b292353218"),
    "resnet50_fc512": ("7dba4b6b44b86970", "cf93384d4d493466"),
}

# R7: the first four values of row 0, the norms of both rows, their cosine, the largest of row 0
OUTPUTS = {
    "osnet_x0_25": ((3511.296, 0, 1911.445, 0), 99251.95, 107841.3, 0.999920, 413),
    "osnet_x0_5": ((69574.45, 52137.86, 19199.26, 12170.7), 1047184, 1057864, 0.995175, 165),
    "osnet_x0_75": ((13374.18, 15340.71, 5921.383, 0), 422534.9, 590812.1, 0.987164, 295),
    "osnet_x1_0": ((104363.6, 38506.03, 34472.3, 44564.44), 2905803, 2882355, 0.999555, 221),
    "osnet_ibn_x1_0": ((2348.811, 1082.339, 610.0965, 877.203), 58792, 47814.62, 0.998428, 221),
    "osnet_ain_x0_25": ((87.62115, 66.18161, 19.74706, 0), 1229.961, 1202.147, 0.999675, 138),
    "osnet_ain_x0_5": ((25.32943, 32.74403, 13.38481, 110.3451), 720.9805, 710.7587, 0.998023, 69),
    "osnet_ain_x0_75": ((17.19315, 102.4853, 4.168023, 0), 1395.16, 1400.726, 0.998419, 61),
    "osnet_ain_x1_0": ((31.11348, 0, 19.49084, 135.2876), 1355.217, 1282.276, 0.997804, 239),
    "mlfn": ((0, 0, 357.3626, 0), 11700.21, 11725.84, 0.978879, 834),
    "mobilenetv2_x1_0": (
        (0.3016426, 0, 4.083528, 0.007694243), 83.29783, 82.48908, 0.992321, 416,
    ),
    "mobilenetv2_x1_4": ((5.333598, 3.996684, 2.594598, 0), 95.92562, 95.63177, 0.990051, 596),
    "resnet50": ((2711.707, 3807.408, 3920.021, 3425.342), 254315.9, 264909.4, 0.999879, 1721),
    "resnet50_fc512": ((1598.023, 17886.65, 0, 0), 149518, 155581.1, 0.999970, 25),
}  # fmt: skip

# R8: mean magnitude of what a stage gives in the same run; what a table calls transition 2 is
# the last part of a stage here
STAGES = {
    "osnet_x0_25": {
        "conv1": 0.383679, "maxpool": 0.530962, "conv2.0": 2.54965, "conv2.1": 13.605,
        "conv2.2": 10.8526, "conv3.0": 31.3625, "conv3.2": 123.533, "conv4": 2903.4,
        "conv5": 2303.88, "fc": 2422.15,
    },
    "osnet_ibn_x1_0": {
        "conv1": 0.477814, "maxpool": 0.670120, "conv2.0": 0.415057, "conv2.2": 0.457569,
        "conv3.2": 14.9801, "conv4": 1207.61, "conv5": 1269.62, "fc": 1278.03,
    },
    "osnet_ain_x0_25": {
        "conv1": 0.419000, "conv2.0": 0.713864, "conv2": 0.966892, "pool2": 0.749799,
        "conv3.0": 2.58579, "conv3": 2.79592, "pool3": 2.94693, "conv4": 28.9477,
        "conv5": 27.6669, "fc": 28.6123,
    },
    "mlfn": {
        "conv1": 0.732780, "bn1": 0.744099, "maxpool": 0.526052, "input:feature.1": 0.851732,
        "input:feature.3": 2.09352, "input:feature.4": 2.21853, "input:feature.7": 13.6653,
        "input:feature.8": 14.979, "input:feature.13": 175.222, "input:feature.14": 208.304,
        "feature.15": 554.953, "fc_x": 392.528, "fc_s": 0.407968,
    },
    "mobilenetv2_x1_0": {
        "conv1": 0.461751, "conv2": 1.49363, "conv3": 2.30643, "conv4": 3.94613,
        "conv5": 5.08784, "conv6": 4.57462, "conv7": 4.33074, "conv8": 2.46163, "conv9": 1.60961,
    },
    "resnet50": {
        "conv1": 0.727492, "maxpool": 0.510966, "layer1": 2.72319, "layer2": 21.4075,
        "layer3": 744.641, "layer4": 3870.16,
    },
    "resnet50_fc512": {"layer3": 744.641, "layer4": 4144.31, "fc": 3649.78},
}  # fmt: skip

NAMES = list(SIZES)


def on_paper(name: str, classes: int = 1000) -> ReidNetwork:
    """A network with shapes and no values."""
    with torch.device("meta"):
        return build(name, classes=classes)


def fingerprint(network: nn.Module, *, head: bool) -> str:
    lines = [
        f"{key}:{'x'.join(map(str, tensor.shape))}"
        for key, tensor in network.state_dict().items()
        if head or not key.startswith("classifier.")
    ]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]


def filled(network: ReidNetwork) -> ReidNetwork:
    """Every entry from a generator of its own, by its name."""

    def values(key: str, shape: tuple[int, ...]) -> np.ndarray:
        random = np.random.RandomState(crc32(key.encode()))
        if key.endswith("num_batches_tracked"):
            return np.zeros(shape)
        if key.endswith((".running_mean", ".bias")):
            return 0.1 * random.standard_normal(shape)
        if len(shape) > 1:
            return random.standard_normal(shape) * math.sqrt(2 / math.prod(shape[1:]))
        return 0.5 + random.random_sample(shape)

    with torch.no_grad():
        for key, tensor in network.state_dict().items():
            tensor.copy_(torch.from_numpy(np.asarray(values(key, tuple(tensor.shape)))))
    return network.eval()


def waves() -> Tensor:
    n, c, i, j = np.ogrid[:2, :3, :256, :128]
    return torch.from_numpy(np.sin(0.05 * (n + 1) * i + 0.11 * j + c).astype(np.float32))


@dataclass
class Pass:
    """What one run of a filled network gave for two pictures."""

    network: ReidNetwork
    feature: Tensor
    stages: list[float]
    operations: int


class Operations:
    """Counts multiply-accumulates of convolutions and linear layers; adding a bias is one, too."""

    def __init__(self, network: nn.Module) -> None:
        self.total = 0
        self.hooks = [
            module.register_forward_hook(self.count)
            for module in network.modules()
            if isinstance(module, (nn.Conv2d, nn.Linear))
        ]

    def count(self, module: nn.Module, _: object, output: Tensor) -> None:
        assert isinstance(module, (nn.Conv2d, nn.Linear))
        self.total += output.numel() * (module.weight[0].numel() + (module.bias is not None))


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def run(name: str) -> Pass:
    network = filled(build(name))
    operations = Operations(network)
    with torch.inference_mode():
        *stages, feature = Tap(network, [*STAGES.get(name, ()), ""])(waves())
    return Pass(network, feature, [one.abs().mean().item() for one in stages], operations.total)


def test_there_are_fourteen_networks() -> None:
    assert list(ARCHITECTURES) == NAMES == list(ENTRIES) == list(FINGERPRINTS) == list(OUTPUTS)
    assert {row.name for row in published("reid")} == set(NAMES)
    with pytest.raises(UnknownNameError, match="osnet_ibn_x1_0"):
        build("osnet_ibn_x0_5")


# R1
@pytest.mark.parametrize("name", NAMES)
def test_a_network_has_the_published_number_of_parameters_and_entries(name: str) -> None:
    bare, whole, trainable, buffers, dim, _ = SIZES[name]
    network = on_paper(name)
    assert (network.dim, tuple(network.classifier.weight.shape)) == (dim, (1000, dim))
    assert sum(one.numel() for one in network.parameters()) == whole
    assert all(one.requires_grad for one in network.parameters())
    network_without_head = [
        one for key, one in network.named_parameters() if not key.startswith("classifier.")
    ]
    assert sum(one.numel() for one in network_without_head) == bare
    assert len(network.state_dict()) == ENTRIES[name]
    assert len(list(network.parameters())) == trainable
    assert len(list(network.buffers())) == buffers
    assert trainable + buffers == ENTRIES[name]


# R2, R3
@pytest.mark.parametrize("name", NAMES)
def test_entries_have_the_names_and_shapes_of_torchreid(name: str) -> None:
    network = on_paper(name)
    found = fingerprint(network, head=False), fingerprint(network, head=True)
    assert found == FINGERPRINTS[name]


def test_no_two_networks_share_a_set_of_entries() -> None:
    assert len({FINGERPRINTS[name] for name in NAMES}) == 14


def test_the_input_of_the_reference_run_is_the_published_one() -> None:
    pictures = waves()
    assert pictures.dtype == torch.float32
    assert pictures[0, 0, 0, :4].tolist() == pytest.approx(
        [0, 0.109778, 0.218230, 0.324043], abs=1e-6
    )
    assert pictures.double().sum().item() == pytest.approx(232.6325, abs=1e-4)


# R4
def test_operations_are_as_many_as_published_and_as_the_catalogue_lists(
    name: str, run: Pass
) -> None:
    bare, _, _, _, dim, operations = SIZES[name]
    assert run.operations == 2 * operations
    rows = [row for row in published("reid") if row.name == name]
    assert rows
    for row in rows:
        assert row.gflops == round(operations / 1e9, 3)
        assert (row.dim, row.params, row.input) == (dim, bare, "256x128")


# R7
def test_a_filled_network_gives_the_numbers_of_torchreid(name: str, run: Pass) -> None:
    first, *norms, cosine, largest = OUTPUTS[name]
    feature = run.feature.double()
    assert feature.shape == (2, SIZES[name][4])
    found = feature.norm(dim=1)
    assert found.tolist() == pytest.approx(norms, rel=1e-3)
    assert feature[0, :4].tolist() == pytest.approx(list(first), abs=1e-3 * norms[0])
    # what is said to be zero is zero, and small values beside large ones are there
    assert feature[0, :4].tolist() == pytest.approx(list(first), rel=1e-2)
    unit = feature / found[:, None]
    assert (unit[0] @ unit[1]).item() == pytest.approx(cosine, abs=1e-5)
    assert int(feature[0].argmax()) == largest


# R8
def test_every_stage_gives_the_mean_of_torchreid(name: str, run: Pass) -> None:
    assert run.stages == pytest.approx(list(STAGES.get(name, {}).values()), rel=1e-4)


# R9
def test_features_are_never_negative_so_that_cosines_are_neither(name: str, run: Pass) -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(3, 3, 64, 32, generator=generator)
    with torch.inference_mode():
        features = torch.cat([run.feature, run.network(noise)]).double()
    assert features.min() >= 0
    unit = nn.functional.normalize(features)
    cosines = unit @ unit.T
    assert cosines.min() >= 0
    assert cosines.max() <= 1 + 1e-12
    assert features.max() <= 6 or "mobilenet" not in name


@pytest.mark.parametrize("name", ["mobilenetv2_x1_0", "mobilenetv2_x1_4"])
def test_features_of_mobilenet_stay_at_six_however_large_its_weights(name: str) -> None:
    network = filled(build(name))
    with torch.no_grad():
        network.state_dict()["conv9.bn.weight"].mul_(1e4)
        feature = network(waves()[:, :, :64, :32])
    assert 5 < feature.max() < 6.0001


# R5
@pytest.mark.parametrize(
    ("size", "last"),
    [
        ((256, 128), (16, 8)),
        ((160, 64), (10, 4)),
        ((224, 224), (14, 14)),
        ((384, 128), (24, 8)),
        ((64, 32), (4, 2)),
    ],
)
def test_the_last_map_of_osnet_is_a_sixteenth_of_the_picture(
    size: tuple[int, int], last: tuple[int, int]
) -> None:
    network = build("osnet_x0_25").eval()
    with torch.inference_mode():
        maps, feature = Tap(network, ["conv5", ""])(torch.ones(2, 3, *size))
    assert maps.shape == (2, 128, *last)
    assert feature.shape == (2, 512)


@pytest.mark.parametrize(
    ("name", "layer", "shape"),
    [
        ("osnet_ibn_x1_0", "conv5", (512, 16, 8)),
        ("osnet_ain_x0_75", "conv5", (384, 16, 8)),
        ("mlfn", "feature.15", (2048, 8, 4)),
        ("mobilenetv2_x1_0", "conv9", (1280, 8, 4)),
        ("mobilenetv2_x1_4", "conv9", (1792, 8, 4)),
        ("resnet50", "layer4", (2048, 8, 4)),
        ("resnet50_fc512", "layer4", (2048, 16, 8)),
    ],
)
def test_the_last_map_has_the_size_of_its_network(
    name: str, layer: str, shape: tuple[int, ...]
) -> None:
    network = on_paper(name).eval()
    (maps,) = Tap(network, [layer])(torch.ones(1, 3, 256, 128, device="meta"))
    assert maps.shape == (1, *shape)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(160, 64), (224, 224)])
def test_every_network_takes_other_sizes(name: str, size: tuple[int, int]) -> None:
    feature = on_paper(name).eval()(torch.ones(3, 3, *size, device="meta"))
    assert feature.shape == (3, SIZES[name][4])


# R6
@pytest.mark.parametrize("name", NAMES)
def test_training_gives_logits_and_for_triplets_the_feature_too(name: str) -> None:
    torch.manual_seed(0)
    pictures = torch.randn(2, 3, 64, 32)
    network = build(name, classes=751)
    assert network.training
    logits = network(pictures)
    assert logits.shape == (2, 751)
    network.loss = "triplet"
    with torch.no_grad():
        pair = network(pictures)
        assert isinstance(pair, tuple)
        again, feature = pair
        torch.testing.assert_close(again, network.classifier(feature))
    assert feature.shape == (2, SIZES[name][4])
    torch.testing.assert_close(again, logits)


def test_a_loss_that_nobody_knows_fails_in_training_and_not_before() -> None:
    network = build("osnet_x0_25", classes=751, loss="centre")
    pictures = torch.zeros(2, 3, 64, 32)
    with pytest.raises(KeyError, match="centre"):
        network(pictures)
    assert network.eval()(pictures).shape == (2, 512)


@pytest.mark.parametrize(("loss", "outputs"), [("softmax", 1), ("triplet", 2)])
def test_the_loss_is_chosen_when_a_network_is_built(loss: str, outputs: int) -> None:
    network = build("osnet_x0_25", classes=751, loss=loss)
    found = network(torch.zeros(2, 3, 64, 32))
    shapes = [tuple(one.shape) for one in (found if loss == "triplet" else [found])]
    assert shapes == [(2, 751), (2, 512)][:outputs]


def having(network: nn.Module, part: str) -> list[str]:
    """What of a network has a part of this name, in order."""
    names = [name.rpartition(".") for name, _ in network.named_modules()]
    return [owner for owner, _, last in names if last == part]


# R10
@pytest.mark.parametrize(
    ("name", "first", "instance"),
    [
        ("osnet_x1_0", 5, []),
        ("osnet_ibn_x1_0", 2, ["conv2.0", "conv2.1"]),
        ("osnet_ain_x0_25", 2, ["conv2.0", "conv2.1", "conv3.1", "conv4.0"]),
        ("osnet_ain_x1_0", 2, ["conv2.0", "conv2.1", "conv3.1", "conv4.0"]),
    ],
)
def test_instance_norms_are_where_they_belong(name: str, first: int, instance: list[str]) -> None:
    network = on_paper(name)
    assert sum(key.startswith("conv1.bn.") for key in network.state_dict()) == first
    assert having(network, "IN") == instance
    for block in instance:
        # inside a block it stands in place of the batch norm, after a block it does not
        norm = f"{block}.conv3.bn.weight" in network.state_dict()
        assert norm == (name == "osnet_ibn_x1_0")


def test_instance_norms_learn_a_scale_and_keep_no_statistics() -> None:
    found = [
        one for one in build("osnet_ain_x0_25").modules() if isinstance(one, nn.InstanceNorm2d)
    ]
    assert len(found) == 5
    for one in found:
        assert (one.eps, one.affine, one.track_running_stats) == (1e-5, True, False)
        assert one.running_mean is None
        assert set(one.state_dict()) == {"weight", "bias"}
    torch.manual_seed(0)
    norm, maps = AffineInstanceNorm(4), torch.randn(3, 4, 6, 5)
    deviation, mean = torch.std_mean(maps, (2, 3), correction=0, keepdim=True)
    expected = (maps - mean) / (deviation**2 + 1e-5).sqrt()
    torch.testing.assert_close(norm.train()(maps), expected)
    torch.testing.assert_close(norm.eval()(maps), expected)


@pytest.mark.parametrize("name", NAMES)
def test_batch_norms_have_the_settings_of_torchreid(name: str) -> None:
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d)
    found = [one for one in on_paper(name).modules() if isinstance(one, kinds)]
    assert len(found) * 3 == SIZES[name][3]
    settings = {(one.eps, one.momentum, one.affine, one.track_running_stats) for one in found}
    assert settings == {(1e-5, 0.1, True, True)}


# R11
@pytest.mark.parametrize(
    ("width", "middle", "hidden"),
    [
        ("x0_25", (16, 24, 32), (1, 1, 2)),
        ("x0_5", (32, 48, 64), (2, 3, 4)),
        ("x0_75", (48, 72, 96), (3, 4, 6)),
        ("x1_0", (64, 96, 128), (4, 6, 8)),
    ],
)
@pytest.mark.parametrize("kind", ["osnet", "osnet_ain"])
def test_gates_have_a_sixteenth_of_the_channels_inside(
    kind: str, width: str, middle: tuple[int, ...], hidden: tuple[int, ...]
) -> None:
    entries = on_paper(f"{kind}_{width}").state_dict()
    for stage, channels, inside in zip((2, 3, 4), middle, hidden, strict=True):
        for block in (0, 1):
            gate = f"conv{stage}.{block}.gate"
            assert entries[f"{gate}.fc1.weight"].shape == (inside, channels, 1, 1)
            assert entries[f"{gate}.fc1.bias"].shape == (inside,)
            assert entries[f"{gate}.fc2.weight"].shape == (channels, inside, 1, 1)
            assert entries[f"{gate}.fc2.bias"].shape == (channels,)


@pytest.mark.parametrize("name", ["osnet_x0_25", "osnet_ibn_x1_0", "osnet_ain_x0_25"])
def test_four_streams_go_through_one_gate_and_are_summed(name: str) -> None:
    network = filled(build(name))
    assert len([one for one in network.modules() if isinstance(one, ChannelGate)]) == 6
    block = network.get_submodule("conv3.1")
    (gate,) = [one for one in block.modules() if isinstance(one, ChannelGate)]
    passed: list[Tensor] = []
    gate.register_forward_hook(lambda _, inputs, output: passed.extend((inputs[0], output)))
    outputs, inputs = network.state_dict()["conv3.1.conv3.conv.weight"].shape[:2]
    maps = torch.randn(2, outputs, 16, 8, generator=torch.Generator().manual_seed(0))
    fc1, fc2 = (
        (one.weight[:, :, 0, 0], one.bias if one.bias is not None else 0)
        for one in (gate.fc1, gate.fc2)
    )
    with torch.no_grad():
        (summed,) = Tap(block, ["input:conv3"])(maps)
        entered, left = passed[::2], passed[1::2]
        assert len(entered) == 4
        assert summed.shape == (2, inputs, 16, 8)
        torch.testing.assert_close(summed, left[0] + left[1] + left[2] + left[3])
        for before, after in zip(entered, left, strict=True):
            inner = torch.relu(before.mean((2, 3)) @ fc1[0].T + fc1[1])
            weights = torch.sigmoid(inner @ fc2[0].T + fc2[1])
            torch.testing.assert_close(after, before * weights[:, :, None, None])


# R12
def test_a_selector_weighs_consecutive_channels() -> None:
    maps = torch.arange(1.0, 17).view(1, 4, 2, 2)
    selector = torch.tensor([2.0, 3.0]).view(1, 2, 1, 1)
    expected = maps * torch.tensor([2.0, 2.0, 3.0, 3.0]).view(1, 4, 1, 1)
    assert torch.equal(selected(maps, selector), expected)


def test_the_selectors_of_all_blocks_join_the_feature_of_mlfn_in_order() -> None:
    torch.manual_seed(0)
    network = build("mlfn").eval()
    layers = [f"feature.{block}.fsm" for block in range(16)]
    with torch.inference_mode():
        found = Tap(network, [*layers, "input:fc_s", "fc_x", "fc_s", ""])(torch.randn(2, 3, 64, 32))
    *selectors, joined, from_maps, from_selectors, feature = found
    assert joined.shape == (2, 512, 1, 1)
    assert torch.equal(torch.cat(selectors, 1), joined)
    torch.testing.assert_close(feature, (from_maps + from_selectors).flatten(1) / 2)


@pytest.mark.parametrize("name", NAMES)
def test_fresh_weights_are_drawn_as_torchreid_draws_them(name: str) -> None:
    torch.manual_seed(0)
    network = build(name)
    kinds = {nn.Conv2d: 0, nn.Linear: 0}
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            weight = module.weight.detach()
            # Kaiming, fan-out: of as many weights as an input has outputs it reaches
            fan_out = weight.shape[0] * weight[0, 0].numel()
            expected = math.sqrt(2 / fan_out) if isinstance(module, nn.Conv2d) else 0.01
            error = 5 / math.sqrt(weight.numel())
            assert abs(weight.mean()) < error * expected
            assert weight.std().item() == pytest.approx(expected, rel=max(error, 1e-3))
            kinds[type(module)] += 1
            if module.bias is not None:
                assert not module.bias.any()
        elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.InstanceNorm2d)):
            assert (module.weight == 1).all()  # the last of a block, too
            assert not module.bias.any()
    assert kinds[nn.Linear] == 1 + ("osnet" in name or "fc512" in name)
    assert kinds[nn.Conv2d] > 50


def test_fresh_weights_differ_from_build_to_build() -> None:
    first, second = build("osnet_x0_25"), build("osnet_x0_25")
    assert not torch.equal(first.fc[0].weight, second.fc[0].weight)  # type: ignore[index,union-attr]
