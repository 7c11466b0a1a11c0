import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lookalike.encoders.cache import DamagedError, damaged, keep, kept, size, why_unusable

SUFFIXES = (".xml", ".bin")


def written(first: bytes, second: bytes) -> Callable[[Path], None]:
    def write(draft: Path) -> None:
        draft.with_suffix(".xml").write_bytes(first)
        draft.with_suffix(".bin").write_bytes(second)

    return write


def test_what_was_kept_comes_back_and_nothing_else_stays(tmp_path: Path) -> None:
    stem = tmp_path / "a" / "entry"
    assert kept(stem, SUFFIXES) is None
    keep(stem, SUFFIXES, written(b"graph", b""))
    found = kept(stem, SUFFIXES)
    assert found is not None
    assert [one.tobytes() for one in found] == [b"graph", b""]
    assert size(tmp_path)[0] == 1
    names = {one.name for one in stem.parent.iterdir()} - {".lock"}
    assert names == {"entry.xml", "entry.bin", "entry.sha256"}


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".sha256"])
@pytest.mark.parametrize("harm", ["flipped", "cut off", "emptied", "gone"])
def test_whatever_happens_to_a_file_is_seen(tmp_path: Path, suffix: str, harm: str) -> None:
    stem = tmp_path / "entry"
    keep(stem, SUFFIXES, written(b"graph" * 100, b"weights" * 100))
    assert list(damaged(tmp_path)) == []
    path = stem.with_suffix(suffix)
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    left = {"flipped": bytes(content), "cut off": bytes(content[:3]), "emptied": b""}
    path.unlink() if harm == "gone" else path.write_bytes(left[harm])
    if (suffix, harm) == (".sha256", "gone"):  # as an entry of an older version
        assert kept(stem, SUFFIXES) is None
        return
    with pytest.raises(DamagedError):
        kept(stem, SUFFIXES)
    keep(stem, SUFFIXES, written(b"new", b"newer"))
    found = kept(stem, SUFFIXES)
    assert found is not None
    assert found[1].tobytes() == b"newer"


def test_what_was_read_is_not_what_another_puts_there_later(tmp_path: Path) -> None:
    stem = tmp_path / "entry"
    keep(stem, SUFFIXES, written(b"a", b"first"))
    found = kept(stem, SUFFIXES)
    keep(stem, SUFFIXES, written(b"b", b"other"))
    assert found is not None
    assert found[1].tobytes() == b"first"


def test_many_who_write_and_read_at_once_never_see_a_mixture(tmp_path: Path) -> None:
    stem = tmp_path / "entry"

    def work(number: int) -> set[bytes]:
        content = b"%d" % number * 2000
        keep(stem, SUFFIXES, written(content, content))
        try:
            found = kept(stem, SUFFIXES)
        except DamagedError:  # seen in the middle of an exchange, twice in a row
            return set()
        assert found is not None
        return {one.tobytes() for one in found}

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(work, range(40)))
    assert all(len(one) <= 1 for one in seen)
    assert kept(stem, SUFFIXES) is not None  # whoever was last is there whole


def test_a_full_disk_leaves_the_entry_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stem = tmp_path / "entry"
    keep(stem, SUFFIXES, written(b"graph", b"weights"))

    def full(draft: Path) -> None:
        draft.with_suffix(".xml").write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space"):
        keep(stem, SUFFIXES, full)
    found = kept(stem, SUFFIXES)
    assert found is not None
    assert found[0].tobytes() == b"graph"
    assert not list(tmp_path.glob(".new-*"))


def test_whether_a_folder_can_be_used_is_found_by_trying(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "not" / "there"
    assert why_unusable(folder) == ""
    assert not folder.parent.exists()  # looking leaves nothing behind
    file = tmp_path / "file"
    file.write_bytes(b"")
    assert "irectory" in why_unusable(file / "cache")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert why_unusable(tmp_path) == os.strerror(errno.ENOSPC)


def test_mapped_bytes_may_be_changed_without_changing_the_file(tmp_path: Path) -> None:
    stem = tmp_path / "entry"
    keep(stem, SUFFIXES, written(b"graph", b"weights"))
    found = kept(stem, SUFFIXES)
    assert found is not None
    np.asarray(found[1])[:] = 0
    assert stem.with_suffix(".bin").read_bytes() == b"weights"
