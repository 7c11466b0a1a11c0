"""What is decided differently: vectors, neighbours and pairs against loops over all of them."""

import itertools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike import Embeddings, Reason, evaluate
from lookalike.embeddings import EngineCheck, Origin, Row
from lookalike.errors import UnknownNameError, UsageError
from lookalike.judge import count, rank, truth_of
from lookalike.judge.changes import Change, DecisionChanges, Thresholds
from lookalike.judge.decisions import decision_changes
from lookalike.judge.resampling import OF_QUERIES, Resampling, interval, share_interval
from lookalike.judge.trial import trial_of_groups
from lookalike.metrics import METRICS
from lookalike.report import csv_text, html_page, json_text

Floats = NDArray[np.float64]


def store(vectors: Any, ids: list[str] | None = None, encoder: str = "x") -> Embeddings:
    return Embeddings.from_numpy(vectors, ids, encoder=encoder)


def people(seed: int, identities: int = 12, noise: float = 1.0) -> tuple[Floats, list[int]]:
    """Vectors of identities with two to five pictures each."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(identities), random.integers(2, 6, identities))
    vectors = random.normal(size=(identities, 8))[labels]
    return vectors + noise * random.normal(size=vectors.shape), labels.tolist()


def shaken(vectors: Floats, much: float = 0.2, seed: int = 0) -> Floats:
    return vectors + much * np.random.default_rng(seed).normal(size=vectors.shape)


# Loops over all pairs, and sorting


def closeness(metric: str, vectors: NDArray[Any]) -> list[list[float]]:
    """Higher is closer; equal scores are equal numbers."""
    found = METRICS[metric].matrix(vectors.astype(float), vectors.astype(float))
    if not METRICS[metric].higher_is_closer:
        found = -found
    return np.round(found, 7).tolist()


def slow_neighbours(one: list[list[float]], two: list[list[float]], ids: list[str]) -> list[bool]:
    """Whether no nearest neighbour of each picture is a nearest one any more."""
    changed = []
    for query in range(len(ids)):
        others = [n for n in range(len(ids)) if n != query]
        nearest = [
            {n for n in others if close[query][n] == max(close[query][m] for m in others)}
            for close in (one, two)
        ]
        changed.append(not nearest[0] & nearest[1])
    return changed


def slow_kept(one: list[list[float]], two: list[list[float]], ids: list[str]) -> list[float]:
    """The share of the nearest ten that are still among them; ties by id."""
    kept = []
    for query in range(len(ids)):
        others = [n for n in range(len(ids)) if n != query]
        k = min(10, len(others))
        first, second = (
            set(sorted(others, key=lambda n: (-close[query][n], ids[n], n))[:k])
            for close in (one, two)
        )
        kept.append(len(first & second) / k)
    return kept


Pair = tuple[float, float, bool]


def pairs_of(one: list[list[float]], two: list[list[float]], labels: list[Any]) -> list[Pair]:
    return [
        (one[a][b], two[a][b], labels[a] == labels[b])
        for a, b in itertools.combinations(range(len(labels)), 2)
    ]


def slow_decisions(pairs: list[Pair], limit: float) -> dict[str, int]:
    """How many pairs each encoder's closeness decides differently."""
    found = dict.fromkeys(
        ("same_rejected", "same_accepted", "different_rejected", "different_accepted"), 0
    )
    for one, two, same in pairs:
        before, after = one >= limit, two >= limit
        if before != after:
            kind = "same" if same else "different"
            found[f"{kind}_{'accepted' if after else 'rejected'}"] += 1
    return found


def slow_best_f1(scores: list[tuple[float, bool]]) -> tuple[float, float]:
    """The last accepted and the next closeness of the strictest threshold of the best F1."""
    best, found = -1.0, (math.inf, math.inf)
    distinct = sorted({close for close, _ in scores}, reverse=True)
    total = sum(same for _, same in scores)
    for last, following in itertools.zip_longest(distinct, distinct[1:]):
        accepted = [same for close, same in scores if close >= last]
        f1 = 2 * sum(accepted) / (len(accepted) + total)
        if f1 > best + 1e-12:
            best, found = f1, (last, last if following is None else following)
    return found


def slow_at_fpr(scores: list[tuple[float, bool]], fpr: float) -> float:
    """The loosest closeness that accepts no more of the different pairs; infinity for none."""
    different = [close for close, same in scores if not same]
    good = [
        limit
        for limit in {close for close, _ in scores}
        if sum(close >= limit for close in different) <= fpr * len(different) + 1e-9
    ]
    return min(good, default=math.inf)


def slow_as_many(mine: list[float], limit: float, theirs: list[float]) -> float:
    """The loosest closeness of theirs that accepts no more pairs than the limit does of mine."""
    accepted = sum(close >= limit for close in mine)
    good = [at for at in set(theirs) if sum(close >= at for close in theirs) <= accepted]
    return min(good, default=math.inf)


def counts_of(found: DecisionChanges, *names: str) -> dict[str, int | None]:
    return {name: found[name].count for name in names}


FOUR = ("same_rejected", "same_accepted", "different_rejected", "different_accepted")


@dataclass
class Small:
    """Whole numbers, so that there are many ties; ids in any order."""

    metric: str
    one: Floats
    two: Floats
    labels: list[int]
    ids: list[str]
    pair: tuple[int, int]


@st.composite
def small_cases(draw: st.DrawFn) -> Small:
    metric = draw(st.sampled_from(sorted(METRICS)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(4, 16))
    low, high = (0, 2) if metric == "hamming" else (-2, 3)
    shape = (count, draw(st.integers(2, 5)))
    one = random.integers(low, high, shape)
    two = np.where(random.random(shape) < 0.3, random.integers(low, high, shape), one)
    if draw(st.booleans()):
        two = np.concatenate([two, random.integers(low, high, (count, 1))], axis=1)
    labels = [0, 0, 1, *random.integers(0, 6, count - 3).tolist()]
    ids = [f"{n}" for n in random.permutation(count)]
    a, b = random.permutation(count)[:2].tolist()
    return Small(metric, one.astype(float), two.astype(float), labels, ids, (a, b))


@settings(max_examples=40)
@given(small_cases(), st.booleans())
def test_neighbours_and_decisions_equal_loops_over_all_pictures_and_pairs(
    case: Small, with_truth: bool
) -> None:
    one, two = closeness(case.metric, case.one), closeness(case.metric, case.two)
    pairs = pairs_of(one, two, case.labels)
    # a given threshold is the exact value of a pair, which it accepts
    value = float(METRICS[case.metric].matrix(case.one, case.one)[case.pair])
    limit = one[case.pair[0]][case.pair[1]]
    found = decision_changes(
        store(case.one, case.ids),
        store(case.two, case.ids, "y"),
        case.labels if with_truth else None,
        metric=case.metric,
        threshold=value,
        resamples=100,
    )
    changed = slow_neighbours(one, two, case.ids)
    assert (found["nearest_changed"].count, found["nearest_changed"].of) == (
        sum(changed),
        len(changed),
    )
    kept = slow_kept(one, two, case.ids)
    assert found["neighbours_kept"].value == pytest.approx(sum(kept) / len(kept), abs=1e-12)
    expected = slow_decisions(pairs, limit)
    if with_truth:
        assert counts_of(found, *FOUR) == expected
        of = {name: found[name].of for name in ("same_rejected", "different_accepted")}
        same = sum(one[2] for one in pairs)
        assert of == {"same_rejected": same, "different_accepted": len(pairs) - same}
    else:
        for words in ("rejected", "accepted"):
            assert found[f"pairs_{words}"].count == (
                expected[f"same_{words}"] + expected[f"different_{words}"]
            )
    assert found["pairs_changed"].count == sum(expected.values())
    assert found["pairs_changed"].of == len(pairs) == math.comb(len(case.labels), 2)
    own = slow_as_many([a for a, *_ in pairs], limit, [b for _, b, _ in pairs])
    swapped = sum((a >= limit) != (b >= own) for a, b, _ in pairs)
    assert found["pairs_changed_own"].count == swapped


@settings(max_examples=25)
@given(small_cases())
def test_which_one_is_the_reference_changes_nothing_about_neighbours(case: Small) -> None:
    stores = store(case.one, case.ids), store(case.two, case.ids, "y")
    here, there = (
        decision_changes(*some, None, metric=case.metric, resamples=100)
        for some in (stores, stores[::-1])
    )
    for name in ("nearest_changed", "neighbours_kept"):
        assert here[name] == there[name]


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "inner-product"])
@pytest.mark.parametrize("seed", range(3))
def test_the_threshold_is_that_of_the_best_f1_of_each(metric: str, seed: int) -> None:
    vectors, labels = people(seed)
    other = shaken(vectors, 0.4, seed)
    one, two = closeness(metric, vectors), closeness(metric, other)
    pairs = pairs_of(one, two, labels)
    found = decision_changes(vectors, other, labels, metric=metric, resamples=100)
    last, following = slow_best_f1([(a, same) for a, _, same in pairs])
    assert found.thresholds is not None
    sign = 1 if METRICS[metric].higher_is_closer else -1
    assert sign * found.thresholds.reference == pytest.approx((last + following) / 2, abs=1e-5)
    assert counts_of(found, *FOUR) == slow_decisions(pairs, (last + following) / 2)
    own, _ = slow_best_f1([(b, same) for _, b, same in pairs])
    swapped = sum((a >= last) != (b >= own) for a, b, _ in pairs)
    assert found["pairs_changed_own"].count == swapped > 0
    assert found.thresholds.target == "f1"


def test_a_false_positive_rate_is_met_by_both_on_their_own_scores() -> None:
    vectors, labels = people(4)
    other = 0.9 * shaken(vectors, 0.5) + 0.3
    one, two = closeness("cosine", vectors), closeness("cosine", other)
    pairs = pairs_of(one, two, labels)
    found = decision_changes(vectors, other, labels, fpr=0.05, resamples=100)
    limits = [slow_at_fpr([(pair[side], pair[2]) for pair in pairs], 0.05) for side in (0, 1)]
    assert found.thresholds is not None
    assert found.thresholds.target == "fpr=0.05"
    # the threshold lies halfway to the next score, so the other's scores are held against it
    assert counts_of(found, *FOUR) == slow_decisions(pairs, found.thresholds.reference)
    below = max(a for a, *_ in pairs if a < limits[0])
    assert found.thresholds.reference == pytest.approx((limits[0] + below) / 2, abs=1e-6)
    swapped = sum((a >= limits[0]) != (b >= limits[1]) for a, b, _ in pairs)
    assert found["pairs_changed_own"].count == swapped
    changed = found["pairs_changed"].count
    assert changed is not None
    assert 0 < swapped < changed


def test_many_small_blocks_and_coarser_levels_change_no_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors, labels = people(5, identities=25)
    other = shaken(vectors, 0.3)

    def judged() -> DecisionChanges:
        return decision_changes(vectors, other, labels, resamples=100)

    whole = judged()
    monkeypatch.setattr(count, "CELLS", 500)
    monkeypatch.setattr(rank, "CELLS", 500)
    blocks = judged()
    assert blocks.changes == whole.changes
    monkeypatch.setattr(count, "SORTED", 1)  # as for many pairs
    coarse = judged()
    for name in ("nearest_changed", "pairs_changed", "pairs_changed_own", *FOUR):
        assert coarse[name].count == whole[name].count
        assert coarse[name].interval == whole[name].interval
    monkeypatch.setattr(count, "COUNTED", 64)  # so coarse that many pairs lie on one level
    for threshold in (0.2, 0.4, 0.6):
        again = decision_changes(vectors, vectors, labels, threshold=threshold, resamples=100)
        assert again["pairs_changed"].count == again["pairs_changed_own"].count == 0


# Nothing changes; one vector changes


@pytest.mark.parametrize("metric", sorted(METRICS))
@pytest.mark.parametrize("asked", [{}, {"threshold": 0.7}, {"fpr": 0.1}])
def test_equal_embeddings_change_nothing(metric: str, asked: dict[str, Any]) -> None:
    vectors, labels = people(6)
    if metric == "hamming":
        vectors = (vectors > 0).astype(float)
    found = decision_changes(
        store(vectors), store(vectors, encoder="y"), labels, metric=metric, resamples=100, **asked
    )
    shares = ["nearest_changed", "pairs_changed", "pairs_changed_own", *FOUR]
    for name in shares:
        one = found[name]
        assert (one.count, one.value) == (0, 0.0), name
        assert one.interval is not None
        assert one.interval.low == 0 < one.interval.high < 1
    assert found["neighbours_kept"].value == 1
    assert found["cosine_min"].value == pytest.approx(1, abs=1e-6) or metric == "hamming"
    assert [one.difference.measure for one in found.quality] == ["roc_auc", "recall@1", "mAP"]
    for quality in found.quality:
        assert quality.reference == quality.other
        assert quality.points == (0, 0, 0)
    assert found.answer.startswith("y decides 0 % (0-")
    assert "of pairs differently, 0 of" in found.answer
    assert "ROC AUC +0.00 points (+0.00 to +0.00)" in found.answer


def test_one_moved_vector_changes_exactly_the_decisions_that_a_loop_finds() -> None:
    vectors, labels = people(7)
    ids = [f"{n:03}" for n in range(len(labels))]
    other = vectors.copy()
    other[5] = -other[5]
    found = decision_changes(
        store(vectors, ids), store(other, ids, "y"), labels, threshold=0.5, resamples=100
    )
    one, two = closeness("cosine", vectors), closeness("cosine", other)
    pairs = pairs_of(one, two, labels)
    assert counts_of(found, *FOUR) == slow_decisions(pairs, 0.5)
    without = [n for n in range(len(labels)) if n != 5]
    kept = decision_changes(
        store(vectors[without]), store(other[without]), [labels[n] for n in without],
        threshold=0.5, resamples=100,
    )  # fmt: skip
    assert kept["pairs_changed"].count == 0
    changed = found["pairs_changed"].count
    assert changed is not None
    assert changed >= 3
    assert found["cosine_min"].value == pytest.approx(-1)
    assert found["cosine_min"].id == "005"
    assert found["nearest_changed"].count == sum(slow_neighbours(one, two, ids))


def test_the_four_kinds_of_changed_pairs_add_up() -> None:
    vectors, labels = people(8)
    found = decision_changes(vectors, shaken(vectors, 0.5), labels, resamples=100)
    four = [found[name] for name in FOUR]
    assert all(one.count for one in four)
    assert found["pairs_changed"].count == sum(one.count or 0 for one in four)
    assert four[0].of == four[1].of
    assert four[2].of == four[3].of
    assert (four[0].of or 0) + (four[2].of or 0) == found["pairs_changed"].of
    for one in (found["pairs_changed"], found["pairs_changed_own"], *four):
        assert one.count is not None
        assert one.of is not None
        assert one.value == one.count / one.of
        assert one.interval is not None
        assert one.interval.low <= one.value <= one.interval.high


# Thresholds that are given


@pytest.mark.parametrize("bits", [7, 10, 49, 100])
def test_a_share_of_bits_that_is_the_threshold_is_accepted(bits: int) -> None:
    random = np.random.default_rng(bits)
    first = random.integers(0, 2, bits)
    one = np.stack([first, first, 1 - first]).astype(np.uint8)
    two = one.copy()
    two[1, 0] ^= 1  # one bit of two equal pictures
    stores = store(one), store(two, encoder="y")

    def decided(threshold: float) -> tuple[int | None, int | None]:
        found = decision_changes(*stores, None, metric="hamming", threshold=threshold)
        return found["pairs_rejected"].count, found["pairs_accepted"].count

    assert decided(1.0) == (1, 0)
    assert decided((bits - 1) / bits) == (0, 0)
    assert decided((bits - 0.6) / bits) == (1, 0)  # no level is accepted that is not reached
    assert decided(1 / bits) == (0, 1)  # the third has one bit in common with the second now
    assert decided(1.5) == decided(-1) == (0, 0)


@pytest.mark.parametrize("metric", ["euclidean", "negative-euclidean", "reciprocal-euclidean"])
def test_a_distance_that_is_the_threshold_is_accepted(metric: str) -> None:
    one = np.array([[0.0, 0], [1, 1], [9, 0]])
    two = np.array([[0.0, 0], [1, 1.001], [9, 0]])
    value = {
        "euclidean": math.sqrt(2),
        "negative-euclidean": -math.sqrt(2),
        "reciprocal-euclidean": 1 / math.sqrt(2),
    }[metric]
    found = decision_changes(store(one), store(two), None, metric=metric, threshold=value)
    assert counts_of(found, "pairs_changed", "pairs_rejected") == {
        "pairs_changed": 1,
        "pairs_rejected": 1,
    }
    assert found["pairs_changed_own"].count == 0


def test_a_threshold_beyond_all_scores_accepts_nothing_of_either() -> None:
    vectors, labels = people(9)
    other = shaken(vectors)
    for metric, value in (("cosine", 1.5), ("euclidean", -1.0), ("reciprocal-euclidean", 2e6)):
        found = decision_changes(
            vectors, other, labels, metric=metric, threshold=value, resamples=100
        )
        assert found["pairs_changed"].count == found["pairs_changed_own"].count == 0
    twins = np.concatenate([vectors, vectors[:1]])  # whose value is the highest there is
    found = decision_changes(
        twins, twins, None, metric="reciprocal-euclidean", threshold=2e6, resamples=100
    )
    assert found["pairs_changed_own"].count == 0
    everything = decision_changes(vectors, other, labels, threshold=-1.5, resamples=100)
    assert everything["pairs_changed"].count == everything["pairs_changed_own"].count == 0


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_rate_that_no_score_can_meet_accepts_nothing(metric: str) -> None:
    # all pairs of the reference are equally close, so none can be accepted
    other, labels = people(9)
    found = decision_changes(
        np.ones_like(other), other, labels, metric=metric, fpr=0.1, resamples=100
    )
    assert found["pairs_changed"].count == 0
    own = found["pairs_changed_own"]
    assert own.count is not None
    assert own.of is not None
    assert 0.1 <= own.count / own.of < 0.3  # only those that the other accepts


def test_without_a_truth_a_given_threshold_decides_all_pairs() -> None:
    vectors, _ = people(10)
    found = decision_changes(vectors, shaken(vectors), None, threshold=0.5, resamples=100)
    names = [one.name for one in found.changes if one.part == "decisions"]
    assert names == ["pairs_changed", "pairs_rejected", "pairs_accepted", "pairs_changed_own"]
    assert found["pairs_changed"].of == math.comb(len(vectors), 2)
    assert found.missing == {"quality": "there is no truth"}
    assert found.quality == ()
    assert found.truth == ""
    assert f"bootstrap over {len(vectors)} pictures" in " ".join(found.notes)
    assert any("too narrow" in note for note in found.notes)


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ({"fpr": 0.1, "threshold": 0.5}, "both given"),
        ({"fpr": 0.0}, "fpr=0.0"),
        ({"fpr": 1.0}, "fpr=1.0"),
        ({"fpr": math.nan}, "fpr=nan"),
        ({"threshold": math.nan}, "threshold=nan"),
        ({"threshold": math.inf}, "threshold=inf"),
        ({"resamples": 99}, "resamples"),
        ({"level": 1.0}, "level"),
    ],
)
def test_an_argument_that_can_not_be_is_refused(asked: dict[str, Any], match: str) -> None:
    vectors, labels = people(11)
    with pytest.raises(UsageError, match=match):
        decision_changes(vectors, vectors, labels, **asked)


def test_an_unknown_metric_is_refused() -> None:
    vectors, labels = people(11)
    with pytest.raises(UnknownNameError, match="cosinus"):
        decision_changes(vectors, vectors, labels, metric="cosinus")


# Which truth, or none


def in_folders(labels: list[Any]) -> list[str]:
    return [f"{label}/{n:03}.jpg" for n, label in enumerate(labels)]


def test_folders_are_the_truth_unless_another_is_named() -> None:
    vectors, labels = people(12)
    other = shaken(vectors)
    ids = in_folders(labels)
    found = decision_changes(store(vectors, ids), store(other, ids, "y"), resamples=100)
    named = decision_changes(vectors, other, labels, resamples=100)
    assert [one.count for one in found.changes] == [one.count for one in named.changes]
    assert "by the folder of each picture" in found.truth


def test_a_flat_folder_is_no_truth_and_that_is_said() -> None:
    vectors, _ = people(12)
    ids = [f"all/{n}.jpg" for n in range(len(vectors))]
    stores = store(vectors, ids), store(shaken(vectors), ids, "y")
    found = decision_changes(*stores, resamples=100)
    assert set(found.missing) == {"quality", "decisions"}
    assert "only the label 'all'" in found.missing["quality"]
    assert "no truth to choose a threshold by (f1)" in found.missing["decisions"]
    assert {one.part for one in found.changes} == {"vectors", "neighbours"}
    notes = found.view().notes
    for part, why in found.missing.items():
        assert f"no {part}: {why}" in notes
    assert found.answer.startswith("y: ")
    assert found.thresholds is None
    assert "fpr=0.1" in decision_changes(*stores, fpr=0.1, resamples=100).missing["decisions"]


def test_another_truth_that_says_nothing_is_an_error(tmp_path: Path) -> None:
    vectors, labels = people(12)
    with pytest.raises(UsageError, match="nothing can be judged"):
        decision_changes(vectors, vectors, [0] * len(labels))
    with pytest.raises(UsageError, match="no such truth"):
        decision_changes(vectors, vectors, str(tmp_path / "none.csv"))


def test_pictures_without_a_label_have_neighbours_but_no_judged_pairs() -> None:
    vectors, labels = people(13)
    some: list[int | None] = [None if n % 4 == 0 else label for n, label in enumerate(labels)]
    other = shaken(vectors, 0.4)
    found = decision_changes(vectors, other, some, threshold=0.4, resamples=100)
    known = [n for n, label in enumerate(some) if label is not None]
    one, two = closeness("cosine", vectors), closeness("cosine", other)
    ids = [f"row[{n}]" for n in range(len(labels))]
    assert found["nearest_changed"].count == sum(slow_neighbours(one, two, ids))
    assert found["nearest_changed"].of == len(labels)
    assert found["pairs_changed"].of == math.comb(len(known), 2)
    pairs = [
        (one[a][b], two[a][b], some[a] == some[b]) for a, b in itertools.combinations(known, 2)
    ]
    assert counts_of(found, *FOUR) == slow_decisions(pairs, 0.4)
    left = decision_changes(
        store(vectors[known], [ids[n] for n in known]),
        store(other[known], [ids[n] for n in known]),
        [some[n] for n in known],
        threshold=0.4,
        resamples=100,
    )
    for name in ("pairs_changed", "pairs_changed_own", *FOUR):
        assert found[name] == left[name]
    alone = len(labels) - len(known)
    units = len({some[n] for n in known}) + alone
    notes = " ".join(found.notes)
    assert f"left out: {alone} pictures without a label" in notes
    assert f"vectors and neighbours: intervals: 95%, bootstrap over {units} identities and" in notes


def test_pairs_of_a_list_are_decided_alone(tmp_path: Path) -> None:
    vectors, labels = people(14)
    other = shaken(vectors, 0.5)
    ids = [f"{n}" for n in range(len(labels))]
    random = np.random.default_rng(0)
    listed = [tuple(sorted(random.permutation(len(ids))[:2].tolist())) for _ in range(60)]
    listed = sorted({*listed, (0, 1), (2, len(ids) - 1)})
    table = tmp_path / "pairs.csv"
    rows = [f"{a},{b},{int(labels[a] == labels[b])}" for a, b in listed]
    table.write_text("\n".join(["a,b,same", *rows]) + "\n")
    found = decision_changes(
        store(vectors, ids), store(other, ids, "y"), str(table), threshold=0.1, resamples=100
    )
    one, two = closeness("cosine", vectors), closeness("cosine", other)
    pairs = [(one[a][b], two[a][b], labels[a] == labels[b]) for a, b in listed]
    expected = slow_decisions(pairs, 0.1)
    assert counts_of(found, *FOUR) == expected
    assert sum(expected.values()) > 2
    assert found["pairs_changed"].of == len(listed)
    assert [quality.difference.measure for quality in found.quality] == ["roc_auc"]
    assert found["nearest_changed"].count == sum(slow_neighbours(one, two, ids))


def test_partners_are_decided_left_against_right() -> None:
    random = np.random.default_rng(0)
    count = 15
    ids = [f"{side}/{n:02}.png" for side in ("left", "right") for n in range(count)]
    vectors = np.concatenate([random.normal(size=(count, 6))] * 2)
    vectors += 0.5 * random.normal(size=vectors.shape)
    other = shaken(vectors, 0.4)
    found = decision_changes(
        store(vectors, ids), store(other, ids, "y"), "partners", threshold=0.5, resamples=100
    )
    one, two = closeness("cosine", vectors), closeness("cosine", other)
    pairs = [
        (one[a][count + b], two[a][count + b], a == b) for a in range(count) for b in range(count)
    ]
    assert counts_of(found, *FOUR) == slow_decisions(pairs, 0.5)
    assert (found["same_rejected"].of, found["different_rejected"].of) == (15, 210)
    assert [quality.difference.measure for quality in found.quality] == ["roc_auc", "aR@1"]
    assert found["nearest_changed"].of == 30


def test_a_rate_that_so_few_pairs_can_not_tell_is_said_to_be_missing() -> None:
    vectors, labels = people(15)
    found = decision_changes(vectors, shaken(vectors), labels, fpr=1e-6, resamples=100)
    assert "fpr=1e-06 can't be known" in found.missing["decisions"]
    assert not [one for one in found.changes if one.part == "decisions"]
    assert found.thresholds is None
    assert len(found.quality) == 3
    assert found.answer.startswith("vectors 2: ")


# Which pictures


def test_a_picture_with_one_vector_only_is_counted_and_told() -> None:
    vectors, labels = people(16)
    ids = in_folders(labels)
    first, second = store(vectors[1:], ids[1:]), store(shaken(vectors)[:-2], ids[:-2], "y")
    # one more input that the other could not read
    failed = Row(ids[-1], reason=Reason.MISSING, detail="no file")
    second = Embeddings(second.card, (*second.rows, failed), second.vectors)
    found = decision_changes(first, second, resamples=100)
    both = decision_changes(
        store(vectors[1:-2], ids[1:-2]), store(shaken(vectors)[1:-2], ids[1:-2], "y"),
        resamples=100,
    )  # fmt: skip
    assert found.changes == both.changes
    assert (found.pictures, found.alone) == (len(ids) - 3, (2, 1))
    assert found.to_dict()["pictures"] == {
        "both": len(ids) - 3,
        "reference_only": 2,
        "other_only": 1,
    }
    count = len(ids)
    for note in (
        "not judged: 1 input of y without a vector; lookalike ledger says why",
        f"left out: 2 of {count - 1} vectors of x, of pictures that another store lacks",
        f"left out: 1 of {count - 2} vectors of y, of pictures that another store lacks",
    ):
        assert note in found.notes
        assert note in found.view().notes


def test_pictures_are_paired_by_id_or_by_content_whatever_their_order() -> None:
    vectors, labels = people(17)
    other = shaken(vectors)
    ids = in_folders(labels)
    order = np.random.default_rng(0).permutation(len(ids))
    expected = decision_changes(store(vectors, ids), store(other, ids, "y"), resamples=100)
    turned = store(other[order], [ids[n] for n in order], "y")
    assert decision_changes(store(vectors, ids), turned, resamples=100).changes == expected.changes

    def contents(side: Embeddings, rows: list[Row]) -> Embeddings:
        return Embeddings(side.card, tuple(rows), side.vectors)

    first = contents(store(vectors), [Row(id, digest=id) for id in ids])
    second = contents(turned, [Row(f"elsewhere/{n}", digest=ids[n]) for n in order])
    found = decision_changes(first, second, resamples=100)
    assert found.changes == expected.changes
    told = "pictures are paired by their contents, since the stores share no id"
    assert found.notes.count(told) == 1


def test_labels_belong_to_the_vectors_of_the_reference() -> None:
    vectors, labels = people(18)
    other = shaken(vectors)
    ids = [f"{n:03}" for n in range(len(labels))]
    found = decision_changes(store(vectors, ids), store(other[3:], ids[3:]), labels, resamples=100)
    expected = decision_changes(
        store(vectors[3:], ids[3:]), store(other[3:], ids[3:]), labels[3:], resamples=100
    )
    assert found.changes == expected.changes


def test_further_views_of_a_picture_are_left_out_and_told() -> None:
    vectors, labels = people(19)
    other = shaken(vectors)
    ids = in_folders(labels)
    plain = store(vectors, ids)
    rows = [Row(id, view=view) for id in ids for view in ("", "flip")]
    doubled = Embeddings(plain.card, tuple(rows), np.repeat(plain.vectors, 2, axis=0))
    doubled.vectors[1::2] *= -1
    expected = decision_changes(plain, store(other, ids, "y"), labels, resamples=100)
    found = decision_changes(
        doubled, store(other, ids, "y"), np.repeat(labels, 2).tolist(), resamples=100
    )
    assert found.changes == expected.changes
    assert f"left out: {len(ids)} rows of x of further views of a picture" in found.notes
    assert found.alone == (0, 0)
    flipped = Embeddings(plain.card, tuple(rows[1::2]), plain.vectors)
    alone = decision_changes(flipped, store(other, ids, "y"), labels, resamples=100)
    assert alone.changes == expected.changes
    assert not any("views" in note for note in alone.notes)


def test_a_view_does_not_stand_in_for_a_picture_that_failed() -> None:
    vectors, labels = people(19)
    ids = in_folders(labels)
    plain = store(vectors, ids)
    failed = Row(ids[0], reason=Reason.MISSING, detail="no file")
    rows = (failed, Row(ids[0], view="flip"), *plain.rows[1:])
    found = decision_changes(
        Embeddings(plain.card, rows, plain.vectors), store(vectors, ids, "y"), resamples=100
    )
    assert (found.pictures, found.alone) == (len(ids) - 1, (0, 1))


def test_embeddings_without_a_picture_in_common_are_refused() -> None:
    vectors, labels = people(20)
    with pytest.raises(UsageError, match="no input in common"):
        decision_changes(store(vectors, in_folders(labels)), vectors)


def test_a_single_picture_has_no_neighbour_and_no_pair() -> None:
    found = decision_changes(np.eye(1, 3), np.eye(1, 3), None, threshold=0.5)
    assert found.missing == {
        "quality": "there is no truth",
        "neighbours": "there is one picture alone",
        "decisions": "there is one picture alone",
    }
    assert found["cosine_min"].value == 1
    assert found["cosine_mean"].interval is None
    assert found.answer == "vectors 2: nothing can be told"
    json.loads(json_text("decisions", found))


def test_two_pictures_are_each_other_s_neighbours() -> None:
    found = decision_changes(np.eye(2), np.ones((2, 2)), None, threshold=0.5)
    assert (found["nearest_changed"].count, found["neighbours_kept"].value) == (0, 1)
    assert found["pairs_accepted"].count == 1
    assert found["pairs_changed"].interval is None


# Other lengths and metrics


def test_the_cosines_of_vectors_are_those_of_a_loop() -> None:
    vectors, labels = people(21)
    other = shaken(vectors, 0.3)
    found = decision_changes(store(vectors), store(other, encoder="y"), labels, resamples=100)
    cosines = [
        float(a @ b / math.sqrt(a @ a) / math.sqrt(b @ b))
        for a, b in zip(vectors, other, strict=True)
    ]
    assert found["cosine_mean"].value == pytest.approx(math.fsum(cosines) / len(cosines), abs=1e-6)
    assert found["cosine_min"].value == pytest.approx(min(cosines), abs=1e-6)
    assert found["cosine_min"].id == f"row[{cosines.index(min(cosines))}]"
    ordered = sorted(cosines)
    place = 0.01 * (len(cosines) - 1)
    first = ordered[int(place)]
    expected = first + (place - int(place)) * (ordered[int(place) + 1] - first)
    assert found["cosine_p1"].value == pytest.approx(expected, abs=1e-6)
    between = found["cosine_mean"].interval
    assert between is not None
    assert found["cosine_mean"].value is not None
    assert -1 <= between.low < found["cosine_mean"].value < between.high <= 1
    assert found["cosine_min"].interval is found["cosine_p1"].interval is None


def test_vectors_of_another_length_have_no_cosine_and_all_else() -> None:
    vectors, labels = people(22)
    wide = np.concatenate([vectors, vectors], axis=1)
    found = decision_changes(store(vectors), store(wide, encoder="y"), labels, resamples=100)
    assert found.missing == {"vectors": "they have 8 and 16 numbers"}
    assert {one.part for one in found.changes} == {"neighbours", "decisions"}
    assert found["pairs_changed"].count == found["nearest_changed"].count == 0


def test_one_threshold_does_not_serve_two_metrics() -> None:
    vectors, labels = people(23)
    bits = (vectors > 0).astype(np.uint8)
    whole = store(vectors)
    card = replace(store(bits).card, kind="bits", name="bits")
    hashes = Embeddings(card, whole.rows, bits)
    assert (whole.card.metric, hashes.card.metric) == ("cosine", "hamming")
    found = decision_changes(whole, hashes, labels, resamples=100)
    assert "cosine and hamming" in found.missing["decisions"]
    names = [one.name for one in found.changes if one.part == "decisions"]
    assert names == ["pairs_changed_own"]
    one, two = closeness("cosine", vectors), closeness("hamming", bits)
    pairs = pairs_of(one, two, labels)
    limits = [slow_best_f1([(pair[n], pair[2]) for pair in pairs])[0] for n in (0, 1)]
    swapped = sum((a >= limits[0]) != (b >= limits[1]) for a, b, _ in pairs)
    assert found["pairs_changed_own"].count == swapped > 0
    assert "of pairs differently, each with a threshold of its own, " in found.answer
    assert found.thresholds is not None
    assert "of hamming" in found.thresholds.words
    both = decision_changes(whole, hashes, labels, metric="cosine", resamples=100)
    assert both.missing == {}


# Quality and intervals


def test_quality_is_what_evaluate_says_of_both() -> None:
    vectors, labels = people(24, identities=30)
    worse = shaken(vectors, 1.0)
    found = decision_changes(
        store(vectors), store(worse, encoder="y"), labels, resamples=150, seed=3, level=0.9
    )
    judged = evaluate(
        store(worse, encoder="y"), truth=labels, against=store(vectors), resamples=150, seed=3,
        level=0.9, ks=(1,), fprs=(),
    )  # fmt: skip
    by_name = {one.measure: one for one in judged.differences}
    assert [one.difference.measure for one in found.quality] == ["roc_auc", "recall@1", "mAP"]
    for one in found.quality:
        expected = by_name[one.difference.measure]
        assert one.difference == expected
        assert one.other == judged.judgements[0][expected.measure].value
        assert one.reference == judged.judgements[1][expected.measure].value
        value, low, high = one.points
        assert expected.interval is not None
        assert value == 100 * expected.value
        assert (low, high) == (100 * expected.interval.low, 100 * expected.interval.high)
    assert found.quality[0].points[0] < 0
    assert "x is better" in str(found.view().tables[0].rows)


def test_two_of_one_name_are_told_apart() -> None:
    vectors, labels = people(24, identities=30)
    found = decision_changes(store(vectors), store(shaken(vectors, 1.0)), labels, resamples=100)
    assert found.names == ("x (1)", "x (2)")
    assert (found.quality[0].difference.a, found.quality[0].difference.b) == ("x (2)", "x (1)")
    assert found.quality[0].difference.verdict == "x (1) is better"
    assert found.view().title == "What does x (2) decide differently from x (1)?"


def test_the_interval_of_changed_pairs_is_that_of_a_loop_over_replicates() -> None:
    vectors, labels = people(25, identities=9)
    other = shaken(vectors, 0.6)
    ids = [f"{n:03}" for n in range(len(labels))]
    found = decision_changes(
        store(vectors, ids), store(other, ids), labels, threshold=0.3, resamples=100
    )
    trial = trial_of_groups(np.array(labels), ids)
    units = dict(zip(trial.rows.tolist(), trial.row_units.tolist(), strict=True))
    draws = Resampling.of(trial.units, replicates=100, seed=0)
    one, two = closeness("cosine", vectors), closeness("cosine", other)

    def drawn(counts: Callable[[int, int], bool], changed: Callable[[float, float], bool]) -> Any:
        shares = []
        for weights, balance in zip(draws.weights.tolist(), draws.balance.tolist(), strict=True):
            above = below = 0.0
            for a, b in itertools.combinations(range(len(labels)), 2):
                if not counts(labels[a], labels[b]):
                    continue
                u, v = units[a], units[b]
                weight = weights[u] if u == v else weights[u] * weights[v] * balance
                below += weight
                above += weight * changed(one[a][b], two[a][b])
            shares.append(above / below)
        return share_interval(shares[0], np.array(shares), draws.groups)

    scores = [(a, b) for a, b, _ in pairs_of(one, two, labels)]
    own = slow_as_many([a for a, _ in scores], 0.3, [b for _, b in scores])
    swapped = drawn(lambda a, b: True, lambda a, b: (a >= 0.3) != (b >= own))
    assert swapped != drawn(lambda a, b: True, lambda a, b: a >= 0.3 and b < own)
    for name, expected in (
        ("pairs_changed_own", swapped),
        ("pairs_changed", drawn(lambda a, b: True, lambda a, b: (a >= 0.3) != (b >= 0.3))),
        ("same_rejected", drawn(lambda a, b: a == b, lambda a, b: a >= 0.3 > b)),
        ("different_accepted", drawn(lambda a, b: a != b, lambda a, b: b >= 0.3 > a)),
    ):
        got = found[name].interval
        assert got is not None
        assert (got.low, got.high) == pytest.approx((expected.low, expected.high), rel=1e-4), name


def test_intervals_about_neighbours_and_vectors_draw_identities() -> None:
    vectors, labels = people(26, identities=9)
    other = shaken(vectors, 0.6)
    ids = [f"{n:03}" for n in range(len(labels))]
    found = decision_changes(store(vectors, ids), store(other, ids), labels, resamples=100)
    changed = slow_neighbours(closeness("cosine", vectors), closeness("cosine", other), ids)
    trial = trial_of_groups(np.array(labels), ids)
    draws = Resampling.of(trial.units, replicates=100, seed=0)
    replicates = []
    for weights in draws.weights.tolist():
        each = [weights[unit] for unit in trial.row_units]
        hits = [weight * changed[row] for weight, row in zip(each, trial.rows, strict=True)]
        replicates.append(math.fsum(hits) / math.fsum(each))
    expected = share_interval(
        sum(changed) / len(changed), np.array(replicates), draws.groups, reach=OF_QUERIES
    )
    got = found["nearest_changed"].interval
    assert got is not None
    assert expected is not None
    assert (got.low, got.high) == pytest.approx((expected.low, expected.high))
    assert f"bootstrap over {trial.units} identities" in " ".join(found.notes)
    cosines = METRICS["cosine"].rows(vectors, other)
    mean = float(cosines.mean())
    means = []
    for weights in draws.weights.tolist():
        each = [weights[unit] for unit in trial.row_units]
        parts = [weight * cosines[row] for weight, row in zip(each, trial.rows, strict=True)]
        means.append(math.fsum(parts) / math.fsum(each))
    between = interval(mean, np.array(means), draws.groups)
    got = found["cosine_mean"].interval
    assert got is not None
    assert between is not None
    assert (got.low, got.high) == pytest.approx((between.low, between.high), abs=1e-5)


def test_a_higher_level_makes_intervals_wider_and_another_seed_others() -> None:
    vectors, labels = people(27)

    def of(**options: Any) -> list[Any]:
        found = decision_changes(vectors, shaken(vectors, 0.5), labels, resamples=100, **options)
        return [one.interval for one in found.changes if one.interval is not None]

    usual, wide, other = of(level=0.9), of(level=0.99), of(level=0.9, seed=1)
    assert len(usual) == 9
    for a, b in zip(usual, wide, strict=True):
        assert b.high - b.low > a.high - a.low
        assert (a.level, b.level) == (0.9, 0.99)
    assert usual == of(level=0.9)
    assert usual != other


# What people see


def test_the_answer_says_pairs_neighbours_and_quality() -> None:
    vectors, labels = people(28)
    found = decision_changes(
        store(vectors, encoder="float"), store(shaken(vectors, 0.3), encoder="int8"), labels,
        resamples=100,
    )  # fmt: skip
    pairs, nearest = found["pairs_changed"], found["nearest_changed"]
    assert pairs.value is not None
    assert found.answer.startswith("int8 decides ")
    assert float(found.answer.split()[2]) == pytest.approx(100 * pairs.value, rel=0.05)
    assert f"{nearest.count} of {nearest.of} nearest neighbours change" in found.answer
    assert found.answer.endswith(found.quality[0].words)
    view = found.view()
    assert view.answer == (found.answer,)
    assert found.thresholds is not None
    assert found.thresholds.words in view.notes
    assert found.truth in view.notes
    page = html_page(view)
    assert "int8 decides" in page


def test_every_number_is_in_json_and_in_the_last_table() -> None:
    vectors, labels = people(29)
    found = decision_changes(store(vectors), store(shaken(vectors), encoder="y"), labels)
    plain = json.loads(json_text("decisions", found))
    rows = {row["measure"]: row for row in plain["results"]}
    shown = {row["measure"]: row for row in found.view().tables[-1].rows}
    assert list(rows) == list(shown) == [one.name for one in found.changes]
    for one in found.changes:
        for row in (rows[one.name], shown[one.name]):
            assert (row["value"], row["count"], row["of"]) == (one.value, one.count, one.of)
            assert row["low"] == (one.interval and one.interval.low)
            assert row["high"] == (one.interval and one.interval.high)
            assert (row["id"] or "") == one.id
    assert len(csv_text(found.view()).splitlines()) == len(rows) + 1
    assert [row["measure"] for row in plain["quality"]] == ["roc_auc", "recall@1", "mAP"]
    assert plain["quality"][0]["points"] == found.quality[0].points[0]
    assert [one["store"] for one in plain["models"]] == ["x", "y"]
    assert plain["thresholds"] == found.thresholds.to_dict() if found.thresholds else False
    assert plain["answer"] == found.answer
    assert plain["missing"] == {}
    assert plain["settings"]["units"] == 12
    assert set(plain["notes"]) == {*found.notes, *found.warnings}
    assert "<table" in found._repr_html_()


def test_warnings_about_an_engine_are_kept_with_and_without_a_truth() -> None:
    vectors, labels = people(30)
    bad = store(shaken(vectors), encoder="y")
    check = EngineCheck("fast", "exact", 8, 0.5)
    bad = Embeddings(bad.card, bad.rows, bad.vectors, Origin("fast", check=check))
    assert bad.origin.warnings
    for truth in (labels, None):
        found = decision_changes(store(vectors), bad, truth, resamples=100)
        assert set(bad.origin.warnings) <= set(found.warnings)
        assert found.view().warnings == found.warnings


def test_progress_is_told_for_every_pass() -> None:
    vectors, labels = people(31)
    told: list[int] = []
    decision_changes(vectors, vectors, labels, resamples=100, progress=told.append)
    # neighbours, pairs and queries of both, and decisions
    assert sum(told) == 6 * len(labels)
    told.clear()
    decision_changes(vectors, vectors, None, threshold=0.1, resamples=100, progress=told.append)
    assert sum(told) == 4 * len(labels)


def test_a_number_that_is_none_is_listed_among_those_there_are() -> None:
    vectors, labels = people(32)
    found = decision_changes(vectors, vectors, labels, resamples=100)
    assert isinstance(found["cosine_mean"], Change)
    with pytest.raises(KeyError, match=r"'pairs' is none of cosine_mean, .*pairs_changed"):
        found["pairs"]


def test_thresholds_of_distances_accept_what_is_smaller() -> None:
    told = Thresholds("given", "euclidean", 2.5, "euclidean", None).words
    assert told == "match if euclidean <= 2.5 (given)"


def test_a_truth_that_is_made_before_is_taken() -> None:
    vectors, labels = people(33)
    other = shaken(vectors)
    found = decision_changes(vectors, other, truth_of(labels), resamples=100)
    assert found.changes == decision_changes(vectors, other, labels, resamples=100).changes


def test_vectors_that_became_alike_are_told_of() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(20, 6))
    found = decision_changes(vectors, np.ones((20, 6)), truth=None, resamples=100)
    assert found["nearest_changed"].count == 0  # whatever was nearest is among the nearest
    assert (found["nearest_tied"].count, found["nearest_tied"].of) == (20, 20)
    some = vectors.copy()
    some[1] = some[0] = some[2]  # each has two that are equally near
    found = decision_changes(vectors, some, truth=None, resamples=100)
    assert 3 <= (found["nearest_tied"].count or 0) < 20  # and those that are nearest to them
    assert "0 before" in found["nearest_tied"].title
    same = decision_changes(vectors, vectors, truth=None, resamples=100)
    assert "nearest_tied" not in {one.name for one in same.changes}
