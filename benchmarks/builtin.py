"""How quick is the builtin encoder, file to vector, beside another one on the same engine?

    python benchmarks/builtin.py FOLDER OTHER [ROUNDS] [ENGINE] [exact | reduced]

FOLDER holds pictures, OTHER is an encoder's name. Both encode the whole folder once a round, in
turn, into a new store, the way ``lookalike embed`` does (with ``--exact`` or ``--reduced`` if asked
for); loading is part of it, and the best round of each counts. Prints rates and their ratio; quote
the ratio with the processor.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from lookalike.encoders import Runtime
from lookalike.encoders.cores import processor_facts, usable_cores
from lookalike.extraction import embed


def seconds_of(name: str, folder: str, runtime: Runtime, how: str) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as place:
        started = time.perf_counter()
        done = embed(
            folder,
            store=str(Path(place) / "store"),
            model=name,
            runtime=runtime,
            exact=how == "exact",
            reduced=how == "reduced",
        )
        return time.perf_counter() - started, done.encoded


def main() -> None:
    folder, other = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    runtime = Runtime(engine=sys.argv[4] if len(sys.argv) > 4 else "openvino")
    how = sys.argv[5] if len(sys.argv) > 5 else ""
    names = ("builtin", other)
    best = dict.fromkeys(names, float("inf"))
    print(processor_facts().get("model name", "?"), usable_cores(), "cores", runtime.engine, how)
    for _ in range(rounds):
        for name in names:
            seconds, count = seconds_of(name, folder, runtime, how)
            best[name] = min(best[name], seconds / count)
            print(f"  {name}: {count / seconds:.1f} pictures/s")
    for name in names:
        print(f"{name}: {1 / best[name]:.1f} pictures/s")
    print(f"builtin is {best[other] / best['builtin']:.2f} times as fast")


if __name__ == "__main__":
    main()
