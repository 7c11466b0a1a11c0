"""Weights into a network: everything but the head fits, or nothing is taken."""

import pytest
import torch

from lookalike.encoders.checkpoint import StateDict
from lookalike.encoders.fitting import Loaded, load_strictly
from lookalike.errors import WeightsError


def net() -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)
    )


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


@pytest.mark.parametrize("prefix", ["backbone.", "model.", "encoder.", "net.body.", "visual."])
def test_whatever_stands_before_all_names_is_taken_off_and_said(prefix: str) -> None:
    state = net().state_dict()
    wrapped = {f"{prefix}{key}": one for key, one in state.items()}
    target = net()
    found = load_strictly(target, wrapped, head="2", where="f")
    assert found.notes("f") == (f"f: {prefix} taken off the names",)
    assert all(torch.equal(one, state[key]) for key, one in target.state_dict().items())


def test_a_class_head_may_stand_beside_a_wrapped_network_and_nothing_else() -> None:
    wrapped = {f"backbone.{key}": one for key, one in net().state_dict().items()}
    load_strictly(net(), {**wrapped, "head.fc.weight": torch.ones(2)}, head="", where="f")
    surplus = {**wrapped, "neck.weight": torch.ones(2)}
    with pytest.raises(WeightsError, match=r"1 surplus: neck\.weight.*surplus=ignore"):
        load_strictly(net(), surplus, head="", where="f")
    found = load_strictly(net(), surplus, head="", where="f", ignore_surplus=True)
    assert found.ignored == ("neck.weight",)
    assert "1 entries of f are ignored: neck.weight" in found.notes("f")


def test_a_network_that_is_there_twice_is_a_question() -> None:
    state = net().state_dict()
    twice = {
        f"{side}.{key}": one for side in ("encoder_q", "encoder_k") for key, one in state.items()
    }
    with pytest.raises(WeightsError, match=r"2 times: under encoder_k\., encoder_q\.") as caught:
        load_strictly(net(), twice, head="", where="f")
    assert "nest=encoder_k" in caught.value.cure


def test_a_few_common_names_are_no_reason_to_take_anything_off() -> None:
    other = {"backbone.0.bias": torch.ones(4), "backbone.x": torch.ones(7)}
    with pytest.raises(WeightsError, match=r"2 surplus: backbone\.0\.bias, backbone\.x"):
        load_strictly(net(), other, head="", where="f")


def test_whole_numbers_in_place_of_weights_are_refused() -> None:
    state = net().state_dict()
    with pytest.raises(WeightsError, match=r"1 mistyped: 0\.weight"):
        load_strictly(
            net(), {**state, "0.weight": torch.ones(4, 3, dtype=torch.int8)}, head="", where="f"
        )


def test_nothing_is_taken_of_what_does_not_fit() -> None:
    target = net()
    before = {key: one.clone() for key, one in target.state_dict().items()}
    with pytest.raises(WeightsError):
        load_strictly(target, {"0.weight": torch.zeros(4, 3)}, head="", where="f")
    assert all(torch.equal(one, before[key]) for key, one in target.state_dict().items())


def test_the_cure_is_asked_only_about_weights_of_another_network() -> None:
    asked: list[int] = []

    def cure(tensors: StateDict) -> str:
        asked.append(len(tensors))
        return "use another"

    load_strictly(net(), net().state_dict(), head="", where="f", cure=cure)
    assert asked == []
    with pytest.raises(WeightsError, match="use another"):
        load_strictly(net(), {"x": torch.ones(2)}, head="", where="f", cure=cure)
    assert asked == [1]


def test_another_tower_may_have_the_same_names_outside() -> None:
    state = net().state_dict()
    file = {f"model.visual.{key}": one for key, one in state.items()}
    file |= {"model.0.weight": torch.ones(9, 9), "model.scale": torch.ones(1)}
    target = net()
    load_strictly(target, file, head="", where="f", beside=("0", "scale"))
    assert all(torch.equal(one, state[key]) for key, one in target.state_dict().items())
    with pytest.raises(
        WeightsError, match=r"with and without model\.visual\. before them: 0\.weight"
    ):
        load_strictly(net(), file, head="", where="f", beside=("scale",))
