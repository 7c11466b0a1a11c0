"""Resampling of identities, and whether the intervals that come of it hold."""

import functools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike import evaluate
from lookalike.judge import resampling
from lookalike.judge.count import count_trial
from lookalike.judge.resampling import Resampling, interval, student_quantile
from lookalike.judge.trial import trial_of_groups
from lookalike.metrics import scorer_of

Floats = NDArray[np.float64]

# Upper quantiles of Student's t for 1 to 30 degrees of freedom, as tables print them
STUDENT = {
    0.95: """6.314 2.920 2.353 2.132 2.015 1.943 1.895 1.860 1.833 1.812 1.796 1.782 1.771 1.761
        1.753 1.746 1.740 1.734 1.729 1.725 1.721 1.717 1.714 1.711 1.708 1.706 1.703 1.701 1.699
        1.697""",
    0.975: """12.706 4.303 3.182 2.776 2.571 2.447 2.365 2.306 2.262 2.228 2.201 2.179 2.160 2.145
        2.131 2.120 2.110 2.101 2.093 2.086 2.080 2.074 2.069 2.064 2.060 2.056 2.052 2.048 2.045
        2.042""",
    0.995: """63.657 9.925 5.841 4.604 4.032 3.707 3.499 3.355 3.250 3.169 3.106 3.055 3.012 2.977
        2.947 2.921 2.898 2.878 2.861 2.845 2.831 2.819 2.807 2.797 2.787 2.779 2.771 2.763 2.756
        2.750""",
}


@pytest.mark.parametrize("share", STUDENT)
def test_quantiles_of_student_are_those_of_the_table(share: float) -> None:
    for freedom, printed in enumerate(map(float, STUDENT[share].split()), 1):
        # what the docstring promises, and the last digit of the table
        allowed = 0.0005 + (0.003 * printed if freedom > 2 else 0)
        assert student_quantile(share, freedom) == pytest.approx(printed, abs=allowed), freedom
        assert student_quantile(1 - share, freedom) == pytest.approx(-printed, abs=allowed)


@pytest.mark.parametrize("freedom", [1, 2, 3, 30])
def test_the_middle_of_student_is_zero(freedom: int) -> None:
    assert student_quantile(0.5, freedom) == pytest.approx(0, abs=1e-12)


def test_with_many_degrees_student_is_normal() -> None:
    assert student_quantile(0.975, 3000) == pytest.approx(1.959964, abs=1e-3)


@given(st.integers(1, 60), st.integers(1, 40), st.integers(0, 99), st.sampled_from([7, 384]))
def test_every_replicate_draws_as_many_units_as_there_are(
    units: int, replicates: int, seed: int, most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "MOST_GROUPS", most)
        found = Resampling.of(units, replicates=replicates, seed=seed)
        again = Resampling.of(units, replicates=replicates, seed=seed)
    groups = min(units, most)
    assert found.groups == groups
    assert found.weights.shape == (replicates, groups)
    assert (found.weights >= 0).all()
    assert (found.weights == np.rint(found.weights)).all()
    assert (found.weights.sum(axis=1) == groups).all()
    assert np.array_equal(found.weights, again.weights)
    assert np.array_equal(found.group, again.group)


@given(st.integers(1, 1000), st.integers(1, 400))
def test_groups_are_neighbours_and_of_nearly_equal_size(units: int, most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "MOST_GROUPS", most)
        group = Resampling.of(units, replicates=1, seed=0).group
    assert len(group) == units
    assert set(np.diff(group).tolist()) <= {0, 1}
    sizes = np.bincount(group)
    assert len(sizes) == min(units, most)
    assert sizes.max() - sizes.min() <= 1


def test_another_seed_draws_other_replicates() -> None:
    one, other = (Resampling.of(30, replicates=5, seed=seed).weights for seed in (0, 1))
    assert not np.array_equal(one, other)


def test_every_unit_is_drawn_equally_often() -> None:
    weights = Resampling.of(8, replicates=4000, seed=0).weights
    # as a multinomial of 8 draws: mean 1, variance 7/8 each, covariance -1/8
    assert np.allclose(weights.mean(axis=0), 1, atol=5 * math.sqrt(7 / 8 / 4000))
    covariance = np.cov(weights.T)
    assert np.allclose(np.diag(covariance), 7 / 8, atol=0.12)
    assert np.allclose(covariance[~np.eye(8, dtype=bool)], -1 / 8, atol=0.1)


def test_no_units_make_no_groups() -> None:
    found = Resampling.of(0, replicates=3, seed=0)
    assert found.weights.shape == (3, 0)
    assert found.group.shape == (0,)


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.25, 1.0, math.nan]), st.integers(0, 5)), max_size=12
    ),
    st.sampled_from([2, 384]),
)
def test_means_of_replicates_are_weighted_means(
    queries: list[tuple[float, int]], most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "MOST_GROUPS", most)
        found = Resampling.of(6, replicates=20, seed=0)
    means = found.means(
        np.array([value for value, _ in queries]), np.array([unit for _, unit in queries], np.intp)
    )
    for n in range(20):
        weights = [found.weights[n, found.group[unit]] for _, unit in queries]
        some = [
            (value, float(weight))
            for (value, _), weight in zip(queries, weights, strict=True)
            if not math.isnan(value)
        ]
        total = math.fsum(weight for _, weight in some)
        if total:
            expected = math.fsum(value * weight for value, weight in some) / total
            assert means[n] == pytest.approx(expected)
        else:
            assert math.isnan(means[n])


@given(
    st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0])),
    st.integers(0, 80),
    st.sampled_from([-0.4, 0.0, 0.4]),
    st.sampled_from([0.0, 0.01, 0.5]),
    st.integers(0, 60),
    st.sampled_from([0.5, 0.9, 0.95, 0.99]),
)
def test_an_interval_holds_the_value_and_stays_in_bounds(
    value: float, count: int, beside: float, spread: float, groups: int, level: float
) -> None:
    # replicates may lie beside the value altogether, and some have none
    replicates = 0.5 + beside + spread * np.random.default_rng(count).normal(size=count)
    replicates[::7] = math.nan
    found = interval(value, np.array([0.5, *replicates]), groups, level=level)
    assert (found is None) == (groups < 2 or np.isfinite(replicates).sum() < 20)
    if found is not None:
        assert 0 <= found.low <= value <= found.high <= 1
        assert found.level == level


def test_an_interval_is_wider_at_a_higher_level_and_with_fewer_groups() -> None:
    replicates = np.concatenate([[0.5], np.random.default_rng(0).normal(0.5, 0.02, 20_000)])

    def width(level: float, groups: int) -> float:
        found = interval(0.5, replicates, groups, level=level)
        assert found is not None
        return found.high - found.low

    assert width(0.8, 50) < width(0.95, 50) < width(0.99, 50)
    assert width(0.95, 500) < width(0.95, 20) < width(0.95, 5) < width(0.95, 3)
    assert width(0.95, 10_000) == pytest.approx(2 * 1.96 * 0.02, rel=0.05)
    # Student's t with 4 degrees instead of a normal, and 4 of 5 for the variance
    assert width(0.95, 5) > 0.9 * 2 * 2.776 * math.sqrt(5 / 4) * 0.02


def test_an_interval_follows_the_value_when_replicates_are_coarser() -> None:
    replicates = np.concatenate([[0.5], np.random.default_rng(0).normal(0.5, 0.02, 2000)])
    here = interval(0.5, replicates, 100)
    there = interval(0.53, replicates, 100)
    assert here is not None
    assert there is not None
    assert there.low - here.low == pytest.approx(0.03, abs=0.002)
    assert there.high - here.high == pytest.approx(0.03, abs=0.002)


def test_an_unknown_value_has_no_interval() -> None:
    replicates = np.random.default_rng(0).random(100)
    assert interval(math.nan, replicates, 30) is None
    assert interval(0.5, np.full(100, math.nan), 30) is None
    assert interval(0.5, replicates, 1) is None


def test_differences_may_be_negative() -> None:
    replicates = np.concatenate([[-0.1], np.random.default_rng(0).normal(-0.1, 0.01, 500)])
    found = interval(-0.1, replicates, 40, bounds=(-1.0, 1.0))
    assert found is not None
    assert -0.15 < found.low < -0.1 < found.high < -0.05


# Does an interval of 95 % hold the truth in 95 of 100 data sets? Identities are drawn anew for
# each: of unequal size, with a spread of their own, so that pairs of one identity go together.

SIZES = np.arange(2, 13)


def drawn(
    random: np.random.Generator, identities: int, apart: float
) -> tuple[Floats, NDArray[np.intp]]:
    """Vectors and who is on each: few pictures of most, many of some, some all over the place."""
    sizes = random.choice(SIZES, identities, p=SIZES**-1.5 / (SIZES**-1.5).sum())
    labels = np.repeat(np.arange(identities), sizes)
    centres = apart * random.normal(size=(identities, 8))
    spread = np.exp(random.normal(0, SPREAD, identities))
    return centres[labels] + spread[labels, None] * random.normal(size=(len(labels), 8)), labels


SPREAD = 0.4
"""Of the logarithm of the spreads: one identity in six strays half as far again as the middle."""


@functools.cache
def population(apart: float) -> float:
    """The AUC among so many identities that it hardly depends on which."""
    found = []
    for seed in range(8):
        vectors, labels = drawn(np.random.default_rng(1000 + seed), 3000, apart)
        trial = trial_of_groups(labels, [f"{n:06}" for n in range(len(labels))])
        scorer = scorer_of("cosine", vectors[trial.rows], device="cpu")
        found.append(count_trial(trial, scorer).counts.roc_auc)
    assert np.std(found) < 0.01
    return float(np.mean(found))


@pytest.mark.slow
@pytest.mark.parametrize("apart", [0.55, 1.3, 2.3])
def test_an_interval_of_95_percent_holds_the_truth_in_95_of_100_data_sets(apart: float) -> None:
    truth = population(apart)
    random = np.random.default_rng(round(100 * apart))
    low = high = 0
    sets = 500
    for seed in range(sets):
        vectors, labels = drawn(random, 40, apart)
        found = evaluate(vectors, truth=labels.tolist(), fprs=(), ks=(1,), seed=seed)["roc_auc"]
        assert found.interval is not None
        low += truth < found.interval.low
        high += truth > found.interval.high
    coverage = 1 - (low + high) / sets
    assert 0.93 <= coverage <= 0.97, f"AUC {truth:.3f}: {low} too high, {high} too low"
