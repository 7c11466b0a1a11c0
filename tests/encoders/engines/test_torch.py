import numpy as np
import pytest
import torch

from lookalike.encoders.engines import Engine, Runtime, TorchNetwork, open_engine
from lookalike.errors import DeviceMemoryError, MissingDeviceError, UsageError
from lookalike.images import Preprocess
from lookalike.testing import noise_picture


def network() -> TorchNetwork:
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(3, 8, 3)

    class Two(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = conv

        def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            made = self.conv(batch)
            return made, made.mean((2, 3))

    return TorchNetwork(Two().eval(), (3, 16, 16), None)


BATCH = np.stack([noise_picture(seed, 16, 16) for seed in range(3)])
BGR = Preprocess(resize=(16, 16), order="bgr", mean=(0.2, 0.4, 0.6), std=(0.5, 1.0, 2.0))


def opened(network: TorchNetwork, precision: str = "f32") -> Engine:
    engine = open_engine(network, Runtime(engine="torch", device="cpu", precision=precision))
    engine.take(BGR)
    return engine


def test_outputs_are_chosen_by_name() -> None:
    engine = opened(network())
    assert engine.outputs == {"layer0": (-1, 8, 14, 14), "layer1": (-1, 8)}
    mean, full = engine.run(BATCH, ("layer1", "layer0"))
    np.testing.assert_allclose(mean, full.mean((2, 3)), atol=1e-5)


def test_pictures_are_normalised_as_the_preprocessing_says() -> None:
    two = network()
    (got,) = opened(two).run(BATCH, ("layer1",))
    with torch.inference_mode():
        _, expected = two.module(torch.from_numpy(BGR.normalise(BATCH)))
    np.testing.assert_allclose(got, expected.numpy(), atol=1e-5)


def test_a_device_without_memory_is_an_error_that_can_be_caught() -> None:
    class Hungry(torch.nn.Module):
        def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor]:
            if len(batch) > 1:
                raise torch.OutOfMemoryError("no more")
            return (batch.mean((2, 3)),)

    engine = opened(TorchNetwork(Hungry().eval(), (3, 16, 16), None))
    with pytest.raises(DeviceMemoryError, match="no more"):
        engine.run(BATCH, ("layer0",))
    assert engine.run(BATCH[:1], ("layer0",))[0].shape == (1, 3)


def test_bf16_is_near_f32_and_is_not_f32() -> None:
    exact, near = (
        opened(network(), precision).run(BATCH, ("layer0",))[0] for precision in ("f32", "bf16")
    )
    assert near.dtype == np.float32
    assert 0 < np.abs(exact - near).max() < 0.05 * np.abs(exact).max()


def test_devices_and_precisions_that_are_not_there_are_refused() -> None:
    with pytest.raises(MissingDeviceError):
        open_engine(network(), Runtime(engine="torch", device="xpu"))
    with pytest.raises(UsageError, match="f16"):
        open_engine(network(), Runtime(engine="torch", device="cpu", precision="f16"))
    with pytest.raises(UsageError, match="ONNX"):
        open_engine(network(), Runtime(engine="onnxruntime"))
