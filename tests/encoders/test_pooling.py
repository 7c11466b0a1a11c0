import numpy as np
import pytest

from lookalike.encoders.pooling import pool, pooled_length, resolve_pooling
from lookalike.errors import UsageError

MAP = np.random.default_rng(0).normal(size=(3, 4, 5, 6)).astype(np.float32)
TOKENS = np.random.default_rng(1).normal(size=(3, 7, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("array", "pooling", "expected"),
    [
        (MAP, "avg", np.stack([[c.mean() for c in one] for one in MAP])),
        (MAP, "max", np.stack([[c.max() for c in one] for one in MAP])),
        (MAP, "flatten", np.stack([one.ravel() for one in MAP])),
        (TOKENS, "cls", np.stack([one[0] for one in TOKENS])),
        (TOKENS, "avg", np.stack([one.mean(0) for one in TOKENS])),
        (TOKENS, "max", np.stack([one.max(0) for one in TOKENS])),
    ],
)
def test_each_pooling_against_a_loop(array: np.ndarray, pooling: str, expected: np.ndarray) -> None:
    got = pool(array, pooling)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
    assert got.shape[1] == pooled_length(array.shape, pooling)


@pytest.mark.parametrize(
    ("shape", "token", "expected"),
    [
        ((-1, 8), False, "none"),
        ((-1, 8, 7, 7), False, "avg"),
        ((-1, 8, 1, 1), False, "flatten"),
        ((-1, 50, 8), True, "cls"),
        ((-1, 50, 8), False, "avg"),
    ],
)
def test_auto_follows_the_shape(shape: tuple[int, ...], token: bool, expected: str) -> None:
    assert resolve_pooling("auto", shape, has_class_token=token) == expected


def test_a_pooling_that_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="avg, max, avg-nhwc, max-nhwc, flatten"):
        resolve_pooling("cls", (-1, 8, 7, 7))
