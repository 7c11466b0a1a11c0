"""The verb by its public name: numbers, intervals, comparisons, and what is said beside them."""

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike import Embeddings, Evaluation, LookalikeError, Reason, evaluate
from lookalike.embeddings import EngineCheck, Origin, Row
from lookalike.errors import MissingDeviceError, StoreError, UnknownNameError, UsageError
from lookalike.judge import Measure, calibrate, count
from lookalike.judge.count import count_trial
from lookalike.judge.measures import pairs_needed, pictures_needed
from lookalike.judge.reranking import rerank
from lookalike.judge.trial import trial_of_groups
from lookalike.metrics import METRICS, scorer_of
from lookalike.report import html_page, json_text

Floats = NDArray[np.float64]
Pair = tuple[float, bool]


def store(vectors: Any, ids: list[str] | None = None, encoder: str = "x") -> Embeddings:
    return Embeddings.from_numpy(vectors, ids, encoder=encoder)


def people(seed: int, identities: int = 30, noise: float = 1.0) -> tuple[Floats, list[int]]:
    """Vectors of identities with two to six pictures each."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(identities), random.integers(2, 7, identities))
    vectors = random.normal(size=(identities, 8))[labels]
    return vectors + noise * random.normal(size=vectors.shape), labels.tolist()


# Numbers against loops


def closeness(metric: str, vectors: Floats) -> list[list[float]]:
    """Higher is closer; equal scores are equal numbers."""
    found = METRICS[metric].matrix(vectors, vectors)
    if not METRICS[metric].higher_is_closer:
        found = -found
    return np.round(found, 7).tolist()


def slow_auc(pairs: list[Pair]) -> float:
    same, different = ([c for c, truth in pairs if truth is kind] for kind in (True, False))
    won = [(s > d) + (s == d) / 2 for s in same for d in different]
    return math.fsum(won) / len(won)


def slow_average_precision(pairs: list[Pair]) -> float:
    found = []
    for close in [c for c, truth in pairs if truth]:
        accepted = [truth for c, truth in pairs if c >= close]
        found.append(sum(accepted) / len(accepted))
    return math.fsum(found) / len(found)


def slow_points(pairs: list[Pair]) -> list[tuple[int, int]]:
    """(different, same) pairs accepted by every threshold, none first."""
    limits = [math.inf, *sorted({close for close, _ in pairs}, reverse=True)]
    return [
        (
            sum(c >= t and not truth for c, truth in pairs),
            sum(c >= t and truth for c, truth in pairs),
        )
        for t in limits
    ]


def slow_pair_measures(pairs: list[Pair], fprs: tuple[float, ...]) -> dict[str, float]:
    points = slow_points(pairs)
    different, same = points[-1]
    found = {
        "roc_auc": slow_auc(pairs),
        "average_precision": slow_average_precision(pairs),
        "best_accuracy": max((tp + different - fp) / len(pairs) for fp, tp in points),
        "best_f1": max(2 * tp / (tp + fp + same) for fp, tp in points),
    }
    for fpr in fprs:
        found[f"tpr@fpr={fpr:g}"] = max(tp for fp, tp in points if fp <= fpr * different) / same
    crossing = next(n for n, (fp, tp) in enumerate(points) if fp / different >= 1 - tp / same)
    (fp, tp), (next_fp, next_tp) = points[crossing - 1], points[crossing]
    chance = (1 - tp / same - fp / different) / ((next_tp - tp) / same + (next_fp - fp) / different)
    found["eer"] = (fp + chance * (next_fp - fp)) / different
    return found


def slow_query_measures(
    close: list[list[float]], labels: list[int], ids: list[str], ks: tuple[int, ...]
) -> dict[str, float]:
    """Every picture as a query among all others; ties by id."""
    table: dict[str, list[float]] = {}
    for query in range(len(labels)):
        others = [n for n in range(len(labels)) if n != query]
        others.sort(key=lambda n: (-close[query][n], ids[n], n))
        hits = [labels[n] == labels[query] for n in others]
        ranks = [n for n, hit in enumerate(hits, 1) if hit]
        if not ranks:
            continue
        precision = {rank: (n + 1) / rank for n, rank in enumerate(ranks)}
        ideal = [1 / math.log2(n + 1) for n in range(1, len(ranks) + 1)]
        gained = {rank: 1 / math.log2(rank + 1) for rank in ranks}
        one = {
            "mAP": math.fsum(precision.values()) / len(ranks),
            "mAP@R": math.fsum(p for n, p in precision.items() if n <= len(ranks)) / len(ranks),
            "MRR": 1 / ranks[0],
            "nDCG": math.fsum(gained.values()) / math.fsum(ideal),
        }
        for k in ks:
            one[f"recall@{k}"] = float(any(hits[:k]))
            if k > 1:
                one[f"precision@{k}"] = sum(hits[:k]) / k
                some = math.fsum(gain for rank, gain in gained.items() if rank <= k)
                one[f"nDCG@{k}"] = some / math.fsum(ideal[:k])
        for name, value in one.items():
            table.setdefault(name, []).append(value)
    return {name: math.fsum(values) / len(values) for name, values in table.items()}


@st.composite
def small_cases(draw: st.DrawFn) -> tuple[str, Floats, list[int], list[str]]:
    """Whole numbers, so that there are many ties; people with one picture too; ids in any order."""
    metric = draw(st.sampled_from(sorted(METRICS)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(9, 16))
    low, high = (0, 2) if metric == "hamming" else (-2, 3)
    vectors = random.integers(low, high, (count, draw(st.integers(2, 5)))).astype(float)
    labels = [0, 0, 1, *random.integers(0, 6, count - 3).tolist()]
    ids = [f"{n}" for n in random.permutation(count)]
    return metric, vectors, labels, ids


@settings(max_examples=25)
@given(small_cases())
def test_every_measure_equals_a_loop_over_pairs_and_lists(
    case: tuple[str, Floats, list[int], list[str]],
) -> None:
    metric, vectors, labels, ids = case
    close = closeness(metric, vectors)
    pairs = [
        (close[a][b], labels[a] == labels[b])
        for a, b in itertools.combinations(range(len(labels)), 2)
    ]
    different = sum(not same for _, same in pairs)
    fprs = tuple(fpr for fpr in (0.5, 0.4) if pairs_needed(fpr) <= different)
    expected = slow_pair_measures(pairs, fprs) | slow_query_measures(close, labels, ids, (1, 3))
    found = evaluate(
        store(vectors, ids), truth=labels, metric=metric, fprs=fprs, ks=(3, 1), resamples=100
    )
    measured = {one.name: one.value for one in found.judgements[0].measures}
    assert measured == pytest.approx(expected, abs=1e-12)
    assert found.judgements[0].metric == metric


def test_the_loops_agree_on_numbers_without_ties() -> None:
    vectors, labels = people(0, identities=13)  # a thousand different pairs, which 0.01 needs
    close = closeness("cosine", vectors)
    ids = [f"row[{n}]" for n in range(len(labels))]
    pairs = [
        (close[a][b], labels[a] == labels[b])
        for a, b in itertools.combinations(range(len(labels)), 2)
    ]
    found = evaluate(vectors, truth=labels, fprs=(0.1, 0.01), resamples=100)
    expected = slow_query_measures(close, labels, ids, (1, 5, 10))
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-9), name
    assert found["roc_auc"].value == pytest.approx(slow_auc(pairs), abs=1e-5)
    assert found["tpr@fpr=0.1"].value == pytest.approx(
        slow_pair_measures(pairs, (0.1,))["tpr@fpr=0.1"], abs=0.01
    )


@pytest.mark.parametrize("metric", ["cosine", "negative-euclidean", "euclidean"])
def test_five_unit_vectors_have_an_auc_of_one_half(metric: str) -> None:
    # T20: ordered pairs with self would give 0.692308
    angles = np.radians([0, 20, 90, 100, 200])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = evaluate(vectors, truth=list("AABBA"), metric=metric, fprs=(), resamples=100)
    assert found["roc_auc"].value == 0.5
    assert found["roc_auc"].over == "4 same and 6 different pairs"
    assert found.judgements[0].counts.pairs == (4, 6)


def test_the_auc_of_two_thousand_pictures_is_that_of_scikit_learn() -> None:
    # T22
    reference = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    labels = np.arange(2000) % 200
    vectors = 0.7 * random.normal(size=(200, 32))[labels] + random.normal(size=(2000, 32))
    trial = trial_of_groups(labels, [f"{n:04}" for n in range(2000)])
    scorer = scorer_of("cosine", vectors[trial.rows], device="cpu")
    found = count_trial(trial, scorer)
    assert found.counts.pairs == (9000, 1_990_000)
    a, b = np.triu_indices(2000, 1)
    whole = slice(0, 2000)
    own = scorer.levels(whole, whole)[a, b]
    same = labels[trial.rows[a]] == labels[trial.rows[b]]
    assert found.counts.roc_auc == pytest.approx(reference.roc_auc_score(same, own), abs=1e-9)
    exact = METRICS["cosine"].matrix(vectors[trial.rows], vectors[trial.rows])[a, b]
    assert found.counts.roc_auc == pytest.approx(reference.roc_auc_score(same, exact), abs=1e-9)


@pytest.mark.parametrize("name", ["eer", "tpr@fpr=0.1", "best_accuracy", "best_f1"])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_measure_at_a_threshold_is_what_the_threshold_gives(name: str, metric: str) -> None:
    vectors, labels = people(1)
    found = evaluate(vectors, truth=labels, metric=metric, fprs=(0.1,), resamples=100)
    threshold = found[name].threshold
    assert threshold is not None
    values = METRICS[metric].matrix(vectors, vectors)
    table = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for a, b in itertools.combinations(range(len(labels)), 2):
        close = values[a, b] >= threshold if metric == "cosine" else values[a, b] <= threshold
        table[bool(close), labels[a] == labels[b]] += 1
    tp, fp = table[True, True], table[True, False]
    fn, tn = table[False, True], table[False, False]
    got = {
        "eer": (fp / (fp + tn) + fn / (tp + fn)) / 2,
        "tpr@fpr=0.1": tp / (tp + fn),
        "best_accuracy": (tp + tn) / (tp + fp + fn + tn),
        "best_f1": 2 * tp / (2 * tp + fp + fn),
    }[name]
    assert found[name].value == pytest.approx(got, abs=0.01 if name == "eer" else 1e-12)
    if name == "tpr@fpr=0.1":
        assert fp / (fp + tn) <= 0.1
    assert found["roc_auc"].threshold is None


@pytest.mark.parametrize("metric", ["inner-product", "cosine", "euclidean"])
@pytest.mark.parametrize("scale", [2.0**-60, 0.25, 1024.0, 2.0**60])
def test_longer_vectors_change_thresholds_and_nothing_else(metric: str, scale: float) -> None:
    vectors, labels = people(2)
    plain = evaluate(vectors, truth=labels, metric=metric, resamples=100)
    scaled = evaluate(vectors * scale, truth=labels, metric=metric, resamples=100)
    factor = {"inner-product": scale**2, "cosine": 1, "euclidean": scale}[metric]
    for one, other in zip(plain.judgements[0].measures, scaled.judgements[0].measures, strict=True):
        assert one.value == other.value, one.name
        assert one.interval == other.interval
        if one.threshold is not None:
            assert other.threshold == pytest.approx(one.threshold * factor, rel=1e-9)


def test_shuffled_rows_change_no_value_and_no_interval() -> None:
    vectors, labels = people(3)
    ids = [f"{n:03}" for n in range(len(labels))]
    order = np.random.default_rng(0).permutation(len(labels))
    here = evaluate(store(vectors, ids), truth=labels, resamples=100)
    there = evaluate(
        store(vectors[order], [ids[n] for n in order]),
        truth=[labels[n] for n in order],
        resamples=100,
    )
    for one, other in zip(here.judgements[0].measures, there.judgements[0].measures, strict=True):
        assert other.value == pytest.approx(one.value, abs=1e-12), one.name
        if one.interval is not None:
            assert other.interval is not None
            assert other.interval.low == pytest.approx(one.interval.low, abs=1e-9)
            assert other.interval.high == pytest.approx(one.interval.high, abs=1e-9)


def test_vectors_that_are_all_one_are_no_better_than_chance() -> None:
    for metric, length in (("cosine", 1.0), ("inner-product", 1e9), ("euclidean", 1e12)):
        vectors = np.full((12, 3), length)
        found = evaluate(vectors, truth=[n % 4 for n in range(12)], metric=metric, resamples=100)
        assert found["roc_auc"].value == 0.5
        assert found["eer"].value == 0.5
        assert len(found.judgements[0].counts.values) == 1
        json.loads(json_text("evaluate", found))


# Rates that can't be known


def test_a_rate_that_so_few_pairs_cannot_tell_has_no_value_but_says_how_many_would() -> None:
    vectors, labels = people(4)
    found = evaluate(vectors, truth=labels, fprs=(0.1, 0.001, 0.0001), resamples=100)
    different = found.judgements[0].counts.pairs[1]
    assert 100 <= different < 10_000
    known, *unknown = (found[f"tpr@fpr={fpr}"] for fpr in ("0.1", "0.001", "0.0001"))
    assert known.value is not None
    assert known.note == ""
    for one, pairs, pictures in zip(unknown, ("10,000", "100,000"), ("142", "448"), strict=True):
        assert (one.value, one.interval, one.threshold) == (None, None, None)
        assert f"can't be known from {different:,} different pairs" in one.note
        assert f"{pairs} would do, which {pictures} pictures" in one.note
    plain = json.loads(json_text("evaluate", found))
    row = next(one for one in plain["results"] if one["measure"] == "tpr@fpr=0.0001")
    assert row["value"] is row["low"] is row["threshold"] is None
    assert row["note"] == unknown[1].note


@given(st.floats(1e-9, 0.999))
def test_as_many_pictures_as_are_said_to_do_have_as_many_pairs(fpr: float) -> None:
    pairs, pictures = pairs_needed(fpr), pictures_needed(fpr)
    # ten false matches are expected, and fewer pairs would not do
    assert pairs * fpr >= 10 - 1e-6
    assert (pairs - 1) * fpr < 10
    assert pictures * (pictures - 1) // 2 >= pairs > (pictures - 1) * (pictures - 2) // 2


@pytest.mark.parametrize("power", range(1, 9))
def test_round_rates_need_round_numbers_of_pairs(power: int) -> None:
    assert pairs_needed(10.0**-power) == 10 ** (power + 1)
    assert pairs_needed(float(f"1e-{power}")) == 10 ** (power + 1)


def test_as_many_pairs_as_are_needed_are_enough() -> None:
    # 5 x 4 pairs of partners: 4 x 5 = 20 different pairs make a rate of 0.5 known
    ids = [f"{side}/{n}.png" for side in ("left", "right") for n in range(5)]
    vectors = np.random.default_rng(0).normal(size=(10, 4))
    found = evaluate(store(vectors, ids), truth="partners", fprs=(0.5, 0.499), resamples=100)
    assert found.judgements[0].counts.pairs == (5, 20)
    assert found["tpr@fpr=0.5"].value is not None
    assert found["tpr@fpr=0.499"].value is None


# Intervals


def intervals_of(found: Evaluation) -> list[tuple[str, Any]]:
    return [(one.name, one.interval) for one in found.judgements[0].measures]


def test_the_same_seed_gives_the_same_intervals_and_another_seed_others() -> None:
    vectors, labels = people(5)
    one, again, other = (
        evaluate(vectors, truth=labels, resamples=200, seed=seed) for seed in (1, 1, 2)
    )
    assert intervals_of(one) == intervals_of(again)
    values = [[measure.value for measure in found.judgements[0].measures] for found in (one, other)]
    assert values[0] == values[1]
    moved = [
        a != b for (_, a), (_, b) in zip(intervals_of(one), intervals_of(other), strict=True) if a
    ]
    assert sum(moved) > len(moved) / 2


@pytest.mark.parametrize("seed", range(4))
def test_an_interval_holds_its_value_between_0_and_1(seed: int) -> None:
    vectors, labels = people(seed, identities=[3, 5, 25, 60][seed], noise=0.8)
    for one in evaluate(vectors, truth=labels, resamples=200, level=0.9).judgements[0].measures:
        if one.value is None:
            continue
        assert one.interval is not None
        assert 0 <= one.interval.low <= one.value <= one.interval.high <= 1
        assert one.interval.level == 0.9


def test_intervals_shrink_with_more_identities_and_grow_with_the_level() -> None:
    def width(identities: int, level: float = 0.95) -> float:
        vectors, labels = people(7, identities=identities, noise=1.5)
        found = evaluate(vectors, truth=labels, resamples=300, level=level, ks=(1,), fprs=())
        between = found["roc_auc"].interval
        assert between is not None
        return between.high - between.low

    assert width(25) > 1.4 * width(100) > 0
    assert width(25, 0.8) < width(25, 0.95) < width(25, 0.99)


def test_copies_of_every_picture_make_no_interval_narrower() -> None:
    # as many identities say as much, however often each picture is there
    vectors, labels = people(8, identities=40, noise=1.5)

    def width(times: int) -> float:
        found = evaluate(
            np.repeat(vectors, times, axis=0),
            truth=np.repeat(labels, times).tolist(),
            ks=(1,),
            fprs=(),
        )
        between = found["roc_auc"].interval
        assert between is not None
        return between.high - between.low

    assert width(3) > 0.8 * width(1)


def test_how_intervals_were_made_is_said_beside_them() -> None:
    vectors, labels = people(9, identities=12)
    found = evaluate(vectors, truth=labels, resamples=150, level=0.9, seed=7)
    said = " ".join(found.notes)
    for part in ("90%", "12 identities", "150 replicates", "seed 7"):
        assert part in said
    assert "12 identities are few: take the intervals as a rough guide" in found.notes
    assert found.settings == {
        "seed": 7,
        "resamples": 150,
        "level": 0.9,
        "units": 12,
        "unit": "identities",
        "sample_pairs": None,
        "rerank": None,
        "single_shot": False,
    }
    many, known = people(9, identities=30)
    assert "are few" not in " ".join(evaluate(many, truth=known, resamples=100).notes)


# One store against others


def test_a_store_and_itself_are_never_distinguishable() -> None:
    vectors, labels = people(10)
    ids = [f"{n}" for n in range(len(labels))]
    found = evaluate(store(vectors, ids), truth=labels, against=[store(vectors, ids)])
    assert found.differences
    for one in found.differences:
        assert one.value == 0
        assert one.interval is not None
        assert one.interval.low == one.interval.high == 0
        assert one.p == 1
        assert not one.distinguishable
        assert "not distinguishable" in one.words
    assert [one.store for one in found.judgements] == ["x (1)", "x (2)"]


def test_noise_makes_a_store_worse_and_distinguishable() -> None:
    vectors, labels = people(11, identities=60, noise=0.7)
    random = np.random.default_rng(0)
    noisy = vectors + 1.5 * random.normal(size=vectors.shape)
    for good_first in (True, False):
        stores = [store(vectors, encoder="good"), store(noisy, encoder="bad")]
        first, second = stores if good_first else stores[::-1]
        found = evaluate(first, truth=labels, against=[second], fprs=(0.1,))
        by_name = {one.measure: one for one in found.differences}
        assert set(by_name) == {one.name for one in found.judgements[0].measures}
        for name in ("roc_auc", "average_precision", "eer", "mAP", "recall@1"):
            one = by_name[name]
            assert (one.a, one.b) == (("good", "bad") if good_first else ("bad", "good"))
            assert (one.value > 0) == (good_first != (name == "eer"))
            assert one.distinguishable
            assert one.p is not None
            assert one.p < 0.05
            assert "good is better" in one.words
            mine, theirs = (judged[name].value for judged in found.judgements)
            assert mine is not None
            assert theirs is not None
            assert one.value == pytest.approx(mine - theirs)


def test_a_difference_is_surer_than_two_intervals_say() -> None:
    # both stores find the same people hard, which drops out of the difference
    random = np.random.default_rng(3)
    labels = np.repeat(np.arange(40), 5)
    spread = np.exp(random.normal(0, 0.7, 40))[labels, None]
    vectors = random.normal(size=(40, 8))[labels] + spread * random.normal(size=(200, 8))
    other = vectors + 0.1 * random.normal(size=vectors.shape)
    found = evaluate(vectors, truth=labels.tolist(), against=[other], fprs=(), ks=(1,))
    one = next(one for one in found.differences if one.measure == "roc_auc")
    alone = found["roc_auc"].interval
    assert one.interval is not None
    assert alone is not None
    assert one.interval.high - one.interval.low < 0.5 * (alone.high - alone.low)


def test_with_several_others_each_interval_is_wider() -> None:
    vectors, labels = people(12)
    random = np.random.default_rng(0)
    others = [vectors + 0.5 * random.normal(size=vectors.shape) for _ in range(4)]
    one = evaluate(vectors, truth=labels, against=others[:1], ks=(1,), fprs=())
    four = evaluate(vectors, truth=labels, against=others, ks=(1,), fprs=())
    assert len(four.differences) == 4 * len(one.differences)
    narrow = next(found for found in one.differences if found.measure == "roc_auc").interval
    wide = next(found for found in four.differences if found.measure == "roc_auc").interval
    assert narrow is not None
    assert wide is not None
    assert narrow.level == 0.95
    assert wide.level == pytest.approx(1 - 0.05 / 4)
    assert wide.high - wide.low > narrow.high - narrow.low


def test_stores_are_laid_beside_each_other_by_id() -> None:
    vectors, labels = people(13)
    ids = [f"{n % 7}/{n:03}.jpg" for n in range(len(labels))]
    folders = {id: f"{label}/" for id, label in zip(ids, labels, strict=True)}
    ids = [folders[id] + id.replace("/", "-") for id in ids]
    random = np.random.default_rng(0)
    order = random.permutation(len(ids))
    lacking = set(random.permutation(len(ids))[:9].tolist())
    kept = [n for n in order.tolist() if n not in lacking]
    extra = random.normal(size=(4, 8))
    other = store(
        np.concatenate([vectors[kept], extra]),
        [ids[n] for n in kept] + [f"elsewhere/{n}.jpg" for n in range(4)],
        encoder="y",
    )
    found = evaluate(store(vectors, ids), against=[other], resamples=100)
    mine = [n for n in range(len(ids)) if n not in lacking]
    alone = evaluate(store(vectors[mine], [ids[n] for n in mine]), resamples=100)
    for one, expected in zip(
        found.judgements[0].measures, alone.judgements[0].measures, strict=True
    ):
        assert one.value == expected.value
        assert one.interval == expected.interval
    assert all(one.value == 0 for one in found.differences)
    total = len(ids)
    assert (
        f"left out: 9 of {total} vectors of x, of pictures that another store lacks" in found.notes
    )
    assert (
        f"left out: 4 of {total - 5} vectors of y, of pictures that another store lacks"
        in found.notes
    )


def test_pictures_of_one_id_are_laid_beside_each_other_in_order() -> None:
    vectors, labels = people(14)
    ids = [f"{n // 2}" for n in range(len(labels))]
    found = evaluate(store(vectors, ids), truth=labels, against=[store(vectors, ids)], fprs=())
    assert all(one.value == 0 for one in found.differences)
    assert not any("left out" in note for note in found.notes)


def test_labels_in_the_order_of_the_vectors_hold_when_another_store_lacks_some() -> None:
    vectors, labels = people(15)
    ids = [f"{n:03}" for n in range(len(labels))]
    found = evaluate(
        store(vectors, ids), truth=labels, against=[store(vectors[5:], ids[5:])], resamples=100
    )
    alone = evaluate(store(vectors[5:], ids[5:]), truth=labels[5:], resamples=100)
    assert found["mAP"].value == alone["mAP"].value


def test_stores_without_a_common_input_are_refused() -> None:
    vectors, labels = people(16)
    count = len(labels)
    here = store(vectors, [f"a/{n}" for n in range(count)])
    there = store(vectors, [f"b/{n}" for n in range(count)], encoder="y")
    with pytest.raises(UsageError, match="no input in common") as caught:
        evaluate(here, truth=labels, against=[there])
    assert caught.value.where == "x, y"


def test_stores_of_other_encoders_lengths_and_metrics_can_be_compared() -> None:
    vectors, labels = people(17)
    wide = np.concatenate([vectors, vectors], axis=1)
    found = evaluate(store(vectors), truth=labels, against=[store(wide, encoder="y")], ks=(1,))
    for one in found.differences:
        assert one.value == pytest.approx(0, abs=1e-3)
    assert [plain["store"] for plain in found.to_dict()["models"]] == ["x", "y"]


# What comes out


def test_the_result_is_json_and_holds_every_number_that_is_plotted() -> None:
    vectors, labels = people(18)
    found = evaluate(vectors, truth=labels, against=[vectors[:, :3]], resamples=100)
    plain = json.loads(json_text("evaluate", found))
    assert plain["command"] == "evaluate"
    plots = {plot["name"]: plot for plot in plain["plots"]}
    assert list(plots) == ["roc", "precision-recall", "recall", "scores-1", "scores-2"]
    for plot in found.plots:
        drawn = plots[plot.name]["series"]
        assert [one["label"] for one in drawn] == [one.label for one in plot.series]
        for one, series in zip(drawn, plot.series, strict=True):
            assert one["x"] == list(series.x)
            assert one["y"] == list(series.y)
    rows = {(row["store"], row["measure"]): row for row in plain["results"]}
    assert len(rows) == sum(len(judged.measures) for judged in found.judgements)
    for judged in found.judgements:
        for one in judged.measures:
            row = rows[judged.store, one.name]
            assert row["value"] == one.value
            assert row["low"] == (one.interval and one.interval.low)
            assert row["high"] == (one.interval and one.interval.high)
            assert row["threshold"] == one.threshold
            assert row["metric"] == judged.metric
    assert len(plain["differences"]) == len(found.differences)
    assert plain["settings"]["seed"] == 0
    assert set(plain["notes"]) == {*found.notes, *found.warnings}


def test_curves_are_those_of_the_pairs_and_queries() -> None:
    vectors, labels = people(19)
    found = evaluate(vectors, truth=labels, ks=(1, 5, 10), resamples=100)
    judged = found.judgements[0]
    fpr, tpr = judged.curves.roc
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert all(a <= b for a, b in itertools.pairwise(fpr))
    assert all(a <= b for a, b in itertools.pairwise(tpr))
    area = sum(
        (b - a) * (low + high) / 2
        for (a, b), (low, high) in zip(
            itertools.pairwise(fpr), itertools.pairwise(tpr), strict=True
        )
    )
    assert area == pytest.approx(found["roc_auc"].value, abs=0.005)
    ranks, recall = judged.curves.recall
    for k in (1, 5, 10):
        assert recall[ranks.index(k)] == found[f"recall@{k}"].value
    _, same, different = judged.curves.scores
    assert math.fsum(same) == pytest.approx(1)
    assert math.fsum(different) == pytest.approx(1)


def test_people_see_the_same_numbers() -> None:
    vectors, labels = people(20)
    found = evaluate(vectors, truth=labels, against=[vectors[:, :3]], resamples=100)
    view = found.view()
    shown = {(row["store"], row["measure"]): row["value"] for row in view.tables[-1].rows}
    for judged in found.judgements:
        for one in judged.measures:
            assert shown[judged.store, one.name] == one.value
    assert found.truth in view.notes
    assert set(found.notes) <= set(view.notes)
    assert len(view.tables) == 2
    assert len(view.tables[0].rows) == len(found.differences)
    page = html_page(view)
    assert "not distinguishable" in page or "is better" in page


def test_a_measure_that_is_none_is_listed_among_those_there_are() -> None:
    vectors, labels = people(21)
    found = evaluate(vectors, truth=labels, resamples=100)
    assert isinstance(found["mAP"], Measure)
    with pytest.raises(KeyError, match=r"'map' is none of roc_auc, .*mAP"):
        found["map"]


# Arguments


@pytest.mark.parametrize(
    "bad",
    [
        {"fprs": (0.1, 0)},
        {"fprs": (1,)},
        {"fprs": (-0.1,)},
        {"fprs": (math.nan,)},
        {"ks": ()},
        {"ks": (0, 1)},
        {"resamples": 99},
        {"level": 1},
        {"level": 0.4},
        {"level": math.nan},
        {"sample_pairs": 0},
        {"rerank": "cubed"},
    ],
    ids=str,
)
def test_an_option_out_of_range_is_named(bad: dict[str, Any]) -> None:
    vectors, labels = people(22)
    with pytest.raises(UsageError, match=f"{next(iter(bad))} is out of range"):
        evaluate(vectors, truth=labels, **bad)


def test_a_metric_that_is_none_is_refused_before_anything_is_read() -> None:
    with pytest.raises(UnknownNameError, match="did you mean cosine"):
        evaluate("no/such/store", metric="cosin")
    with pytest.raises(StoreError):
        evaluate("no/such/store")


def test_a_device_that_there_is_not_is_refused() -> None:
    pytest.importorskip("torch")
    vectors, labels = people(23)
    with pytest.raises(MissingDeviceError):
        evaluate(vectors, truth=labels, device="nonsense")


@pytest.mark.parametrize("labels", [["a"] * 6, list("abcdef"), [None] * 6, ["a", "a", *[None] * 4]])
def test_fewer_than_two_identities_or_no_pair_is_refused(labels: list[str | None]) -> None:
    with pytest.raises(UsageError, match="nothing can be judged"):
        evaluate(np.eye(6), truth=labels)


def test_the_fewest_pictures_that_can_be_judged() -> None:
    found = evaluate(np.array([[1.0, 0], [1, 0.1], [0, 1]]), truth=["a", "a", "b"], resamples=100)
    assert found["roc_auc"].value == 1
    assert found["recall@1"].value == 1
    assert found["recall@1"].over == "2 queries that have a match"
    json.loads(json_text("evaluate", found))


# Samples, progress, failures, stores in files


def test_a_sample_is_said_to_be_one_and_its_seed_repeats_it() -> None:
    vectors, labels = people(24, identities=60)
    whole = evaluate(vectors, truth=labels, fprs=(), resamples=100)
    found, again, other = (
        evaluate(vectors, truth=labels, fprs=(), resamples=100, sample_pairs=4000, seed=seed)
        for seed in (0, 0, 1)
    )
    assert any("SAMPLE of 4,000 random pairs" in note for note in found.notes)
    assert not any("SAMPLE" in note for note in whole.notes)
    assert found.settings["sample_pairs"] == 4000
    assert sum(found.judgements[0].counts.pairs) == 4000
    assert whole["roc_auc"].value is not None
    assert found["roc_auc"].value == again["roc_auc"].value != other["roc_auc"].value
    assert found["roc_auc"].value == pytest.approx(whole["roc_auc"].value, abs=0.06)
    assert found["mAP"].value == whole["mAP"].value  # queries are not sampled


def reid_store(seed: int = 0, people_there: int = 8) -> Embeddings:
    """Two queries and three gallery pictures of each person, and distractors."""
    random = np.random.default_rng(seed)
    ids, labels = [], []
    for person in range(1, people_there + 1):
        for n in range(5):
            folder = "query" if n < 2 else "gallery"
            ids.append(f"{folder}/{person:04}_c{n + 1}s1_00000{n}_00.jpg")
            labels.append(person)
    for n in range(10):
        ids.append(f"gallery/0000_c{n % 6 + 1}s1_00000{n}_00.jpg")
        labels.append(people_there + 1 + n)
    centres = random.normal(size=(people_there + 11, 6))
    return store(centres[labels] + 0.8 * random.normal(size=(len(ids), 6)), ids)


CASES: dict[str, dict[str, Any]] = {
    "labels": {},
    "sample": {"sample_pairs": 50},
    "against": {"against": 2},
    "partners": {"truth": "partners"},
    "reid": {"truth": "reid"},
    "rerank": {"truth": "reid", "rerank": "plain"},
    "single shot": {"truth": "reid", "single_shot": True},
    "pairs": {"truth": "pairs"},
    "lists": {"truth": "lists"},
}


@pytest.mark.parametrize("case", CASES)
def test_progress_adds_up_to_what_was_announced(case: str, tmp_path: Path) -> None:
    options = dict(CASES[case])
    vectors, labels = people(25, identities=6)
    ids = [f"{n}" for n in range(len(labels))]
    judged = store(vectors, ids)
    options["against"] = [judged] * options.pop("against", 0)
    truth = options.pop("truth", labels)
    if truth == "partners":
        judged = store(
            vectors[:8], [f"{side}/{n}.png" for side in ("left", "right") for n in range(4)]
        )
    if truth == "reid":
        judged = reid_store()
    if truth in ("pairs", "lists"):
        header = "a,b,same" if truth == "pairs" else "query,relevant,gain"
        path = tmp_path / "t.csv"
        path.write_text(f"{header}\n0,1,1\n0,2,0\n1,3,1\n")
        truth = str(path)
    announced: list[int] = []
    done: list[int] = []
    evaluate(
        judged,
        truth=truth,
        resamples=100,
        progress=done.append,
        on_total=announced.append,
        **options,
    )
    assert len(announced) == 1
    assert sum(done) == announced[0] > 0


def test_inputs_without_a_vector_are_counted_and_not_judged() -> None:
    vectors, labels = people(26)
    ids = [f"{label}/{n}.jpg" for n, label in enumerate(labels)]
    whole = store(vectors, ids)
    lost = [Row(f"0/lost{n}.jpg", reason=Reason.MISSING, detail="gone") for n in range(2)]
    rows = [lost[0], *whole.rows[:9], lost[1], *whole.rows[9:]]
    found = evaluate(Embeddings(whole.card, tuple(rows), whole.vectors), resamples=100)
    expected = evaluate(whole, resamples=100)
    assert [one.value for one in found.judgements[0].measures] == [
        one.value for one in expected.judgements[0].measures
    ]
    assert "not judged: 2 inputs of x without a vector; lookalike ledger says why" in found.notes


@pytest.mark.parametrize("ending", [".parquet", ".npy", ""])
def test_a_store_on_disk_is_judged_like_its_vectors(tmp_path: Path, ending: str) -> None:
    vectors, labels = people(27)
    whole = store(vectors, [f"{n}" for n in range(len(labels))])
    path = f"{tmp_path}/store{ending}"
    whole.save(path)
    found = evaluate(path, truth=labels, resamples=100)
    expected = evaluate(whole, truth=labels, resamples=100)
    assert found["mAP"].value == pytest.approx(expected["mAP"].value, abs=1e-12)
    if ending != ".npy":  # which has no ids, so that identities are numbered in another order
        assert found["roc_auc"].interval == expected["roc_auc"].interval
    assert found.judgements[0].store == path


def test_an_engine_that_did_not_agree_is_told_and_not_warned_about(tmp_path: Path) -> None:
    vectors, labels = people(28)
    whole = store(vectors)
    check = EngineCheck("openvino f16 on GPU", "torch f32 on CPU", 8, 0.5)
    doubtful = replace(whole, origin=Origin("openvino f16 on GPU", check=check))
    path = f"{tmp_path}/store.parquet"
    doubtful.save(path)
    found = evaluate(path, truth=labels, resamples=100)
    assert doubtful.origin.warnings
    assert set(doubtful.origin.warnings) <= set(found.warnings)
    assert set(found.warnings) <= set(json.loads(json_text("evaluate", found))["notes"])


# Re-identification


def line(names: list[str], query_positions: list[float], gallery_positions: list[float]) -> Any:
    """Pictures on a line: queries and a gallery."""
    places = np.array([*query_positions, *gallery_positions])[:, None]
    return evaluate(
        store(places, names), truth="reid", metric="euclidean", ks=(1, 2, 3), resamples=100
    )


REID = {
    "R38": ("1@0", ["1@0", "2@1", "1@1", "3@1", "4@2"], [0, 1, 1], 0.5),
    "R42": ("1@0", ["1@1", "2@1", "1@1", "2@1", "1@1"], [1, 1, 1], 0.755556),
    "R42b": ("1@0", ["-1@1", "2@1", "1@1"], [0, 1, 1], 0.5),
    "R42c": ("1@0", ["0@1", "1@1"], [0, 1, 1], 0.5),
}


def named(folder: str, entries: list[str]) -> list[str]:
    names = []
    for n, entry in enumerate(entries):
        person, camera = entry.split("@")
        number = person if person.startswith("-") else f"{int(person):04}"
        names.append(f"{folder}/{number}_c{int(camera) + 1}s1_{n:06}_00.jpg")
    return names


@pytest.mark.parametrize("check", REID)
def test_a_worked_check_of_reid_comes_out_of_evaluate(check: str) -> None:
    query, gallery, curve, precision = REID[check]
    names = named("query", [query]) + named("bounding_box_test", gallery)
    found = line(names, [0], [float(n + 1) for n in range(len(gallery))])
    assert [found[f"recall@{k}"].value for k in (1, 2, 3)] == curve
    assert round(found["mAP"].value, 6) == precision
    assert found["mAP"].over == "1 queries that have a match"


def test_a_query_that_nobody_matches_is_left_out() -> None:
    # R40
    gallery = ["1@0", "2@1", "1@1", "3@1", "4@2"]
    names = named("query", ["1@0", "9@0"]) + named("gallery", gallery)
    found = line(names, [0, 0], [1, 2, 3, 4, 5])
    assert found["mAP"].value == 0.5
    assert found["mAP"].over == "1 queries that have a match"


@pytest.mark.parametrize(
    ("query", "gallery"),
    [("9@0", ["1@0", "2@1", "1@1"]), ("1@0", ["1@0", "2@1"]), ("1@0", ["1@0"])],
)
def test_without_any_query_that_has_a_match_nothing_is_judged(
    query: str, gallery: list[str]
) -> None:
    # R41: no query identity appears in the gallery
    names = named("query", [query]) + named("gallery", gallery)
    with pytest.raises(LookalikeError):
        line(names, [0], [float(n) for n in range(len(gallery))])


def test_people_that_only_the_gallery_has_are_no_trouble() -> None:
    for seed in range(6):
        found = evaluate(reid_store(seed, people_there=3 + seed), truth="reid", resamples=100)
        assert found.settings["units"] == 3 + seed + 10
        assert found["mAP"].interval is not None


@pytest.mark.parametrize("kind", ["plain", "squared"])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_re_ranked_queries_are_told_beside_the_plain_ones(kind: Any, metric: str) -> None:
    judged = reid_store(1)
    found = evaluate(judged, truth="reid", metric=metric, rerank=kind, resamples=100)
    plain = evaluate(judged, truth="reid", metric=metric, resamples=100)
    names = [one.name for one in plain.judgements[0].measures]
    told = [one.name for one in found.judgements[0].measures]
    assert told[: len(names)] == names
    assert found["mAP"].value == plain["mAP"].value
    queries = [n for n, id in enumerate(judged.ids) if id.startswith("query")]
    gallery = [n for n, id in enumerate(judged.ids) if id.startswith("gallery")]
    vectors = judged.vectors[[*queries, *gallery]].astype(float)
    if metric == "cosine":
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    distances = METRICS["euclidean"].matrix(vectors, vectors)
    distances = distances**2 if kind == "squared" else distances
    final = rerank(lambda rows: distances[rows], len(queries), len(vectors)).block(slice(None))
    precisions = []
    for n, query in enumerate(queries):
        order = sorted(range(len(gallery)), key=lambda g: (final[n, g], judged.ids[gallery[g]]))
        hits = [judged.ids[gallery[g]][8:12] == judged.ids[query][6:10] for g in order]
        ranks = [place for place, hit in enumerate(hits, 1) if hit]
        precisions.append(np.mean([(m + 1) / rank for m, rank in enumerate(ranks)]))
    assert found["mAP, re-ranked"].value == pytest.approx(np.mean(precisions), abs=1e-4)


def test_re_ranking_needs_a_gallery_and_a_distance() -> None:
    vectors, labels = people(29)
    with pytest.raises(UsageError, match="queries and a gallery apart"):
        evaluate(vectors, truth=labels, rerank="plain", resamples=100)
    with pytest.raises(UsageError, match="needs a distance"):
        evaluate(reid_store(), truth="reid", rerank="plain", metric="inner-product", resamples=100)


# Single gallery shots


def shot_chance(identities: list[Any], own: Any, k: int) -> float:
    """How likely the match is among the first k when one entry of each identity is picked."""
    entries: dict[Any, list[int]] = {}
    for place, identity in enumerate(identities):
        entries.setdefault(identity, []).append(place)
    hits = []
    for picks in itertools.product(*entries.values()):
        listed = [identities[place] for place in sorted(picks)]
        hits.append(own in listed[:k])
    return sum(hits) / len(hits)


def reduced(judged: Embeddings, query: int, order: list[int]) -> list[Any]:
    """Whose pictures come, closest first, for a query of one; distractors are themselves."""

    def read(n: int) -> tuple[str, str]:
        person, camera, *_ = judged.ids[n].rsplit("/", 1)[1].split("_")
        return person, camera[:2]

    return [
        ("distractor", n) if read(n)[0] == "0000" else read(n)[0]
        for n in order
        if read(n) != read(query) and read(n)[0] != "-1"
    ]


def crowd(seed: int, copies: int) -> Embeddings:
    """Queries of three people on a line, and a gallery with strangers, distractors and junk."""
    random = np.random.default_rng(seed)
    entries = [f"{person}@{camera}" for person in (1, 2, 3) for camera in (0, 1, 2)]
    entries += [f"{n}@{n % 3}" for n in (4, 4, 5, 0, 0, 0, -1)]
    queries = [f"{person}@0" for person in (1, 2, 3) for _ in range(copies)]
    names = named("query", queries) + named("gallery", entries)
    places = np.repeat(random.normal(size=3), copies)
    return store(np.concatenate([places, random.normal(size=len(entries))])[:, None], names)


@pytest.mark.parametrize("seed", range(6))
def test_single_shots_are_on_average_the_mean_over_all_picks(seed: int) -> None:
    copies = 60
    judged = crowd(seed, copies)
    found = evaluate(
        judged,
        truth="reid",
        metric="euclidean",
        ks=(1, 2, 3, 5, 50),
        resamples=100,
        seed=seed,
        single_shot=True,
    )
    places = judged.vectors[:, 0]
    gallery = [n for n, id in enumerate(judged.ids) if id.startswith("gallery")]
    for k in (1, 2, 3, 5, 50):
        chances = []
        for n in range(3):
            query = n * copies
            far = abs(places - places[query])
            order = sorted(gallery, key=far.__getitem__)
            chances.append(shot_chance(reduced(judged, query, order), f"{n + 1:04}", k))
        error = math.sqrt(sum(p * (1 - p) for p in chances) / (9 * 10 * copies))
        assert found[f"recall@{k}"].value == pytest.approx(
            np.mean(chances), abs=4 * error + 1e-12
        ), k


def test_single_shots_of_re_ranked_queries_are_drawn_from_the_re_ranked_list() -> None:
    judged = reid_store(2, people_there=4)
    queries = [n for n, id in enumerate(judged.ids) if id.startswith("query")]
    gallery = [n for n, id in enumerate(judged.ids) if id.startswith("gallery")]
    vectors = judged.vectors[[*queries, *gallery]].astype(float)
    distances = METRICS["euclidean"].matrix(vectors, vectors)
    final = rerank(lambda rows: distances[rows], len(queries), len(vectors)).block(slice(None))
    drawn = [
        evaluate(
            judged,
            truth="reid",
            metric="euclidean",
            rerank="plain",
            single_shot=True,
            seed=seed,
            ks=(1, 2),
            resamples=100,
        )
        for seed in range(20)
    ]
    for k in (1, 2):
        for name, table in (
            ("", distances[: len(queries), len(queries) :]),
            (", re-ranked", final),
        ):
            chances = []
            for n, query in enumerate(queries):
                far = dict(zip(gallery, table[n].tolist(), strict=True))
                listed = reduced(judged, query, sorted(gallery, key=far.__getitem__))
                chances.append(shot_chance(listed, judged.ids[query][6:10], k))
            values = [one[f"recall@{k}{name}"].value or 0.0 for one in drawn]
            error = math.sqrt(sum(p * (1 - p) for p in chances) / (len(queries) ** 2 * 200))
            assert np.mean(values) == pytest.approx(np.mean(chances), abs=4 * error + 1e-9)
            assert len(set(values)) > 1


def test_a_worked_check_of_single_shots_comes_out_of_evaluate() -> None:
    def judged(gallery: list[str], seed: int) -> Evaluation:
        names = named("query", ["1@0"]) + named("gallery", gallery)
        places = np.arange(len(names), dtype=float)[:, None]
        return evaluate(
            store(places, names),
            truth="reid",
            metric="euclidean",
            ks=(1, 2, 3),
            resamples=100,
            seed=seed,
            single_shot=True,
        )

    firsts = []
    for seed in range(20):
        # R43 (a), with an entry of the query's own camera before it
        found = judged(["1@0", "2@1", "1@1", "3@1"], seed)
        assert [found[f"recall@{k}"].value for k in (1, 2, 3)] == [0, 1, 1]
        assert found["mAP"].value == 0.5
        # R43 (b)
        found = judged(["1@1", "2@1", "3@1", "1@1"], seed)
        first, second, third = (found[f"recall@{k}"].value for k in (1, 2, 3))
        assert first is not None
        assert round(first * 10, 9) in range(11)
        assert (second, third) == (first, 1)
        assert found["mAP"].value == 0.75
        firsts.append(first)
    assert abs(np.mean(firsts) - 0.5) < 4 * 0.5 / math.sqrt(200)


def values_and_intervals(found: Evaluation, *but: str) -> list[Any]:
    return [
        (one.name, one.value, one.interval)
        for one in found.judgements[0].measures
        if not one.name.startswith(but)
    ]


def test_single_shots_move_only_recall_and_say_so() -> None:
    judged = reid_store(3)
    plain = evaluate(judged, truth="reid", rerank="plain", resamples=100)
    found, again, other = (
        evaluate(judged, truth="reid", rerank="plain", resamples=100, single_shot=True, seed=seed)
        for seed in (0, 0, 1)
    )
    assert values_and_intervals(found, "recall") == values_and_intervals(plain, "recall")
    assert values_and_intervals(found) == values_and_intervals(again)
    for name in ("recall@1", "recall@1, re-ranked"):
        assert found[name].value not in (other[name].value, plain[name].value)
    assert found["recall@1"].title == "recall@1 (CMC rank 1, single gallery shot)"
    assert plain["recall@1"].title == "recall@1 (CMC rank 1)"
    assert found.settings["single_shot"] is True
    assert plain.settings["single_shot"] is False
    assert any("single gallery shots" in note and "seed 0" in note for note in found.notes)
    assert not any("single" in note for note in plain.notes)
    value, interval = found["recall@1"].value, found["recall@1"].interval
    assert value is not None
    assert interval is not None
    assert interval.low < value < interval.high
    ranks, curve = found.judgements[0].curves.recall
    for k in (1, 5):
        assert curve[ranks.index(k)] == pytest.approx(found[f"recall@{k}"].value, abs=1e-12)
    json.loads(json_text("evaluate", found))


def test_with_one_picture_of_each_person_single_shots_are_the_ordinary_protocol() -> None:
    whole = reid_store(4, people_there=12)
    kept = [
        n
        for n, id in enumerate(whole.ids)
        if id.startswith("query") or "_c3" in id or id.startswith("gallery/0000")
    ]
    judged = store(whole.vectors[kept], [whole.ids[n] for n in kept])
    plain, found = (
        evaluate(judged, truth="reid", rerank="squared", resamples=100, single_shot=single)
        for single in (False, True)
    )
    assert 0 < (plain["recall@1"].value or 0) < 1
    assert values_and_intervals(found) == values_and_intervals(plain)
    assert found.judgements[0].curves.recall == plain.judgements[0].curves.recall


def test_stores_that_are_compared_get_the_same_single_shots() -> None:
    judged = reid_store(5)
    found = evaluate(judged, truth="reid", against=judged, resamples=100, single_shot=True)
    difference = next(one for one in found.differences if one.measure == "recall@1")
    assert difference.value == 0
    assert difference.interval is not None
    assert (difference.interval.low, difference.interval.high) == (0, 0)


def test_each_query_has_its_own_single_shots() -> None:
    # a hundred queries in one place: were they all given the same picks, only tenths could come out
    names = named("query", ["1@0"] * 100) + named("gallery", ["1@1", "2@1", "1@1"])
    places = np.array([0.0] * 100 + [1.0, 2.0, 3.0])[:, None]
    found = evaluate(
        store(places, names), truth="reid", metric="euclidean", resamples=100, single_shot=True
    )
    value = found["recall@1"].value
    assert value is not None
    assert 0.4 < value < 0.6
    assert round(value * 10, 9) != round(value * 10)


def test_pictures_that_are_query_and_gallery_have_single_shots_too() -> None:
    # as in the classic split of CUHK03: each picture is held against those of the other view
    names = [
        f"1_{person:03}_{view}_0{n}.png" for person in (1, 2, 3) for view in (1, 2) for n in (1, 2)
    ]
    random = np.random.default_rng(0)
    judged = store(random.normal(size=(3, 4)).repeat(4, 0) + random.normal(size=(12, 4)), names)
    plain = evaluate(judged, truth="reid", ks=(1, 3), resamples=100)
    found = evaluate(judged, truth="reid", ks=(1, 3), resamples=100, single_shot=True)
    assert found["recall@3"].value == 1  # three people, so three entries in each list
    assert (plain["recall@3"].value or 0) < 1
    assert found["mAP"].value == plain["mAP"].value


def test_single_shots_need_persons_and_cameras(tmp_path: Path) -> None:
    vectors, labels = people(37)
    judged = store(vectors, [f"{n}" for n in range(len(labels))])
    partners = store(vectors[:8], [f"{s}/{n}.png" for s in ("left", "right") for n in range(4)])
    listed, lists = tmp_path / "p.csv", tmp_path / "r.csv"
    listed.write_text("a,b,same\n0,1,1\n0,2,0\n1,3,1\n")
    lists.write_text("query,relevant,gain\n0,1,1\n0,2,0\n1,3,1\n")
    for truth in (labels, listed, lists):
        with pytest.raises(UsageError, match="single_shot needs persons and cameras") as caught:
            evaluate(judged, truth=truth, resamples=100, single_shot=True)
        assert "--truth reid" in caught.value.cure
    with pytest.raises(UsageError, match="single_shot needs persons and cameras"):
        evaluate(partners, truth="partners", resamples=100, single_shot=True)


# Other truths


def test_listed_pairs_have_measures_over_pairs_only(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("a,b,same\n0,1,1\n2,3,1\n0,2,0\n1,3,0\n4,5,0\n")
    vectors = np.array([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1], [1, 0.2], [1, 0.3]])
    judged = store(vectors, [f"{n}" for n in range(6)])
    found = evaluate(judged, truth=path, fprs=(), resamples=100)
    close = closeness("cosine", vectors)
    pairs = [(close[0][1], True), (close[2][3], True)]
    pairs += [(close[a][b], False) for a, b in ((0, 2), (1, 3), (4, 5))]
    assert found["roc_auc"].value == slow_auc(pairs)
    assert found["average_precision"].value == pytest.approx(slow_average_precision(pairs))
    assert [one.name for one in found.judgements[0].measures] == [
        "roc_auc",
        "average_precision",
        "eer",
        "best_accuracy",
        "best_f1",
    ]
    assert found.settings["unit"] == "groups of pictures known to be the same"


def test_degrees_of_relevance_enter_the_gain_only(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("query,relevant,gain\nq,a,1\nq,c,3\n")
    judged = store(np.array([[0.0], [1], [2], [3]]), ["q", "a", "b", "c"])
    found = evaluate(judged, truth=path, metric="euclidean", ks=(1, 2), fprs=(), resamples=100)
    best = 3 + 1 / math.log2(3)
    assert found["nDCG"].value == pytest.approx((1 + 3 / math.log2(4)) / best)
    assert found["nDCG@2"].value == pytest.approx(1 / best)
    assert found["mAP"].value == pytest.approx((1 + 2 / 3) / 2)
    assert found["recall@1"].value == 1
    assert found.judgements[0].counts.pairs == (2, 1)


@pytest.mark.parametrize("metric", ["hamming", "cosine"])
def test_hashes_are_judged_as_bits(metric: str) -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(20), 3)
    bits = random.integers(0, 2, (20, 64))[labels] ^ (random.random((60, 64)) < 0.1)
    found = evaluate(bits.astype(np.uint8), truth=labels.tolist(), metric=metric, resamples=100)
    value = found["roc_auc"].value
    assert value is not None
    assert value > 0.99


def test_stores_that_spell_their_pictures_in_two_ways_are_paired_by_contents() -> None:
    vectors, labels = people(31)
    random = np.random.default_rng(0)

    def spelt(prefix: str, order: Any) -> Embeddings:
        found = store(vectors[order], [f"{prefix}{labels[n]}/{n}.png" for n in order])
        rows = [replace(row, digest=f"{n:064x}") for row, n in zip(found.rows, order, strict=True)]
        return replace(found, rows=tuple(rows))

    first = spelt("here/", np.arange(len(labels)))
    other = spelt("/there/", random.permutation(len(labels)))
    found = evaluate(first, against=[other], resamples=100)
    assert any("paired by their contents" in note for note in found.notes)
    for difference in found.differences:
        assert difference.value == pytest.approx(0, abs=1e-12)
        assert not difference.distinguishable


def test_one_store_to_hold_against_needs_no_list(tmp_path: Path) -> None:
    vectors, labels = people(33)
    path = tmp_path / "other.parquet"
    store(vectors).save(path)
    for one in (str(path), path, store(vectors)):
        found = evaluate(store(vectors), truth=labels, against=one, resamples=100)
        assert len(found.judgements) == 2
    assert len(evaluate(vectors, truth=labels, against=vectors, resamples=100).judgements) == 2


def test_labels_that_data_frames_lack_are_no_label() -> None:
    pandas = pytest.importorskip("pandas")
    vectors, labels = people(34)
    known = [label if n % 3 else None for n, label in enumerate(labels)]
    expected = evaluate(vectors, truth=known, resamples=100)
    for missing in (pandas.NA, math.nan):
        some = [missing if label is None else label for label in known]
        found = evaluate(vectors, truth=some, resamples=100)
        assert found["roc_auc"].over == expected["roc_auc"].over
        assert found.notes == expected.notes


@pytest.mark.parametrize("most", [0, count.SORTED])
def test_scores_too_nearly_alike_to_be_told_apart_are_told(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(count, "SORTED", most)
    vectors, labels = people(35, identities=30)
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    alike = evaluate(1 + 1e-6 * vectors, truth=labels, resamples=100)
    assert any("too nearly alike to be told apart" in one for one in alike.warnings)
    held = calibrate(1 + 1e-6 * vectors, truth=labels, target="tpr=0.5", resamples=100)
    assert any("too nearly alike" in note for note in held.notes)
    assert evaluate(vectors, truth=labels, resamples=100).warnings == ()


def test_distances_do_not_depend_on_where_the_vectors_lie() -> None:
    vectors, labels = people(36)
    here = evaluate(vectors, truth=labels, metric="euclidean", resamples=100)
    there = evaluate(vectors + 64, truth=labels, metric="euclidean", resamples=100)
    for one, other in zip(here.judgements[0].measures, there.judgements[0].measures, strict=True):
        assert other.value == pytest.approx(one.value, abs=5e-3), one.name
