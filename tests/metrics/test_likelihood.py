import math

import pytest

from lookalike.errors import CardError
from lookalike.metrics import Likelihood


def test_the_map_is_straight_between_points_and_flat_beyond() -> None:
    found = Likelihood((0.0, 1.0), (-1.0, 3.0))
    for value, log_ratio in ((-5, -1), (0, -1), (0.25, 0), (1, 3), (9, 3)):
        odds = math.exp(log_ratio) * 0.25 / 0.75
        assert found.probability(value, prior=0.25) == pytest.approx(odds / (1 + odds))


def test_a_map_of_distances_falls() -> None:
    assert Likelihood((0.1, 0.2), (2.0, 1.0)).probability(0.1, prior=0.5) > 0.8


@pytest.mark.parametrize(
    ("values", "log_ratios", "message"),
    [
        ((), (), "no points"),
        ((0.1,), (1.0, 2.0), "no points"),
        ((0.1, math.nan), (1.0, 2.0), "no number"),
        ((0.1, 0.2), (1.0, math.inf), "no number"),
        ((0.2, 0.1), (1.0, 2.0), "do not rise"),
        ((0.1, 0.2, 0.3), (1.0, 2.0, 1.5), "both rise and fall"),
    ],
)
def test_maps_that_are_none_are_refused(
    values: tuple[float, ...], log_ratios: tuple[float, ...], message: str
) -> None:
    with pytest.raises(CardError, match=message):
        Likelihood(values, log_ratios)
