import pytest
import torch

from lookalike.encoders.tap import CHILDREN, Tap
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


class Scaled(torch.nn.Module):
    """Its own forward does more than its children in a row, and leaves one of them out."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Conv2d(3, 4, 3)
        self.aside = torch.nn.Tanh()
        self.fc = torch.nn.Linear(4, 5)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.fc(self.body(2 * batch).relu_().mean((2, 3)))
        return result


def test_the_children_but_the_last_run_in_order_and_the_own_forward_is_not_asked() -> None:
    net, batch = Scaled().eval(), torch.rand(2, 3, 8, 8)
    (found,) = Tap(net, [CHILDREN])(batch)
    torch.testing.assert_close(found, net.aside(net.body(batch)))
    assert found.min() < 0


def test_children_and_other_layers_do_not_mix_their_values() -> None:
    net, batch = Scaled().eval(), torch.rand(2, 3, 8, 8)
    entering, children, own = Tap(net, ["input:body", CHILDREN, ""])(batch)
    torch.testing.assert_close(entering, 2 * batch)
    torch.testing.assert_close(children, net.aside(net.body(batch)))
    torch.testing.assert_close(own, net(batch))
    with pytest.raises(UsageError, match="'aside' does not run"):
        Tap(net, ["aside", CHILDREN])(batch)


def test_children_that_can_not_be_run_in_order_are_an_error_that_names_the_first() -> None:
    with pytest.raises(UsageError, match=r"child modules of Net .*'unused'.*embedding=auto"):
        Tap(Net(), [CHILDREN])(torch.rand(1, 3, 8, 8))


def test_a_lack_of_memory_is_not_taken_for_children_that_do_not_fit() -> None:
    class Hungry(torch.nn.Module):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            raise torch.OutOfMemoryError("no more")

    with pytest.raises(torch.OutOfMemoryError):
        Tap(torch.nn.Sequential(Hungry(), Hungry()), [CHILDREN])(torch.rand(1, 3, 8, 8))


@pytest.mark.parametrize("net", [torch.nn.ReLU(), torch.nn.Sequential(torch.nn.ReLU())])
def test_a_network_without_a_child_before_the_last_has_no_such_layer(net: torch.nn.Module) -> None:
    with pytest.raises(UsageError, match="and this one has"):
        Tap(net, [CHILDREN])


class InPlace(torch.nn.Module):
    """Works in place on what its layer gave, as many networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Conv2d(3, 4, 3)
        self.head = torch.nn.ReLU(inplace=True)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.head(self.body(batch))
        return result


def test_a_layer_is_what_it_gave_and_not_what_was_made_of_it_in_place() -> None:
    net, batch = InPlace().eval(), torch.rand(2, 3, 8, 8) - 0.5
    with torch.inference_mode():
        body, entering, own = Tap(net, ["body", "input:head", ""])(batch)
        expected = net.body(batch)
    assert (expected < 0).any()
    torch.testing.assert_close(body, expected)
    torch.testing.assert_close(entering, expected)
    torch.testing.assert_close(own, expected.relu())
