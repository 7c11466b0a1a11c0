import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.embeddings import PairVerdict, VerdictMap
from lookalike.errors import CardError, UnknownNameError
from lookalike.metrics import Likelihood

VERDICT = VerdictMap(
    metric="cosine",
    same_picture=Likelihood((0.5, 0.9), (-3.0, 4.0)),
    same_kind=Likelihood((0.1, 0.8), (-2.0, 2.0)),
    share_same_picture=0.2,
    share_same_kind=0.5,
    pairs=1200,
    data="photographs of birds",
    error_same_picture=0.011,
    error_same_kind=0.049,
)


def test_probabilities_are_those_of_the_maps_at_the_stated_shares() -> None:
    opinion = VERDICT.of(0.7)
    # half way between the points: a ratio of e^0.5, where one pair in five is the same
    odds = 0.25 * math.exp(0.5)
    assert opinion.same_picture == pytest.approx(odds / (odds + 1))
    assert opinion.same_kind == pytest.approx(1 / (1 + math.exp(2 - 4 * 6 / 7)))


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_a_closer_pair_is_never_less_likely_the_same(a: float, b: float) -> None:
    low, high = (VERDICT.of(value) for value in sorted((a, b)))
    assert low.same_picture <= high.same_picture
    assert low.same_kind <= high.same_kind


@given(st.floats(-1, 1))
def test_one_picture_shows_one_kind_of_thing(value: float) -> None:
    opinion = VERDICT.of(value)
    assert 0 < opinion.same_picture <= opinion.same_kind < 1


@pytest.mark.parametrize(
    ("picture", "kind", "words"),
    [
        (0.95, 0.99, "the same picture, edited or not (0.95)"),
        (0.9, 0.99, "the same picture, edited or not (0.90)"),
        (0.896, 0.99, "likely the same picture, edited or not (0.89)"),
        (0.9999, 0.9999, "the same picture, edited or not (0.99)"),
        (0.5, 0.99, "perhaps the same picture, edited or not (0.50)"),
        (0.49, 0.99, "the same kind of thing (0.99)"),
        (0.49, 0.6, "likely the same kind of thing (0.60)"),
        (0.49, 0.59, "perhaps the same kind of thing (0.59)"),
        (0.1, 0.49, "perhaps different kinds of things (0.51)"),
        (0.01, 0.04, "different kinds of things (0.96)"),
    ],
)
def test_the_likeliest_answer_is_told(picture: float, kind: float, words: str) -> None:
    assert PairVerdict(picture, kind).words == words


def test_the_reading_says_for_which_pairs_and_how_well() -> None:
    for part in (
        "20% of pairs",
        "30% two",
        "1,200 pairs of photographs of birds",
        "0.011 and 0.049",
    ):
        assert part in VERDICT.reading


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="cosin"):
        replace(VERDICT, metric="cosin")


@pytest.mark.parametrize("shares", [(0.0, 0.5), (0.6, 0.5), (0.5, 1.0), (float("nan"), 0.5)])
def test_shares_that_are_none_are_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(CardError, match="shares"):
        replace(VERDICT, share_same_picture=shares[0], share_same_kind=shares[1])
