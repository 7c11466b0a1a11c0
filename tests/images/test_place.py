from pathlib import Path

import pytest

from lookalike.images.place import (
    Limits,
    ReadError,
    Reason,
    Unreadable,
    check_size,
    failed_place,
    file_place,
    read_file,
)


def test_nothing_is_touched_until_a_place_is_read(tmp_path: Path) -> None:
    path = tmp_path / "later.bin"
    place = file_place(str(path))
    path.write_bytes(b"here now")
    assert place.read(Limits()) == b"here now"


def test_an_id_is_the_path_unless_another_is_given() -> None:
    assert file_place("a/b.jpg").id == "a/b.jpg"
    named = file_place("a/b.jpg", id="anchor")
    assert (named.id, named.path) == ("anchor", "a/b.jpg")


def test_a_failed_place_keeps_its_reason() -> None:
    place = failed_place("list.csv:7", Reason.MISSING, "the cell is empty", path="list.csv")
    with pytest.raises(ReadError, match="the cell is empty") as error:
        place.read(Limits())
    assert error.value.reason is Reason.MISSING
    assert (place.id, place.path) == ("list.csv:7", "list.csv")


@pytest.mark.parametrize(
    ("size", "expected"), [(0, Reason.EMPTY), (1, None), (100, None), (101, Reason.TOO_LARGE)]
)
def test_sizes_within_the_limit_pass(size: int, expected: Reason | None) -> None:
    limits = Limits(max_bytes=100)
    if expected is None:
        check_size(size, limits)
    else:
        with pytest.raises(ReadError) as error:
            check_size(size, limits)
        assert error.value.reason is expected


def test_a_file_over_the_limit_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "sparse.bin"
    with path.open("wb") as stream:
        stream.truncate(2**40)  # a tebibyte of zeros that takes no space
    with pytest.raises(ReadError, match="1,099,511,627,776 bytes"):
        read_file(str(path), Limits())


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"abc")
    (tmp_path / "b.bin").symlink_to("a.bin")
    assert read_file(str(tmp_path / "b.bin"), Limits()) == b"abc"


def test_a_file_used_as_a_folder_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"abc")
    with pytest.raises(ReadError) as error:
        read_file(str(tmp_path / "a.jpg" / "b.jpg"), Limits())
    assert error.value.reason is Reason.READ_ERROR


def test_an_unreadable_says_its_reason_and_its_detail() -> None:
    assert str(Unreadable("a", Reason.NOT_A_FILE, "a pipe")) == "not-a-file: a pipe"


def test_reasons_are_distinct_words_fit_for_a_table() -> None:
    words = [reason.value for reason in Reason]
    assert len(set(words)) == len(words)
    assert all(word.replace("-", "").isalpha() and word.islower() for word in words)
