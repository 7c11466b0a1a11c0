import errno
import gc
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lookalike
from lookalike.encoders.engines import Runtime, TorchNetwork, converted, open_engine
from lookalike.errors import MissingDeviceError, WeightsError
from lookalike.images import Preprocess
from lookalike.testing import noise_picture, scene_picture


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))


def check_conversion(name: str) -> None:
    pictures = [scene_picture(seed) for seed in range(3)]
    torch_side = lookalike.load_encoder(name, engine="torch")
    converted_side = lookalike.load_encoder(name, engine="openvino")
    assert converted_side.card.fingerprint == torch_side.card.fingerprint
    reference = torch_side.encode(pictures).vectors
    for size in (1, 2, 3):
        got = converted_side.encode(pictures, batch_size=size).vectors
        np.testing.assert_allclose(got, reference, atol=1e-3 * np.abs(reference).max())


@pytest.mark.parametrize(
    "name",
    [
        "torchvision:mobilenet_v3_small?weights=random&size=64",
        "timm:vit_tiny_patch16_224?weights=random&layer=blocks.1",
    ],
)
def test_a_converted_network_gives_torchs_vectors_in_any_batch(name: str) -> None:
    check_conversion(name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["torchvision:swin_t", "torchvision:vit_b_32", "open_clip:ViT-S-32"]
)
def test_a_large_network_gives_torchs_vectors_in_any_batch(name: str) -> None:
    check_conversion(f"{name}?weights=random")


class BatchBound(torch.nn.Module):
    """Its trace holds for the batch it was traced with only."""

    def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor]:
        rows = [batch[n].mean((1, 2)) * 2 for n in range(int(batch.shape[0]))]
        return (torch.stack(rows),)


def test_a_trace_bound_to_its_batch_runs_one_by_one() -> None:
    engine = open_engine(
        TorchNetwork(BatchBound().eval(), (3, 8, 8), None), Runtime(engine="openvino")
    )
    engine.take(Preprocess(resize=(8, 8)))
    batch = np.stack([noise_picture(seed, 8, 8) for seed in range(5)])
    (got,) = engine.run(batch, ("layer0",))
    np.testing.assert_allclose(got, batch.mean((1, 2)) / 255 * 2, atol=1e-5)


class Means(torch.nn.Module):
    """The mean of each channel, so that what came in can be read off what comes out."""

    def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor]:
        return (batch.mean((2, 3)),)


@pytest.mark.parametrize("order", ["rgb", "bgr"])
@pytest.mark.parametrize("batch", [None, 4])
def test_the_graph_normalises_as_the_preprocessing_says(order: Any, batch: int | None) -> None:
    preprocess = Preprocess(
        resize=(8, 8), order=order, scale=1 / 128, mean=(0.2, 0.4, 0.6), std=(0.5, 1.0, 2.0)
    )
    engine = open_engine(
        TorchNetwork(Means().eval(), (3, 8, 8), None), Runtime(engine="openvino", batch=batch)
    )
    engine.take(preprocess)
    pictures = np.stack([noise_picture(seed, 8, 8) for seed in range(6)])
    (got,) = engine.run(pictures, ("layer0",))
    expected = preprocess.normalise(pictures).mean((2, 3))
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_many_threads_may_run_one_engine_at_once() -> None:
    engine = open_engine(TorchNetwork(Means().eval(), (3, 8, 8), None), Runtime(batch=2))
    engine.take(Preprocess(resize=(8, 8)))
    batches = [np.stack([noise_picture(seed, 8, 8)] * 2) for seed in range(40)]
    alone = [engine.run(batch, ("layer0",))[0] for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda batch: engine.run(batch, ("layer0",))[0], batches))
    np.testing.assert_array_equal(together, alone)


class TraceBound(torch.nn.Module):
    """Depends on a value in a way that no trace can hold."""

    def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor]:
        scale = 1.0 if float(batch.sum()) > float(torch.rand(1) * 1e9) else float(torch.rand(1))
        return (batch.mean((2, 3)) * scale,)


def test_a_conversion_that_does_not_agree_is_refused() -> None:
    with pytest.raises(WeightsError, match="engine=torch"):
        open_engine(TorchNetwork(TraceBound(), (3, 8, 8), None), Runtime(engine="openvino"))


class Weighted(torch.nn.Module):
    """A network with weights, small enough to be converted often."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 4, 3)

    def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.layer(batch).mean((2, 3)),)


def weighted() -> TorchNetwork:
    torch.manual_seed(0)
    return TorchNetwork(Weighted().eval().requires_grad_(False), (3, 8, 8), "key")


def vectors_of(network: TorchNetwork) -> tuple[np.ndarray, tuple[str, ...]]:
    engine = open_engine(network, Runtime(engine="openvino"))
    engine.take(Preprocess(resize=(8, 8)))
    gc.collect()  # nothing that the network was read from may be needed any more
    return engine.run(noise_picture(1, 8, 8)[None], ("layer0",))[0], engine.notes


def test_a_conversion_is_kept_and_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, said = vectors_of(weighted())
    assert said == ()
    assert len(list((tmp_path / "cache").rglob("key.*"))) == 3

    def never(*args: object) -> None:
        raise AssertionError("converted again")

    monkeypatch.setattr(converted, "convert", never)
    for _ in range(3):
        second, said = vectors_of(weighted())
        assert said == ()
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("suffix", [".xml", ".bin", ".sha256"])
def test_a_damaged_conversion_is_made_anew_and_said(tmp_path: Path, suffix: str) -> None:
    first, _ = vectors_of(weighted())
    (path,) = (tmp_path / "cache").rglob(f"key{suffix}")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x41
    path.write_bytes(content)
    second, said = vectors_of(weighted())
    assert len(said) == 1
    assert "made anew" in said[0]
    np.testing.assert_array_equal(first, second)
    third, said = vectors_of(weighted())
    assert said == ()
    np.testing.assert_array_equal(first, third)


def test_a_conversion_without_a_digest_is_not_believed(tmp_path: Path) -> None:
    first, _ = vectors_of(weighted())
    (graph,) = (tmp_path / "cache").rglob("key.xml")
    graph.with_suffix(".sha256").unlink()
    graph.with_suffix(".bin").write_bytes(bytes(graph.with_suffix(".bin").stat().st_size))
    second, said = vectors_of(weighted())
    assert said == ()
    np.testing.assert_array_equal(first, second)


def test_a_cache_that_can_not_be_used_is_said_and_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, _ = vectors_of(weighted())
    file = tmp_path / "file"
    file.write_bytes(b"")
    monkeypatch.setenv("LOOKALIKE_CACHE", str(file))
    found, said = vectors_of(weighted())
    np.testing.assert_array_equal(found, expected)
    assert "LOOKALIKE_CACHE" in said[0]
    assert str(file) in said[0]
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "full"))

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(converted, "keep", full)
    found, said = vectors_of(weighted())
    np.testing.assert_array_equal(found, expected)
    assert "No space left" in said[0]


def test_an_unknown_device_lists_those_there_are() -> None:
    network = TorchNetwork(BatchBound(), (3, 8, 8), None)
    with pytest.raises(MissingDeviceError, match="CPU"):
        open_engine(network, Runtime(engine="openvino", device="NPU"))


def test_openvino_is_loaded_without_its_telemetry_and_its_converter() -> None:
    code = (
        "from lookalike.encoders.engines.openvino import openvino; openvino().Core();"
        "import sys; print([m for m in sys.modules if 'telemetry' in m or 'tools.ovc' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
