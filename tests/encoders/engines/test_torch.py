import numpy as np
import pytest
import torch

from lookalike.encoders.engines import Runtime, TorchNetwork, open_engine
from lookalike.errors import MissingDeviceError, UsageError


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


BATCH = np.random.default_rng(0).random((3, 3, 16, 16), np.float32)


def test_outputs_are_chosen_by_name() -> None:
    engine = open_engine(network(), Runtime(engine="torch", device="cpu"))
    assert engine.outputs == {"layer0": (-1, 8, 14, 14), "layer1": (-1, 8)}
    mean, full = engine.run(BATCH, ("layer1", "layer0"))
    np.testing.assert_allclose(mean, full.mean((2, 3)), atol=1e-5)


def test_bf16_is_near_f32_and_is_not_f32() -> None:
    exact, near = (
        open_engine(network(), Runtime(engine="torch", device="cpu", precision=precision)).run(
            BATCH, ("layer0",)
        )[0]
        for precision in ("f32", "bf16")
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
