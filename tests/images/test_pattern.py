import os
from pathlib import Path

import pytest

from lookalike.errors import UsageError
from lookalike.images.pattern import is_pattern, matches_of, root_of


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def matches(folder: Path, pattern: str, *, hidden: bool = False) -> list[str]:
    found = matches_of(f"{folder}/{pattern}", recursive=True, hidden=hidden)
    return [os.path.relpath(one, folder) for one in found]


def test_a_name_that_exists_is_no_pattern(tmp_path: Path) -> None:
    fill(tmp_path, "a[1].png")
    assert not is_pattern(f"{tmp_path}/a[1].png")
    assert is_pattern(f"{tmp_path}/a[2].png")
    assert not is_pattern(f"{tmp_path}/a.png")


def test_folders_that_look_like_patterns_are_taken_by_their_names(tmp_path: Path) -> None:
    fill(tmp_path, "d[1]/a.png", "d1/b.png")
    assert matches(tmp_path, "d[1]/*.png") == ["d[1]/a.png"]
    assert root_of(f"{tmp_path}/d[1]/*.png") == f"{tmp_path}/d[1]"
    assert matches(tmp_path, "d[12]/*.png") == ["d1/b.png"]


@pytest.mark.parametrize(
    ("pattern", "root"), [("*.jpg", ""), ("/*.jpg", "/"), ("a/*/b", "a"), ("a/b?/c", "a")]
)
def test_a_pattern_begins_before_its_first_wildcard(pattern: str, root: str) -> None:
    assert root_of(pattern) == root


def test_litter_is_matched_only_if_asked_for(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", "THUMBS.DB", "@eaDir/b.png", "s/.c.png")
    assert matches(tmp_path, "**/*") == ["a.png", "s"]
    assert matches(tmp_path, "**/*.png") == ["a.png"]
    assert matches(tmp_path, "s/.*.png") == ["s/.c.png"]
    assert "THUMBS.DB" in matches(tmp_path, "*", hidden=True)


@pytest.mark.parametrize("pattern", ["*.png", "no/such/*", "a\0b/*.png"])
def test_a_pattern_that_matches_nothing_is_said(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(UsageError, match="matches nothing"):
        matches(tmp_path, pattern)


def test_folders_too_deep_for_a_pattern_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deep(*given: object, **options: object) -> list[str]:
        raise RecursionError

    monkeypatch.setattr("glob.glob", deep)
    with pytest.raises(UsageError, match="too deep"):
        matches(tmp_path, "**")
