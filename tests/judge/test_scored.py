import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from lookalike.embeddings import Embeddings
from lookalike.errors import UsageError
from lookalike.judge import Drawing, Scores, evaluate, judge_scores
from lookalike.metrics import similarity

DRAWING = Drawing(200, 0.95, 3)
Pairs = list[tuple[int, int, bool]]


def some_pairs(things: int = 40, seed: int = 0) -> Pairs:
    """Two pictures a thing: each with its partner, and with one of another thing."""
    rng = np.random.default_rng(seed)
    same = [(2 * n, 2 * n + 1, True) for n in range(things)]
    others = [
        (2 * n, int(2 * ((n + rng.integers(1, things)) % things)), False) for n in range(things)
    ]
    return same + others


def some_vectors(noise: float, things: int = 40) -> np.ndarray:
    rng = np.random.default_rng(7)
    centres = np.repeat(rng.normal(size=(things, 8)), 2, axis=0)
    return centres + noise * rng.normal(size=centres.shape)


def values_of(vectors: np.ndarray, pairs: Pairs, metric: str = "cosine") -> list[float]:
    a, b = vectors[[p[0] for p in pairs]], vectors[[p[1] for p in pairs]]
    return np.asarray(similarity(a, b, metric=metric, paired=True)).tolist()


def test_measures_are_those_that_evaluate_gives_for_the_same_table_of_pairs(tmp_path: Path) -> None:
    pairs, vectors = some_pairs(), some_vectors(1.0)
    table = tmp_path / "pairs.csv"
    with table.open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [("a", "b", "same"), *((f"p{a}", f"p{b}", int(same)) for a, b, same in pairs)]
        )
    ids = [f"p{n}" for n in range(len(vectors))]
    stored = Embeddings.from_numpy(vectors, encoder="x", ids=ids)
    expected = evaluate(stored, truth=table, resamples=200, seed=3)
    found = judge_scores({"x": Scores(values_of(vectors, pairs))}, pairs, DRAWING)
    for one in found.measures["x"]:
        there = expected[one.name]
        assert one.value == pytest.approx(there.value, abs=1e-9)
        assert one.interval is not None
        assert there.interval is not None
        assert one.interval.low == pytest.approx(there.interval.low, abs=1e-9)


def test_the_auc_is_that_of_an_independent_reference_in_both_directions() -> None:
    pairs, vectors = some_pairs(), some_vectors(1.5)
    same = [p[2] for p in pairs]
    near, far = values_of(vectors, pairs), values_of(vectors, pairs, "euclidean")
    found = judge_scores({"near": Scores(near), "far": Scores(far, False)}, pairs, DRAWING)
    assert found.auc("near").value == pytest.approx(roc_auc_score(same, near))
    assert found.auc("far").value == pytest.approx(roc_auc_score(same, [-one for one in far]))


def test_a_model_is_not_distinguishable_from_its_own_copy() -> None:
    pairs = some_pairs()
    values = values_of(some_vectors(1.0), pairs)
    found = judge_scores({"a": Scores(values), "b": Scores(values)}, pairs, DRAWING)
    lead = found.lead("a", "b")
    assert lead.value == 0
    assert lead.interval is not None
    assert (lead.interval.low, lead.interval.high) == (0, 0)
    assert not lead.distinguishable
    assert found.best == "a"  # the first of several


def test_a_model_that_guesses_is_worse_than_one_that_knows() -> None:
    pairs = some_pairs()
    guesses = np.random.default_rng(5).random(len(pairs)).tolist()
    knows = values_of(some_vectors(0.3), pairs)
    found = judge_scores({"guesses": Scores(guesses), "knows": Scores(knows)}, pairs, DRAWING)
    assert found.best == "knows"
    assert found.lead("knows", "guesses").distinguishable
    assert found.lead("knows", "guesses").value == -found.lead("guesses", "knows").value


def test_an_interval_of_a_lead_widens_with_the_models_it_is_held_against() -> None:
    pairs = some_pairs()
    names = {f"m{n}": Scores(values_of(some_vectors(1 + n / 10), pairs)) for n in range(6)}
    few = judge_scores({name: names[name] for name in ("m0", "m5")}, pairs, DRAWING)
    many = judge_scores(names, pairs, DRAWING)

    def width(found: object) -> float:
        interval = found.lead("m0", "m5").interval  # type: ignore[attr-defined]
        return float(interval.high - interval.low)

    assert width(many) > width(few)
    interval = many.lead("m0", "m5").interval
    assert interval is not None
    assert interval.level == pytest.approx(1 - 0.05 / 5)  # the best against five others


def test_pairs_of_one_kind_and_values_that_do_not_fit_are_refused() -> None:
    pairs = some_pairs()
    with pytest.raises(UsageError, match="same and pairs that are different"):
        judge_scores({"x": Scores([0.5] * 3)}, [p for p in pairs if p[2]][:3], DRAWING)
    for values in ([0.5] * 3, [float("nan")] * len(pairs)):
        with pytest.raises(UsageError, match="as many finite values"):
            judge_scores({"x": Scores(values)}, pairs, DRAWING)


def test_what_pictures_show_decides_the_groups_that_are_drawn() -> None:
    pairs = some_pairs(things=40)
    values = {"x": Scores(values_of(some_vectors(1.0), pairs))}
    classes = [n // 2 // 4 for n in range(80)]  # four things a class
    apart = judge_scores(values, pairs, DRAWING)
    together = judge_scores(values, pairs, DRAWING, groups=classes)
    assert (apart.groups, together.groups) == (40, 10)
    assert apart.auc("x").value == together.auc("x").value
    unknown = judge_scores(values, pairs, DRAWING, groups=[None] * 80)
    assert unknown.groups == 40
    some = judge_scores(values, pairs, DRAWING, groups=[0, None, 0, *[None] * 77])
    assert some.groups == 39
