"""What the processor has, as the system tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lookalike.encoders import cores


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ("fpu sse4_1 avx avx2 fma", "AVX2"),
        ("fpu avx avx2 avx_vnni", "AVX-VNNI"),
        ("avx2 avx512f avx512bw", "AVX-512"),
        ("avx2 avx512f avx512bw avx512_vnni", "AVX-512 VNNI"),
        ("avx2 avx512bw avx512_vnni amx_bf16 amx_int8", "AMX"),
        ("fp asimd", "NEON"),
        ("fp asimd asimddp i8mm", "NEON I8MM"),
        ("vfpv3", None),
    ],
)
def test_the_best_unit_for_bytes_is_named(
    flags: str, name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "processor_flags", lambda: frozenset(flags.split()))
    assert cores.instruction_set() == name


def test_a_system_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "processor_flags", lambda: None)
    monkeypatch.setattr("sys.platform", "win32")
    assert cores.instruction_set() is None
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert cores.instruction_set() == "NEON dot product"


def test_the_flags_of_linux_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    told = "processor\t: 0\nflags\t\t: fpu avx2 avx512_vnni\nbugs\t:\n"
    monkeypatch.setattr(Path, "exists", lambda self: True)
    monkeypatch.setattr(Path, "read_text", lambda self: told)
    assert cores.instruction_set() == "AVX-512 VNNI"
