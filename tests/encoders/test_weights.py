import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from lookalike.encoders.weights import (
    NESTS,
    HubFile,
    Loaded,
    UrlFile,
    load_strictly,
    located,
    read_state_dict,
    state_digest,
)
from lookalike.errors import MissingWeightsError, WeightsError


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
        read = read_state_dict(file)
        assert read.keys() == state.keys()
        assert all(torch.equal(read[key], state[key]) for key in state)


def test_of_several_nests_the_first_is_meant(tmp_path: Path) -> None:
    assert NESTS == ("state_dict", "model_state_dict", "model_state", "model_ema", "model", "net")
    nests = {key: {"w": torch.full((2,), float(n))} for n, key in enumerate(NESTS)}
    for n, key in enumerate(NESTS):
        # whatever the order in the file, and whatever else is there
        torch.save({"epoch": 3, **dict(reversed(nests.items()))}, tmp_path / "w.pth")
        assert read_state_dict(tmp_path / "w.pth")["w"].tolist() == [n, n]
        del nests[key]


def test_a_nest_that_is_a_number_is_no_nest(tmp_path: Path) -> None:
    torch.save({"state_dict": 3, "model": {"w": torch.ones(2)}}, tmp_path / "w.pth")
    assert list(read_state_dict(tmp_path / "w.pth")) == ["w"]


@pytest.mark.parametrize(
    "number",
    [np.float16(0.5), np.float32(0.5), np.float64(0.5), np.int32(5), np.int64(5)],
    ids=lambda one: type(one).__name__,
)
def test_numbers_of_numpy_beside_the_weights_are_no_code(tmp_path: Path, number: object) -> None:
    torch.save({"state_dict": net().state_dict(), "rank1": number}, tmp_path / "w.pth")
    assert read_state_dict(tmp_path / "w.pth").keys() == net().state_dict().keys()


def test_reading_numbers_leaves_what_torch_holds_safe_as_it_was(tmp_path: Path) -> None:
    before = set(torch.serialization.get_safe_globals())
    torch.save({"state_dict": net().state_dict(), "rank1": np.float64(1)}, tmp_path / "w.pth")
    read_state_dict(tmp_path / "w.pth")
    assert set(torch.serialization.get_safe_globals()) == before


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("code ran",))


def test_a_checkpoint_with_code_is_refused_and_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"state_dict": net().state_dict(), "x": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match="could run code"):
        read_state_dict(tmp_path / "evil.pth")
    assert capsys.readouterr().out == ""
    trusted = read_state_dict(tmp_path / "evil.pth", trusted=True)
    assert trusted.keys() == net().state_dict().keys()
    assert capsys.readouterr().out == "code ran\n"


@pytest.mark.parametrize("name", ["x.safetensors", "x.pth"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"nonsense" * 10)
    with pytest.raises(WeightsError):
        read_state_dict(tmp_path / name)
    with pytest.raises(MissingWeightsError):
        read_state_dict(tmp_path / "absent" / name)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_is_cut_off_is_refused_wherever_it_ends(tmp_path: Path, zipped: bool) -> None:
    state = {"w": torch.arange(20.0), "b": torch.ones(3)}
    torch.save(state, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    whole = (tmp_path / "w.pth").read_bytes()
    for end in range(0, len(whole), 5):
        (tmp_path / "w.pth").write_bytes(whole[:end])
        with pytest.raises(WeightsError):
            read_state_dict(tmp_path / "w.pth")


def test_trust_does_not_help_where_the_code_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = ModuleType("trainer")
    module.Settings = type("Settings", (dict,), {"__module__": "trainer"})
    with monkeypatch.context() as context:
        context.setitem(sys.modules, "trainer", module)
        torch.save({"state_dict": net().state_dict(), "cfg": module.Settings()}, tmp_path / "w.pth")
        assert len(read_state_dict(tmp_path / "w.pth", trusted=True)) == 9
    with pytest.raises(WeightsError, match="trainer"):
        read_state_dict(tmp_path / "w.pth", trusted=True)


def test_only_the_head_may_differ() -> None:
    state = net().state_dict()
    target = net()
    load_strictly(target, {**state, "2.weight": torch.zeros(9, 4)}, head="2", where="f")
    assert torch.equal(target[0].weight, state["0.weight"])  # type: ignore[arg-type]
    for broken in (
        {k: v for k, v in state.items() if k != "0.bias"},
        {**state, "0.bias": torch.zeros(5)},
        {**state, "3.extra": torch.zeros(1)},
    ):
        with pytest.raises(WeightsError, match=r"another network .* entries fit"):
            load_strictly(net(), broken, head="2", where="f")


def test_loading_says_what_became_of_every_entry() -> None:
    state = net().state_dict()
    assert load_strictly(net(), state, head="2", where="f") == Loaded(tuple(state), (), ())
    del state["1.num_batches_tracked"], state["2.bias"]
    state["2.weight"] = torch.zeros(9, 4)
    found = load_strictly(net(), state, head="2", where="f")
    assert found.used == ("0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean",
                          "1.running_var")  # fmt: skip
    assert found.unused == ("2.weight",)
    assert found.untouched == ("1.num_batches_tracked", "2.weight", "2.bias")


def test_a_digest_follows_every_value_and_no_counter() -> None:
    torch.manual_seed(0)
    module = net()
    before = state_digest(module)
    module[1].num_batches_tracked += 1  # type: ignore[operator,assignment]
    assert state_digest(module) == before
    with torch.no_grad():
        module[2].bias[1] += 1e-6  # type: ignore[index,operator]
    assert state_digest(module) != before


def test_offline_says_what_is_missing_and_where_it_belongs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    origin = UrlFile("https://example.invalid/net-0123abcd.pth")

    def no_network(*args: object, **options: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    with pytest.raises(MissingWeightsError) as caught:
        located(origin, offline=True, encoder="torchvision:net")
    assert str(tmp_path / "checkpoints" / "net-0123abcd.pth") in caught.value.cure
    assert origin.url in caught.value.what
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(MissingWeightsError, match="offline"):
        located(origin, offline=False, encoder="torchvision:net")


def test_a_file_in_the_hub_folder_is_used_without_fetching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "net.pth").write_bytes(b"x")
    found = located(UrlFile("https://example.invalid/net.pth"), offline=True, encoder="e")
    assert found.read_bytes() == b"x"


def test_a_hub_file_is_found_where_the_message_says_to_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    origin = HubFile("owner/net", ("a.safetensors", "b.bin"))
    with pytest.raises(MissingWeightsError) as caught:
        located(origin, offline=True, encoder="e")
    place = origin.path()
    assert str(place) in caught.value.cure
    place.parent.mkdir(parents=True)
    place.write_bytes(b"x")
    assert located(origin, offline=True, encoder="e").read_bytes() == b"x"


def test_a_network_that_does_not_answer_is_said_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    def unreachable(*args: object, **options: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    with pytest.raises(MissingWeightsError, match=r"no route to host.*weights=FILE"):
        located(UrlFile("https://example.invalid/net.pth"), offline=False, encoder="e")
