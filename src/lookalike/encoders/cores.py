"""The processor: how many of its cores may be used, and which units it has."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

BF16_UNITS = frozenset({"amx_bf16", "avx512_bf16", "bf16"})
"""Names under which Linux lists units that multiply bf16 numbers."""

INSTRUCTION_SETS = (
    ("amx_int8", "AMX"),
    ("avx512_vnni", "AVX-512 VNNI"),
    ("avx_vnni", "AVX-VNNI"),
    ("avx512bw", "AVX-512"),
    ("avx2", "AVX2"),
    ("avx", "AVX"),
    ("sse4_1", "SSE4.1"),
    ("i8mm", "NEON I8MM"),
    ("asimddp", "NEON dot product"),
    ("asimd", "NEON"),
)
"""Units that multiply bytes, the best first: as Linux lists them, and what they are called."""


def usable_cores() -> int:
    """Cores that this process may run on, which in containers are fewer than the machine has.

    Example:
        >>> usable_cores() >= 1
        True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_facts() -> dict[str, str]:
    """What Linux says about the processor, by name; empty on other systems."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return {}
    lines = dict(line.partition(":")[::2] for line in cpuinfo.read_text().splitlines())
    return {key.strip(): value.strip() for key, value in lines.items()}


def processor_flags() -> frozenset[str] | None:
    """The processor's units and instruction sets; None where the system does not tell."""
    facts = processor_facts()
    listed = facts.get("flags", facts.get("Features"))
    return None if listed is None else frozenset(listed.split())


def has_bf16_units() -> bool:
    """Whether the processor multiplies bf16 numbers itself; without, bf16 gains nothing."""
    flags = processor_flags()
    return flags is not None and bool(flags & BF16_UNITS)


def instruction_set() -> str | None:
    """The best unit of this processor that multiplies bytes, such as ``AVX2``.

    Networks in int8 are computed by it. None where the system does not tell.

    Example:
        >>> instruction_set() in {None, *(name for _, name in INSTRUCTION_SETS)}
        True
    """
    flags = processor_flags()
    if flags is None:
        mac = sys.platform == "darwin" and platform.machine() == "arm64"
        return "NEON dot product" if mac else None  # every Mac with such a processor has it
    return next((name for flag, name in INSTRUCTION_SETS if flag in flags), None)
