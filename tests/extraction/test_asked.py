import shutil
from pathlib import Path

import pytest

from lookalike import embed, load_encoder
from lookalike.errors import StoreError


def refused(pictures: Path | str, store: Path, said: str) -> None:
    """Refused before anything is written."""
    before = sorted(store.iterdir())
    with pytest.raises(StoreError, match=said):
        embed(pictures, store=store, model="pixels")
    assert sorted(store.iterdir()) == before


def test_a_store_among_pictures_is_refused_before_anything_is_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(folder, folder, "among the pictures")
    refused(folder, tmp_path, "holds other files, such as pictures")
    (tmp_path / "link").symlink_to(folder)
    refused(tmp_path / "link", folder, "among the pictures")
    refused(folder / "00.png", folder, "holds other files, such as 00.png")
    found = load_encoder("pixels").encode(str(folder))
    with pytest.raises(StoreError, match="holds other files"):
        found.save(folder)
    embed(folder, store=tmp_path / "s", model="pixels")
    (tmp_path / "s" / "notes.txt").write_text("mine")  # a store that is there stays one
    assert embed(folder, store=tmp_path / "s").inputs == 13
    shutil.copy(tmp_path / "s" / "shard-000000.parquet", folder)
    refused(folder, folder, "among the pictures")
    monkeypatch.chdir(folder)
    refused("*.png", folder, "among the pictures")


def test_what_systems_leave_in_an_empty_folder_keeps_no_store_out(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "s").mkdir()
    for name in (".DS_Store", "desktop.ini", "Thumbs.db"):
        (tmp_path / "s" / name).write_bytes(b"litter")
    assert embed(folder, store=tmp_path / "s", model="pixels").inputs == 13
