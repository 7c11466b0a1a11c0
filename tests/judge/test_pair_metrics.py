"""Every metric over pairs against loops over pairs, thresholds and pairs of pairs."""

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike.judge import PairCounts, pair_metrics

Floats = NDArray[np.float64]
Pair = tuple[float, bool]
"""How close (higher is closer), and whether both show the same thing."""


def split(pairs: list[Pair]) -> tuple[list[float], list[float]]:
    """Closeness of the same pairs, and of the different ones."""
    return [close for close, same in pairs if same], [close for close, same in pairs if not same]


def slow_auc(pairs: list[Pair]) -> float:
    same, different = split(pairs)
    if not same or not different:
        return math.nan
    won = [1.0 if s > d else 0.5 if s == d else 0.0 for s in same for d in different]
    return math.fsum(won) / len(won)


def slow_average_precision(pairs: list[Pair]) -> float:
    same, _ = split(pairs)
    precisions = []
    for close in same:
        accepted = [truth for other, truth in pairs if other >= close]
        precisions.append(sum(accepted) / len(accepted))
    return math.fsum(precisions) / len(same) if same else math.nan


def slow_confusions(pairs: list[Pair]) -> list[tuple[int, int, int, int]]:
    """(TP, FP, FN, TN) if 0, 1, 2, ... distinct scores are accepted, one pair at a time."""
    found = []
    for limit in [math.inf, *sorted({close for close, _ in pairs}, reverse=True)]:
        cells = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
        for close, same in pairs:
            cells[close >= limit, same] += 1
        found.append(
            (cells[True, True], cells[True, False], cells[False, True], cells[False, False])
        )
    return found


def share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def slow_curve(pairs: list[Pair]) -> list[tuple[float, float]]:
    """(FPR, TPR) after 0, 1, 2, ... distinct scores."""
    return [(share(fp, fp + tn), share(tp, tp + fn)) for tp, fp, fn, tn in slow_confusions(pairs)]


def slow_eer(pairs: list[Pair]) -> float:
    """Accept the pairs of one score with a probability that makes both errors equal."""
    same, different = split(pairs)
    if not same or not different:
        return math.nan
    for tied in sorted({close for close, _ in pairs}, reverse=True):
        errors = Fraction(sum(d > tied for d in different), len(different))
        found = Fraction(sum(s > tied for s in same), len(same))
        more_errors = Fraction(different.count(tied), len(different))
        more_found = Fraction(same.count(tied), len(same))
        chance = (1 - found - errors) / (more_errors + more_found)
        if 0 <= chance <= 1:
            return float(errors + chance * more_errors)
    raise AssertionError("both errors cross somewhere")


def slow_tpr(pairs: list[Pair], fpr: Fraction) -> float:
    same, different = split(pairs)
    if not same or not different:
        return math.nan
    return max(
        tp / len(same)
        for tp, fp, _, _ in slow_confusions(pairs)
        if Fraction(fp, len(different)) <= fpr
    )


def slow_tpr_between(pairs: list[Pair], fpr: Fraction) -> float:
    """The highest point of the ROC's straight lines above a false positive rate."""
    same, different = split(pairs)
    if not same or not different:
        return math.nan
    points = [
        (Fraction(fp, len(different)), Fraction(tp, len(same)))
        for tp, fp, _, _ in slow_confusions(pairs)
    ]
    heights = [tpr for rate, tpr in points if rate == fpr]
    for (x, y), (next_x, next_y) in itertools.pairwise(points):
        if x < fpr < next_x:
            heights.append(y + (fpr - x) / (next_x - x) * (next_y - y))
    return float(max(heights))


def slow_accuracy(pairs: list[Pair]) -> float:
    return max(share(tp + tn, len(pairs)) for tp, _, _, tn in slow_confusions(pairs))


def slow_f1(pairs: list[Pair]) -> float:
    if not split(pairs)[0]:
        return math.nan
    return max(2 * tp / (2 * tp + fp + fn) for tp, fp, fn, _ in slow_confusions(pairs))


REFERENCES: dict[str, tuple[Callable[..., Floats], Callable[[list[Pair]], float]]] = {
    "roc_auc": (pair_metrics.roc_auc, slow_auc),
    "average_precision": (pair_metrics.average_precision, slow_average_precision),
    "equal_error_rate": (pair_metrics.equal_error_rate, slow_eer),
    "best_accuracy": (pair_metrics.best_accuracy, slow_accuracy),
    "best_f1": (pair_metrics.best_f1, slow_f1),
}

every_metric = pytest.mark.parametrize("name", REFERENCES)

# few distinct scores for ties, negative ones, and scores that are hardly different
scores = st.one_of(
    st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0]),
    st.sampled_from([-0.5, float(np.nextafter(-0.5, 0))]),
    st.floats(-1e6, 1e6),
)
some_pairs = st.lists(st.tuples(scores, st.booleans()), min_size=1, max_size=24)
both_kinds = some_pairs.map(lambda pairs: [*pairs, (0.0, True), (0.25, False)])
rates = st.fractions(0, 1, max_denominator=50)


def counted(pairs: list[Pair]) -> PairCounts:
    return PairCounts.of([close for close, _ in pairs], [same for _, same in pairs])


def equal(found: Any, expected: float) -> bool:
    return bool(np.allclose(found, expected, rtol=1e-12, atol=1e-12, equal_nan=True))


@every_metric
@given(pairs=some_pairs)
def test_a_metric_equals_a_loop_over_pairs(name: str, pairs: list[Pair]) -> None:
    fast, slow = REFERENCES[name]
    counts = counted(pairs)
    assert equal(fast(counts.same, counts.different), slow(pairs))


@given(both_kinds)
def test_the_curve_has_a_point_for_every_threshold(pairs: list[Pair]) -> None:
    counts = counted(pairs)
    fpr, tpr = pair_metrics.roc_curve(counts.same, counts.different)
    expected = slow_curve(pairs)
    assert np.allclose(fpr, [x for x, _ in expected], rtol=0, atol=1e-15)
    assert np.allclose(tpr, [y for _, y in expected], rtol=0, atol=1e-15)
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)


@given(some_pairs)
def test_precision_accuracy_and_f1_stand_at_every_threshold(pairs: list[Pair]) -> None:
    counts = counted(pairs)
    confusions = slow_confusions(pairs)
    precision = pair_metrics.precisions(counts.same, counts.different)
    accuracy = pair_metrics.accuracies(counts.same, counts.different)
    f1 = pair_metrics.f1_scores(counts.same, counts.different)
    assert len(precision) == len(accuracy) == len(f1) == len(confusions)
    some = bool(counts.pairs[0])
    for place, (tp, fp, fn, tn) in enumerate(confusions):
        assert equal(precision[place], share(tp, tp + fp))
        assert equal(accuracy[place], (tp + tn) / len(pairs))
        assert equal(f1[place], share(2 * tp, 2 * tp + fp + fn) if some else math.nan)


@given(some_pairs, st.one_of(rates, st.integers(0, 26)))
def test_the_true_positive_rate_is_that_of_the_loosest_threshold_allowed(
    pairs: list[Pair], rate: Fraction | int
) -> None:
    different = len(split(pairs)[1])
    # a whole number of pairs is the hard case: their product must not come out short
    fpr = rate if isinstance(rate, Fraction) else Fraction(min(rate, different), different or 1)
    counts = counted(pairs)
    found = pair_metrics.tpr_at_fpr(counts.same, counts.different, float(fpr))
    assert equal(found, slow_tpr(pairs, fpr))
    accepted = int(pair_metrics.accepted_at_fpr(counts.different, float(fpr)))
    errors = [fp for _, fp, _, _ in slow_confusions(pairs)]
    assert accepted == max(n for n, fp in enumerate(errors) if fp <= fpr * different)


@pytest.mark.parametrize("different", [49, 98, 103, 107])
def test_a_rate_of_a_whole_number_of_pairs_allows_them_all(different: int) -> None:
    # 1 / 49 * 49 is a little less than 1
    one_by_one = np.ones(different)
    for allowed in range(different + 1):
        fpr = allowed / different
        assert pair_metrics.accepted_at_fpr(one_by_one, fpr) == allowed
        found = pair_metrics.tpr_at_fpr(one_by_one, one_by_one, fpr)
        assert found == pytest.approx(allowed / different)


@given(some_pairs, st.one_of(rates, st.integers(0, 26)))
def test_between_two_thresholds_the_true_positive_rate_lies_on_a_straight_line(
    pairs: list[Pair], rate: Fraction | int
) -> None:
    different = len(split(pairs)[1])
    fpr = rate if isinstance(rate, Fraction) else Fraction(min(rate, different), different or 1)
    counts = counted(pairs)
    found = pair_metrics.tpr_between(counts.same, counts.different, float(fpr))
    expected = slow_tpr_between(pairs, fpr)
    assert np.allclose(found, expected, rtol=0, atol=1e-9, equal_nan=True)


# a rate a few units in the last digit short of a step is taken for the step
@given(both_kinds, st.floats(0, 1).map(lambda rate: round(rate, 6)))
def test_a_straight_line_is_never_below_the_step(pairs: list[Pair], fpr: float) -> None:
    counts = counted(pairs)
    between = pair_metrics.tpr_between(counts.same, counts.different, fpr)
    assert between >= pair_metrics.tpr_at_fpr(counts.same, counts.different, fpr) - 1e-9


@given(
    st.lists(st.tuples(st.integers(-9, 9), st.booleans()), min_size=1, max_size=20),
    st.sampled_from([2.0**-20, 1 / 3, 2.0, 1e6]),
    st.integers(-(10**6), 10**6),
)
def test_shifting_and_scaling_every_score_changes_no_metric(
    whole: list[tuple[int, bool]], scale: float, shift: int
) -> None:
    pairs = [(float(close), same) for close, same in whole]
    moved = [((close + shift) * scale, same) for close, same in whole]
    before, after = counted(pairs), counted(moved)
    for fast, _ in REFERENCES.values():
        assert np.array_equal(
            fast(before.same, before.different), fast(after.same, after.different), equal_nan=True
        )


@given(some_pairs)
def test_distances_give_the_same_metrics_as_their_negatives(pairs: list[Pair]) -> None:
    same = [truth for _, truth in pairs]
    distances = PairCounts.of([-close for close, _ in pairs], same, higher_is_closer=False)
    for fast, slow in REFERENCES.values():
        assert equal(fast(distances.same, distances.different), slow(pairs))


@given(both_kinds)
def test_swapping_the_kinds_and_the_direction_keeps_auc_and_eer(pairs: list[Pair]) -> None:
    here, there = counted(pairs), counted([(-close, not same) for close, same in pairs])
    for metric in (pair_metrics.roc_auc, pair_metrics.equal_error_rate):
        assert equal(metric(here.same, here.different), float(metric(there.same, there.different)))
    turned = counted([(-close, same) for close, same in pairs])
    assert turned.roc_auc == pytest.approx(1 - here.roc_auc)


@given(st.lists(some_pairs, min_size=1, max_size=4), rates)
def test_leading_axes_are_kept(several: list[list[Pair]], fpr: Fraction) -> None:
    length = max(len(counted(pairs).values) for pairs in several)

    def padded(counts: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.pad(counts, (0, length - len(counts)))

    same = np.stack([padded(counted(pairs).same) for pairs in several])[:, None]
    different = np.stack([padded(counted(pairs).different) for pairs in several])[:, None]
    metrics: list[Callable[..., Any]] = [fast for fast, _ in REFERENCES.values()]
    metrics.append(lambda a, b: pair_metrics.tpr_at_fpr(a, b, float(fpr)))
    metrics.append(lambda a, b: pair_metrics.tpr_between(a, b, float(fpr)))
    for metric in metrics:
        together = metric(same, different)
        assert together.shape == (len(several), 1)
        for n in range(len(several)):
            assert equal(together[n, 0], float(metric(same[n, 0], different[n, 0])))


@given(both_kinds)
def test_scores_that_no_pair_has_change_nothing(pairs: list[Pair]) -> None:
    counts = counted(pairs)
    spread = [
        np.repeat(one, 2) * np.tile([1, 0], len(one)) for one in (counts.same, counts.different)
    ]
    for fast, slow in REFERENCES.values():
        assert equal(fast(*spread), slow(pairs))


@pytest.mark.parametrize("missing", ["same", "different"])
def test_without_one_kind_of_pairs_there_is_no_rate_and_no_warning(missing: str) -> None:
    kinds = np.array([1, 2]), np.array([0, 0])
    same, different = kinds[::-1] if missing == "same" else kinds
    assert math.isnan(pair_metrics.roc_auc(same, different))
    assert math.isnan(pair_metrics.equal_error_rate(same, different))
    assert math.isnan(pair_metrics.tpr_at_fpr(same, different, 0.5))
    assert math.isnan(pair_metrics.tpr_between(same, different, 0.5))
    nothing = missing == "same"
    assert math.isnan(pair_metrics.average_precision(same, different)) is nothing
    assert math.isnan(pair_metrics.best_f1(same, different)) is nothing


def test_without_any_pair_there_is_no_metric() -> None:
    for none in (np.zeros(3, np.int64), np.zeros(0, np.int64)):
        for fast, _ in REFERENCES.values():
            assert math.isnan(fast(none, none))
        assert [len(one) for one in pair_metrics.roc_curve(none, none)] == [len(none) + 1] * 2


def test_equal_scores_count_half() -> None:
    pairs = [(1.0, True), (1.0, False)]
    counts = counted(pairs)
    assert counts.roc_auc == 0.5
    assert pair_metrics.equal_error_rate(counts.same, counts.different) == 0.5
    assert pair_metrics.average_precision(counts.same, counts.different) == 0.5


def test_scores_that_a_sigmoid_would_merge_are_told_apart() -> None:
    # T23: a streaming AUC with 200 thresholds over sigmoids gives 0.5 here
    counts = PairCounts.of([-0.100, -0.101, -0.102, -0.103], [1, 1, 0, 0])
    assert counts.roc_auc == 1.0


def test_the_unit_vectors_of_the_worked_example_have_an_auc_of_one_half() -> None:
    # T20: unit vectors at 0, 20, 90, 100 and 200 degrees, classes A A B B A
    distances = {
        "same": [0.347296, 1.969616, 2.000000, 0.174311],
        "different": [1.414214, 1.532089, 1.147153, 1.285575, 1.638304, 1.532089],
    }
    values = [*distances["same"], *distances["different"]]
    counts = PairCounts.of(values, [True] * 4 + [False] * 6, higher_is_closer=False)
    assert counts.pairs == (4, 6)
    assert counts.roc_auc == 0.5  # 12 of 24


def test_counts_of_many_pairs_do_not_overflow() -> None:
    many = np.array([2**61, 2**61])
    assert pair_metrics.roc_auc(many, many) == 0.5
    assert pair_metrics.average_precision(many, many) == 0.5
    assert pair_metrics.best_accuracy(many, many) == 0.5


@pytest.mark.parametrize("seed", range(8))
def test_scikit_learn_agrees(seed: int) -> None:
    reference = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(seed)
    values = random.integers(-9, 10, 400) / 4 if seed % 2 else random.normal(size=400)
    same = random.random(400) < 0.2
    values = values + same
    counts = PairCounts.of(values, same)
    assert counts.roc_auc == pytest.approx(reference.roc_auc_score(same, values), abs=1e-12)
    found = pair_metrics.average_precision(counts.same, counts.different)
    assert found == pytest.approx(reference.average_precision_score(same, values), abs=1e-12)
    fpr, tpr, thresholds = reference.roc_curve(same, values, drop_intermediate=False)
    assert np.allclose(pair_metrics.roc_curve(counts.same, counts.different), [fpr, tpr])
    assert np.array_equal(counts.values, thresholds[1:])
