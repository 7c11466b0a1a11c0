import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import lookalike
from lookalike import Embeddings
from lookalike.errors import NotEnoughDataError, UsageError
from lookalike.judge.calibrate import Target
from lookalike.judge.measures import pairs_needed, pictures_needed

Floats = NDArray[np.float64]


def things(count: int, each: int, *, noise: float, seed: int) -> tuple[Floats, list[int]]:
    """Vectors of so many things, several of each; and which thing each is."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count).repeat(each)
    centres = rng.normal(size=(count, 12))
    return centres[labels] + noise * rng.normal(size=(len(labels), 12)), labels.tolist()


def scores(vectors: Floats, labels: list[int]) -> tuple[Floats, NDArray[np.bool_]]:
    """Cosines of all pairs, one by one, and whether each pair is the same."""
    unit = [vector / math.sqrt(float(vector @ vector)) for vector in vectors]
    found, same = [], []
    for i in range(len(unit)):
        for j in range(i):
            found.append(float(unit[i] @ unit[j]))
            same.append(labels[i] == labels[j])
    return np.array(found), np.array(same)


def rates_at(threshold: float, values: Floats, same: NDArray[np.bool_]) -> tuple[float, float]:
    accepted = values >= threshold
    return float(accepted[~same].mean()), float(accepted[same].mean())


VECTORS, LABELS = things(50, 4, noise=0.7, seed=1)
VALUES, SAME = scores(VECTORS, LABELS)


@pytest.mark.parametrize("rate", [0.2, 0.05, 0.01, 0.002])
def test_a_false_positive_rate_is_kept_and_used_up(rate: float) -> None:
    card = lookalike.calibrate(VECTORS, truth=LABELS, target=f"fpr={rate}").card
    fpr, tpr = rates_at(card.threshold, VALUES, SAME)
    assert fpr <= rate
    assert card.rates["fpr"].value == pytest.approx(fpr, abs=1e-12)
    assert card.rates["tpr"].value == pytest.approx(tpr, abs=1e-12)
    accepted = card.threshold <= VALUES
    assert card.rates["precision"].value == pytest.approx(SAME[accepted].mean(), abs=1e-12)
    nearest = np.sort(VALUES[~accepted & ~SAME])[-1]  # one more different pair would be too many
    assert rates_at(nearest, VALUES, SAME)[0] > rate


def test_a_true_positive_rate_is_reached_at_the_strictest_threshold() -> None:
    card = lookalike.calibrate(VECTORS, truth=LABELS, target="tpr=0.9").card
    _, tpr = rates_at(card.threshold, VALUES, SAME)
    assert tpr >= 0.9
    stricter = np.sort(VALUES[(card.threshold <= VALUES) & SAME])[0]
    assert rates_at(np.nextafter(stricter, 2), VALUES, SAME)[1] < 0.9


def test_a_precision_is_reached_at_the_loosest_threshold() -> None:
    card = lookalike.calibrate(VECTORS, truth=LABELS, target="precision=0.8").card
    accepted = card.threshold <= VALUES
    assert SAME[accepted].mean() >= 0.8
    for looser in np.sort(VALUES[~accepted]):
        assert SAME[looser <= VALUES].mean() < 0.8


@pytest.mark.parametrize("target", ["f1", "accuracy", "eer"])
def test_the_best_threshold_is_best_among_all(target: str) -> None:
    def worth(threshold: float) -> float:
        accepted = threshold <= VALUES
        if target == "accuracy":
            return float((accepted == SAME).mean())
        if target == "f1":
            return 2 * float((accepted & SAME).sum()) / float(accepted.sum() + SAME.sum())
        fpr, tpr = rates_at(threshold, VALUES, SAME)
        return -abs(fpr - (1 - tpr))

    card = lookalike.calibrate(VECTORS, truth=LABELS, target=target).card
    assert worth(card.threshold) == pytest.approx(max(worth(one) for one in VALUES), abs=1e-9)


def test_a_distance_has_its_threshold_on_the_other_side() -> None:
    card = lookalike.calibrate(VECTORS, truth=LABELS, metric="euclidean", target="fpr=0.01").card
    near, far = card.threshold * 0.5, card.threshold * 2
    assert card.matches(near)
    assert card.matches(card.threshold)
    assert not card.matches(far)
    assert card.probability(near) > card.probability(far)
    assert card.interval is not None
    assert card.interval.low <= card.threshold <= card.interval.high


def test_a_threshold_holds_for_other_things_of_the_same_kind() -> None:
    others, other_labels = things(80, 4, noise=0.7, seed=2)
    values, same = scores(others, other_labels)
    card = lookalike.calibrate(VECTORS, truth=LABELS, target="fpr=0.02").card
    assert 0.01 < rates_at(card.threshold, values, same)[0] < 0.04


def test_probabilities_are_shares_of_same_pairs() -> None:
    """Calibrated in the sense of the word: of pairs told p, about a share p is the same."""
    others, other_labels = things(80, 4, noise=0.7, seed=3)
    values, same = (one[::4] for one in scores(others, other_labels))
    card = lookalike.calibrate(VECTORS, truth=LABELS, target="f1").card
    told = np.array([card.probability(value, prior=float(same.mean())) for value in values])
    assert (np.diff(told[np.argsort(values)]) >= 0).all()
    for low, high in ((0, 0.01), (0.01, 0.1), (0.1, 0.5), (0.5, 1)):
        inside = (told >= low) & (told < high)
        assert inside.sum() > 20
        assert abs(float(same[inside].mean()) - float(told[inside].mean())) < 0.12


def test_a_prior_moves_probabilities_by_the_rule_of_bayes() -> None:
    card = lookalike.calibrate(VECTORS, truth=LABELS, target="f1").card
    rare, even = (card.probability(0.6, prior=prior) for prior in (0.001, 0.5))
    odds = even / (1 - even) * 0.001 / 0.999
    assert rare == pytest.approx(odds / (1 + odds), rel=1e-9)
    for wrong in (0.0, 1.0, -1.0):
        with pytest.raises(UsageError, match="prior"):
            card.probability(0.6, prior=wrong)


def test_a_rate_that_so_few_pairs_cannot_tell_is_refused() -> None:
    vectors, labels = things(16, 2, noise=0.5, seed=4)  # 480 different pairs
    with pytest.raises(NotEnoughDataError) as raised:
        lookalike.calibrate(vectors, truth=labels, target="fpr=1e-4")
    assert "480 different pairs" in str(raised.value)
    assert "100,000 different pairs would do (as 448 pictures" in raised.value.cure
    with pytest.raises(NotEnoughDataError, match="16 same pairs"):
        lookalike.calibrate(vectors, truth=labels, target="tpr=0.99")
    with pytest.raises(NotEnoughDataError, match="precision"):
        lookalike.calibrate(vectors, truth=labels, target="precision=0.9999")


def test_pairs_needed_expect_ten_errors_and_pictures_have_that_many_pairs() -> None:
    for rate in (0.5, 0.1, 0.01, 1e-3, 1e-4, 1e-8, 1 - 0.9):
        needed = pairs_needed(rate)
        assert needed * rate == pytest.approx(10, rel=1e-6)
        pictures = pictures_needed(rate)
        assert math.comb(pictures - 1, 2) < needed <= math.comb(pictures, 2)


@pytest.mark.parametrize("target", ["", "fpr", "fpr=0", "fpr=1", "fpr=x", "f1=0.5", "recall=0.1"])
def test_other_targets_are_refused_with_the_ones_there_are(target: str) -> None:
    with pytest.raises(UsageError, match="operating point") as raised:
        Target.parse(target)
    assert "fpr=0.01" in raised.value.cure


def test_a_card_survives_its_file(tmp_path: Path) -> None:
    card = lookalike.calibrate(VECTORS, truth=LABELS, target="fpr=0.01").card
    card.save(tmp_path / "t.json")
    again = lookalike.ThresholdCard.load(tmp_path / "t.json")
    assert again == card
    assert again.probability(0.4321) == card.probability(0.4321)
    with pytest.raises(lookalike.LookalikeError, match="exists"):
        card.save(tmp_path / "t.json")
    card.save(tmp_path / "t.json", force=True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"threshold":', '"treshold":'),
        ('"metric": "cosine"', '"metric": "kosine"'),
        ('"algorithm": "foreign/', '"algorithm": "forged/'),
        ('"format": "lookalike threshold card 1"', '"format": "lookalike threshold card 9"'),
        ('"same": 300', '"same": "many"'),
        ('"same": 300', '"same": 0'),
        ('"spread": 0', '"spread": NaN, "was": 0'),
        ("{", "["),
    ],
)
def test_a_damaged_card_is_refused_by_name(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "t.json"
    lookalike.calibrate(VECTORS, truth=LABELS, target="f1").card.save(path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(lookalike.LookalikeError) as raised:
        lookalike.ThresholdCard.load(path)
    assert type(raised.value).__name__ == "CardError"
    assert "t.json" in str(raised.value)


def test_the_digest_of_the_data_names_contents_and_groups_and_nothing_else() -> None:
    ids = [f"{n}.png" for n in range(len(LABELS))]

    def digest(order: NDArray[np.intp], labels: list[int]) -> str:
        some = Embeddings.from_numpy(VECTORS[order], [ids[n] for n in order], encoder="x")
        truth = [labels[n] for n in order]
        return lookalike.calibrate(some, truth=truth, target="f1", resamples=100).card.data

    whole = np.arange(len(LABELS))
    first = digest(whole, LABELS)
    assert digest(np.random.default_rng(0).permutation(whole), LABELS) == first
    assert digest(whole, [label + 100 for label in LABELS]) == first
    assert digest(whole[:-1], LABELS) != first
    assert digest(whole, [LABELS[0], *LABELS[:-1]]) != first


def test_listed_pairs_calibrate_too(tmp_path: Path) -> None:
    ids = [f"{n}.png" for n in range(len(LABELS))]
    rng = np.random.default_rng(0)
    lines, values, same = ["a,b,same"], [], []
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    for a, b in {tuple(sorted(rng.choice(len(ids), 2, replace=False))) for _ in range(3000)}:
        lines.append(f"{ids[a]},{ids[b]},{int(LABELS[a] == LABELS[b])}")
        values.append(unit[a] @ unit[b])
        same.append(LABELS[a] == LABELS[b])
    table = tmp_path / "pairs.csv"
    table.write_text("\n".join(lines))
    some = Embeddings.from_numpy(VECTORS, ids, encoder="x")
    card = lookalike.calibrate(some, truth=table, target="fpr=0.01").card
    fpr, tpr = rates_at(card.threshold, np.array(values), np.array(same))
    assert card.rates["fpr"].value == pytest.approx(fpr, abs=1e-9)
    assert card.rates["tpr"].value == pytest.approx(tpr, abs=1e-9)
    assert not card.drift(VALUES).drifted  # the reference is all pairs, not the listed ones
