"""The promises about imports: data goes one way, and nothing heavy comes uninvited."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "torchvision", "openvino", "onnxruntime", "timm", "open_clip", "pyarrow", "PIL")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter's verdict on the package in a copy of the project."""
    tool = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(tool), "--no-cache", "--config", str(folder / "pyproject.toml")],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "src")},
    )


def heavy_imports(source: Path, statement: str) -> list[str]:
    """Which heavy packages a statement loads, with the package taken from a source folder."""
    code = f"{statement}\nimport sys\nprint(*(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(source)},
    )
    return done.stdout.split()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src" / "lookalike", tmp_path / "src" / "lookalike", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def plant(file: Path, line: str) -> None:
    text = file.read_text()
    marker = "from __future__ import annotations\n"
    assert marker in text
    file.write_text(text.replace(marker, f"{marker}\n{line}\n", 1))


def test_every_import_goes_up_the_house(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("room", "line", "said"),
    [
        (
            "images/decode.py",
            "from lookalike.encoders import load_encoder",
            "images is not allowed",
        ),
        ("metrics/metric.py", "from lookalike.embeddings import Card", "metrics is not allowed"),
        ("report/view.py", "from lookalike.comparison import Comparison", "report is not allowed"),
        ("comparison/compare.py", "import torchvision", "comparison is not allowed"),
    ],
)
def test_a_planted_import_down_the_house_is_found(
    copy: Path, room: str, line: str, said: str
) -> None:
    plant(copy / "src" / "lookalike" / room, line)
    done = lint(copy)
    assert done.returncode != 0
    assert said in done.stdout.replace("lookalike.", "")


def test_a_room_without_a_place_in_the_plan_is_found(copy: Path) -> None:
    (copy / "src" / "lookalike" / "attic.py").write_text("")
    assert lint(copy).returncode != 0


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("import lookalike", set()),
        ("import lookalike.cli", set()),
        ("import lookalike; lookalike.similarity", set()),
        ("import lookalike; lookalike.models('*')", {"PIL"}),
        ("import lookalike; lookalike.load_encoder('pixels')", {"PIL"}),
    ],
)
def test_nothing_heavy_comes_uninvited(statement: str, allowed: set[str]) -> None:
    assert set(heavy_imports(ROOT / "src", statement)) <= allowed


def test_a_planted_heavy_import_is_found(copy: Path) -> None:
    plant(copy / "src" / "lookalike" / "__init__.py", "import torch")
    assert "torch" in heavy_imports(copy / "src", "import lookalike")


def test_the_main_job_never_opens_a_socket(tmp_path: Path) -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise SystemExit('a socket was opened')\n"
        "socket.socket.connect = refuse; socket.getaddrinfo = refuse\n"
        "from lookalike.cli import exit_code\n"
        "sys.exit(exit_code(['demo', '--json']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
