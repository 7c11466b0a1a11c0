from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lookalike.encoders.weights import (
    HubFile,
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


@pytest.mark.parametrize("name", ["x.safetensors", "x.pth"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"nonsense" * 10)
    with pytest.raises(WeightsError):
        read_state_dict(tmp_path / name)
    with pytest.raises(MissingWeightsError):
        read_state_dict(tmp_path / "absent" / name)


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
