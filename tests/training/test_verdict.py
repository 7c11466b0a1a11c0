import numpy as np
import pytest
from training.builtin.pictures import Labelled
from training.builtin.verdict import MIX, Pairs, draw_pairs, fit_verdict, partners_of, with_errors

import lookalike


def planted(count: int, seed: int) -> Pairs:
    """Cosines whose densities are known: three normal bells."""
    random = np.random.default_rng(seed)
    kinds = np.repeat(np.arange(3), np.array(MIX) * count)
    return Pairs(random.normal(np.array([0.85, 0.5, 0.2])[kinds], 0.15), kinds)


def density(value: float, centre: float) -> float:
    return float(np.exp(-(((value - centre) / 0.15) ** 2) / 2))


def test_probabilities_are_those_of_the_densities() -> None:
    verdict = fit_verdict(planted(4_000, 0), "bells")
    for value in np.linspace(0.1, 0.95, 18).tolist():
        picture, kind, other = (
            weight * density(value, centre)
            for weight, centre in zip(MIX, (0.85, 0.5, 0.2), strict=True)
        )
        opinion = verdict.of(value)
        total = picture + kind + other
        assert opinion.same_picture == pytest.approx(picture / total, abs=0.06)
        assert opinion.same_kind == pytest.approx((picture + kind) / total, abs=0.06)


def test_errors_are_small_on_such_pairs_and_large_on_others() -> None:
    verdict = fit_verdict(planted(4_000, 0), "bells")
    good = with_errors(verdict, planted(4_000, 1))
    assert good.error_same_picture < 0.03
    assert good.error_same_kind < 0.03
    unused = planted(4_000, 1)
    moved = Pairs(unused.cosines + 0.2, unused.kinds)
    assert with_errors(verdict, moved).error_same_picture > 0.1
    assert with_errors(verdict, moved).error_same_kind > 0.1


def test_the_error_is_the_mean_gap_over_bins() -> None:
    verdict = fit_verdict(planted(400, 0), "bells")
    pairs = planted(100, 2)
    said = np.array([verdict.of(value).same_kind for value in pairs.cosines])
    true = pairs.kinds < 2
    error = 0.0
    for low in range(15):
        inside = (said >= low / 15) & (said < (low + 1) / 15)
        if inside.any():
            error += inside.mean() * abs(said[inside].mean() - true[inside].mean())
    assert with_errors(verdict, pairs).error_same_kind == pytest.approx(error, abs=1e-4)


def test_pairs_are_what_they_are_said_to_be() -> None:
    """Each class a pattern with noise, so that no picture equals another one."""
    labels = np.repeat(np.arange(4), 5)
    ramp = np.arange(64)
    bars = (ramp[None, :] // 8 % 2) * 200
    patterns = [ramp[None, :] * 3, ramp[:, None] * 3, bars, ramp[::-1, None] * 3]
    noise = np.random.default_rng(0).integers(0, 40, (20, 64, 64, 3))
    shown = np.stack([np.broadcast_to(one, (64, 64)) for one in patterns])[labels]
    pictures = Labelled((shown[..., None] + noise).astype(np.uint8), labels, tuple("abcd"))
    pairs = draw_pairs(lookalike.load_encoder("pixels"), pictures, seed=0)
    assert np.bincount(pairs.kinds).tolist() == [20 * share for share in MIX]
    copies, same, other = (pairs.cosines[pairs.kinds == kind] for kind in range(3))
    assert same.max() < 0.9999  # none with itself
    assert np.median(same) > np.median(other) + 0.2
    assert (copies < 0.9999).mean() > 0.5
    assert copies.mean() > other.mean()


@pytest.mark.parametrize("same", [True, False])
def test_partners_are_of_the_class_or_of_others_and_never_the_picture_itself(same: bool) -> None:
    labels = np.array([0, 1, 0, 1, 2, 2, 2])
    random = np.random.default_rng(0)
    seen = {n: set[int]() for n in range(7)}
    for _ in range(200):
        for n, partner in enumerate(partners_of(labels, random, same=same).tolist()):
            seen[n].add(partner)
    for n, partners in seen.items():
        fits = {m for m in range(7) if (labels[m] == labels[n]) == same and m != n}
        assert partners == fits
