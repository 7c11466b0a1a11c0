#!/usr/bin/env python3
"""Write the catalogue of pretrained image networks, one CSV file per library.

The catalogue lists what torchvision, timm and open_clip offer, so that the package can
print it without importing any of them. Nothing is downloaded: names, sizes of input,
licences and addresses come from the installed libraries' own metadata, and what they do
not state is measured on networks built without weights, nearly always on torch's meta
device, which keeps shapes and no values.

    python tools/catalogue.py [torchvision|timm|open_clip ...] --out DIR [--progress FILE]

Columns:

    name     architecture, as typed by a user
    weights  weights entry (torchvision) or pretrained tag; empty: no published weights
    dim      length of the embedding
    params   number of parameters (open_clip: of the image tower)
    gflops   multiply-accumulates of convolutions, dense layers and matrix products for
             one picture at the input size, in thousands of millions
    acc1     ImageNet-1K top-1 accuracy in per cent, where the library states it
    acc5     ImageNet-1K top-5 accuracy in per cent, where the library states it
    input    height x width of the network's input in pixels
    kernel   interpolation used for resizing
    licence  licence of the weights, where the library states it
    url      address of the weights; ``hf:ID`` is the repository ID on the Hugging Face hub

A cell that could not be found out is empty. Rows are sorted by name, and the default
weights of a name come first. The same library versions give the same bytes. A run over
all of timm takes about forty minutes; with ``--progress FILE`` every measurement is kept in
that file, and a later run with the same versions does not repeat it.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import importlib.util
import json
import math
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

TIME_LIMIT = 30.0
"""Seconds after which one measurement is given up."""

ATTEMPTS = (("meta", "meta"), ("cpu", "meta"), ("cpu", "cpu"))
"""Devices to build on and to run on, tried in turn; only the last computes values."""

_kept: list[Any] = []


@dataclass(frozen=True)
class Row:
    """One line of the catalogue, every cell as printed."""

    name: str
    weights: str
    dim: str
    params: str
    gflops: str
    acc1: str
    acc5: str
    input: str
    kernel: str
    licence: str
    url: str


COLUMNS = tuple(field.name for field in fields(Row))


@dataclass(frozen=True)
class Measured:
    """What was found out about one network; None where it could not be."""

    dim: int | None = None
    params: int | None = None
    macs: int | None = None


def ensure_torchvision_operators() -> None:
    """Declare torchvision's two suppression operators where its compiled part does not load.

    torchvision states shape rules for them on import and fails if they are unknown. No
    network in the catalogue calls them. The declarations last as long as the library
    object, which is therefore kept.
    """
    load_compiled_torchvision()
    library: Any = torch.library
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            _kept.append(library.Library("torchvision", "FRAGMENT"))
            _kept[-1].define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def load_compiled_torchvision() -> None:
    """Load torchvision's compiled operators, without importing it, if they can be loaded."""
    operators: Any = torch.ops
    found = importlib.util.find_spec("torchvision")
    for folder in (found.submodule_search_locations if found else None) or ():
        for path in sorted([*Path(folder).glob("_C*.so"), *Path(folder).glob("_C*.pyd")]):
            with suppress(OSError):
                operators.load_library(str(path))


def load(module: str) -> Any:
    """Import a library by name, giving up its types, which are incomplete in all three."""
    ensure_torchvision_operators()
    return importlib.import_module(module)


# --- measuring ------------------------------------------------------------------------


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError inside the block after so many seconds (POSIX, main thread)."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"over {seconds:g} s")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def count_parameters(network: nn.Module) -> int:
    """Number of parameters; one shared by several layers counts once."""
    return sum(parameter.numel() for parameter in network.parameters())


def first_tensor(output: Any) -> torch.Tensor | None:
    """The tensor of an output, which may be the first member of a tuple or list."""
    if isinstance(output, (tuple, list)) and output:
        output = output[0]
    return output if isinstance(output, torch.Tensor) else None


def vector_length(output: Any) -> int | None:
    """Length of the vector a network gave for one picture; None if it gave no vector."""
    tensor = first_tensor(output)
    if tensor is None or tensor.ndim != 2 or tensor.shape[0] != 1:
        return None
    return int(tensor.shape[1])


def run(network: nn.Module, size: tuple[int, ...], device: str) -> tuple[Any, int]:
    """Pass one picture through a network: its output and its multiply-accumulates."""
    counter = FlopCounterMode(display=False)
    with torch.device(device), torch.no_grad():
        picture = torch.zeros(1, *size)
        with counter:
            output = network(picture)
    return output, counter.get_total_flops() // 2


def measure(make: Callable[[], nn.Module], size: tuple[int, ...]) -> Measured:
    """Measure a network, on devices that hold no values if that works.

    The parameters are known once a network could be built; the rest needs a forward pass.
    """
    params = None
    for builder, runner in ATTEMPTS:
        try:
            with time_limit(TIME_LIMIT), torch.device(builder):
                network = make().eval().requires_grad_(False)
            params = count_parameters(network)
            with time_limit(TIME_LIMIT):
                output, macs = run(network.to(runner), size, runner)
        except Exception as error:
            print(f"  {builder}, {runner}: {short(error)}", file=sys.stderr)
            continue
        return Measured(vector_length(output), params, macs or None)
    return Measured(params=params)


def short(error: Exception) -> str:
    """The first line of an error, cut to a readable length."""
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:120]}"


class Progress:
    """Measurements by key, optionally kept in a file of one JSON object per line."""

    def __init__(self, path: Path | None, context: str) -> None:
        """Read what the file already holds for this context (the library versions)."""
        self._path = path
        self._context = context
        self._found: dict[str, Measured] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                record = json.loads(line)
                if record["context"] == context:
                    self._found[record["key"]] = Measured(**record["measured"])

    def get(self, key: str, make: Callable[[], nn.Module], size: tuple[int, ...]) -> Measured:
        """Return the measurement of this key, making it if it is new."""
        if key not in self._found:
            self._found[key] = measure(make, size)
            self._save(key)
        return self._found[key]

    def _save(self, key: str) -> None:
        """Append one measurement to the file."""
        if self._path is None:
            return
        record = {"context": self._context, "key": key, "measured": vars(self._found[key])}
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(record) + "\n")


# --- cells ----------------------------------------------------------------------------


def whole(value: int | None) -> str:
    """A whole number as a cell."""
    return "" if value is None else str(value)


def decimals(value: float | None) -> str:
    """A number with three decimals as a cell; one that is not a number is unknown."""
    return "" if value is None or math.isnan(value) else f"{value:.3f}"


def giga(macs: int | None) -> str:
    """A count of multiply-accumulates as a cell, in thousands of millions."""
    return decimals(None if macs is None else macs / 1e9)


def height_by_width(size: Iterable[int]) -> str:
    """The last two numbers of a size as a cell; a single number is both of them."""
    numbers = [int(number) for number in size]
    return f"{numbers[-2] if len(numbers) > 1 else numbers[-1]}x{numbers[-1]}"


# --- torchvision ----------------------------------------------------------------------

CONVOLUTIONS_ONLY = ("alexnet", "vgg", "squeezenet")
"""Families whose embedding is the mean over the last map, not the input of a layer."""

LAST_MODULE = {
    "convnext": "classifier.2",
    "densenet": "classifier",
    "efficientnet": "classifier",
    "googlenet": "fc",
    "inception": "fc",
    "maxvit": "classifier.3",
    "mnasnet": "classifier",
    "mobilenet": "classifier",
    "regnet": "fc",
    "resnet": "fc",
    "resnext": "fc",
    "shufflenet": "fc",
    "swin": "head",
    "vit": "heads",
    "wide_resnet": "fc",
}
"""The module whose input is the embedding, by the beginning of the name."""


def torchvision_arguments(name: str, crop: int) -> dict[str, Any]:
    """Arguments that build a network as its published weights expect it."""
    if name.startswith("vit_"):
        return {"image_size": crop}
    if name in ("googlenet", "inception_v3"):
        return {"init_weights": False, "aux_logits": name == "inception_v3"}
    return {}


def torchvision_embedding(network: nn.Module, name: str) -> nn.Module:
    """Wrap a network so that it returns its embedding."""
    if name.startswith(CONVOLUTIONS_ONLY):
        features = network.get_submodule("features")
        return nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    family = next(family for family in LAST_MODULE if name.startswith(family))
    return InputOf(network, LAST_MODULE[family])


class InputOf(nn.Module):
    """A network that returns, flattened, what reaches one of its modules."""

    def __init__(self, network: nn.Module, module: str) -> None:
        """Watch the named module of a network."""
        super().__init__()
        self.network = network
        self.seen: torch.Tensor | None = None
        network.get_submodule(module).register_forward_pre_hook(self._keep)

    def _keep(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Note the input of the watched module."""
        self.seen = inputs[0]

    def forward(self, picture: torch.Tensor) -> torch.Tensor | None:
        """Run the whole network and return the noted input."""
        self.network(picture)
        return None if self.seen is None else self.seen.flatten(1)


def torchvision_licence(meta: dict[str, Any]) -> str:
    """Licence of a weights entry: the library's own unless the entry links to another."""
    link = str(meta.get("license", ""))
    if not link:
        return "BSD-3-Clause"
    return "CC-BY-NC-4.0" if "/SWAG/" in link else ""


def torchvision_row(models: Any, name: str, entry: Any, progress: Progress) -> Row:
    """The row of one weights entry."""
    preset = entry.transforms()
    crop = int(preset.crop_size[0])

    def make() -> nn.Module:
        network = models.get_model(name, weights=None, **torchvision_arguments(name, crop))
        return torchvision_embedding(network, name)

    measured = progress.get(f"{name} {crop}", make, (3, crop, crop))
    accuracy = entry.meta["_metrics"].get("ImageNet-1K", {})
    return Row(
        name=name,
        weights=entry.name,
        dim=whole(measured.dim),
        params=whole(entry.meta["num_params"]),
        gflops=decimals(entry.meta["_ops"]),
        acc1=decimals(accuracy.get("acc@1")),
        acc5=decimals(accuracy.get("acc@5")),
        input=height_by_width([crop]),
        kernel=preset.interpolation.value,
        licence=torchvision_licence(entry.meta),
        url=entry.url,
    )


def torchvision_rows(path: Path | None) -> Iterator[Row]:
    """All classifiers of torchvision, one row per weights entry."""
    models = load("torchvision").models
    progress = Progress(path, versions("torchvision"))
    for name in sorted(models.list_models(models)):
        enum = models.get_model_weights(name)
        for entry in sorted(enum, key=lambda entry: (entry is not enum.DEFAULT, entry.name)):
            yield torchvision_row(models, name, entry, progress)


# --- timm -----------------------------------------------------------------------------


def timm_tags(timm: Any) -> dict[str, list[str]]:
    """Pretrained tags by architecture, the default tag first; no tags where none exist."""
    tags: dict[str, list[str]] = {name: [] for name in timm.list_models()}
    for full in timm.list_pretrained():
        name, _, tag = full.partition(".")
        tags.setdefault(name, []).append(tag)
    for name, found in tags.items():
        default = timm.models.get_pretrained_cfg(name).tag
        found.sort(key=lambda tag: (tag != default, tag))
    return tags


def timm_measured(timm: Any, full: str, cfg: Any, progress: Progress) -> Measured:
    """Length of the embedding; parameters and arithmetic of the network as published."""
    name = full.partition(".")[0]
    size = tuple(cfg.input_size)
    key = f"{name} {'x'.join(map(str, size))} {cfg.num_classes}"
    published = progress.get(key, lambda: timm.create_model(full, pretrained=False), size)
    if cfg.num_classes == 0:
        return published
    plain = timm.models.get_pretrained_cfg(name)
    pooled = progress.get(
        f"{name} {'x'.join(map(str, plain.input_size))} 0",
        lambda: timm.create_model(name, pretrained=False, num_classes=0),
        tuple(plain.input_size),
    )
    return Measured(pooled.dim, published.params, published.macs)


def timm_row(timm: Any, name: str, tag: str, progress: Progress) -> Row:
    """The row of one pretrained tag, or of an architecture without one."""
    full = f"{name}.{tag}" if tag else name
    cfg = timm.models.get_pretrained_cfg(full)
    measured = timm_measured(timm, full, cfg, progress)
    address = f"hf:{cfg.hf_hub_id}" if cfg.hf_hub_id else cfg.url or ""
    return Row(
        name=name,
        weights=tag,
        dim=whole(measured.dim),
        params=whole(measured.params),
        gflops=giga(measured.macs),
        acc1="",
        acc5="",
        input=height_by_width(cfg.input_size),
        kernel=cfg.interpolation,
        licence=(cfg.license or "") if tag else "",
        url=address if tag else "",
    )


def timm_rows(path: Path | None) -> Iterator[Row]:
    """All architectures of timm, one row per pretrained tag."""
    timm = load("timm")
    timm.layers.set_fused_attn(False)
    progress = Progress(path, versions("timm"))
    for name, tags in sorted(timm_tags(timm).items()):
        for tag in tags or [""]:
            yield timm_row(timm, name, tag, progress)


# --- open_clip ------------------------------------------------------------------------


def open_clip_tower(open_clip: Any, name: str) -> nn.Module:
    """The image tower of an architecture."""
    config = open_clip.get_model_config(name)
    tower: nn.Module = open_clip.model._build_vision_tower(
        config["embed_dim"],
        {**config["vision_cfg"], "timm_model_pretrained": False},
        config.get("quick_gelu", False),
    )
    return tower


def open_clip_address(cfg: dict[str, Any]) -> str:
    """Where the weights are: a direct address, or a repository without its file name."""
    if cfg.get("url"):
        return str(cfg["url"])
    repository = "/".join(str(cfg.get("hf_hub", "")).split("/")[:2])
    return f"hf:{repository}" if repository else ""


def open_clip_row(open_clip: Any, name: str, tag: str, progress: Progress) -> Row:
    """The row of one pretrained tag, or of an architecture without one."""
    cfg = open_clip.get_pretrained_cfg(name, tag) if tag else {}
    size = open_clip.get_model_config(name)["vision_cfg"]["image_size"]
    height, width = size if isinstance(size, (tuple, list)) else (size, size)
    measured = progress.get(
        f"{name} {height}x{width}", lambda: open_clip_tower(open_clip, name), (3, height, width)
    )
    return Row(
        name=name,
        weights=tag,
        dim=whole(measured.dim),
        params=whole(measured.params),
        gflops=giga(measured.macs),
        acc1="",
        acc5="",
        input=height_by_width([height, width]),
        kernel=cfg.get("interpolation", open_clip.transform.PreprocessCfg().interpolation),
        licence="",
        url=open_clip_address(cfg),
    )


def open_clip_rows(path: Path | None) -> Iterator[Row]:
    """All architectures of open_clip, one row per pretrained tag, tags as it lists them."""
    open_clip = load("open_clip")
    load("timm").layers.set_fused_attn(False)
    progress = Progress(path, versions("open_clip", "timm"))
    tags: dict[str, list[str]] = {name: [] for name in open_clip.list_models()}
    for name, tag in open_clip.list_pretrained():
        tags.setdefault(name, []).append(tag)
    for name, found in sorted(tags.items()):
        for tag in found or [""]:
            yield open_clip_row(open_clip, name, tag, progress)


# --- the program ----------------------------------------------------------------------

LIBRARIES: dict[str, Callable[[Path | None], Iterator[Row]]] = {
    "torchvision": torchvision_rows,
    "timm": timm_rows,
    "open_clip": open_clip_rows,
}


def versions(*modules: str) -> str:
    """The versions that a measurement depends on."""
    return " ".join(f"{name} {load(name).__version__}" for name in ("torch", *modules))


def write(rows: Iterable[Row], path: Path) -> None:
    """Write rows as a CSV file with a header, replacing the file only when complete."""
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([getattr(row, column) for column in COLUMNS] for row in rows)
    partial.replace(path)


def summary(rows: list[Row]) -> str:
    """Count the rows and the empty cells of each column."""
    empty = Counter(column for row in rows for column in COLUMNS if not getattr(row, column))
    names = len({row.name for row in rows})
    cells = ", ".join(f"{column} {empty[column]}" for column in COLUMNS if empty[column])
    return f"{len(rows)} rows, {names} names; empty cells: {cells or 'none'}"


def arguments(given: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Write the catalogue of pretrained networks.")
    parser.add_argument("library", nargs="*", help=f"any of {', '.join(LIBRARIES)} (default: all)")
    parser.add_argument("--out", type=Path, required=True, help="directory for the CSV files")
    parser.add_argument("--progress", type=Path, help="file that keeps measurements")
    options = parser.parse_args(given)
    for library in options.library:
        if library not in LIBRARIES:
            parser.error(f"unknown library {library!r}; choose from {', '.join(LIBRARIES)}")
    return options


def shown(rows: Iterable[Row]) -> list[Row]:
    """Collect rows, printing how far they have come."""
    found: list[Row] = []
    for row in rows:
        found.append(row)
        print(f"{len(found):5d} {row.name} {row.weights}".rstrip(), file=sys.stderr)
    return found


def main(given: list[str] | None = None) -> int:
    """Write one file for each library asked for."""
    options = arguments(given)
    warnings.simplefilter("ignore")
    options.out.mkdir(parents=True, exist_ok=True)
    for library in options.library or LIBRARIES:
        rows = shown(LIBRARIES[library](options.progress))
        write(rows, options.out / f"{library}.csv")
        print(f"{library}: {summary(rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
