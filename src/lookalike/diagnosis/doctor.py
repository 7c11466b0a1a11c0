"""What works on this machine: engines, devices, extras, cache; and the cure for what does not."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any, Literal

from lookalike.encoders import DEFAULT_ENCODER, family_names, load_encoder
from lookalike.encoders.cache import cache_folder, damaged, size, why_unusable
from lookalike.encoders.cores import processor_facts, processor_flags, usable_cores
from lookalike.errors import LookalikeError
from lookalike.extras import EXTRAS, installed
from lookalike.report import Column, Table, View, amount, html_fragment
from lookalike.version import __version__

Status = Literal["ok", "missing", "problem"]

CORE = (
    "numpy",
    "filelock",
    "pillow",
    "openvino",
    "pyarrow",
    "click",
    "rich",
    "pydantic",
    "pyyaml",
    "jinja2",
    "platformdirs",
)


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        area: ``python``, ``core``, ``engine``, ``extra``, ``encoder``, ``cache`` or ``offline``.
        name: What was looked at.
        status: ``ok``; ``missing``, an optional part that is not there; ``problem``, something
            that should work and does not.
        detail: Versions, devices, sizes.
        cure: What to do; empty if nothing needs doing.
    """

    area: str
    name: str
    status: Status
    detail: str
    cure: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All findings, in the order of looking."""

    checks: tuple[Check, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing that should work fails; parts that are merely missing do not count."""
        return all(check.status != "problem" for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {"results": [asdict(check) for check in self.checks], "healthy": self.healthy}

    def view(self) -> View:
        """A row per finding; what fails is also said above."""
        columns = tuple(Column(key, key) for key in ("area", "name", "status", "detail", "cure"))
        return View(
            title="lookalike on this machine",
            tables=(Table(columns, [asdict(check) for check in self.checks]),),
            warnings=tuple(
                f"{check.name}: {check.detail}"
                for check in self.checks
                if check.status == "problem"
            ),
            notes=("Missing parts are optional.",),
        )

    def _repr_html_(self) -> str:
        return html_fragment(self.view())


def doctor() -> Diagnosis:
    """Looks at Python, packages, engines and their devices, encoders and the cache.

    Imports whatever is installed, so it takes seconds where torch is.

    Example:
        >>> doctor().healthy
        True
    """
    checks = [
        Check("python", "python", "ok", f"{platform.python_version()} on {platform.platform()}"),
        Check("python", "lookalike", "ok", f"{__version__} in {Path(__file__).parents[1]}"),
        Check("python", "processor", "ok", _processor()),
        *(Check("core", name, "ok", version(name)) for name in CORE),
        *_engines(),
        *_extras(),
        _default_encoder(),
        Check("encoder", "families", "ok", ", ".join(family_names())),
        _cache(),
        _offline(),
    ]
    return Diagnosis(tuple(checks))


def _processor() -> str:
    model = processor_facts().get("model name", platform.processor() or platform.machine())
    known = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16")
    units = ", ".join(unit for unit in known if unit in (processor_flags() or ()))
    return f"{model}, {usable_cores()} cores" + (f", {units}" if units else "")


def _engines() -> Iterator[Check]:
    probes: tuple[tuple[str, str, Callable[[], str], str], ...] = (
        ("openvino", "openvino", _openvino_devices, ""),
        ("onnxruntime", "onnxruntime", _onnxruntime_providers, "onnx"),
        ("torch", "torch", _torch_devices, "torch"),
        ("torchvision", "torchvision", _torchvision_state, "torch"),
    )
    for name, module, probe, extra in probes:
        if not installed(module):
            yield Check("engine", name, "missing", "not installed", _cure(extra))
            continue
        try:
            yield Check("engine", name, "ok", probe())
        except Exception as error:  # whatever a broken installation raises is the finding
            cure = _cure(extra) + " --force-reinstall" if extra else "reinstall openvino"
            yield Check("engine", name, "problem", str(error).splitlines()[0], cure)


def _cure(extra: str) -> str:
    return f"pip install 'lookalike[{extra}]'"


def _openvino_devices() -> str:
    from lookalike.encoders.engines.openvino import openvino

    core = openvino().Core()
    told = []
    for device in core.available_devices:
        name = core.get_property(device, "FULL_DEVICE_NAME").strip()
        precisions = core.get_property(device, "OPTIMIZATION_CAPABILITIES")
        wanted = [one for one in ("FP32", "BF16", "FP16", "INT8") if one in precisions]
        told.append(f"{device} ({name}; {', '.join(wanted)})")
    return f"{openvino().__version__.split('-')[0]}: " + "; ".join(told)


def _onnxruntime_providers() -> str:
    import onnxruntime

    return f"{onnxruntime.__version__}: " + ", ".join(onnxruntime.get_available_providers())


def _torch_devices() -> str:
    import torch

    devices = ["CPU"]
    devices += [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    devices += ["MPS"] * torch.backends.mps.is_available()
    return f"{torch.__version__}: " + ", ".join(devices)


def _torchvision_state() -> str:
    from lookalike.encoders.families.torchvision import operators_declared, torchvision

    found = torchvision().__version__
    if not operators_declared():
        return str(found)
    return f"{found}; compiled operators missing (built for another torch), classifiers work"


def _extras() -> Iterator[Check]:
    distributions = packages_distributions()
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if not installed(module)]
        present = [
            f"{module} {_version(distributions, module)}"
            for module in modules
            if module not in missing
        ]
        status: Status = "missing" if missing else "ok"
        absent = f"not installed: {', '.join(missing)}" if missing else ""
        detail = "; ".join(filter(None, (", ".join(present), absent)))
        yield Check("extra", extra, status, detail, _cure(extra) if missing else "")


def _version(distributions: Any, module: str) -> str:
    try:
        return version(distributions[module][0])
    except (KeyError, PackageNotFoundError):
        return "?"


def _default_encoder() -> Check:
    try:
        card = load_encoder().card
    except LookalikeError as error:
        return Check("encoder", DEFAULT_ENCODER, "problem", error.what, error.cure)
    detail = f"the default; length {card.dim}, fingerprint {card.fingerprint[:12]}"
    return Check("encoder", DEFAULT_ENCODER, "ok", detail)


def _cache() -> Check:
    folder = cache_folder()
    entries, total = size(folder)
    broken = sum(1 for _ in damaged(folder))
    detail = f"{folder}: {amount(entries, 'network')}, {total / 2**20:.1f} MiB"
    if broken:
        detail += f", {broken} damaged, made anew when needed"
    reason = why_unusable(folder)
    if reason:
        cure = "make room there, or set LOOKALIKE_CACHE to a folder that can be written"
        detail += f"; nothing can be kept there ({reason}), so networks are converted each time"
        return Check("cache", "converted networks", "problem", detail, cure)
    return Check("cache", "converted networks", "ok", detail)


def _offline() -> Check:
    from lookalike.encoders.weights import offline_variables

    said = offline_variables()
    detail = (
        f"on ({', '.join(said)})" if said else "off: missing weights are fetched when asked for"
    )
    return Check("offline", "network", "ok", detail)
