from __future__ import annotations

import threading

import pytest


class Clock:
    """Stands for the clock of this machine: it moves when it is looked at, or told to.

    What it shows does not depend on how quick anything is, nor on what else runs.
    """

    tick = 0.001  # seconds by which each look at it moves it

    def __init__(self) -> None:
        self.now = 0.0
        self._lock = threading.Lock()

    def pass_by(self, seconds: float) -> float:
        with self._lock:
            self.now += seconds
            return self.now

    def read(self) -> float:
        return self.pass_by(self.tick)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    # by this clock batches of any size take as long, so only this ends their growing
    monkeypatch.setattr("lookalike.measuring.measure.MOST_BATCH", 16)
    monkeypatch.setattr("time.perf_counter", made.read)
    return made
