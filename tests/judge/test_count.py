"""Counting all pairs, and what a bootstrap needs, against loops over pairs."""

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike.judge import count, resampling
from lookalike.judge.count import Counted, count_listed, count_trial
from lookalike.judge.listed import ListedPairs, listed_pairs, sampled_pairs
from lookalike.judge.resampling import Resampling
from lookalike.judge.trial import Trial, trial_of_groups, trial_of_lists
from lookalike.metrics import METRICS, Scorer, scorer_of


@pytest.fixture(autouse=True, scope="module", params=["few pairs", "many pairs"])
def both_ways(request: pytest.FixtureRequest) -> Iterator[None]:
    """Levels sorted, as for few pairs; and counted, as for many, on a scale that is coarser."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(count, "SAMPLE", 2**12)  # far more than these sets have pairs
        if request.param == "many pairs":
            patch.setattr(count, "SORTED", 0)
            patch.setattr(count, "COUNTED", 2**17)  # still finer than these scores need
        yield


Whole = NDArray[np.float64]
"""Vectors of small whole numbers, so that equal scores can be told from unequal ones exactly."""


def inner(a: list[int], b: list[int]) -> int:
    return sum(x * y for x, y in zip(a, b, strict=True))


def exact_cosine(a: list[int], b: list[int]) -> Fraction:
    """Sign times the square of the cosine, which has the same order."""
    product, norms = inner(a, b), inner(a, a) * inner(b, b)
    return Fraction(abs(product) * product, norms) if norms else Fraction(0)


def exact_square(a: list[int], b: list[int]) -> Fraction:
    return Fraction(-sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))


EXACT: dict[str, tuple[Callable[..., Fraction], Callable[[float], float]]] = {
    "cosine": (exact_cosine, lambda x: math.copysign(math.sqrt(abs(x)), x)),
    "inner-product": (lambda a, b: Fraction(inner(a, b)), float),
    "hamming": (
        lambda a, b: Fraction(sum(x == y for x, y in zip(a, b, strict=True)), len(a)),
        float,
    ),
    "euclidean": (exact_square, lambda x: math.sqrt(-x)),
    "negative-euclidean": (exact_square, lambda x: -math.sqrt(-x)),
    "reciprocal-euclidean": (exact_square, lambda x: 1 / math.sqrt(-x) if x else 1e6),
}
"""Metric → an exact number that is the higher the closer, and from that the metric's value."""


@dataclass(frozen=True)
class Case:
    """Vectors and a trial of them, and its pairs as the definition has them."""

    metric: str
    vectors: Whole
    trial: Trial
    pairs: list[tuple[int, int, bool]]

    def scorer(self) -> Scorer:
        return scored(self.metric, self.vectors, self.trial)

    def closeness(self, a: int, b: int) -> Fraction:
        return EXACT[self.metric][0](
            self.vectors[a].astype(int).tolist(), self.vectors[b].astype(int).tolist()
        )

    def slow_counts(self) -> list[tuple[float, int, int]]:
        """(value, same pairs, different pairs), closest first."""
        table: dict[Fraction, list[int]] = defaultdict(lambda: [0, 0])
        for a, b, same in self.pairs:
            table[self.closeness(a, b)][0 if same else 1] += 1
        value = EXACT[self.metric][1]
        return [
            (value(float(key)), table[key][0], table[key][1]) for key in sorted(table, reverse=True)
        ]

    def units(self) -> dict[int, int]:
        """Position → its unit."""
        trial = self.trial
        found = dict(zip(trial.rows.tolist(), trial.row_units.tolist(), strict=True))
        if trial.column_units is not None:
            found |= dict(zip(trial.columns.tolist(), trial.column_units.tolist(), strict=True))
        return found


def scored(metric: str, vectors: NDArray[Any], trial: Trial) -> Scorer:
    columns = None if trial.symmetric else vectors[trial.columns]
    return scorer_of(metric, vectors[trial.rows], columns, device="cpu")


def same_set_pairs(positions: list[int], groups: list[int]) -> Iterator[tuple[int, int, bool]]:
    for a, b in itertools.combinations(positions, 2):
        yield a, b, groups[a] == groups[b]


@st.composite
def cases(draw: st.DrawFn, kinds: tuple[str, ...] = ("set", "sides", "lists")) -> Case:
    """Unequal groups, people on their own, copies of vectors, vectors of zeros, equal ids."""
    metric = draw(st.sampled_from(sorted(METRICS)))
    n = draw(st.integers(2, 12))
    length = draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    low, high = (0, 1) if metric == "hamming" else (-2, 2)
    vectors = random.integers(low, high + 1, (n, length)).astype(np.float64)
    for _ in range(draw(st.integers(0, 3))):
        vectors[random.integers(n)] = vectors[random.integers(n)]
    if draw(st.booleans()):
        vectors[random.integers(n)] = 0
    ids = [draw(st.sampled_from("abc")) for _ in range(n)]
    groups = np.minimum(random.integers(0, 4, n), random.integers(0, 4, n))
    cameras = random.integers(0, 2, n) if draw(st.booleans()) else np.arange(n)
    chosen = random.permutation(n)
    kind = draw(st.sampled_from(kinds))
    if kind == "set":
        some = chosen[: draw(st.integers(1, n))]
        trial = trial_of_groups(groups, ids, queries=some, gallery=some, cameras=cameras)
        pairs = list(same_set_pairs(some.tolist(), groups.tolist()))
        pairs = [(a, b, same) for a, b, same in pairs if not same or cameras[a] != cameras[b]]
        return Case(metric, vectors, trial, pairs)
    # queries and gallery have some pictures in common, or none
    queries = chosen[: draw(st.integers(1, n))]
    gallery = chosen[-draw(st.integers(1, n)) :]
    everything = [(q, g) for q in queries.tolist() for g in gallery.tolist() if q != g]
    if kind == "lists":
        lists = [{int(g): 1.0 for g in gallery if random.random() < 0.3} for _ in queries]
        trial = trial_of_lists(queries, gallery, lists, ids)
        said = dict(zip(queries.tolist(), lists, strict=True))
        return Case(metric, vectors, trial, [(q, g, g in said[q]) for q, g in everything])
    trial = trial_of_groups(groups, ids, queries=queries, gallery=gallery, cameras=cameras)
    # a pair of pictures that are both on both sides comes up twice, and counts once
    both = set(queries.tolist()) & set(gallery.tolist())
    twice = set(itertools.combinations(sorted(both), 2))
    everything = [pair for pair in everything if pair not in twice]
    return Case(
        metric,
        vectors,
        trial,
        [
            (q, g, bool(groups[q] == groups[g]))
            for q, g in everything
            if groups[q] != groups[g] or cameras[q] != cameras[g]
        ],
    )


def check_counts(found: Counted, case: Case) -> None:
    expected = case.slow_counts()
    counts = found.counts
    assert counts.higher_is_closer == METRICS[case.metric].higher_is_closer
    assert counts.same.tolist() == [same for _, same, _ in expected]
    assert counts.different.tolist() == [different for _, _, different in expected]
    values = [value for value, _, _ in expected]
    assert counts.values.tolist() == pytest.approx(values, rel=1e-5, abs=1e-5)


@settings(max_examples=120)
@given(cases())
def test_all_pairs_are_counted_as_a_loop_counts_them(case: Case) -> None:
    check_counts(count_trial(case.trial, case.scorer()), case)


@settings(max_examples=40)
@given(cases(), st.integers(1, 40))
def test_blocks_change_no_count_and_no_replicate(case: Case, cells: int) -> None:
    replicates = Resampling.of(case.trial.units, replicates=7, seed=1)
    whole = count_trial(case.trial, case.scorer(), replicates)
    done: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(count, "CELLS", cells)
        blocks = count_trial(case.trial, case.scorer(), replicates, progress=done.append)
    check_counts(blocks, case)
    assert sum(done) == len(case.trial.rows)
    assert np.array_equal(whole.counts.values, blocks.counts.values)
    for name in ("same", "different", "limits"):
        assert np.allclose(getattr(whole, name), getattr(blocks, name), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("symmetric", [True, False])
def test_no_block_holds_more_scores_than_allowed(
    symmetric: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(count, "CELLS", 500)
    random = np.random.default_rng(0)
    vectors = random.normal(size=(120, 4))
    half = np.arange(60)
    trial = trial_of_groups(
        random.integers(0, 9, 120),
        [f"{n}" for n in range(120)],
        queries=None if symmetric else half,
        gallery=None if symmetric else half + 60,
    )
    asked: list[int] = []
    plain = scored("cosine", vectors, trial)

    def watched(rows: slice, columns: slice) -> Any:
        block = plain.block(rows, columns)
        asked.append(block.size)
        return block

    scorer = Scorer(plain.metric, plain.scale, plain.rows, plain.columns, watched)
    found = count_trial(trial, scorer, Resampling.of(trial.units, replicates=3, seed=0))
    assert max(asked) <= 500
    assert sum(found.counts.pairs) == (120 * 119 // 2 if symmetric else 60 * 60)
    # a set is gone through above its diagonal, and little more
    assert sum(asked) <= (0.6 * 120 * 120 if symmetric else 60 * 60)


def test_ten_thousand_of_fifty_each_have_as_many_pairs_as_arithmetic_says() -> None:
    # T21 in small: n = 1000 with 50 each; n (n - 1) / 2 pairs, 20 times 50 * 49 / 2 the same
    groups = np.repeat(np.arange(20), 50)
    trial = trial_of_groups(groups, [f"{n:04}" for n in range(1000)])
    found = count_trial(trial, scored("cosine", np.ones((1000, 1)), trial))
    assert found.counts.pairs == (20 * 50 * 49 // 2, 1000 * 999 // 2 - 20 * 50 * 49 // 2)
    assert found.counts.values.tolist() == [1.0]  # equal scores are one score


def place_of(values: Whole, limits: Whole, higher: bool) -> list[int]:
    """For each value the first bin that reaches it."""
    return [
        next(n for n, limit in enumerate(limits) if (value >= limit if higher else value <= limit))
        for value in values
    ]


def check_replicates(found: Counted, case: Case, replicates: Resampling) -> None:
    """Every row of both tables against a sum over pairs of their weights."""
    higher = found.counts.higher_is_closer
    bins = place_of(found.counts.values, found.limits, higher)
    closeness = sorted({case.closeness(a, b) for a, b, _ in case.pairs}, reverse=True)
    bin_of = dict(zip(closeness, bins, strict=True))
    units = case.units()
    gallery_is_kept = case.trial.column_units is None
    weights, balance = replicates.weights.astype(float).tolist(), replicates.balance.tolist()
    tables = np.zeros((2, len(weights), len(found.limits)))
    for a, b, same in case.pairs:
        one = int(replicates.group[units[a]])
        other = one if gallery_is_kept else int(replicates.group[units[b]])
        for n, weight in enumerate(weights):
            worth = weight[one] if one == other else weight[one] * weight[other] * balance[n]
            tables[0 if same else 1, n, bin_of[case.closeness(a, b)]] += worth
    assert np.allclose(found.same, tables[0], rtol=1e-6, atol=1e-5)
    assert np.allclose(found.different, tables[1], rtol=1e-6, atol=1e-5)


@settings(max_examples=50)
@given(cases(), st.integers(0, 99), st.sampled_from([2, 3, 384]), st.sampled_from([5, 2**22]))
def test_a_pair_weighs_as_often_as_its_units_are_drawn_together(
    case: Case, seed: int, most_groups: int, cells: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "MOST_GROUPS", most_groups)
        patch.setattr(count, "CELLS", cells)
        replicates = Resampling.of(case.trial.units, replicates=5, seed=seed)
        found = count_trial(case.trial, case.scorer(), replicates, seed=seed)
    assert replicates.groups <= most_groups
    assert found.same.shape == found.different.shape == (6 + replicates.groups, len(found.limits))
    check_replicates(found, case, replicates)


@given(cases(), st.integers(0, 9))
def test_the_first_row_of_the_replicates_is_the_count_by_bin(case: Case, seed: int) -> None:
    found = count_trial(
        case.trial, case.scorer(), Resampling.of(case.trial.units, replicates=2, seed=0), seed=seed
    )
    counts = found.counts
    bins = place_of(counts.values, found.limits, counts.higher_is_closer)
    for table, kind in ((found.same, counts.same), (found.different, counts.different)):
        assert table[0].tolist() == np.bincount(bins, kind, minlength=len(found.limits)).tolist()
    assert (np.diff(found.limits) * (-1 if counts.higher_is_closer else 1) >= 0).all()


def test_bins_are_fine_enough_that_no_metric_moves() -> None:
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 5)
    vectors = random.normal(size=(60, 16))[groups] + 0.7 * random.normal(size=(300, 16))
    trial = trial_of_groups(groups, [f"{n:03}" for n in range(300)])
    found = count_trial(
        trial, scored("cosine", vectors, trial), Resampling.of(60, replicates=1, seed=0)
    )
    assert 50 < len(found.limits) < 250 < len(found.counts.values)
    same, different = found.same[0], found.different[0]
    coarse = (np.cumsum(same) - same / 2) @ different / (same.sum() * different.sum())
    assert coarse == pytest.approx(found.counts.roc_auc, abs=1e-3)


def test_many_pairs_have_the_metrics_that_few_have(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    groups = np.repeat(np.arange(50), 4)
    vectors = random.normal(size=(50, 8))[groups] + random.normal(size=(200, 8))
    trial = trial_of_groups(groups, [f"{n:03}" for n in range(200)])
    replicates = Resampling.of(50, replicates=20, seed=0)
    for metric in ("cosine", "inner-product", "euclidean"):
        scorer = scored(metric, vectors, trial)
        found = []
        for most in (10**9, 0):
            monkeypatch.setattr(count, "SORTED", most)
            found.append(count_trial(trial, scorer, replicates))
        few, many = (one.counts for one in found)
        assert few.pairs == many.pairs == (300, 19_600)
        assert len(few.values) > len(many.values)
        assert many.roc_auc == pytest.approx(few.roc_auc, abs=1e-5)
        assert found[1].same.sum(axis=1) == pytest.approx(found[0].same.sum(axis=1))
        assert found[1].different.sum(axis=1) == pytest.approx(found[0].different.sum(axis=1))


def test_without_a_resampling_there_are_no_replicates() -> None:
    trial = trial_of_groups(np.array([0, 0, 1]), ["a", "b", "c"])
    found = count_trial(trial, scored("cosine", np.eye(3), trial))
    assert found.same.size == found.different.size == found.limits.size == 0


@st.composite
def listed_cases(draw: st.DrawFn) -> tuple[Case, ListedPairs]:
    case = draw(cases(("set",)))
    positions = st.integers(0, len(case.vectors) - 1)
    said = st.lists(st.tuples(positions, positions, st.booleans()), min_size=1, max_size=15)
    pairs = draw(said)
    listed = listed_pairs(
        np.array([a for a, _, _ in pairs], np.intp),
        np.array([b for _, b, _ in pairs], np.intp),
        np.array([same for _, _, same in pairs], bool),
    )
    return Case(case.metric, case.vectors, case.trial, pairs), listed


@given(listed_cases(), st.integers(0, 99))
def test_listed_pairs_are_counted_as_a_loop_counts_them(
    both: tuple[Case, ListedPairs], seed: int
) -> None:
    case, listed = both
    scorer = scorer_of(case.metric, case.vectors, device="cpu")
    check_counts(count_listed(listed, scorer), case)
    replicates = Resampling.of(listed.units, replicates=5, seed=seed)
    found = count_listed(listed, scorer, replicates)
    check_counts(found, case)
    bins = place_of(found.counts.values, found.limits, found.counts.higher_is_closer)
    closeness = sorted({case.closeness(a, b) for a, b, _ in case.pairs}, reverse=True)
    bin_of = dict(zip(closeness, bins, strict=True))
    weights, balance = replicates.weights.astype(float).tolist(), replicates.balance.tolist()
    tables = np.zeros((2, 6 + replicates.groups, len(found.limits)))
    for n, (a, b, same) in enumerate(case.pairs):
        one, other = (
            int(replicates.group[units[n]]) for units in (listed.row_units, listed.column_units)
        )
        for r, weight in enumerate(weights):
            worth = weight[one] if one == other else weight[one] * weight[other] * balance[r]
            tables[0 if same else 1, r, bin_of[case.closeness(a, b)]] += worth
    assert np.allclose(found.same, tables[0], rtol=1e-6, atol=1e-5)
    assert np.allclose(found.different, tables[1], rtol=1e-6, atol=1e-5)


def test_many_listed_values_share_few_bins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(count, "MOST_BINS", 4)
    monkeypatch.setattr(count, "SAMPLE", 64)
    vectors = np.arange(12.0)[:, None]
    listed = listed_pairs(np.zeros(11, np.intp), np.arange(1, 12), np.arange(11) % 2 == 0)
    replicates = Resampling.of(listed.units, replicates=3, seed=0)
    found = count_listed(listed, scorer_of("euclidean", vectors, device="cpu"), replicates)
    assert len(found.counts.values) == 11
    assert found.same.shape == found.different.shape == (4 + replicates.groups, 4)
    assert len(found.limits) == 4
    bins = place_of(found.counts.values, found.limits, higher=False)
    assert sorted(set(bins)) == [0, 1, 2, 3]
    assert found.same[0].tolist() == np.bincount(bins, found.counts.same).tolist()
    assert found.different[0].tolist() == np.bincount(bins, found.counts.different).tolist()


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 2, st.booleans()), min_size=1, max_size=15))
def test_units_of_listed_pairs_are_pictures_known_to_be_the_same(
    pairs: list[tuple[int, int, bool]],
) -> None:
    together = {n: {n} for n in range(10)}
    for a, b, same in pairs:
        if same and together[a] is not together[b]:
            joined = together[a] | together[b]
            for n in joined:
                together[n] = joined
    listed = listed_pairs(
        np.array([a for a, _, _ in pairs], np.intp),
        np.array([b for _, b, _ in pairs], np.intp),
        np.array([same for _, _, same in pairs], bool),
    )
    units: dict[int, int] = {}
    for (a, b, _), row, column in zip(
        pairs, listed.row_units.tolist(), listed.column_units.tolist(), strict=True
    ):
        assert units.setdefault(a, row) == row
        assert units.setdefault(b, column) == column
    for a, b in itertools.combinations(units, 2):
        assert (units[a] == units[b]) == (b in together[a])
    assert sorted(set(units.values())) == list(range(listed.units))


def drawn(case: Case, pairs: int, seed: int) -> list[tuple[int, int, bool]]:
    found = sampled_pairs(case.trial, pairs, seed)
    return [
        (int(case.trial.rows[row]), int(case.trial.columns[column]), bool(same))
        for row, column, same in zip(found.rows, found.columns, found.same, strict=True)
    ]


@pytest.mark.parametrize("queries", [list(range(7)), [0, 2, 4, 6]])
def test_a_sample_is_uniform_over_the_pairs_that_count(queries: list[int]) -> None:
    groups = np.array([0, 0, 0, 0, 1, 1, 2])
    cameras = np.array([0, 0, 1, 2, 0, 1, 0])
    trial = trial_of_groups(groups, list("abcdefg"), queries=np.array(queries), cameras=cameras)
    everything = {
        frozenset((a, b)): bool(groups[a] == groups[b])
        for a, b in itertools.combinations(range(7), 2)
        if (a in queries or b in queries) and (groups[a] != groups[b] or cameras[a] != cameras[b])
    }
    found = drawn(Case("cosine", np.zeros((7, 1)), trial, []), 20_000, seed=3)
    tally: dict[frozenset[int], int] = defaultdict(int)
    for a, b, same in found:
        assert everything[frozenset((a, b))] is same
        tally[frozenset((a, b))] += 1
    expected = 20_000 / len(everything)
    assert set(tally) == set(everything)
    assert max(abs(count - expected) for count in tally.values()) < 5 * math.sqrt(expected)


@given(cases(), st.integers(1, 30), st.integers(0, 9))
def test_a_sample_has_no_ignored_pair_and_its_seed_repeats_it(
    case: Case, pairs: int, seed: int
) -> None:
    said = {(a, b): same for a, b, same in case.pairs}
    if case.trial.column_units is not None:  # a pair of groups has no direction
        said |= {(b, a): same for (a, b), same in said.items()}
    cells = len(case.trial.rows) * len(case.trial.columns)
    if len(said) * 4 < cells:
        return
    found = drawn(case, pairs, seed)
    assert len(found) == pairs
    assert all(said[a, b] is same for a, b, same in found)
    assert drawn(case, pairs, seed) == found


def test_another_seed_draws_another_sample() -> None:
    trial = trial_of_groups(np.arange(40) % 7, [f"{n:02}" for n in range(40)])
    case = Case("cosine", np.zeros((40, 1)), trial, [])
    assert drawn(case, 50, 1) != drawn(case, 50, 2)


def test_a_sample_carries_the_units_of_its_pairs() -> None:
    half = np.arange(6)
    trial = trial_of_groups(
        np.tile(half, 2), [f"{n:02}" for n in range(12)], queries=half, gallery=half + 6
    )
    found = sampled_pairs(trial, 40, 0)
    assert np.array_equal(found.row_units, trial.row_units[found.rows])
    assert trial.column_units is not None
    assert np.array_equal(found.column_units, trial.column_units[found.columns])
    assert (found.row_units == found.column_units).tolist() == found.same.tolist()


def test_a_trial_of_pairs_that_are_all_ignored_cannot_be_sampled() -> None:
    trial = trial_of_groups(np.zeros(3, np.intp), list("abc"), cameras=np.zeros(3, np.intp))
    with pytest.raises(ValueError, match="hardly any pairs"):
        sampled_pairs(trial, 5, 0)


# Vectors that are unlike each other in size, or nearly alike


@pytest.mark.parametrize("metric", ["cosine", "inner-product", "euclidean"])
def test_the_auc_of_odd_vectors_is_right_or_is_told_to_be_blurred(
    metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(count, "SAMPLE", 2**15)
    for seed, (vectors, groups) in enumerate(odd_vectors()):
        trial = trial_of_groups(groups, [f"{n:03}" for n in range(len(groups))])
        found = count_trial(
            trial,
            scored(metric, vectors, trial),
            Resampling.of(trial.units, replicates=1, seed=0),
        )
        expected = exact_auc(metric, vectors.astype(np.longdouble), groups)
        if abs(found.counts.roc_auc - expected) > 1e-6:
            assert found.warnings, (seed, found.counts.roc_auc, expected)
            assert abs(found.counts.roc_auc - expected) < 2 * found.blur + 1e-6
        elif seed % 6 < 2:  # ordinary ones, and one long vector among the few
            assert not count.SORTED or not found.warnings, seed


def odd_vectors() -> Iterator[tuple[NDArray[np.float32], NDArray[np.intp]]]:
    """Groups with outliers, lengths of all sizes, a common mean, or next to no difference."""
    random = np.random.default_rng(40)
    for seed in range(30):
        n, length, kinds = (int(random.integers(*ends)) for ends in ((30, 70), (2, 24), (3, 9)))
        groups = np.arange(n) % kinds
        vectors = random.normal(size=(kinds, length))[groups] + random.normal(size=(n, length))
        power = 10.0 ** random.integers(2, 9)
        match seed % 6:
            case 1:
                vectors[random.integers(n)] *= power
            case 2:
                vectors[random.random(n) < 0.3] *= power
            case 3:
                vectors *= 10.0 ** random.uniform(-6, 6, (n, 1))
            case 4:
                vectors += random.normal(size=length) * power / 100
            case 5:
                vectors = random.normal(size=length) + vectors / power
        yield vectors.astype(np.float32), groups


def exact_auc(metric: str, vectors: NDArray[Any], groups: NDArray[np.intp]) -> float:
    """Over pairs whose scores are made from differences, in long double."""
    if metric == "cosine":
        vectors = vectors / np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    if metric == "inner-product":
        scores = vectors @ vectors.T
    else:
        scores = -((vectors[:, None] - vectors) ** 2).sum(axis=2)
    pairs = np.triu_indices(len(groups), 1)
    same = (groups[:, None] == groups)[pairs]
    one, other = scores[pairs][same], np.sort(scores[pairs][~same])
    below, upto = (np.searchsorted(other, one, side) for side in ("left", "right"))
    return float((below + upto).sum() / 2 / len(one) / len(other))
