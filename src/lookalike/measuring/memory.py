"""The memory of this process: what it holds, and the most it ever held."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

MIB = 2**20
STATUS = Path("/proc/self/status")


def resident_mib() -> float | None:
    """Resident memory now, in MiB; None where the system does not tell."""
    return _told("VmRSS") or peak_mib()


def peak_mib() -> float | None:
    """The most resident memory so far, in MiB; None where the system does not tell."""
    found = _told("VmHWM")
    if found is not None or sys.platform == "win32":
        return found
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB


def give_way() -> None:
    """Asks Linux to end this process, and not its parent, when memory runs out."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def device_peak_mib() -> float | None:
    """The most memory that torch held on a CUDA device, in MiB; None where there is none."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return None
    return torch.cuda.max_memory_allocated() / MIB


def _told(name: str) -> float | None:
    if not STATUS.exists():
        return None
    line = next((one for one in STATUS.read_text().splitlines() if one.startswith(name)), None)
    return None if line is None else int(line.split()[1]) * 1024 / MIB
