"""What int8 costs: by the integers of this CPU, beside exact sums, and how quick it is beside f32.

    python benchmarks/int8.py PICTURES ENCODER...

PICTURES is a folder with a folder for each thing. Every encoder is exported in f32 and in int8,
with 200 of the pictures for its ranges; all others are judged. The same int8 file is run three
times: on both engines as they are, which is by this CPU's instructions, and as plain arithmetic on
the numbers that the integers stand for, which is what exact sums give and what a CPU with VNNI
computes. That one is emulated: ONNX Runtime without optimisation runs each step of the file in
floats.
Speeds are of one process and one run, batches of 8, the best of several interleaved rounds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime

from lookalike.encoders import Encoder, load_encoder
from lookalike.encoders.cores import instruction_set
from lookalike.encoders.engines.file import Run, file_engines, open_file
from lookalike.exporting import export
from lookalike.exporting.prepared import parted, prepared
from lookalike.images import ImageSource
from lookalike.judge import decision_changes
from lookalike.measuring.device import processor

ROUNDS, BATCH, TIMED, SAMPLES = 5, 8, 32, 200


def exactly(path: Path) -> Run:
    """Runs a file step by step, in floats."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(None, dict(inputs)), strict=True))


def vectors(run: Run, pictures: np.ndarray) -> np.ndarray:
    parts = [
        run({"base_images": pictures[first : first + BATCH]})["features"]
        for first in range(0, len(pictures), BATCH)
    ]
    return np.concatenate(parts).astype(np.float64)


def judged(before: np.ndarray, after: np.ndarray, truth: list[str]) -> str:
    """A row's middle: smallest and mean cosine, neighbours, decisions, points of ROC AUC."""
    found = decision_changes(before, after, truth, fpr=0.01)
    nearest, pairs = found["nearest_changed"], found["pairs_changed"]
    points, low, high = found.quality[0].points
    return (
        f"{found['cosine_min'].value:.3f} | {found['cosine_mean'].value:.4f} | "
        f"{nearest.count} of {nearest.of} | {100 * (pairs.value or 0):.2f} % | "
        f"{points:+.2f} ({low:+.2f} to {high:+.2f})"
    )


def ratios(runs: dict[tuple[str, str], Run], pictures: np.ndarray) -> dict[str, float]:
    """How many times as fast int8 is as f32, on each engine."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(ROUNDS):
        for key, run in runs.items():
            start = time.perf_counter()
            vectors(run, pictures)
            best[key] = min(best[key], time.perf_counter() - start)
    return {one: best[one, "f32"] / best[one, "int8"] for one in file_engines()}


def compared(name: str, source: ImageSource, folder: Path) -> None:
    chosen, others = parted(source, SAMPLES, 0)  # the choice that the export makes, too
    files = {precision: folder / f"{precision}.onnx" for precision in ("f32", "int8")}
    export(name, files["f32"], force=True)
    export(
        name,
        files["int8"],
        precision="int8",
        calibrate=source,
        samples=SAMPLES,
        judge=[place.id for place in chosen[:2]],
        truth=None,
        force=True,
    )
    encoder: Encoder = load_encoder(f"onnx:{files['f32']}")
    pictures = encoder.card.preprocess.normalise(prepared(encoder, others).pixels)
    truth = [Path(place.id).parent.name for place in others]
    runs = {
        (engine, precision): open_file(path, engine)
        for engine in file_engines()
        for precision, path in files.items()
    }
    before = vectors(runs["onnxruntime", "f32"], pictures)
    quick = ratios(runs, pictures[:TIMED])
    for engine in file_engines():
        row = judged(before, vectors(runs[engine, "int8"], pictures), truth)
        print(f"| {name} | {engine} | {row} | {quick[engine]:.2f} |", flush=True)
    row = judged(before, vectors(exactly(files["int8"]), pictures), truth)
    print(f"| {name} | exact, emulated | {row} | - |", flush=True)


def main() -> None:
    folder, *names = sys.argv[1:]
    print(f"{processor()}, {instruction_set()}")
    print("| encoder | run by | smallest cosine | mean | neighbours | decisions | AUC | speed |")
    for name in names:
        with tempfile.TemporaryDirectory() as made:
            compared(name, ImageSource(folder), Path(made))


if __name__ == "__main__":
    main()
