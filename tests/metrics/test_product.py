"""Products on NumPy and on torch: equal where both can be had, refused where they can't."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lookalike import extras
from lookalike.errors import MissingDeviceError, MissingExtraError
from lookalike.metrics import METRICS, product, scorer_of
from lookalike.metrics.product import product_of


def two_sides(kind: type) -> tuple[NDArray[Any], NDArray[Any]]:
    random = np.random.default_rng(0)
    return random.normal(size=(13, 40)).astype(kind), random.normal(size=(17, 40)).astype(kind)


BLOCKS = [(slice(0, 13), slice(0, 17)), (slice(3, 4), slice(5, 17)), (slice(2, 2), slice(0, 9))]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("rows_columns", BLOCKS)
def test_torch_and_numpy_agree(kind: type, rows_columns: tuple[slice, slice]) -> None:
    pytest.importorskip("torch")
    left, right = two_sides(kind)
    rows, columns = rows_columns
    found = product._torch_product(left, right, "cpu")(rows, columns)
    expected = product_of(left, right, "cpu")(rows, columns)
    assert found.dtype == expected.dtype == kind
    assert np.allclose(found, expected, rtol=0, atol=1e-5 if kind is np.float32 else 1e-12)
    exact = left.astype(np.float64)[rows] @ right.astype(np.float64)[columns].T
    assert np.allclose(expected, exact, rtol=0, atol=1e-4)


def test_a_block_is_new_and_may_be_overwritten() -> None:
    pytest.importorskip("torch")
    left, right = two_sides(np.float32)
    whole = slice(0, 13), slice(0, 17)
    for one in (product_of(left, right, "cpu"), product._torch_product(left, right, "cpu")):
        first = one(*whole)
        kept = first.copy()
        first[...] = 0
        assert np.array_equal(one(*whole), kept)


def test_arrays_that_are_not_contiguous_are_taken() -> None:
    pytest.importorskip("torch")
    left, right = two_sides(np.float32)
    for strided in (product_of, product._torch_product):
        found = strided(left[::2, ::-2], np.asfortranarray(right[::-1, ::-2]), "cpu")
        expected = left[::2, ::-2] @ right[::-1, ::-2].T
        assert np.allclose(found(slice(0, 7), slice(0, 17)), expected, atol=1e-5)


@pytest.mark.parametrize("metric", METRICS)
def test_levels_through_torch_are_those_of_numpy(
    metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    vectors = np.random.default_rng(0).integers(0, 2, (30, 33)).astype(np.float64)
    here = scorer_of(metric, vectors, device="cpu")
    used: list[str] = []

    def through_torch(left: NDArray[Any], right: NDArray[Any], device: str) -> product.Product:
        used.append(device)
        return torch_product(left, right, "cpu")

    torch_product = product._torch_product
    monkeypatch.setattr(product, "_torch_product", through_torch)
    there = scorer_of(metric, vectors, device="cuda:3")
    assert used == ["cuda:3"]
    whole = slice(0, 30), slice(0, 30)
    assert np.abs(here.levels(*whole) - there.levels(*whole)).max() <= 1


class Torch:
    """A torch that counts how often it is asked for a GPU."""

    def __init__(self, *, gpu: bool) -> None:
        self.cuda = self
        self.gpu = gpu
        self.asked = 0

    def is_available(self) -> bool:
        self.asked += 1
        return self.gpu


@pytest.mark.parametrize("gpu", [True, False])
@pytest.mark.parametrize("present", [True, False])
def test_auto_looks_for_a_gpu_for_large_work_only(
    gpu: bool, present: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = Torch(gpu=gpu)
    monkeypatch.setattr(product, "require", lambda module, purpose: torch)
    monkeypatch.setattr(product, "installed", lambda module: present)
    assert product._chosen("auto", product.WORTH_A_GPU - 1) == "cpu"
    assert torch.asked == 0
    assert product._chosen("auto", product.WORTH_A_GPU) == ("cuda" if gpu and present else "cpu")
    assert torch.asked == present
    assert product._chosen("mps", 1) == "mps"
    assert product._chosen("cpu", product.WORTH_A_GPU) == "cpu"


def test_the_work_is_all_multiplications(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def chosen(device: str, multiplications: int) -> str:
        asked.append(multiplications)
        return "cpu"

    monkeypatch.setattr(product, "_chosen", chosen)
    product_of(np.ones((3, 5)), np.ones((7, 5)))
    assert asked == [105]


@pytest.mark.parametrize("device", ["nonsense", "cuda:99", "meta"])
def test_a_device_that_cannot_be_used_is_refused(device: str) -> None:
    pytest.importorskip("torch")
    left, right = two_sides(np.float32)
    with pytest.raises(MissingDeviceError, match="torch can't use the device") as caught:
        product_of(left, right, device)(slice(0, 2), slice(0, 2))
    assert caught.value.where == f"device={device}"
    assert caught.value.cure


def test_a_torch_device_without_torch_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "installed", lambda module: False)
    with pytest.raises(MissingExtraError, match="device cuda needs the package 'torch'") as caught:
        product_of(np.eye(2), np.eye(2), "cuda")
    assert "lookalike[torch]" in caught.value.cure
