from pathlib import Path

import pytest
import torch

from lookalike.encoders.weights import HubFile, UrlFile, located, state_digest
from lookalike.errors import MissingWeightsError


def net() -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)
    )


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
