"""Reading checkpoints: whatever holds the tensors, and nothing else taken for one."""

import argparse
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from lookalike.encoders.checkpoint import NESTS, read_weights
from lookalike.errors import MissingWeightsError, UsageError, WeightsError


def net() -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)
    )


def test_every_container_gives_the_same_tensors(tmp_path: Path) -> None:
    state = net().state_dict()
    save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "b.pth")
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "c.pth.tar")
    torch.save({"model": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "d.pt")
    for file in tmp_path.iterdir():
        read = read_weights(file).tensors
        assert read.keys() == state.keys()
        assert all(torch.equal(read[key], state[key]) for key in state)


def test_of_several_nests_the_first_is_meant_and_told(tmp_path: Path) -> None:
    assert NESTS.index("state_dict_ema") < NESTS.index("state_dict")
    assert NESTS.index("model_ema") < NESTS.index("model")
    nests = {key: {"w": torch.full((2,), float(n))} for n, key in enumerate(NESTS)}
    path = tmp_path / "w.pth"
    for n, key in enumerate(NESTS):
        # whatever the order in the file, and whatever else is there
        torch.save({"epoch": 3, **dict(reversed(nests.items()))}, path)
        found = read_weights(path)
        assert found.tensors["w"].tolist() == [n, n]
        others = list(nests)[1:]
        assert len(found.notes) == bool(others)
        if others:
            assert f"under {key} are used" in found.notes[0]
            assert f"nest={others[0]} takes" in found.notes[0]
            assert read_weights(path, nest=others[0]).tensors["w"].tolist() == [n + 1, n + 1]
        del nests[key]


def test_an_average_keeps_its_own_count_which_is_no_weight(tmp_path: Path) -> None:
    state = net().state_dict()
    average = {"n_averaged": torch.tensor(5), **{f"module.{k}": v for k, v in state.items()}}
    torch.save({"model": state, "model_ema": average}, tmp_path / "w.pth")
    found = read_weights(tmp_path / "w.pth")
    assert found.tensors.keys() == state.keys()
    assert len(found.notes) == 2


def test_a_nest_may_be_the_beginning_of_names(tmp_path: Path) -> None:
    torch.save({"q.w": torch.zeros(1), "k.w": torch.ones(1)}, tmp_path / "w.pth")
    assert read_weights(tmp_path / "w.pth", nest="k").tensors["w"].item() == 1
    with pytest.raises(UsageError, match=r"under net .* begin with k, q"):
        read_weights(tmp_path / "w.pth", nest="net")


@pytest.mark.parametrize(
    "front",
    ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.module."],
)
def test_what_wrappers_put_before_names_is_taken_off_and_said(tmp_path: Path, front: str) -> None:
    torch.save({f"{front}a.weight": torch.ones(2)}, tmp_path / "w.pth")
    found = read_weights(tmp_path / "w.pth")
    assert list(found.tensors) == ["a.weight"]
    (note,) = found.notes
    assert all(f"{part}." in note for part in front.split(".") if part)


def test_what_wrappers_put_into_names_is_taken_out(tmp_path: Path) -> None:
    names = ["a._orig_mod.w", "b._fsdp_wrapped_module.c._checkpoint_wrapped_module.w", "module"]
    torch.save({name: torch.ones(2) for name in names}, tmp_path / "w.pth")
    assert list(read_weights(tmp_path / "w.pth").tensors) == ["a.w", "b.c.w", "module"]
    torch.save({"a.w": torch.ones(2), "_orig_mod.a.w": torch.ones(2)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"with and without _orig_mod\."):
        read_weights(tmp_path / "w.pth")


def test_a_nest_that_is_a_number_is_no_nest(tmp_path: Path) -> None:
    torch.save({"state_dict": 3, "model": {"w": torch.ones(2)}}, tmp_path / "w.pth")
    assert list(read_weights(tmp_path / "w.pth").tensors) == ["w"]


@pytest.mark.parametrize(
    "number",
    [np.float16(0.5), np.float32(0.5), np.float64(0.5), np.int32(5), np.int64(5)],
    ids=lambda one: type(one).__name__,
)
def test_numbers_of_numpy_beside_the_weights_are_no_code(tmp_path: Path, number: object) -> None:
    torch.save({"state_dict": net().state_dict(), "rank1": number}, tmp_path / "w.pth")
    assert read_weights(tmp_path / "w.pth").tensors.keys() == net().state_dict().keys()


def test_reading_numbers_leaves_what_torch_holds_safe_as_it_was(tmp_path: Path) -> None:
    before = set(torch.serialization.get_safe_globals())
    torch.save({"state_dict": net().state_dict(), "rank1": np.float64(1)}, tmp_path / "w.pth")
    read_weights(tmp_path / "w.pth")
    assert set(torch.serialization.get_safe_globals()) == before


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("code ran",))


def test_a_checkpoint_with_code_is_refused_and_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"state_dict": net().state_dict(), "x": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="could run code"):
        read_weights(tmp_path / "evil.pth")
    assert capsys.readouterr().out == ""
    trusted = read_weights(tmp_path / "evil.pth", trusted=True).tensors
    assert trusted.keys() == net().state_dict().keys()
    assert capsys.readouterr().out == "code ran\n"


@pytest.mark.parametrize("name", ["x.safetensors", "x.pth"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"nonsense" * 10)
    with pytest.raises(WeightsError):
        read_weights(tmp_path / name)
    with pytest.raises(MissingWeightsError):
        read_weights(tmp_path / "absent" / name)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_is_cut_off_is_refused_wherever_it_ends(tmp_path: Path, zipped: bool) -> None:
    state = {"w": torch.arange(20.0), "b": torch.ones(3)}
    torch.save(state, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    whole = (tmp_path / "w.pth").read_bytes()
    for end in range(0, len(whole), 5):
        (tmp_path / "w.pth").write_bytes(whole[:end])
        with pytest.raises(WeightsError):
            read_weights(tmp_path / "w.pth")


def test_trust_does_not_help_where_the_code_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = ModuleType("trainer")
    module.Settings = type("Settings", (dict,), {"__module__": "trainer"})
    with monkeypatch.context() as context:
        context.setitem(sys.modules, "trainer", module)
        torch.save({"state_dict": net().state_dict(), "cfg": module.Settings()}, tmp_path / "w.pth")
        assert len(read_weights(tmp_path / "w.pth", trusted=True).tensors) == 9
    with pytest.raises(WeightsError, match="trainer"):
        read_weights(tmp_path / "w.pth", trusted=True)


def quantised() -> torch.Tensor:
    return torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8)


@pytest.mark.filterwarnings("ignore")  # of torch, that such tensors are old or new
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (quantised, "quantised"),
        (lambda: torch.eye(3).to_sparse(), "sparse"),
        (lambda: torch.eye(3).to_sparse_csr(), "sparse"),
        (lambda: torch.ones(3, device="meta"), "without values"),
        (lambda: torch.ones(3, dtype=torch.complex64), "complex"),
    ],
)
def test_tensors_that_are_no_plain_numbers_are_refused(
    tmp_path: Path, make: Callable[[], torch.Tensor], kind: str
) -> None:
    torch.save({"state_dict": {"a": torch.ones(2), "layer.w": make()}}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=rf"1 {kind}.*: layer\.w"):
        read_weights(tmp_path / "w.pth")


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
FOREIGN = {
    "Git LFS": LFS,
    "web page": b"\n<!DOCTYPE html><html><body>404</body></html>",
    "a web page": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "text": b'{"error": "Repository not found"}',
    "empty": b"",
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(80),
    "gzip": b"\x1f\x8b\x08" + bytes(80),
    "damaged": bytes(range(128, 256)),
}


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors", "w.bin"])
@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_checkpoint_is_called_what_it_is_and_never_to_be_trusted(
    tmp_path: Path, kind: str, name: str
) -> None:
    (tmp_path / name).write_bytes(FOREIGN[kind])
    with pytest.raises(WeightsError) as caught:
        read_weights(tmp_path / name)
    if kind != "text" or name != "w.safetensors":
        assert kind in caught.value.what
    assert caught.value.cure
    for advice in ("trust", "pickle", "weights_only"):
        assert advice not in str(caught.value)


def test_a_program_is_told_from_weights(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as archive:
        for entry in ("net/data.pkl", "net/constants.pkl", "net/code/net.py"):
            archive.writestr(entry, b"")
    with pytest.raises(WeightsError, match="TorchScript") as caught:
        read_weights(tmp_path / "w.pt")
    assert "weights_only" not in str(caught.value)


def test_a_file_is_told_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    save_file(net().state_dict(), tmp_path / "w.safetensors")
    (tmp_path / "w.safetensors").rename(tmp_path / "w.pth")
    assert read_weights(tmp_path / "w.pth").tensors.keys() == net().state_dict().keys()


def test_a_safetensors_file_that_is_cut_off_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    save_file({"w": torch.arange(20.0), "b": torch.ones(3)}, tmp_path / "w.safetensors")
    whole = (tmp_path / "w.safetensors").read_bytes()
    for end in range(0, len(whole), 5):
        (tmp_path / "w.safetensors").write_bytes(whole[:end])
        with pytest.raises(WeightsError):
            read_weights(tmp_path / "w.safetensors")


def test_options_of_a_trainer_are_no_code(tmp_path: Path) -> None:
    options = argparse.Namespace(model="resnet18", lr=0.1)
    torch.save({"state_dict": net().state_dict(), "args": options}, tmp_path / "w.pth")
    assert read_weights(tmp_path / "w.pth").tensors.keys() == net().state_dict().keys()
