"""The machine and the versions that times belong to."""

from __future__ import annotations

import platform
from importlib import metadata

from lookalike.encoders.cores import processor_facts, usable_cores
from lookalike.version import __version__

ENGINES = ("openvino", "onnxruntime", "torch", "torchvision", "timm", "open_clip_torch", "numpy")


def processor() -> str:
    """What the processor is called, with the cores that may be used."""
    name = processor_facts().get("model name") or platform.processor() or platform.machine()
    return f"{name}, {usable_cores()} cores"


def versions() -> dict[str, str]:
    """Distribution → version of what decides times and numbers, as far as it is installed."""
    found = {"lookalike": __version__, "python": platform.python_version()}
    for name in ENGINES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
