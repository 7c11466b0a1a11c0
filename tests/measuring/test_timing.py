import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import UsageError
from lookalike.measuring import timing
from lookalike.measuring.timing import Effort, Timing, one_round, warmed_up

times = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=30)


@given(st.lists(times, min_size=1, max_size=3))
def test_quartiles_are_those_of_all_repeats_together(rounds: list[list[float]]) -> None:
    found = Timing.of(rounds)
    every = [one for some in rounds for one in some]
    assert found.median == pytest.approx(float(np.median(every)))
    assert found.q1 == pytest.approx(float(np.quantile(every, 0.25)))
    assert found.q3 == pytest.approx(float(np.quantile(every, 0.75)))
    assert found.minimum == min(every)
    assert found.repeats == len(every)
    assert found.minimum <= found.q1 <= found.median <= found.q3 <= found.p95 + 1e-9


def test_the_example_of_the_specification() -> None:
    found = Timing.of([[10, 12, 11, 50, 11]])
    assert (found.median, found.q1, found.q3) == (11, 11, 12)
    assert found.p95 == pytest.approx(42.4)


def test_a_time_is_noisy_when_it_scatters_and_when_its_rounds_differ() -> None:
    assert not Timing.of([[10, 10.1, 10], [10, 10.2, 10.1]]).noisy
    assert Timing.of([[10, 14, 10, 14], [10, 14, 10, 14]]).noisy  # quartiles
    drifted = Timing.of([[10] * 9, [11.5]])
    assert drifted.spread == 0
    assert drifted.drift == pytest.approx(0.15)
    assert drifted.noisy


@given(st.lists(times, min_size=1, max_size=2))
def test_a_timing_survives_being_written_down(rounds: list[list[float]]) -> None:
    found = Timing.of(rounds)
    assert Timing.from_dict(found.to_dict()) == found


class Clock:
    """A clock that a call moves on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
        self.now, self.seconds, self.calls = 0.0, seconds, 0
        monkeypatch.setattr("lookalike.measuring.timing.time.perf_counter", lambda: self.now)

    def call(self) -> None:
        self.calls += 1
        self.now += self.seconds


def test_a_quick_call_is_repeated_until_enough_seconds_have_passed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch, 0.01)
    found = one_round(clock.call, Effort(repeats=30, seconds=2.0, most_seconds=10.0))
    assert len(found) == 100  # half of two seconds
    assert found == pytest.approx([10.0] * 100)


def test_a_slow_call_is_repeated_until_the_most_seconds_and_once_at_least(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch, 1.0)
    assert len(one_round(clock.call, Effort(30, 2.0, 10.0))) == 5
    clock.seconds = 60.0
    assert len(one_round(clock.call, Effort(30, 2.0, 10.0))) == 1


def test_a_call_that_takes_no_time_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, 0.0)
    assert len(one_round(clock.call, Effort())) == timing.MOST_REPEATS


def test_warming_up_ends_early_for_slow_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, 0.001)
    warmed_up(clock.call, Effort())
    assert clock.calls == 10
    slow = Clock(monkeypatch, 100.0)
    warmed_up(slow.call, Effort())
    assert slow.calls == 1


@pytest.mark.parametrize(
    "wrong", [{"repeats": 1}, {"seconds": -1.0}, {"most_seconds": 0.0}, {"warm_up": 0}]
)
def test_an_effort_that_measures_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Effort(**wrong)  # type: ignore[arg-type]
