import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from lookalike import embed
from lookalike.errors import UsageError
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
    for damage in (None, b"{", b"[]", b'{"photos": 1}', b'{"photos": {"folder": 7}}'):
        noted = tmp_path / "s" / ".beginnings.json"
        noted.unlink() if damage is None else noted.write_bytes(damage)
        assert embed("photos", store=tmp_path / "s").counts == Counts(unchanged=3)
        assert "photos" in json.loads(noted.read_text())
