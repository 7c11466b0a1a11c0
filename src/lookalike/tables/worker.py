"""A process of its own for one model, so that all of its memory comes back, whatever happens.

Run as ``python -m lookalike.tables.worker``, with a pickled `Task` on standard input; gives the
`Measurement` as JSON on standard output.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile

from lookalike.tables.measure import measure
from lookalike.tables.measurement import Measurement, Task
from lookalike.tables.memory import give_way

KILLED = -9
"""What Linux and macOS say of a process that was killed, as they do when memory runs out."""

TOLD = 300
"""Letters of a dead process's last words that are kept."""


def measure_apart(task: Task) -> Measurement:
    """As `measure`, in a fresh process; one that dies gives a row with the reason.

    Raises:
        KeyboardInterrupt: And the process has ended by then.
    """
    command = [sys.executable, "-m", "lookalike.tables.worker"]
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors) as process,
    ):
        try:
            answer, _ = process.communicate(pickle.dumps(task))
        except BaseException:
            process.kill()
            raise
        if process.returncode == 0:
            return Measurement.from_dict(json.loads(answer))
        errors.seek(0)
        words = errors.read().decode("utf-8", "replace").strip().splitlines()
    return Measurement(task.model, _death(process.returncode, words[-1] if words else ""))


def _death(code: int, words: str) -> str:
    if code == KILLED:
        return "its process was killed by the system, which does that when memory runs out"
    told = f": {words[-TOLD:]}" if words else ""
    return f"its process ended with code {code}{told}"


def main() -> None:
    """Standard input to standard output, once."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what libraries print is no answer
    give_way()
    task: Task = pickle.load(sys.stdin.buffer)
    json.dump(measure(task).to_dict(), answers)
    answers.close()


if __name__ == "__main__":
    main()
