"""The laptop is closed halfway, the disk is full, the power fails: nothing is lost but a shard."""

import os
import random
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import lookalike
from lookalike.embeddings import Store
from lookalike.testing import scene_picture

DONE = {0, 1}
"""Exit codes of a run that ended by itself: 1 if some inputs have no vector."""


def command(pictures: Path, store: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "lookalike", "embed", str(pictures), "-o", str(store), *options]


def started(pictures: Path, store: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(pictures, store, *options),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(run: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code and what it said, once it has ended."""
    said = run.communicate()[1]
    return run.returncode, said


def finished(pictures: Path, store: Path, *options: str) -> bool:
    return ended(started(pictures, store, *options))[0] in DONE


def content(store: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in Store(store).shards()}


def make_pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    for seed in range(count):
        if seed % 17 == 5:
            (folder / f"{seed:05}.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
        else:
            Image.fromarray(scene_picture(seed, 30, 40)).save(folder / f"{seed:05}.png")
    for file in folder.iterdir():
        os.utime(file, (1.6e9, 1.6e9))
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("interrupted") / "pictures", 400)


@pytest.fixture(scope="module")
def whole(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a run without a break."""
    store = tmp_path_factory.mktemp("uninterrupted")
    lookalike.embed(pictures, store=store, model="pixels", shard_inputs=32)
    return store


def reached(run: subprocess.Popen[str], store: Path, shards: int, *, draft: bool) -> bool:
    """Wait until so many shards are there, and the next one is being written if asked for.

    False if the run has ended before. However slow the machine is, the moment is the same.
    """
    while run.poll() is None:
        names = os.listdir(store) if store.exists() else []
        there = sum(name.startswith("shard-") for name in names)
        writing = any(name.startswith(".shard-") for name in names)
        if there > shards or (there == shards and (writing or not draft)):
            return True
        time.sleep(0.001)
    return False


def kill_and_resume(pictures: Path, reference: Path, room: Path, kills: int, *options: str) -> None:
    """Kill runs at random moments until there were enough; every whole store must be the same."""
    expected = content(reference)
    rng = random.Random(0)
    killed, round = 0, 0
    while killed < kills:
        store = room / f"killed-{round}"
        run = started(pictures, store, *options)
        there = len(Store(store).shards())
        wanted = rng.randint(there, max(there, len(expected) - 2))
        if reached(run, store, wanted, draft=rng.random() < 0.7):
            run.kill()
            ended(run)
            killed += 1
            if store.exists():
                found = content(store)  # what is there is what has to be there, or nothing
                assert found.items() <= expected.items()
            continue
        assert ended(run)[0] in DONE
        assert content(store) == expected
        round += 1
    last = room / f"killed-{round}"
    assert finished(pictures, last, *options)
    assert content(last) == expected
    assert len(lookalike.Embeddings.open(last)) == sum(1 for _ in pictures.iterdir())
    assert not [file for file in last.iterdir() if file.name.startswith(".shard")]


def test_a_killed_run_goes_on_and_ends_as_if_nothing_had_been(
    pictures: Path, whole: Path, tmp_path: Path
) -> None:
    kill_and_resume(pictures, whole, tmp_path, 4, "-m", "pixels", "--shard-inputs", "32")


@pytest.mark.slow
def test_fifty_kills_of_ten_thousand_pictures(shared: Path, tmp_path: Path) -> None:
    from tests.journeys.test_every_input_has_a_row import fill

    pictures = tmp_path / "pictures"
    with tarfile.open(shared / "data" / "tiny-imagenet" / "val.tar") as archive:
        archive.extractall(tmp_path / "val", filter="data")
    pictures.mkdir()
    for number, file in enumerate(sorted((tmp_path / "val").rglob("*.JPEG"))):
        file.rename(pictures / f"{number:05}.jpg")
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    fill(hostile, Image.fromarray(scene_picture(1)))
    for file in hostile.iterdir():
        os.rename(file, pictures / f"hostile {os.fsdecode(file.name)}")
    name = f"onnx:{shared}/weights/mobilenet_v1_075_224.onnx"
    options = ("-m", f"{name}?preprocess=minus-one-to-one&output=features", "--shard-inputs", "512")
    assert finished(pictures, tmp_path / "uninterrupted", *options)
    kill_and_resume(pictures, tmp_path / "uninterrupted", tmp_path, 50, *options)


PRESSING = """
import os, signal
from lookalike.embeddings import Store

write = Store.write

def pressing(store, number, table, **options):
    write(store, number, table, **options)
    if number == 0:
        os.kill(os.getpid(), signal.SIGINT)

Store.write = pressing
from lookalike.cli import run
run()
"""
"""The command, with somebody who presses Ctrl-C as soon as the first shard is written."""


def test_ctrl_c_finishes_the_shard(pictures: Path, whole: Path, tmp_path: Path) -> None:
    options = ("-m", "pixels", "--shard-inputs", "32", "--workers", "1")
    store = tmp_path / "s"
    words = command(pictures, store, *options)[3:]
    run = subprocess.run([sys.executable, "-c", PRESSING, *words], capture_output=True, text=True)
    assert run.returncode == 130
    assert "finishing the shard" in run.stderr
    found = lookalike.Embeddings.open(store)
    assert 0 < len(found) < 400
    assert len(found) % 32 == 0
    assert finished(pictures, store, *options)
    assert content(store) == content(whole)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small disk is not permitted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_said_and_the_run_goes_on_once_there_is_room(
    pictures: Path, whole: Path, small_disk: Path
) -> None:
    store = small_disk / "s"
    options = ("-m", "pixels", "--shard-inputs", "32")
    code, said = ended(started(pictures, store, *options))
    assert code == 2
    assert "the disk is full" in said
    assert "Cure: free some space" in said
    assert "Traceback" not in said
    found = lookalike.Embeddings.open(store)  # what is there is whole
    assert 0 < len(found) < 400
    assert len(found) % 32 == 0
    subprocess.run(["mount", "-o", "remount,size=9m", str(small_disk)], check=True)
    assert finished(pictures, store, *options)
    assert content(store) == content(whole)
