"""Ranks of matches against sorting by score and id, in Python."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike.judge import query_metrics, rank
from lookalike.judge.rank import Ranked, rank_trial
from lookalike.judge.trial import Trial, trial_of_groups, trial_of_lists

MOST = 50
"""Above every level that is drawn here."""


@dataclass(frozen=True)
class Case:
    """Queries and a gallery with levels between all positions."""

    trial: Trial
    levels: NDArray[np.int64]
    ids: list[str]
    gains: dict[tuple[int, int], float]
    ignored: set[tuple[int, int]]

    def block(self, rows: slice) -> NDArray[np.int64]:
        return self.levels[np.ix_(self.trial.rows[rows], self.trial.columns)]

    def ranked(self, ks: tuple[int, ...] = (1, 2, 5), single_shot: int | None = None) -> Ranked:
        return rank_trial(self.trial, self.block, ks=ks, most_levels=MOST, single_shot=single_shot)

    def slow_list(self, query: int) -> list[tuple[int, float]]:
        """The gallery as that query sees it, closest first, with gains."""
        entries = [n for n in self.trial.columns.tolist() if (query, n) not in self.ignored]
        entries.sort(key=lambda n: (-self.levels[query, n], self.ids[n], n))
        return [(n, self.gains.get((query, n), 0.0)) for n in entries]

    def slow_pessimistic_ranks(self, query: int) -> list[int]:
        listed = self.slow_list(query)
        return sorted(
            sum(self.levels[query, n] >= self.levels[query, match] for n, _ in listed)
            for match, gain in listed
            if gain
        )


@st.composite
def cases(draw: st.DrawFn, pessimistic: bool = False) -> Case:
    """Groups or lists, ids that are not in the order of positions, and few different levels."""
    count = draw(st.integers(1, 9))
    # ids rise, fall or are equal; positions decide then
    ids = draw(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=count, max_size=count))
    highest = draw(st.sampled_from([0, 2, MOST - 1]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    levels = random.integers(0, highest + 1, (count, count))
    part = st.lists(st.integers(0, count - 1), min_size=1, unique=True)
    queries, gallery = (np.array(draw(part), np.intp) for _ in range(2))
    if draw(st.booleans()):
        queries = gallery
    pairs = [(q, n) for q in queries.tolist() for n in gallery.tolist()]
    if not pessimistic and draw(st.booleans()):
        gain = st.sampled_from([0.5, 1.0, 3.0])
        lists = [draw(st.dictionaries(st.sampled_from(gallery.tolist()), gain)) for _ in queries]
        trial = trial_of_lists(queries, gallery, lists, ids)
        said = {
            (q, n): worth
            for q, one in zip(queries.tolist(), lists, strict=True)
            for n, worth in one.items()
        }
        return Case(trial, levels, ids, said, {(q, n) for q, n in pairs if q == n})
    groups = random.integers(0, 3, count)
    cameras = random.integers(0, 2, count) if draw(st.booleans()) else np.arange(count)
    trial = trial_of_groups(
        groups,
        ids,
        queries=queries,
        gallery=gallery,
        cameras=cameras,
        pessimistic=pessimistic,
    )
    one_group = [(q, n) for q, n in pairs if groups[q] == groups[n]]
    ignored = {(q, n) for q, n in one_group if q == n or cameras[q] == cameras[n]}
    return Case(trial, levels, ids, dict.fromkeys(one_group, 1.0), ignored)


def values_of(gains: list[float], ks: tuple[int, ...], degrees: bool) -> dict[str, float]:
    """Every metric of one query, from the gains of its list."""
    matches = [n for n, gain in enumerate(gains, 1) if gain]
    if not matches:
        return {}
    precision = {n: (place + 1) / n for place, n in enumerate(matches)}
    worth = gains if degrees else [float(gain > 0) for gain in gains]

    def dcg(some: list[float]) -> float:
        return math.fsum(gain / math.log2(n + 1) for n, gain in enumerate(some, 1))

    best = sorted(worth, reverse=True)
    found = {
        "mAP": math.fsum(precision.values()) / len(matches),
        "mAP@R": math.fsum(p for n, p in precision.items() if n <= len(matches)) / len(matches),
        "MRR": 1 / matches[0],
        "nDCG": dcg(worth) / dcg(best),
    }
    for k in ks:
        found[f"recall@{k}"] = float(matches[0] <= k)
        if k > 1:
            found[f"precision@{k}"] = sum(n <= k for n in matches) / k
            found[f"nDCG@{k}"] = dcg(worth[:k]) / dcg(best[:k])
    return found


@given(cases())
def test_ranking_equals_sorting_by_score_and_id(case: Case) -> None:
    ks = (1, 2, 5)
    found = case.ranked(ks)
    for n, query in enumerate(case.trial.rows.tolist()):
        listed = case.slow_list(query)
        expected = values_of([gain for _, gain in listed], ks, case.trial.gains is not None)
        assert found.listed[n] == len(listed)
        for name, values in found.values.items():
            if expected:
                assert values[n] == pytest.approx(expected[name], abs=1e-12), name
            else:
                assert math.isnan(values[n])
        first = next((place for place, (_, gain) in enumerate(listed, 1) if gain), math.nan)
        assert np.array_equal(found.first[n], first, equal_nan=True)
        assert set(found.values) == set(expected or found.values)


@given(cases(), st.integers(1, 30))
def test_blocks_change_nothing(case: Case, cells: int) -> None:
    whole = case.ranked()
    done: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rank, "CELLS", cells)
        blocks = rank_trial(
            case.trial, case.block, ks=(1, 2, 5), most_levels=MOST, progress=done.append
        )
    assert sum(done) == len(case.trial.rows)
    assert max(done) <= max(1, cells // len(case.trial.columns))
    assert np.array_equal(whole.first, blocks.first, equal_nan=True)
    assert np.array_equal(whole.listed, blocks.listed)
    assert list(whole.values) == list(blocks.values)
    for name in whole.values:
        assert np.array_equal(whole.values[name], blocks.values[name], equal_nan=True)


@given(cases(pessimistic=True))
def test_pessimistic_ties_put_a_match_behind_all_of_its_level(case: Case) -> None:
    found = case.ranked()
    for n, query in enumerate(case.trial.rows.tolist()):
        ranks = case.slow_pessimistic_ranks(query)
        assert np.array_equal(found.first[n], min(ranks, default=math.nan), equal_nan=True)
        if ranks:
            assert found.values["MRR"][n] == 1 / ranks[0]
            assert found.values["recall@2"][n] == (ranks[0] <= 2)


@given(cases())
def test_only_the_order_of_levels_counts(case: Case) -> None:
    spread = np.unique(case.levels, return_inverse=True)[1].reshape(case.levels.shape) * 7 + 3
    moved = Case(case.trial, spread, case.ids, case.gains, case.ignored)
    most = int(spread.max()) + 1
    there = rank_trial(case.trial, moved.block, ks=(1, 2, 5), most_levels=most)
    here = case.ranked()
    for name in here.values:
        assert np.array_equal(here.values[name], there.values[name], equal_nan=True)


def possible_shots(case: Case, query: int) -> set[int]:
    """Ranks that a match may have when one entry of each unit is picked."""
    assert case.trial.column_units is not None
    unit = dict(zip(case.trial.columns.tolist(), case.trial.column_units.tolist(), strict=True))
    own = case.trial.row_units[case.trial.rows.tolist().index(query)]
    entries: dict[int, list[int]] = {}
    for place, (n, _) in enumerate(case.slow_list(query)):
        entries.setdefault(unit[n], []).append(place)
    found = set()
    for picks in itertools.product(*entries.values()):
        units = [one for _, one in sorted(zip(picks, entries, strict=True))]
        if own in units:
            found.add(units.index(own) + 1)
    return found


@given(cases(), st.integers(0, 2**40))
def test_single_shots_are_lists_that_can_be_picked_and_move_only_recall(
    case: Case, seed: int
) -> None:
    assume(case.trial.column_units is not None)
    plain, found = case.ranked(), case.ranked(single_shot=seed)
    assert plain.shots is None
    assert found.shots is not None
    assert np.array_equal(plain.first, found.first, equal_nan=True)
    assert list(plain.values) == list(found.values)
    for name, values in plain.values.items():
        if not name.startswith("recall"):
            assert np.array_equal(values, found.values[name], equal_nan=True)
    for n, query in enumerate(case.trial.rows.tolist()):
        possible = possible_shots(case, query)
        ranks = found.shots[n].tolist()
        assert len(ranks) == 10
        if not possible:
            assert np.isnan([*ranks, plain.first[n], found.values["recall@1"][n]]).all()
            continue
        assert set(ranks) <= possible
        for k in (1, 2, 5):
            assert found.values[f"recall@{k}"][n] == sum(rank <= k for rank in ranks) / 10


@given(cases(), st.integers(0, 2**40), st.integers(1, 30))
def test_blocks_change_no_single_shot(case: Case, seed: int, cells: int) -> None:
    assume(case.trial.column_units is not None)
    whole = case.ranked(single_shot=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rank, "CELLS", cells)
        blocks = case.ranked(single_shot=seed)
    assert whole.shots is not None
    assert blocks.shots is not None
    assert np.array_equal(whole.shots, blocks.shots, equal_nan=True)
    for name in whole.values:
        assert np.array_equal(whole.values[name], blocks.values[name], equal_nan=True)


def test_levels_as_fine_as_a_scale_and_as_many_as_a_gallery_are_kept_apart() -> None:
    # 2^21 levels times 70,000 entries need more than 32 bits
    entries, most = 70_000, 2**21 + 1
    ids = [f"{n:06}" for n in range(entries + 1)]
    groups = np.arange(entries + 1)
    groups[[0, 123]] = 0
    trial = trial_of_groups(groups, ids, queries=np.array([0]), gallery=np.arange(1, entries + 1))
    levels = np.zeros((1, entries), np.int64)
    levels[0, trial.columns <= 123] = most - 1
    found = rank_trial(trial, lambda rows: levels[rows].copy(), most_levels=most)
    assert found.first.tolist() == [123.0]
    levels[0, trial.columns == 123] = 0
    found = rank_trial(trial, lambda rows: levels[rows].copy(), most_levels=most)
    assert found.first.tolist() == [123.0]
    levels[0, trial.columns < 123] = 0
    levels[0, trial.columns == 123] = 1
    found = rank_trial(trial, lambda rows: levels[rows].copy(), most_levels=most)
    assert found.first.tolist() == [1.0]


def test_no_queries_have_no_ranks_but_all_metrics() -> None:
    trial = trial_of_lists(np.zeros(0, np.intp), np.arange(2), [], ["a", "b"])
    found = rank_trial(trial, lambda rows: np.zeros((0, 2), np.int64), most_levels=MOST)
    assert found.values["mAP"].shape == found.first.shape == found.listed.shape == (0,)
    nobody = np.zeros(0, np.intp)
    trial = trial_of_groups(np.arange(2), ["a", "b"], queries=nobody, gallery=np.arange(2))
    found = rank_trial(
        trial, lambda rows: np.zeros((0, 2), np.int64), most_levels=MOST, single_shot=0
    )
    assert found.values["recall@1"].shape == (0,)
    assert found.shots is not None
    assert found.shots.shape == (0, 10)


# The worked checks of re-identification (R38 to R42c): entries are person@camera in the order of
# distance, queries are at camera 0. Distractors are people of their own; junk is left out before.

WORKED = {
    "R38": ([1], ["1@0", "2@1", "1@1", "3@1", "4@2"], [0, 1, 1, 1], 0.5),
    "R40": ([1, 9], ["1@0", "2@1", "1@1", "3@1", "4@2"], [0, 1, 1, 1], 0.5),
    "R42": ([1], ["1@1", "2@1", "1@1", "2@1", "1@1"], [1, 1, 1, 1, 1], 0.755556),
    "R42b": ([1], ["2@1", "1@1"], [0, 1], 0.5),
    "R42c": ([1], ["0@1", "1@1"], [0, 1], 0.5),
}


def reid_trial(queries: list[int], gallery: list[str]) -> Trial:
    people = [*queries, *(int(entry.split("@")[0]) for entry in gallery)]
    cameras = [*(0 for _ in queries), *(int(entry.split("@")[1]) for entry in gallery)]
    count = len(people)
    return trial_of_groups(
        np.array(people, np.intp),
        [f"{n:03}" for n in range(count)],
        queries=np.arange(len(queries)),
        gallery=np.arange(len(queries), count),
        cameras=np.array(cameras, np.intp),
    )


@pytest.mark.parametrize("check", WORKED)
def test_the_worked_example_of_reid_has_its_numbers(check: str) -> None:
    queries, gallery, curve, precision = WORKED[check]
    trial = reid_trial(queries, gallery)
    distance = np.arange(len(queries) + len(gallery))  # rises along the gallery, for every query

    def levels(rows: slice) -> NDArray[np.int64]:
        return np.stack([MOST - 1 - distance[trial.columns] for _ in trial.rows[rows]])

    found = rank_trial(trial, levels, most_levels=MOST)
    assert query_metrics.cmc(found.first, len(curve)).tolist() == curve
    assert round(float(np.nanmean(found.values["mAP"])), 6) == precision
    assert [math.isnan(value) for value in found.values["mAP"][np.argsort(trial.rows)]] == [
        person == 9 for person in queries
    ]
    assert found.listed[trial.rows == 0] == len(curve)


def test_two_queries_of_reid_are_averaged() -> None:
    # R39
    trial = reid_trial([1, 2], ["1@0", "2@1", "1@1", "3@1", "2@1"])
    tenths = np.array([[1, 2, 3, 4, 5], [9, 1, 4, 3, 2]])

    def levels(rows: slice) -> NDArray[np.int64]:
        return MOST - 1 - tenths[np.ix_(trial.rows[rows], trial.columns - 2)]

    found = rank_trial(trial, levels, most_levels=MOST)
    assert query_metrics.cmc(found.first, 5).tolist() == [0.5, 1, 1, 1, 1]
    order = np.argsort(trial.rows)
    assert found.values["mAP"][order].tolist() == [0.5, 1.0]
    assert found.listed[order].tolist() == [4, 5]
