import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lookalike.measuring.measure import measure
from lookalike.measuring.measurement import Task
from lookalike.measuring.memory import peak_mib, resident_mib
from lookalike.measuring.subject import example_subject
from lookalike.measuring.timing import Effort
from lookalike.measuring.worker import measure_apart

QUICK = Effort(repeats=2, seconds=0.0, most_seconds=0.2, warm_up=1)

TASK = Task("pixels", example_subject(), effort=QUICK)


def test_a_process_of_its_own_gives_the_same_values_and_tells_its_memory() -> None:
    apart, here = measure_apart(TASK), measure(TASK)
    assert apart.values == here.values
    assert apart.card == here.card
    assert apart.memory_mib is not None
    assert 0 < apart.memory_mib < 500


def test_memory_that_a_model_took_is_told_and_comes_back(tmp_path: Path) -> None:
    size = 300
    code = f"held = bytearray({size} * 2**20); held[::4096] = b'x' * len(held[::4096])"
    before = resident_mib()
    found = measure_apart(replace(TASK, model="pixels"))
    heavy = _run_in_worker(code, tmp_path)
    assert found.memory_mib is not None
    assert heavy > found.memory_mib + size * 0.9
    after = resident_mib()
    assert before is not None
    assert after is not None
    assert after - before < size / 2
    assert (peak_mib() or 0) >= after


def _run_in_worker(code: str, folder: Path) -> float:
    """Memory that the worker tells when loading also runs some code."""
    script = folder / "heavy.py"
    script.write_text(
        "import sys, pickle, lookalike\n"
        "from lookalike.measuring.measure import measure\n"
        "def load():\n"
        f"    {code}\n"
        "    return lookalike.load_encoder('pixels')\n"
        "task = pickle.load(sys.stdin.buffer)\n"
        "print(measure(task, load).memory_mib)\n"
    )
    import pickle

    done = subprocess.run(
        [sys.executable, str(script)], input=pickle.dumps(TASK), capture_output=True, check=True
    )
    return float(done.stdout)


class Child:
    """Stands for ``sys.executable``: a program that behaves as a test wants."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, body: str) -> None:
        program = folder / "program"
        program.write_text(f"#!{sys.executable}\n{body}\n")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("import os; os.kill(os.getpid(), 9)", "memory runs out"),
        ("import sys; sys.stdin.read; sys.exit('all is lost')", "code 1: all is lost"),
        ("import os; os.abort()", "code -6"),
    ],
)
def test_a_process_that_dies_leaves_a_row_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str, told: str
) -> None:
    Child(monkeypatch, tmp_path, body)
    found = measure_apart(TASK)
    assert found.model == "pixels"
    assert told in found.reason


def test_what_a_library_prints_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    noisy = (
        "import sys\n"
        "from lookalike.measuring import worker\n"
        "real = worker.measure\n"
        "def loud(task, **options):\n"
        "    print('hello from a library', flush=True)\n"
        "    return real(task, **options)\n"
        "worker.measure = loud\n"
        "worker.main()\n"
    )
    Child(monkeypatch, tmp_path, noisy)
    assert measure_apart(TASK).values == measure(TASK).values


def test_an_interrupt_ends_the_process_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    body = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    Child(monkeypatch, tmp_path, body)
    started: list[Any] = []
    real = subprocess.Popen.communicate

    def communicate(process: Any, *args: Any, **options: Any) -> Any:
        if not started:
            started.append(process)
            raise KeyboardInterrupt
        return real(process, *args, **options)

    monkeypatch.setattr(subprocess.Popen, "communicate", communicate)
    with pytest.raises(KeyboardInterrupt):
        measure_apart(TASK)
    assert started[0].returncode == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(started[0].pid, 0)


def test_a_process_that_dies_after_an_answer_has_answered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dying = (
        "import os\n"
        "from lookalike.measuring import worker\n"
        "real = worker.measure\n"
        "def measure(task, early):\n"
        "    real(task, early=early)\n"
        "    os.kill(os.getpid(), 9)\n"
        "worker.measure = measure\n"
        "worker.main()\n"
    )
    Child(monkeypatch, tmp_path, dying)
    found = measure_apart(TASK)
    assert found.ok
    assert found.values == measure(TASK).values
    assert found.throughput == ()
    assert "when batches were tried: its process was killed" in found.notes[-1]


def test_silence_is_a_reason_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Child(monkeypatch, tmp_path, "pass")
    assert "code 0" in measure_apart(TASK).reason


def test_files_of_the_folder_at_hand_are_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "random.py").write_text("raise RuntimeError('a file of the user')")
    monkeypatch.chdir(tmp_path)
    assert measure_apart(TASK).ok


def test_a_process_ends_with_its_parent(tmp_path: Path) -> None:
    """A worker whose parent is killed while it waits does not stay behind."""
    script = (
        "import json, os, subprocess, sys\n"
        "from lookalike.measuring import worker\n"
        "given = [json.dumps(sys.path), str(os.getpid())]\n"
        "child = subprocess.Popen([sys.executable, '-c', worker.START, *given])\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    waits, never_written = os.pipe()  # held open here, so that its end is no reason to end
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=waits,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    try:
        assert parent.stdout is not None
        assert int(parent.stdout.readline()) > 0
        parent.kill()
        # both have it open, so it ends when both have ended; only one that stays takes minutes
        assert parent.communicate(timeout=600)[0] == ""
    finally:
        os.close(never_written)
        os.close(waits)
