"""Who belongs to whom: trials against the definition, pair by pair."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike.judge.trial import Trial, trial_of_groups, trial_of_lists

Positions = NDArray[np.intp]
Said = dict[tuple[int, int], float]
"""(query, gallery entry), as positions → gain; only what is related and judged."""

names = st.sampled_from(["a", "b", "B", "b/1", "ä", "zz", "\udcff"])


@dataclass(frozen=True)
class Grouped:
    """What `trial_of_groups` is given."""

    groups: Positions
    ids: list[str]
    queries: Positions | None
    gallery: Positions | None
    cameras: Positions | None

    def trial(self) -> Trial:
        return trial_of_groups(
            self.groups,
            self.ids,
            queries=self.queries,
            gallery=self.gallery,
            cameras=self.cameras,
        )


@st.composite
def grouped(draw: st.DrawFn) -> Grouped:
    """Groups of unequal size, ids that may be equal, queries and a gallery that may overlap."""
    count = draw(st.integers(1, 12))

    def codes(highest: int) -> Positions:
        some = st.lists(st.integers(0, highest), min_size=count, max_size=count)
        return np.array(draw(some), np.intp)

    def part() -> Positions | None:
        some = st.lists(st.integers(0, count - 1), min_size=1, unique=True)
        chosen = draw(st.one_of(st.none(), some))
        return None if chosen is None else np.array(chosen, np.intp)

    return Grouped(
        codes(4) * 7,
        [draw(names) for _ in range(count)],
        part(),
        part(),
        codes(2) if draw(st.booleans()) else None,
    )


def said(trial: Trial, blocks: int = 100) -> tuple[Said, set[tuple[int, int]]]:
    """Related pairs that count, and pairs that are ignored, by position."""
    related: Said = {}
    ignored = set()
    for start in range(0, len(trial.rows), blocks):
        rows = slice(start, min(start + blocks, len(trial.rows)))
        found = trial.relations(rows)
        assert (np.diff(found.rows) >= 0).all()
        for row, column, gain, out in zip(
            found.rows, found.columns, found.gains, found.ignored, strict=True
        ):
            pair = int(trial.rows[rows][row]), int(trial.columns[column])
            assert pair not in related
            assert pair not in ignored
            if out:
                ignored.add(pair)
            else:
                related[pair] = float(gain)
    return related, ignored


@given(grouped(), st.integers(1, 13))
def test_one_group_is_one_thing_but_not_under_one_camera(case: Grouped, blocks: int) -> None:
    trial = case.trial()
    groups, cameras = case.groups, case.cameras
    related, ignored = said(trial, blocks)
    for query in trial.rows.tolist():
        for entry in trial.columns.tolist():
            one_group = groups[query] == groups[entry]
            seen_by_one = cameras is not None and cameras[query] == cameras[entry]
            out = query == entry or seen_by_one
            assert ((query, entry) in related) == (one_group and not out)
            assert ((query, entry) in ignored) == (one_group and out)
    assert set(related.values()) <= {1.0}


@given(grouped())
def test_every_query_and_every_entry_is_there_once(
    case: Grouped,
) -> None:
    trial = case.trial()
    groups = case.groups
    for wanted, chosen in ((case.queries, trial.rows), (case.gallery, trial.columns)):
        assert sorted(chosen) == sorted(range(len(groups)) if wanted is None else wanted)
    own = [int(trial.columns[column]) if column >= 0 else -1 for column in trial.own.tolist()]
    assert own == [n if n in trial.columns else -1 for n in trial.rows.tolist()]
    one_set = sorted(trial.rows) == sorted(trial.columns)
    assert trial.symmetric == one_set


@given(grouped())
def test_units_are_the_groups_side_by_side(
    case: Grouped,
) -> None:
    trial = case.trial()
    groups = case.groups
    assert trial.column_units is not None
    units: dict[int, int] = {}
    for positions, codes in ((trial.rows, trial.row_units), (trial.columns, trial.column_units)):
        assert (np.diff(codes) >= 0).all()
        for position, unit in zip(positions.tolist(), codes.tolist(), strict=True):
            assert units.setdefault(int(groups[position]), unit) == unit
    assert len(set(units.values())) == len(units)
    everyone = {int(groups[n]) for n in (*trial.rows, *trial.columns)}
    assert sorted(units.values()) == list(range(len(everyone)))
    assert trial.units >= len({int(groups[n]) for n in trial.rows})


@given(grouped())
def test_ties_follow_the_ids_and_then_the_positions(
    case: Grouped,
) -> None:
    trial = case.trial()
    ids = case.ids
    assert sorted(trial.order.tolist()) == list(range(len(trial.columns)))
    by_order = trial.columns[np.argsort(trial.order)].tolist()
    assert by_order == sorted(trial.columns.tolist(), key=lambda n: (ids[n], n))


def test_neighbouring_units_are_strangers_but_always_the_same_ones() -> None:
    groups = np.arange(200)
    trials = [trial_of_groups(groups, [f"{n:03}" for n in groups]) for _ in range(2)]
    assert np.array_equal(trials[0].rows, trials[1].rows)
    assert (np.diff(trials[0].rows) == 1).mean() < 0.1


def test_a_unit_that_only_the_gallery_has_is_a_unit_too() -> None:
    for groups in ([0, 1, 2, 3], [3, 2, 1, 0]):
        trial = trial_of_groups(
            np.array(groups),
            ["a", "b", "c", "d"],
            queries=np.array([0, 1]),
            gallery=np.array([2, 3]),
        )
        assert trial.column_units is not None
        assert sorted([*trial.row_units, *trial.column_units]) == [0, 1, 2, 3]
        assert trial.units == 4


@given(st.integers(1, 12))
def test_turned_around_it_says_the_same(count: int) -> None:
    half = np.arange(count)
    trial = trial_of_groups(
        np.tile(half, 2),
        [f"{n % 3}{n}" for n in range(2 * count)],
        queries=half,
        gallery=half + count,
        pessimistic=True,
    )
    turned = trial.reversed()
    forwards, backwards = said(trial)[0], said(turned)[0]
    assert forwards == {(n, n + count): 1.0 for n in range(count)}
    assert backwards == {(b, a): gain for (a, b), gain in forwards.items()}
    assert turned.pessimistic
    assert turned.own.tolist() == [-1] * count
    assert np.array_equal(turned.reversed().rows, trial.rows)


@st.composite
def listed(draw: st.DrawFn) -> tuple[Positions, Positions, list[dict[int, float]], list[str]]:
    """Queries with lists of what is relevant, which may be empty or hold the query itself."""
    count = draw(st.integers(1, 8))
    positions = st.integers(0, count - 1)
    gallery = draw(st.lists(positions, min_size=1, unique=True))
    queries = draw(st.lists(positions, unique=True))
    gain = st.sampled_from([0.5, 1.0, 3.0])
    lists = [draw(st.dictionaries(st.sampled_from(gallery), gain)) for _ in queries]
    ids = [draw(names) for _ in range(count)]
    return np.array(queries, np.intp), np.array(gallery, np.intp), lists, ids


@given(listed(), st.integers(1, 9))
def test_a_query_is_related_to_what_its_list_names(
    case: tuple[Positions, Positions, list[dict[int, float]], list[str]], blocks: int
) -> None:
    queries, gallery, lists, ids = case
    trial = trial_of_lists(queries, gallery, lists, ids)
    related, ignored = said(trial, blocks)
    expected = {
        (query, entry): gain
        for query, one in zip(queries.tolist(), lists, strict=True)
        for entry, gain in one.items()
    }
    assert related == {pair: gain for pair, gain in expected.items() if pair[0] != pair[1]}
    assert ignored == {pair for pair in expected if pair[0] == pair[1]}
    assert sorted(trial.rows) == sorted(queries)
    assert trial.units == len(queries)
    assert not trial.symmetric
    by_order = trial.columns[np.argsort(trial.order)].tolist()
    places = gallery.tolist()
    assert by_order == sorted(places, key=lambda n: (ids[n], n))


def test_lists_keep_their_queries_when_these_are_shuffled() -> None:
    queries = np.arange(50)
    lists = [{(n + 1) % 50: float(n + 1)} for n in range(50)]
    trial = trial_of_lists(queries, queries, lists, [f"{n:02}" for n in range(50)])
    assert said(trial)[0] == {(n, (n + 1) % 50): float(n + 1) for n in range(50)}
    assert not np.array_equal(trial.rows, queries)


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_gallery_in_another_order_is_still_the_same_set(symmetric: bool) -> None:
    some = np.array([2, 0, 1]), np.array([1, 2, 0] if symmetric else [1, 2])
    trial = trial_of_groups(np.zeros(3, np.intp), ["a", "b", "c"], queries=some[0], gallery=some[1])
    assert trial.symmetric is symmetric
