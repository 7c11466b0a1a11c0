import pytest
import torch

from lookalike.encoders.tap import Tap
from lookalike.errors import UnknownNameError, UsageError


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Conv2d(3, 4, 3)
        self.unused = torch.nn.Linear(2, 2)
        self.fc = torch.nn.Linear(4, 5)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.fc(self.body(batch).relu().mean((2, 3)))
        return result


def test_outputs_inputs_and_the_end_come_from_one_pass() -> None:
    net, batch = Net().eval(), torch.rand(2, 3, 8, 8)
    body, entering, own = Tap(net, ["body", "input:fc", ""])(batch)
    torch.testing.assert_close(body, net.body(batch))
    torch.testing.assert_close(entering, net.body(batch).relu().mean((2, 3)))
    torch.testing.assert_close(own, net(batch))


def test_an_unknown_layer_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="body"):
        Tap(Net(), ["bodi"])


def test_a_layer_that_does_not_run_is_an_error_not_an_old_value() -> None:
    with pytest.raises(UsageError, match="unused"):
        Tap(Net(), ["unused"])(torch.rand(1, 3, 8, 8))
