"""Ctrl-C once: finish the shard. Ctrl-C twice: stop now."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def asked_to_stop(say: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """A function that tells whether Ctrl-C was pressed; the second time it interrupts at once.

    Outside the main thread, where no signals arrive, it never is.

    Args:
        say: Told what the first Ctrl-C does.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    asked = threading.Event()

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        say("finishing the shard; Ctrl-C again stops at once, and loses it")

    before: Any = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)
