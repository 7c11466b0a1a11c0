"""Where much changes, it is said first; where little does, nothing is."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.exporting.check import Checked
from lookalike.exporting.loss import loud
from lookalike.judge import DecisionChanges, decision_changes

FINE = [Checked("openvino", 1, 0, 0.99, None), Checked("onnxruntime", 7, 0, 0.98, None)]
TRUTH = [number // 4 for number in range(80)]


def report(noise: float, *, truth: list[int] | None = TRUTH) -> DecisionChanges:
    rng = np.random.default_rng(3)
    before = rng.normal(size=(20, 32))[np.arange(80) // 4] + 0.7 * rng.normal(size=(80, 32))
    after = before + noise * rng.normal(size=before.shape)
    return decision_changes(before, after, truth, resamples=100)


def test_nothing_is_said_of_little() -> None:
    assert loud("int8", FINE, None) == []
    assert loud("int8", FINE, report(0.05)) == []


@pytest.mark.parametrize("damaged", [0, 1])
def test_a_cosine_of_any_check_is_seen(damaged: int) -> None:
    checks = [*FINE]
    checks[damaged] = Checked(FINE[damaged].engine, 2, 0, 0.15, None)
    [said] = loud("int8", checks, report(0.05))
    assert said.startswith("INT8 CHANGES MUCH: smallest cosine with the encoder 0.150 on ")
    assert FINE[damaged].engine in said


def test_everything_that_was_lost_is_named() -> None:
    [said] = loud("int8", FINE, report(2.0))
    for part in ("mean cosine", "of pairs decided differently", "ROC AUC -"):
        assert part in said


def test_vectors_alone_are_enough() -> None:
    [said] = loud("f16", FINE, report(2.0, truth=None))
    assert said.startswith("F16 CHANGES MUCH: mean cosine with the encoder 0.")
    assert "pairs" not in said


def test_a_loss_that_may_be_chance_is_none() -> None:
    """Some points by a few pictures, whose interval reaches above 0."""
    rng = np.random.default_rng(1)
    base = rng.normal(size=(24, 6))
    for _ in range(30):
        after = base + 0.8 * rng.normal(size=base.shape)
        found = decision_changes(base, after, [n // 2 for n in range(24)], resamples=100)
        points, _, high = found.quality[0].points
        if points < -0.5 and high is not None and high > 0:
            break
    else:
        pytest.fail("no loss here is chance")
    assert "ROC AUC" not in " ".join(loud("int8", FINE, found))
