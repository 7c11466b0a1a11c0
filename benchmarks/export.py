"""How much quicker an encoder becomes in fewer bits, beside what it then decides differently.

    python benchmarks/export.py PICTURES ENCODER...

PICTURES is a folder with a folder for each thing. For every encoder it writes f32, f16 and int8,
runs each file on each engine in turn, several rounds, and prints pictures per second of the best
round, with the ratio to f32 on that engine; and for f16 and int8 the decision report in a line. All
figures of one run, batches of 8 prepared pictures, one process, all cores.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from lookalike.encoders import load_encoder
from lookalike.encoders.engines.file import Run, file_engines, open_file
from lookalike.exporting import export
from lookalike.exporting.prepared import parted, prepared
from lookalike.measuring.device import processor

ROUNDS, BATCH, PICTURES = 5, 8, 256


def rate(run: Run, pictures: np.ndarray) -> float:
    start = time.perf_counter()
    for first in range(0, len(pictures), BATCH):
        run({"base_images": pictures[first : first + BATCH]})
    return len(pictures) / (time.perf_counter() - start)


def compared(name: str, source: str, folder: Path) -> None:
    runs: dict[tuple[str, str], Run] = {}
    for precision in ("f32", "f16", "int8"):
        path = folder / f"{precision}.onnx"
        calibrate = source if precision == "int8" else None
        judge = source if precision == "f16" else None
        result = export(
            name, path, precision=precision, calibrate=calibrate, judge=judge, force=True
        )
        print(f"  {precision}: {result.bytes:,} bytes")
        if result.decisions is not None:
            print(f"    {result.decisions.answer}")
        runs |= {(engine, precision): open_file(path, engine) for engine in file_engines()}
    encoder = load_encoder(f"onnx:{folder}/f32.onnx")
    pixels = prepared(encoder, parted(source, PICTURES, 0)[0]).pixels
    pictures = encoder.card.preprocess.normalise(pixels)
    best = dict.fromkeys(runs, 0.0)
    for _ in range(ROUNDS):
        for key, run in runs.items():
            best[key] = max(best[key], rate(run, pictures))
    for (engine, precision), speed in best.items():
        ratio = speed / best[engine, "f32"]
        print(f"  {engine} {precision}: {speed:.0f}/s, {ratio:.2f} times f32")


def main() -> None:
    source, *names = sys.argv[1:]
    print(processor())
    for name in names:
        print(name)
        with tempfile.TemporaryDirectory() as folder:
            compared(name, source, Path(folder))


if __name__ == "__main__":
    main()
