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
from lookalike.judge.resampling import (
    OF_PAIRS,
    OF_QUERIES,
    Resampling,
    interval,
    share_interval,
    spread_of,
    student_quantile,
    student_share,
)
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
        # to the last digit of the table
        assert student_quantile(share, freedom) == pytest.approx(printed, abs=0.0006), freedom
        assert student_quantile(1 - share, freedom) == pytest.approx(-printed, abs=0.0006)
        assert student_share(student_quantile(share, freedom), freedom) == pytest.approx(share)


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
    drawn = found.weights[found.drawn]
    assert drawn.shape == (replicates, groups)
    assert (drawn >= 0).all()
    assert (drawn == np.rint(drawn)).all()
    assert (drawn.sum(axis=1) == groups).all()
    assert found.weights[0].tolist() == [1] * groups
    for left_out, weights in enumerate(found.weights[1 + replicates :].tolist()):
        assert weights == [float(unit != left_out) for unit in range(groups)]
    assert len(found.weights) == 1 + replicates + groups
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
    found = Resampling.of(8, replicates=4000, seed=0)
    weights = found.weights[found.drawn]
    # as a multinomial of 8 draws: mean 1, variance 7/8 each, covariance -1/8
    assert np.allclose(weights.mean(axis=0), 1, atol=5 * math.sqrt(7 / 8 / 4000))
    covariance = np.cov(weights.T)
    assert np.allclose(np.diag(covariance), 7 / 8, atol=0.12)
    assert np.allclose(covariance[~np.eye(8, dtype=bool)], -1 / 8, atol=0.1)


def test_the_share_of_same_pairs_stays_what_it_is_on_average() -> None:
    # within a unit a pair counts as often as the unit, between two the product of both
    found = Resampling.of(9, replicates=20_000, seed=0)
    weights = found.weights.astype(float)
    within = weights.sum(axis=1)
    between = (within**2 - (weights**2).sum(axis=1)) / 2 * found.balance
    assert between[0] / within[0] == 4
    for some in (found.drawn, slice(found.drawn.stop, None)):
        assert between[some].mean() / within[some].mean() == pytest.approx(4, rel=0.01)


def test_no_units_make_no_groups() -> None:
    found = Resampling.of(0, replicates=3, seed=0)
    assert found.weights.shape == (4, 0)
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
    assert len(means) == len(found.weights)
    for n in range(len(means)):
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


def replicated(
    units: Floats, seed: int = 0, replicates: int = 400
) -> tuple[float, Floats, Resampling]:
    """The mean of one number per unit, and that mean in every replicate."""
    found = Resampling.of(len(units), replicates=replicates, seed=seed)
    return float(units.mean()), found.means(units, np.arange(len(units))), found


@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.5, 0.99, 1.0]), min_size=3, max_size=40),
    st.sampled_from([-0.3, 0.0, 0.3]),
    st.sampled_from([0.5, 0.9, 0.95, 0.99]),
)
def test_an_interval_holds_the_value_and_stays_in_bounds(
    units: list[float], beside: float, level: float
) -> None:
    mean, replicates, drawn = replicated(np.array(units))
    value = float(np.clip(mean + beside, 0, 1))  # replicates may lie beside the value altogether
    found = share_interval(value, replicates, drawn.groups, level=level)
    assert found is not None
    assert 0 <= found.low <= value <= found.high <= 1
    assert found.level == level


def test_the_interval_of_a_mean_is_the_one_of_student() -> None:
    units = np.random.default_rng(0).normal(5, 2, 200)
    mean, replicates, drawn = replicated(units, replicates=2000)
    found = interval(mean, replicates, drawn.groups)
    assert found is not None
    error = float(units.std(ddof=1)) / math.sqrt(200)
    assert found.low == pytest.approx(mean - 1.97 * error, abs=0.1 * error)
    assert found.high == pytest.approx(mean + 1.97 * error, abs=0.1 * error)


def test_a_unit_on_which_everything_hangs_leaves_few_degrees_of_freedom() -> None:
    even = np.random.default_rng(0).normal(size=60)
    one = even.copy()
    one[0] = 100
    found = []
    for units in (even, one):
        mean, replicates, drawn = replicated(units)
        found.append(spread_of(mean, replicates, drawn.groups))
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].freedom > 20
    assert found[1].freedom == 3


def test_an_interval_is_wider_at_a_higher_level_and_with_fewer_units() -> None:
    def width(level: float, units: int) -> float:
        mean, replicates, drawn = replicated(np.arange(units) % 3 / 4 + 0.2)
        found = share_interval(mean, replicates, drawn.groups, level=level)
        assert found is not None
        return found.high - found.low

    assert width(0.8, 60) < width(0.95, 60) < width(0.99, 60)
    assert width(0.95, 300) < width(0.95, 60) < width(0.95, 12) < width(0.95, 6)


def test_an_interval_follows_the_value_when_replicates_are_coarser() -> None:
    mean, replicates, drawn = replicated(np.random.default_rng(0).random(100))
    here = interval(mean, replicates, drawn.groups)
    there = interval(mean + 0.03, replicates, drawn.groups)
    assert here is not None
    assert there is not None
    assert there.low - here.low == pytest.approx(0.03)
    assert there.high - here.high == pytest.approx(0.03)


@pytest.mark.parametrize(("units", "low"), [(5, 0.478), (30, 0.884), (100, 0.964)])
def test_a_perfect_share_leaves_open_what_so_many_units_leave_open(units: int, low: float) -> None:
    # Clopper and Pearson's 95 % interval of no failures in so many trials
    _, replicates, drawn = replicated(np.ones(units))
    found = share_interval(1.0, replicates, drawn.groups)
    assert found is not None
    assert (round(found.low, 3), found.high) == (low, 1.0)
    _, replicates, drawn = replicated(np.zeros(units))
    found = share_interval(0.0, replicates, drawn.groups)
    assert found is not None
    assert (found.low, round(1 - found.high, 3)) == (0.0, low)


def test_one_bad_unit_among_many_leaves_the_interval_near_the_value() -> None:
    units = np.ones(300)
    units[7] = 0.8
    mean, replicates, drawn = replicated(units)
    for reach, low in ((OF_QUERIES, 0.99), (OF_PAIRS, 0.8)):
        found = share_interval(mean, replicates, drawn.groups, reach=reach)
        assert found is not None
        assert low < found.low < mean < found.high <= 1


def test_only_units_that_have_a_part_count() -> None:
    units = np.full(100, math.nan)
    units[:4] = 1.0
    drawn = Resampling.of(100, replicates=400, seed=0)
    means = drawn.means(units, np.arange(100))
    few = share_interval(1.0, means, drawn.groups, contributing=4)
    assert few is not None
    assert few.low == pytest.approx(0.025 ** (1 / 4))
    assert share_interval(1.0, means, drawn.groups, contributing=2) is None
    totals = drawn.weights.astype(np.float64) @ (np.arange(100) < 4)
    assert drawn.with_part(totals) == 4


def test_an_unknown_value_has_no_interval() -> None:
    mean, replicates, drawn = replicated(np.random.default_rng(0).random(30))
    assert interval(math.nan, replicates, drawn.groups) is None
    assert interval(mean, np.full(len(replicates), math.nan), drawn.groups) is None
    for few in (1, 2):
        mean, replicates, drawn = replicated(np.ones(few))
        assert interval(mean, replicates, drawn.groups) is None


def test_a_value_that_is_none_without_one_of_the_units_has_no_interval() -> None:
    units = np.full(30, math.nan)
    units[3] = 0.5
    drawn = Resampling.of(30, replicates=400, seed=0)
    replicates = drawn.means(units, np.arange(30))
    assert np.isfinite(replicates[drawn.drawn]).sum() > 100
    assert share_interval(0.5, replicates, drawn.groups) is None


def test_a_p_value_is_small_where_the_interval_leaves_out_zero() -> None:
    for shift, reject in ((0.0, False), (0.1, True)):
        units = np.random.default_rng(3).normal(shift, 0.2, 80)
        units += shift - units.mean()
        mean, replicates, drawn = replicated(units)
        found = spread_of(mean, replicates, drawn.groups)
        assert found is not None
        assert (found.p < 0.05) == reject
        assert (found.ends(0.95)[0] > 0) == reject


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
