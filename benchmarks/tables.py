"""Are the times of ``lookalike.table`` stable? The same models twice, one table after the other.

    python benchmarks/tables.py [MODEL ...]

Prints the model-only and file-to-vector medians of both tables, their difference, and whether a
table called the time, or the machine, noisy. Quote the differences with the processor.
"""

from __future__ import annotations

import sys

from lookalike.measuring.device import processor
from lookalike.tables import ModelTable, table
from lookalike.tables.model_table import MOVED

MODELS = (
    "pixels",
    "torchvision:mobilenet_v3_small?weights=random",
    "torchvision:resnet18?weights=random",
    "torchvision:efficientnet_b0?weights=random",
    "torchvision:resnet50?weights=random",
)
BOUND = 0.15


def main() -> None:
    models = sys.argv[1:] or MODELS
    first, second = table(models=models), table(models=models)
    print(processor())
    for run, one in (("first", first), ("second", second)):
        moved = one.machine_moved
        told = "noisy" if moved > MOVED else "steady"
        print(f"{run} table: the machine moved by {moved:.1%}, {told}")
    for step in ("model", "file"):
        print(f"\n{step:<48} {'ms':>8} {'again':>8} {'differs':>8}  the tables say")
        for row in first.rows:
            print(line(step, row.label, first, second))


def line(step: str, label: str, first: ModelTable, second: ModelTable) -> str:
    timings = [getattr(one[label].measurement.times, step) for one in (first, second)]
    a, b = (one.median for one in timings)
    differs = max(a, b) / min(a, b) - 1
    noisy = any(one.noisy for one in timings) or any(
        one.machine_moved > MOVED for one in (first, second)
    )
    verdict = "noisy" if noisy else "steady"
    miss = "" if differs < BOUND or noisy else "  UNSTABLE AND NOT SAID"
    return f"{label:<48} {a:>8.3f} {b:>8.3f} {differs:>8.1%}  {verdict}{miss}"


if __name__ == "__main__":
    main()
