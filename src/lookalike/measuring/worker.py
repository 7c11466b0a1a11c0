"""A process of its own for one model, so that all of its memory comes back, whatever happens.

It takes a pickled `Task` on standard input, and gives the `Measurement` as JSON on standard output.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from typing import Any

from lookalike.measuring.measure import measure
from lookalike.measuring.measurement import Measurement, Task
from lookalike.measuring.memory import give_way

KILLED = -9
"""What Linux and macOS say of a process that was killed, as they do when memory runs out."""

TOLD = 300
"""Letters of a dead process's last words that are kept."""


START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from lookalike.measuring import worker; worker.main()"
)
"""The child finds modules where this process does, and not in the folder it happens to be in."""


def measure_apart(task: Task) -> Measurement:
    """As `measure`, in a fresh process; one that dies gives a row with the reason.

    Raises:
        KeyboardInterrupt: And the process has ended by then.
    """
    command = [sys.executable, "-P", "-c", START, json.dumps(sys.path), str(os.getpid())]
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors) as process,
    ):
        try:
            answers, _ = process.communicate(pickle.dumps(task))
        except BaseException:
            process.kill()
            raise
        told = _last_whole(answers.decode("ascii", "replace"))
        if told is not None:  # what a process does after its answer does not matter
            found = Measurement.from_dict(told)
            if process.returncode == 0:
                return found
            ended = f"{task.model}, when batches were tried: {_death(process.returncode)}"
            return replace(found, notes=(*found.notes, ended))
        errors.seek(0)
        words = errors.read().decode("utf-8", "replace").strip().splitlines()
    return Measurement(task.model, _death(process.returncode, words[-1] if words else ""))


def _last_whole(answers: str) -> dict[str, Any] | None:
    """The last line that is an answer; a process may die while it writes the next one."""
    for line in reversed(answers.split("\n")[:-1]):
        with contextlib.suppress(ValueError):
            found: dict[str, Any] = json.loads(line)
            return found
    return None


def _death(code: int, words: str = "") -> str:
    if code == KILLED:
        return "its process was killed by the system, which does that when memory runs out"
    told = f": {words[-TOLD:]}" if words else ""
    return f"its process ended with code {code}{told}"


def main() -> None:
    """Standard input to standard output: what is known before batches are tried, and all."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what libraries print is no answer
    give_way()
    # by the number that it was given, since its parent may have ended before it could ask for it
    threading.Thread(target=_end_with, args=(int(sys.argv[-1]),), daemon=True).start()
    task: Task = pickle.load(sys.stdin.buffer)

    def tell(found: Measurement) -> None:
        answers.write(json.dumps(found.to_dict()) + "\n")
        answers.flush()

    tell(measure(task, early=tell))


def _end_with(parent: int) -> None:
    """Ends this process when its parent has ended, whoever killed it."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
