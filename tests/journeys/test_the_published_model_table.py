"""A person runs the networks of a published comparison and holds the figures against their own."""

from __future__ import annotations

import csv
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from lookalike.encoders import load_encoder
from lookalike.measuring import Effort
from lookalike.measuring.measurement import Measurement
from lookalike.measuring.subject import example_subject
from lookalike.tables import Filters, ModelRow, ModelTable, select, table
from lookalike.tables.published import published_column
from lookalike.tables.selection import catalogue_entry

MISPRINT = ("resnext50_32x4d", "gflops")


@pytest.fixture(scope="module")
def printed(shared: Path) -> list[dict[str, str]]:
    with (shared / "specs" / "model-tables-published.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def differing(rows: list[ModelRow], printed: list[dict[str, str]]) -> tuple[int, list[Any]]:
    """How many values were held against the printed ones, and those that differ."""
    held, wrong = 0, []
    for row, cells in zip(rows, printed, strict=True):
        told = row.figure_of
        for field, digits in (("dim", 0), ("gflops", 2), ("acc1", 3), ("acc5", 3)):
            held += 1
            if f"{told[field]:.{digits}f}" != f"{float(cells[field]):.{digits}f}":
                wrong.append((cells["model"], field, told[field], float(cells[field])))
    return held, wrong


def test_all_196_printed_values_but_one_misprint_are_those_of_the_networks(
    printed: list[dict[str, str]],
) -> None:
    rows = []
    for name in select(["@published?weights=random"]).models:
        assert isinstance(name, str)
        found = Measurement(name, card=load_encoder(name, engine="torch", device="cpu").card)
        rows.append(ModelRow(name, name, found, example_subject(), catalogue_entry(name)))
    held, wrong = differing(rows, printed)
    assert held == 196
    assert wrong == [(*MISPRINT, 4.23, 5.71)]
    column = published_column("resnext50_32x4d", "IMAGENET1K_V2")
    assert column is not None
    assert [(one.field, one.printed, one.actual) for one in column.corrections] == [
        ("gflops", 5.71, 4.23)
    ]


@pytest.mark.slow
def test_the_whole_published_table_runs_in_less_than_3_gb(printed: list[dict[str, str]]) -> None:
    quick = Effort(repeats=4, seconds=0.0, most_seconds=1.0, warm_up=2)
    most = [0]
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(most, done))
    watcher.start()
    try:
        found = table(models=["@published?weights=random"], effort=quick, beside_published=True)
    finally:
        done.set()
        watcher.join()
    assert [row.measurement.reason for row in found.rows] == [""] * 49
    held, wrong = differing(list(found.rows), printed)
    assert (held, wrong) == (196, [(*MISPRINT, 4.23, 5.71)])
    _check_misprint_is_told(found)
    assert 200 * 2**20 < most[0] < 3 * 2**30


def _check_misprint_is_told(found: ModelTable) -> None:
    beside = next(one for one in found.view().after if "published" in one.columns[1].title)
    assert len(beside.rows) == 49
    notes = {row["column"]: row["note"] for row in beside.rows if row["note"]}
    assert set(notes) == {"resnext50_32x4d(v2)", "regnet_x_16gf"}
    assert "gflops 5.71 is a misprint for 4.23" in notes["resnext50_32x4d(v2)"]


def _watch(most: list[int], done: threading.Event) -> None:
    """The most resident memory of the processes that models are tried in, in bytes."""
    while not done.wait(0.05):
        most[0] = max(most[0], sum(_resident(child) for child in _children()))


def _children() -> list[int]:
    tasks = Path("/proc/self/task").glob("*/children")
    return [int(child) for one in tasks for child in _text(one).split()]


def _resident(process: int) -> int:
    lines = _text(Path(f"/proc/{process}/status")).splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS")), 0)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has just ended
        return ""


@pytest.mark.slow
def test_every_torchvision_classifier_gets_a_row_or_a_reason() -> None:
    """The light ones here; the heaviest alone take minutes and gigabytes."""
    command = [sys.executable, "-m", "lookalike", "table", "--models"]
    command += ["@all-torchvision?weights=random", "--max-gflops", "2", "--csv"]
    command += ["--most-seconds", "0.5", "--repeats", "2"]
    done = subprocess.run(command, capture_output=True, text=True)
    rows = list(csv.DictReader(done.stdout.splitlines()))
    names = select(["@all-torchvision?weights=random"], Filters(max_gflops=2)).models
    assert [row["model"] for row in rows] == list(names)
    assert all(row["reason"] or float(row["file_ms"]) > 0 for row in rows)
    assert done.returncode == int(any(row["reason"] for row in rows))
