import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from lookalike import embed
from lookalike.errors import UsageError
from lookalike.extraction.beginnings import Beginnings, Kept
from lookalike.extraction.plan import Counts
from lookalike.testing import scene_picture

from .conftest import content


def elsewhere(tmp_path: Path, name: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with three pictures ``photos/0.png`` to ``2.png``."""
    (tmp_path / name / "photos").mkdir(parents=True)
    for n in range(3):
        scene = Image.fromarray(scene_picture(seed + n, 24, 32))
        scene.save(tmp_path / name / "photos" / f"{n}.png")
    monkeypatch.chdir(tmp_path / name)
    return tmp_path / name


def test_one_relative_command_elsewhere_does_not_take_a_store_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "s"
    first = elsewhere(tmp_path, "first", 0, monkeypatch)
    embed("photos", store=store, model="pixels")
    before = content(store)
    elsewhere(tmp_path, "second", 10, monkeypatch)
    for given in ("photos", "photos/1.png", ["photos/1.png"], Path("photos"), "photos/*"):
        with pytest.raises(UsageError, match=r"3 rows|1 row") as error:
            embed(given, store=store)
        assert str(first) in error.value.cure
    assert content(store) == before
    assert embed(Path("photos").absolute(), store=store).counts == Counts(added=3, kept=3)
    monkeypatch.chdir(first)
    assert embed("photos", store=store).counts == Counts(unchanged=3, kept=3)
    monkeypatch.chdir(tmp_path / "second")
    done = embed("photos", store=store, prune=True)  # asked for in so many words
    assert done.counts == Counts(changed=3, removed=3)


def test_rows_from_elsewhere_are_not_gone_because_they_are_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere(tmp_path, "first", 0, monkeypatch)
    embed("photos", store=tmp_path / "s", model="pixels")
    second = elsewhere(tmp_path, "second", 10, monkeypatch)
    for n in range(3):
        (second / "photos" / f"{n}.png").rename(second / f"{n}.png")
    assert embed(second, store=tmp_path / "s").counts == Counts(added=3, kept=3)


def test_pictures_that_moved_keep_their_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = elsewhere(tmp_path, "first", 0, monkeypatch)
    embed("photos", store="s", model="pixels")
    shutil.copytree(first, tmp_path / "copy")  # with its store: that is the same work elsewhere
    monkeypatch.chdir(tmp_path / "copy")
    Image.fromarray(scene_picture(30, 24, 32)).save("photos/0.png")
    Image.fromarray(scene_picture(31, 24, 32)).save("photos/1.png")
    assert embed("photos", store="s").counts.changed == 2
    monkeypatch.chdir(first)
    shutil.copytree(first / "photos", tmp_path / "moved" / "photos")  # without its store
    monkeypatch.chdir(tmp_path / "moved")
    Image.fromarray(scene_picture(40, 24, 32)).save("photos/0.png")
    counts = embed("photos", store=first / "s").counts
    assert (counts.changed, counts.unchanged) == (1, 2)


def test_a_store_that_notes_no_beginning_goes_on_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere(tmp_path, "first", 0, monkeypatch)
    embed("photos", store=tmp_path / "s", model="pixels")
    for damage in (None, b"{", b"{}", b'[{"photos": 1}]', b'[{"folder": 7}]', b"[7]"):
        noted = tmp_path / "s" / ".beginnings.json"
        noted.unlink() if damage is None else noted.write_bytes(damage)
        assert embed("photos", store=tmp_path / "s").counts == Counts(unchanged=3)
        assert json.loads(noted.read_text())[0]["roots"] == ["photos"]


def test_rows_from_elsewhere_stay_though_other_names_are_given_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = elsewhere(tmp_path, "first", 0, monkeypatch)
    store = tmp_path / "s"
    embed("photos", store=store, model="pixels")
    second = elsewhere(tmp_path, "second", 10, monkeypatch)
    for n in range(3):
        (second / "photos" / f"{n}.png").rename(second / "photos" / f"other {n}.png")
    assert embed("photos", store=store).counts == Counts(added=3, kept=3)
    assert embed("photos", store=store).counts == Counts(unchanged=3, kept=3)
    Image.fromarray(scene_picture(50, 24, 32)).save("photos/other 0.png")
    assert embed("photos", store=store).counts == Counts(changed=1, unchanged=2, kept=3)
    monkeypatch.chdir(first)
    assert embed("photos", store=store).counts == Counts(unchanged=3, kept=3)
    (first / "photos" / "0.png").unlink()  # it may lie in the other folder
    assert embed("photos", store=store).counts == Counts(unchanged=2, kept=4)
    assert embed("photos", store=store, prune=True).counts == Counts(unchanged=2, removed=4)
    (first / "photos" / "1.png").unlink()
    assert embed("photos", store=store).counts == Counts(unchanged=1, removed=1)


def test_a_folder_around_one_that_came_from_elsewhere_may_change_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "s"
    first = elsewhere(tmp_path, "first", 0, monkeypatch)
    (first / "photos").rename(first / "pictures")
    (first / "pictures" / "0.png").rename(first / "pictures" / "old.png")
    (first / "photos").mkdir()
    (first / "pictures").rename(first / "photos" / "sub")
    embed("photos/sub", store=store, model="pixels", include="old.png")
    second = elsewhere(tmp_path, "second", 10, monkeypatch)
    (second / "photos").rename(second / "sub")
    (second / "photos").mkdir()
    (second / "sub").rename(second / "photos" / "sub")
    assert embed("photos/", store=store).counts == Counts(added=3, kept=1)
    for n in range(3):
        Image.fromarray(scene_picture(60 + n, 24, 32)).save(f"photos/sub/{n}.png")
    assert embed("photos", store=store).counts == Counts(changed=3, kept=1)


def test_a_row_without_a_picture_is_no_other_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = elsewhere(tmp_path, "first", 0, monkeypatch)
    for n in range(3):
        (first / "photos" / f"{n}.png").write_bytes(b"")
    os.mkfifo(first / "photos" / "pipe.png")
    embed("photos", store=tmp_path / "s", model="pixels")
    first.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path / "moved")
    assert embed("photos", store=tmp_path / "s").counts == Counts(unchanged=4)


def test_the_cure_names_no_folder_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = elsewhere(tmp_path, "first", 0, monkeypatch)
    embed("photos", store=tmp_path / "s", model="pixels")
    elsewhere(tmp_path, "second", 10, monkeypatch)
    shutil.rmtree(first)
    with pytest.raises(UsageError, match="came from") as error:
        embed("photos", store=tmp_path / "s")
    assert "run it in" not in error.value.cure
    assert "give absolute paths" in error.value.cure


def test_many_names_cost_as_many_looks(tmp_path: Path) -> None:
    def calls(count: int) -> int:
        names = [f"photos/{n}.png" for n in range(count)]
        beginnings = Beginnings(tmp_path)
        counted = 0

        def count_call(*event: object) -> None:
            nonlocal counted
            counted += 1

        sys.setprofile(count_call)
        try:
            beginnings.note(names)
            beginnings.require_same(names, [Kept(name, "digest", 1) for name in names])
        finally:
            sys.setprofile(None)
        return counted

    assert calls(800) < 3 * calls(400)


def test_absolute_paths_need_no_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = elsewhere(tmp_path, "first", 0, monkeypatch)
    embed("photos", store=tmp_path / "s", model="pixels")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    counts = embed(first / "photos", store=tmp_path / "s").counts
    assert (counts.added, counts.kept) == (3, 3)
    assert embed("photos", first / "photos", store=tmp_path / "s").counts.added == 1
