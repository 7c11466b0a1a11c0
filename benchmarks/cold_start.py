"""From the shell to the answer: ``lookalike compare`` on two pictures against its parts.

    python benchmarks/cold_start.py NETWORK.onnx 'preprocess=imagenet&output=features'

Each command is a fresh process, all in one run. Prints medians and ratios; quote the ratios with
the processor.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from lookalike.testing import scene_picture

REPEATS = 7


def seconds(command: list[str]) -> float:
    """Wall time of one fresh process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main(network: str, options: str) -> None:
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{seed}.jpg") for seed in (1, 2)]
        for seed, path in enumerate(paths):
            Image.fromarray(scene_picture(seed, 375, 500)).save(path)
        run = [python, "-m", "lookalike", "compare", *paths, "--json"]
        bare = (
            "import numpy as n, openvino as o; c = o.Core().compile_model("
            f"{network!r}, 'CPU', {{'INFERENCE_PRECISION_HINT': 'f32'}}); "
            "c([n.zeros((2, *[s.get_length() for s in list(c.inputs[0].partial_shape)[1:]]), 'f')])"
        )
        commands = {
            "python -c pass": [python, "-c", "pass"],
            "import lookalike": [python, "-c", "import lookalike"],
            "import numpy": [python, "-c", "import numpy"],
            "openvino alone, load and run": [python, "-c", bare],
            "compare, pixels": run,
            "compare, onnx": [*run, "-m", f"onnx:{network}?{options}"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(REPEATS):  # interleaved, so that drift hits all alike
            for name, command in commands.items():
                times[name].append(seconds(command))
    medians = {name: statistics.median(found) for name, found in times.items()}
    reference = medians["openvino alone, load and run"]
    for name, median in medians.items():
        spread = f"{min(times[name]):.3f} to {max(times[name]):.3f}"
        print(f"{name:30} {median:6.3f} s ({spread})  {median / reference:5.2f} of openvino alone")


if __name__ == "__main__":
    main(*sys.argv[1:3])
