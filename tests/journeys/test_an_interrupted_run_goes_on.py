"""The laptop is closed halfway, the disk is full, the power fails: nothing is lost but a shard."""

import os
import random
import signal
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


def kill_and_resume(pictures: Path, room: Path, kills: int, *options: str) -> None:
    """Kill runs at random moments until there were enough; every whole store must be the same."""
    reference = room / "uninterrupted"
    start = time.monotonic()
    assert finished(pictures, reference, *options)
    duration = time.monotonic() - start
    expected = content(reference)
    random.seed(0)
    killed, round = 0, 0
    while killed < kills:
        store = room / f"killed-{round}"
        run = started(pictures, store, *options)
        try:
            run.wait(timeout=random.uniform(0.1 * duration, 0.7 * duration))
        except subprocess.TimeoutExpired:
            run.kill()
            ended(run)
            killed += 1
            if store.exists():
                whole = content(store)  # what is there is what has to be there, or nothing
                assert whole.items() <= expected.items()
            continue
        assert ended(run)[0] in DONE
        assert content(store) == expected
        round += 1
    last = room / f"killed-{round}"
    assert finished(pictures, last, *options)
    assert content(last) == expected
    assert len(lookalike.Embeddings.open(last)) == sum(1 for _ in pictures.iterdir())
    assert not [file for file in last.iterdir() if file.name.startswith(".shard")]


def test_a_killed_run_goes_on_and_ends_as_if_nothing_had_been(tmp_path: Path) -> None:
    pictures = make_pictures(tmp_path / "pictures", 400)
    kill_and_resume(pictures, tmp_path, 5, "-m", "pixels", "--shard-inputs", "32")


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
    options = ("-m", f"{name}?preprocess=minus-one-to-one&output=features")
    kill_and_resume(pictures, tmp_path, 50, *options, "--shard-inputs", "512")


def test_ctrl_c_finishes_the_shard(tmp_path: Path) -> None:
    pictures = make_pictures(tmp_path / "pictures", 1500)
    options = ("-m", "pixels", "--shard-inputs", "32", "--workers", "1")
    store = tmp_path / "s"
    run = started(pictures, store, *options)
    while not (store.exists() and Store(store).shards()):
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    code, said = ended(run)
    assert code == 130
    assert "finishing the shard" in said
    found = lookalike.Embeddings.open(store)
    assert 0 < len(found) < 1500
    assert len(found) % 32 == 0
    assert finished(pictures, store, *options)
    whole = tmp_path / "whole"
    assert finished(pictures, whole, *options)
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
    tmp_path: Path, small_disk: Path
) -> None:
    pictures = make_pictures(tmp_path / "pictures", 400)
    store = small_disk / "s"
    options = ("-m", "pixels", "--shard-inputs", "64")
    code, said = ended(started(pictures, store, *options))
    assert code == 2
    assert "the disk is full" in said
    assert "Cure: free some space" in said
    assert "Traceback" not in said
    found = lookalike.Embeddings.open(store)  # what is there is whole
    assert 0 < len(found) < 400
    assert len(found) % 64 == 0
    subprocess.run(["mount", "-o", "remount,size=9m", str(small_disk)], check=True)
    assert finished(pictures, store, *options)
    whole = tmp_path / "whole"
    assert finished(pictures, whole, *options)
    assert content(store) == content(whole)
