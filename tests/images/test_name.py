import os
from pathlib import Path

import pytest

from lookalike.images.name import composed, is_litter, matches_any, spelled

NFC, NFD = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(
    "name",
    ["Thumbs.db", "THUMBS.DB", "Desktop.ini", "@eaDir", "@EADIR", "__MACOSX", "__macosx",
     "._a.jpg", ".DS_Store", "Icon\r", "$RECYCLE.BIN", "shard-000012.parquet"],
)  # fmt: skip
def test_what_systems_leave_is_litter_in_any_letters(name: str) -> None:
    assert is_litter(name)


@pytest.mark.parametrize(
    "name", [".", "..", "a.jpg", "Thumbs.db.jpg", "eaDir", "MACOSX", "Icon", "shard-1.parquet", ""]
)
def test_what_only_resembles_it_is_not(name: str) -> None:
    assert not is_litter(name)


@pytest.mark.parametrize(
    ("name", "pattern", "matches"),
    [
        ("a.JPG", "*.jpg", True),
        ("a.jpg", "*.JPG", True),
        ("IMG_7.jpg", "img_[0-9].jpg", True),
        ("a.png", "*.jpg", False),
        (f"{NFD}.jpg", f"{NFC}.*", True),
        (f"{NFC}.jpg", f"{NFD}.*", True),
    ],
)
def test_patterns_know_neither_capitals_nor_spellings(
    name: str, pattern: str, matches: bool
) -> None:
    assert matches_any(name, [pattern]) is matches


def test_a_file_is_found_by_either_spelling_and_keeps_its_own(tmp_path: Path) -> None:
    (tmp_path / NFD).mkdir()
    (tmp_path / NFD / f"{NFD}.png").write_bytes(b"x")
    asked, there = f"{tmp_path}/{NFC}/{NFC}.png", f"{tmp_path}/{NFD}/{NFD}.png"
    assert spelled(asked) == there
    assert spelled(there) == there
    assert composed(asked) == composed(there)


def test_of_two_files_of_one_spelling_none_is_guessed(tmp_path: Path) -> None:
    letters = ["\u1e9b\u0323", "\u1e9b\u0323".replace("\u1e9b", "\u017f\u0307")]
    for letter in letters:
        (tmp_path / letter).write_bytes(b"x")
    if len(os.listdir(tmp_path)) < 2:
        pytest.skip("this file system has one spelling only")
    third = f"{tmp_path}/\u017f\u0323\u0307"
    assert spelled(third) == third
    assert spelled(f"{tmp_path}/{letters[0]}") == f"{tmp_path}/{letters[0]}"


def test_many_names_of_one_folder_cost_one_look_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(20):
        (tmp_path / f"{NFC}{n}.jpg").write_bytes(b"x")
    if os.path.lexists(tmp_path / f"{NFD}0.jpg"):
        pytest.skip("this file system takes both spellings for one")
    looks: list[object] = []
    listdir = os.listdir

    def look(folder: str) -> list[str]:
        looks.append(folder)
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", look)
    os.utime(tmp_path, (1_000_000_000, 1_000_000_000))
    for n in range(20):
        assert spelled(f"{tmp_path}/{NFD}{n}.jpg") == f"{tmp_path}/{NFC}{n}.jpg"
    assert len(looks) == 1
    (tmp_path / f"{NFC}new.jpg").write_bytes(b"x")  # just now
    assert spelled(f"{tmp_path}/{NFD}new.jpg") == f"{tmp_path}/{NFC}new.jpg"
    (tmp_path / f"{NFC}next.jpg").write_bytes(b"x")
    assert spelled(f"{tmp_path}/{NFD}next.jpg") == f"{tmp_path}/{NFC}next.jpg"
