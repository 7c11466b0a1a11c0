"""Checkpoints as they are in circulation: told apart, taken whole, or refused with the reason."""

from __future__ import annotations

import hashlib
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from zlib import crc32

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from lookalike.encoders.fitting import Loaded
from lookalike.encoders.reid import checkpoint as module
from lookalike.encoders.reid.architectures import architecture_of, build
from lookalike.encoders.reid.checkpoint import (
    Checkpoint,
    load_checkpoint,
    nearest_architecture,
    read_checkpoint,
)
from lookalike.encoders.reid.network import ReidNetwork
from lookalike.errors import MissingWeightsError, WeightsError

FINGERPRINTS = {
    "osnet_x0_25": "98ea2fe0c54c8ddc",
    "osnet_x0_5": "65356f024e9e0860",
    "osnet_x0_75": "682d7e0789a3606e",
    "osnet_x1_0": "0a6c83876a93308b",
    "osnet_ibn_x1_0": "0cbf2b4157cf739b",
    "osnet_ain_x0_25": "f43daebbdcd461a3",
    "osnet_ain_x0_5": "26028e285e9baabc",
    "osnet_ain_x0_75": "3e22fdbe46b58f4b",
    "osnet_ain_x1_0": "a8011e1c767235b0",
    "mlfn": "2872da64e8f203db",
    "mobilenetv2_x1_0": "7502d8d8706c5abf",
    "mobilenetv2_x1_4": "321dfeb290e1484b",
    "resnet50": "8443f11d733b295f",
    "resnet50_fc512": "7dba4b6b44b86970",
}
"""Digests of names and shapes without the classifier, as torchreid's networks have them."""

NAMES = list(FINGERPRINTS)
SMALL = "osnet_x0_25"


def shapes_of(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in tensors.items()}


@cache
def on_paper(name: str, classes: int = 1000) -> ReidNetwork:
    """A network with shapes and no values."""
    with torch.device("meta"):
        return build(name, classes=classes)


def state(name: str, classes: int = 751) -> OrderedDict[str, Tensor]:
    """Weights of a network as its trainer has them in memory; no two entries have equal values."""
    entries: OrderedDict[str, Tensor] = OrderedDict()
    for key, shape in shapes_of(on_paper(name, classes).state_dict()).items():
        if not shape:
            entries[key] = torch.tensor(7 + crc32(key.encode()) % 1000)
            continue
        # values differ along every axis, and a file of them is small
        line = torch.arange(sum(shape), dtype=torch.float32) + crc32(key.encode()) % 99991
        entries[key] = line.as_strided(shape, (1,) * len(shape))
    lines = [
        f"{key}:{'x'.join(map(str, shape))}"
        for key, shape in shapes_of(entries).items()
        if not key.startswith("classifier.")
    ]
    digest = hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]
    assert digest == FINGERPRINTS[name]
    return entries


def checkpoint_of(tensors: Mapping[str, Tensor], name: str = "w.pth") -> Checkpoint:
    shapes = shapes_of(tensors)
    return Checkpoint(Path(name), dict(tensors), architecture_of(shapes), None, None)


def loaded(path: Path, name: str = SMALL, **options: Any) -> tuple[ReidNetwork, Loaded]:
    network = build(name)
    return network, load_checkpoint(network, name, read_checkpoint(path), **options)


def assert_holds(network: ReidNetwork, tensors: Mapping[str, Tensor]) -> None:
    own = network.state_dict()
    for key, tensor in tensors.items():
        assert torch.equal(own[key], tensor), key


def features_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: one for key, one in tensors.items() if not key.startswith("classifier.")}


# R13
@pytest.mark.parametrize("classes", [751, 4101])
@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_told_from_names_and_shapes(name: str, classes: int) -> None:
    shapes = shapes_of(on_paper(name, classes).state_dict())
    assert architecture_of(shapes) == name
    bare = {key: shape for key, shape in shapes.items() if not key.startswith("classifier.")}
    assert architecture_of(bare) == name


@pytest.mark.parametrize(
    "shapes",
    [
        {},
        {"conv1.weight": (64, 3, 7, 7), "fc.weight": (1000, 512)},
        {"conv1.conv.weight": (24, 3, 7, 7), "conv2.0.conv2.0.layers.0.conv1.weight": (9, 9, 1, 1)},
        {"conv9.conv.weight": (1024, 320, 1, 1)},
        {"conv9.conv.weight": ()},
        {"conv1.conv.weight": ()},
    ],
)
def test_weights_of_other_networks_are_of_none_of_them(shapes: dict[str, tuple[int, ...]]) -> None:
    assert architecture_of(shapes) is None


@pytest.mark.parametrize("container", [".pth", ".pth.tar", ".pyth"])
@pytest.mark.parametrize("name", NAMES)
def test_every_network_takes_all_of_a_file(name: str, container: str, tmp_path: Path) -> None:
    path = tmp_path / f"w{container}"
    entries = state(name)
    content = {
        ".pth": entries,
        ".pth.tar": {
            "state_dict": {f"module.{key}": tensor for key, tensor in entries.items()},
            "epoch": 60,
            "rank1": 0.9,
        },
        ".pyth": {"model_state": entries, "epoch": 60},
    }
    torch.save(content[container], path)
    found = read_checkpoint(path)
    assert (found.architecture, found.classes, found.path) == (name, 751, path)
    assert list(found.tensors) == list(entries)
    network = build(name)
    result = load_checkpoint(network, name, found)
    assert_holds(network, features_of(entries))
    head = {"classifier.weight", "classifier.bias"}
    assert set(result.used) == set(entries) - head
    assert set(result.unused) == set(result.untouched) == head


# R14: what is accepted
@pytest.mark.parametrize("nest", ["state_dict", "model_state_dict", "model_state", "model", "net"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_are_found_where_trainers_keep_them(tmp_path: Path, nest: str, prefix: str) -> None:
    entries = state(SMALL)
    nested = {f"{prefix}{key}": tensor for key, tensor in entries.items()}
    torch.save({"epoch": 3, nest: nested}, tmp_path / "model.pth.tar-3")
    network, _ = loaded(tmp_path / "model.pth.tar-3")
    assert_holds(network, features_of(entries))


def test_a_prefix_may_stand_before_some_of_the_names_only(tmp_path: Path) -> None:
    entries = state(SMALL)
    mixed = {f"module.{key}" if "conv" in key else key: one for key, one in entries.items()}
    torch.save(mixed, tmp_path / "w.pth")
    network, _ = loaded(tmp_path / "w.pth")
    assert_holds(network, features_of(entries))


def test_an_entry_with_and_without_a_prefix_is_refused(tmp_path: Path) -> None:
    entries = state(SMALL)
    entries["module.conv1.bn.bias"] = entries["conv1.bn.bias"] + 1
    torch.save(entries, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="with and without module") as caught:
        read_checkpoint(tmp_path / "w.pth")
    assert caught.value.where == f"{tmp_path}/w.pth"


@pytest.mark.parametrize("classes", [None, 1, 702, 1000])
def test_the_classifier_is_of_no_account(tmp_path: Path, classes: int | None) -> None:
    entries = state(SMALL, classes or 751)
    if classes is None:
        entries = OrderedDict(features_of(entries))
    torch.save(entries, tmp_path / "w.pth")
    network, result = loaded(tmp_path / "w.pth")
    assert_holds(network, features_of(entries))
    head = {"classifier.weight", "classifier.bias"}
    # the network has 1000 identities; a classifier of as many is taken
    assert head.isdisjoint(result.unused) == (classes in (None, 1000))
    assert head.isdisjoint(result.untouched) == (classes == 1000)


def test_counters_may_be_missing(tmp_path: Path) -> None:
    entries = {key: one for key, one in state(SMALL).items() if "num_batches" not in key}
    assert len(entries) == 567 - 80
    torch.save(entries, tmp_path / "w.pth")
    network, result = loaded(tmp_path / "w.pth")
    assert_holds(network, features_of(entries))
    untouched = [key for key in result.untouched if not key.startswith("classifier.")]
    assert len(untouched) == 80
    assert {key.rpartition(".")[2] for key in untouched} == {"num_batches_tracked"}
    assert {int(network.state_dict()[key]) for key in untouched} == {0}


def trainers(entries: Mapping[str, Tensor], rank1: object) -> dict[str, object]:
    """What a trainer writes beside the weights."""
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.Adam([weight], amsgrad=True)
    weight.grad = torch.ones(2)
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 20)
    return {
        "state_dict": entries,
        "epoch": 60,
        "rank1": rank1,
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "cfg": {"model": {"name": "osnet"}, "lr": 0.0015, "steps": [20, 40], "note": None},
    }


@pytest.mark.parametrize(
    "rank1", [np.float64(0.712), np.float32(0.712), np.float16(0.712), np.int64(3), 0.712]
)
def test_what_a_trainer_writes_beside_the_weights_is_ignored(tmp_path: Path, rank1: object) -> None:
    entries = state(SMALL)
    torch.save(trainers(entries, rank1), tmp_path / "w.pth.tar")
    assert list(read_checkpoint(tmp_path / "w.pth.tar").tensors) == list(entries)
    network, _ = loaded(tmp_path / "w.pth.tar")
    assert_holds(network, features_of(entries))


def test_fields_beside_bare_weights_are_ignored(tmp_path: Path) -> None:
    entries = state(SMALL)
    torch.save({**entries, "epoch": 3, "cfg": "osnet", "rank1": 0.5}, tmp_path / "w.pth")
    network, result = loaded(tmp_path / "w.pth")
    assert_holds(network, features_of(entries))
    assert set(result.used) | set(result.unused) == set(entries)


def test_the_class_layer_of_torchvision_is_ignored(tmp_path: Path) -> None:
    entries = features_of(state("resnet50"))
    fc = {"fc.weight": torch.ones(1000, 2048), "fc.bias": torch.ones(1000)}
    torch.save({**entries, **fc}, tmp_path / "resnet50.pth")
    network, result = loaded(tmp_path / "resnet50.pth", "resnet50")
    assert_holds(network, entries)
    assert set(result.unused) == set(fc)


def test_safetensors_are_read_too(tmp_path: Path) -> None:
    entries = {key: tensor.contiguous() for key, tensor in state(SMALL).items()}
    save_file(entries, tmp_path / "w.safetensors")
    network, _ = loaded(tmp_path / "w.safetensors")
    assert_holds(network, features_of(entries))


def test_every_entry_of_file_and_network_is_accounted_for_once(tmp_path: Path) -> None:
    entries = {key: one for key, one in state(SMALL).items() if key != "fc.1.num_batches_tracked"}
    entries["fc.weight"], entries["extra.weight"] = torch.ones(1), torch.ones(2)
    torch.save(entries, tmp_path / "w.pth")
    network, result = loaded(tmp_path / "w.pth", ignore_surplus=True)
    assert sorted((*result.used, *result.unused)) == sorted(entries)
    assert sorted((*result.used, *result.untouched)) == sorted(network.state_dict())
    assert "fc.1.num_batches_tracked" in result.untouched


PythonPickler: Any = pickle._Pickler  # the one that can be changed


class OldPickler(PythonPickler):  # type: ignore[misc]
    """Writes text as Python 2 did: as bytes that nothing says the encoding of."""

    dispatch: ClassVar[dict[type, Any]] = dict(PythonPickler.dispatch)

    def save_str(self, text: str) -> None:
        encoded = text.encode("latin-1")
        self.write(b"U" + bytes([len(encoded)]) + encoded)
        self.memoize(text)

    dispatch[str] = save_str


def write_as_python_2(content: object, path: Path) -> None:
    def dump(content: object, stream: Any, protocol: int) -> None:
        OldPickler(stream, protocol).dump(content)

    old = SimpleNamespace(__name__="old", Pickler=OldPickler, dump=dump)
    torch.save(content, path, pickle_module=old, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("author", ["ascii", "é", "Zoë Straße"])
def test_files_of_python_2_are_read(tmp_path: Path, author: str) -> None:
    entries = state(SMALL)
    content = {"state_dict": entries, "author": author}
    write_as_python_2(content, tmp_path / "w.pth.tar")
    written = (tmp_path / "w.pth.tar").read_bytes()
    assert b"U" + bytes([len(author)]) + author.encode("latin-1") in written
    assert b"X" + bytes([len(author), 0, 0, 0]) not in written  # the way of Python 3
    network, _ = loaded(tmp_path / "w.pth.tar")
    assert_holds(network, features_of(entries))


@pytest.mark.parametrize("place", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_numbers_of_any_numpy_are_read(tmp_path: Path, place: bytes) -> None:
    content = {"state_dict": state(SMALL), "rank1": np.float64(0.712)}
    write_as_python_2(content, tmp_path / "w.pth.tar")
    written = (tmp_path / "w.pth.tar").read_bytes()
    own = np.float64(0).__reduce__()[0].__module__.encode()
    assert own in written
    (tmp_path / "w.pth.tar").write_bytes(written.replace(own, place))
    assert read_checkpoint(tmp_path / "w.pth.tar").architecture == SMALL


@pytest.fixture
def no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal is quick where it does not look for the network that fits best."""
    monkeypatch.setattr(module, "nearest_architecture", lambda _: (SMALL, 0, 0))


# R14: what is refused
@pytest.mark.usefixtures("no_search")
@pytest.mark.parametrize(
    ("drop", "add", "told"),
    [
        ("conv5.bn.bias", {}, "1 missing: conv5.bn.bias"),
        ("", {"fc.0.weight": (128, 512)}, "1 misshaped: fc.0.weight"),
        ("", {"conv1.bn.weight": (1, 16)}, "1 misshaped: conv1.bn.weight"),
        ("", {"fc.1.num_batches_tracked": (1,)}, "1 misshaped: fc.1.num_batches_tracked"),
        ("", {"conv6.weight": (1,)}, "1 surplus: conv6.weight"),
        ("", {"conv2.0.IN.weight": (64,)}, "1 surplus: conv2.0.IN.weight"),
        (
            "fc.",
            {},
            "6 missing: fc.0.weight, fc.0.bias, fc.1.weight, fc.1.bias ...",
        ),
        ("fc.0.bias", {"fc.bias_0": (512,)}, "1 missing: fc.0.bias; 1 surplus: fc.bias_0"),
    ],
)
def test_what_does_not_fit_is_refused_and_listed(
    drop: str, add: dict[str, tuple[int, ...]], told: str
) -> None:
    entries = {
        key: one for key, one in state(SMALL).items() if not drop or not key.startswith(drop)
    }
    entries |= {key: torch.ones(shape) for key, shape in add.items()}
    network = build(SMALL)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    with pytest.raises(WeightsError, match="another network") as caught:
        load_checkpoint(network, SMALL, checkpoint_of(entries))
    assert caught.value.what.endswith(f"fit): {told}")
    assert caught.value.where == "w.pth"
    assert_holds(network, before)  # nothing was taken


@pytest.mark.usefixtures("no_search")
def test_no_entry_of_a_feature_may_be_missing() -> None:
    network, whole = on_paper(SMALL), state(SMALL)
    needed = [key for key in features_of(whole) if not key.endswith("num_batches_tracked")]
    assert len(needed) == 567 - 80 - 2
    for missing in needed[::7]:
        rest = checkpoint_of({key: one for key, one in whole.items() if key != missing})
        with pytest.raises(WeightsError) as caught:
            load_checkpoint(network, SMALL, rest)
        assert caught.value.what.endswith(f"1 missing: {missing}")


def test_surplus_is_ignored_on_request_and_told(tmp_path: Path) -> None:
    entries = features_of(state("resnet50_fc512"))
    torch.save(entries, tmp_path / "w.pth.tar")
    with pytest.raises(WeightsError, match="7 surplus"):
        loaded(tmp_path / "w.pth.tar", "resnet50")
    network, result = loaded(tmp_path / "w.pth.tar", "resnet50", ignore_surplus=True)
    surplus = {key for key in entries if key.startswith("fc.")}
    assert set(result.unused) == surplus
    assert len(surplus) == 7
    assert_holds(network, {key: one for key, one in entries.items() if key not in surplus})


@pytest.mark.usefixtures("no_search")
def test_ignoring_surplus_forgives_nothing_else() -> None:
    whole = state("resnet50")
    with pytest.raises(WeightsError, match=r"6 missing: fc\.0\.weight"):
        load_checkpoint(
            on_paper("resnet50_fc512"),
            "resnet50_fc512",
            checkpoint_of(whole),
            ignore_surplus=True,
        )
    whole["bn1.bias"] = torch.ones(65)
    with pytest.raises(WeightsError, match=r"1 misshaped: bn1\.bias"):
        load_checkpoint(on_paper("resnet50"), "resnet50", checkpoint_of(whole), ignore_surplus=True)


# R15: entries of a file that fit a network by name and shape, and those that do not; entries of
# the network's feature that stay empty
MATCHES = [
    ("osnet_x1_0", "osnet_x1_0", 565, 2, 0),
    ("osnet_x1_0", "osnet_ibn_x1_0", 562, 5, 4),
    ("osnet_ibn_x1_0", "osnet_x1_0", 562, 6, 3),
    ("osnet_ain_x1_0", "osnet_x1_0", 110, 442, 455),
    ("osnet_x1_0", "osnet_ain_x1_0", 110, 457, 440),
    ("osnet_x0_25", "osnet_x0_5", 85, 482, 480),
    ("resnet50_fc512", "resnet50", 318, 9, 0),
    ("resnet50", "resnet50_fc512", 318, 2, 7),
    ("mobilenetv2_x1_0", "mobilenetv2_x1_4", 53, 267, 265),
]


@pytest.mark.parametrize(("source", "target", "matched", "rejected", "unfilled"), MATCHES)
def test_many_entries_fit_the_wrong_network(
    source: str, target: str, matched: int, rejected: int, unfilled: int
) -> None:
    theirs = set(shapes_of(on_paper(source, 751).state_dict()).items())
    own = set(shapes_of(on_paper(target, 1041).state_dict()).items())
    empty = [key for key, _ in own - theirs if not key.startswith("classifier.")]
    assert (len(theirs & own), len(theirs - own), len(empty)) == (matched, rejected, unfilled)


def test_what_fits_between_the_two_mobilenets_is_counters_and_the_first_input() -> None:
    both = [
        key
        for key, shape in shapes_of(on_paper("mobilenetv2_x1_0").state_dict()).items()
        if shapes_of(on_paper("mobilenetv2_x1_4").state_dict())[key] == shape
    ]
    assert {key.rpartition(".")[2] for key in both} == {"num_batches_tracked", "bias"}
    assert [key for key in both if key.endswith("bias")] == ["classifier.bias"]


@pytest.mark.parametrize("target", NAMES)
def test_weights_of_every_other_network_are_refused_by_their_name(target: str) -> None:
    network = on_paper(target)
    for source in set(NAMES) - {target}:
        with pytest.raises(WeightsError, match="another network") as caught:
            load_checkpoint(network, target, checkpoint_of(on_paper(source, 751).state_dict()))
        assert f"these are weights of {source}: use reid:{source}?weights=" in caught.value.cure


@pytest.mark.parametrize(
    ("name", "fitting"),
    [("osnet_x1_0", 485), ("osnet_ibn_x1_0", 487), ("resnet50_fc512", 271), ("mlfn", 564)],
)
def test_a_network_is_nearest_to_itself(name: str, fitting: int) -> None:
    assert nearest_architecture(on_paper(name, 751).state_dict()) == (name, fitting, fitting)


def test_damaged_weights_are_told_from_the_rest_of_them() -> None:
    entries = state("osnet_ain_x0_25")
    kept = {key: one for key, one in entries.items() if not key.startswith("conv1.")}
    assert architecture_of(shapes_of(kept)) is None
    found = checkpoint_of(kept)
    with pytest.raises(WeightsError, match=r"3 missing: conv1\.conv\.weight") as caught:
        load_checkpoint(on_paper("osnet_ain_x0_25"), "osnet_ain_x0_25", found)
    assert "osnet_ain_x0_25 fits best, with 472 of its 475 entries" in caught.value.cure


def test_weights_of_a_network_from_elsewhere_are_refused_with_how_little_fits() -> None:
    foreign = {"layer1.0.conv1.weight": torch.ones(64, 64, 1, 1), "x": torch.ones(3)}
    with pytest.raises(WeightsError, match="another network") as caught:
        load_checkpoint(on_paper("mlfn"), "mlfn", checkpoint_of(foreign))
    assert "resnet50 fits best, with 1 of its 265 entries" in caught.value.cure


@pytest.mark.parametrize("key", ["classifier.weight", "conv1.conv.weight", "conv9.conv.weight"])
def test_a_number_in_place_of_a_weight_is_refused_like_any_wrong_shape(
    tmp_path: Path, key: str
) -> None:
    torch.save({key: torch.tensor(1.0)}, tmp_path / "w.pth")
    found = read_checkpoint(tmp_path / "w.pth")
    assert (found.architecture, found.classes) == (None, None)
    with pytest.raises(WeightsError, match="another network"):
        load_checkpoint(on_paper(SMALL), SMALL, found)


class Code:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("code ran",))


def test_a_checkpoint_with_code_is_refused_unless_it_is_trusted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = state(SMALL)
    torch.save({"state_dict": entries, "cfg": Code()}, tmp_path / "w.pth.tar")
    with pytest.raises(WeightsError, match="could run code") as caught:
        read_checkpoint(tmp_path / "w.pth.tar")
    assert "pickle=trusted" in caught.value.cure
    assert capsys.readouterr().out == ""
    found = read_checkpoint(tmp_path / "w.pth.tar", trusted=True)
    assert capsys.readouterr().out == "code ran\n"
    network = build(SMALL)
    load_checkpoint(network, SMALL, found)
    assert_holds(network, features_of(entries))


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingWeightsError, match="no weights file"):
        read_checkpoint(tmp_path / "absent.pth")
    torch.save({"state_dict": {"epoch": 3}}, tmp_path / "empty.pth")
    with pytest.raises(WeightsError, match="no tensors"):
        read_checkpoint(tmp_path / "empty.pth")
    torch.save(state(SMALL), tmp_path / "w.pth")
    whole = (tmp_path / "w.pth").read_bytes()
    (tmp_path / "w.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError):
        read_checkpoint(tmp_path / "w.pth")


# R18
@pytest.mark.parametrize(
    ("classes", "training_set"),
    [
        (751, "Market-1501, training split"),
        (702, "DukeMTMC-reID, training split"),
        (1041, "MSMT17, training split"),
        (4101, "MSMT17, all images"),
        (767, "CUHK03, new split"),
        (1000, "ImageNet"),
        (1041 + 702 + 767, None),
    ],
)
def test_the_number_of_identities_says_what_weights_were_trained_on(
    tmp_path: Path, classes: int, training_set: str | None
) -> None:
    torch.save(state(SMALL, classes), tmp_path / "osnet_x0_25_market1501.pth")
    found = read_checkpoint(tmp_path / "osnet_x0_25_market1501.pth")
    assert (found.classes, found.training_set) == (classes, training_set)
    # which a name may contradict
    assert found.name is not None
    assert found.name.dataset == "market1501"


def test_without_a_classifier_nothing_says_what_weights_were_trained_on(tmp_path: Path) -> None:
    torch.save(features_of(state(SMALL)), tmp_path / "w.pth")
    found = read_checkpoint(tmp_path / "w.pth")
    assert (found.classes, found.training_set, found.name) == (None, None, None)
    assert found.architecture == SMALL
